//! A worker's way into its function's log file, and the tail for its callers.

use std::sync::Arc;

use bytes::Bytes;

use super::answer::Running;
use super::logs::{LogFile, LogLine, LogStream, Tail};
use super::process::Process;
use super::report;

/// Gathers lines between two writes, so that what belongs together costs one.
pub(super) struct Journal {
    file: Arc<LogFile>,
    log_stream: String,
    lines: Vec<LogLine>,
    tail: Tail,
    /// The invocation that the worker's output belongs to, while exactly one runs.
    request_id: Option<String>,
}

impl Journal {
    pub(super) fn new(file: Arc<LogFile>, log_stream: String) -> Journal {
        Journal {
            file,
            log_stream,
            lines: Vec::new(),
            tail: Tail::default(),
            request_id: None,
        }
    }

    /// Tells to whom the following output belongs.
    pub(super) fn current(&mut self, running: &[Running]) {
        self.request_id = match running {
            [only] => Some(only.job.invocation.request_id.clone()),
            _ => None,
        };
    }

    /// A line of the host itself.
    pub(super) fn platform(&mut self, request_id: Option<&str>, message: String) {
        self.push(LogStream::Platform, request_id.map(str::to_owned), &message);
    }

    /// Reads both pipes.
    pub(super) fn capture(&mut self, process: &mut Process, sure: bool) {
        for pipe in [&mut process.stdout, &mut process.stderr] {
            pipe.drain(sure, |stream, text| {
                let request_id = self.request_id.clone();
                self.push(stream, request_id, text);
            });
        }
    }

    /// Lines without an end belong to the invocation that ends now.
    pub(super) fn flush(&mut self, process: &mut Process) {
        for pipe in [&mut process.stdout, &mut process.stderr] {
            pipe.flush(|stream, text| {
                let request_id = self.request_id.clone();
                self.push(stream, request_id, text);
            });
        }
    }

    /// Into the file with what has been gathered.
    pub(super) fn write(&mut self) {
        if !self.lines.is_empty() {
            self.file.append(&self.lines);
            self.lines.clear();
        }
    }

    pub(super) fn tail(&self) -> Bytes {
        Bytes::copy_from_slice(self.tail.last())
    }

    pub(super) fn clear_tail(&mut self) {
        self.tail.clear();
    }

    fn push(&mut self, stream: LogStream, request_id: Option<String>, message: &str) {
        self.tail.push(message);
        self.lines.push(LogLine {
            time: report::now(),
            request_id,
            stream,
            log_stream: self.log_stream.clone(),
            message: message.to_owned(),
        });
    }
}
