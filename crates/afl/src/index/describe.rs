//! What to tell about a name: its declaration, its documentation, its type, the policies of a step.

use super::{Entry, Symbol};
use crate::ast::{Call, Name, Param, Stmt};
use crate::check::names::Names;
use crate::format::{flat, ty};
use crate::program::Program;
use crate::resolve::{Model, policy};
use crate::span::Span;

/// Markdown about an occurrence.
#[must_use]
pub fn describe<'p, 's>(
    program: &'p Program<'s>,
    names: &Names<'p, 's>,
    model: &Model<'_, 'p, 's>,
    entry: &Entry,
) -> String {
    if let Symbol::Step(file, span) = entry.symbol {
        return step(program, names, model, file, span, entry);
    }
    let value = declared(program, names, entry).or_else(|| valued(names, model, entry));
    value.map_or_else(String::new, |(code, doc)| markdown(&code, doc))
}

/// Namespaces, facets, schemas and implicits: how they are declared, and their documentation.
fn declared<'p, 's>(
    program: &'p Program<'s>,
    names: &Names<'p, 's>,
    entry: &Entry,
) -> Option<(String, Option<Name<'s>>)> {
    Some(match &entry.symbol {
        Symbol::Namespace(name) => {
            let mut blocks = program
                .namespaces()
                .filter(|(_, block)| block.name.text == name);
            (
                format!("namespace {name}"),
                blocks.find_map(|(_, block)| block.doc),
            )
        }
        Symbol::Facet(id) => {
            let facet = names.facets.get(*id)?;
            let sig = &facet.decl.sig;
            let returns = sig.returns.as_ref();
            let returns =
                returns.map_or_else(String::new, |returns| format!(" => ({})", list(returns)));
            let mixins: String = sig
                .mixins
                .iter()
                .map(|mixin| format!(" with {}(..)", mixin.target.text))
                .collect();
            let head = format!(
                "{} {}({})",
                facet.decl.kind.words(),
                facet.full(),
                list(facet.params())
            );
            (format!("{head}{returns}{mixins}"), facet.decl.doc)
        }
        Symbol::Schema(id) => {
            let schema = names.schemas.get(*id)?;
            let fields = list(&schema.decl.fields);
            (
                format!("schema {} {{ {fields} }}", schema.full()),
                schema.decl.doc,
            )
        }
        Symbol::Implicit(number) => {
            let implicit = names.implicits.get(*number)?;
            let call = &implicit.decl.call;
            let args: Vec<String> = call
                .args
                .iter()
                .map(|arg| format!("{} = {}", arg.name.text, flat(&arg.value)))
                .collect();
            let name = implicit.decl.name.text;
            (
                format!(
                    "implicit {name} = {}({})",
                    call.target.text,
                    args.join(", ")
                ),
                None,
            )
        }
        _ => return None,
    })
}

/// Parameters, outputs, fields and variables: their type and where they belong.
fn valued<'s>(
    names: &Names<'_, 's>,
    model: &Model<'_, '_, 's>,
    entry: &Entry,
) -> Option<(String, Option<Name<'s>>)> {
    let (word, name, of) = match &entry.symbol {
        Symbol::Param(id, name) => ("parameter", name, names.facets.get(*id)?.full()),
        Symbol::Output(id, name) => ("output", name, names.facets.get(*id)?.full()),
        Symbol::Field(id, name) => ("field", name, names.schemas.get(*id)?.full()),
        Symbol::Variable(..) => {
            return Some((format!("(foreach variable) {}", shown(model, entry)), None));
        }
        Symbol::Alias(..) => return Some(("(mixin alias)".to_owned(), None)),
        _ => return None,
    };
    Some((
        format!("({word}) {name}: {}\n// of {of}", shown(model, entry)),
        None,
    ))
}

fn markdown(code: &str, doc: Option<Name<'_>>) -> String {
    let mut out = format!("```afl\n{code}\n```\n");
    if let Some(doc) = doc.map(|doc| crate::doc::read(doc.text)) {
        out.push_str(&format!("\n{}\n", doc.description));
        for (name, text) in &doc.params {
            out.push_str(&format!("\n- `{name}`: {text}"));
        }
        for (name, text) in &doc.returns {
            out.push_str(&format!("\n- returns `{name}`: {text}"));
        }
    }
    out
}

fn shown(model: &Model<'_, '_, '_>, entry: &Entry) -> String {
    entry
        .ty
        .as_ref()
        .map_or_else(|| "unknown".to_owned(), |ty| ty.show(model))
}

fn list(params: &[Param<'_>]) -> String {
    let one = |param: &Param<'_>| {
        let default = param
            .default
            .as_ref()
            .map_or_else(String::new, |default| format!(" = {}", flat(default)));
        format!("{}: {}{default}", param.name.text, ty(&param.ty))
    };
    params.iter().map(one).collect::<Vec<_>>().join(", ")
}

fn step<'p, 's>(
    program: &'p Program<'s>,
    names: &Names<'p, 's>,
    model: &Model<'_, 'p, 's>,
    file: u32,
    span: Span,
    entry: &Entry,
) -> String {
    let name = program
        .source(file)
        .map_or("", |source| span.text(&source.text));
    let mut out = markdown(&format!("(step) {name}: {}", shown(model, entry)), None);
    for facet in names
        .facets
        .iter()
        .filter(|facet| facet.file == file && facet.decl.span.touches(span.start))
    {
        let scope = model.scope(facet.scope);
        let Some(call) = find(facet.decl.body.blocks(), span) else {
            continue;
        };
        let policies = policy::effective(model, call, scope);
        if !policies.is_empty() {
            out.push_str("\n| policy | setting | from |\n|---|---|---|\n");
        }
        for policy in policies {
            for setting in &policy.settings {
                out.push_str(&format!(
                    "| {} | `{} = {}` | {} |\n",
                    policy.facet.name(),
                    setting.name,
                    flat(setting.value),
                    setting.source
                ));
            }
        }
    }
    out
}

/// The call of the step whose name stands at `span`.
fn find<'p, 's>(blocks: &'p [crate::ast::AndThen<'s>], span: Span) -> Option<&'p Call<'s>> {
    let mut open: Vec<&'p crate::ast::Block<'s>> = Vec::new();
    let add =
        |open: &mut Vec<&'p crate::ast::Block<'s>>, then: &'p crate::ast::AndThen<'s>| match &then
            .kind
        {
            crate::ast::Then::Block(block) => open.push(block),
            crate::ast::Then::When(when) => open.extend(when.cases.iter().map(|case| &case.block)),
            crate::ast::Then::Script(_) => {}
        };
    blocks.iter().for_each(|then| add(&mut open, then));
    while let Some(block) = open.pop() {
        for step in block.steps.iter().filter_map(Stmt::step) {
            if step.name.span == span {
                return Some(&step.call);
            }
            if let Some(body) = &step.body {
                add(&mut open, body);
            }
            match step.catch.as_ref().map(|catch| &catch.kind) {
                Some(crate::ast::Caught::Block(block)) => open.push(block),
                Some(crate::ast::Caught::When(when)) => {
                    open.extend(when.cases.iter().map(|case| &case.block))
                }
                None => {}
            }
        }
    }
    None
}
