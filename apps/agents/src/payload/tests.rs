use serde_json::json;

use super::*;

#[test]
fn parameters_are_read_with_their_defaults() {
    let default = Parameters::read(None).unwrap();
    assert_eq!(default, Parameters::read(Some(&json!(null))).unwrap());
    assert_eq!(
        default,
        Parameters::read(Some(&json!({"unknown": 1, "depth": null}))).unwrap()
    );
    assert_eq!(default.findings_max(), 40);
    let all = json!({"depth": "deep", "sources": ["a"], "max_results": 3.0, "word_limit": 200});
    let all = Parameters::read(Some(&all)).unwrap();
    assert_eq!(
        (all.depth, all.findings_max(), all.word_limit),
        (Depth::Deep, 3, Some(200))
    );
    assert_eq!(all.sources, ["a"]);
}

#[test]
fn each_wrong_parameter_is_named() {
    for (parameters, text) in [
        (json!([]), "Parameters must be a dictionary"),
        (json!({"depth": 1}), "parameters.depth must be a string"),
        (
            json!({"sources": "a"}),
            "parameters.sources must be a list of strings",
        ),
        (
            json!({"sources": [1]}),
            "parameters.sources must be a list of strings",
        ),
        (
            json!({"max_results": "3"}),
            "parameters.max_results must be a positive whole number",
        ),
        (
            json!({"word_limit": 1.5}),
            "parameters.word_limit must be a positive whole number",
        ),
        (
            json!({"word_limit": -1}),
            "parameters.word_limit must be a positive whole number",
        ),
    ] {
        assert_eq!(Parameters::read(Some(&parameters)).unwrap_err(), text);
    }
}

#[test]
fn whole_numbers_come_back_from_doubles_and_nothing_else_changes() {
    let sent = json!({"a": [1.0, -2.0, 0.5, 1e300, "3.0", null, true], "b": {"c": 7, "d": 1e16}});
    let read = json!({"a": [1, -2, 0.5, 1e300, "3.0", null, true], "b": {"c": 7, "d": 1e16}});
    assert_eq!(whole_numbers(sent), read);
}
