//! Reads what a worker prints, line by line.

use std::fs;
use std::io;
use std::os::fd::OwnedFd;

use everstep_logs::LogStream;
use tokio::net::unix::pipe;

/// A longer line is split; bounds what one worker can make the host hold.
const LINE_BYTES_MAX: usize = 256 * 1024;
/// What one call of [`Capture::drain`] reads at most, so that a chatty worker cannot hold its supervisor.
const DRAIN_BYTES_MAX: usize = 1024 * 1024;

/// One of the two output pipes of a worker.
pub(super) struct Capture {
    stream: LogStream,
    pipe: Option<pipe::Receiver>,
    partial: Vec<u8>,
}

impl Capture {
    /// Takes the reading end over; it becomes non-blocking.
    pub(super) fn new(stream: LogStream, end: OwnedFd) -> io::Result<Capture> {
        Ok(Capture {
            stream,
            pipe: Some(pipe::Receiver::from_owned_fd(end)?),
            partial: Vec::new(),
        })
    }

    /// Returns when there may be something to read; never, once the pipe is closed.
    pub(super) async fn readable(&self) {
        match &self.pipe {
            // An error shows again, and ends the pipe, at the next read.
            Some(pipe) => drop(pipe.readable().await),
            None => std::future::pending().await,
        }
    }

    /// Reads what is there and hands out whole lines. `sure` asks the system even if no readiness has been signalled yet:
    /// what a function printed before it answered is then in hand when its answer is.
    pub(super) fn drain(&mut self, sure: bool, mut line: impl FnMut(LogStream, &str)) {
        let mut buffer = [0_u8; 16 * 1024];
        let mut total = 0;
        while total < DRAIN_BYTES_MAX {
            let Some(pipe) = &self.pipe else { return };
            let read = if sure {
                rustix::io::read(pipe, &mut buffer[..]).map_err(io::Error::from)
            } else {
                pipe.try_read(&mut buffer)
            };
            match read {
                Ok(0) => self.close(&mut line),
                Ok(count) => {
                    total += count;
                    self.partial
                        .extend_from_slice(buffer.get(..count).unwrap_or_default());
                    self.split(&mut line);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => self.close(&mut line),
            }
        }
    }

    /// Hands out a last line without an end.
    pub(super) fn flush(&mut self, mut line: impl FnMut(LogStream, &str)) {
        if !self.partial.is_empty() {
            line(self.stream, &text_of(&self.partial));
            self.partial.clear();
        }
    }

    fn close(&mut self, line: &mut impl FnMut(LogStream, &str)) {
        self.pipe = None;
        self.flush(line);
    }

    fn split(&mut self, line: &mut impl FnMut(LogStream, &str)) {
        let mut rest = self.partial.as_slice();
        loop {
            let window = rest.get(..LINE_BYTES_MAX).unwrap_or(rest);
            match window.iter().position(|byte| *byte == b'\n') {
                Some(at) => {
                    line(self.stream, &text_of(rest.get(..at).unwrap_or_default()));
                    rest = rest.get(at + 1..).unwrap_or_default();
                }
                None if window.len() == LINE_BYTES_MAX => {
                    line(self.stream, &text_of(window));
                    rest = rest.get(LINE_BYTES_MAX..).unwrap_or_default();
                }
                None => break,
            }
        }
        let consumed = self.partial.len() - rest.len();
        self.partial.drain(..consumed);
    }
}

/// Some runtimes put `\r` between the lines of one message, so that it stays one message.
fn text_of(line: &[u8]) -> String {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    String::from_utf8_lossy(line).replace('\r', "\n")
}

/// Largest resident size of a process so far, bytes; 0 when the system does not say.
pub(super) fn memory_max_bytes(pid: i32) -> u64 {
    let Ok(status) = fs::read_to_string(format!("/proc/{pid}/status")) else {
        return 0;
    };
    status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .and_then(|rest| rest.trim().strip_suffix("kB"))
        .and_then(|figure| figure.trim().parse::<u64>().ok())
        .map_or(0, |kibibytes| kibibytes * 1024)
}
