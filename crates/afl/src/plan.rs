//! What runs when, under which policies, as text for people.

use crate::ast::{AndThen, Block, Body, Call, Catch, Caught, FacetKind, Stmt, Then, When};
use crate::check::Options;
use crate::check::names::{FacetInfo, Names, Scope};
use crate::format;
use crate::program::Program;
use crate::resolve::order::{self, Edge, Why};
use crate::resolve::{Model, Target, policy};

/// The plans of the workflows, or of the facets that are named (by short or full name). Nothing when a name fits none.
#[must_use]
pub fn plan(program: &Program<'_>, options: Options, wanted: &[String]) -> Option<String> {
    let names = Names::new(program);
    let model = Model::new(&names);
    let chosen = choose(&names, wanted)?;
    let mut plan = Plan {
        model: &model,
        options,
        out: String::new(),
    };
    for facet in chosen {
        plan.facet(&facet);
    }
    Some(plan.out)
}

/// The facets that are named; without names all workflows, or all facets with a body where there is no workflow.
pub(crate) fn choose<'p, 's>(
    names: &Names<'p, 's>,
    wanted: &[String],
) -> Option<Vec<FacetInfo<'p, 's>>> {
    let mut all = names.facets.clone();
    all.sort_by_key(|facet| (facet.file, facet.decl.span));
    if wanted.is_empty() {
        let workflows: Vec<_> = all
            .iter()
            .copied()
            .filter(|facet| facet.decl.kind == FacetKind::Workflow)
            .collect();
        let bodies = || {
            all.iter()
                .copied()
                .filter(|facet| !facet.decl.body.blocks().is_empty())
                .collect()
        };
        return Some(if workflows.is_empty() {
            bodies()
        } else {
            workflows
        });
    }
    let mut chosen = Vec::new();
    for name in wanted {
        let before = chosen.len();
        chosen.extend(
            all.iter()
                .copied()
                .filter(|facet| facet.name() == name || facet.full() == *name),
        );
        if chosen.len() == before {
            return None;
        }
    }
    Some(chosen)
}

struct Plan<'m, 'n, 'p, 's> {
    model: &'m Model<'n, 'p, 's>,
    options: Options,
    out: String,
}

impl<'p, 's> Plan<'_, '_, 'p, 's> {
    fn line(&mut self, level: usize, words: &str) {
        self.out.extend(std::iter::repeat_n("  ", level));
        self.out.push_str(words);
        self.out.push('\n');
    }

    fn facet(&mut self, facet: &FacetInfo<'p, 's>) {
        if !self.out.is_empty() {
            self.out.push('\n');
        }
        self.line(0, &format!("{} {}", facet.decl.kind.words(), facet.full()));
        let scope = self.model.scope(facet.scope);
        if facet.decl.pre_script.is_some() {
            self.line(1, "script runs first");
        }
        match &facet.decl.body {
            Body::None => self.line(1, "no body"),
            Body::Prompt(_) => self.line(1, "prompt for a language model"),
            Body::Blocks(blocks) => {
                if blocks.len() > 1 {
                    self.line(1, &format!("{} blocks run at the same time", blocks.len()));
                }
                for block in blocks {
                    self.then(block, scope, 1);
                }
            }
        }
        if let Some(catch) = &facet.decl.catch {
            self.catch(catch, scope, 1);
        }
    }

    fn then(&mut self, then: &'p AndThen<'s>, scope: &Scope<'s>, level: usize) {
        match &then.kind {
            Then::Script(_) => self.line(level, "script"),
            Then::When(when) => self.when(when, scope, level),
            Then::Block(block) => {
                let inner = match &then.foreach {
                    Some(foreach) => {
                        let list = format::flat(&foreach.list);
                        self.line(
                            level,
                            &format!(
                                "for each {} of {list}, at the same time up to the limit:",
                                foreach.variable.text
                            ),
                        );
                        level + 1
                    }
                    None => level,
                };
                self.block(block, scope, inner);
            }
        }
    }

    fn when(&mut self, when: &'p When<'s>, scope: &Scope<'s>, level: usize) {
        self.line(level, "every case whose condition holds:");
        for case in &when.cases {
            let condition = case.condition.as_ref().map_or_else(
                || "otherwise".to_owned(),
                |condition| format!("if {}", format::flat(condition)),
            );
            self.line(level + 1, &format!("{condition}:"));
            self.block(&case.block, scope, level + 2);
        }
    }

    fn catch(&mut self, catch: &'p Catch<'s>, scope: &Scope<'s>, level: usize) {
        self.line(level, "on error:");
        match &catch.kind {
            Caught::Block(block) => self.block(block, scope, level + 1),
            Caught::When(when) => self.when(when, scope, level + 1),
        }
    }

    fn block(&mut self, block: &'p Block<'s>, scope: &Scope<'s>, level: usize) {
        let order = order::of_block(self.model, block, scope, self.options.order);
        let waves = order::waves(block.steps.len(), &order.edges);
        for (number, wave) in waves.iter().enumerate() {
            for at in wave {
                let Some(stmt) = block.steps.get(*at) else {
                    continue;
                };
                self.stmt(block, stmt, number + 1, *at, &order.edges, scope, level);
            }
        }
        for target in crate::json::yields(block, true) {
            let outputs: Vec<&str> = target.args.iter().map(|arg| arg.name.text).collect();
            self.line(
                level,
                &format!("yield {} ({})", target.target.text, outputs.join(", ")),
            );
        }
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "one call site; a struct would only rename them"
    )]
    fn stmt(
        &mut self,
        block: &'p Block<'s>,
        stmt: &'p Stmt<'s>,
        number: usize,
        at: usize,
        edges: &[Edge],
        scope: &Scope<'s>,
        level: usize,
    ) {
        let step = match stmt {
            Stmt::Step(step) => step,
            Stmt::Log { .. } => return self.line(level, &format!("{number}. sys.log")),
            Stmt::Assert { .. } => return self.line(level, &format!("{number}. sys.assert")),
        };
        let what = match self.model.target(step.call.target.text, scope) {
            Target::Facet(facet) => match facet.decl.kind {
                FacetKind::Event => format!("task {}", facet.full()),
                FacetKind::Facet | FacetKind::Workflow => {
                    format!("{} {}", facet.decl.kind.words(), facet.full())
                }
            },
            Target::Schema(schema) => format!("record {}", schema.full()),
            Target::Unknown => format!("external {}", step.call.target.text),
        };
        self.line(level, &format!("{number}. {} = {what}", step.name.text));
        let reasons: Vec<String> = edges
            .iter()
            .filter(|edge| edge.to == at)
            .map(|edge| {
                let name = block
                    .steps
                    .get(edge.from)
                    .and_then(Stmt::step)
                    .map_or("", |step| step.name.text);
                let why = if edge.why == Why::Data {
                    "data"
                } else {
                    "declared order"
                };
                format!("{name} ({why})")
            })
            .collect();
        if !reasons.is_empty() {
            self.line(level + 2, &format!("after {}", reasons.join(", ")));
        }
        self.policies(&step.call, scope, level + 2);
        if let Some(body) = &step.body {
            self.line(level + 1, "then:");
            self.then(body, scope, level + 2);
        }
        if let Some(catch) = &step.catch {
            self.catch(catch, scope, level + 1);
        }
    }

    fn policies(&mut self, call: &'p Call<'s>, scope: &Scope<'s>, level: usize) {
        for policy in policy::effective(self.model, call, scope) {
            let settings: Vec<String> = policy
                .settings
                .iter()
                .map(|setting| {
                    format!(
                        "{} = {} ({})",
                        setting.name,
                        format::flat(setting.value),
                        setting.source
                    )
                })
                .collect();
            let settings = if settings.is_empty() {
                format!("({})", policy.source)
            } else {
                settings.join(", ")
            };
            self.line(level, &format!("{}: {settings}", policy.facet.name()));
        }
    }
}
