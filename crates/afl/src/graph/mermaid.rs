//! Mermaid flowcharts, as code hosts draw them inside Markdown.

use super::{Graph, Reason, Shape};
use std::fmt::Write;

/// A graph as a Mermaid flowchart, without the fence around it.
#[must_use]
pub fn mermaid(graph: &Graph) -> String {
    let mut out = format!("---\ntitle: {}\n---\nflowchart LR\n", graph.title);
    group(graph, 0, 1, &mut out);
    for edge in &graph.edges {
        let arrow = match edge.reason {
            Reason::Flow => "-->",
            Reason::Declared => "-.->",
            Reason::Error => "--x",
        };
        let label = if edge.label.is_empty() {
            String::new()
        } else {
            format!("|\"{}\"|", escape(&edge.label))
        };
        // Writing to a String cannot fail.
        let _ = writeln!(out, "    n{} {arrow}{label} n{}", edge.from, edge.to);
    }
    out
}

fn group(graph: &Graph, id: usize, level: usize, out: &mut String) {
    let indent = "    ".repeat(level);
    for (at, node) in graph
        .nodes
        .iter()
        .enumerate()
        .filter(|(_, node)| node.group == id)
    {
        let label = node
            .lines
            .iter()
            .map(|line| escape(line))
            .collect::<Vec<_>>()
            .join("<br/>");
        let (open, close) = match node.shape {
            Shape::Terminal => ("((", "))"),
            Shape::Task => ("[", "]"),
            Shape::Inner => ("(", ")"),
            Shape::Choice => ("{", "}"),
            Shape::Yield => ("[/", "/]"),
        };
        let _ = writeln!(out, "{indent}n{at}{open}\"{label}\"{close}");
    }
    for (at, inner) in graph
        .groups
        .iter()
        .enumerate()
        .filter(|(_, group)| group.parent == Some(id))
    {
        let _ = writeln!(out, "{indent}subgraph g{at}[\"{}\"]", escape(&inner.title));
        group(graph, at, level + 1, out);
        let _ = writeln!(out, "{indent}end");
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('"', "&quot;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}
