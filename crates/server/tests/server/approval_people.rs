//! Who may do what with an approval: behind a closed door, on its pages, by a link, and once it has ended.

use std::sync::Arc;

use everstep_server::{Door, Key, Keys, Role, fingerprint};
use everstep_store::{Memory, Store};
use reqwest::Method;
use serde_json::{Value, json};

use crate::approvals::{FORM, ask, decide, path, said};
use crate::harness::{Answer, World};

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

/// What a browser does with the page of one approval.
struct Browser<'a> {
    world: &'a World,
    client: reqwest::Client,
    page: String,
    digest: String,
}

impl Browser<'_> {
    async fn sign(&self, key: &str) -> reqwest::Response {
        let sent = self
            .client
            .post(format!("{}/approvals/sign-in", self.world.base))
            .header("content-type", FORM)
            .body(format!("key={key}&next=/approvals/inbox"));
        sent.send().await.expect("an answer")
    }

    /// What a form of the page proves itself with.
    async fn proof(&self, cookie: &str) -> String {
        let shown = self.client.get(&self.page).header("cookie", cookie).send();
        let html = shown.await.expect("an answer").text();
        let html = html.await.expect("a page");
        let rest = html.split("name=\"proof\" value=\"").nth(1);
        let proof = rest.and_then(|rest| rest.split('"').next());
        proof.expect("a proof").to_owned()
    }

    async fn approve(&self, proof: &str, cookie: &str, site: &str) -> u16 {
        let sent = self
            .client
            .post(&self.page)
            .header("content-type", FORM)
            .header("cookie", cookie)
            .header("sec-fetch-site", site)
            .body(format!(
                "decision=approve&digest={}&proof={proof}",
                self.digest
            ));
        sent.send().await.expect("an answer").status().as_u16()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_ask_for_a_key_once_and_forms_prove_where_they_come_from() {
    let world = behind_a_door().await;
    let request = json!({ "title": "x", "approvers": ["ann"] });
    let approval = by(&world, "carl", "/approvals", &request).await.json();
    let browser = Browser {
        world: &world,
        client: browser(),
        page: format!("{}{}", world.base, path(&approval, "/page")),
        digest: approval["digest"].as_str().expect("a digest").to_owned(),
    };
    let first = browser.client.get(&browser.page).send().await;
    let first = first.expect("an answer");
    assert_eq!(first.status(), 303);
    let sign_in = first.headers()["location"].to_str().expect("a path");
    assert!(
        sign_in.starts_with("/approvals/sign-in?next=/approvals/"),
        "{sign_in}"
    );
    assert_eq!(browser.sign("nobody's").await.status(), 401);
    assert_eq!(browser.sign("key-of-eye").await.status(), 403);
    let signed = browser.sign("key-of-ann").await;
    assert_eq!(signed.status(), 303);
    let cookie = signed.headers()["set-cookie"].to_str().expect("a cookie");
    assert!(
        cookie.contains("HttpOnly")
            && cookie.contains("SameSite=Lax")
            && !cookie.contains("key-of-ann"),
        "{cookie}"
    );
    let cookie = cookie.split(';').next().expect("a pair").to_owned();
    let proof = browser.proof(&cookie).await;
    for (proof, site) in [
        ("", "same-origin"),
        ("wrong", "same-origin"),
        (&proof, "cross-site"),
    ] {
        assert_eq!(browser.approve(proof, &cookie, site).await, 403);
    }
    let forged = "everstep-approvals=e30.1.AAAA";
    let again = browser.approve(&proof, forged, "same-origin").await;
    assert_eq!(again, 303, "to sign in again");
    let comments = path(&approval, "/comments");
    let open = by(&world, "ann", &comments, &json!({ "text": "still open" })).await;
    assert_eq!(open.status, 200);
    assert_eq!(browser.approve(&proof, &cookie, "same-origin").await, 303);
    let headers = [("authorization", "Bearer key-of-ann")];
    let shown = path(&approval, "");
    let shown = world.send(Method::GET, &shown, &headers, "").await.json();
    assert_eq!(
        (&shown["status"], &shown["votes"][0]["via"]),
        (&json!("APPROVED"), &json!("page"))
    );
}

/// It is led nowhere by itself.
fn browser() -> reqwest::Client {
    let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none());
    client.build().expect("a client")
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
        for path in [&stop, &format!("{execution}/cancel")] {
            let stopped = by(&world, name, path, &json!({})).await;
            stopped.is_problem(403, "E0186");
        }
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
