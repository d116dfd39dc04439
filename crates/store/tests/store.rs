//! Every back end keeps every promise of the conformance suite.

#[path = "store/conformance.rs"]
mod conformance;
#[path = "store/faulty.rs"]
mod faulty;
#[path = "store/blobs.rs"]
mod blobs;
#[path = "store/damage.rs"]
mod damage;
#[path = "store/fixture.rs"]
mod fixture;
#[path = "store/full_disk.rs"]
mod full_disk;
