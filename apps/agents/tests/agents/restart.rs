use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use everstep_agents::Kind;
use serde_json::json;

use crate::loopback::{Loopback, Reply};
use crate::peer::{Peer, message, options, output, research_payload};

/// The real binary, so that it can be killed without warning.
struct Process {
    child: Child,
    peer: Peer,
}

impl Process {
    fn start(state: &Path, model: Option<&str>) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_everstep-agents"));
        command
            .args(["researcher", "--state"])
            .arg(state)
            .env("RUST_LOG", "off")
            .stdout(Stdio::piped());
        for name in ["EVERSTEP_LLM_URL", "EVERSTEP_LLM_MODEL", "EVERSTEP_LLM_KEY"] {
            command.env_remove(name);
        }
        if let Some(url) = model {
            command
                .env("EVERSTEP_LLM_URL", url)
                .env("EVERSTEP_LLM_MODEL", "m")
                .env("EVERSTEP_LLM_KEY", "k");
        }
        let mut child = command.spawn().unwrap();
        let mut url = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut url)
            .unwrap();
        let peer = Peer::at(url.trim().to_owned());
        Self { child, peer }
    }

    fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test]
async fn a_killed_agent_goes_on_with_its_task_and_still_knows_the_message() {
    let folder = tempfile::tempdir().unwrap();
    let mut model = Loopback::silent().await;
    let mut caller = Loopback::ok().await;
    let mut first = Process::start(folder.path(), Some(&model.url));
    let mut params = message("m", research_payload());
    params["configuration"] = json!({
        "returnImmediately": true,
        "taskPushNotificationConfig": {"url": format!("{}/push", caller.url), "token": "t"},
    });
    let begun = first.peer.call("SendMessage", params.clone()).await["task"].clone();
    model.next().await;
    first.kill();

    let mut second = Process::start(folder.path(), None);
    let again = second.peer.call("SendMessage", params).await["task"].clone();
    assert_eq!(again["id"], begun["id"]);
    let id = begun["id"].as_str().unwrap();
    let finished = second.peer.until(id, "TASK_STATE_COMPLETED").await;
    assert_eq!(caller.next().await.body["task"], finished);
    second.kill();

    let third = Process::start(folder.path(), None);
    assert_eq!(
        third.peer.call("GetTask", json!({"id": id})).await,
        finished
    );
    assert_eq!(third.peer.begin("m", research_payload()).await, finished);
    assert_eq!(
        third.peer.call("ListTasks", json!({})).await["totalSize"],
        1
    );
}

#[tokio::test]
async fn a_cancelled_task_is_not_taken_up_again() {
    let folder = tempfile::tempdir().unwrap();
    let mut model = Loopback::silent().await;
    let mut first = Process::start(folder.path(), Some(&model.url));
    let id = first.peer.begin("m", research_payload()).await["id"].clone();
    model.next().await;
    first.peer.call("CancelTask", json!({"id": id})).await;
    first.kill();
    let second = Process::start(folder.path(), None);
    let task = second.peer.call("GetTask", json!({"id": id})).await;
    assert_eq!(task["status"]["state"], "TASK_STATE_CANCELED");
    assert_eq!(second.peer.get("ping").await["status"], "Healthy");
}

#[tokio::test]
async fn a_result_that_could_not_be_told_is_told_after_the_restart() {
    let folder = tempfile::tempdir().unwrap();
    let mut options = options(Kind::Researcher);
    options.state = Some(folder.path().to_owned());
    // Refuses the first four attempts, which is all that one process makes.
    let mut caller =
        Loopback::start(|_, before| Reply::Status(if before < 4 { 503 } else { 200 })).await;
    let first = Peer::start(options.clone()).await;
    let mut payload = research_payload();
    payload["callback_url"] = json!(format!("{}/cb", caller.url));
    payload["callback_token"] = json!("t");
    first.begin("m", payload).await;
    for _ in 0..4 {
        caller.next().await;
    }
    first.stop().await;
    let second = Peer::start(options).await;
    let told = caller.next().await;
    assert_eq!(told.body["status"], "SUCCESS");
    drop(second);
}

#[tokio::test]
async fn damaged_and_newer_task_files_are_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let tasks = folder.path().join("tasks");
    std::fs::create_dir_all(&tasks).unwrap();
    std::fs::write(tasks.join("damaged.json"), "{\"format\": 1, \"rec").unwrap();
    std::fs::write(tasks.join("newer.json"), "{\"format\": 2, \"record\": {}}").unwrap();
    std::fs::write(tasks.join("half.draft"), "{").unwrap();
    let mut options = options(Kind::Researcher);
    options.state = Some(folder.path().to_owned());
    let peer = Peer::start(options).await;
    output(&peer.work("m", research_payload()).await);
    assert_eq!(peer.call("ListTasks", json!({})).await["totalSize"], 1);
    assert_eq!(
        std::fs::read_to_string(tasks.join("damaged.json")).unwrap(),
        "{\"format\": 1, \"rec"
    );
    assert!(tasks.join("newer.json").exists());
}
