//! JSONata 2.0.6 as AWS Step Functions speaks it: a boundary around `jsonata-core`.
//!
//! - A [`Program`] is parsed once, shared by threads, and takes everything from its [`Scope`]: `$states`, variables, the time, chance. The
//!   same scope gives the same value. Only [`Limits::time_ms`] looks at a real clock, and ends a program that would not end.
//! - Added: `$partition`, `$range`, `$hash`, `$random` with a seed, `$uuid`, `$parse`. Removed: `$eval`, and the operators `??` and `?:`
//!   of JSONata 2.1. `$` and `$$` are unbound outside of paths.
//! - A [`Template`] is a JSON value in which every string `{% ... %}` is a program.
//! - Numbers are floats; what a program only passes on is shared, not copied.
//!
//! Nothing of the library shows: its values are neither shared nor sent between threads, so each evaluation converts what it reads.

mod chance;
mod clock;
mod convert;
mod error;
mod functions;
mod guard;
mod program;
mod references;
mod rewrite;
mod scope;
mod shape;
mod template;
mod unbound;
mod walk;
mod wording;

pub use error::{EvaluationError, Expected, SyntaxError};
pub use program::Program;
pub use scope::{Limits, Scope, StatesField};
pub use template::{Template, TemplateError, TemplateSyntaxError};
