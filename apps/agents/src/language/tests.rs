use proptest::prelude::*;
use serde_json::Value;

use super::*;

#[test]
fn sentences_are_split_as_the_cases_say() {
    let cases: Vec<Value> = serde_json::from_str(include_str!("sentences.json")).unwrap();
    for case in cases {
        let text = case["text"].as_str().unwrap();
        let found: Vec<&str> = sentences(text)
            .into_iter()
            .map(|range| &text[range])
            .collect();
        assert_eq!(
            serde_json::json!(found),
            case["sentences"],
            "{}",
            case["name"]
        );
    }
}

#[test]
fn stems_join_the_forms_of_a_word_and_leave_out_what_says_nothing() {
    assert_eq!(stems("The batteries of a battery"), ["batteri", "batteri"]);
    assert_eq!(content_stems("In 2024 about 45 tests"), ["test"]);
}

#[test]
fn similarity_is_one_for_the_same_and_nothing_for_strangers() {
    let (a, b) = (stems("iron rusts in air"), stems("water flows downhill"));
    let rarity = rarity([a.as_slice(), b.as_slice()]);
    assert!((similarity(&a, &a, &rarity) - 1.0).abs() < 1e-9);
    assert!(similarity(&a, &b, &rarity) < 1e-9);
    assert!(similarity(&[], &[], &rarity) < 1e-9);
}

proptest! {
    #[test]
    fn sentences_of_any_text_are_in_order_and_do_not_overlap(text in "(?s)[a-zA-Z .!?\"“”()\n0-9äß]{0,300}|.{0,200}") {
        let mut end = 0;
        for range in sentences(&text) {
            prop_assert!(range.start >= end && range.start < range.end);
            prop_assert!(!text[range.clone()].contains('\n'));
            end = range.end;
        }
    }
}
