//! Who gets the next place for a worker. Below the limits everybody does; at the limit over all functions the one with the fewest workers
//! does, and among equals the one whose last new worker is longest ago, so that waiting functions take turns.

use super::*;

impl Pool {
    /// Workers that the queue still wants.
    fn wanted(&self) -> usize {
        self.queue
            .len()
            .saturating_sub(self.returning)
            .div_ceil(self.capacity)
            .saturating_sub(self.starting)
    }

    /// Workers that it should get now, within its own limit.
    fn lacking(&self, per_function: usize) -> usize {
        let most = self
            .spec
            .scaling
            .workers_max
            .map_or(per_function, |own| own.clamp(1, per_function));
        let below = most.saturating_sub(self.workers);
        let missing = self.kept().saturating_sub(self.workers);
        self.wanted().max(missing).min(below)
    }
}

impl Pools {
    /// At the limit over all functions: does this worker's function have to give a place to one that has less than its share?
    pub(super) fn should_yield(&self, id: WorkerId) -> bool {
        if self.seats.len() < self.limits.workers || self.stopping() > 0 {
            return false;
        }
        let own = self.seats.get(&id).map(|seat| &seat.key);
        let Some(own) = own.and_then(|key| self.pools.get(key)) else {
            return false;
        };
        let share = (self.limits.workers / self.pools.len().max(1)).max(1);
        let own_waits_since = own.queue.front().map(|job| job.queued_at);
        self.pools.values().any(|other| {
            let Some(head) = other.queue.front() else {
                return false;
            };
            let poor = other.wanted() > 0 && other.workers < share;
            let older = own_waits_since.is_none_or(|own| head.queued_at < own);
            let its_turn = older || head.queued_at.elapsed() >= self.limits.turn;
            poor && (own.workers > share || (other.workers == 0 && its_turn))
        })
    }

    /// Whether a worker of this pool must stay although it is idle.
    pub(super) fn is_kept(&self, key: &Key) -> bool {
        let Some(pool) = self.pools.get(key).filter(|pool| pool.kept() > 0) else {
            return false;
        };
        let leaving = self
            .seats
            .values()
            .filter(|seat| seat.key == *key && (seat.phase == Phase::Stopping || seat.retired))
            .count();
        !self.closed && pool.workers.saturating_sub(leaving) <= pool.kept()
    }

    /// Seats for new workers.
    pub(super) fn plan(&mut self) -> Vec<Launch> {
        let mut launches = Vec::new();
        if self.closed {
            return launches;
        }
        // Each worker on its way out is a place that one of the wanted workers will get when it is gone.
        let mut leaving = self.stopping();
        let mut promised: HashMap<Key, usize> = HashMap::new();
        while let Some(key) = self.next_in_turn(&promised) {
            if self.seats.len() < self.limits.workers {
                launches.extend(self.seat(&key));
            } else {
                if leaving > 0 {
                    leaving -= 1;
                } else if !self.evict_idle(&key) {
                    break;
                }
                *promised.entry(key).or_default() += 1;
            }
        }
        launches
    }

    /// The pool that should get the next worker, if one lacks any beyond those promised to it.
    fn next_in_turn(&self, promised: &HashMap<Key, usize>) -> Option<Key> {
        let lacking = self.pools.iter().filter_map(|(key, pool)| {
            let promised = promised.get(key).copied().unwrap_or_default();
            let lacks = pool.lacking(self.limits.workers_per_function) > promised;
            lacks.then(|| {
                let since = pool.queue.front().map(|job| job.queued_at);
                // What nobody waits for comes last.
                let rank = (since.is_none(), pool.workers + promised, pool.seated, since);
                (rank, key)
            })
        });
        lacking
            .min_by_key(|(rank, _)| *rank)
            .map(|(_, key)| key.clone())
    }

    fn stopping(&self) -> usize {
        self.seats
            .values()
            .filter(|seat| seat.phase == Phase::Stopping)
            .count()
    }

    fn seat(&mut self, key: &Key) -> Option<Launch> {
        let pool = self.pools.get_mut(key)?;
        let (sender, orders) = mpsc::unbounded_channel();
        self.last_id += 1;
        pool.workers += 1;
        pool.starting += 1;
        pool.seated = self.last_id;
        self.seats.insert(
            self.last_id,
            Seat {
                key: key.clone(),
                orders: sender,
                phase: Phase::Starting,
                retired: false,
                parked: 0,
                parked_at: Instant::now(),
                returning: 0,
            },
        );
        Some(Launch {
            id: self.last_id,
            spec: Arc::clone(&pool.spec),
            orders,
        })
    }

    /// Stops the worker that has been idle longest, for the sake of `key`. A worker that is only kept warm gives way to nothing but work.
    fn evict_idle(&mut self, key: &Key) -> bool {
        let has_work = self
            .pools
            .get(key)
            .is_some_and(|pool| !pool.queue.is_empty());
        let victim = self
            .seats
            .iter()
            .filter(|(_, seat)| has_work && seat.phase == Phase::Live && seat.parked > 0)
            .filter(|(_, seat)| {
                let capacity = self.pools.get(&seat.key).map_or(1, |pool| pool.capacity);
                seat.parked >= capacity
            })
            .min_by_key(|(_, seat)| seat.parked_at)
            .map(|(id, _)| *id);
        victim.is_some_and(|id| self.stop_if_idle(id))
    }
}
