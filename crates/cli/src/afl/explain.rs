//! `everstep explain RULE`

mod pages;

use super::output::{self, Failure};
use everstep_afl::rule::{ALL, Rule};
use std::process::ExitCode;

/// Explain a rule that a diagnostic names.
#[derive(clap::Args)]
pub struct ExplainCommand {
    /// The id or code of a rule, as REF_UNKNOWN_FACET or AFL-R06; without one all are listed
    rule: Option<String>,
}

impl ExplainCommand {
    /// Shows the page of the rule. Exit code 1 when there is no such rule.
    #[must_use]
    pub fn run(self) -> ExitCode {
        let text = match &self.rule {
            None => Ok(ALL.iter().map(|rule| format!("{:<9} {:<34} {}\n", rule.code(), rule.id(), rule.title())).collect()),
            Some(name) => Rule::find(name).and_then(page).map(str::to_owned).ok_or_else(|| unknown(name)),
        };
        output::exit(text.and_then(|text: String| output::write(&text, None)))
    }
}

/// The page of a rule.
pub fn page(rule: Rule) -> Option<&'static str> {
    pages::PAGES.iter().find(|(id, _)| *id == rule.id()).map(|(_, page)| *page)
}

fn unknown(name: &str) -> Failure {
    let upper = name.to_uppercase();
    let near = everstep_afl::diag::nearest(&upper, ALL.iter().flat_map(|rule| [rule.id(), rule.code()]));
    let hint = near.map_or_else(|| "`everstep explain` lists all".to_owned(), |near| format!("did you mean {near}?"));
    Failure::Outside(format!("there is no rule {name}: {hint}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_has_a_page_that_names_it() {
        for rule in ALL {
            let page = page(*rule).unwrap_or_else(|| panic!("{} has no page", rule.id()));
            assert!(page.starts_with(&format!("# {}\n\n`{}`", rule.id(), rule.code())), "{}", rule.id());
        }
        assert_eq!(pages::PAGES.len(), ALL.len());
    }
}
