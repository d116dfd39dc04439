//! Results come by push, by looking, early, twice, late, by reference, large and odd.

use everstep_research::agent::Agents as _;
use serde_json::{Value, json};

use crate::agents::Manners;
use crate::drive::{agent_of, everybody_answers, invoke, result, run, settle, started};
use crate::world::World;

/// The agents work on and finish by the third look; only the person answers of their own accord.
fn nobody_pushes(world: &World, callback: &str) -> bool {
    if callback == "human_approval" {
        return everybody_answers(world, callback);
    }
    world.agent(agent_of(callback), |agent| {
        if agent.looks >= 2 {
            agent.finish("TASK_STATE_COMPLETED");
        }
    });
    false
}

#[tokio::test]
async fn a_lost_push_is_made_up_for_by_looking() {
    let world = started().await;
    let answer = run(&world, &nobody_pushes).await;
    assert_eq!(result(&answer)["status"], "COMPLETED");
    for agent in ["researcher", "analyst", "writer"] {
        assert_eq!(
            world.agent(agent, |agent| (agent.looks, agent.tasks.len())),
            (3, 1),
            "{agent}"
        );
    }
    let state = world.lock();
    let waits = |name: &str| {
        let own = state
            .execution
            .operations
            .iter()
            .filter(|operation| operation.get("Name") == Some(&json!(name)));
        own.filter(|operation| operation["Type"] == "WAIT").count()
    };
    assert_eq!(waits("research_phase_poll_wait"), 3);
    assert_eq!(
        state.execution.status("research_phase_await"),
        Some("SUCCEEDED"),
        "the wait is closed with what was found"
    );
}

#[tokio::test]
async fn a_push_that_comes_late_or_twice_changes_nothing() {
    let world = started().await;
    let answer = run(&world, &|world: &World, callback: &str| {
        let acted = nobody_pushes(world, callback);
        if callback == "human_approval" {
            assert!(!settle(
                world,
                "research_phase_await",
                &json!({ "summary": "late and different" })
            ));
            assert!(
                !settle(world, "human_approval", &json!({ "approved": false })),
                "the first decision counts"
            );
        }
        acted
    })
    .await;
    assert_eq!(result(&answer)["status"], "COMPLETED");
    let data = world.agent("analyst", |agent| {
        agent.messages[0]["message"]["parts"][0]["data"].clone()
    });
    assert_eq!(data["research_data"]["summary"], "what was found");
}

#[tokio::test]
async fn a_push_that_overtakes_the_reply_counts() {
    let world = started().await;
    for agent in ["researcher", "analyst", "writer"] {
        world.agent(agent, |agent| agent.manners = Manners::PushesEarly);
    }
    let answer = run(&world, &|world: &World, callback: &str| {
        callback == "human_approval" && everybody_answers(world, callback)
    })
    .await;
    assert_eq!(result(&answer)["status"], "COMPLETED");
    assert_eq!(
        world.agent("researcher", |agent| (agent.looks, agent.tasks.len())),
        (0, 1)
    );
}

#[tokio::test]
async fn answers_that_are_final_at_once_need_no_wait() {
    for manners in [Manners::FinishesAtOnce, Manners::AnswersWithMessage] {
        let world = started().await;
        for agent in ["researcher", "analyst", "writer"] {
            world.agent(agent, |agent| agent.manners = manners);
        }
        let person = |world: &World, callback: &str| {
            callback == "human_approval" && everybody_answers(world, callback)
        };
        assert_eq!(
            result(&run(&world, &person).await)["status"],
            "COMPLETED",
            "{manners:?}"
        );
        let state = world.lock();
        assert_eq!(
            state.execution.status("writing_phase_await"),
            Some("SUCCEEDED"),
            "{manners:?}"
        );
        assert!(
            state
                .execution
                .operations
                .iter()
                .all(|operation| operation["Type"] != "WAIT"),
            "{manners:?}"
        );
    }
}

#[tokio::test]
async fn an_agent_that_lost_its_task_gets_a_new_generation() {
    let world = started().await;
    let answer = run(&world, &|world: &World, callback: &str| {
        if callback == "research_phase_await" {
            return world.agent("researcher", |agent| {
                match agent.messages.len() {
                    1 => agent.tasks.clear(),
                    _ => agent.finish("TASK_STATE_COMPLETED"),
                }
                false
            });
        }
        everybody_answers(world, callback)
    })
    .await;
    assert_eq!(result(&answer)["status"], "COMPLETED");
    world.agent("researcher", |agent| {
        let ids: Vec<&Value> = agent
            .messages
            .iter()
            .map(|message| &message["message"]["messageId"])
            .collect();
        assert_eq!(ids.len(), 2);
        assert_ne!(ids[0], ids[1]);
    });
}

/// Runs with this analysis pushed; gives back what the writer was sent and the world.
async fn with_analysis(analysis: Value) -> (World, Value) {
    let world = started().await;
    let answer = run(&world, &|world: &World, callback: &str| match callback {
        "analysis_phase_await" => settle(world, callback, &analysis),
        _ => everybody_answers(world, callback),
    })
    .await;
    assert_eq!(result(&answer)["status"], "COMPLETED");
    let sent = world.agent("writer", |agent| {
        agent.messages[0]["message"]["parts"][0]["data"]["analysis"].clone()
    });
    (world, sent)
}

#[tokio::test]
async fn defect_14_text_list_null_and_500_kb_analyses_all_reach_approval() {
    for analysis in [
        json!("plain words"),
        json!(["a", "b"]),
        Value::Null,
        json!(3),
    ] {
        let (world, sent) = with_analysis(analysis.clone()).await;
        assert_eq!(sent, analysis);
        assert!(
            world
                .lock()
                .links
                .iter()
                .all(|link| link["key"] != "approvals/w-1/analysis_results.json")
        );
    }
    let large = json!({ "summary": "large", "body": "ä".repeat(250_000) });
    let (world, sent) = with_analysis(large.clone()).await;
    assert_eq!(world.object("approvals/w-1/analysis_results.json"), large);
    assert_eq!(
        sent["artifact_type"], "s3_reference",
        "the writer gets a reference"
    );
    assert!(
        sent["url"].as_str().expect("a link").contains("/signed/"),
        "that it can read without credentials"
    );
    let key = sent["key"].as_str().expect("a key");
    assert_eq!(world.object(key), large);
    assert!(key.starts_with("artifacts/w-1/analysis_"), "{key}");
}

#[tokio::test]
async fn results_by_reference_give_the_same_report_as_inline_ones() {
    let inline = started().await;
    run(&inline, &everybody_answers).await;
    let expected = inline.object("reports/w-1/final_report.json");

    let world = started().await;
    let answer = run(&world, &|world: &World, callback: &str| {
        if callback == "human_approval" {
            return everybody_answers(world, callback);
        }
        let output = world.agent(agent_of(callback), |agent| agent.output.clone());
        let key = format!("bucket/artifacts/w-1/{callback}.json");
        world.lock().objects.insert(
            key.clone(),
            (
                output.to_string().into_bytes(),
                "application/json".to_owned(),
                1,
            ),
        );
        settle(
            world,
            callback,
            &json!({ "artifact_type": "s3_reference", "s3_uri": format!("s3://{key}") }),
        )
    })
    .await;
    assert_eq!(result(&answer)["status"], "COMPLETED");
    assert_eq!(world.object("reports/w-1/final_report.json"), expected);
    let names = world.lock().execution.names();
    for phase in ["research", "analysis", "writing"] {
        assert!(
            names.contains(&format!("{phase}_phase_fetch_artifact")),
            "{names:?}"
        );
    }
}

#[tokio::test]
async fn a_reference_too_large_for_the_journal_is_read_where_it_is_used() {
    let world = started().await;
    let report = json!({ "title": "long", "body": "x".repeat(1_500_000) });
    let answer = run(&world, &|world: &World, callback: &str| {
        if callback != "writing_phase_await" {
            return everybody_answers(world, callback);
        }
        let object = (report.to_string().into_bytes(), "application/json".to_owned(), 1);
        world.lock().objects.insert("bucket/artifacts/w-1/report.json".to_owned(), object);
        settle(world, callback, &json!({ "artifact_type": "s3_reference", "s3_uri": "s3://bucket/artifacts/w-1/report.json" }))
    })
    .await;
    assert_eq!(result(&answer)["status"], "COMPLETED");
    assert_eq!(world.object("reports/w-1/final_report.json"), report);
    let largest = world
        .lock()
        .execution
        .operations
        .iter()
        .map(|operation| json!(operation).to_string().len())
        .max();
    assert!(largest < Some(400_000), "{largest:?}");
}

#[tokio::test]
async fn looking_takes_the_configured_pauses() {
    let world = started().await;
    assert_eq!(invoke(&world).await.expect("no crash")["Status"], "PENDING");
    let state = world.lock();
    let wait = state
        .execution
        .operations
        .iter()
        .find(|operation| operation["Type"] == "WAIT")
        .expect("the first pause");
    assert_eq!(wait["WaitSeconds"], 30);
}

#[tokio::test]
async fn agents_are_found_by_name_and_found_again_when_they_have_moved() {
    let world = World::new().await;
    let address = |agent: &str| format!("{}/agents/{agent}", world.base);
    let agents =
        everstep_research::agent::A2aAgents::new(reqwest::Client::new(), world.base.clone());
    let error = agents
        .progress("scholar", "t")
        .await
        .expect_err("nobody of that name");
    assert_eq!(error.kind, everstep_research::error::Kind::NotFound);
    assert!(
        error
            .message
            .contains("scholar is neither an A2A address nor a registered agent"),
        "{}",
        error.message
    );

    world.agent("researcher", |agent| agent.manners = Manners::IsDown);
    world
        .lock()
        .registered
        .insert("scholar".to_owned(), address("researcher"));
    assert!(
        agents
            .progress("scholar", "t")
            .await
            .expect_err("it is down")
            .kind
            .is_transient()
    );
    world
        .lock()
        .registered
        .insert("scholar".to_owned(), address("analyst"));
    let progress = agents
        .progress("scholar", "t")
        .await
        .expect("the new place answers");
    assert_eq!(progress, everstep_research::agent::Progress::Lost);
    assert_eq!(world.agent("analyst", |agent| agent.looks), 1);
}
