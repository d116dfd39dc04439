//! What is known of the letters without reading them: which is due, what is on its way, how many are dead.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use everstep_core::{LetterId, Timestamp};

use crate::LetterOptions;
use crate::letter::{Counters, Letter, topic};

/// A letter that is to be delivered. The rest of it lies in the store.
pub(super) struct Waiting {
    topic: String,
    due: Timestamp,
    /// It can be read once this group is durable.
    group: u64,
    pub in_flight: bool,
    keeps_blob: bool,
}

/// What a dead letter takes.
#[derive(Clone, Copy)]
pub(super) struct Grave {
    bytes: u64,
    keeps_blob: bool,
    /// It came from somebody who has proven nothing.
    is_orphan: bool,
}

/// The letters of one topic.
#[derive(Default)]
struct Pile {
    due: BTreeSet<(Timestamp, LetterId)>,
    in_flight: usize,
}

/// What is known of the letters without reading them.
pub(super) struct Letters {
    options: LetterOptions,
    pub waiting: HashMap<LetterId, Waiting>,
    piles: BTreeMap<String, Pile>,
    pub dead: BTreeMap<LetterId, Grave>,
    dead_bytes: u64,
    /// Of the dead, those that anybody may have sent.
    orphans: BTreeSet<LetterId>,
    orphan_bytes: u64,
    /// The time of the last letter and its place in it.
    last: (Timestamp, u64),
    pub counters: Arc<Counters>,
}

impl Letters {
    pub(super) fn new(options: LetterOptions) -> Self {
        Self {
            options,
            waiting: HashMap::new(),
            piles: BTreeMap::new(),
            dead: BTreeMap::new(),
            dead_bytes: 0,
            orphans: BTreeSet::new(),
            orphan_bytes: 0,
            last: (Timestamp(0), 0),
            counters: Arc::default(),
        }
    }

    pub(super) fn is_idle(&self) -> bool {
        self.piles.values().all(|topic| topic.in_flight == 0)
    }

    /// When the next one is to be sent that can be read by then.
    pub(super) fn next_due(&self, durable: u64) -> Option<Timestamp> {
        let open = self
            .piles
            .values()
            .filter(|topic| topic.in_flight < self.options.in_flight_max);
        let first = open.filter_map(|topic| topic.due.first());
        first
            .filter(|(_, id)| self.is_durable(*id, durable))
            .map(|(due, _)| *due)
            .min()
    }

    /// Where the next letter of this millisecond stands among its letters, so that they are sent in the order in which they were written.
    pub(super) fn place(&mut self, now: Timestamp) -> u64 {
        let (at, place) = self.last;
        let next = if at == now { (place + 1) & 0xfff } else { 0 };
        self.last = (now, next);
        next
    }

    pub(super) fn is_durable(&self, id: LetterId, durable: u64) -> bool {
        let waiting = self.waiting.get(&id);
        waiting.is_some_and(|waiting| waiting.group <= durable)
    }

    /// Takes the letters that may go out now.
    pub(super) fn take_due(&mut self, now: Timestamp, durable: u64) -> Vec<LetterId> {
        let mut taken = Vec::new();
        for topic in self.piles.values_mut() {
            while topic.in_flight < self.options.in_flight_max {
                let Some((due, id)) = topic.due.first().copied() else {
                    break;
                };
                let waiting = self.waiting.get_mut(&id);
                let Some(waiting) =
                    waiting.filter(|waiting| waiting.group <= durable && due <= now)
                else {
                    break;
                };
                topic.due.remove(&(due, id));
                topic.in_flight += 1;
                waiting.in_flight = true;
                taken.push(id);
            }
        }
        taken
    }

    pub(super) fn wait(&mut self, letter: &Letter, due: Timestamp, group: u64) {
        let id = letter.id;
        self.forget(id);
        let waiting = Waiting {
            topic: letter.topic.clone(),
            due,
            group,
            in_flight: false,
            keeps_blob: letter.keeps_blob(),
        };
        self.waiting.insert(id, waiting);
        let pile = self.piles.entry(letter.topic.clone()).or_default();
        pile.due.insert((due, id));
    }

    /// A letter that was on its way waits again.
    pub(super) fn wait_again(&mut self, id: LetterId, due: Timestamp) {
        let Some(waiting) = self.waiting.get_mut(&id) else {
            return;
        };
        let was = std::mem::replace(&mut waiting.due, due);
        let in_flight = std::mem::replace(&mut waiting.in_flight, false);
        let pile = self.piles.entry(waiting.topic.clone()).or_default();
        pile.due.remove(&(was, id));
        pile.due.insert((due, id));
        pile.in_flight = pile.in_flight.saturating_sub(usize::from(in_flight));
    }

    /// Lets go of a letter, wherever it stands; whether it keeps a blob.
    pub(super) fn forget(&mut self, id: LetterId) -> bool {
        let mut keeps_blob = false;
        if let Some(waiting) = self.waiting.remove(&id)
            && let Some(pile) = self.piles.get_mut(&waiting.topic)
        {
            keeps_blob = waiting.keeps_blob;
            pile.due.remove(&(waiting.due, id));
            if waiting.in_flight {
                pile.in_flight = pile.in_flight.saturating_sub(1);
            }
            if pile.due.is_empty() && pile.in_flight == 0 {
                self.piles.remove(&waiting.topic);
            }
        }
        if let Some(grave) = self.dead.remove(&id) {
            self.dead_bytes = self.dead_bytes.saturating_sub(grave.bytes);
            if grave.is_orphan && self.orphans.remove(&id) {
                self.orphan_bytes = self.orphan_bytes.saturating_sub(grave.bytes);
            }
            keeps_blob = grave.keeps_blob;
        }
        keeps_blob
    }

    pub(super) fn bury(&mut self, letter: &Letter) {
        self.forget(letter.id);
        let grave = Grave {
            bytes: letter.weight(),
            keeps_blob: letter.keeps_blob(),
            is_orphan: letter.topic == topic::CALLBACK_ORPHAN,
        };
        self.dead.insert(letter.id, grave);
        self.dead_bytes += grave.bytes;
        if grave.is_orphan {
            self.orphans.insert(letter.id);
            self.orphan_bytes += grave.bytes;
        }
    }

    /// Which of the dead goes when there are more than may be kept: the oldest, and of what anybody may send before all others.
    pub(super) fn surplus(&self) -> Option<LetterId> {
        let options = &self.options;
        let too_many =
            self.dead.len() > options.dead_max || self.dead_bytes > options.dead_bytes_max;
        let too_many_orphans = self.orphans.len() > options.orphans_max
            || self.orphan_bytes > options.orphan_bytes_max;
        // The last one stays whatever its size: it has just been said that it is kept.
        if too_many_orphans && self.orphans.len() > 1 {
            return self.orphans.first().copied();
        }
        if !too_many || self.dead.len() <= 1 {
            return None;
        }
        let oldest = self.dead.keys().next();
        self.orphans.first().or(oldest).copied()
    }

    pub(super) fn count(&self) {
        let set = |counter: &AtomicU64, value: u64| {
            counter.store(value, Ordering::Relaxed);
        };
        set(&self.counters.waiting, self.waiting.len() as u64);
        set(&self.counters.dead, self.dead.len() as u64);
        set(&self.counters.dead_bytes, self.dead_bytes);
    }
}
