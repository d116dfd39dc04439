//! `everstep afl compile` and `everstep afl check`.

use super::args::{CheckArgs, CompileArgs, InputArgs, JudgeArgs};
use super::input::{self, Input};
use super::output::{Done, Failure, say, write};
use super::render;
use everstep_afl::diag::Diagnostic;
use everstep_afl::program::{self, Program};
use everstep_afl::{check, json, parse};

/// Reads the options of parser and checker off the command line.
pub fn options(input: &Input, judge: &JudgeArgs) -> (parse::Options, check::Options) {
    let parse = parse::Options {
        dialect: input.dialect,
        reference: judge.conformance,
    };
    let check = check::Options {
        dialect: input.dialect,
        conformance: judge.conformance,
        order: judge.order.into(),
        collect: judge.foreach.into(),
        broken: false,
    };
    (parse, check)
}

/// Reads and judges sources, shows what was found and hands the program on when it has no errors.
///
/// # Errors
/// The sources cannot be read, or have errors.
pub fn judged<T>(
    args: &InputArgs,
    judge: &JudgeArgs,
    validate: bool,
    go: impl FnOnce(&Input, &Program<'_>, check::Options, &[Diagnostic]) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let input = input::read(args, judge)?;
    let (parsing, mut checking) = options(&input, judge);
    let (program, mut findings) = program::read(&input.sources, parsing);
    checking.broken = !findings.is_empty();
    // The reference stops at the first syntax error; we say everything that can be said.
    if validate && !(checking.broken && judge.conformance) {
        findings.extend(check::check(&program, checking));
    }
    everstep_afl::diag::settle(&mut findings);
    say(&render::show(&input.sources, &findings, judge));
    if findings.iter().any(Diagnostic::is_error) {
        return Err(Failure::Sources);
    }
    let done = go(&input, &program, checking, &findings);
    // The process ends now: taking a large tree apart first would only cost time.
    std::mem::forget(program);
    done
}

/// `everstep afl compile`
pub fn compile(args: &CompileArgs) -> Done {
    judged(
        &args.input,
        &args.judge,
        !args.no_validate,
        |input, program, checking, _| {
            if args.resolved {
                let text = json::resolved(program, checking, !args.compact);
                return write(&text, args.output.as_deref());
            }
            if args.check {
                say(&format!(
                    "OK: {} source(s) parsed successfully\n",
                    input.sources.len()
                ));
                return Ok(());
            }
            let options = json::Options {
                pretty: !args.compact,
                locations: !args.no_locations,
                provenance: args.include_provenance,
                expand_yields: input.dialect == parse::Dialect::Ffl,
                latin1: args.judge.conformance,
            };
            write(&json::program(program, options), args.output.as_deref())
        },
    )
}

/// `everstep afl check`
pub fn check(args: &CheckArgs) -> Done {
    judged(&args.input, &args.judge, true, |input, _, _, findings| {
        if args.deny_warnings
            && findings
                .iter()
                .any(|finding| finding.severity == everstep_afl::diag::Severity::Warning)
        {
            return Err(Failure::Sources);
        }
        say(&format!(
            "OK: {} source(s) parsed successfully\n",
            input.sources.len()
        ));
        Ok(())
    })
}
