//! Approvals over HTTP: each mistake with its code.

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Answer, World};

pub const FORM: &str = "application/x-www-form-urlencoded";

/// Asks Ann and Bob.
pub async fn ask(world: &World, more: Value) -> Value {
    let mut request =
        json!({ "title": "Publish?", "approvers": ["ann", "bob"], "requester": "carl" });
    for (name, value) in more.as_object().expect("members") {
        request[name] = value.clone();
    }
    let answer = world.post("/approvals", &request).await;
    assert_eq!(answer.status, 201, "{}", answer.json());
    answer.json()
}

pub fn path(approval: &Value, rest: &str) -> String {
    format!(
        "/approvals/{}{rest}",
        approval["id"].as_str().expect("an id")
    )
}

pub fn said(approval: &Value, by: &str, decision: &str) -> Value {
    json!({ "by": by, "decision": decision, "digest": approval["digest"] })
}

pub async fn decide(world: &World, approval: &Value, by: &str, decision: &str) -> Answer {
    let said = said(approval, by, decision);
    world.post(&path(approval, "/decide"), &said).await
}

fn ids(answer: &Answer) -> Vec<Value> {
    let approvals = answer.json()["approvals"].clone();
    let rows = approvals.as_array().expect("a list").iter();
    rows.map(|row| row["id"].clone()).collect()
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

    assert_eq!(
        ids(&world.get("/approvals?approver=ann&status=pending").await),
        [approval["id"].clone()]
    );
    let decided = decide(&world, &approval, "ann", "approve").await;
    assert_eq!(decided.json()["status"], "APPROVED", "{}", decided.json());
    let repeated = decide(&world, &approval, "ann", "approve").await;
    assert_eq!(
        (repeated.status, &repeated.json()["duplicate"]),
        (200, &json!(true))
    );
    assert!(ids(&world.get("/approvals?approver=ann&status=PENDING").await).is_empty());
    assert_eq!(
        ids(&world.get("/approvals?status=approved").await),
        [approval["id"].clone()]
    );

    let shown = world.get("/approvals/first").await.json();
    assert_eq!(shown["result"]["approved_by"], "ann");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_approval_has_an_audit_and_is_an_execution_like_any_other() {
    let world = World::new().await;
    let approval = ask(&world, json!({})).await;
    assert_eq!(
        decide(&world, &approval, "ann", "approve").await.status,
        200
    );
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
