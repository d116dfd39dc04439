//! CloudWatch Logs Insights' query language: `fields … | filter … | parse … | stats … by … | sort … | dedup … | limit …`.
//!
//! Pure: a query is parsed once, is given records one by one, and answers rows. Who feeds it knows where records come from, when it takes too long and
//! when nobody wants the answer any more.

mod evaluate;
mod expression;
mod function;
mod parse;
mod record;
mod run;
mod scan;
mod stats;
mod value;

pub use parse::{Error, Query};
pub use record::Record;
pub use run::{Limits, OutOfRoom, Run};
