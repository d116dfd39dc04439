//! The true order of execution as a graph: nodes, edges with their reasons, and the blocks that hold them.

mod dot;
mod mermaid;
mod svg;

pub use dot::dot;
pub use mermaid::mermaid;
pub use svg::svg;

use crate::ast::{AndThen, Block, Body, Catch, Caught, FacetKind, Step, Stmt, Then, When};
use crate::check::Options;
use crate::check::names::{FacetInfo, Names, Scope};
use crate::format;
use crate::program::Program;
use crate::resolve::order::{self, Why};
use crate::resolve::{Model, Target, policy};

/// What a node stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// Where execution begins or ends.
    Terminal,
    /// An event facet: a task for somebody outside.
    Task,
    /// A facet without a task of its own, a record, a script, a `sys` statement.
    Inner,
    /// A `when`.
    Choice,
    /// A yield.
    Yield,
}

/// A node.
#[derive(Debug, Clone)]
pub struct Node {
    /// What it is, one line each; the first is the name.
    pub lines: Vec<String>,
    pub shape: Shape,
    /// The group that holds it.
    pub group: usize,
}

/// Why one node follows another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// It is simply next, or needs its data.
    Flow,
    /// Only the order in the source decides.
    Declared,
    /// Only after an error.
    Error,
}

/// One node follows another.
#[derive(Debug, Clone)]
pub struct Edge {
    pub from: usize,
    pub to: usize,
    pub reason: Reason,
    /// The condition of a case.
    pub label: String,
}

/// A block that holds nodes and further groups.
#[derive(Debug, Clone)]
pub struct Group {
    pub title: String,
    /// The group that holds it; the first group has none.
    pub parent: Option<usize>,
}

/// A graph. Group 0 is the facet itself.
#[derive(Debug, Clone, Default)]
pub struct Graph {
    pub title: String,
    pub nodes: Vec<Node>,
    pub edges: Vec<Edge>,
    pub groups: Vec<Group>,
}

/// The graphs of all workflows, or of the facets that are named. Nothing when a name fits none.
#[must_use]
pub fn graphs(program: &Program<'_>, options: Options, wanted: &[String]) -> Option<Vec<Graph>> {
    let names = Names::new(program);
    let model = Model::new(&names);
    let chosen = crate::plan::choose(&names, wanted)?;
    Some(
        chosen
            .iter()
            .map(|facet| of_facet(&model, options, facet))
            .collect(),
    )
}

fn of_facet<'p, 's>(
    model: &Model<'_, 'p, 's>,
    options: Options,
    facet: &FacetInfo<'p, 's>,
) -> Graph {
    let title = format!("{} {}", facet.decl.kind.words(), facet.full());
    let graph = Graph {
        groups: vec![Group {
            title: title.clone(),
            parent: None,
        }],
        title,
        ..Graph::default()
    };
    let mut builder = Builder {
        model,
        options,
        scope: model.scope(facet.scope),
        graph,
    };
    builder.facet(facet);
    builder.graph
}

/// Where a part of the graph is entered and left.
#[derive(Debug, Default, Clone)]
struct Part {
    entries: Vec<(usize, String)>,
    exits: Vec<usize>,
}

struct Builder<'m, 'n, 'p, 's> {
    model: &'m Model<'n, 'p, 's>,
    options: Options,
    scope: &'n Scope<'s>,
    graph: Graph,
}

impl<'p, 's> Builder<'_, '_, 'p, 's> {
    fn node(&mut self, lines: Vec<String>, shape: Shape, group: usize) -> usize {
        self.graph.nodes.push(Node {
            lines,
            shape,
            group,
        });
        self.graph.nodes.len() - 1
    }

    fn group(&mut self, title: String, parent: usize) -> usize {
        self.graph.groups.push(Group {
            title,
            parent: Some(parent),
        });
        self.graph.groups.len() - 1
    }

    fn edge(&mut self, from: usize, to: usize, reason: Reason, label: &str) {
        self.graph.edges.push(Edge {
            from,
            to,
            reason,
            label: label.to_owned(),
        });
    }

    fn enter(&mut self, from: &[usize], part: &Part, reason: Reason) {
        for from in from {
            for (to, label) in &part.entries {
                self.edge(*from, *to, reason, label);
            }
        }
    }

    fn facet(&mut self, facet: &FacetInfo<'p, 's>) {
        let start = self.node(vec!["start".to_owned()], Shape::Terminal, 0);
        let mut from = vec![start];
        if facet.decl.pre_script.is_some() {
            let script = self.node(vec!["script".to_owned()], Shape::Inner, 0);
            self.edge(start, script, Reason::Flow, "");
            from = vec![script];
        }
        let mut exits = Vec::new();
        match &facet.decl.body {
            Body::None => exits.clone_from(&from),
            Body::Prompt(_) => {
                let prompt = self.node(vec!["prompt".to_owned()], Shape::Task, 0);
                self.edge(start, prompt, Reason::Flow, "");
                exits.push(prompt);
            }
            Body::Blocks(blocks) => {
                for (number, then) in blocks.iter().enumerate() {
                    let name = (blocks.len() > 1).then(|| format!("block {}", number + 1));
                    let part = self.then(then, 0, name);
                    self.enter(&from, &part, Reason::Flow);
                    exits.extend(if part.entries.is_empty() {
                        from.clone()
                    } else {
                        part.exits
                    });
                }
            }
        }
        let end = self.node(vec!["end".to_owned()], Shape::Terminal, 0);
        if let Some(catch) = &facet.decl.catch {
            let part = self.catch(catch, 0);
            self.enter(&exits, &part, Reason::Error);
            exits.extend(part.exits);
        }
        exits.sort_unstable();
        exits.dedup();
        for exit in exits {
            self.edge(exit, end, Reason::Flow, "");
        }
    }

    fn then(&mut self, then: &'p AndThen<'s>, group: usize, name: Option<String>) -> Part {
        let foreach = then.foreach.as_ref().map(|foreach| {
            format!(
                "foreach {} in {}",
                foreach.variable.text,
                format::flat(&foreach.list)
            )
        });
        let title = match (name, foreach) {
            (Some(name), Some(foreach)) => Some(format!("{name}: {foreach}")),
            (name, foreach) => foreach.or(name),
        };
        let group = match title {
            Some(title) => self.group(title, group),
            None => group,
        };
        match &then.kind {
            Then::Block(block) => self.block(block, group),
            Then::When(when) => self.when(when, group),
            Then::Script(_) => {
                let node = self.node(vec!["script".to_owned()], Shape::Inner, group);
                Part {
                    entries: vec![(node, String::new())],
                    exits: vec![node],
                }
            }
        }
    }

    fn when(&mut self, when: &'p When<'s>, group: usize) -> Part {
        let choice = self.node(vec!["when".to_owned()], Shape::Choice, group);
        let mut exits = Vec::new();
        for case in &when.cases {
            let condition = case
                .condition
                .as_ref()
                .map_or_else(|| "otherwise".to_owned(), format::flat);
            let inner = self.group(
                format!(
                    "case {}",
                    case.condition
                        .as_ref()
                        .map_or_else(|| "_".to_owned(), format::flat)
                ),
                group,
            );
            let part = self.block(&case.block, inner);
            for (to, _) in &part.entries {
                self.edge(choice, *to, Reason::Flow, &condition);
            }
            exits.extend(if part.entries.is_empty() {
                vec![choice]
            } else {
                part.exits
            });
        }
        Part {
            entries: vec![(choice, String::new())],
            exits,
        }
    }

    fn catch(&mut self, catch: &'p Catch<'s>, group: usize) -> Part {
        let inner = self.group("catch".to_owned(), group);
        match &catch.kind {
            Caught::Block(block) => self.block(block, inner),
            Caught::When(when) => self.when(when, inner),
        }
    }

    fn block(&mut self, block: &'p Block<'s>, group: usize) -> Part {
        let order = order::of_block(self.model, block, self.scope, self.options.order);
        let parts: Vec<Part> = block
            .steps
            .iter()
            .map(|stmt| self.stmt(stmt, group))
            .collect();
        let mut out = Part::default();
        for edge in &order.edges {
            let reason = if edge.why == Why::Declared {
                Reason::Declared
            } else {
                Reason::Flow
            };
            if let (Some(from), Some(to)) = (parts.get(edge.from), parts.get(edge.to)) {
                self.enter(&from.exits, to, reason);
            }
        }
        for (at, part) in parts.iter().enumerate() {
            if !order.edges.iter().any(|edge| edge.to == at) {
                out.entries.extend(part.entries.iter().cloned());
            }
            if !order.edges.iter().any(|edge| edge.from == at) {
                out.exits.extend(&part.exits);
            }
        }
        // Yields wait for all statements of their block.
        for target in crate::json::yields(block, true) {
            let outputs = target
                .args
                .iter()
                .map(|arg| arg.name.text)
                .collect::<Vec<_>>()
                .join(", ");
            let node = self.node(
                vec![format!("yield {}", target.target.text), outputs],
                Shape::Yield,
                group,
            );
            for from in std::mem::take(&mut out.exits) {
                self.edge(from, node, Reason::Flow, "");
            }
            if out.entries.is_empty() {
                out.entries.push((node, String::new()));
            }
            out.exits.push(node);
        }
        out
    }

    fn stmt(&mut self, stmt: &'p Stmt<'s>, group: usize) -> Part {
        let step = match stmt {
            Stmt::Step(step) => step,
            Stmt::Log { .. } | Stmt::Assert { .. } => {
                let word = if matches!(stmt, Stmt::Log { .. }) {
                    "sys.log"
                } else {
                    "sys.assert"
                };
                let node = self.node(vec![word.to_owned()], Shape::Inner, group);
                return Part {
                    entries: vec![(node, String::new())],
                    exits: vec![node],
                };
            }
        };
        let node = self.step(step, group);
        let mut exits = vec![node];
        if let Some(body) = &step.body {
            let part = self.then(body, group, Some(format!("{} andThen", step.name.text)));
            self.enter(&[node], &part, Reason::Flow);
            if !part.entries.is_empty() {
                exits = part.exits;
            }
        }
        if let Some(catch) = &step.catch {
            let part = self.catch(catch, group);
            self.enter(&[node], &part, Reason::Error);
            exits.extend(part.exits);
        }
        Part {
            entries: vec![(node, String::new())],
            exits,
        }
    }

    fn step(&mut self, step: &'p Step<'s>, group: usize) -> usize {
        let (target, shape) = match self.model.target(step.call.target.text, self.scope) {
            Target::Facet(facet) => (
                facet.full(),
                if facet.decl.kind == FacetKind::Event {
                    Shape::Task
                } else {
                    Shape::Inner
                },
            ),
            Target::Schema(schema) => (schema.full(), Shape::Inner),
            Target::Unknown => (step.call.target.text.to_owned(), Shape::Task),
        };
        let mut lines = vec![step.name.text.to_owned(), target];
        for policy in policy::effective(self.model, &step.call, self.scope)
            .into_iter()
            .filter(|policy| policy.source == policy::Source::Call)
        {
            let settings: Vec<String> = policy
                .settings
                .iter()
                .map(|setting| format!("{} {}", setting.name, format::flat(setting.value)))
                .collect();
            lines.push(format!("{}: {}", policy.facet.name(), settings.join(", ")));
        }
        self.node(lines, shape, group)
    }
}
