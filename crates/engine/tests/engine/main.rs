//! The engine from outside: through its handle, with the test as its dispatcher.

mod catalogue;
mod executions;
mod history;
mod overload;
mod restart;
mod time;
mod world;
