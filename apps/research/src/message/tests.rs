use super::*;

fn text(error: WorkflowError) -> String {
    error.to_string()
}

fn payload(phase: Phase, parameters: &Value, input: &Value, feedback: &str) -> Value {
    let work = Work {
        topic: "t",
        parameters,
        input,
        feedback,
        draft: &Value::Null,
    };
    phase_payload(phase, &work)
}

#[test]
fn a_start_needs_a_topic_and_a_dictionary() {
    for event in [
        json!({}),
        json!({ "topic": "" }),
        json!({ "topic": "  " }),
        json!({ "topic": 3 }),
        json!([1]),
        json!(null),
    ] {
        assert_eq!(
            text(parse_start(&event).expect_err("no topic")),
            "Missing required field: 'topic'",
            "{event}"
        );
    }
    for parameters in [json!([]), json!("x"), json!(1)] {
        let event = json!({ "topic": "t", "parameters": parameters });
        assert_eq!(
            text(parse_start(&event).expect_err("parameters")),
            "Parameters must be a dictionary"
        );
    }
    let start = parse_start(&json!({ "topic": "t", "parameters": null })).expect("null means none");
    assert_eq!(
        start.parameters,
        json!({}),
        "agents never see null parameters"
    );
    for id in ["", "a b", "ü", &"x".repeat(65)] {
        assert!(
            parse_start(&json!({ "topic": "t", "workflow_id": id })).is_err(),
            "{id}"
        );
    }
}

#[test]
fn defect_10_task_always_sent() {
    let tasks: Vec<Value> = Phase::ALL
        .into_iter()
        .map(|phase| {
            let payload = payload(phase, &json!({}), &json!({ "x": 1 }), "more");
            with_callback(payload, "w", "http://c/callbacks/w", "tok")["task"].clone()
        })
        .collect();
    assert_eq!(
        tasks,
        [json!("research"), json!("analyze"), json!("write_report")]
    );
}

#[test]
fn payloads_carry_the_seeds_fields() {
    let research = json!({ "summary": "s" });
    let analysis = payload(Phase::Analysis, &json!({}), &research, "");
    assert_eq!(analysis["research_data"], research);
    let writing = with_callback(
        payload(Phase::Writing, &json!({ "a": 1 }), &research, "more"),
        "w",
        "u",
        "k",
    );
    for field in [
        "analysis",
        "feedback",
        "topic",
        "parameters",
        "workflow_id",
        "callback_url",
        "callback_token",
    ] {
        assert!(writing.get(field).is_some(), "{field}");
    }
    let formatted = format_agent_payload("research", &research, "w", Some(("u", "k")), "now");
    assert_eq!(formatted["callback_token"], "k");
    assert!(
        format_agent_payload("research", &research, "w", None, "now")
            .get("callback_url")
            .is_none()
    );
}

#[test]
fn only_true_approves() {
    for (value, approved) in [
        (json!({ "approved": true }), true),
        (json!({ "approved": false }), false),
        (json!({ "approved": "true" }), false),
        (json!({}), false),
        (json!("yes"), false),
        (Value::Null, false),
    ] {
        assert_eq!(Decision::from_value(&value).approved, approved, "{value}");
    }
    assert_eq!(
        Decision::from_value(&json!({ "approved": true })).feedback,
        ""
    );
    assert_eq!(
        Decision::expired().reason.as_deref(),
        Some("Approval timed out")
    );
    assert_eq!(rejected("w", None)["reason"], "No reason provided");
    assert!(decision_value(&json!({ "approved": "yes" }), None, "now").is_err());
    let value = decision_value(
        &json!({ "approved": true, "approved_by": "claimed" }),
        Some("proven"),
        "now",
    )
    .expect("valid");
    assert_eq!(value["approved_by"], "proven");
}

#[test]
fn defect_14_every_kind_of_analysis_makes_an_approval_message() {
    for analysis in [
        json!("plain text"),
        json!(["a"]),
        Value::Null,
        json!({ "summary": 7 }),
        json!({ "summary": "" }),
        json!(5),
    ] {
        let message = approval_message("w", &analysis, None, "http://c/approve/w", "now");
        assert_eq!(
            message["analysis_summary"], "No summary available",
            "{analysis}"
        );
        assert!(message["review_url"].is_null());
    }
    let message = approval_message(
        "w",
        &json!({ "summary": "found" }),
        Some("u"),
        "http://c/approve/w",
        "now",
    );
    assert_eq!(message["analysis_summary"], "found");
    let keys: Vec<&String> = message.as_object().expect("object").keys().collect();
    assert_eq!(
        keys,
        [
            "workflow_id",
            "status",
            "analysis_summary",
            "review_url",
            "callback_url",
            "requested_at"
        ]
    );
}

#[test]
fn defect_02_ids_are_the_same_in_every_replay_and_differ_by_phase_and_generation() {
    let first = message_id("arn:1", "research_phase", 1);
    for _ in 0..10 {
        assert_eq!(message_id("arn:1", "research_phase", 1), first);
    }
    let others = [
        message_id("arn:2", "research_phase", 1),
        message_id("arn:1", "analysis_phase", 1),
        message_id("arn:1", "research_phase", 2),
    ];
    assert!(others.iter().all(|other| *other != first));
    assert_eq!(workflow_id_for_key("k"), workflow_id_for_key("k"));
    assert_ne!(workflow_id_for_key("k"), workflow_id_for_key("l"));
    assert!(is_workflow_id(&workflow_id_for_key(
        "any key, however odd ✓"
    )));
    assert_eq!(generate_callback_token().len(), 64);
}

#[test]
fn results_have_the_seeds_shapes() {
    let mut record = Record::new("w", "t", json!({}), "arn", "now");
    let shape = |record: &Record| result_of(record, "http://c/callbacks/w");
    assert_eq!(
        shape(&record),
        json!({ "status": "PENDING", "workflow_id": "w", "awaiting": "research_completion",
                "message": "Workflow suspended awaiting research completion" })
    );
    record.status = "RUNNING".into();
    record.current_step = "writing_phase".into();
    assert_eq!(shape(&record)["awaiting"], "report_generation");
    record.status = "AWAITING_APPROVAL".into();
    assert_eq!(
        shape(&record),
        json!({ "status": "AWAITING_APPROVAL", "workflow_id": "w", "callback_url": "http://c/callbacks/w",
                "message": "Workflow suspended awaiting human approval" })
    );
    record.status = "REJECTED".into();
    assert_eq!(
        shape(&record),
        json!({ "status": "REJECTED", "workflow_id": "w", "reason": "No reason provided" })
    );
}

#[test]
fn changes_are_asked_for_in_a_word_with_feedback_and_of_somebody() {
    let value = |body: Value| decision_value(&body, Some("ann"), "now");
    let asked =
        value(json!({ "decision": "changes_requested", "feedback": "shorter" })).expect("valid");
    assert_eq!(
        asked,
        json!({ "approved": false, "feedback": "shorter", "approved_by": "ann", "approved_at": "now", "reason": "shorter",
                "decision": "changes_requested", "changes_to": "writer" })
    );
    let decision = Decision::from_value(&asked);
    assert_eq!(
        (decision.approved, decision.changes),
        (false, Some(Phase::Writing))
    );
    let analyst = json!({ "approved": false, "decision": "request_changes", "changes_to": "analyst", "feedback": "why?" });
    let decision = Decision::from_value(&value(analyst).expect("valid"));
    assert_eq!(decision.changes, Some(Phase::Analysis));
    assert_eq!(
        Decision::from_value(&json!({ "approved": false, "feedback": "x" })).changes,
        None
    );
    let text = |body: Value| value(body).expect_err("refused").to_string();
    assert_eq!(
        text(json!({ "decision": "changes" })),
        "Missing required field: 'feedback'"
    );
    let odd = json!({ "decision": "changes", "feedback": "x", "changes_to": "boss" });
    assert_eq!(text(odd), "changes_to must be writer or analyst");
    for odd in [
        json!({ "decision": "perhaps" }),
        json!({ "decision": "approved", "approved": false }),
    ] {
        assert!(text(odd).starts_with("decision must be approved, rejected or changes_requested"));
    }
    assert_eq!(in_round("human_approval", 1), "human_approval");
    assert_eq!(in_round("human_approval", 3), "human_approval_3");
}

#[test]
fn defect_14_a_summary_of_any_length_fits_into_a_notification() {
    let message = |summary: String| {
        let analysis = json!({ "summary": summary });
        approval_message("w", &analysis, None, "http://a", "now").to_string()
    };
    for letter in ["x", "é", "\n", "\u{1}", "\""] {
        let text = message(letter.repeat(500_000));
        assert!((199_990..256_000).contains(&text.len()), "{}", text.len());
    }
    let whole = "x".repeat(190_000);
    assert!(
        message(whole.clone()).contains(&whole),
        "nothing is cut without need"
    );
}
