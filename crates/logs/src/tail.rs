//! The last bytes of a log, as Lambda's `LogType=Tail` shows them.

/// The last bytes of a log, cut at a line where possible.
#[derive(Default)]
pub struct Tail {
    bytes: Vec<u8>,
}

impl Tail {
    /// Lambda's figure.
    pub const BYTES_MAX: usize = 4 * 1024;

    pub fn push(&mut self, message: &str) {
        self.bytes.extend_from_slice(message.as_bytes());
        self.bytes.push(b'\n');
        if self.bytes.len() > 4 * Tail::BYTES_MAX {
            self.bytes = self.last().to_vec();
        }
    }

    pub fn clear(&mut self) {
        self.bytes.clear();
    }

    #[must_use]
    pub fn last(&self) -> &[u8] {
        let all = self.bytes.as_slice();
        let Some(window) = all.get(all.len().saturating_sub(Tail::BYTES_MAX)..) else {
            return all;
        };
        if window.len() == all.len() {
            return all;
        }
        // A window of one endless line has no break to cut at; then a character boundary has to do.
        let at = match window.iter().position(|byte| *byte == b'\n') {
            Some(at) if at + 1 < window.len() => at + 1,
            _ => window
                .iter()
                .position(|byte| byte & 0xC0 != 0x80)
                .unwrap_or(0),
        };
        window.get(at..).unwrap_or(window)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tail_is_bounded_and_starts_at_a_line() {
        let mut tail = Tail::default();
        for number in 0..10_000 {
            tail.push(&format!("line {number}"));
        }
        let last = std::str::from_utf8(tail.last()).unwrap();
        assert!(last.len() <= Tail::BYTES_MAX && last.len() > Tail::BYTES_MAX - 20);
        assert!(last.starts_with("line ") && last.ends_with("line 9999\n"));
        tail.clear();
        tail.push(&"ü".repeat(5000));
        assert!(std::str::from_utf8(tail.last()).is_ok());
        assert!(tail.last().len() <= Tail::BYTES_MAX);
    }
}
