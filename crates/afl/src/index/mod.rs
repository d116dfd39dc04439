//! Which name means what: every definition and every reference of a program with its place.
//!
//! The language server's definition, references, rename, hover and completion are look-ups in this index.

mod complete;
mod describe;
mod walk;

pub use complete::{Completion, CompletionKind, complete};
pub use describe::describe;

use crate::check::names::{FacetId, Names, SchemaId};
use crate::diag::FileId;
use crate::program::Program;
use crate::resolve::Model;
use crate::resolve::ty::Ty;
use crate::span::Span;

/// What a name means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Symbol {
    Namespace(String),
    Facet(FacetId),
    Schema(SchemaId),
    /// An implicit, by its number.
    Implicit(usize),
    /// A parameter of a facet.
    Param(FacetId, String),
    /// An output of a facet.
    Output(FacetId, String),
    Field(SchemaId, String),
    /// A step, by the place of its name.
    Step(FileId, Span),
    /// A foreach variable, by the place of its name.
    Variable(FileId, Span),
    /// A mixin alias, by the place of its name.
    Alias(FileId, Span),
}

/// One occurrence of a name.
#[derive(Debug, Clone)]
pub struct Entry {
    pub file: FileId,
    pub span: Span,
    pub symbol: Symbol,
    /// Whether it is declared here.
    pub definition: bool,
    /// The type of the value that the name stands for, where it stands for one.
    pub ty: Option<Ty>,
}

/// All occurrences, by file and place.
#[derive(Debug, Default)]
pub struct Index {
    entries: Vec<Entry>,
}

impl Index {
    /// Reads a program.
    #[must_use]
    pub fn new<'p, 's>(
        program: &'p Program<'s>,
        names: &Names<'p, 's>,
        model: &Model<'_, 'p, 's>,
    ) -> Self {
        let mut entries = walk::entries(program, names, model);
        entries.sort_by_key(|entry| (entry.file, entry.span));
        Self { entries }
    }

    /// The narrowest occurrence at a place.
    #[must_use]
    pub fn at(&self, file: FileId, offset: u32) -> Option<&Entry> {
        let here = self
            .entries
            .iter()
            .filter(|entry| entry.file == file && entry.span.touches(offset));
        here.min_by_key(|entry| entry.span.end - entry.span.start)
    }

    /// All occurrences of a symbol.
    pub fn of<'a>(&'a self, symbol: &'a Symbol) -> impl Iterator<Item = &'a Entry> {
        self.entries
            .iter()
            .filter(move |entry| entry.symbol == *symbol)
    }

    /// Where a symbol is declared.
    #[must_use]
    pub fn definition(&self, symbol: &Symbol) -> Option<&Entry> {
        self.entries
            .iter()
            .find(|entry| entry.definition && entry.symbol == *symbol)
    }
}
