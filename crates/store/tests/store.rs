//! What the store promises, tried from outside: the conformance suite on every back end, damage, a full disk, old formats, blobs.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test that panics has failed, as it should"
)]

#[path = "store/blobs.rs"]
mod blobs;
#[path = "store/conformance.rs"]
mod conformance;
#[path = "store/damage.rs"]
mod damage;
#[path = "store/faulty.rs"]
mod faulty;
#[path = "store/fixture.rs"]
mod fixture;
#[path = "store/full_disk.rs"]
mod full_disk;
