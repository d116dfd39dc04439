//! The scripts. Each line is a command or an update of the checkpoint above it; what it leads to is the snapshot.
//!
//! `start`, `plain`, `agent`, `at MS`, `checkpoint G.S [client]`, `+ KIND ACTION ID [key=value …]`, `state G.S ITEMS [MARKER]`, `late`, `finish G …`,
//! `settle ID …`, `answered G …`, `sent ID`, `wake`, `stop`, `redrive`, `describe`, `waits`.

use std::fmt::Write as _;

use everstep_core::{
    Answer, ExecutionId, Failure, Generation, Input, Operation, Outcome, Parent, Payload, Shard,
    Timestamp,
};
use everstep_durable::{
    Action, ChainedInvokeOptions, Details, ErrorClass, Identity, InvokeTarget, Late, Limits, Mode,
    OperationKind, OperationSnapshot, Output, Position, Reply, Request, Update, UpdateOptions,
};

use crate::run::{Run, settings};

pub fn play(script: &str) -> String {
    let mut out = String::new();
    let mut run: Option<Run> = None;
    let mut lines = script.lines().peekable();
    while let Some(line) = lines.next() {
        writeln!(out, "{line}").unwrap();
        let words: Vec<&str> = line.split_whitespace().collect();
        let shown = match words.as_slice() {
            [] | ["#", ..] => continue,
            [kind @ ("start" | "plain" | "agent" | "child"), rest @ ..] => {
                let (made, shown) = begin(kind, rest);
                run = Some(made);
                shown
            }
            ["at", ms] => {
                run.as_mut().unwrap().now = Timestamp(ms.parse().unwrap());
                continue;
            }
            ["late"] => vec![late(run.as_ref().unwrap())],
            ["told"] => vec![format!("{:?}", run.as_ref().unwrap().cell.outcome())],
            ["waits"] => waits(run.as_ref().unwrap()),
            ["sent", id] => vec![sent(run.as_ref().unwrap(), id)],
            ["checkpoint", token, client @ ..] => {
                let mut updates = Vec::new();
                while let Some(line) = lines.next_if(|line| line.starts_with('+')) {
                    writeln!(out, "{line}").unwrap();
                    updates.push(update(line));
                }
                let client_token = client.first().map(|&text| text.to_owned());
                let request = Request::Checkpoint {
                    position: position(token),
                    client_token,
                    updates,
                };
                turn(run.as_mut().unwrap(), Input::Request(request))
            }
            words => {
                let input = input(run.as_ref().unwrap(), words);
                turn(run.as_mut().unwrap(), input)
            }
        };
        for line in shown {
            writeln!(out, "    {line}").unwrap();
        }
    }
    out
}

/// What is waited for, since when and until when.
fn waits(run: &Run) -> Vec<String> {
    let view = run.cell.view();
    let waiting = view.operations.iter().filter(|found| found.due.is_some());
    waiting
        .map(|found| {
            format!(
                "{} since {} until {}",
                found.id,
                found.started.0,
                found.due.unwrap().0
            )
        })
        .collect()
}

fn begin(kind: &str, options: &[&str]) -> (Run, Vec<String>) {
    let mut limits = Limits::default();
    let (mut timeout, mut tries) = (None, None);
    for option in options {
        let (key, value) = option.split_once('=').unwrap();
        let value: u32 = value.parse().unwrap();
        match key {
            "timeout" => timeout = Some(value),
            "operations" => limits.operations_max = value,
            "page" => limits.page_bytes_max = value,
            "payload" => limits.payload_bytes_max = value,
            "error" => limits.error_bytes_max = value,
            "result" => limits.result_bytes_max = value,
            "bytes" => limits.bytes_max = u64::from(value),
            "tries" => tries = Some(value),
            _ => panic!("{key}"),
        }
    }
    let parent = (kind == "child").then(|| Parent {
        execution: ExecutionId::new(900, 1, Shard(9)),
        operation: Operation(4),
        generation: Generation(0),
    });
    let mode = if matches!(kind, "plain" | "agent") {
        Mode::Plain
    } else {
        Mode::Durable
    };
    let mut settings = settings(mode, timeout, limits);
    if kind == "agent" {
        settings.is_agent = true;
        settings.retry.delayed_max = 0;
    }
    if let Some(tries) = tries {
        (settings.retry.immediate_max, settings.retry.delayed_max) = (tries, tries);
    }
    Run::child(settings, "\"in\"", parent)
}

fn input(run: &Run, words: &[&str]) -> Input<Request> {
    match words {
        ["wake"] => Input::Wake,
        ["redrive"] => Input::Redrive,
        ["stop"] => Input::Stop {
            failure: Some(Failure::new("Stopped", "by hand")),
        },
        ["accepted"] => {
            let task = run.cell.execution().tasks().next().unwrap();
            Input::Accepted {
                operation: task.operation,
                generation: task.generation,
            }
        }
        ["lost"] => Input::TaskLost {
            operation: Operation(0),
            generation: run.cell.execution().task(Operation(0)).unwrap().generation,
        },
        ["pause", options @ ..] => Input::Request(Request::Pause {
            client_token: word(options, "client"),
            reason: word(options, "reason"),
            timeout_paused: !options.contains(&"timeout=goes-on"),
        }),
        ["resume", options @ ..] => Input::Request(Request::Resume {
            client_token: word(options, "client"),
            reason: word(options, "reason"),
        }),
        ["describe"] => Input::Request(Request::Describe),
        ["state", token, items, marker @ ..] => Input::Request(Request::State {
            position: position(token),
            marker: marker.first().map(|&text| text.to_owned()),
            max_items: items.parse().unwrap(),
        }),
        ["finish", generation, rest @ ..] => Input::Request(Request::Finish {
            generation: Generation(generation.parse().unwrap()),
            output: output(rest),
        }),
        ["callback" | "settle", id, rest @ ..] => Input::Settle {
            operation: run.cell.state().by_id(id).unwrap().operation,
            generation: run.cell.state().by_id(id).unwrap().generation,
            outcome: settled(rest),
        },
        ["answered", generation, rest @ ..] => Input::Settle {
            operation: Operation(0),
            generation: Generation(generation.parse().unwrap()),
            outcome: settled(rest),
        },
        other => panic!("{other:?}"),
    }
}

fn settled(words: &[&str]) -> Outcome {
    match words {
        ["ok"] => Outcome::Succeeded(None),
        ["ok", payload] => Outcome::Succeeded(Some(Payload::from((*payload).to_owned()))),
        ["fail"] => Outcome::Failed(Failure::default()),
        ["fail", kind] => Outcome::Failed(Failure::new(*kind, "no")),
        ["late"] => Outcome::TimedOut(Failure::default()),
        ["stopped"] => Outcome::Stopped(Failure::new("Stopped", "by hand")),
        other => panic!("{other:?}"),
    }
}

/// The value of `key=value` among these.
fn word(options: &[&str], key: &str) -> Option<String> {
    let value = |option: &&str| {
        option
            .strip_prefix(key)?
            .strip_prefix('=')
            .map(str::to_owned)
    };
    options.iter().find_map(value)
}

fn output(words: &[&str]) -> Output {
    match words {
        ["error", class, kind] => {
            let class = match *class {
                "runtime" => ErrorClass::Runtime,
                "timeout" => ErrorClass::Timeout,
                _ => ErrorClass::Handler,
            };
            Output::Error {
                failure: Failure::new(*kind, "gone"),
                class,
            }
        }
        ["value", json] => Output::Succeeded {
            result: Some(Payload::from((*json).to_owned())),
        },
        json => Output::parse(json.join(" ").as_bytes()),
    }
}

fn update(line: &str) -> Update {
    let words: Vec<&str> = line.split_whitespace().skip(1).collect();
    let [kind, action, id, rest @ ..] = words.as_slice() else {
        panic!("{line}")
    };
    let mut identity = Identity {
        id: (*id).into(),
        parent: None,
        name: None,
        sub_kind: None,
    };
    let (mut payload, mut error, mut options) = (None, None, UpdateOptions::default());
    for pair in rest {
        let (key, value) = pair.split_once('=').unwrap();
        match key {
            "parent" => identity.parent = Some(value.into()),
            "name" => identity.name = Some(value.into()),
            "sub" => identity.sub_kind = Some(value.into()),
            "payload" => payload = Some(Payload::from(value.to_owned())),
            "error" => error = Some(Failure::new(value, "no")),
            "delay" => options.next_attempt_delay_s = value.parse().ok(),
            "wait" => options.wait_s = value.parse().ok(),
            "timeout" => options.callback_timeout_s = value.parse().ok(),
            "heartbeat" => options.callback_heartbeat_s = value.parse().ok(),
            "replay" => options.replay_children = value == "true",
            "calls" => options.chained_invoke = Some(chained(value)),
            "tenant" => {
                if let Some(chained) = &mut options.chained_invoke {
                    chained.tenant_id = Some(value.to_owned());
                }
            }
            _ => panic!("{key}"),
        }
    }
    let (kind, action) = (
        OperationKind::parse(kind).unwrap(),
        Action::parse(action).unwrap(),
    );
    Update {
        identity,
        kind,
        action,
        payload,
        error,
        options,
    }
}

/// `child…` is a durable function, `plain…` one that is not, `agent…` an agent, `none…` there is none, and anything else is no name.
fn chained(name: &str) -> ChainedInvokeOptions {
    let mut settings = settings(Mode::Durable, Some(30), Limits::default());
    settings.function.name = name.to_owned();
    let target = if name.starts_with("child") {
        InvokeTarget::Function(Box::new(settings))
    } else if name.starts_with("plain") || name.starts_with("agent") {
        settings.is_agent = name.starts_with("agent");
        settings.mode = Mode::Plain;
        settings.execution_timeout_s = None;
        InvokeTarget::Function(Box::new(settings))
    } else if name.starts_with("none") {
        InvokeTarget::Missing(Failure::new(
            "ResourceNotFoundException",
            "Function not found",
        ))
    } else {
        InvokeTarget::Invalid(format!("Invalid function ARN '{name}'"))
    };
    ChainedInvokeOptions {
        function_name: name.to_owned(),
        tenant_id: None,
        trace_id: None,
        target,
    }
}

/// A chained invoke of a durable function.
pub fn child() -> ChainedInvokeOptions {
    chained("child")
}

/// What goes out for an operation's task.
fn sent(run: &Run, id: &str) -> String {
    let operation = run.cell.state().by_id(id).unwrap().operation;
    let Some(task) = run.cell.execution().task(operation) else {
        return "nothing is out".to_owned();
    };
    match run.cell.late(task) {
        Some(Late::Start(child, start)) => format!(
            "{:?} start {child} of {} named {} input {:?} parent {:?}",
            task.recovery, start.definition.name, start.name, start.input, start.parent
        ),
        Some(Late::Invocation(given)) => format!(
            "{:?} call {} of {} tenant {:?} payload {:?}",
            task.recovery, given.request_id, given.function.name, given.tenant_id, given.payload
        ),
        None => "nothing to do".to_owned(),
    }
}

fn position(text: &str) -> Position {
    let (generation, sequence) = text.split_once('.').unwrap();
    Position {
        generation: Generation(generation.parse().unwrap()),
        sequence: sequence.parse().unwrap(),
    }
}

fn turn(run: &mut Run, input: Input<Request>) -> Vec<String> {
    let (answer, mut shown) = run.turn(input);
    let line = match answer {
        Answer::Own(reply) => show(&reply),
        other => format!("{other:?}"),
    };
    shown.push(format!("= {line}"));
    shown
}

fn late(run: &Run) -> String {
    let task = run.cell.execution().tasks().next().expect("a task is out");
    let Some(Late::Invocation(given)) = run.cell.late(task) else {
        return "nothing to do".to_owned();
    };
    let operations: Vec<String> = given.operations.iter().map(snapshot).collect();
    let Position {
        generation,
        sequence,
    } = given.position;
    format!(
        "gets token {generation}.{sequence} [{}] marker {:?} updated {:?} payload {:?}",
        operations.join(", "),
        given.next_marker,
        given.updated_operation_ids,
        given.payload
    )
}

fn show(reply: &Reply) -> String {
    let list = |operations: &[OperationSnapshot]| {
        operations
            .iter()
            .map(snapshot)
            .collect::<Vec<_>>()
            .join(", ")
    };
    match reply {
        Reply::Checkpoint {
            next,
            operations,
            next_marker,
        } => {
            let next = next.map_or("none".to_owned(), |next| {
                format!("{}.{}", next.generation, next.sequence)
            });
            format!("token {next} [{}] marker {next_marker:?}", list(operations))
        }
        Reply::State {
            operations,
            next_marker,
        } => format!("[{}] marker {next_marker:?}", list(operations)),
        Reply::Described(execution) => {
            format!(
                "{} result {:?} error {:?} times out {:?}{}{}",
                execution.status,
                execution.result,
                execution.error,
                execution.times_out,
                execution
                    .pause
                    .as_ref()
                    .map_or(String::new(), |pause| format!(
                        " pause asked at {} for {:?}",
                        pause.requested, pause.reason
                    )),
                execution
                    .divergence
                    .as_ref()
                    .map_or(String::new(), |divergence| format!(
                        " diverged: {divergence}"
                    ))
            )
        }
        Reply::Refused(refusal) => format!("{}: {refusal}", refusal.exception()),
        other => format!("{other:?}"),
    }
}

fn snapshot(snapshot: &OperationSnapshot) -> String {
    let id = if snapshot.kind() == OperationKind::Execution {
        "-"
    } else {
        &snapshot.identity.id
    };
    let mut text = format!(
        "{id} {} {}",
        snapshot.kind().as_str(),
        snapshot.status.as_str()
    );
    match &snapshot.details {
        Details::Step {
            attempt,
            next_attempt,
            result,
            error,
        } => {
            write!(text, " attempt {attempt}").unwrap();
            if let Some(at) = next_attempt {
                write!(text, " next {at}").unwrap();
            }
            outcome(&mut text, result.as_ref(), error.as_ref());
        }
        Details::Context { result, error, .. }
        | Details::Callback { result, error, .. }
        | Details::ChainedInvoke { result, error, .. } => {
            outcome(&mut text, result.as_ref(), error.as_ref());
        }
        Details::Wait { scheduled_end, .. } => write!(text, " until {scheduled_end}").unwrap(),
        Details::Execution { .. } => {}
    }
    text
}

fn outcome(text: &mut String, result: Option<&Payload>, error: Option<&Failure>) {
    if let Some(Payload::Inline(bytes)) = result {
        write!(text, " {}", String::from_utf8_lossy(bytes)).unwrap();
    }
    if let Some(kind) = error.and_then(|error| error.kind.as_ref()) {
        write!(text, " !{kind}").unwrap();
    }
}
