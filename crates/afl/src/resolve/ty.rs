//! Real types: through lists, schemas and `Json`.

use super::Model;
use crate::ast::{Name, Param, Type};
use crate::check::Collect;
use crate::check::names::{FacetId, FacetInfo, SchemaId, Scope, member};

/// The type of a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ty {
    /// Not known; fits everything.
    Any,
    /// `null`; fits every type.
    Null,
    String,
    Int,
    Long,
    Double,
    Boolean,
    /// Explicitly dynamic; fits everything, both ways.
    Json,
    List(Box<Ty>),
    /// A map literal; fits `Json` and schemas.
    Map,
    Schema(SchemaId),
    /// A step of this facet as a value (FFL).
    Step(FacetId),
}

impl Ty {
    /// Whether a value of this type may stand where `to` is wanted. `Int` widens to `Long` widens to `Double`.
    #[must_use]
    pub fn fits(&self, to: &Self) -> bool {
        match (self, to) {
            (Self::Any | Self::Null | Self::Json, _) | (_, Self::Any | Self::Json) => true,
            (Self::List(from), Self::List(to)) => from.fits(to),
            (Self::Int, Self::Long | Self::Double)
            | (Self::Long, Self::Double)
            | (Self::Map, Self::Schema(_)) => true,
            // Which facets satisfy which is a rule of its own.
            (Self::Step(_), Self::Step(_)) => true,
            _ => self == to,
        }
    }

    /// Whether it may be a number.
    #[must_use]
    pub fn numeric(&self) -> bool {
        matches!(self, Self::Int | Self::Long | Self::Double) || self.dynamic()
    }

    /// Whether nothing is known about it.
    #[must_use]
    pub fn dynamic(&self) -> bool {
        matches!(self, Self::Any | Self::Json)
    }

    /// The type that both values of a list have.
    #[must_use]
    pub fn join(self, other: Self) -> Self {
        if self.fits(&other) && !other.dynamic() {
            other
        } else if other.fits(&self) {
            self
        } else {
            Self::Any
        }
    }

    /// The type as one writes it.
    #[must_use]
    pub fn show(&self, model: &Model<'_, '_, '_>) -> String {
        match self {
            Self::Any => "unknown".to_owned(),
            Self::Null => "null".to_owned(),
            Self::String => "String".to_owned(),
            Self::Int => "Int".to_owned(),
            Self::Long => "Long".to_owned(),
            Self::Double => "Double".to_owned(),
            Self::Boolean => "Boolean".to_owned(),
            Self::Json => "Json".to_owned(),
            Self::Map => "map".to_owned(),
            Self::List(inner) => format!("[{}]", inner.show(model)),
            Self::Schema(id) => model
                .names
                .schemas
                .get(*id)
                .map_or_else(String::new, |schema| schema.full()),
            Self::Step(id) => model
                .names
                .facets
                .get(*id)
                .map_or_else(String::new, |facet| format!("step of {}", facet.full())),
        }
    }
}

impl<'p, 's> Model<'_, 'p, 's> {
    /// The meaning of a type as written in a scope.
    #[must_use]
    pub fn ty(&self, ty: &Type<'s>, scope: &Scope<'_>) -> Ty {
        let name = match ty {
            Type::List(inner, _) => return Ty::List(Box::new(self.ty(inner, scope))),
            Type::Name(name) => name.text,
        };
        match name {
            "String" => Ty::String,
            "Int" => Ty::Int,
            "Long" => Ty::Long,
            "Double" => Ty::Double,
            "Boolean" => Ty::Boolean,
            "Json" => Ty::Json,
            _ => match self.names.schema(name, scope).one() {
                Some(schema) => Ty::Schema(schema.id),
                None => self
                    .names
                    .facet_as_type(name)
                    .map_or(Ty::Any, |facet| Ty::Step(facet.id)),
            },
        }
    }

    /// The type of a parameter.
    #[must_use]
    pub fn param_ty(&self, facet: &FacetInfo<'p, 's>, param: &Param<'s>) -> Ty {
        self.ty(&param.ty, self.scope(facet.scope))
    }

    /// The type of an output as readers see it: what a foreach yields is a list.
    #[must_use]
    pub fn output_ty(&self, facet: &FacetInfo<'p, 's>, output: &Param<'s>, collect: Collect) -> Ty {
        let ty = self.param_ty(facet, output);
        let listed = collect == Collect::All
            && self.is_collected(facet.id, output.name.text)
            && !matches!(ty, Ty::List(_) | Ty::Json);
        if listed { Ty::List(Box::new(ty)) } else { ty }
    }

    /// What can be read from a step of a facet: outputs, or parameters where it declares no outputs.
    #[must_use]
    pub fn attributes(&self, facet: &FacetInfo<'p, 's>) -> &'p [Param<'s>] {
        if facet.decl.sig.returns.is_some() {
            facet.returns()
        } else {
            facet.params()
        }
    }

    /// The type of `path` below a value, or the name that does not exist and the schema that lacks it.
    ///
    /// # Errors
    /// A schema on the way has no such field.
    pub fn below(
        &self,
        mut ty: Ty,
        path: &[Name<'s>],
        collect: Collect,
    ) -> Result<Ty, (Name<'s>, SchemaId)> {
        for name in path {
            ty = match ty {
                Ty::Schema(id) => {
                    let Some(schema) = self.names.schemas.get(id) else {
                        return Ok(Ty::Any);
                    };
                    let field = member(&schema.decl.fields, name.text).ok_or((*name, id))?;
                    self.ty(&field.ty, self.scope(schema.scope))
                }
                Ty::Step(id) => {
                    let Some(facet) = self.names.facets.get(id) else {
                        return Ok(Ty::Any);
                    };
                    let output = member(facet.returns(), name.text)
                        .map(|output| self.output_ty(facet, output, collect));
                    output
                        .or_else(|| {
                            member(facet.params(), name.text)
                                .map(|param| self.param_ty(facet, param))
                        })
                        .unwrap_or(Ty::Any)
                }
                _ => Ty::Any,
            };
        }
        Ok(ty)
    }
}
