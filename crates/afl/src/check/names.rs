//! What is declared, and what a name means in a namespace.

use crate::ast::{Facet, Implicit, Name, Namespace, Param, Schema, Type};
use crate::diag::FileId;
use crate::program::{Program, Sorted, sorted};
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// A hash map with a fast, fixed hash: names are short and come from the source that is compiled.
pub type Map<K, V> = HashMap<K, V, BuildHasherDefault<NameHasher>>;

/// The hash of [`Map`]: multiply and rotate over eight bytes at a time.
#[derive(Debug, Default, Clone, Copy)]
pub struct NameHasher(u64);

impl Hasher for NameHasher {
    fn finish(&self) -> u64 {
        self.0 ^ (self.0 >> 29)
    }

    fn write(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks::<8>();
        for word in words {
            self.write_u64(u64::from_le_bytes(*word));
        }
        let tail = rest.iter().fold(rest.len() as u64, |tail, byte| {
            (tail << 8) | u64::from(*byte)
        });
        self.write_u64(tail);
    }

    fn write_u64(&mut self, word: u64) {
        self.0 = (self.0.rotate_left(5) ^ word).wrapping_mul(0x517c_c1b7_2722_0a95);
    }

    fn write_u8(&mut self, byte: u8) {
        self.write_u64(u64::from(byte));
    }

    fn write_usize(&mut self, word: usize) {
        self.write_u64(word as u64);
    }
}

/// The builtin types.
pub const BUILTINS: [&str; 6] = ["String", "Long", "Int", "Double", "Boolean", "Json"];

/// The index of a declared facet.
pub type FacetId = usize;
/// The index of a declared schema.
pub type SchemaId = usize;

/// A declared facet, event facet or workflow.
#[derive(Debug, Clone, Copy)]
pub struct FacetInfo<'p, 's> {
    /// Its place in [`Names::facets`].
    pub id: FacetId,
    pub file: FileId,
    /// Empty at the top level.
    pub namespace: &'s str,
    /// The number of the scope in which its names are looked up, in [`Names::scopes`].
    pub scope: usize,
    pub decl: &'p Facet<'s>,
}

impl<'p, 's> FacetInfo<'p, 's> {
    /// `namespace.Name`
    #[must_use]
    pub fn full(&self) -> String {
        full(self.namespace, self.name())
    }

    /// The short name.
    #[must_use]
    pub fn name(&self) -> &'s str {
        self.decl.sig.name.text
    }

    /// The parameters.
    #[must_use]
    pub fn params(&self) -> &'p [Param<'s>] {
        &self.decl.sig.params
    }

    /// The outputs; none where no `=>` stands.
    #[must_use]
    pub fn returns(&self) -> &'p [Param<'s>] {
        self.decl.sig.returns.as_deref().unwrap_or_default()
    }
}

/// A declared schema.
#[derive(Debug, Clone, Copy)]
pub struct SchemaInfo<'p, 's> {
    /// Its place in [`Names::schemas`].
    pub id: SchemaId,
    pub file: FileId,
    pub namespace: &'s str,
    /// The number of the scope in which its names are looked up, in [`Names::scopes`].
    pub scope: usize,
    pub decl: &'p Schema<'s>,
}

impl SchemaInfo<'_, '_> {
    /// `namespace.Name`
    #[must_use]
    pub fn full(&self) -> String {
        full(self.namespace, self.decl.name.text)
    }
}

/// A declared implicit.
#[derive(Debug, Clone, Copy)]
pub struct ImplicitInfo<'p, 's> {
    pub file: FileId,
    pub namespace: &'s str,
    /// The number of the scope in which its names are looked up, in [`Names::scopes`].
    pub scope: usize,
    pub decl: &'p Implicit<'s>,
}

/// `namespace.name`, or the name alone at the top level.
#[must_use]
pub fn full(namespace: &str, name: &str) -> String {
    if namespace.is_empty() {
        name.to_owned()
    } else {
        format!("{namespace}.{name}")
    }
}

/// Where a name is looked up: its namespace and what that uses.
#[derive(Debug, Clone, Default)]
pub struct Scope<'s> {
    pub namespace: &'s str,
    pub imports: Vec<&'s str>,
}

/// What a look-up found.
#[derive(Debug, Clone)]
pub enum Found<T> {
    One(T),
    /// The full names that it could be, sorted.
    Several(Vec<String>),
    /// A qualified name without declaration.
    UnknownQualified,
    /// An unqualified name without declaration.
    Unknown,
}

impl<T> Found<T> {
    /// The one thing that was found.
    pub fn one(self) -> Option<T> {
        match self {
            Self::One(one) => Some(one),
            Self::Several(_) | Self::UnknownQualified | Self::Unknown => None,
        }
    }
}

/// Declarations of one kind by namespace and name, and by short name.
#[derive(Debug, Default)]
struct Table<'s> {
    /// The last declaration of each full name.
    exact: Map<(&'s str, &'s str), usize>,
    /// All declarations of each short name: namespace and index, in the order of registration.
    short: Map<&'s str, Vec<(&'s str, usize)>>,
}

impl<'s> Table<'s> {
    fn add(&mut self, namespace: &'s str, name: &'s str, index: usize) {
        self.exact.insert((namespace, name), index);
        self.short.entry(name).or_default().push((namespace, index));
    }

    fn exact(&self, name: &str) -> Option<usize> {
        let (namespace, short) = name.rsplit_once('.').unwrap_or(("", name));
        self.exact.get(&(namespace, short)).copied()
    }

    fn all(&self, short: &str) -> &[(&'s str, usize)] {
        self.short.get(short).map_or(&[], Vec::as_slice)
    }

    fn names(&self, short: &str) -> Vec<String> {
        let mut names: Vec<String> = self
            .all(short)
            .iter()
            .map(|(namespace, _)| full(namespace, short))
            .collect();
        names.sort();
        names
    }

    /// The reference's order: exact; own namespace; imports and top level; anywhere if unique. `crowded` makes a single import ambiguous when
    /// another namespace declares the name too, as the reference does for facets.
    fn find(&self, name: &str, scope: &Scope<'_>, crowded: bool) -> Found<usize> {
        if name.contains('.') {
            return self.exact(name).map_or(Found::UnknownQualified, Found::One);
        }
        if !scope.namespace.is_empty()
            && let Some(own) = self.exact.get(&(scope.namespace, name))
        {
            return Found::One(*own);
        }
        let all = self.all(name);
        if all.is_empty() {
            return Found::Unknown;
        }
        let imports = scope.imports.iter().chain(std::iter::once(&""));
        let near: Vec<(&str, usize)> = imports
            .filter_map(|ns| self.exact.get(&(*ns, name)).map(|at| (*ns, *at)))
            .collect();
        match (near.as_slice(), all) {
            ([_, _, ..], _) => {
                let mut names: Vec<String> = near
                    .iter()
                    .map(|(namespace, _)| full(namespace, name))
                    .collect();
                names.sort();
                Found::Several(names)
            }
            ([_], [_, _, ..]) if crowded => Found::Several(self.names(name)),
            ([(_, one)], _) | ([], [(_, one)]) => Found::One(*one),
            ([], _) => Found::Several(self.names(name)),
        }
    }
}

/// Everything that a program declares.
#[derive(Debug, Default)]
pub struct Names<'p, 's> {
    pub facets: Vec<FacetInfo<'p, 's>>,
    pub schemas: Vec<SchemaInfo<'p, 's>>,
    pub implicits: Vec<ImplicitInfo<'p, 's>>,
    /// The implicits of each namespace.
    implicits_of: Map<&'s str, Vec<usize>>,
    facet_table: Table<'s>,
    schema_table: Table<'s>,
    /// The top level, then each namespace block in the order of [`Program::namespaces`].
    pub scopes: Vec<Scope<'s>>,
    /// All names of namespaces in order of first appearance.
    pub namespaces: Vec<&'s str>,
    known: Map<&'s str, ()>,
}

impl<'p, 's> Names<'p, 's> {
    /// Reads the declarations of a program.
    #[must_use]
    pub fn new(program: &'p Program<'s>) -> Self {
        let mut names = Self::default();
        names.add(&program.top_level(), "", 0);
        for ((file, namespace), scope) in program.namespaces().zip(1..) {
            if names.known.insert(namespace.name.text, ()).is_none() {
                names.namespaces.push(namespace.name.text);
            }
            names.add(&sorted(file, namespace), namespace.name.text, scope);
        }
        let inner = program
            .namespaces()
            .map(|(_, namespace)| names.scope(namespace));
        names.scopes = std::iter::once(Scope::default()).chain(inner).collect();
        names
    }

    fn scope(&self, namespace: &Namespace<'s>) -> Scope<'s> {
        let mut imports: Vec<&'s str> = Vec::new();
        for decl in &namespace.decls {
            if let crate::ast::Decl::Use(x) = decl
                && self.has_namespace(x.name.text)
                && !imports.contains(&x.name.text)
            {
                imports.push(x.name.text);
            }
        }
        Scope {
            namespace: namespace.name.text,
            imports,
        }
    }

    fn add(&mut self, sorted: &Sorted<'p, 's>, namespace: &'s str, scope: usize) {
        for (file, decl) in sorted.all_facets() {
            let id = self.facets.len();
            self.facets.push(FacetInfo {
                id,
                file,
                namespace,
                scope,
                decl,
            });
            self.facet_table.add(namespace, decl.sig.name.text, id);
        }
        for (file, decl) in &sorted.schemas {
            let id = self.schemas.len();
            self.schemas.push(SchemaInfo {
                id,
                file: *file,
                namespace,
                scope,
                decl,
            });
            if !namespace.is_empty() {
                self.schema_table.add(namespace, decl.name.text, id);
            }
        }
        for (file, decl) in &sorted.implicits {
            self.implicits_of
                .entry(namespace)
                .or_default()
                .push(self.implicits.len());
            self.implicits.push(ImplicitInfo {
                file: *file,
                namespace,
                scope,
                decl,
            });
        }
    }

    /// The implicits declared in a namespace, by number.
    #[must_use]
    pub fn implicits_of(&self, namespace: &str) -> &[usize] {
        self.implicits_of.get(namespace).map_or(&[], Vec::as_slice)
    }

    /// Whether a namespace of this name exists.
    #[must_use]
    pub fn has_namespace(&self, name: &str) -> bool {
        self.known.contains_key(name)
    }

    /// What a facet name means.
    #[must_use]
    pub fn facet(&self, name: &str, scope: &Scope<'_>) -> Found<FacetInfo<'p, 's>> {
        Self::info(&self.facets, self.facet_table.find(name, scope, true))
    }

    /// What a schema name means.
    #[must_use]
    pub fn schema(&self, name: &str, scope: &Scope<'_>) -> Found<SchemaInfo<'p, 's>> {
        Self::info(&self.schemas, self.schema_table.find(name, scope, false))
    }

    fn info<T: Copy>(list: &[T], found: Found<usize>) -> Found<T> {
        match found {
            Found::One(at) => list
                .get(at)
                .map_or(Found::Unknown, |info| Found::One(*info)),
            Found::Several(names) => Found::Several(names),
            Found::UnknownQualified => Found::UnknownQualified,
            Found::Unknown => Found::Unknown,
        }
    }

    /// The facet behind a type name (FFL): the full name, or the short name if it is unique.
    #[must_use]
    pub fn facet_as_type(&self, name: &str) -> Option<FacetInfo<'p, 's>> {
        if BUILTINS.contains(&name) {
            return None;
        }
        let at = self
            .facet_table
            .exact(name)
            .or_else(|| match self.facet_table.all(name) {
                [(_, one)] => Some(*one),
                _ => None,
            })?;
        self.facets.get(at).copied()
    }

    /// Whether any facet has this full or short name.
    #[must_use]
    pub fn any_facet(&self, name: &str) -> bool {
        self.facet_table.exact(name).is_some() || !self.facet_table.all(name).is_empty()
    }

    /// How many schemas have this short name, and the last of them.
    #[must_use]
    pub fn schemas_named(&self, short: &str) -> (usize, Option<SchemaInfo<'p, 's>>) {
        let all = self.schema_table.all(short);
        (
            all.len(),
            all.last()
                .and_then(|(_, at)| self.schemas.get(*at))
                .copied(),
        )
    }
}

/// The field, parameter or output of that name.
#[must_use]
pub fn member<'p, 's>(list: &'p [Param<'s>], name: &str) -> Option<&'p Param<'s>> {
    list.iter().rev().find(|param| param.name.text == name)
}

/// The last part of a qualified name.
#[must_use]
pub fn short(name: &str) -> &str {
    name.rsplit_once('.').map_or(name, |(_, short)| short)
}

/// The names in a type.
pub(crate) fn type_name<'s>(ty: &Type<'s>) -> Name<'s> {
    match ty {
        Type::Name(name) => *name,
        Type::List(inner, _) => type_name(inner),
    }
}
