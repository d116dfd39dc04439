//! The workflow against real HTTP servers on loopback: a durable execution service, an artifact service and A2A agents.
#![cfg(test)]

mod agents;
mod api;
mod approvals;
mod binary;
mod changes;
mod crash;
mod delivery;
mod drive;
mod durable;
mod failure;
mod happy;
mod observed;
mod world;
