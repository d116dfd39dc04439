//! The pages of the rules, for `everstep explain RULE`.

use everstep_afl::rule::Rule;
use include_dir::{Dir, include_dir};

static PAGES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../docs/afl/rules");

/// The page of a rule, by its id or its code.
pub fn rule_page(name: &str) -> Option<&'static str> {
    let id = Rule::find(name)?.id();
    PAGES.get_file(format!("{id}.md"))?.contents_utf8()
}

#[cfg(test)]
mod tests {
    use super::*;
    use everstep_afl::rule::ALL;

    #[test]
    fn every_rule_has_a_page_that_names_it() {
        for rule in ALL {
            let page =
                rule_page(rule.code()).unwrap_or_else(|| panic!("{} has no page", rule.id()));
            let head = format!("# {}\n\n`{}`", rule.id(), rule.code());
            assert!(page.starts_with(&head), "{}", rule.id());
        }
        assert_eq!(PAGES.files().count(), ALL.len());
    }
}
