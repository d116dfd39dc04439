//! Which policies hold for a step, and where each setting comes from.
//!
//! Precedence: the call, the signature of the called facet, an implicit in scope; settings that none of them names come from the defaults of the
//! policy's own facet.

use super::Model;
use crate::ast::{Arg, Call, Expr, Mixin};
use crate::check::names::{FacetInfo, Scope, short};

/// The policies that the runtime enforces, with the parameters by which they are known.
pub const KNOWN: [(&str, &[&str]); 6] = [
    ("Retry", &["maxAttempts", "backoffMs"]),
    ("Timeout", &["seconds", "ms", "minutes", "hours"]),
    ("DLQ", &["dlq_arn"]),
    ("Tracing", &["mode"]),
    ("VpcConfig", &["subnet_ids", "security_group_ids"]),
    ("MemorySize", &["mb"]),
];

/// Where a policy or a setting comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source<'s> {
    /// `with` on the call.
    Call,
    /// `with` in the signature of the called facet.
    Signature,
    /// An implicit of this name.
    Implicit(&'s str),
    /// The default of the policy facet's parameter.
    Default,
}

impl std::fmt::Display for Source<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Call => f.write_str("call"),
            Self::Signature => f.write_str("signature"),
            Self::Implicit(name) => write!(f, "implicit {name}"),
            Self::Default => f.write_str("default"),
        }
    }
}

/// One setting of a policy.
#[derive(Debug, Clone, Copy)]
pub struct Setting<'p, 's> {
    pub name: &'s str,
    pub value: &'p Expr<'s>,
    pub source: Source<'s>,
}

/// A policy that holds for a step.
#[derive(Debug, Clone)]
pub struct Policy<'p, 's> {
    pub facet: FacetInfo<'p, 's>,
    /// Where the policy itself comes from.
    pub source: Source<'s>,
    /// In the order of the policy facet's parameters; parameters without value and default are left out.
    pub settings: Vec<Setting<'p, 's>>,
}

/// Whether a facet is a known policy: by its short name, and because every parameter is one of that policy's.
#[must_use]
pub fn is_policy(facet: &FacetInfo<'_, '_>) -> bool {
    let known = KNOWN.iter().find(|(name, _)| *name == facet.name());
    known.is_some_and(|(_, params)| {
        !facet.params().is_empty()
            && facet
                .params()
                .iter()
                .all(|param| params.contains(&param.name.text))
    })
}

/// The policies of a call, ordered as [`KNOWN`]. Implicits apply where the facet reaches an event facet.
#[must_use]
pub fn effective<'p, 's>(
    model: &Model<'_, 'p, 's>,
    call: &'p Call<'s>,
    scope: &Scope<'s>,
) -> Vec<Policy<'p, 's>> {
    let super::Target::Facet(target) = model.target(call.target.text, scope) else {
        return Vec::new();
    };
    let mut found: Vec<Policy<'p, 's>> = Vec::new();
    let mut layer = |facet: Option<FacetInfo<'p, 's>>, args: &'p [Arg<'s>], source: Source<'s>| {
        let Some(facet) = facet.filter(is_policy) else {
            return;
        };
        match found
            .iter_mut()
            .find(|policy| policy.facet.name() == facet.name())
        {
            Some(policy) => policy.add(args, source),
            None => {
                let mut policy = Policy {
                    facet,
                    source,
                    settings: Vec::new(),
                };
                policy.add(args, source);
                found.push(policy);
            }
        }
    };
    for mixin in plain(&call.mixins) {
        layer(
            model.names.facet(mixin.target.text, scope).one(),
            &mixin.args,
            Source::Call,
        );
    }
    let own = model.scope(target.scope);
    for mixin in plain(&target.decl.sig.mixins) {
        layer(
            model.names.facet(mixin.target.text, own).one(),
            &mixin.args,
            Source::Signature,
        );
    }
    if model.reaches_event(target.id) {
        for (_, implicit) in model.implicits(scope) {
            layer(
                model.implicit_facet(&implicit),
                &implicit.decl.call.args,
                Source::Implicit(implicit.decl.name.text),
            );
        }
    }
    for policy in &mut found {
        policy.finish();
    }
    found.sort_by_key(|policy| {
        KNOWN
            .iter()
            .position(|(name, _)| *name == policy.facet.name())
    });
    found
}

/// An aliased mixin is data of its own, not a policy of the step.
fn plain<'p, 's>(mixins: &'p [Mixin<'s>]) -> impl Iterator<Item = &'p Mixin<'s>> {
    mixins.iter().filter(|mixin| {
        mixin.alias.is_none()
            && KNOWN
                .iter()
                .any(|(name, _)| *name == short(mixin.target.text))
    })
}

impl<'p, 's> Policy<'p, 's> {
    fn add(&mut self, args: &'p [Arg<'s>], source: Source<'s>) {
        for arg in args {
            if !self
                .settings
                .iter()
                .any(|setting| setting.name == arg.name.text)
            {
                self.settings.push(Setting {
                    name: arg.name.text,
                    value: &arg.value,
                    source,
                });
            }
        }
    }

    /// Adds defaults and sorts. `Timeout` has one unit: where one is given, defaults of the others do not count.
    fn finish(&mut self) {
        let exclusive = self.facet.name() == "Timeout" && !self.settings.is_empty();
        for param in self.facet.params() {
            if let Some(value) = param.default.as_ref().filter(|_| !exclusive)
                && !self
                    .settings
                    .iter()
                    .any(|setting| setting.name == param.name.text)
            {
                self.settings.push(Setting {
                    name: param.name.text,
                    value,
                    source: Source::Default,
                });
            }
        }
        let params = self.facet.params();
        self.settings.sort_by_key(|setting| {
            params
                .iter()
                .position(|param| param.name.text == setting.name)
        });
    }
}
