use super::*;

#[test]
fn the_key_never_shows_in_debug_output() {
    let options = Options {
        url: "http://127.0.0.1/v1".to_owned(),
        model: "m".to_owned(),
        key: "planted-secret".to_owned(),
        timeout: Duration::from_secs(1),
    };
    assert!(!format!("{options:?}").contains("planted-secret"));
}

#[test]
fn only_long_passages_between_quotation_marks_count_as_quoted() {
    let text = "He says “this is a whole sentence” about \"iron\" and \"four words are enough\".";
    assert_eq!(
        quoted_passages(text),
        ["this is a whole sentence", "four words are enough"]
    );
    assert!(quoted_passages("an open “mark with many words behind it").is_empty());
}

#[test]
fn json_is_found_inside_a_fence() {
    for content in ["{}", " {} ", "```json\n{}\n```", "```\n{}\n```"] {
        assert_eq!(strip_fence(content), "{}");
    }
}
