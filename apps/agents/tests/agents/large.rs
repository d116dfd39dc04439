use everstep_agents::Kind;
use serde_json::{Value, json};

use crate::loopback::{Loopback, Reply};
use crate::peer::{Peer, options, output, research_payload};

#[tokio::test]
async fn a_large_result_becomes_a_reference_that_the_next_agent_follows() {
    let mut store = Loopback::ok().await;
    let url = format!("{}/artifacts/research-bucket", store.url);
    let mut researcher_options = options(Kind::Researcher);
    researcher_options.artifact_url = Some(url.clone());
    researcher_options.artifact_bytes = 1_000;
    let researcher = Peer::start(researcher_options).await;
    let task = researcher.work("m", research_payload()).await;
    let reference = output(&task);
    let stored = store.next().await;
    let key = reference["key"].as_str().unwrap();
    assert!(
        key.starts_with("artifacts/wf-1/research_20") && key.ends_with("Z.json"),
        "{key}"
    );
    assert_eq!(stored.path, format!("/artifacts/research-bucket/{key}"));
    assert_eq!(reference["artifact_type"], "s3_reference");
    assert_eq!(reference["bucket"], "research-bucket");
    assert_eq!(reference["s3_uri"], format!("s3://research-bucket/{key}"));
    assert_eq!(reference["size_bytes"], stored.body.to_string().len());
    assert!(reference["timestamp"].is_string());

    let mut analyst_options = options(Kind::Analyst);
    analyst_options.artifact_url = Some(url);
    let analyst = Peer::start(analyst_options).await;
    let analyse = |id: &'static str, data: Value| {
        let payload = json!({"task": "analyze", "research_data": data, "topic": ""});
        let analyst = &analyst;
        async move { output(&analyst.work(id, payload).await).clone() }
    };
    let by_reference = analyse("ref", reference.clone()).await;
    let inline = analyse("inline", stored.body).await;
    assert_eq!(by_reference, inline);
    assert_eq!(by_reference["contradictions"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_result_at_the_limit_travels_inline_and_one_byte_above_it_does_not() {
    let plain = Peer::of(Kind::Researcher).await;
    let inline = output(&plain.work("m", research_payload()).await)
        .to_string()
        .len();
    for (limit, stores) in [(inline, 0), (inline - 1, 1)] {
        let store = Loopback::ok().await;
        let mut options = options(Kind::Researcher);
        options.artifact_url = Some(format!("{}/artifacts/b", store.url));
        options.artifact_bytes = limit;
        let peer = Peer::start(options).await;
        output(&peer.work("m", research_payload()).await);
        assert_eq!(store.count(), stores);
    }
}

#[tokio::test]
async fn a_store_that_refuses_or_a_foreign_reference_fails_the_task() {
    let store = Loopback::start(|_, _| Reply::Status(503)).await;
    let mut with_store = options(Kind::Researcher);
    with_store.artifact_url = Some(format!("{}/artifacts/b", store.url));
    with_store.artifact_bytes = 10;
    let peer = Peer::start(with_store).await;
    let task = peer.work("m", research_payload()).await;
    assert_eq!(task["status"]["state"], "TASK_STATE_FAILED");
    assert_eq!(task["metadata"]["error_type"], "ArtifactStorageError");
    assert_eq!(store.count(), 4);

    let mut with_store = options(Kind::Analyst);
    with_store.artifact_url = Some(format!("{}/artifacts/b", store.url));
    let peer = Peer::start(with_store).await;
    for (id, uri) in [
        ("1", "s3://other/key"),
        ("2", "s3://b/../../secret"),
        ("3", "s3://b/absent"),
    ] {
        let data = json!({"artifact_type": "s3_reference", "s3_uri": uri});
        let task = peer.work(id, json!({"research_data": data})).await;
        assert_eq!(task["status"]["state"], "TASK_STATE_FAILED", "{uri}");
    }
}

#[tokio::test]
async fn a_workflow_id_cannot_lead_out_of_the_folder_of_artifacts() {
    let mut store = Loopback::ok().await;
    let mut options = options(Kind::Researcher);
    options.artifact_url = Some(format!("{}/artifacts/b", store.url));
    options.artifact_bytes = 10;
    let peer = Peer::start(options).await;
    let mut payload = research_payload();
    payload["workflow_id"] = json!("../../other?x=1#y");
    peer.work("m", payload).await;
    let path = store.next().await.path;
    assert!(
        path.starts_with("/artifacts/b/artifacts/..-..-other-x-1-y/research_"),
        "{path}"
    );
}
