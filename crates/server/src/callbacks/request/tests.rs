use serde::Deserialize;

use super::*;

#[derive(Deserialize)]
struct Case {
    why: String,
    body: String,
    error: Option<String>,
    success: Option<String>,
    failure: Option<String>,
}

#[test]
fn bodies_are_taken_or_refused_in_the_seeds_order_with_the_seeds_texts() {
    let cases: Vec<Case> = serde_json::from_str(include_str!("cases.json")).expect("the cases");
    for case in cases {
        let expected = match (case.error, case.success, case.failure) {
            (Some(text), None, None) => Err(text),
            (None, Some(result), None) => Ok(Outcome::Success(result.into())),
            (None, None, Some(error)) => Ok(Outcome::Failure(error.into())),
            _ => panic!("{}: a case has one outcome", case.why),
        };
        let parsed = parse(case.body.as_bytes());
        assert_eq!(
            parsed
                .map(|answer| answer.outcome)
                .map_err(|invalid| invalid.to_string()),
            expected,
            "{}",
            case.why
        );
    }
}
