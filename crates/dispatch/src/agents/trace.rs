//! From X-Ray's header, which executions carry, to W3C's, which agents take.

use everstep_core::Digest;

use super::Seat;

/// The trace that a task belongs to: its caller's, or one that follows from its place.
pub(crate) fn parent(header: Option<&str>, seat: &Seat) -> String {
    header.and_then(read).unwrap_or_else(|| {
        let digest = Digest::of(seat.id("trace", 0).as_bytes()).hex();
        let trace = digest.get(..32).unwrap_or_default();
        let span = digest.get(32..48).unwrap_or_default();
        format!("00-{trace}-{span}-01")
    })
}

/// `Root=1-HHHHHHHH-24H;Parent=16H;Sampled=1`
fn read(header: &str) -> Option<String> {
    let part = |name: &str| {
        let mut parts = header
            .split(';')
            .filter_map(|part| part.trim().split_once('='));
        parts.find_map(|(key, value)| (key == name).then_some(value))
    };
    let root = part("Root")?.strip_prefix("1-")?;
    let (time, chance) = root.split_once('-')?;
    let trace = format!("{time}{chance}").to_ascii_lowercase();
    let span = part("Parent").map(str::to_ascii_lowercase);
    let span = span.unwrap_or_else(|| {
        Digest::of(trace.as_bytes())
            .hex()
            .chars()
            .take(16)
            .collect()
    });
    let is_hex =
        |text: &str, length| text.len() == length && text.bytes().all(|b| b.is_ascii_hexdigit());
    let sampled = if part("Sampled") == Some("0") {
        "00"
    } else {
        "01"
    };
    (is_hex(&trace, 32) && is_hex(&span, 16)).then(|| format!("00-{trace}-{span}-{sampled}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    use everstep_core::{ExecutionId, Generation, Operation, Shard};

    #[test]
    fn the_callers_trace_goes_on_and_else_one_begins() {
        let seat = Seat {
            execution: ExecutionId::new(1, 2, Shard(3)),
            operation: Operation(0),
            generation: Generation(1),
        };
        let root = "Root=1-5759e988-bd862e3fe1be46a994272793";
        let whole = format!("{root};Parent=53995c3f42cd8ad8;Sampled=0");
        assert_eq!(
            parent(Some(&whole), &seat),
            "00-5759e988bd862e3fe1be46a994272793-53995c3f42cd8ad8-00"
        );
        assert!(parent(Some(root), &seat).starts_with("00-5759e988bd862e3fe1be46a994272793-"));
        for other in [None, Some("nonsense"), Some("Root=1-x-y")] {
            let begun = parent(other, &seat);
            assert_eq!(begun, parent(None, &seat));
            assert_eq!(begun.len(), 55);
        }
    }
}
