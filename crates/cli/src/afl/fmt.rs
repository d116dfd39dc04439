//! `everstep afl fmt`

use super::args::{FmtArgs, JudgeArgs};
use super::input;
use super::output::{Done, Failure, say, write};
use super::render;
use everstep_afl::program::Source;
use everstep_afl::{format, parse, program};
use std::path::{Path, PathBuf};

/// Formats sources. Those with syntax errors are shown and left as they are.
pub fn fmt(args: &FmtArgs) -> Done {
    let files = if args.files.is_empty() {
        vec![PathBuf::from("-")]
    } else {
        input::files(&args.files)?
    };
    let (mut broken, mut unformatted) = (false, false);
    for path in files {
        let piped = path == Path::new("-");
        let source = if piped {
            input::stdin()?
        } else {
            input::file(&path)?
        };
        let Some(text) = formatted(&source) else {
            broken = true;
            continue;
        };
        if args.check {
            if text != source.text {
                unformatted = true;
                say(&format!("{} is not formatted\n", source.name));
            }
        } else if piped || args.stdout {
            write(&text, None)?;
        } else if text != source.text {
            write(&text, Some(&path))?;
        }
    }
    if broken || unformatted {
        Err(Failure::Sources)
    } else {
        Ok(())
    }
}

fn formatted(source: &Source) -> Option<String> {
    let (program, errors) = program::read(std::slice::from_ref(source), parse::Options::default());
    if !errors.is_empty() {
        say(&render::show(
            std::slice::from_ref(source),
            &errors,
            &JudgeArgs::default(),
        ));
        return None;
    }
    program
        .files
        .first()
        .map(|file| format::format(&source.text, file))
}
