//! SVG: columns by order, rows by group, so that the boxes of groups never overlap.

use super::{Graph, Reason, Shape};
use std::fmt::Write;

const LETTER: usize = 7;
const LINE: usize = 16;
const GAP_X: usize = 56;
const GAP_Y: usize = 22;
const PAD: usize = 12;
const TITLE: usize = 20;

/// Where a node is drawn.
#[derive(Debug, Clone, Copy, Default)]
struct Placed {
    x: usize,
    y: usize,
    width: usize,
    height: usize,
}

/// A graph as an SVG document that works in light and dark pages.
#[must_use]
pub fn svg(graph: &Graph) -> String {
    let columns = columns(graph);
    let mut layout = Layout {
        graph,
        columns: &columns,
        placed: vec![Placed::default(); graph.nodes.len()],
        boxes: Vec::new(),
        left: lefts(graph, &columns),
    };
    let bottom = layout.group(0, PAD + TITLE);
    let right = layout
        .placed
        .iter()
        .map(|p| p.x + p.width)
        .max()
        .unwrap_or(0)
        .max(graph.title.chars().count() * LETTER)
        + PAD * 2;
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {right} {0}\" width=\"{right}\" height=\"{0}\" role=\"img\" font-family=\"sans-serif\" font-size=\"12\">\n<title>{1}</title>\n{STYLE}<rect class=\"page\" width=\"{right}\" height=\"{0}\"/>\n<text class=\"head\" x=\"{PAD}\" y=\"{2}\">{1}</text>\n",
        bottom + PAD,
        escape(&graph.title),
        PAD + LETTER,
    );
    layout.draw(&mut out);
    out.push_str("</svg>\n");
    out
}

const STYLE: &str = "<style>.page{fill:#fff}.head{font-weight:bold}.box{fill:#f6f8fa;stroke:#d0d7de}.task{fill:#ddf4ff;stroke:#0969da}.inner,.terminal{fill:#fff;stroke:#57606a}.choice{fill:#fff8c5;stroke:#9a6700}.yield{fill:#dafbe1;stroke:#1a7f37}.edge{fill:none;stroke:#57606a}.declared{stroke-dasharray:5 4}.error{stroke:#cf222e}text{fill:#1f2328}.small{font-size:10px}@media (prefers-color-scheme:dark){.page{fill:#0d1117}.box{fill:#161b22;stroke:#30363d}.task{fill:#0c2d6b}.inner,.terminal{fill:#161b22;stroke:#8b949e}.choice{fill:#4b2900}.yield{fill:#04260f}.edge{stroke:#8b949e}.error{stroke:#ff7b72}text{fill:#e6edf3}}</style>\n<defs><marker id=\"a\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" markerWidth=\"7\" markerHeight=\"7\" orient=\"auto\"><path d=\"M0 0 8 4 0 8z\" fill=\"#57606a\"/></marker></defs>\n";

/// The column of each node: one more than those of all before it. Edges lead forward only, apart from none.
fn columns(graph: &Graph) -> Vec<usize> {
    let mut columns = vec![0_usize; graph.nodes.len()];
    // As many rounds as the longest path has edges; a graph that would need more has a cycle, which cannot arise.
    for _ in 0..graph.nodes.len() {
        let mut changed = false;
        for edge in &graph.edges {
            let least = columns.get(edge.from).copied().unwrap_or(0) + 1;
            if let Some(column) = columns.get_mut(edge.to)
                && *column < least
            {
                *column = least;
                changed = true;
            }
        }
        if !changed {
            break;
        }
    }
    columns
}

fn width(lines: &[String]) -> usize {
    lines
        .iter()
        .map(|line| line.chars().count())
        .max()
        .unwrap_or(0)
        * LETTER
        + PAD * 2
}

fn lefts(graph: &Graph, columns: &[usize]) -> Vec<usize> {
    let count = columns.iter().max().map_or(0, |last| last + 1);
    let mut widths = vec![0_usize; count];
    for (node, column) in graph.nodes.iter().zip(columns) {
        if let Some(widest) = widths.get_mut(*column) {
            *widest = (*widest).max(width(&node.lines));
        }
    }
    let labels = graph
        .edges
        .iter()
        .map(|edge| edge.label.chars().count() * 6)
        .max()
        .unwrap_or(0)
        .min(240);
    let mut left = PAD * 2;
    let place = |width: usize| {
        let next = left + width + GAP_X.max(labels + PAD);
        std::mem::replace(&mut left, next)
    };
    widths.into_iter().map(place).collect()
}

struct Layout<'g> {
    graph: &'g Graph,
    columns: &'g [usize],
    placed: Vec<Placed>,
    boxes: Vec<(usize, Placed)>,
    left: Vec<usize>,
}

impl Layout<'_> {
    /// Places a group below `top` and tells where it ends.
    fn group(&mut self, id: usize, top: usize) -> usize {
        let mut bottoms = vec![top; self.left.len()];
        let mut bottom = top;
        for (at, node) in self
            .graph
            .nodes
            .iter()
            .enumerate()
            .filter(|(_, node)| node.group == id)
        {
            let column = self.columns.get(at).copied().unwrap_or(0);
            let (x, y) = (
                self.left.get(column).copied().unwrap_or(0),
                bottoms.get(column).copied().unwrap_or(top),
            );
            let placed = Placed {
                x,
                y,
                width: width(&node.lines),
                height: node.lines.len() * LINE + PAD,
            };
            if let Some(slot) = self.placed.get_mut(at) {
                *slot = placed;
            }
            if let Some(next) = bottoms.get_mut(column) {
                *next = y + placed.height + GAP_Y;
            }
            bottom = bottom.max(y + placed.height + GAP_Y);
        }
        for (at, inner) in self
            .graph
            .groups
            .iter()
            .enumerate()
            .filter(|(_, group)| group.parent == Some(id))
        {
            let start = bottom;
            let boxes = self.boxes.len();
            self.boxes.push((at, Placed::default()));
            let end = self.group(at, start + TITLE + PAD / 2);
            let (left, right) = self.extent(at);
            let right = right.max(left + inner.title.chars().count() * LETTER);
            if let Some((_, frame)) = self.boxes.get_mut(boxes) {
                *frame = Placed {
                    x: left.saturating_sub(PAD / 2),
                    y: start,
                    width: right - left + PAD,
                    height: end.saturating_sub(start).saturating_sub(GAP_Y / 2),
                };
            }
            bottom = end + GAP_Y / 2;
        }
        bottom
    }

    /// From where to where the nodes of a group and its inner groups reach.
    fn extent(&self, id: usize) -> (usize, usize) {
        let inside = |mut group: usize| loop {
            if group == id {
                return true;
            }
            match self.graph.groups.get(group).and_then(|group| group.parent) {
                Some(parent) => group = parent,
                None => return false,
            }
        };
        let nodes = self
            .graph
            .nodes
            .iter()
            .zip(&self.placed)
            .filter(|(node, _)| inside(node.group));
        let reach = nodes
            .map(|(_, placed)| (placed.x, placed.x + placed.width))
            .reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)));
        reach.unwrap_or((PAD, PAD * 2))
    }

    // Writing to a String cannot fail, hence the ignored results.
    fn draw(&self, out: &mut String) {
        for (id, frame) in &self.boxes {
            let title = self
                .graph
                .groups
                .get(*id)
                .map_or("", |group| group.title.as_str());
            let _ = writeln!(
                out,
                "<rect class=\"box\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" rx=\"6\"/><text class=\"small\" x=\"{}\" y=\"{}\">{}</text>",
                frame.x,
                frame.y,
                frame.width,
                frame.height,
                frame.x + PAD / 2,
                frame.y + 14,
                escape(title)
            );
        }
        for edge in &self.graph.edges {
            self.edge(edge, out);
        }
        for (node, placed) in self.graph.nodes.iter().zip(&self.placed) {
            let class = match node.shape {
                Shape::Terminal => "terminal",
                Shape::Task => "task",
                Shape::Inner => "inner",
                Shape::Choice => "choice",
                Shape::Yield => "yield",
            };
            let round = if matches!(node.shape, Shape::Terminal | Shape::Inner) {
                14
            } else {
                3
            };
            let _ = writeln!(
                out,
                "<rect class=\"{class}\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" rx=\"{round}\"/>",
                placed.x, placed.y, placed.width, placed.height
            );
            for (line, words) in node.lines.iter().enumerate() {
                let class = if line == 0 { "head" } else { "small" };
                let _ = writeln!(
                    out,
                    "<text class=\"{class}\" x=\"{}\" y=\"{}\">{}</text>",
                    placed.x + PAD,
                    placed.y + PAD / 2 + LINE * line + 12,
                    escape(words)
                );
            }
        }
    }

    fn edge(&self, edge: &super::Edge, out: &mut String) {
        let (Some(from), Some(to)) = (self.placed.get(edge.from), self.placed.get(edge.to)) else {
            return;
        };
        let (x1, y1, x2, y2) = (
            from.x + from.width,
            from.y + from.height / 2,
            to.x,
            to.y + to.height / 2,
        );
        let class = match edge.reason {
            Reason::Flow => "edge",
            Reason::Declared => "edge declared",
            Reason::Error => "edge error",
        };
        let bend = GAP_X / 2;
        let _ = writeln!(
            out,
            "<path class=\"{class}\" marker-end=\"url(#a)\" d=\"M{x1} {y1}C{} {y1} {} {y2} {x2} {y2}\"/>",
            x1 + bend,
            x2.saturating_sub(bend)
        );
        if !edge.label.is_empty() {
            let _ = writeln!(
                out,
                "<text class=\"small\" x=\"{}\" y=\"{}\">{}</text>",
                x1 + 6,
                (y1 + y2) / 2 - 3,
                escape(&edge.label)
            );
        }
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}
