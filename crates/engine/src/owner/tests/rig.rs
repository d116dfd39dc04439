//! An owner on a memory store, with the test as its loop, its clock and its disk.

use std::sync::Arc;

use bytes::Bytes;
use everstep_core::token::Keyring;
use everstep_core::{
    Answer, Definition, ExecutionId, Failure, Generation, Input as Kernel, Operation, Outcome,
    Settlement, Shard, Start, StartKey, Timestamp,
};
use everstep_durable::{
    Action, ChainedInvokeOptions, FunctionArn, Identity, Invocation, InvocationRetry, InvokeTarget,
    Limits, Mode, OperationKind, Output, Position, Settings, Update, UpdateOptions,
};
use everstep_store::{Disk, Memory, Store};
use tokio::sync::oneshot;

use crate::dispatcher::{Work, WorkPayload};
use crate::exchange::Message;
use crate::group::Release;
use crate::input::{Input, Outside, ReplyTo, Snapshot, Started, What};
use crate::letter::Letter;
use crate::owner::Owner;
use crate::{Error, Late, Options, Reply, Request, Source};

pub type Asked<T> = oneshot::Receiver<Result<T, Error>>;
pub const RETENTION_MS: u64 = 60_000;
/// Two shards show what more would.
pub const SHARDS: [Shard; 2] = [Shard(0), Shard(1)];

pub fn keyring() -> Keyring {
    Keyring::new([7; 32])
}

pub struct Rig {
    pub disk: Disk,
    pub owner: Owner,
    pub store: Arc<dyn Store>,
    pub now: Timestamp,
    pub options: Options,
    /// What went out, in order.
    pub sent: Vec<Work>,
    /// What went to other executions, in order.
    pub exchanged: Vec<Message>,
    pub purged: Vec<ExecutionId>,
    /// What was on its way to the outside, in order.
    pub letters: Vec<Letter>,
    shards: Vec<Shard>,
    chance: u64,
}

impl Rig {
    pub fn new() -> Self {
        Self::with(Options::default())
    }

    pub fn with(options: Options) -> Self {
        Self::with_shards(options, SHARDS.to_vec())
    }

    pub fn with_shards(options: Options, shards: Vec<Shard>) -> Self {
        let disk = Disk::default();
        let store: Arc<dyn Store> = Arc::new(Memory::open(&disk).expect("a store"));
        let now = Timestamp(1_000_000);
        let owner = Owner::open(
            Arc::clone(&store),
            options.clone(),
            keyring(),
            &shards,
            now,
            1,
        )
        .expect("an owner");
        Self {
            disk,
            owner,
            store,
            now,
            options,
            sent: Vec::new(),
            exchanged: Vec::new(),
            purged: Vec::new(),
            letters: Vec::new(),
            shards,
            chance: 0,
        }
    }

    /// The process ends here and now; another one opens what was durable.
    pub fn crash(self) -> Self {
        let Self {
            disk,
            owner,
            store,
            now,
            options,
            chance,
            sent,
            exchanged,
            purged,
            letters,
            shards,
        } = self;
        drop(owner);
        drop(store);
        // No two owners draw the same lots.
        let chance = chance + 1_000_000;
        let store: Arc<dyn Store> = Arc::new(Memory::open(&disk).expect("the store again"));
        let owner = Owner::open(
            Arc::clone(&store),
            options.clone(),
            keyring(),
            &shards,
            now,
            chance,
        )
        .expect("an owner again");
        Self {
            disk,
            owner,
            store,
            now,
            options,
            sent,
            exchanged,
            purged,
            letters,
            shards,
            chance,
        }
    }

    pub fn ask<T>(&mut self, input: impl FnOnce(ReplyTo<T>) -> Input) -> Asked<T> {
        let (reply, asked) = oneshot::channel();
        self.owner.step(self.now, input(reply));
        asked
    }

    pub fn pass(&mut self, ms: u64) {
        self.now = self.now.after_ms(ms);
        self.owner.wake_due(self.now).expect("timers");
    }

    /// The process ends after its last group was synced, before anything of it was let go.
    pub fn crash_after_sync(mut self) -> Self {
        let (commits, _) = self.owner.take_group().into_parts();
        self.store.commit(commits);
        self.crash()
    }

    /// Makes what has gathered durable, then lets go of what waited for it.
    pub fn commit(&mut self) {
        self.commit_while(|_| ());
    }

    /// As [`Rig::commit`]; meanwhile more gathers for the next group.
    pub fn commit_while(&mut self, meanwhile: impl FnOnce(&mut Self)) {
        let group = self.owner.take_group();
        meanwhile(self);
        let number = group.number;
        let (commits, releases) = group.into_parts();
        for committed in self.store.commit(commits) {
            assert!(matches!(committed, everstep_store::Committed::Durable(_)));
        }
        for release in releases {
            match release {
                Release::Reply(reply) => reply(Ok(())),
                Release::Dispatch(work) => self.sent.push(*work),
                Release::Exchange(message) => self.exchanged.push(*message),
                Release::Deliver(letter) => self.letters.push(*letter),
                Release::Purged(id) => self.purged.push(id),
            }
        }
        let outcome = Ok(());
        self.owner.step(
            self.now,
            Input::Committed {
                group: number,
                outcome,
            },
        );
    }

    /// Asks, commits, and takes the answer.
    pub fn answer<T>(&mut self, input: impl FnOnce(ReplyTo<T>) -> Input) -> Result<T, Error> {
        let mut asked = self.ask(input);
        assert!(asked.try_recv().is_err(), "answered before it was durable");
        self.commit();
        asked.try_recv().expect("an answer once it is durable")
    }

    pub fn start(&mut self, name: &str) -> Asked<Started> {
        self.start_with(name, settings().encode(), 0)
    }

    pub fn start_with(&mut self, name: &str, settings: Bytes, digest: u8) -> Asked<Started> {
        self.chance += 1;
        let key = StartKey::new("f", name);
        let shard = Shard(key.shard().0 % 2);
        let id = ExecutionId::new(self.now.0, self.chance, shard);
        let start = Start {
            definition: Definition {
                machine: crate::DURABLE,
                name: "f".to_owned(),
                version: "1".to_owned(),
            },
            name: name.to_owned(),
            input: Some("{}".into()),
            settings,
            retention_ms: RETENTION_MS,
            parent: None,
            attributes: std::collections::BTreeMap::new(),
            fork: None,
        };
        self.ask(|reply| Input::Start {
            id,
            key,
            digest: [digest; 32],
            start,
            reply,
        })
    }

    /// A started execution whose first invocation is out.
    pub fn started(&mut self, name: &str) -> ExecutionId {
        let mut asked = self.start(name);
        self.commit();
        asked.try_recv().expect("an answer").expect("started").id
    }

    pub fn turn(&mut self, id: ExecutionId, input: Kernel<Request>) -> Asked<Answer<Reply>> {
        self.ask(|reply| Input::Turn {
            execution: id,
            input,
            reply,
        })
    }

    pub fn request(&mut self, id: ExecutionId, request: everstep_durable::Request) {
        drop(self.turn(id, Kernel::Request(Request::Durable(request))));
    }

    /// Plays the function: starts these operations, then suspends.
    pub fn suspend_on(&mut self, id: ExecutionId, updates: Vec<Update>) {
        let Some(invocation) = self.invocation(id) else {
            return;
        };
        let (position, generation) = (invocation.position, invocation.generation);
        self.checkpoint(id, position, updates);
        self.finish(id, generation, Output::Pending);
    }

    pub fn checkpoint(&mut self, id: ExecutionId, position: Position, updates: Vec<Update>) {
        self.request(
            id,
            everstep_durable::Request::Checkpoint {
                position,
                client_token: None,
                updates,
            },
        );
    }

    pub fn finish(&mut self, id: ExecutionId, generation: Generation, output: Output) {
        self.request(id, everstep_durable::Request::Finish { generation, output });
    }

    /// What was sent last for an execution.
    pub fn invocation(&self, id: ExecutionId) -> Option<&Invocation> {
        let last = self.sent.iter().rev().find(|work| work.execution == id)?;
        match &last.payload {
            WorkPayload::Late(late) => {
                let Late::Durable(invocation) = &**late else {
                    panic!("not an invocation");
                };
                Some(invocation)
            }
            WorkPayload::Stored(_) => None,
        }
    }

    pub fn settle(&mut self, id: ExecutionId, operation: u32, with: &str) -> Asked<Answer<Reply>> {
        let outcome = Outcome::Succeeded(Some(with.to_owned().into()));
        let input = Kernel::Settle {
            operation: Operation(operation),
            generation: Generation(0),
            outcome,
        };
        self.turn(id, input)
    }

    pub fn settled(&mut self, id: ExecutionId, operation: u32, with: &str) -> Settlement {
        let mut asked = self.settle(id, operation, with);
        self.commit();
        match asked.try_recv().expect("an answer").expect("a settlement") {
            Answer::Settled(settlement) => settlement,
            other => panic!("not a settlement: {other:?}"),
        }
    }

    pub fn beat(&mut self, id: ExecutionId, operation: u32) -> Settlement {
        let beat = self.answer(|reply| Input::Beat {
            execution: id,
            operation: Operation(operation),
            generation: Generation(0),
            reply,
        });
        beat.expect("a beat's answer")
    }

    /// Does something from outside.
    pub fn outside(
        &mut self,
        id: ExecutionId,
        operation: u32,
        what: What,
        source: Source,
    ) -> Settlement {
        let asked = Box::new(Outside {
            operation: Operation(operation),
            generation: Generation(0),
            what,
            source,
        });
        let answer = self.answer(|reply| Input::Outside {
            execution: id,
            asked,
            reply,
        });
        answer.expect("a settlement")
    }

    pub fn stop(&mut self, id: ExecutionId) -> Asked<Answer<Reply>> {
        let failure = Some(Failure::new("Stopped", "by a test"));
        self.turn(id, Kernel::Stop { failure })
    }

    pub fn snapshot(&mut self, id: ExecutionId) -> Result<Snapshot, Error> {
        self.answer(|reply| Input::Snapshot {
            execution: id,
            reply,
        })
    }

    pub fn status(&mut self, id: ExecutionId) -> everstep_core::Status {
        self.snapshot(id).expect("a snapshot").row.status
    }
}

pub fn settings() -> Settings {
    let part = str::to_owned;
    Settings {
        is_agent: false,
        mode: Mode::Durable,
        function: FunctionArn {
            partition: part("aws"),
            region: part("us-east-1"),
            account: part("000000000000"),
            name: part("f"),
            version: part("1"),
        },
        revision: part("r"),
        function_timeout_s: 60,
        execution_timeout_s: None,
        retention_days: 1,
        retry: InvocationRetry::DURABLE,
        limits: Limits::default(),
        trace_header: None,
        tenant_id: None,
        end: None,
    }
}

fn update(id: &str, kind: OperationKind, options: UpdateOptions) -> Update {
    Update {
        identity: Identity {
            id: id.into(),
            parent: None,
            name: None,
            sub_kind: None,
        },
        kind,
        action: Action::Start,
        payload: None,
        error: None,
        options,
    }
}

pub fn callback(id: &str, timeout_s: Option<u32>, heartbeat_s: Option<u32>) -> Update {
    let options = UpdateOptions {
        callback_timeout_s: timeout_s,
        callback_heartbeat_s: heartbeat_s,
        ..UpdateOptions::default()
    };
    update(id, OperationKind::Callback, options)
}

/// Invokes a function of this mode.
pub fn chained(id: &str, mode: Mode) -> Update {
    let mut target = settings();
    target.mode = mode;
    target.function.name = "other".to_owned();
    let options = UpdateOptions {
        chained_invoke: Some(ChainedInvokeOptions {
            function_name: "other:1".to_owned(),
            tenant_id: None,
            trace_id: None,
            target: InvokeTarget::Function(Box::new(target)),
        }),
        ..UpdateOptions::default()
    };
    update(id, OperationKind::ChainedInvoke, options)
}

pub fn wait(id: &str, seconds: u32) -> Update {
    let options = UpdateOptions {
        wait_s: Some(seconds),
        ..UpdateOptions::default()
    };
    update(id, OperationKind::Wait, options)
}
