//! An execution with a clock that the test moves. After every turn its journal is read back and must give the same state.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use everstep_asl::Definition;
use everstep_asl::machine::{
    Asl, Catalogue, Event, Kind, Limits, LogLevel, Logging, Reply, Request, Settings, Surroundings,
};
use everstep_core::token::Keyring;
use everstep_core::{
    Answer, Batch, Cell, Digest, EventId, ExecutionId, Input, Operation, Sequence, Shard, Start,
    Timestamp,
};

pub const STARTED: Timestamp = Timestamp(1_795_280_400_000);

pub struct World {
    pub cell: Cell<Asl>,
    /// Built from the journal alone.
    shadow: Cell<Asl>,
    pub now: Timestamp,
    pub beats: BTreeMap<Operation, Timestamp>,
    pub history: Vec<(EventId, Timestamp, Event)>,
    /// What is stored.
    pub journal: Vec<(Sequence, Bytes)>,
    surroundings: Arc<Surroundings>,
    turns: u128,
}

pub struct Setup<'a> {
    pub definition: &'a str,
    pub input: Option<&'a str>,
    pub kind: Kind,
    /// Whether somebody waits for the end.
    pub sync: bool,
    pub logging: Option<LogLevel>,
    pub limits: Limits,
    /// Whether the activities that the definition names exist.
    pub has_activities: bool,
}

struct Activities(bool);

impl Catalogue for Activities {
    fn has_activity(&self, _: &str) -> bool {
        self.0
    }
}

impl World {
    /// # Panics
    /// When the definition is refused.
    pub fn start(setup: &Setup<'_>) -> Self {
        let definition = Definition::parse(setup.definition)
            .unwrap_or_else(|diagnostics| panic!("the definition is refused: {diagnostics:?}"));
        let surroundings = Arc::new(Surroundings {
            definition: Arc::new(definition),
            keyring: Keyring::new([7; 32]),
            limits: setup.limits.clone(),
            catalogue: Some(Arc::new(Activities(setup.has_activities))),
        });
        let id = ExecutionId::new(STARTED.0, 1, Shard(1));
        let mut cell = Cell::new(id);
        cell.surround(Some(surroundings.clone()));
        let mut world = Self {
            cell,
            shadow: Cell::new(id),
            now: STARTED,
            beats: BTreeMap::new(),
            history: Vec::new(),
            journal: Vec::new(),
            surroundings,
            turns: 0,
        };
        let answer = world.turn(Input::Start(start(setup)));
        assert_eq!(answer, Answer::Done);
        world
    }

    pub fn turn(&mut self, input: Input<Request>) -> Answer<Reply> {
        self.turns += 1;
        let (answer, batch) = self.cell.turn(self.now, self.turns, &self.beats, input);
        if let Some(batch) = batch {
            self.read_back(&batch);
            for (id, event) in batch.public() {
                self.history.push((id, batch.at, event.clone()));
            }
        }
        answer
    }

    fn read_back(&mut self, batch: &Batch<Event>) {
        let bytes = batch.encode();
        let read = Batch::decode(batch.sequence, &bytes).expect("a batch of ours can be read");
        assert_eq!(&read, batch);
        self.journal.push((batch.sequence, bytes));
        self.shadow.replay(&read);
        assert_eq!(self.shadow.execution(), self.cell.execution());
        assert_eq!(self.shadow.state(), self.cell.state());
        assert_eq!(self.shadow.view(), self.cell.view());
    }

    /// Goes on with what the journal alone gives.
    pub fn crash(&mut self) {
        let mut cell = Cell::new(self.cell.execution().id());
        cell.surround(Some(self.surroundings.clone()));
        for (sequence, bytes) in &self.journal {
            cell.replay(&Batch::decode(*sequence, bytes).expect("a batch of ours can be read"));
        }
        assert_eq!(cell.state(), self.cell.state());
        assert_eq!(cell.execution(), self.cell.execution());
        self.cell = cell;
        self.beats.clear();
    }

    pub fn is_closed(&self) -> bool {
        self.cell.execution().status().is_closed()
    }

    /// Moves the clock to every timer that is due within the time, and lets them fire.
    pub fn wait(&mut self, ms: u64) {
        let until = self.now.after_ms(ms);
        while !self.is_closed()
            && let Some(due) = self.cell.next_due(&self.beats)
            && due <= until
        {
            self.now = self.now.max(due);
            self.turn(Input::Wake);
        }
        if !self.is_closed() {
            self.now = until;
        }
    }
}

fn start(setup: &Setup<'_>) -> Start {
    let home = "arn:aws:states:us-east-1:111111111111";
    let (execution_arn, name) = match setup.kind {
        Kind::Standard => (format!("{home}:execution:machine:name"), "name"),
        Kind::Express => (format!("{home}:express:machine:name:id"), "name:id"),
    };
    let settings = Settings {
        definition: Digest::of(setup.definition.as_bytes()),
        state_machine_arn: format!("{home}:stateMachine:machine"),
        version_arn: None,
        alias_arn: None,
        execution_arn,
        role_arn: "arn:aws:iam::111111111111:role/r".to_owned(),
        kind: setup.kind,
        sync: setup.sync,
        logging: setup.logging.map(|level| Logging {
            level,
            include_execution_data: true,
            groups: vec!["arn:aws:logs:us-east-1:111111111111:log-group:group:*".to_owned()],
        }),
        trace: None,
    };
    Start {
        definition: everstep_core::Definition {
            machine: 2,
            name: "stateMachine:machine".to_owned(),
            version: "1".to_owned(),
        },
        name: name.to_owned(),
        input: setup.input.map(|input| input.to_owned().into()),
        settings: settings.encode(),
        retention_ms: 0,
        parent: None,
        attributes: BTreeMap::new(),
        fork: None,
    }
}
