//! What every back end has to prove: plain functions that panic when a store breaks its promise.
//!
//! A back end runs all of [`ALL`] against a [`Place`] of its own. Each function gets an empty place; it may open, drop and open again
//! as often as it likes.

mod catalogue;
mod journals;
mod letters;
mod lists;
mod opening;
mod rows;
mod sample;

use everstep_core::{ExecutionId, Sequence};

use crate::{Error, Store};

/// Where a store keeps its data between two openings.
pub trait Place {
    /// Opens the store that lies here; the one opened before has been dropped, unless the call is to be refused.
    ///
    /// # Errors
    /// What opening says.
    fn open(&self) -> Result<Box<dyn Store>, Error>;

    /// Flips a bit in a stored journal batch, while the store is closed.
    fn damage_journal(&self, id: ExecutionId, sequence: Sequence);

    /// Makes the data look as if a build with this format had written it, while the store is closed.
    fn set_format(&self, format: u32);
}

/// A promise: its name, and the function that tries it on an empty place.
pub type Promise = (&'static str, fn(&dyn Place));

/// Every promise.
pub const ALL: &[Promise] = &[
    (
        "a group is durable or fenced, shard by shard",
        rows::groups_are_answered_shard_by_shard,
    ),
    (
        "a stale epoch changes nothing",
        rows::stale_epochs_change_nothing,
    ),
    ("later writes of a commit win", rows::later_writes_win),
    ("the numbers of durable groups grow", rows::numbers_grow),
    ("state rows read back", rows::state_rows_read_back),
    (
        "timers come in the order in which they fire",
        rows::timers_in_order,
    ),
    (
        "tasks come in pages until they are deleted",
        rows::tasks_in_pages,
    ),
    ("a name keeps its first row until it is purged", rows::names),
    ("a purge leaves nothing behind", rows::purge_leaves_nothing),
    (
        "attempts come by operation and index",
        letters::attempts_in_order,
    ),
    (
        "attempts go with their execution",
        letters::attempts_go_with_their_execution,
    ),
    (
        "letters read in both directions, the dead apart",
        letters::letters_in_both_directions,
    ),
    (
        "a letter dies in one commit",
        letters::a_letter_dies_in_one_commit,
    ),
    ("expiries come when they are due", rows::expiries),
    (
        "a journal reads in both directions",
        journals::both_directions,
    ),
    ("journals do not run into each other", journals::neighbours),
    (
        "a damaged batch is reported and not served",
        journals::damage_is_reported,
    ),
    ("lists honour every filter in both orders", lists::filters),
    ("pages neither lose nor repeat a row", lists::pages),
    (
        "pages survive changes between them",
        lists::pages_under_change,
    ),
    ("a cursor belongs to its list", lists::cursors_are_bound),
    (
        "the catalogue changes by compare-and-set",
        catalogue::compare_and_set,
    ),
    ("the catalogue is scanned in key order", catalogue::scan),
    (
        "reopening finds everything",
        opening::everything_is_found_again,
    ),
    ("a second opener is refused", opening::one_at_a_time),
    (
        "a newer format is refused by its number",
        opening::newer_formats_are_refused,
    ),
    ("syncs are counted", opening::syncs_are_counted),
];

/// Opens a place that has to open.
fn open(place: &dyn Place) -> Box<dyn Store> {
    place.open().expect("the place opens")
}
