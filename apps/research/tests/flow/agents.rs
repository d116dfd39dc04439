//! A2A 1.0 agents with manners and without.

use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};

use crate::durable::Execution;
use crate::world::reply;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manners {
    /// Accepts and works until somebody calls `finish`.
    Works,
    /// Is finished before it replies.
    FinishesAtOnce,
    /// Its push overtakes its reply.
    PushesEarly,
    /// Answers with a message instead of a task.
    AnswersWithMessage,
    /// Answers 200 with something that is not JSON-RPC.
    TalksNonsense,
    /// Answers 503.
    IsDown,
    /// Accepts the task and loses the reply: the first answer is a 503.
    LosesItsReply,
}

pub struct Agent {
    pub manners: Manners,
    pub output: Value,
    pub tasks: Vec<Value>,
    pub messages: Vec<Value>,
    pub looks: u32,
    /// The ids of tasks that it was told to stop.
    pub cancelled: Vec<Value>,
    name: String,
}

impl Agent {
    pub fn new(name: &str) -> Self {
        let output = match name {
            "researcher" => {
                json!({ "summary": "what was found", "key_findings": ["a"], "sources": ["s"] })
            }
            "analyst" => json!({ "summary": "what it means", "key_insights": [] }),
            _ => {
                json!({ "status": "completed", "report": { "title": "Report", "markdown": "# Report", "json": {} }, "summary": "short" })
            }
        };
        Self {
            manners: Manners::Works,
            output,
            tasks: vec![],
            messages: vec![],
            looks: 0,
            cancelled: vec![],
            name: name.to_owned(),
        }
    }

    /// Every task that is still open is done from here on.
    pub fn finish(&mut self, state: &str) {
        for task in &mut self.tasks {
            task["status"]["state"] = state.into();
            task["artifacts"] = json!([{ "artifactId": "result", "name": "result", "parts": [{ "data": self.output }] }]);
        }
    }

    pub fn serve(
        &mut self,
        method: &Method,
        path: &[&str],
        body: &[u8],
        base: &str,
        execution: &mut Execution,
    ) -> Response {
        if self.manners == Manners::IsDown {
            return StatusCode::SERVICE_UNAVAILABLE.into_response();
        }
        if method == Method::GET {
            assert_eq!(path.last(), Some(&"agent-card.json"));
            let url = format!("{base}/agents/{}/rpc", self.name);
            return reply(
                &json!({ "supportedInterfaces": [{ "url": url, "protocolBinding": "JSONRPC", "protocolVersion": "1.0" }] }),
            );
        }
        assert_eq!(path.last(), Some(&"rpc"), "the card's address is used");
        if self.manners == Manners::TalksNonsense {
            return reply(&json!(["nonsense"]));
        }
        let request: Value = serde_json::from_slice(body).expect("a JSON request");
        let answer = match request["method"].as_str() {
            Some("SendMessage") => self.accept(&request["params"], execution),
            Some("GetTask") => self.look(&request["params"]["id"]),
            Some("ListTasks") => Ok(
                json!({ "tasks": self.with_context(&request["params"]["contextId"]), "nextPageToken": "",
                                            "pageSize": 10, "totalSize": 0 }),
            ),
            Some("CancelTask") => {
                self.cancelled.push(request["params"]["id"].clone());
                Ok(json!(self.tasks.first()))
            }
            other => panic!("no method {other:?}"),
        };
        if self.manners == Manners::LosesItsReply && request["method"] == "SendMessage" {
            self.manners = Manners::Works;
            return StatusCode::BAD_GATEWAY.into_response();
        }
        match answer {
            Ok(result) => {
                reply(&json!({ "jsonrpc": "2.0", "id": request["id"], "result": result }))
            }
            Err(code) => reply(
                &json!({ "jsonrpc": "2.0", "id": request["id"], "error": { "code": code, "message": "no such task" } }),
            ),
        }
    }

    fn accept(&mut self, params: &Value, execution: &mut Execution) -> Result<Value, i32> {
        self.messages.push(params.clone());
        if self.manners == Manners::AnswersWithMessage {
            return Ok(
                json!({ "message": { "messageId": "m", "role": "ROLE_AGENT", "parts": [{ "data": self.output }] } }),
            );
        }
        let task = json!({ "id": format!("{}-task-{}", self.name, self.messages.len() - 1), "contextId": params["message"]["contextId"],
                           "status": { "state": "TASK_STATE_WORKING" } });
        self.tasks.push(task);
        match self.manners {
            Manners::FinishesAtOnce => self.finish("TASK_STATE_COMPLETED"),
            Manners::PushesEarly => {
                let token = params["configuration"]["taskPushNotificationConfig"]["token"]
                    .as_str()
                    .expect("token")
                    .to_owned();
                assert!(execution.settle(
                    &token,
                    "SUCCEEDED",
                    json!({ "Result": self.output.to_string() })
                ));
            }
            _ => {}
        }
        Ok(json!({ "task": self.tasks.last() }))
    }

    fn look(&mut self, id: &Value) -> Result<Value, i32> {
        self.looks += 1;
        self.tasks
            .iter()
            .find(|task| task["id"] == *id)
            .cloned()
            .ok_or(-32001)
    }

    fn with_context(&self, context: &Value) -> Vec<&Value> {
        self.tasks
            .iter()
            .filter(|task| task["contextId"] == *context)
            .collect()
    }
}
