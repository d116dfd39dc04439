//! A count that is read wrongly turns a red run green, so each runner's own wording stands here.

use super::*;

#[test]
fn closing_lines_of_suites() {
    let cases: &[(&str, Option<Counts>)] = &[
        ("3 passed, 1 failed, 2 skipped", Some(Counts::new(3, 1, 2))),
        ("600 passed, 0 failed", Some(Counts::new(600, 0, 0))),
        ("===== 3 passed in 0.12s =====", Some(Counts::new(3, 0, 0))),
        (
            "== 1 failed, 2 passed, 1 skipped, 3 warnings in 61.2s (0:01:01) ==",
            Some(Counts::new(2, 1, 1)),
        ),
        ("2 errors in 0.3s", Some(Counts::new(0, 2, 0))),
        (
            "1 passed, 2 xfailed, 4 deselected in 1s",
            Some(Counts::new(1, 0, 2)),
        ),
        (
            "\u{1b}[31m== \u{1b}[1m1 failed\u{1b}[0m, \u{1b}[32m2 passed\u{1b}[0m in 1s ==\u{1b}[0m",
            Some(Counts::new(2, 1, 0)),
        ),
        ("no tests ran in 0.01s", None),
        ("1 warning in 0.1s", None),
        ("the server passed on 3 requests, 2 failed to arrive", None),
        ("", None),
    ];
    for (text, expect) in cases {
        assert_eq!(closing(text), *expect, "{text:?}");
    }
}

#[test]
fn the_last_closing_line_counts() {
    let text =
        "5 passed, 0 failed, 0 skipped\nmore\n1 passed, 4 failed, 0 skipped\nleft files behind\n";
    assert_eq!(closing(text), Some(Counts::new(1, 4, 0)));
}

#[test]
fn nextest_summaries() {
    let cases: &[(&str, Option<Counts>)] = &[
        (
            "     Summary [   0.005s] 3 tests run: 3 passed, 0 skipped",
            Some(Counts::new(3, 0, 0)),
        ),
        (
            "     Summary [   1.005s] 1 test run: 1 passed (1 slow), 2 skipped",
            Some(Counts::new(1, 0, 2)),
        ),
        (
            "     Summary [  61.0s] 9/10 tests run: 5 passed (1 slow, 1 leaky), 2 failed, 1 timed out, 1 exec failed, 3 skipped",
            Some(Counts::new(5, 4, 3)),
        ),
        ("error: could not compile `x`", None),
    ];
    for (text, expect) in cases {
        assert_eq!(nextest(text), *expect, "{text:?}");
    }
}

#[test]
fn cargo_test_results_are_summed() {
    let text = "\
test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s
noise
test result: FAILED. 1 passed; 2 failed; 0 ignored; 0 measured; 7 filtered out; finished in 0.00s
";
    assert_eq!(cargo_test(text), Some(Counts::new(4, 2, 1)));
    assert_eq!(cargo_test("error[E0308]: mismatched types"), None);
}

#[test]
fn skips_keep_their_reasons() {
    let text = "\
SKIPPED [3] tests/wire/test_x.py:12: needs node
skipped  18  child: not built yet
SKIPPED afl: ../shared/conformance/afl is not here
a line that says SKIPPED in the middle
";
    assert_eq!(
        skips(text),
        [
            (3, "tests/wire/test_x.py:12: needs node".to_owned()),
            (18, "child: not built yet".to_owned()),
            (1, "afl: ../shared/conformance/afl is not here".to_owned()),
        ]
    );
}
