use super::*;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use super::super::function::{LogFormat, Runtime, Scaling};

fn limits(workers: usize, workers_per_function: usize) -> Limits {
    Limits {
        workers,
        workers_per_function,
        queued_per_function: 3,
        turn: Duration::from_secs(60),
    }
}

fn spec(name: &str) -> FunctionSpec {
    FunctionSpec {
        arn: name.to_owned(),
        name: name.to_owned(),
        version: "1".to_owned(),
        revision: "r".to_owned(),
        runtime: Runtime::Provided,
        handler: String::new(),
        code: PathBuf::new(),
        layers: None,
        environment: BTreeMap::new(),
        timeout: Duration::from_secs(1),
        memory_mb: 128,
        log_format: LogFormat::Text,
        scaling: Scaling::default(),
    }
}

/// Submits; what is launched, and where the outcome would come.
fn submit(
    pools: &mut Pools,
    name: &str,
    id: &str,
) -> (Option<Vec<Launch>>, oneshot::Receiver<Outcome>) {
    let (reply, outcome) = oneshot::channel();
    let launches = pools.submit(&spec(name), |spec| Job {
        spec,
        invocation: Invocation::new(id.to_owned(), bytes::Bytes::new()),
        queued_at: Instant::now(),
        reply,
    });
    (launches.ok(), outcome)
}

fn job_id(assignment: Assignment) -> Option<String> {
    match assignment {
        Assignment::Run(job) => Some(job.invocation.request_id),
        Assignment::Park | Assignment::Stop => None,
    }
}

#[test]
fn an_idle_worker_is_reused_and_the_youngest_first() {
    let mut pools = Pools::new(limits(8, 8));
    let (first, _a) = submit(&mut pools, "f", "a");
    let (second, _b) = submit(&mut pools, "f", "b");
    let mut one = first.unwrap().remove(0);
    let mut two = second.unwrap().remove(0);
    assert_eq!(job_id(pools.ready(one.id)).as_deref(), Some("a"));
    assert_eq!(job_id(pools.ready(two.id)).as_deref(), Some("b"));
    assert!(matches!(pools.ready(one.id), Assignment::Park));
    assert!(matches!(pools.ready(two.id), Assignment::Park));
    let (third, _c) = submit(&mut pools, "f", "c");
    assert!(third.unwrap().is_empty());
    assert!(matches!(two.orders.try_recv(), Ok(Order::Run(_))));
    assert!(one.orders.try_recv().is_err());
}

#[test]
fn growth_ends_at_the_function_s_limit_and_the_queue_is_first_in_first_out() {
    let mut pools = Pools::new(limits(8, 1));
    let (first, _a) = submit(&mut pools, "f", "a");
    let worker = first.unwrap().remove(0);
    let (second, _b) = submit(&mut pools, "f", "b");
    assert!(second.unwrap().is_empty());
    let (_, _c) = submit(&mut pools, "f", "c");
    let (fourth, _d) = submit(&mut pools, "f", "d");
    assert!(fourth.is_none(), "the queue holds three");
    for expected in ["a", "b", "c"] {
        assert_eq!(job_id(pools.ready(worker.id)).as_deref(), Some(expected));
    }
}

#[test]
fn an_idle_worker_of_another_function_makes_room() {
    let mut pools = Pools::new(limits(1, 1));
    let (first, _a) = submit(&mut pools, "f", "a");
    let mut worker = first.unwrap().remove(0);
    pools.ready(worker.id);
    pools.ready(worker.id);
    let (second, _b) = submit(&mut pools, "g", "b");
    assert!(second.unwrap().is_empty());
    assert!(matches!(
        worker.orders.try_recv(),
        Ok(Order::Stop { now: false })
    ));
    let launches = pools.gone(worker.id);
    assert_eq!(launches[0].spec.arn, "g");
}

#[test]
fn a_busy_function_gives_a_place_to_one_that_has_none() {
    let mut pools = Pools::new(limits(2, 2));
    let mut kept = Vec::new();
    let mut workers = Vec::new();
    for id in ["1", "2"] {
        let (launches, outcome) = submit(&mut pools, "f", id);
        workers.push(launches.unwrap().remove(0));
        kept.push(outcome);
    }
    for worker in &workers {
        pools.ready(worker.id);
    }
    let (_, g) = submit(&mut pools, "g", "g");
    let (_, f) = submit(&mut pools, "f", "3");
    kept.extend([g, f]);
    assert!(matches!(pools.ready(workers[0].id), Assignment::Stop));
    // One place is enough: the other worker goes on with its own queue.
    assert_eq!(job_id(pools.ready(workers[1].id)).as_deref(), Some("3"));
    let launches = pools.gone(workers[0].id);
    assert_eq!(launches[0].spec.arn, "g");
}

#[test]
fn a_caller_that_went_away_is_skipped() {
    let mut pools = Pools::new(limits(1, 1));
    let (first, gone) = submit(&mut pools, "f", "a");
    let (_, _b) = submit(&mut pools, "f", "b");
    drop(gone);
    let worker = first.unwrap().remove(0);
    assert_eq!(job_id(pools.ready(worker.id)).as_deref(), Some("b"));
}

#[test]
fn an_expiring_worker_loses_against_a_job_on_its_way() {
    let mut pools = Pools::new(limits(1, 1));
    let (first, _a) = submit(&mut pools, "f", "a");
    let worker = first.unwrap().remove(0);
    pools.ready(worker.id);
    pools.ready(worker.id);
    let (_, _b) = submit(&mut pools, "f", "b");
    assert!(!pools.expire(worker.id, 1));
    assert!(matches!(pools.ready(worker.id), Assignment::Park));
    assert!(pools.expire(worker.id, 1));
    let (launches, _c) = submit(&mut pools, "f", "c");
    assert!(launches.unwrap().is_empty(), "its place is not free yet");
    assert_eq!(pools.gone(worker.id).len(), 1);
}

#[test]
fn a_retired_busy_worker_gets_no_more_work_and_the_queue_a_new_one() {
    let mut pools = Pools::new(limits(4, 1));
    let (first, _a) = submit(&mut pools, "f", "a");
    let worker = first.unwrap().remove(0);
    pools.ready(worker.id);
    let (_, _b) = submit(&mut pools, "f", "b");
    assert!(pools.retire("f", Some("r")).is_empty());
    assert!(matches!(pools.ready(worker.id), Assignment::Stop));
    assert_eq!(pools.gone(worker.id).len(), 1);
}

#[test]
fn a_pool_without_workers_and_jobs_is_forgotten() {
    let mut pools = Pools::new(limits(4, 4));
    let (first, _a) = submit(&mut pools, "f", "a");
    let worker = first.unwrap().remove(0);
    pools.ready(worker.id);
    pools.gone(worker.id);
    assert!(pools.stats().is_empty() && pools.is_empty());
}

#[test]
fn who_calls_again_at_once_waits_for_the_worker_that_answered() {
    let mut pools = Pools::new(limits(4, 4));
    let (first, _a) = submit(&mut pools, "f", "a");
    let worker = first.unwrap().remove(0);
    pools.ready(worker.id);
    pools.answered(worker.id);
    let (again, _b) = submit(&mut pools, "f", "b");
    assert!(again.unwrap().is_empty());
    assert_eq!(job_id(pools.ready(worker.id)).as_deref(), Some("b"));
    pools.answered(worker.id);
    let (third, _c) = submit(&mut pools, "f", "c");
    assert!(third.unwrap().is_empty());
    assert_eq!(pools.overdue(worker.id).len(), 1, "it has hung");
}

/// Workers of `name` that exist.
fn workers(pools: &Pools, name: &str) -> usize {
    let stats = pools.stats();
    let found = stats.iter().find(|pool| pool.arn == name);
    found.map_or(0, |pool| pool.workers)
}

#[test]
fn at_the_limit_waiting_functions_take_turns_whatever_the_others_have_queued() {
    let mut limits = limits(1, 8);
    limits.queued_per_function = 100;
    limits.turn = Duration::ZERO;
    let mut pools = Pools::new(limits);
    let mut kept = Vec::new();
    let mut launches = Vec::new();
    // All of `deep` was queued before the others came.
    for (name, count) in [("deep", 30), ("f", 3), ("g", 3)] {
        for n in 0..count {
            let (launched, outcome) = submit(&mut pools, name, &format!("{name}{n}"));
            launches.extend(launched.unwrap());
            kept.push(outcome);
        }
    }
    let mut served: Vec<String> = Vec::new();
    while let Some(worker) = launches.pop() {
        let mut seen: Vec<String> = Vec::new();
        while let Some(id) = job_id(pools.ready(worker.id)) {
            seen.push(id);
        }
        served.push(worker.spec.arn.clone());
        assert!(workers(&pools, "deep") + workers(&pools, "f") + workers(&pools, "g") <= 1);
        launches.extend(pools.gone(worker.id));
        if served.len() == 6 {
            break;
        }
    }
    assert_eq!(served, ["deep", "f", "g", "deep", "f", "g"]);
}

#[test]
fn free_places_go_to_the_function_with_the_fewest_workers() {
    let mut limits = limits(4, 8);
    limits.queued_per_function = 100;
    let mut pools = Pools::new(limits);
    let mut kept = Vec::new();
    let mut launches = Vec::new();
    for n in 0..9 {
        let (launched, outcome) = submit(&mut pools, "deep", &n.to_string());
        launches.extend(launched.unwrap());
        kept.push(outcome);
    }
    assert_eq!(launches.len(), 4);
    let (launched, outcome) = submit(&mut pools, "late", "late");
    assert!(launched.unwrap().is_empty());
    kept.push(outcome);
    let next = pools.gone(launches[0].id);
    assert_eq!(next[0].spec.arn, "late");
}

#[test]
fn a_function_has_no_more_workers_than_its_own_limit() {
    let mut pools = Pools::new(limits(8, 8));
    let mut narrow = spec("f");
    narrow.scaling.workers_max = Some(1);
    let (reply, _outcome) = oneshot::channel();
    let job = |id: &str, reply| {
        let id = id.to_owned();
        move |spec| Job {
            spec,
            invocation: Invocation::new(id, bytes::Bytes::new()),
            queued_at: Instant::now(),
            reply,
        }
    };
    assert_eq!(
        pools.submit(&narrow, job("a", reply)).ok().unwrap().len(),
        1
    );
    let (reply, _outcome) = oneshot::channel();
    assert!(
        pools
            .submit(&narrow, job("b", reply))
            .ok()
            .unwrap()
            .is_empty()
    );
}
