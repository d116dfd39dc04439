//! Our own verbs for callbacks, and what proves that somebody may use them.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use everstep_engine::ClockMode;
use everstep_server::{Options, Policy, Rate, WebhookKey};
use everstep_store::Memory;
use reqwest::Method;
use serde_json::{Value, json};
use standardwebhooks::Webhook;

use crate::harness::{Answer, World};

pub const SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";

pub async fn world(change: impl FnOnce(&mut Options)) -> World {
    let engine = everstep_engine::Options::default();
    World::with(Arc::new(Memory::new()), engine, change).await
}

/// The public id of the only callback of an execution.
pub async fn id_of(world: &World, arn: &str) -> String {
    let callbacks = history(world, arn).await["callbacks"].clone();
    callbacks[0]["id"].as_str().expect("an id").to_owned()
}

pub async fn history(world: &World, arn: &str) -> Value {
    let execution = arn.rsplit('/').next().expect("an id");
    let path = format!("/executions/{execution}/callbacks");
    world.get(&path).await.json()
}

pub async fn verb(world: &World, id: &str, verb: &str, token: &str, body: &str) -> Answer {
    let bearer = format!("Bearer {token}");
    let headers = [("authorization", bearer.as_str())];
    let path = format!("/callbacks/{id}/{verb}");
    world
        .send(Method::POST, &path, &headers, body.to_owned())
        .await
}

async fn token(world: &World, id: &str, own: &str, body: Value) -> Answer {
    verb(world, id, "tokens", own, &body.to_string()).await
}

/// A request that is signed by a key, at the engine's time and some seconds beside it.
async fn signed(world: &World, path: &str, message: &str, beside: i64, body: &str) -> Answer {
    let now = world.handle.clock().now().0 / 1_000;
    let at = i64::try_from(now).expect("a time") + beside;
    let webhook = Webhook::new(SECRET).expect("a secret");
    let signature = webhook.sign(message, at, body.as_bytes()).expect("text");
    let (at, signature) = (at.to_string(), format!("v1,AAAA {signature}"));
    let headers = [
        ("webhook-id", message),
        ("webhook-timestamp", at.as_str()),
        ("webhook-signature", signature.as_str()),
    ];
    world
        .send(Method::POST, path, &headers, body.to_owned())
        .await
}

fn outcome(answer: &Answer) -> (u16, Value) {
    (answer.status, answer.json()["outcome"].clone())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_answer_wins_and_each_hears_what_theirs_was() {
    let world = World::new().await;
    let (arn, own, _jobs) = world.waiting("puppet", json!({})).await;
    let id = id_of(&world, &arn).await;
    assert!(!own.contains(&id) && id.starts_with(arn.rsplit('/').next().expect("an id")));
    let first = verb(&world, &id, "succeed", &own, r#"{"a": 1}"#).await;
    assert_eq!(outcome(&first), (200, json!("applied")));
    assert!(first.json().get("duplicate").is_none());
    let again = verb(&world, "self", "succeed", &own, r#"{"a": 1}"#).await;
    assert_eq!(outcome(&again), (200, json!("duplicate")));
    assert_eq!(again.json()["duplicate"], true);
    verb(&world, &id, "succeed", &own, r#"{"a": 2}"#)
        .await
        .is_problem(409, "E0192");
    verb(&world, &id, "fail", &own, r#"{"message": "no"}"#)
        .await
        .is_problem(409, "E0192");
    for late in ["heartbeat", "progress"] {
        verb(&world, &id, late, &own, "{}")
            .await
            .is_problem(410, "E0119");
    }
    verb(&world, &id, "approve", &own, "{}")
        .await
        .is_problem(404, "E0111");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_is_told_in_our_own_words() {
    let world = World::new().await;
    let (arn, own, _jobs) = world.waiting("puppet", json!({})).await;
    let id = id_of(&world, &arn).await;
    let unknown = r#"{"message": "no", "stak": []}"#;
    verb(&world, &id, "fail", &own, unknown)
        .await
        .is_problem(400, "E0102");
    let failed = verb(&world, &id, "fail", &own, r#"{"message": "no sources"}"#).await;
    assert_eq!(outcome(&failed), (200, json!("applied")));
    let execution = arn.rsplit('/').next().expect("an id");
    let described = world.get(&format!("/executions/{execution}")).await.json();
    let operations = described["operations"].as_array().expect("a list").clone();
    let callback = operations.iter().find(|known| known["kind"] == "CALLBACK");
    let error = callback.expect("a callback")["error"].clone();
    assert_eq!(
        error,
        json!({ "kind": "AgentExecutionError", "message": "no sources" })
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn after_its_time_a_callback_is_gone() {
    let engine = everstep_engine::Options {
        clock: ClockMode::Skip,
        ..everstep_engine::Options::default()
    };
    let world = World::with(Arc::new(Memory::new()), engine, |_| ()).await;
    let (arn, own, mut jobs) = world
        .waiting("puppet", json!({ "TimeoutSeconds": 60 }))
        .await;
    jobs.recv()
        .await
        .expect("it is invoked when the time is over");
    let id = id_of(&world, &arn).await;
    verb(&world, &id, "succeed", &own, "1")
        .await
        .is_problem(410, "E0119");
    // The seeds' route says 200, and what it was.
    let late = json!({ "token": own, "status": "SUCCESS", "result": 1 });
    let late = world.post("/callbacks", &late).await;
    assert_eq!((late.status, &late.json()["late"]), (200, &json!(true)));
}

#[tokio::test(flavor = "multi_thread")]
async fn e0191_unknown_ids_and_wrong_credentials_look_alike() {
    let world = World::new().await;
    let (arn, own, _jobs) = world.waiting("puppet", json!({})).await;
    let id = id_of(&world, &arn).await;
    let (_, other, _jobs) = world.waiting("second", json!({})).await;
    let nobody = "0194f0c2-1111-7222-8333-444444440012.1.0";
    let none = world
        .send(Method::POST, &format!("/callbacks/{id}/succeed"), &[], "1")
        .await;
    let mut answers = vec![none];
    for (id, token) in [
        (nobody, own.as_str()),
        (nobody, "wrong"),
        (id.as_str(), "wrong"),
        (id.as_str(), other.as_str()),
        ("w-1", own.as_str()),
        ("self", "wrong"),
    ] {
        answers.push(verb(&world, id, "succeed", token, "1").await);
    }
    for answer in &answers {
        answer.is_problem(404, "E0191");
        assert_eq!(answer.bytes, answers[0].bytes);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn progress_is_kept_and_told_as_a_sentence() {
    let world = World::new().await;
    let (arn, own, _jobs) = world
        .waiting("puppet", json!({ "HeartbeatTimeoutSeconds": 600 }))
        .await;
    let id = id_of(&world, &arn).await;
    let note = r#"{"percent": 40, "message": "reading sources"}"#;
    let told = verb(&world, &id, "progress", &own, note).await;
    assert_eq!(outcome(&told), (200, json!("applied")));
    let execution = arn.rsplit('/').next().expect("an id");
    let described = world.get(&format!("/executions/{execution}")).await.json();
    let waiting = &described["waiting_for"][0];
    assert_eq!(waiting["progress"]["percent"], 40);
    assert_eq!(waiting["callback"], id.as_str());
    let text = waiting["text"].as_str().expect("a sentence");
    assert!(text.starts_with("waiting for callback cb, since"), "{text}");
    assert!(
        text.contains("last heartbeat") && text.contains("reading sources"),
        "{text}"
    );
    let long = format!("\"{}\"", "x".repeat(8 * 1024));
    verb(&world, &id, "progress", &own, &long)
        .await
        .is_problem(413, "E0103");
    verb(&world, &id, "progress", &own, "half way")
        .await
        .is_problem(400, "E0102");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_made_token_does_what_it_was_made_for_and_no_more() {
    let world = World::new().await;
    let (arn, own, _jobs) = world
        .waiting("puppet", json!({ "HeartbeatTimeoutSeconds": 600 }))
        .await;
    let id = id_of(&world, &arn).await;
    let asked =
        json!({ "audience": "researcher", "verbs": ["heartbeat", "progress"], "expires_in": 600 });
    let made = token(&world, &id, &own, asked).await;
    assert_eq!(made.status, 201);
    assert_eq!(made.header("cache-control"), Some("no-store"));
    let made = made.json();
    assert_eq!(made["verbs"], json!(["heartbeat", "progress"]));
    let made = made["token"].as_str().expect("a token").to_owned();
    let beat = verb(&world, &id, "heartbeat", &made, "").await;
    assert_eq!(outcome(&beat), (200, json!("applied")));
    verb(&world, &id, "succeed", &made, "1")
        .await
        .is_problem(404, "E0191");
    for (audience, status) in [("researcher", 200), ("writer", 404)] {
        let bearer = format!("Bearer {made}");
        let headers = [
            ("authorization", bearer.as_str()),
            ("everstep-audience", audience),
        ];
        let path = format!("/callbacks/{id}/heartbeat");
        let answer = world.send(Method::POST, &path, &headers, "").await;
        assert_eq!(answer.status, status, "{audience}");
    }
    let (other, _, _jobs) = world.waiting("second", json!({})).await;
    let other = id_of(&world, &other).await;
    verb(&world, &other, "heartbeat", &made, "")
        .await
        .is_problem(404, "E0191");
    // It makes no further ones, not even for itself.
    for id in [&id, &other] {
        let asked = json!({ "audience": "x" });
        token(&world, id, &made, asked)
            .await
            .is_problem(404, "E0191");
    }
    let who: Vec<Value> = history(&world, &arn).await["attempts"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|attempt| attempt["who"].clone())
        .collect();
    assert!(who.contains(&json!("researcher")), "{who:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_made_token_ends_with_its_time_and_changes_nothing_after_the_settle() {
    let world = World::new().await;
    let (arn, own, _jobs) = world.waiting("puppet", json!({})).await;
    let id = id_of(&world, &arn).await;
    let not_yet = json!({ "audience": "a", "expires_in": 600, "valid_in": 300 });
    let not_yet = token(&world, &id, &own, not_yet).await.json();
    let not_yet = not_yet["token"].as_str().expect("a token").to_owned();
    verb(&world, &id, "succeed", &not_yet, "1")
        .await
        .is_problem(404, "E0191");
    let good = token(&world, &id, &own, json!({ "audience": "a" }))
        .await
        .json();
    let good = good["token"].as_str().expect("a token").to_owned();
    assert_eq!(verb(&world, &id, "succeed", &own, "1").await.status, 200);
    verb(&world, &id, "fail", &good, "{}")
        .await
        .is_problem(409, "E0192");
    verb(&world, &id, "heartbeat", &good, "")
        .await
        .is_problem(410, "E0119");
    for wrong in [
        json!({ "audience": "" }),
        json!({ "audience": "a b" }),
        json!({ "audience": "a", "verbs": [] }),
        json!({ "audience": "a", "verbs": ["approve"] }),
        json!({ "audience": "a", "expires_in": 0 }),
        json!({ "audience": "a", "expires_in": 60, "valid_in": 60 }),
    ] {
        token(&world, &id, &own, wrong)
            .await
            .is_problem(400, "E0112");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signature_of_a_known_key_answers() {
    let world = world(|options| {
        let key: WebhookKey = SECRET.parse().expect("a key");
        options.callbacks.policy.webhook_keys.push(key);
    })
    .await;
    let (arn, own, _jobs) = world
        .waiting("puppet", json!({ "HeartbeatTimeoutSeconds": 600 }))
        .await;
    let id = id_of(&world, &arn).await;
    let path = |verb: &str| format!("/callbacks/{id}/{verb}");
    for beside in [-301, 301] {
        signed(&world, &path("succeed"), "msg_old", beside, "1")
            .await
            .is_problem(404, "E0191");
    }
    // Another operation of the execution is none of a signer's business.
    let execution = arn.rsplit('/').next().expect("an id");
    let inner = format!("/callbacks/{execution}.0.0/succeed");
    signed(&world, &inner, "msg_inner", 0, "1")
        .await
        .is_problem(404, "E0191");
    let beat = signed(&world, &path("heartbeat"), "msg_1", 0, "").await;
    assert_eq!(outcome(&beat), (200, json!("applied")));
    let replayed = signed(&world, &path("heartbeat"), "msg_1", 0, "").await;
    assert_eq!(outcome(&replayed), (200, json!("duplicate")));
    let done = signed(&world, &path("succeed"), "msg_2", 0, r#"{"by":"hook"}"#).await;
    assert_eq!(outcome(&done), (200, json!("applied")));
    let again = signed(&world, &path("succeed"), "msg_2", 0, r#"{"by":"hook"}"#).await;
    assert_eq!(outcome(&again), (200, json!("duplicate")));
    // An id is for what it was first used for, whatever becomes of that.
    let (second, _, _jobs) = world
        .waiting("second", json!({ "HeartbeatTimeoutSeconds": 600 }))
        .await;
    let other = id_of(&world, &second).await;
    let beat = signed(
        &world,
        &format!("/callbacks/{other}/heartbeat"),
        "msg_4",
        0,
        "",
    )
    .await;
    assert_eq!(outcome(&beat), (200, json!("applied")));
    for elsewhere in [
        format!("/callbacks/{other}/succeed"),
        format!("/callbacks/{other}/fail"),
        path("heartbeat"),
    ] {
        signed(&world, &elsewhere, "msg_4", 0, "")
            .await
            .is_problem(404, "E0191");
    }
    // What was signed before the server began may be known to a server that is no more.
    signed(&world, &path("heartbeat"), "msg_5", -120, "")
        .await
        .is_problem(404, "E0191");
    // A body that was changed on its way.
    let webhook = Webhook::new(SECRET).expect("a secret");
    let at = i64::try_from(world.handle.clock().now().0 / 1_000).expect("a time");
    let signature = webhook.sign("msg_3", at, b"1").expect("text");
    let at = at.to_string();
    let headers = [
        ("webhook-id", "msg_3"),
        ("webhook-timestamp", at.as_str()),
        ("webhook-signature", signature.as_str()),
    ];
    world
        .send(Method::POST, &path("succeed"), &headers, "2")
        .await
        .is_problem(404, "E0191");
    // The callback's own token is still good.
    let own = verb(&world, &id, "succeed", &own, r#"{"by":"hook"}"#).await;
    assert_eq!(outcome(&own), (200, json!("duplicate")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_definition_says_which_proofs_are_good_for_it() {
    let world = world(|options| {
        let key: WebhookKey = SECRET.parse().expect("a key");
        let policy = Policy {
            bearer: false,
            a2a: false,
            webhook_keys: vec![key],
        };
        let definitions = &mut options.callbacks.definitions;
        definitions.insert("paid".to_owned(), policy);
    })
    .await;
    let (arn, own, _jobs) = world.waiting("paid", json!({})).await;
    let id = id_of(&world, &arn).await;
    verb(&world, &id, "succeed", &own, "1")
        .await
        .is_problem(404, "E0191");
    let body = json!({ "token": own, "status": "SUCCESS", "result": 1 });
    let seeds = world.post("/callbacks", &body).await;
    assert_eq!((seeds.status, &seeds.json()["orphan"]), (200, &json!(true)));
    let path = format!("/callbacks/{id}/succeed");
    let done = signed(&world, &path, "msg_1", 0, "1").await;
    assert_eq!(outcome(&done), (200, json!("applied")));
    let (arn, own, _jobs) = world.waiting("other", json!({})).await;
    let id = id_of(&world, &arn).await;
    let path = format!("/callbacks/{id}/succeed");
    signed(&world, &path, "msg_2", 0, "1")
        .await
        .is_problem(404, "E0191");
    assert_eq!(verb(&world, &id, "succeed", &own, "1").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn e0193_too_many_requests_are_told_when_to_come_again() {
    let slow = Rate {
        per_second: 1,
        burst: 3,
    };
    let world = world(|options| {
        options.callbacks.rates.callback = slow;
        options.callbacks.rates.failures = slow;
    })
    .await;
    let (arn, own, _jobs) = world
        .waiting("puppet", json!({ "HeartbeatTimeoutSeconds": 600 }))
        .await;
    let id = id_of(&world, &arn).await;
    for token in [own.as_str(), "wrong"] {
        let mut statuses = Vec::new();
        loop {
            let answer = verb(&world, &id, "heartbeat", token, "").await;
            statuses.push(answer.status);
            if answer.status == 429 {
                answer.is_problem(429, "E0193");
                assert_eq!(answer.header("retry-after"), Some("1"));
                break;
            }
        }
        assert!(statuses.len() > 3, "{statuses:?}");
    }
    // Another token of it goes on, and so does another callback.
    let made = token(&world, &id, &own, json!({ "audience": "a" })).await;
    let made = made.json()["token"].as_str().expect("a token").to_owned();
    let beat = verb(&world, &id, "heartbeat", &made, "").await;
    assert_eq!(outcome(&beat), (200, json!("applied")));
    let (arn, own, _jobs) = world.waiting("second", json!({})).await;
    let id = id_of(&world, &arn).await;
    assert_eq!(verb(&world, &id, "succeed", &own, "1").await.status, 200);
    // The door counts wrong keys of the same address.
    let headers = [("authorization", "Bearer wrong")];
    let body = json!({ "token": "nobody", "status": "SUCCESS", "result": 1 });
    let seeds = world.send(Method::POST, "/callbacks", &headers, body.to_string());
    let seeds = seeds.await;
    assert_eq!(
        (seeds.status, seeds.header("retry-after")),
        (429, Some("1"))
    );
}

/// `serve` listens twice: what somebody sends counts once, whichever way it comes.
#[tokio::test(flavor = "multi_thread")]
async fn a_limit_is_one_for_all_addresses_of_a_server() {
    let slow = Rate {
        per_second: 1,
        burst: 40,
    };
    let traffic = everstep_server::Traffic::default();
    let change = |options: &mut Options| {
        options.callbacks.rates.failures = slow;
        options.traffic = traffic.clone();
    };
    let world = world(change).await;
    let mut second = Options::default();
    change(&mut second);
    let (address, serving) = everstep_server::Server::bind(second, world.handle.clone())
        .await
        .expect("a free port");
    tokio::spawn(serving);
    let elsewhere = format!("http://{address}/callbacks");
    let body = json!({ "token": "nobody", "status": "SUCCESS", "result": 1 });
    let began = std::time::Instant::now();
    let mut taken = 0_u64;
    let refused = loop {
        let here = world.post("/callbacks", &body).await.status;
        let there = world.client.post(&elsewhere).json(&body).send().await;
        let there = there.expect("an answer").status().as_u16();
        taken += u64::from(here == 200) + u64::from(there == 200);
        if here == 429 || there == 429 {
            break (here, there);
        }
    };
    // Each address by itself would have taken as many; more come only with time.
    let earned = began.elapsed().as_secs() + 1;
    assert!((40..=40 + earned).contains(&taken), "{taken}, {refused:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_token_stands_in_a_history_a_letter_or_an_error() {
    let world = World::new().await;
    let (arn, own, _jobs) = world.waiting("puppet", json!({})).await;
    let id = id_of(&world, &arn).await;
    let made = token(&world, &id, &own, json!({ "audience": "a" }))
        .await
        .json();
    let made = made["token"].as_str().expect("a token").to_owned();
    let mut told = Vec::new();
    for token in [&own, &made] {
        for body in ["1", "2", "{", ""] {
            told.push(verb(&world, &id, "succeed", token, body).await);
        }
        // Careless senders put it into the path.
        let path = format!("/callbacks/{token}");
        let body = json!({ "token": format!("{token}x"), "status": "SUCCESS", "result": 3 });
        let answer = world
            .post(&path.replace('/', "%2F").replacen("%2F", "/", 2), &body)
            .await;
        assert_eq!(answer.json()["orphan"], true);
    }
    told.push(world.get("/dead-letters").await);
    let letters = told.last().expect("letters").json();
    for letter in letters["letters"].as_array().expect("a list") {
        let id = letter["id"].as_str().expect("an id");
        told.push(world.get(&format!("/dead-letters/{id}")).await);
    }
    let execution = arn.rsplit('/').next().expect("an id");
    for path in ["callbacks", "events?data=true"] {
        if path == "callbacks" {
            told.push(world.get(&format!("/executions/{execution}/{path}")).await);
        }
    }
    let raw = STANDARD.decode(&own).expect("base64");
    for answer in &told {
        let text = String::from_utf8_lossy(&answer.bytes);
        assert!(!text.contains(&own) && !text.contains(&made), "{text}");
        assert!(!text.contains(&STANDARD.encode(&raw[51..])), "{text}");
    }
}
