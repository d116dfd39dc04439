//! Replay: a recorded execution against other code, which nothing that the code does can change.
//!
//! The code is run by a worker whose endpoint is this one. It hands the recorded operations out as the state of an execution, takes no
//! checkpoint into any store, and holds every call against the recording. Bodies of recorded steps do not run, since every recorded step
//! has an outcome or waits for a time that does not come; the SDK's own checks of names and types meet the recording, and what they let
//! pass is judged here: operations that the recording does not have, another end, operations that are not reached any more.
//!
//! It knows no function host: who runs the code gives it [`Session::event`] and tells how it ended.

mod end;
mod endpoint;
mod hand_out;
mod probe;
mod recording;
mod session;

pub use endpoint::serve;
pub use probe::Probe;
pub use recording::{Recorded, RecordedError, Recording};
pub use session::{Divergence, Ended, Session, Verdict};
