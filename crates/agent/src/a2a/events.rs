//! Server-sent events, cut out of whatever pieces they arrive in.

use bytes::Bytes;

use crate::error::Error;

/// The most that one event may hold.
const EVENT_BYTES_MAX: usize = 16 * 1024 * 1024;

/// What has arrived of a stream and was not yet an event.
#[derive(Debug, Default)]
pub(crate) struct Events {
    line: Vec<u8>,
    data: Vec<u8>,
    has_data: bool,
    after_return: bool,
}

impl Events {
    /// The data of the events that end within this piece.
    pub(crate) fn feed(&mut self, piece: &[u8]) -> Result<Vec<Bytes>, Error> {
        let mut ended = Vec::new();
        for &byte in piece {
            match byte {
                b'\n' if std::mem::take(&mut self.after_return) => {}
                b'\n' | b'\r' => {
                    self.after_return = byte == b'\r';
                    ended.extend(self.end_line());
                }
                _ => {
                    self.after_return = false;
                    self.line.push(byte);
                }
            }
            if self.line.len() + self.data.len() > EVENT_BYTES_MAX {
                return Err(Error::nonsense(format!(
                    "an event of more than {EVENT_BYTES_MAX} bytes"
                )));
            }
        }
        Ok(ended)
    }

    fn end_line(&mut self) -> Option<Bytes> {
        let line = std::mem::take(&mut self.line);
        if line.is_empty() {
            let data = std::mem::take(&mut self.data);
            return std::mem::take(&mut self.has_data).then(|| Bytes::from(data));
        }
        // Only data counts: a comment keeps the connection alive, and ids and names say nothing here.
        if let Some(value) = line.strip_prefix(b"data:") {
            if self.has_data {
                self.data.push(b'\n');
            }
            let value = value.strip_prefix(b" ").unwrap_or(value);
            self.data.extend_from_slice(value);
            self.has_data = true;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pieces: &[&str]) -> Vec<String> {
        let mut events = Events::default();
        let mut all = Vec::new();
        for piece in pieces {
            all.extend(events.feed(piece.as_bytes()).expect("small events"));
        }
        let text = |event: Bytes| String::from_utf8(event.to_vec()).expect("text");
        all.into_iter().map(text).collect()
    }

    #[test]
    fn events_are_whole_however_they_are_cut() {
        let stream = ": hello\r\nevent: x\r\ndata: {\"a\":\r\ndata: 1}\r\n\r\ndata:two\n\nid: 3\n\ndata: three\r\rdata: cut";
        let expected = ["{\"a\":\n1}", "two", "three"];
        assert_eq!(read(&[stream]), expected);
        let bytes: Vec<String> = stream.chars().map(String::from).collect();
        let bytes: Vec<&str> = bytes.iter().map(String::as_str).collect();
        assert_eq!(read(&bytes), expected);
    }

    #[test]
    fn an_event_without_end_is_refused() {
        let mut events = Events::default();
        let piece = vec![b'x'; 3 * 1024 * 1024];
        let fed = (0..6).try_for_each(|_| events.feed(&piece).map(drop));
        assert!(matches!(fed, Err(Error::Nonsense { .. })));
    }
}
