//! Bodies: blocks, steps, yields, cases.

use super::{Checker, Maker, StepInfo};
use crate::ast::{
    AndThen, Block, Body, Call, Catch, Caught, Facet, Name, Prompt, Script, Step, Stmt, Then, When,
};
use crate::check::names::{Map, SchemaInfo, member, short};
use crate::diag::{FileId, Rule};
use crate::span::Span;

/// What a block inherits from around it.
#[derive(Clone, Copy)]
pub(super) struct Around<'a, 's> {
    /// The facet whose step body this is: one more yield target.
    pub target: Option<&'s str>,
    /// Steps of sibling blocks, which may not be referenced, and this block's number among them.
    pub siblings: Option<(&'a Siblings<'s>, usize)>,
    /// The variables of enclosing foreach clauses, innermost last.
    pub variables: &'a [Name<'s>],
}

/// Which sibling blocks define a step: the first of them, and whether others do too.
pub(super) type Siblings<'s> = Map<&'s str, (usize, bool)>;

impl<'s> Around<'_, 's> {
    pub(super) fn in_sibling(&self, name: &str) -> bool {
        self.siblings.is_some_and(|(all, own)| {
            all.get(name)
                .is_some_and(|(block, several)| *several || *block != own)
        })
    }

    pub(super) fn is_variable(&self, name: &str) -> bool {
        self.variables.iter().any(|variable| variable.text == name)
    }
}

impl<'p, 's> Checker<'_, 'p, 's> {
    pub(super) fn facet(&mut self, facet: &'p Facet<'s>) {
        self.signature(facet);
        self.facet = Some(facet);
        self.result_keys.clear();
        if let Some(script) = &facet.pre_script {
            self.script(script);
            if self.relaxed {
                self.result_keys = crate::script::result_keys(&script.text())
                    .map(str::to_owned)
                    .collect();
            }
        }
        match &facet.body {
            Body::None => {}
            // The reference looks at prompts of event facets only.
            Body::Prompt(prompt) if self.relaxed || facet.kind == crate::ast::FacetKind::Event => {
                self.prompt(facet, prompt)
            }
            Body::Prompt(_) => {}
            Body::Blocks(blocks) => self.blocks(blocks),
        }
        if let Some(catch) = &facet.catch {
            self.fresh();
            self.catch(
                catch,
                Around {
                    target: None,
                    siblings: None,
                    variables: &[],
                },
            );
        }
        self.facet = None;
    }

    fn fresh(&mut self) {
        self.steps.clear();
        self.index.clear();
    }

    fn blocks(&mut self, blocks: &'p [AndThen<'s>]) {
        let mut siblings = Siblings::default();
        for (number, block) in blocks.iter().enumerate() {
            let Then::Block(block) = &block.kind else {
                continue;
            };
            for step in block.steps.iter().filter_map(Stmt::step) {
                siblings
                    .entry(step.name.text)
                    .and_modify(|(first, several)| *several |= *first != number)
                    .or_insert((number, false));
            }
        }
        // Steps of earlier blocks are visible in a later `when`.
        let mut earlier: Vec<StepInfo<'p, 's>> = Vec::new();
        for (number, block) in blocks.iter().enumerate() {
            self.fresh();
            let siblings = (blocks.len() > 1).then_some((&siblings, number));
            let around = Around {
                target: None,
                siblings,
                variables: &[],
            };
            match &block.kind {
                Then::When(when) => {
                    for step in &earlier {
                        self.index.insert(step.name.text, self.steps.len());
                        self.steps.push(*step);
                    }
                    self.when(when, around);
                }
                Then::Script(script) => self.script(script),
                Then::Block(inner) => {
                    self.and_then(block, around);
                    earlier.extend(
                        inner
                            .steps
                            .iter()
                            .filter_map(Stmt::step)
                            .map(|step| self.known(step)),
                    );
                }
            }
        }
    }

    /// A step of an earlier block, whose names were reported there.
    fn known(&self, step: &Step<'s>) -> StepInfo<'p, 's> {
        let target = step.call.target;
        let maker = match self.names.facet(target.text, self.scope).one() {
            Some(facet) => Maker::Facet(facet),
            None => self
                .names
                .schema(target.text, self.scope)
                .one()
                .map_or(Maker::Unknown, Maker::Schema),
        };
        StepInfo {
            name: step.name,
            target: target.text,
            maker,
            caught: false,
        }
    }

    fn and_then(&mut self, body: &'p AndThen<'s>, around: Around<'_, 's>) {
        match &body.kind {
            Then::Script(script) => self.script(script),
            Then::When(when) => self.when(when, around),
            Then::Block(block) => {
                let Some(foreach) = &body.foreach else {
                    return self.block(block, around);
                };
                if self.relaxed {
                    self.foreach_list(&foreach.list, around);
                    let mut variables = around.variables.to_vec();
                    variables.push(foreach.variable);
                    self.block(
                        block,
                        Around {
                            variables: &variables,
                            ..around
                        },
                    );
                } else {
                    self.block(
                        block,
                        Around {
                            variables: &[foreach.variable],
                            ..around
                        },
                    );
                }
            }
        }
    }

    pub(super) fn block(&mut self, block: &'p Block<'s>, around: Around<'_, 's>) {
        let base = self.steps.len();
        for stmt in &block.steps {
            match stmt {
                Stmt::Step(step) => self.step(step, around),
                Stmt::Log { args, .. } => {
                    for arg in args {
                        self.references(&arg.value, None, around);
                        self.infer(&arg.value);
                    }
                }
                Stmt::Assert { condition, span } => {
                    self.references(condition, None, around);
                    let found = self.infer(condition);
                    if !found.may_be_boolean() {
                        self.report(
                            Rule::SysAssertNotBoolean,
                            *span,
                            format!("sys.assert condition must be Boolean, got {}", found.name()),
                        );
                    }
                }
            }
        }
        self.yields(block, around);
        for step in self.steps.drain(base..) {
            self.index.remove(step.name.text);
        }
    }

    fn step(&mut self, step: &'p Step<'s>, around: Around<'_, 's>) {
        if let Some(first) = self
            .index
            .get(step.name.text)
            .and_then(|at| self.steps.get(*at))
            .copied()
        {
            let line = self.line(self.file, first.name.span);
            let message = format!(
                "Duplicate step name '{}' (previously defined at line {line})",
                step.name.text
            );
            let file = self.file;
            self.report(Rule::DuplicateStepName, step.name.span, message)
                .relate(file, first.name.span, "first defined here");
        } else {
            let maker = self.maker(&step.call);
            if let Maker::Schema(schema) = maker {
                self.record(&step.call, schema);
            }
            self.index.insert(step.name.text, self.steps.len());
            self.steps.push(StepInfo {
                name: step.name,
                target: step.call.target.text,
                maker,
                caught: false,
            });
        }
        for mixin in &step.call.mixins {
            self.facet_named(mixin.target);
        }
        self.call_args(
            step.call.target,
            &step.call.args,
            Some(step.name.text),
            around,
        );
        self.mixin_args(&step.call, Some(step.name.text), around);
        if let Some(body) = &step.body {
            // The reference forgets the variables of enclosing foreach clauses here, which makes `$.item` an error one level down.
            let variables = if self.relaxed || self.options.ffl() {
                around.variables
            } else {
                &[]
            };
            let siblings = around.siblings.filter(|_| self.relaxed);
            self.and_then(
                body,
                Around {
                    target: Some(short(step.call.target.text)),
                    siblings,
                    variables,
                },
            );
        }
        if let Some(catch) = &step.catch {
            self.caught(step, catch, around);
        }
    }

    fn maker(&mut self, call: &Call<'s>) -> Maker<'p, 's> {
        if let Some(facet) = self.facet_named(call.target) {
            return Maker::Facet(facet);
        }
        self.schema_named(call.target.text, call.target.span)
            .map_or(Maker::Unknown, Maker::Schema)
    }

    fn caught(&mut self, step: &'p Step<'s>, catch: &'p Catch<'s>, around: Around<'_, 's>) {
        // A second step of the name changes nothing; an outer catch of the same step goes on behind an inner one.
        let at = self.index.get(step.name.text).copied();
        let before = self.set_caught(at, true);
        let siblings = around.siblings.filter(|_| self.relaxed);
        let variables = around.variables;
        self.catch(
            catch,
            Around {
                target: None,
                siblings,
                variables,
            },
        );
        self.set_caught(at, before);
    }

    fn set_caught(&mut self, at: Option<usize>, value: bool) -> bool {
        let step = at.and_then(|at| self.steps.get_mut(at));
        step.is_some_and(|step| std::mem::replace(&mut step.caught, value))
    }

    fn catch(&mut self, catch: &'p Catch<'s>, around: Around<'_, 's>) {
        match &catch.kind {
            Caught::Block(block) => self.block(block, around),
            Caught::When(when) => self.when(when, around),
        }
    }

    fn when(&mut self, when: &'p When<'s>, around: Around<'_, 's>) {
        let head = Span::new(when.span.start, (when.span.start + 4).min(when.span.end));
        if when.cases.is_empty() {
            self.report(
                Rule::WhenNoCases,
                head,
                "When block must have at least one case".to_owned(),
            );
            return;
        }
        let defaults: Vec<usize> = when
            .cases
            .iter()
            .enumerate()
            .filter(|(_, case)| case.condition.is_none())
            .map(|(at, _)| at)
            .collect();
        match defaults.as_slice() {
            [] => {
                let indent = "case _ => { }";
                let end = when.span.end.saturating_sub(1);
                self.report(
                    Rule::WhenMissingDefault,
                    head,
                    "When block must have a default case (case _ =>)".to_owned(),
                )
                .repair("Add a default case", Span::at(end), format!("{indent}\n"));
            }
            [only] if *only != when.cases.len() - 1 => {
                let span = when.cases.get(*only).map_or(head, |case| case.span);
                self.report(
                    Rule::WhenDefaultNotLast,
                    span,
                    "Default case must be the last case in a when block".to_owned(),
                );
            }
            [_] => {}
            _ => {
                self.report(
                    Rule::WhenMultipleDefaults,
                    head,
                    "When block can have at most one default case".to_owned(),
                );
            }
        }
        // The reference forgets the variables of enclosing foreach clauses inside cases.
        let around = if self.relaxed {
            around
        } else {
            Around {
                variables: &[],
                siblings: None,
                ..around
            }
        };
        for case in &when.cases {
            if let Some(condition) = &case.condition {
                let found = self.infer(condition);
                if !found.may_be_boolean() {
                    self.report(
                        Rule::WhenConditionNotBoolean,
                        condition.span,
                        format!("When case condition must be Boolean, got {}", found.name()),
                    );
                }
                self.references(condition, None, around);
            }
            self.block(&case.block, around);
        }
    }

    fn record(&mut self, call: &Call<'s>, schema: SchemaInfo<'p, 's>) {
        let name = call.target.text;
        if let Some(mixin) = call.mixins.first() {
            let message = format!(
                "Schema instantiation '{name}' cannot have mixins. Schemas are simple data structures without mixin support."
            );
            self.report(Rule::SchemaInstantiationNoMixins, mixin.span, message);
        }
        for arg in &call.args {
            if member(&schema.decl.fields, arg.name.text).is_none() {
                let fields = schema.decl.fields.iter().map(|field| field.name.text);
                let message = format!(
                    "Unknown field '{}' for schema '{name}'. Valid fields are: {}",
                    arg.name.text,
                    Self::list(fields.clone())
                );
                let at: (FileId, Span) = (schema.file, schema.decl.name.span);
                self.report(Rule::SchemaUnknownField, arg.name.span, message)
                    .relate(at.0, at.1, "the schema");
                self.hint(arg.name.text, arg.name.span, fields);
            }
        }
    }

    fn yields(&mut self, block: &'p Block<'s>, around: Around<'_, 's>) {
        let Some(facet) = self.facet else { return };
        let ffl = self.options.ffl();
        let mut used: Vec<(&str, Span)> = Vec::new();
        for target in crate::json::yields(block, ffl) {
            let name = short(target.target.text);
            let named = |mixin: &&crate::ast::Mixin<'s>| short(mixin.target.text) == name;
            let mixins = facet.sig.mixins.iter().filter(named).count();
            let aliased = ffl
                && facet
                    .sig
                    .mixins
                    .iter()
                    .any(|mixin| mixin.alias.is_some_and(|alias| alias.text == name));
            if name != facet.sig.name.text && mixins == 0 && !aliased && around.target != Some(name)
            {
                self.invalid_target(facet, target.target, around);
            } else if ffl && mixins > 1 {
                let aliases = facet
                    .sig
                    .mixins
                    .iter()
                    .filter(named)
                    .filter_map(|mixin| mixin.alias)
                    .map(|alias| alias.text);
                let message = format!(
                    "Ambiguous yield target '{name}': the containing facet has {mixins} mixins with this target. Use one of the aliases instead: {}",
                    Self::list(aliases)
                );
                self.report(Rule::YieldTargetAmbiguous, target.target.span, message);
            }
            self.call_args(target.target, target.args, None, around);
            if !ffl && let Some(call) = target.call {
                self.mixin_args(call, None, around);
            }
            if let Some((_, first)) = used.iter().find(|(used, _)| *used == name) {
                let message = format!(
                    "Duplicate yield target '{name}': each yield must reference a different facet or mixin"
                );
                let (file, first) = (self.file, *first);
                self.report(Rule::YieldDuplicateTarget, target.span, message)
                    .relate(file, first, "yielded here already");
            } else {
                used.push((name, target.span));
            }
        }
    }

    fn invalid_target(&mut self, facet: &'p Facet<'s>, target: Name<'s>, around: Around<'_, 's>) {
        let mixins = facet.sig.mixins.iter();
        let aliases = mixins
            .clone()
            .filter_map(|mixin| mixin.alias)
            .filter(|_| self.options.ffl())
            .map(|alias| alias.text);
        let valid = std::iter::once(facet.sig.name.text)
            .chain(mixins.map(|mixin| short(mixin.target.text)))
            .chain(aliases)
            .chain(around.target);
        let valid: Vec<&str> = valid.collect();
        let message = format!(
            "Invalid yield target '{}': must be the containing facet or one of its mixins. Valid targets are: {}",
            short(target.text),
            Self::list(valid.iter().copied())
        );
        self.report(Rule::YieldInvalidTarget, target.span, message);
        self.hint(target.text, target.span, valid);
    }

    fn prompt(&mut self, facet: &'p Facet<'s>, prompt: &Prompt<'s>) {
        if prompt.get("template").is_none() {
            let head = Span::new(prompt.span.start, prompt.span.start + 6);
            self.report(
                Rule::PromptMissingTemplate,
                head,
                "Prompt block must have a 'template' directive".to_owned(),
            );
            return;
        }
        for word in ["template", "system"] {
            let Some(literal) = prompt.get(word) else {
                continue;
            };
            for name in placeholders(&crate::literal::text(literal.text)) {
                if member(&facet.sig.params, name).is_some()
                    || self.result_keys.iter().any(|key| key == name)
                {
                    continue;
                }
                let params = facet.sig.params.iter().map(|param| param.name.text);
                let message = format!(
                    "Invalid placeholder '{{{name}}}' in {word}: no parameter named '{name}'. Valid parameters are: {}",
                    Self::list(params.clone())
                );
                let at = literal
                    .text
                    .find(&format!("{{{name}}}"))
                    .map_or(literal.span, |at| {
                        let start = literal.span.start + crate::span::offset(at) + 1;
                        Span::new(start, start + crate::span::offset(name.len()))
                    });
                self.report(Rule::PromptInvalidPlaceholder, at, message);
                self.hint(name, at, params);
            }
        }
    }

    fn script(&mut self, script: &Script<'s>) {
        if script.text().trim().is_empty() {
            self.report(
                Rule::ScriptEmpty,
                script.span,
                "Script block must contain code".to_owned(),
            );
        } else if let Some(language) = script.language.filter(|language| language.text != "python")
        {
            let message = format!(
                "Unsupported script language '{}'. Currently only 'python' is supported.",
                language.text
            );
            self.report(Rule::ScriptUnsupportedLanguage, language.span, message);
        }
    }
}

/// The words in `{word}`.
fn placeholders(text: &str) -> impl Iterator<Item = &str> {
    text.match_indices('{').filter_map(|(at, _)| {
        let rest = text.get(at + 1..)?;
        let name = rest
            .split('}')
            .next()
            .filter(|name| name.len() < rest.len())?;
        (!name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '_')).then_some(name)
    })
}
