//! `cargo xtask conformance NAME [--release] [ARGS]`: suites that others wrote, held against the binary.

use crate::binary::Profile;
use anyhow::{Context, Result};
use std::path::Path;
use std::process::ExitCode;

/// What the caller asked for besides the name.
#[derive(Debug)]
pub struct Request<'a> {
    pub root: &'a Path,
    pub profile: Profile,
    /// Handed to the suite's own program.
    pub args: &'a [String],
}

/// A member lives in a file of its own, `conformance_NAME.rs`. It prints a closing line and answers whether all went well.
type Member = fn(&Request<'_>) -> Result<bool>;

const MEMBERS: &[(&str, Member)] = &[
    ("afl", crate::conformance_afl::run),
    ("asl", crate::conformance_asl::run),
    ("callbacks", crate::conformance_callbacks::run),
    ("durable", crate::conformance_durable::run),
    ("durable-js", crate::conformance_durable::javascript),
    ("durable-rust", crate::conformance_durable::rust),
];

pub fn run(root: &Path, args: &[String]) -> Result<ExitCode> {
    let names: Vec<&str> = MEMBERS.iter().map(|(name, _)| *name).collect();
    let (own, behind) = split(args);
    let mut name = None;
    let mut profile = Profile::Debug;
    let mut passed_on = Vec::new();
    for word in own {
        match word.as_str() {
            "--release" => profile = Profile::Release,
            other if name.is_none() => name = Some(other),
            // The suite's program knows its own.
            _ => passed_on.push(word.clone()),
        }
    }
    passed_on.extend_from_slice(behind);
    let member = MEMBERS.iter().find(|(known, _)| Some(*known) == name);
    let (_, member) =
        member.with_context(|| format!("which suite? one of: {}", names.join(", ")))?;
    let request = Request {
        root,
        profile,
        args: &passed_on,
    };
    Ok(ExitCode::from(u8::from(!member(&request)?)))
}

/// The words before and behind the first `--`.
pub fn split(args: &[String]) -> (&[String], &[String]) {
    let mut halves = args.splitn(2, |word| word == "--");
    (
        halves.next().unwrap_or_default(),
        halves.next().unwrap_or_default(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_behind_the_dashes_are_passed_on() {
        let args: Vec<String> = ["durable", "--", "--suite", "--", "step"]
            .map(String::from)
            .into();
        let (own, passed_on) = split(&args);
        assert_eq!(own, ["durable"]);
        assert_eq!(passed_on, ["--suite", "--", "step"]);
        assert_eq!(split(&[]), (&[][..], &[][..]));
    }
}
