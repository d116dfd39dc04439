//! An approval in memory, with a clock that the test sets.

use std::collections::BTreeMap;

use everstep_approval::{
    APPROVAL_DEFINITION, Approval, Approver, Cast, Described, Person, Refusal, Reply, Request,
    Settings, Verdict, Via,
};
use everstep_core::{
    Answer, Batch, Cell, Definition, Digest, Entry, ExecutionId, Failure, Input, KernelEvent,
    Payload, Shard, Start, Status, Timestamp,
};
use serde_json::Value;

pub const HOUR: u64 = 3_600_000;
pub const BEGIN: u64 = 1_795_255_810_500;

pub struct Rig {
    pub now: u64,
    pub cell: Cell<Approval>,
    journal: Vec<Batch<everstep_approval::Event>>,
}

pub fn digest() -> Digest {
    Digest::of(b"what is asked")
}

/// Ann and Bob are asked; one of them decides; a day's time.
pub fn settings() -> Settings {
    Settings {
        title: "Publish?".to_owned(),
        digest: digest(),
        requester: Some("carl".to_owned()),
        starter: None,
        approvers: vec![
            user("ann"),
            user("bob"),
            Approver::Group("board".to_owned()),
        ],
        quorum: 1,
        quorum_against: 1,
        self_approval: false,
        delegation: true,
        due: Timestamp(BEGIN + 24 * HOUR),
        on_expiry: everstep_approval::Expiry::Reject,
        reminders_ms: Vec::new(),
        escalation: None,
        waiting: None,
        settles: true,
        round: 1,
        previous: None,
        pages: "http://127.0.0.1/approvals/".to_owned(),
        has_form: false,
        summary: "Three sources agree.".to_owned(),
        workflow: Some("w-1".to_owned()),
        links_ms: None,
    }
}

pub fn user(name: &str) -> Approver {
    Approver::User(name.to_owned())
}

pub fn cast(by: &str, verdict: Verdict) -> Cast {
    Cast {
        by: by.to_owned(),
        verdict,
        comment: None,
        form: None,
        via: Via::Api,
        peer: None,
        link: None,
    }
}

impl Rig {
    pub fn new(settings: &Settings) -> Self {
        let mut rig = Self {
            now: BEGIN,
            cell: Cell::new(id()),
            journal: Vec::new(),
        };
        let start = Start {
            definition: Definition {
                machine: 3,
                name: APPROVAL_DEFINITION.to_owned(),
                version: String::new(),
            },
            name: "one".to_owned(),
            input: Some(Payload::from("{}")),
            settings: settings.encode(),
            retention_ms: 0,
            parent: None,
            attributes: BTreeMap::new(),
            fork: None,
        };
        assert_eq!(rig.turn(Input::Start(start)), Answer::Done);
        rig
    }

    pub fn turn(&mut self, input: Input<Request>) -> Answer<Reply> {
        let (answer, batch) = self
            .cell
            .turn(Timestamp(self.now), 7, &BTreeMap::new(), input);
        self.journal.extend(batch);
        self.is_its_journal();
        answer
    }

    /// Replays what would have been persisted.
    fn is_its_journal(&self) {
        let mut again = Cell::<Approval>::new(id());
        for batch in &self.journal {
            let read = Batch::decode(batch.sequence, &batch.encode()).unwrap();
            again.replay(&read);
        }
        assert_eq!(again.state(), self.cell.state());
        assert_eq!(again.execution(), self.cell.execution());
    }

    pub fn ask(&mut self, request: Request) -> Reply {
        match self.turn(Input::Request(request)) {
            Answer::Own(reply) => reply,
            other => panic!("{other:?}"),
        }
    }

    pub fn vote(&mut self, cast: Cast) -> Reply {
        self.ask(Request::Vote {
            cast,
            groups: Vec::new(),
            digest: digest().hex(),
        })
    }

    pub fn refused(&mut self, cast: Cast) -> Refusal {
        match self.vote(cast) {
            Reply::Refused(refusal) => refusal,
            other => panic!("{other:?}"),
        }
    }

    pub fn hand_on(&mut self, by: &str, from: Option<&str>, to: &str, reassigns: bool) -> Reply {
        self.ask(Request::Delegate {
            by: person(by),
            from: from.map(user),
            to: user(to),
            reassigns,
            comment: None,
            via: Via::Api,
            peer: None,
            link: None,
        })
    }

    /// Lets time pass and fires what is due.
    pub fn pass(&mut self, ms: u64) {
        self.now += ms;
        self.turn(Input::Wake);
    }

    pub fn described(&mut self) -> Described {
        match self.ask(Request::Describe) {
            Reply::Described(described) => *described,
            other => panic!("{other:?}"),
        }
    }

    /// What whoever waits gets.
    pub fn result(&self) -> Value {
        use everstep_core::Machine as _;
        let Some(Payload::Inline(bytes)) = Approval::result(self.cell.state()) else {
            panic!("it has not ended");
        };
        serde_json::from_slice(&bytes).unwrap()
    }

    pub fn status(&self) -> Status {
        self.cell.execution().status()
    }

    pub fn stop(&mut self, why: &str) {
        let failure = Some(Failure {
            message: Some(why.to_owned()),
            ..Failure::default()
        });
        self.turn(Input::Stop { failure });
    }

    /// What was told with this name, so far.
    pub fn told(&self, name: &str) -> Vec<Value> {
        let entries = self.journal.iter().flat_map(|batch| &batch.entries);
        let bodies = entries.filter_map(|entry| match entry {
            Entry::Kernel(KernelEvent::Posted { topic, body }) if topic == name => Some(body),
            _ => None,
        });
        bodies
            .map(|body| serde_json::from_slice(body).unwrap())
            .collect()
    }

    pub fn events(&self) -> Vec<&'static str> {
        let batches = self.journal.iter();
        batches
            .flat_map(|batch| batch.public().map(|(_, event)| event.name()))
            .collect()
    }
}

pub fn person(name: &str) -> Person {
    Person {
        name: name.to_owned(),
        groups: Vec::new(),
    }
}

pub fn id() -> ExecutionId {
    ExecutionId::new(BEGIN, 1, Shard(9))
}
