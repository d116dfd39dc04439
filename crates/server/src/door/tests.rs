//! What callers may do.

use everstep_core::ExecutionId;

use super::*;

fn execution(text: &str) -> ExecutionId {
    text.parse().expect("an id")
}

#[test]
fn each_role_includes_the_ones_before_it_and_an_agent_has_artifacts_alone() {
    let own = execution("00000000-0000-7000-8000-000000000001");
    let needs = [
        Need::Read,
        Need::Artifacts { write: false },
        Need::Artifacts { write: true },
        Need::Operate,
        Need::Supervise,
        Need::Extend(own),
        Need::Administer,
    ];
    let may = |caller: &Caller| needs.map(|need| caller.may(need));
    let key = |role| Caller::Key {
        name: "k".to_owned(),
        role,
        groups: Vec::new(),
    };
    assert_eq!(
        may(&key(Role::Read)),
        [true, true, false, false, false, false, false]
    );
    assert_eq!(
        may(&key(Role::Operate)),
        [true, true, true, true, true, true, false]
    );
    assert_eq!(may(&key(Role::Admin)), [true; 7]);
    assert_eq!(
        may(&key(Role::Agent)),
        [false, true, true, false, false, false, false]
    );
    assert_eq!(
        may(&Caller::Anyone),
        [true, false, false, true, true, true, true]
    );
}

#[test]
fn a_worker_extends_the_executions_that_it_runs() {
    let own = execution("00000000-0000-7000-8000-000000000001");
    let other = execution("00000000-0000-7000-8000-000000000002");
    let worker = Caller::Worker {
        function_arn: "arn".to_owned(),
        executions: vec![own],
    };
    assert!(worker.may(Need::Extend(own)));
    assert!(!worker.may(Need::Extend(other)));
    assert!(worker.may(Need::Operate));
    assert!(!worker.may(Need::Supervise));
    assert!(!worker.may(Need::Administer));
}

#[test]
fn no_secret_is_shown_when_things_are_printed() {
    let keys = Keys::default();
    keys.replace(vec![Key {
        name: "n".to_owned(),
        role: Role::Read,
        groups: Vec::new(),
        access: Some(AccessKey {
            id: "EVAK".to_owned(),
            secret_access_key: "distinctive-secret".to_owned().into(),
            session_token: Some("distinctive-token".to_owned().into()),
        }),
        api_key: fingerprint("distinctive-key"),
        expires: None,
    }]);
    let door = Door {
        keys,
        ..Door::default()
    };
    let worker = Worker {
        secret_access_key: "distinctive-worker".to_owned().into(),
        function_arn: "arn".to_owned(),
        executions: Vec::new(),
    };
    let (key, _) = door.keys.by_access_key("EVAK").expect("the key");
    let printed = format!("{door:?} {worker:?} {key:?}");
    assert!(!printed.contains("distinctive"), "{printed}");
}
