use super::*;

const RESULTS: &str = r#"
{"id":"whole","kind":"execution","result":true,"cause":true,"types":true,"full":true}
{"id":"types","kind":"execution","result":true,"cause":true,"types":false,"full":false,"got_status":"FAILED"}
{"id":"short","kind":"execution","result":true,"cause":false,"got_status":"FAILED"}
{"id":"broken","kind":"execution","error":"no answer"}
{"id":"call","kind":"api_error","result":false,"got":"no error","want":"InvalidName"}
"#;

fn run(list: &str) -> Verdict {
    Verdict::of(&graded(), &read_list(list).unwrap(), true)
}

fn graded() -> Vec<Case> {
    let histories = ["whole", "types", "broken"].map(String::from).into();
    cases(RESULTS, &histories).unwrap()
}

const ALL: &str = r#"[
    {"id":"types","grade":"types","reason":"r"},
    {"id":"short","grade":"cause","reason":"r"},
    {"id":"broken","grade":"result","reason":"r"},
    {"id":"call","grade":"result","reason":"r"}]"#;

#[test]
fn what_the_list_names_is_expected_and_nothing_else() {
    let verdict = run(ALL);
    assert_eq!((verdict.passed, verdict.expected.len()), (1, 4));
    assert_eq!(verdict.findings, Vec::<String>::new());
    let verdict = run("[]");
    assert_eq!((verdict.passed, verdict.findings.len()), (1, 4));
    assert!(verdict.findings.contains(&"short, cause: FAILED".into()));
}

#[test]
fn a_row_that_is_no_longer_true_is_a_failure() {
    for (row, instead, said) in [
        (r#""id":"types""#, r#""id":"whole""#, "it passes"),
        (
            r#""grade":"types""#,
            r#""grade":"full""#,
            "differ at full only",
        ),
        (
            r#""grade":"cause""#,
            r#""grade":"result""#,
            "has come as far as cause",
        ),
        (r#""id":"call""#, r#""id":"gone""#, "no case has this id"),
    ] {
        let findings = run(&ALL.replace(row, instead)).findings;
        let told = findings.iter().any(|line| line.contains(said));
        assert!(told, "{said}: {findings:?}");
    }
}

#[test]
fn a_part_of_the_cases_does_not_make_the_list_stale() {
    let known = read_list(ALL).unwrap();
    let part: Vec<Case> = graded().into_iter().take(1).collect();
    assert_eq!(
        Verdict::of(&part, &known, false).findings,
        Vec::<String>::new()
    );
    assert_eq!(Verdict::of(&part, &known, true).findings.len(), 4);
}

#[test]
fn a_row_says_what_differs_and_why() {
    for list in [
        "{}",
        r#"[{"id":"a","grade":"full"}]"#,
        r#"[{"id":"a","grade":"full","reason":""}]"#,
        r#"[{"id":"a","grade":"status","reason":"r"}]"#,
        r#"[{"id":"a","grade":"full","reason":"r"},{"id":"a","grade":"full","reason":"r"}]"#,
    ] {
        assert!(read_list(list).is_err(), "{list}");
    }
}

#[test]
fn shares_count_what_was_asked() {
    let text = summary(&graded());
    assert_eq!(
        text,
        "result: 3 of 5 (60.0 %); cause: 2 of 4 (50.0 %); types: 1 of 3 (33.3 %); full: 1 of 3 (33.3 %)"
    );
}

#[test]
fn histories_are_those_that_were_recorded() {
    let text = "{\"id\":\"a\",\"expect\":{\"events\":[]}}\n{\"id\":\"b\",\"expect\":{}}\n";
    assert_eq!(histories(text).unwrap(), BTreeSet::from(["a".to_owned()]));
}
