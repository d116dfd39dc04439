//! Agent Flow Language: text to tree, tree to findings, JSON, text again, graph and plan.
//!
//! The language is AFL and its later superset FFL; `crates/cli/src/afl` is its command line and language server.
//!
//! **Not here**: files, clocks, networks, terminals. Everything is a function from texts to data; hence one compilation can run in a command,
//! in a language server and in a test alike.
//!
//! **Invariants**
//! - Reading never fails: [`parse::parse`] returns a tree *and* errors, and no input makes it panic or exhaust the stack.
//! - The tree borrows the source; every node has a [`span::Span`]; comments are kept beside the tree.
//! - The reference's rules ([`check`], `reference`) and our stricter ones (`strict`) are separate, so that `--conformance` can give exactly the
//!   reference's verdict and turn the rest into warnings.
//! - Everything printed is reproducible: no hash map is iterated, ids derive from path and content.
//!
//! **Read next**: [`parse`], [`check`], [`json`], `docs/afl/README.md`.

#![forbid(unsafe_code)]

pub mod ast;
pub mod check;
pub mod diag;
pub mod doc;
pub mod format;
pub mod graph;
pub mod index;
pub mod json;
pub mod lex;
pub mod literal;
pub mod parse;
pub mod plan;
pub mod program;
pub mod resolve;
pub mod rule;
pub mod script;
pub mod span;
