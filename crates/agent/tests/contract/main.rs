//! The contract with agents, against servers that answer what a test says.

mod dialects;
mod odd;
mod outgoing;
mod process;
mod world;
