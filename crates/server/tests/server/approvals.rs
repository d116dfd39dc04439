//! Approvals over HTTP: each mistake with its code, and who may do what behind a closed door.

use std::sync::Arc;

use everstep_server::{Door, Key, Keys, Role, fingerprint};
use everstep_store::{Memory, Store};
use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Answer, World};

const FORM: &str = "application/x-www-form-urlencoded";

/// Asks Ann and Bob.
async fn ask(world: &World, more: Value) -> Value {
    let mut request =
        json!({ "title": "Publish?", "approvers": ["ann", "bob"], "requester": "carl" });
    for (name, value) in more.as_object().expect("members") {
        request[name] = value.clone();
    }
    let answer = world.post("/approvals", &request).await;
    assert_eq!(answer.status, 201, "{}", answer.json());
    answer.json()
}

fn path(approval: &Value, rest: &str) -> String {
    format!(
        "/approvals/{}{rest}",
        approval["id"].as_str().expect("an id")
    )
}

fn said(approval: &Value, by: &str, decision: &str) -> Value {
    json!({ "by": by, "decision": decision, "digest": approval["digest"] })
}

async fn decide(world: &World, approval: &Value, by: &str, decision: &str) -> Answer {
    let said = said(approval, by, decision);
    world.post(&path(approval, "/decide"), &said).await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_approval_is_asked_shown_decided_and_listed() {
    let world = World::new().await;
    let asked = json!({ "summary": "Read it.", "details": { "cost": 5 }, "name": "first" });
    let approval = ask(&world, asked.clone()).await;
    assert_eq!(approval["status"], "PENDING");
    assert_eq!(approval["details"]["cost"], 5);
    assert_eq!(
        approval["approvers"],
        json!([{ "user": "ann" }, { "user": "bob" }])
    );

    let mut same = json!({ "title": "Publish?", "approvers": ["ann", "bob"], "requester": "carl" });
    same.as_object_mut()
        .expect("an object")
        .extend(asked.as_object().expect("an object").clone());
    let repeated = world.post("/approvals", &same).await;
    assert_eq!(
        (repeated.status, &repeated.json()["id"]),
        (200, &approval["id"])
    );
    same["approvers"] = json!(["eve"]);
    world
        .post("/approvals", &same)
        .await
        .is_problem(409, "E0113");

    let ids = |answer: Answer| -> Vec<Value> {
        let approvals = answer.json()["approvals"].clone();
        approvals
            .as_array()
            .expect("a list")
            .iter()
            .map(|row| row["id"].clone())
            .collect()
    };
    assert_eq!(
        ids(world.get("/approvals?approver=ann&status=pending").await),
        [approval["id"].clone()]
    );
    let decided = decide(&world, &approval, "ann", "approve").await;
    assert_eq!(decided.json()["status"], "APPROVED", "{}", decided.json());
    let repeated = decide(&world, &approval, "ann", "approve").await;
    assert_eq!(
        (repeated.status, &repeated.json()["duplicate"]),
        (200, &json!(true))
    );
    assert!(ids(world.get("/approvals?approver=ann&status=PENDING").await).is_empty());
    assert_eq!(
        ids(world.get("/approvals?status=approved").await),
        [approval["id"].clone()]
    );

    let shown = world.get("/approvals/first").await.json();
    assert_eq!(shown["result"]["approved_by"], "ann");
    let audit = world.get(&path(&approval, "/audit")).await.json();
    let entries = audit["audit"].as_array().expect("a list");
    let events: Vec<_> = entries
        .iter()
        .map(|entry| entry["event"].as_str().expect("a name"))
        .collect();
    assert_eq!(
        events,
        ["ApprovalRequested", "ApprovalVoted", "ApprovalDecided"]
    );
    assert_eq!(entries[1]["digest"], approval["digest"]);
    assert_eq!(
        (&entries[1]["by"], &entries[1]["via"], &entries[1]["peer"]),
        (&json!("ann"), &json!("api"), &json!("127.0.0.1"))
    );

    // It is an execution like any other.
    let execution = world
        .get(&format!(
            "/executions/{}",
            approval["id"].as_str().expect("an id")
        ))
        .await
        .json();
    assert_eq!(execution["execution"]["kind"], "APPROVAL");
    assert_eq!(execution["result"]["approved"], true);
    let history = world
        .get(&format!(
            "/executions/{}/history",
            approval["id"].as_str().expect("an id")
        ))
        .await
        .json();
    assert_eq!(history["events"][2]["EventType"], "ApprovalDecided");
}

#[tokio::test(flavor = "multi_thread")]
async fn e0220_unknown_approval() {
    let world = World::new().await;
    let (arn, _, _jobs) = world.waiting("waits", json!({})).await;
    let other = arn.rsplit('/').next().expect("an id");
    for id in ["nothing", "00000000-0000-7000-8000-000000000000", other] {
        world
            .get(&format!("/approvals/{id}"))
            .await
            .is_problem(404, "E0220");
        let body = json!({ "by": "ann", "decision": "approve", "digest": "" });
        world
            .post(&format!("/approvals/{id}/decide"), &body)
            .await
            .is_problem(404, "E0220");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn e0221_stale_digest() {
    let world = World::new().await;
    let first = ask(&world, json!({})).await;
    let mut changes = said(&first, "ann", "request_changes");
    world
        .post(&path(&first, "/decide"), &changes)
        .await
        .is_problem(400, "E0112");
    changes["comment"] = json!("shorter");
    let ended = world.post(&path(&first, "/decide"), &changes).await.json();
    assert_eq!(ended["result"]["feedback"], "shorter");
    let second = ask(
        &world,
        json!({ "summary": "short", "previous": first["id"] }),
    )
    .await;
    assert_eq!(
        (&second["round"], &second["previous"]),
        (&json!(2), &first["id"])
    );
    let stale = json!({ "by": "ann", "decision": "approve", "digest": first["digest"] });
    world
        .post(&path(&second, "/decide"), &stale)
        .await
        .is_problem(409, "E0221");
    assert_eq!(decide(&world, &second, "ann", "approve").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn e0222_not_asked_and_e0223_decided() {
    let world = World::new().await;
    let approval = ask(&world, json!({})).await;
    decide(&world, &approval, "eve", "approve")
        .await
        .is_problem(403, "E0222");
    let own = ask(&world, json!({ "approvers": ["carl", "ann"] })).await;
    decide(&world, &own, "carl", "approve")
        .await
        .is_problem(403, "E0222");
    assert_eq!(decide(&world, &approval, "bob", "reject").await.status, 200);
    let late = decide(&world, &approval, "ann", "approve").await;
    late.is_problem(409, "E0223");
    let detail = late.json()["detail"].to_string();
    assert!(
        detail.contains("It has been decided: REJECTED by bob at "),
        "{detail}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn e0225_wrong_form() {
    let world = World::new().await;
    let wrong = json!({ "title": "x", "form": { "type": "string" } });
    world
        .post("/approvals", &wrong)
        .await
        .is_problem(400, "E0225");
    let form = json!({ "type": "object", "required": ["budget"], "properties": { "budget": { "type": "integer" } } });
    let approval = ask(&world, json!({ "form": form })).await;
    let mut said = said(&approval, "ann", "approve");
    for values in [Value::Null, json!({}), json!({ "budget": "much" })] {
        said["form"] = values;
        world
            .post(&path(&approval, "/decide"), &said)
            .await
            .is_problem(400, "E0225");
    }
    said["form"] = json!({ "budget": 5 });
    let decided = world.post(&path(&approval, "/decide"), &said).await.json();
    assert_eq!(decided["result"]["form"], json!({ "budget": 5 }));
}

#[tokio::test(flavor = "multi_thread")]
async fn e0226_not_handed_on_and_e0227_unnamed() {
    let world = World::new().await;
    let approval = ask(&world, json!({ "delegation": false })).await;
    let mut handed = json!({ "by": "eve", "to": "dora" });
    world
        .post(&path(&approval, "/delegate"), &handed)
        .await
        .is_problem(409, "E0226");
    handed["from"] = json!("ann");
    let shown = world
        .post(&path(&approval, "/delegate"), &handed)
        .await
        .json();
    assert_eq!(
        shown["approvers"][1],
        json!({ "user": "dora", "from": { "user": "ann" } }),
        "an open door administers"
    );
    let unnamed = json!({ "decision": "approve", "digest": approval["digest"] });
    world
        .post(&path(&approval, "/decide"), &unnamed)
        .await
        .is_problem(400, "E0227");
}

#[tokio::test(flavor = "multi_thread")]
async fn e0224_a_link_shows_by_get_and_decides_once_by_post() {
    let world = World::new().await;
    let approval = ask(&world, json!({ "quorum": 2 })).await;
    let made = world
        .post(&path(&approval, "/links"), &json!({ "approver": "ann" }))
        .await;
    assert_eq!(made.status, 201);
    let url = made.json()["url"].as_str().expect("an address").to_owned();
    let link = url.strip_prefix(&world.base).expect("our own").to_owned();
    for _ in 0..3 {
        let page = world.get(&link).await;
        assert_eq!(
            (
                page.status,
                page.header("referrer-policy"),
                page.header("cache-control")
            ),
            (200, Some("same-origin"), Some("no-store"))
        );
        let policy = page.header("content-security-policy").expect("a policy");
        assert!(
            policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"),
            "{policy}"
        );
    }
    assert_eq!(
        world.get(&path(&approval, "")).await.json()["votes"],
        json!([])
    );
    let form = format!(
        "decision=approve&digest={}&comment=good",
        approval["digest"].as_str().expect("a digest")
    );
    let send = |form: String| world.send(Method::POST, &link, &[("content-type", FORM)], form);
    let stale = send("decision=approve&digest=00".to_owned()).await;
    assert_eq!(stale.status, 409);
    assert_eq!(send(form.clone()).await.status, 200);
    assert_eq!(send(form.clone()).await.status, 200, "the same again");
    let other = send(form.replace("approve", "reject")).await;
    assert_eq!(other.status, 410);
    assert!(String::from_utf8_lossy(&other.bytes).contains("E0224"));
    assert_eq!(world.get(&link).await.status, 410);
    let votes = world.get(&path(&approval, "")).await.json()["votes"].clone();
    assert_eq!(
        (&votes[0]["by"], &votes[0]["via"]),
        (&json!("ann"), &json!("link"))
    );
    // Any other text is no link, and all of them look alike.
    let mut changed = link.clone();
    let last = changed.pop().expect("a text");
    changed.push(if last == 'A' { 'Q' } else { 'A' });
    let (damaged, nothing) = (
        world.get(&changed).await,
        world.get("/approvals/link/nothing").await,
    );
    assert_eq!((damaged.status, nothing.status), (404, 404));
    assert_eq!(damaged.bytes, nothing.bytes);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_asked_is_checked() {
    let world = World::new().await;
    for (member, value) in [
        ("title", json!("")),
        ("title", json!("two\nlines")),
        ("quorum", json!(0)),
        ("quorum", json!(3)),
        ("expires_in", json!("soon")),
        ("expires_in", json!("400d")),
        ("due", json!("2001-01-01T00:00:00Z")),
        ("reminders", json!(["x"])),
        ("on_expiry", json!("escalate")),
        ("escalation", json!({ "to": [] })),
        ("approvers", json!([" ann"])),
        ("retention_days", json!(0)),
        ("name", json!("a b")),
    ] {
        let mut request = json!({ "title": "x", "approvers": ["ann", "bob"] });
        request[member] = value.clone();
        let answer = world.post("/approvals", &request).await;
        assert_eq!(answer.status, 400, "{member}={value}: {}", answer.json());
    }
    let unknown = json!({ "title": "x", "aprovers": [] });
    world
        .post("/approvals", &unknown)
        .await
        .is_problem(400, "E0102");
    let forged = json!({ "title": "x", "callback": "bm90aGluZw==" });
    world
        .post("/approvals", &forged)
        .await
        .is_problem(400, "E0105");
    let never = json!({ "title": "x", "on_expiry": "approve" });
    world
        .post("/approvals", &never)
        .await
        .is_problem(400, "E0102");
}

/// A closed door with a key for each of these.
async fn behind_a_door() -> World {
    let keys = Keys::default();
    let key = |(name, role, groups): (&str, Role, &[&str])| Key {
        name: name.to_owned(),
        role,
        groups: groups.iter().map(|group| (*group).to_owned()).collect(),
        access: None,
        api_key: fingerprint(&format!("key-of-{name}")),
        expires: None,
    };
    let all: [(&str, Role, &[&str]); 6] = [
        ("ann", Role::Operate, &[]),
        ("bob", Role::Operate, &["board"]),
        ("carl", Role::Operate, &[]),
        ("root", Role::Admin, &[]),
        ("eye", Role::Read, &[]),
        ("robot", Role::Agent, &[]),
    ];
    keys.replace(all.into_iter().map(key).collect());
    let engine = everstep_engine::Options::default();
    World::with(Arc::new(Memory::new()), engine, |options| {
        options.door = Door {
            keys,
            open: false,
            ..Door::default()
        };
    })
    .await
}

async fn by(world: &World, name: &str, path: &str, body: &Value) -> Answer {
    let key = format!("Bearer key-of-{name}");
    world
        .send(
            Method::POST,
            path,
            &[("authorization", &key)],
            body.to_string(),
        )
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn behind_a_door_a_key_is_who_decides() {
    let world = behind_a_door().await;
    let request =
        json!({ "title": "x", "approvers": ["ann", "eye", "robot", "carl", "group:board"] });
    world
        .post("/approvals", &request)
        .await
        .is_problem(401, "E0180");
    let approval = by(&world, "carl", "/approvals", &request).await.json();
    assert_eq!(approval["requester"], "carl");
    let (decide, digest) = (path(&approval, "/decide"), approval["digest"].clone());
    let approve = json!({ "decision": "approve", "digest": digest });
    world.post(&decide, &approve).await.is_problem(401, "E0180");
    by(&world, "carl", &decide, &approve)
        .await
        .is_problem(403, "E0222");
    by(&world, "eye", &decide, &approve)
        .await
        .is_problem(403, "E0186");
    by(&world, "robot", &decide, &approve)
        .await
        .is_problem(403, "E0186");
    let for_ann = json!({ "by": "ann", "decision": "approve", "digest": digest });
    by(&world, "bob", &decide, &for_ann)
        .await
        .is_problem(403, "E0186");
    let links = path(&approval, "/links");
    let wanted = json!({ "approver": "ann" });
    by(&world, "carl", &links, &wanted)
        .await
        .is_problem(403, "E0186");
    assert_eq!(by(&world, "root", &links, &wanted).await.status, 201);
    by(
        &world,
        "ann",
        &path(&approval, "/cancel"),
        &json!({ "reason": "x" }),
    )
    .await
    .is_problem(403, "E0186");
    let decided = by(&world, "bob", &decide, &approve).await.json();
    assert_eq!(
        decided["result"]["approved_by"], "bob",
        "a member of the group"
    );

    // Whoever has somebody else's wish asked does not decide it either.
    let request = json!({ "title": "y", "requester": "dora", "approvers": ["carl", "ann"] });
    let approval = by(&world, "carl", "/approvals", &request).await.json();
    assert_eq!(
        (&approval["requester"], &approval["started_by"]),
        (&json!("dora"), &json!("carl"))
    );
    let approve = json!({ "decision": "approve", "digest": approval["digest"] });
    by(&world, "carl", &path(&approval, "/decide"), &approve)
        .await
        .is_problem(403, "E0222");
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_ask_for_a_key_once_and_forms_prove_where_they_come_from() {
    let world = behind_a_door().await;
    let client = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .expect("a client");
    let request = json!({ "title": "x", "approvers": ["ann"] });
    let approval = by(&world, "carl", "/approvals", &request).await.json();
    let page = format!("{}{}", world.base, path(&approval, "/page"));
    let first = client.get(&page).send().await.expect("an answer");
    assert_eq!(first.status(), 303);
    let sign_in = first.headers()["location"]
        .to_str()
        .expect("a path")
        .to_owned();
    assert!(
        sign_in.starts_with("/approvals/sign-in?next=/approvals/"),
        "{sign_in}"
    );
    let sign = async |key: &str| {
        let body = format!("key={key}&next=/approvals/inbox");
        let sent = client
            .post(format!("{}/approvals/sign-in", world.base))
            .header("content-type", FORM)
            .body(body);
        sent.send().await.expect("an answer")
    };
    assert_eq!(sign("nobody's").await.status(), 401);
    assert_eq!(sign("key-of-eye").await.status(), 403);
    let signed = sign("key-of-ann").await;
    assert_eq!(signed.status(), 303);
    let cookie = signed.headers()["set-cookie"]
        .to_str()
        .expect("a cookie")
        .to_owned();
    assert!(
        cookie.contains("HttpOnly")
            && cookie.contains("SameSite=Lax")
            && !cookie.contains("key-of-ann"),
        "{cookie}"
    );
    let cookie = cookie.split(';').next().expect("a pair").to_owned();
    let html = client
        .get(&page)
        .header("cookie", &cookie)
        .send()
        .await
        .expect("an answer")
        .text()
        .await
        .expect("a page");
    let proof = html
        .split("name=\"proof\" value=\"")
        .nth(1)
        .and_then(|rest| rest.split('"').next())
        .expect("a proof")
        .to_owned();
    let digest = approval["digest"].as_str().expect("a digest");
    let post = async |proof: &str, cookie: &str, site: &str| {
        let body = format!("decision=approve&digest={digest}&proof={proof}");
        let sent = client
            .post(&page)
            .header("content-type", FORM)
            .header("cookie", cookie)
            .header("sec-fetch-site", site)
            .body(body);
        sent.send().await.expect("an answer").status().as_u16()
    };
    assert_eq!(post("", &cookie, "same-origin").await, 403);
    assert_eq!(post("wrong", &cookie, "same-origin").await, 403);
    assert_eq!(post(&proof, &cookie, "cross-site").await, 403);
    assert_eq!(
        post(&proof, "everstep-approvals=e30.1.AAAA", "same-origin").await,
        303,
        "to sign in again"
    );
    assert_eq!(
        by(
            &world,
            "ann",
            &path(&approval, "/comments"),
            &json!({ "text": "still open" })
        )
        .await
        .status,
        200
    );
    assert_eq!(post(&proof, &cookie, "same-origin").await, 303);
    let shown = world
        .send(
            Method::GET,
            &path(&approval, ""),
            &[("authorization", "Bearer key-of-ann")],
            "",
        )
        .await
        .json();
    assert_eq!(
        (&shown["status"], &shown["votes"][0]["via"]),
        (&json!("APPROVED"), &json!("page"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_that_is_over_repeats_its_decision_and_does_nothing_else() {
    let world = World::new().await;
    let approval = ask(&world, json!({ "quorum": 2 })).await;
    let made = world
        .post(
            &path(&approval, "/links"),
            &json!({ "approver": "ann", "expires_in": 1 }),
        )
        .await;
    let url = made.json()["url"].as_str().expect("an address").to_owned();
    let link = url.strip_prefix(&world.base).expect("our own").to_owned();
    let gone = async || world.get(&link).await.status == 410;
    while !gone().await {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    for form in [
        "decision=delegate&to=mallory",
        "decision=ask&text=why",
        "decision=comment&text=hm",
        &format!(
            "decision=approve&digest={}",
            approval["digest"].as_str().expect("a digest")
        ),
    ] {
        let sent = world.send(
            Method::POST,
            &link,
            &[("content-type", FORM)],
            form.to_owned(),
        );
        assert_eq!(sent.await.status, 410, "{form}");
    }
    let shown = world.get(&path(&approval, "")).await.json();
    assert_eq!(
        (&shown["comments"], &shown["votes"]),
        (&json!([]), &json!([]))
    );
    assert_eq!(
        shown["approvers"],
        json!([{ "user": "ann" }, { "user": "bob" }])
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_approval_is_stopped_as_it_is_cancelled_and_deleted_by_administrators() {
    let world = behind_a_door().await;
    let request = json!({ "title": "x", "approvers": ["ann"] });
    let approval = by(&world, "carl", "/approvals", &request).await.json();
    let execution = format!("/executions/{}", approval["id"].as_str().expect("an id"));
    let stop = format!("{execution}/stop");
    for name in ["ann", "bob"] {
        by(&world, name, &stop, &json!({}))
            .await
            .is_problem(403, "E0186");
    }
    let why = json!({ "ErrorMessage": "Not needed" });
    let stopped = by(&world, "carl", &stop, &why).await;
    assert_eq!(stopped.status, 200, "{}", stopped.json());
    let again = by(&world, "bob", &stop, &json!({})).await;
    assert_eq!(again.status, 200, "one that has ended stays as it is");
    let as_key = |name: &str| format!("Bearer key-of-{name}");
    let key = as_key("carl");
    let headers = [("authorization", key.as_str())];
    let audit = world
        .send(Method::GET, &path(&approval, "/audit"), &headers, "")
        .await
        .json();
    let last = audit["audit"]
        .as_array()
        .expect("a list")
        .last()
        .expect("an entry")
        .clone();
    assert_eq!(
        (&last["event"], &last["by"]),
        (&json!("ApprovalCancelled"), &json!("carl"))
    );
    world
        .send(Method::DELETE, &execution, &headers, "")
        .await
        .is_problem(403, "E0186");
    let arn = format!(
        "arn:aws:lambda:us-west-2:000000000000:function:f:1/durable-execution/n/{}",
        approval["id"].as_str().expect("an id")
    );
    let aws = format!(
        "/2025-12-01/durable-executions/{}",
        crate::harness::encoded(&arn)
    );
    let deleted = world.send(Method::DELETE, &aws, &headers, "").await;
    assert_eq!(
        deleted.status,
        404,
        "{}",
        String::from_utf8_lossy(&deleted.bytes)
    );
    let key = as_key("root");
    let headers = [("authorization", key.as_str())];
    let deleted = world.send(Method::DELETE, &execution, &headers, "").await;
    assert_eq!(deleted.status, 200, "{}", deleted.json());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forms_values_are_bounded_and_late_ones_that_do_not_fit_are_not_kept() {
    let world = World::new().await;
    let form = json!({ "type": "object", "properties": { "why": { "type": "string" } } });
    let approval = ask(&world, json!({ "form": form })).await;
    let mut said = said(&approval, "ann", "approve");
    said["form"] = json!({ "why": "x".repeat(256 * 1024) });
    world
        .post(&path(&approval, "/decide"), &said)
        .await
        .is_problem(413, "E0103");
    said["form"] = json!({ "why": "good" });
    assert_eq!(
        world.post(&path(&approval, "/decide"), &said).await.status,
        200
    );
    said["by"] = json!("bob");
    said["form"] = json!({ "why": 7 });
    world
        .post(&path(&approval, "/decide"), &said)
        .await
        .is_problem(409, "E0223");
    let audit = world.get(&path(&approval, "/audit")).await.json();
    let late = audit["audit"]
        .as_array()
        .expect("a list")
        .last()
        .expect("an entry")
        .clone();
    assert_eq!(
        (&late["event"], &late["form"]),
        (&json!("ApprovalVotedLate"), &Value::Null)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_guesses_links_or_keys_is_told_to_wait() {
    let slow = everstep_server::Rate {
        per_second: 1,
        burst: 3,
    };
    let engine = everstep_engine::Options::default();
    let world = World::with(Arc::new(Memory::new()), engine, |options| {
        options.callbacks.rates.failures = slow;
        options.door.open = false;
    })
    .await;
    let statuses = async |post: bool| {
        let mut statuses = Vec::new();
        while statuses.last() != Some(&429) {
            let answer = match post {
                true => {
                    world
                        .send(
                            Method::POST,
                            "/approvals/sign-in",
                            &[("content-type", FORM)],
                            "key=guess",
                        )
                        .await
                }
                false => world.get("/approvals/link/guess").await,
            };
            statuses.push(answer.status);
        }
        statuses
    };
    let links = statuses(false).await;
    assert!(links.len() > 3 && links[0] == 404, "{links:?}");
    assert!(!statuses(true).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_inbox_shows_what_is_due_first_however_old_it_is() {
    let world = World::new().await;
    let urgent = json!({ "title": "Urgent", "approvers": ["ann"], "expires_in": "1h" });
    assert_eq!(world.post("/approvals", &urgent).await.status, 201);
    for number in 0..205 {
        let later = json!({ "title": format!("Later {number}"), "approvers": ["ann"] });
        assert_eq!(world.post("/approvals", &later).await.status, 201);
    }
    let client = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .expect("a client");
    let sent = client
        .post(format!("{}/approvals/sign-in", world.base))
        .header("content-type", FORM)
        .body("name=ann");
    let signed = sent.send().await.expect("an answer");
    let cookie = signed.headers()["set-cookie"]
        .to_str()
        .expect("a cookie")
        .to_owned();
    let cookie = cookie.split(';').next().expect("a pair").to_owned();
    let inbox = world
        .send(Method::GET, "/approvals/inbox", &[("cookie", &cookie)], "")
        .await;
    let html = String::from_utf8_lossy(&inbox.bytes).into_owned();
    let first = html.find("class=\"title\">").expect("a row");
    assert!(
        html[first..].starts_with("class=\"title\">Urgent"),
        "{html}"
    );
    assert!(html.contains("6 more wait."), "{html}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_decision_arrives_and_no_journal_holds_the_token_that_it_answers() {
    let store = Arc::new(Memory::new());
    let engine = everstep_engine::Options::default();
    let world = World::with(Arc::clone(&store) as Arc<dyn Store>, engine, |_| ()).await;
    let (_, token, mut jobs) = world.waiting("puppet", json!({})).await;
    let approval = ask(&world, json!({ "callback": token })).await;
    assert_eq!(
        decide(&world, &approval, "ann", "approve").await.status,
        200
    );
    let job = jobs.recv().await.expect("it goes on");
    let shown = format!("{:?}", job.invocation.operations);
    assert!(shown.contains("APPROVED"), "{shown}");
    let id = approval["id"]
        .as_str()
        .expect("an id")
        .parse()
        .expect("an id");
    let journal = store.journal(
        id,
        everstep_core::Sequence(0),
        everstep_store::Direction::Forward,
        1_000,
    );
    let journal = journal.expect("a journal");
    assert!(!journal.is_empty());
    let written = format!("{journal:?}");
    let bytes = |needle: &[u8]| {
        journal
            .iter()
            .any(|row| row.batch.windows(needle.len()).any(|part| part == needle))
    };
    assert!(bytes(b"callback:"), "it has the address: {written}");
    assert!(!bytes(token.as_bytes()));
}
