//! The process dies at every checkpoint, once before the service has stored it and once after.

use serde_json::{Value, json};

use crate::drive::{everybody_answers, result, run, started};
use crate::durable::Dies;
use crate::world::World;

/// Everything about a finished run that a crash must not change; times and signatures left out.
fn outcome(world: &World, answer: &Value) -> Value {
    let record = world.record("w-1");
    let steps: Vec<&Value> = record["steps_completed"]
        .as_array()
        .expect("steps")
        .iter()
        .map(|step| &step["step_name"])
        .collect();
    let state = world.lock();
    let keys: Vec<&String> = state.objects.keys().collect();
    json!({
        "status": result(answer)["status"], "record": [record["status"], record["current_step"]], "steps": steps, "objects": keys,
        "operations": state.execution.names(),
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn defect_03_a_crash_at_any_checkpoint_repeats_no_dispatch_and_ends_the_same() {
    let calm = started().await;
    let answer = run(&calm, &everybody_answers).await;
    let expected = outcome(&calm, &answer);
    let checkpoints = calm.lock().execution.checkpoints;
    assert!(checkpoints > 20, "{checkpoints}");
    for number in 1..=checkpoints {
        for when in [Dies::Before, Dies::After] {
            let world = started().await;
            world.lock().execution.crash = Some((number, when));
            let answer = run(&world, &everybody_answers).await;
            assert_eq!(
                outcome(&world, &answer),
                expected,
                "died {when:?} checkpoint {number}"
            );
            for agent in ["researcher", "analyst", "writer"] {
                let tasks = world.agent(agent, |agent| agent.tasks.len());
                assert_eq!(
                    tasks, 1,
                    "{agent} was given its task {tasks} times: died {when:?} checkpoint {number}"
                );
            }
        }
    }
}

#[tokio::test]
async fn a_lost_reply_starts_no_second_task() {
    let world = started().await;
    world.agent("researcher", |agent| {
        agent.manners = crate::agents::Manners::LosesItsReply
    });
    let answer = run(&world, &everybody_answers).await;
    assert_eq!(result(&answer)["status"], "COMPLETED");
    assert_eq!(
        world.agent("researcher", |agent| (
            agent.tasks.len(),
            agent.messages.len()
        )),
        (1, 1)
    );
}

#[tokio::test]
async fn an_outage_of_the_artifact_service_is_waited_out() {
    let world = started().await;
    world.lock().artifact_outage = 3;
    let answer = run(&world, &everybody_answers).await;
    assert_eq!(result(&answer)["status"], "COMPLETED");
    assert_eq!(world.lock().artifact_outage, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_push_and_a_look_at_the_same_moment_end_well() {
    for _ in 0..10 {
        let world = started().await;
        let answer = run(&world, &|world: &World, callback: &str| {
            let acted = everybody_answers(world, callback);
            world.lock().execution.tick();
            acted
        })
        .await;
        assert_eq!(result(&answer)["status"], "COMPLETED");
        assert_eq!(world.agent("researcher", |agent| agent.tasks.len()), 1);
    }
}
