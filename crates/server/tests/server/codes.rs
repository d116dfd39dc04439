//! Every error code, provoked.

use std::sync::Arc;
use std::time::Duration;

use everstep_core::Sequence;
use everstep_server::{BindError, Code, EXPLANATIONS, Options, Server};
use everstep_store::{Call, Disk, Fault, Faults, Faulty, Memory, Store};
use reqwest::Method;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::harness::{World, encoded};

const NOBODY: &str = "00000000-0000-7000-8000-000000000000";

#[test]
fn codes_are_distinct_and_each_has_its_page() {
    let pages = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/errors");
    let mut seen = std::collections::BTreeSet::new();
    for (code, name, title) in EXPLANATIONS {
        assert_eq!(code.as_str(), *name);
        assert!(seen.insert(*name), "{name} twice");
        let page = std::fs::read_to_string(format!("{pages}/{name}.md")).expect(name);
        assert!(
            page.starts_with(&format!("# {name}: {title}\n")),
            "{name}: the page's title is another one"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn e0101_unknown_function() {
    let world = World::new().await;
    let refused = world.invoke("nobody", &[], "1").await;
    refused.is_error(404, "ResourceNotFoundException", "E0101");
    assert_eq!(
        refused.message(),
        "Function not found: arn:aws:lambda:us-west-2:000000000000:function:nobody"
    );
    world
        .post("/functions/nobody/start", &json!({}))
        .await
        .is_problem(404, "E0101");
}

#[tokio::test(flavor = "multi_thread")]
async fn e0102_malformed_json() {
    let world = World::new().await;
    world.create("echo", false).await;
    world.invoke("echo", &[], "{not json").await.is_error(
        400,
        "InvalidRequestContentException",
        "E0102",
    );
    // An array is not taken for the members in their order, and a member that is not known not for nothing.
    for body in ["{", r#"["name"]"#, r#"{"attribute": {"a": "b"}}"#] {
        world
            .send(Method::POST, "/functions/echo/start", &[], body)
            .await
            .is_problem(400, "E0102");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn e0103_too_large() {
    let world = World::with(
        Arc::new(Memory::new()),
        everstep_engine::Options::default(),
        |options| {
            options.limits.body_bytes_max = 64;
            options.callbacks.result_bytes_max = 64;
        },
    )
    .await;
    world
        .post("/functions/echo/start", &json!({ "input": "x".repeat(64) }))
        .await
        .is_problem(413, "E0103");
    world
        .post("/artifact-links", &json!({ "key": "x".repeat(64) }))
        .await
        .is_problem(413, "E0103");
}

#[tokio::test(flavor = "multi_thread")]
async fn e0104_and_e0105_are_told_by_the_header_and_one_text() {
    let world = World::new().await;
    let mut jobs = world.puppet("puppet").await;
    let arn = world.start("puppet", "1").await;
    let token = world.first_token(&jobs.recv().await.expect("an invocation"));
    assert_eq!(world.checkpoint(&arn, &token, json!([])).await.status, 200);
    world.checkpoint(&arn, &token, json!([])).await.is_error(
        400,
        "InvalidParameterValueException",
        "E0104",
    );
    world
        .checkpoint(&arn, "Zm9yZ2Vk", json!([]))
        .await
        .is_error(400, "InvalidParameterValueException", "E0105");
}

#[tokio::test(flavor = "multi_thread")]
async fn e0106_unknown_execution() {
    let world = World::new().await;
    let arn = format!(
        "arn:aws:lambda:us-west-2:000000000000:function:f:$LATEST/durable-execution/n/{NOBODY}"
    );
    for arn in [arn.as_str(), "no-arn"] {
        let path = format!("/2025-12-01/durable-executions/{}", encoded(arn));
        world
            .get(&path)
            .await
            .is_error(404, "ResourceNotFoundException", "E0106");
        world.get(&format!("{path}/history")).await.is_error(
            404,
            "ResourceNotFoundException",
            "E0106",
        );
        world
            .send(Method::POST, &format!("{path}/stop"), &[], "{}")
            .await
            .is_error(404, "ResourceNotFoundException", "E0106");
    }
    world
        .get(&format!("/executions/{NOBODY}"))
        .await
        .is_problem(404, "E0106");
    world
        .get("/executions/nonsense")
        .await
        .is_problem(404, "E0106");
}

#[tokio::test(flavor = "multi_thread")]
async fn e0107_damaged_store() {
    let disk = Disk::default();
    let world = World::with(
        Arc::new(Memory::open(&disk).expect("a store")),
        everstep_engine::Options::default(),
        |_| (),
    )
    .await;
    world.create("echo", true).await;
    let arn = world
        .invoke("echo:$LATEST", &[], "1")
        .await
        .header("x-amz-durable-execution-arn")
        .expect("an ARN")
        .to_owned();
    let id = arn.rsplit('/').next().expect("an id");
    disk.damage_journal(id.parse().expect("an id"), Sequence(0));
    let path = format!("/2025-12-01/durable-executions/{}/history", encoded(&arn));
    world
        .get(&path)
        .await
        .is_error(500, "ServiceException", "E0107");
    world
        .get(&format!("/executions/{id}/history"))
        .await
        .is_problem(500, "E0107");
}

#[tokio::test(flavor = "multi_thread")]
async fn e0108_a_store_that_can_not_be_written() {
    let faults = Faults::default();
    let store: Arc<dyn Store> = Arc::new(Faulty::new(Memory::new(), faults.clone()));
    let world = World::with(store, everstep_engine::Options::default(), |_| ()).await;
    faults.inject_always(Call::CataloguePut, Fault::Io);
    world
        .create("echo", true)
        .await
        .is_error(500, "ServiceException", "E0108");
}

#[tokio::test(flavor = "multi_thread")]
async fn e0109_port_in_use() {
    let world = World::new().await;
    let taken = world
        .base
        .strip_prefix("http://")
        .expect("our address")
        .parse()
        .expect("an address");
    let options = Options {
        listen: taken,
        ..Options::default()
    };
    let refused = Server::bind(options, world.handle.clone())
        .await
        .map(|_| ())
        .expect_err("taken");
    assert!(matches!(refused, BindError::PortInUse { address } if address == taken));
    assert!(refused.to_string().contains("E0109"));
}

#[test]
fn e0124_and_e0125_say_why_a_store_is_not_opened() {
    let folder = tempfile::tempdir().expect("a folder");
    let open = || {
        let opened = everstep_store::Fjall::open(folder.path());
        opened.map_err(everstep_engine::Error::from)
    };
    let held = open().expect("a new store");
    let refused = open().expect_err("held already");
    assert_eq!(Code::of_opening(&refused).as_str(), "E0124", "{refused}");
    drop(held);
    let newer = everstep_store::Error::Newer { found: 2, known: 1 };
    assert_eq!(Code::of_opening(&newer.into()).as_str(), "E0125");
}

#[tokio::test(flavor = "multi_thread")]
async fn e0110_overloaded() {
    let engine = everstep_engine::Options {
        queue_max: 0,
        ..everstep_engine::Options::default()
    };
    let world = World::with(Arc::new(Memory::new()), engine, |_| ()).await;
    world.create("echo", true).await;
    let refused = world.invoke("echo:$LATEST", &[], "1").await;
    refused.is_error(429, "TooManyRequestsException", "E0110");
    assert_eq!(refused.header("retry-after"), Some("1"));
    let refused = world.get(&format!("/executions/{NOBODY}")).await;
    refused.is_problem(429, "E0110");
    assert_eq!(refused.header("retry-after"), Some("1"));
}

#[tokio::test(flavor = "multi_thread")]
async fn e0111_unknown_route() {
    let world = World::new().await;
    for (method, path) in [
        ("GET", "/2015-03-31/no-such-thing"),
        ("PATCH", "/2015-03-31/functions"),
        ("GET", "/2099-01-01/functions"),
    ] {
        let refused = world
            .send(method.parse().expect("a method"), path, &[], "")
            .await;
        refused.is_error(404, "UnknownOperationException", "E0111");
    }
    world.get("/nowhere").await.is_problem(404, "E0111");
    world
        .send(Method::DELETE, "/health", &[], "")
        .await
        .is_problem(404, "E0111");
}

/// E0112 to E0116, E0119, E0120 and E0122 are provoked beside what they belong to; the codes of our own crash and of the end here.
#[tokio::test(flavor = "multi_thread")]
async fn e0118_the_engine_has_ended() {
    let mut world = World::new().await;
    let engine = world.engine.take().expect("an engine");
    tokio::task::spawn_blocking(|| engine.shutdown())
        .await
        .expect("no panic")
        .expect("an orderly end");
    world
        .get(&format!("/executions/{NOBODY}"))
        .await
        .is_problem(503, "E0118");
}

/// What is asked for a letter that is not there, by whichever route.
#[test]
fn e0145_is_the_code_of_a_letter_that_is_not_there() {
    let shard = everstep_core::Shard(1);
    let id = everstep_core::LetterId::new(1, 1, shard);
    let error = everstep_engine::Error::UnknownLetter { id };
    assert_eq!(Code::of(&error).as_str(), "E0145");
}

#[test]
fn e0117_has_the_code_of_our_own_crash() {
    assert_eq!(Code::Crashed.as_str(), "E0117");
}

#[tokio::test(flavor = "multi_thread")]
async fn e0121_a_body_that_does_not_arrive() {
    let slow = |options: &mut Options| options.limits.body_timeout = Duration::from_millis(50);
    let world = World::with(
        Arc::new(Memory::new()),
        everstep_engine::Options::default(),
        slow,
    )
    .await;
    let mut stream =
        tokio::net::TcpStream::connect(world.base.strip_prefix("http://").expect("our address"))
            .await
            .expect("a connection");
    let head = "POST /functions/f/start HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\nConnection: close\r\n\r\n{";
    stream.write_all(head.as_bytes()).await.expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("an answer");
    assert!(
        answer.starts_with("HTTP/1.1 408") && answer.contains("E0121"),
        "{answer}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn e0123_an_execution_that_goes_on() {
    let short = |options: &mut Options| options.limits.invoke_timeout = Duration::from_millis(50);
    let world = World::with(
        Arc::new(Memory::new()),
        everstep_engine::Options::default(),
        short,
    )
    .await;
    let _jobs = world.puppet("puppet").await;
    world.invoke("puppet:$LATEST", &[], "1").await.is_error(
        408,
        "ExecutionStillRunningException",
        "E0123",
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shutdown_answers_what_is_open_and_takes_nothing_new() {
    let world = World::new().await;
    let mut jobs = world.puppet("puppet").await;
    let open = world.invoke("puppet:$LATEST", &[], "1");
    let stop = async {
        let job = jobs.recv().await.expect("an invocation");
        world.stop.cancel();
        crate::harness::finish(
            &world.handle,
            &job,
            everstep_durable::Output::Succeeded {
                result: Some("1".into()),
            },
        )
        .await;
    };
    let (answer, ()) = tokio::join!(open, stop);
    assert_eq!((answer.status, &answer.bytes[..]), (200, &b"1"[..]));
    assert!(
        reqwest::Client::new()
            .get(format!("{}/health", world.base))
            .send()
            .await
            .is_err()
    );
}
