//! An agent under test and the calls that tests make.

use std::net::SocketAddr;
use std::time::Duration;

use everstep_agents::{Kind, Options, model, serve_until};
use serde_json::{Value, json};
use tokio::sync::oneshot;

pub struct Peer {
    pub url: String,
    pub http: reqwest::Client,
    stop: Option<oneshot::Sender<()>>,
    server: Option<tokio::task::JoinHandle<()>>,
}

pub fn options(kind: Kind) -> Options {
    Options {
        retry_pauses: vec![
            Duration::from_millis(5),
            Duration::from_millis(10),
            Duration::from_millis(20),
        ],
        ..Options::new(kind, SocketAddr::from(([127, 0, 0, 1], 0)))
    }
}

pub fn model_at(url: &str) -> Option<model::Options> {
    Some(model::Options {
        url: url.to_owned(),
        model: "test-model".to_owned(),
        key: "test-key".to_owned(),
        timeout: Duration::from_secs(60),
    })
}

impl Peer {
    pub async fn start(options: Options) -> Self {
        let (ready, address) = oneshot::channel();
        let (stop, stopped) = oneshot::channel::<()>();
        let server = tokio::spawn(async move {
            let ready = |address| ready.send(address).unwrap();
            let stop = async move { drop(stopped.await) };
            serve_until(options, ready, stop).await.unwrap();
        });
        Self {
            stop: Some(stop),
            server: Some(server),
            ..Self::at(format!(
                "http://{}/",
                address.await.expect("the agent starts")
            ))
        }
    }

    pub async fn of(kind: Kind) -> Self {
        Self::start(options(kind)).await
    }

    pub fn at(url: String) -> Self {
        Self {
            url,
            http: reqwest::Client::builder().no_proxy().build().unwrap(),
            stop: None,
            server: None,
        }
    }

    /// The whole JSON-RPC answer.
    pub async fn rpc(&self, method: &str, params: Value) -> Value {
        let body = json!({"jsonrpc": "2.0", "id": 7, "method": method, "params": params});
        let request = self
            .http
            .post(&self.url)
            .header("A2A-Version", "1.0")
            .json(&body);
        request.send().await.unwrap().json().await.unwrap()
    }

    /// The result of a call that succeeds.
    pub async fn call(&self, method: &str, params: Value) -> Value {
        let answer = self.rpc(method, params).await;
        assert!(answer.get("error").is_none(), "{method}: {answer}");
        answer["result"].clone()
    }

    /// Sends a message and waits for the finished task.
    pub async fn work(&self, message_id: &str, payload: Value) -> Value {
        self.call("SendMessage", message(message_id, payload)).await["task"].clone()
    }

    /// Sends a message and answers the task as it is then.
    pub async fn begin(&self, message_id: &str, payload: Value) -> Value {
        let mut params = message(message_id, payload);
        params["configuration"] = json!({"returnImmediately": true});
        self.call("SendMessage", params).await["task"].clone()
    }

    pub async fn get(&self, path: &str) -> Value {
        let url = format!("{}{path}", self.url);
        self.http
            .get(url)
            .send()
            .await
            .unwrap()
            .json()
            .await
            .unwrap()
    }

    /// Polls until the task is in `state`.
    pub async fn until(&self, id: &str, state: &str) -> Value {
        for _ in 0..2_000 {
            let task = self.call("GetTask", json!({"id": id})).await;
            if task["status"]["state"] == state {
                return task;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("task {id} never came into {state}");
    }

    /// Asks the server to stop and waits until it has.
    pub async fn stop(mut self) {
        drop(self.stop.take());
        let server = self.server.take().expect("started by this test");
        let stopped = tokio::time::timeout(Duration::from_secs(20), server).await;
        stopped.expect("the server stops within 20 s").unwrap();
    }
}

pub fn message(message_id: &str, payload: Value) -> Value {
    json!({"message": {
        "messageId": message_id, "role": "ROLE_USER",
        "parts": [{"data": payload, "mediaType": "application/json"}],
    }})
}

/// The output in a finished task.
pub fn output(task: &Value) -> &Value {
    assert_eq!(task["status"]["state"], "TASK_STATE_COMPLETED", "{task}");
    assert_eq!(task["artifacts"].as_array().unwrap().len(), 1);
    assert_eq!(task["artifacts"][0]["name"], "result");
    &task["artifacts"][0]["parts"][0]["data"]
}

pub fn research_payload() -> Value {
    json!({"task": "research", "topic": everstep_agents::corpus::TOPIC, "parameters": {}, "workflow_id": "wf-1"})
}
