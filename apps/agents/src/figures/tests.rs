use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

#[test]
fn figures_are_read_as_the_cases_say() {
    let cases: Vec<Value> = serde_json::from_str(include_str!("cases.json")).unwrap();
    for case in cases {
        let sentence = case["sentence"].as_str().unwrap();
        let found = figures(sentence);
        let same = found.len() == case["figures"].as_array().unwrap().len()
            && found
                .iter()
                .zip(case["figures"].as_array().unwrap())
                .all(|(point, expected)| {
                    point.aspect == expected[0]
                        && Some(point.value) == expected[1].as_f64()
                        && Some(point.value_to) == expected[2].as_f64()
                        && point.unit == expected[3]
                });
        assert!(same, "{sentence}: {}", json!(found));
    }
}

proptest! {
    #[test]
    fn any_text_is_read_without_a_panic(text in "[$€0-9,. a-z%°Cto-]{0,120}|.{0,120}") {
        for point in figures(&text) {
            prop_assert!(point.value <= point.value_to);
            prop_assert!(text.is_char_boundary(point.offset));
        }
    }
}
