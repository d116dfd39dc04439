//! What a server tells of itself to those who watch: spans to an OpenTelemetry collector, figures to CloudWatch.
//!
//! It does not know what a span or a figure means, nor when there is one.

#[cfg(feature = "aws")]
mod cloudwatch;
#[cfg(feature = "otlp")]
mod spans;

#[cfg(feature = "aws")]
pub use cloudwatch::{CloudWatch, Datum, Measured};
#[cfg(feature = "otlp")]
pub use spans::{Collector, FinishedSpan, NoCollector, Spans};
