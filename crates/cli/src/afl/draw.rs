//! `everstep afl graph` and `everstep afl plan`

use super::args::{GraphArgs, GraphFormat, PlanArgs};
use super::compile::judged;
use super::output::{Done, Failure, write};
use everstep_afl::{graph, plan};

fn nobody(names: &[String]) -> Failure {
    Failure::Outside(format!("no facet or workflow named {}", names.join(", ")))
}

/// Draws workflows.
pub fn graph(args: &GraphArgs) -> Done {
    judged(&args.input, &args.judge, true, |_, program, options, _| {
        let graphs = graph::graphs(program, options, &args.of).ok_or_else(|| nobody(&args.of))?;
        if args.format == GraphFormat::Svg && graphs.len() != 1 {
            let titles: Vec<&str> = graphs.iter().map(|graph| graph.title.as_str()).collect();
            return Err(Failure::Usage(format!(
                "an SVG shows one workflow: choose one with --of ({})",
                titles.join(", ")
            )));
        }
        let draw = match args.format {
            GraphFormat::Mermaid => graph::mermaid,
            GraphFormat::Dot => graph::dot,
            GraphFormat::Svg => graph::svg,
        };
        write(
            &graphs.iter().map(draw).collect::<Vec<_>>().join("\n"),
            args.output.as_deref(),
        )
    })
}

/// Prints plans.
pub fn plan(args: &PlanArgs) -> Done {
    judged(&args.input, &args.judge, true, |_, program, options, _| {
        let text = plan::plan(program, options, &args.of).ok_or_else(|| nobody(&args.of))?;
        write(&text, None)
    })
}
