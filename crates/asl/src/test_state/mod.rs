//! Tests of one state without an execution, as `TestState` makes them.
//!
//! A [`Test`] begins with a request and ends with a [`Report`]. Between them there may be one thing that others do: a call of a service, or
//! the time of a Wait state. The data goes the same way as in an execution (`machine::flow`); here it is shown where it has passed.
//!
//! It does not know: HTTP, the wire's names, how a service is called.
//!
//! Read next: `request` (what is asked), `test` (what happens), `report` (what is told).

mod context;
mod end;
mod inspection;
mod items;
mod mock;
mod refusal;
mod report;
mod request;
mod scope;
mod shape;
mod test;

pub use inspection::{ErrorDetails, HttpRequest, HttpResponse, Inspection};
pub use refusal::Refusal;
pub use report::{Report, Status};
pub use request::{Configuration, FieldValidation, Level, Mock, Request, Surroundings};
pub use test::{Step, Test};
