//! Graphviz.

use super::{Graph, Reason, Shape};
use std::fmt::Write;

/// A graph in Graphviz's language.
#[must_use]
pub fn dot(graph: &Graph) -> String {
    let mut out = format!(
        "digraph {} {{\n  rankdir=LR;\n  node [fontname=\"sans-serif\", fontsize=11];\n",
        quote(&graph.title)
    );
    group(graph, 0, 1, &mut out);
    for edge in &graph.edges {
        let style = match edge.reason {
            Reason::Flow => "",
            Reason::Declared => " style=dashed",
            Reason::Error => " color=red",
        };
        let label = if edge.label.is_empty() {
            String::new()
        } else {
            format!(" label={}", quote(&edge.label))
        };
        let list = format!("{label}{style}");
        let list = if list.is_empty() {
            String::new()
        } else {
            format!(" [{}]", list.trim_start())
        };
        // Writing to a String cannot fail.
        let _ = writeln!(out, "  n{} -> n{}{list};", edge.from, edge.to);
    }
    out.push_str("}\n");
    out
}

fn group(graph: &Graph, id: usize, level: usize, out: &mut String) {
    let indent = "  ".repeat(level);
    for (at, node) in graph
        .nodes
        .iter()
        .enumerate()
        .filter(|(_, node)| node.group == id)
    {
        let shape = match node.shape {
            Shape::Terminal => "circle",
            Shape::Task => "box",
            Shape::Inner => "box, style=rounded",
            Shape::Choice => "diamond",
            Shape::Yield => "note",
        };
        let _ = writeln!(
            out,
            "{indent}n{at} [label={}, shape={shape}];",
            quote(&node.lines.join("\n"))
        );
    }
    for (at, inner) in graph
        .groups
        .iter()
        .enumerate()
        .filter(|(_, group)| group.parent == Some(id))
    {
        let _ = writeln!(
            out,
            "{indent}subgraph cluster_{at} {{\n{indent}  label={};",
            quote(&inner.title)
        );
        group(graph, at, level + 1, out);
        let _ = writeln!(out, "{indent}}}");
    }
}

fn quote(text: &str) -> String {
    format!(
        "\"{}\"",
        text.replace('\\', "\\\\")
            .replace('"', "\\\"")
            .replace('\n', "\\n")
    )
}
