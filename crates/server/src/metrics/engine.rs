//! What the engine counts, in the words of metrics.

use everstep_core::TargetKind;
use everstep_engine::{AgentState, Breaker, Figures, Handle, Latencies, LetterFigures};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::{ConstGauge, Gauge};
use prometheus_client::registry::Registry;

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OfDefinition {
    definition: String,
    status: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OfTarget {
    kind: &'static str,
    target: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OfAttempt {
    via: &'static str,
    verb: &'static str,
    outcome: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OfState {
    state: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OfOutcome {
    outcome: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OfAgent {
    agent: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OfAgentState {
    agent: String,
    state: &'static str,
}

/// As many as of targets; the first by their names.
const AGENTS_APART_MAX: usize = 200;

const fn kind(kind: TargetKind) -> &'static str {
    match kind {
        TargetKind::Function => "function",
        TargetKind::Execution => "execution",
        TargetKind::Queue => "queue",
        TargetKind::Agent => "agent",
        TargetKind::Http => "http",
        TargetKind::Parent => "parent",
        TargetKind::Destination => "destination",
        TargetKind::Service => "service",
        TargetKind::Log => "log",
        TargetKind::Token => "token",
        TargetKind::Watch => "watch",
        TargetKind::Watcher => "watcher",
    }
}

pub(super) fn register(registry: &mut Registry, handle: &Handle, figures: &Figures) {
    let (syncs, disk_bytes) = handle.store_figures();
    registry.register(
        "store_syncs",
        "Synced writes since the server was started",
        ConstCounter::new(syncs),
    );
    registry.register(
        "store_disk_bytes",
        "Bytes of disk that the store uses",
        ConstGauge::new(saturated(disk_bytes)),
    );
    registry.register(
        "commands_waiting",
        "Commands that wait for the engine's loop or for their commit",
        ConstGauge::new(gauge(handle.waiting())),
    );
    registry.register(
        "executions_resident",
        "Executions in memory",
        ConstGauge::new(gauge(figures.resident)),
    );
    attempts(registry, figures);
    letters(registry, &handle.letter_figures());
    executions(registry, figures);
    targets(registry, figures);
    agents(registry, &handle.agent_states());
    registry.register_collector(Box::new(Commits(figures.commits.clone())));
}

fn attempts(registry: &mut Registry, figures: &Figures) {
    let attempts = Family::<OfAttempt, Counter>::default();
    for ((via, verb, outcome), count) in &figures.attempts {
        let of = OfAttempt { via, verb, outcome };
        attempts.get_or_create(&of).inc_by(*count);
    }
    registry.register(
        "attempts",
        "Tries from outside to settle, beat or note, by way, verb and outcome, since the server was started",
        attempts,
    );
}

fn letters(registry: &mut Registry, figures: &LetterFigures) {
    let letters = Family::<OfState, Gauge>::default();
    for (state, count) in [("waiting", figures.waiting), ("dead", figures.dead)] {
        letters
            .get_or_create(&OfState { state })
            .set(saturated(count));
    }
    registry.register(
        "letters",
        "What is to be told to the outside and waits, and what could not be told or was not wanted",
        letters,
    );
    let ends = Family::<OfOutcome, Counter>::default();
    for (outcome, count) in [
        ("delivered", figures.delivered),
        ("failed", figures.failed),
        ("died", figures.died),
        ("dropped", figures.dropped),
    ] {
        ends.get_or_create(&OfOutcome { outcome }).inc_by(count);
    }
    registry.register(
        "letter_deliveries",
        "How deliveries of letters ended since the server was started; a failed one is tried again",
        ends,
    );
    registry.register(
        "dead_letter_bytes",
        "Bytes of dead letters with what came with them",
        ConstGauge::new(saturated(figures.dead_bytes)),
    );
}

fn executions(registry: &mut Registry, figures: &Figures) {
    let executions = Family::<OfDefinition, Counter>::default();
    for ((definition, status), count) in &figures.executions {
        let of = OfDefinition {
            definition: definition.clone(),
            status: status.as_str(),
        };
        executions.get_or_create(&of).inc_by(*count);
    }
    registry.register(
        "executions",
        "Executions by definition and by what they became since the server was started; RUNNING is a start",
        executions,
    );
}

fn targets(registry: &mut Registry, figures: &Figures) {
    let waiting = Family::<OfTarget, Gauge>::default();
    let out = Family::<OfTarget, Gauge>::default();
    for ((target_kind, address), figures) in &figures.targets {
        let of = OfTarget {
            kind: kind(*target_kind),
            target: address.clone(),
        };
        waiting.get_or_create(&of).set(gauge(figures.waiting));
        out.get_or_create(&of).set(gauge(figures.out));
    }
    registry.register(
        "tasks_waiting",
        "Tasks that wait for a place at their target",
        waiting,
    );
    registry.register("tasks_out", "Tasks that are out at their target", out);
}

fn agents(registry: &mut Registry, states: &[(String, AgentState)]) {
    let breakers = Family::<OfAgentState, Gauge>::default();
    let tasks = Family::<OfAgentState, Gauge>::default();
    let failures = Family::<OfAgent, Gauge>::default();
    for (name, agent) in states.iter().take(AGENTS_APART_MAX) {
        let of = |state| OfAgentState {
            agent: name.clone(),
            state,
        };
        let breaker = match agent.breaker {
            Breaker::Closed => "closed",
            Breaker::Open { .. } => "open",
            Breaker::HalfOpen => "half_open",
        };
        for state in ["closed", "open", "half_open"] {
            let is_here = i64::from(state == breaker);
            breakers.get_or_create(&of(state)).set(is_here);
        }
        tasks.get_or_create(&of("out")).set(agent.out.into());
        tasks
            .get_or_create(&of("waiting"))
            .set(agent.waiting.into());
        let agent_name = OfAgent {
            agent: name.clone(),
        };
        failures
            .get_or_create(&agent_name)
            .set(agent.failures.into());
    }
    registry.register(
        "agent_breaker",
        "1 at the state of an agent's breaker, 0 at the others",
        breakers,
    );
    registry.register(
        "agent_tasks",
        "Tasks that an agent has, and tasks that wait to be sent to it",
        tasks,
    );
    registry.register(
        "agent_failures",
        "Calls of an agent that failed in a row",
        failures,
    );
}

fn gauge(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn saturated(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// The engine's own histogram.
#[derive(Debug)]
struct Commits(Latencies);

impl Collector for Commits {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let bounds = Latencies::BOUNDS.iter().map(|bound| bound.as_secs_f64());
        let bounds = bounds.chain([f64::INFINITY]);
        let buckets: Vec<(f64, u64)> = bounds.zip(self.0.counts).collect();
        let count = self.0.counts.iter().sum();
        let mut metric = encoder.encode_descriptor(
            "commit_seconds",
            "Time until a group of writes was durable",
            None,
            MetricType::Histogram,
        )?;
        metric.encode_histogram::<NoLabelSet>(self.0.sum.as_secs_f64(), count, &buckets, None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use std::time::Duration;

    use everstep_core::Status;
    use everstep_engine::TargetFigures;
    use prometheus_client::encoding::text;

    #[test]
    fn figures_are_told_in_prometheus_words() {
        let mut figures = Figures::default();
        let name = "shop".to_owned();
        figures.executions.insert((name, Status::TimedOut), 3);
        let target = (TargetKind::Function, "arn:f".to_owned());
        figures
            .targets
            .insert(target, TargetFigures { waiting: 2, out: 5 });
        figures.commits.counts = [1, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 4];
        figures.commits.sum = Duration::from_millis(1_500);
        let mut registry = Registry::with_prefix("everstep");
        executions(&mut registry, &figures);
        targets(&mut registry, &figures);
        registry.register_collector(Box::new(Commits(figures.commits)));
        let down = AgentState {
            breaker: Breaker::Open {
                until: everstep_core::Timestamp(1),
            },
            failures: 5,
            out: 1,
            ..AgentState::default()
        };
        agents(&mut registry, &[("writer".to_owned(), down)]);
        let mut told = String::new();
        text::encode(&mut told, &registry).expect("encoded");
        for line in [
            "everstep_executions_total{definition=\"shop\",status=\"TIMED_OUT\"} 3",
            "everstep_tasks_waiting{kind=\"function\",target=\"arn:f\"} 2",
            "everstep_tasks_out{kind=\"function\",target=\"arn:f\"} 5",
            "everstep_commit_seconds_bucket{le=\"0.00025\"} 1",
            "everstep_commit_seconds_bucket{le=\"0.005\"} 3",
            "everstep_commit_seconds_bucket{le=\"+Inf\"} 7",
            "everstep_commit_seconds_sum 1.5",
            "everstep_agent_breaker{agent=\"writer\",state=\"open\"} 1",
            "everstep_agent_breaker{agent=\"writer\",state=\"closed\"} 0",
            "everstep_agent_tasks{agent=\"writer\",state=\"out\"} 1",
            "everstep_agent_failures{agent=\"writer\"} 5",
        ] {
            assert!(told.contains(line), "{line}\n{told}");
        }
    }
}
