//! A worker's way into its function's log, and the tail for its callers.

use std::sync::Arc;

use bytes::Bytes;
use everstep_logs::{LogFile, LogLine, LogStream, Logs, Tail};

use super::answer::Running;
use super::process::Process;
use super::report;

/// Gathers lines between two writes, so that what belongs together costs one.
pub(super) struct Journal {
    logs: Logs,
    file: Arc<LogFile>,
    log_stream: String,
    lines: Vec<LogLine>,
    tail: Tail,
    /// Request and execution of every invocation that runs. What is printed belongs to the only one, or to the one that it names.
    running: Vec<(String, Option<String>)>,
}

impl Journal {
    pub(super) fn new(logs: &Logs, function: &str, log_stream: String) -> Journal {
        Journal {
            logs: logs.clone(),
            file: logs.of_function(function),
            log_stream,
            lines: Vec::new(),
            tail: Tail::default(),
            running: Vec::new(),
        }
    }

    /// Tells to whom the following output belongs.
    pub(super) fn current(&mut self, running: &[Running]) {
        let invocations = running.iter().map(|running| &running.job.invocation);
        self.running = invocations
            .map(|invocation| {
                (
                    invocation.request_id.clone(),
                    invocation.execution.map(|id| id.to_string()),
                )
            })
            .collect();
    }

    /// A line of the host itself.
    pub(super) fn platform(&mut self, request_id: Option<&str>, message: String) {
        let of = self
            .running
            .iter()
            .find(|(id, _)| Some(id.as_str()) == request_id);
        let execution = of.and_then(|(_, execution)| execution.clone());
        self.push(
            LogStream::Platform,
            request_id.map(str::to_owned),
            execution,
            &message,
        );
    }

    /// Reads both pipes.
    pub(super) fn capture(&mut self, process: &mut Process, sure: bool) {
        for pipe in [&mut process.stdout, &mut process.stderr] {
            pipe.drain(sure, |stream, text| self.printed(stream, text));
        }
    }

    /// Lines without an end belong to the invocation that ends now.
    pub(super) fn flush(&mut self, process: &mut Process) {
        for pipe in [&mut process.stdout, &mut process.stderr] {
            pipe.flush(|stream, text| self.printed(stream, text));
        }
    }

    /// Into the file with what has been gathered.
    pub(super) fn write(&mut self) {
        if !self.lines.is_empty() {
            self.logs.append(&self.file, &self.lines);
            self.lines.clear();
        }
    }

    pub(super) fn tail(&self) -> Bytes {
        Bytes::copy_from_slice(self.tail.last())
    }

    pub(super) fn clear_tail(&mut self) {
        self.tail.clear();
    }

    fn printed(&mut self, stream: LogStream, text: &str) {
        let owner = match self.running.as_slice() {
            [only] => Some(only),
            // Loggers of runtimes that serve several write whose line it is.
            several => several
                .iter()
                .find(|(request_id, _)| text.contains(request_id.as_str())),
        };
        let (request_id, execution) = owner.cloned().unzip();
        self.push(stream, request_id, execution.flatten(), text);
    }

    fn push(
        &mut self,
        stream: LogStream,
        request_id: Option<String>,
        execution: Option<String>,
        message: &str,
    ) {
        self.tail.push(message);
        self.lines.push(LogLine {
            time: report::now(),
            request_id,
            execution,
            stream,
            log_stream: self.log_stream.clone(),
            message: message.to_owned(),
        });
    }
}
