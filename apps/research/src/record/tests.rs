use super::*;

const T: &str = "2026-01-01T00:00:00.000Z";

fn fresh() -> Record {
    Record::new("w-1", "topic", json!({}), "arn:x", T)
}

fn run(changes: &[Change]) -> Record {
    let mut record = fresh();
    for change in changes {
        record
            .apply(change, T)
            .unwrap_or_else(|error| panic!("{change:?}: {error}"));
    }
    record
}

fn names(record: &Record) -> Vec<&str> {
    record
        .steps_completed
        .iter()
        .map(|entry| entry.step_name.as_str())
        .collect()
}

fn to_approval() -> Vec<Change> {
    vec![
        Change::Begin,
        Change::Enter {
            phase: Phase::Research,
            prior_has_result: false,
        },
        Change::Enter {
            phase: Phase::Analysis,
            prior_has_result: true,
        },
        Change::AwaitApproval {
            prior_has_result: true,
            round: 1,
        },
    ]
}

#[test]
fn defect_06_after_the_research_callback_the_workflow_runs_on_in_analysis_phase() {
    let record = run(&to_approval()[..3]);
    assert_eq!(
        (record.status.as_str(), record.current_step.as_str()),
        ("RUNNING", "analysis_phase")
    );
    assert_eq!(names(&record), ["research_phase"]);
}

#[test]
fn the_whole_flow_sets_every_current_step() {
    let mut changes = to_approval();
    let record = run(&changes);
    assert_eq!(
        (record.status.as_str(), record.current_step.as_str()),
        ("AWAITING_APPROVAL", "human_approval")
    );
    changes.push(Change::Enter {
        phase: Phase::Writing,
        prior_has_result: true,
    });
    changes.push(Change::Complete {
        report_url: "u".into(),
        report_s3_key: "k".into(),
    });
    let record = run(&changes);
    assert_eq!(
        (record.status.as_str(), record.current_step.as_str()),
        ("COMPLETED", "completed")
    );
    assert_eq!(
        names(&record),
        ["research_phase", "analysis_phase", "writing_phase"]
    );
    assert_eq!(record.text("report_s3_key"), Some("k"));
    assert_eq!(record.text("completed_at"), Some(T));
}

#[test]
fn every_change_applied_again_changes_nothing() {
    let mut changes = to_approval();
    changes.push(Change::Enter {
        phase: Phase::Writing,
        prior_has_result: true,
    });
    changes.push(Change::Complete {
        report_url: "u".into(),
        report_s3_key: "k".into(),
    });
    let mut record = fresh();
    for change in &changes {
        record.apply(change, T).expect("first time");
        let after = record.clone();
        assert!(
            !record
                .apply(change, "2027-01-01T00:00:00.000Z")
                .expect("second time"),
            "{change:?}"
        );
        assert_eq!(record, after, "{change:?}");
    }
}

#[test]
fn transitions_outside_the_flow_are_refused() {
    let complete = Change::Complete {
        report_url: String::new(),
        report_s3_key: String::new(),
    };
    let reject = Change::Reject {
        reason: String::new(),
    };
    let approved = to_approval();
    let cases: Vec<(&[Change], &Change)> = vec![
        (&[], &complete),
        (&approved[..1], &complete),
        (&approved[..1], &reject),
        (&approved[..2], &approved[3]),
        (&approved, &complete),
        (&approved, &approved[2]),
        (&approved, &approved[0]),
    ];
    for (prefix, change) in cases {
        let mut record = run(prefix);
        let before = record.clone();
        let error = record.apply(change, T).expect_err("not in the flow");
        assert_eq!(error.kind, Kind::Conflict, "{change:?}");
        assert_eq!(record, before, "a refusal changes nothing");
    }
}

#[test]
fn a_rejected_workflow_keeps_its_reason_and_cannot_fail_afterwards() {
    let mut changes = to_approval();
    changes.push(Change::Reject {
        reason: "not convincing".into(),
    });
    let mut record = run(&changes);
    assert_eq!(record.text("rejection_reason"), Some("not convincing"));
    assert_eq!(record.current_step, "completed");
    assert!(record.apply(&Change::Fail { error: json!({}) }, T).is_err());
}

#[test]
fn the_seeds_free_updates_work_within_their_rules() {
    let mut record = run(&to_approval()[..2]);
    let fields = json!({ "progress": 50, "message": "Halfway complete" });
    let change = |status: &str, custom: bool, fields: &Value| Change::Status {
        status: status.into(),
        current_step: Some("analysis_phase".into()),
        additional_fields: fields.as_object().cloned().unwrap_or_default(),
        custom,
    };
    assert_eq!(
        record
            .apply(&change("PROCESSING", false, &fields), T)
            .expect_err("custom")
            .kind,
        Kind::Invalid
    );
    record
        .apply(&change("PROCESSING", true, &fields), T)
        .expect("asked for");
    assert_eq!(record.extra["progress"], 50);
    assert!(
        record
            .apply(
                &change("RUNNING", false, &json!({ "workflow_id": "other" })),
                T
            )
            .is_err()
    );
}

#[test]
fn defect_02_a_step_recorded_twice_stands_once() {
    let mut record = run(&to_approval()[..2]);
    let change = Change::StepCompleted {
        step: "research_phase".into(),
        result: None,
    };
    assert!(record.apply(&change, T).expect("first"));
    assert!(!record.apply(&change, T).expect("again"));
    assert_eq!(names(&record), ["research_phase"]);
}

#[test]
fn a_record_goes_through_json_with_its_extra_fields() {
    let mut changes = to_approval();
    changes.push(Change::Reject { reason: "r".into() });
    let record = run(&changes);
    let text = serde_json::to_string(&record).expect("plain data");
    assert_eq!(
        serde_json::from_str::<Record>(&text).expect("what was written"),
        record
    );
    assert!(now().ends_with('Z'), "{}", now());
}
