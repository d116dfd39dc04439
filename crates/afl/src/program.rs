//! Several sources as one program.

use crate::ast::{Decl, Facet, FacetKind, File, Implicit, Item, Namespace, Schema};
use crate::diag::{Diagnostic, FileId};
use crate::parse::{Options, parse};
use crate::span::Lines;

/// Where a source came from, as the JSON output tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Provenance {
    /// A file, by the path that was given.
    File(String),
    /// Text that was typed or piped.
    Text,
}

/// A source text and its name.
#[derive(Debug, Clone)]
pub struct Source {
    /// How diagnostics call it: a path, or `<stdin>`.
    pub name: String,
    /// Where it came from.
    pub provenance: Provenance,
    /// The text.
    pub text: String,
    /// Where its lines begin.
    pub lines: Lines,
}

impl Source {
    /// A source read from a file.
    #[must_use]
    pub fn file(path: impl Into<String>, text: impl Into<String>) -> Self {
        let (name, text) = (path.into(), text.into());
        Self {
            provenance: Provenance::File(name.clone()),
            lines: Lines::new(&text),
            name,
            text,
        }
    }

    /// A source without a file.
    #[must_use]
    pub fn text(name: impl Into<String>, text: impl Into<String>) -> Self {
        let text = text.into();
        Self {
            name: name.into(),
            provenance: Provenance::Text,
            lines: Lines::new(&text),
            text,
        }
    }
}

/// The trees of all sources of one compilation, in the order in which they were given.
#[derive(Debug)]
pub struct Program<'s> {
    /// The texts.
    pub sources: &'s [Source],
    /// Their trees, by [`FileId`].
    pub files: Vec<File<'s>>,
}

/// Reads all sources.
#[must_use]
pub fn read(sources: &[Source], options: Options) -> (Program<'_>, Vec<Diagnostic>) {
    let mut errors = Vec::new();
    let mut files = Vec::with_capacity(sources.len());
    for (index, source) in sources.iter().enumerate() {
        let file = crate::span::offset(index);
        let parsed = parse(&source.text, options);
        errors.extend(parsed.errors.into_iter().map(|mut error| {
            error
                .related
                .iter_mut()
                .for_each(|related| related.file = file);
            error.in_file(file)
        }));
        files.push(parsed.file);
    }
    (Program { sources, files }, errors)
}

/// The declarations of one scope by kind, each in source order, with their files.
#[derive(Debug, Default)]
pub struct Sorted<'p, 's> {
    pub facets: Vec<(FileId, &'p Facet<'s>)>,
    pub events: Vec<(FileId, &'p Facet<'s>)>,
    pub workflows: Vec<(FileId, &'p Facet<'s>)>,
    pub implicits: Vec<(FileId, &'p Implicit<'s>)>,
    pub schemas: Vec<(FileId, &'p Schema<'s>)>,
}

impl<'p, 's> Sorted<'p, 's> {
    /// Adds one declaration.
    pub fn add(&mut self, file: FileId, decl: &'p Decl<'s>) {
        match decl {
            Decl::Use(_) => {}
            Decl::Implicit(implicit) => self.implicits.push((file, implicit)),
            Decl::Schema(schema) => self.schemas.push((file, schema)),
            Decl::Facet(facet) => match facet.kind {
                FacetKind::Facet => self.facets.push((file, facet)),
                FacetKind::Event => self.events.push((file, facet)),
                FacetKind::Workflow => self.workflows.push((file, facet)),
            },
        }
    }

    /// All facets in the reference's order: facets, event facets, workflows.
    pub fn all_facets(&self) -> impl Iterator<Item = (FileId, &'p Facet<'s>)> {
        self.facets
            .iter()
            .chain(&self.events)
            .chain(&self.workflows)
            .copied()
    }
}

impl<'s> Program<'s> {
    /// All namespaces in order.
    pub fn namespaces(&self) -> impl Iterator<Item = (FileId, &Namespace<'s>)> {
        self.items().filter_map(|(file, item)| match item {
            Item::Namespace(namespace) => Some((file, namespace)),
            Item::Decl(_) => None,
        })
    }

    /// What stands outside all namespaces, sorted.
    #[must_use]
    pub fn top_level(&self) -> Sorted<'_, 's> {
        let mut sorted = Sorted::default();
        for (file, item) in self.items() {
            if let Item::Decl(decl) = item {
                sorted.add(file, decl);
            }
        }
        sorted
    }

    fn items(&self) -> impl Iterator<Item = (FileId, &Item<'s>)> {
        self.files
            .iter()
            .zip(0..)
            .flat_map(|(file, id)| file.items.iter().map(move |item| (id, item)))
    }

    /// The source of a file.
    #[must_use]
    pub fn source(&self, file: FileId) -> Option<&'s Source> {
        self.sources.get(file as usize)
    }
}

/// The declarations of a namespace, sorted.
#[must_use]
pub fn sorted<'p, 's>(file: FileId, namespace: &'p Namespace<'s>) -> Sorted<'p, 's> {
    let mut sorted = Sorted::default();
    namespace
        .decls
        .iter()
        .for_each(|decl| sorted.add(file, decl));
    sorted
}
