//! `cargo xtask bench afl`: how fast sources are read, checked and compiled, and how soon an editor sees its findings.
//!
//! Whole processes are timed, start and output included: what the compiler itself does is faster still.

use crate::binary::{self, Profile};
use crate::root;
use anyhow::{Context, Result};
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const LONG: usize = 100_000;
/// As long as the source that the reference was measured with: 289 ms parse, 39 ms emit, 120 ms cold start.
const SHORT: usize = 1_372;
const OPEN: usize = 5_000;
const RUNS: usize = 15;
const KEYS: usize = 100;

pub fn run(root: &Path, args: &[String]) -> Result<()> {
    anyhow::ensure!(args.is_empty(), "afl takes no arguments");
    let binary = binary::build(root, Profile::Release)?;
    let folder = root::scratch(root, "bench-afl")?;
    let file = |name: &str, lines: usize| -> Result<std::path::PathBuf> {
        let path = folder.join(name);
        std::fs::write(&path, program(lines)).with_context(|| format!("writing {name}"))?;
        Ok(path)
    };
    let (long, short) = (file("long.afl", LONG)?, file("short.afl", SHORT)?);
    let time = |args: &[&str], path: &Path| best(&binary, args, path);
    let parse = time(&["compile", "--no-validate", "--check"], &long)?;
    let check = time(&["check"], &long)?;
    let emit = time(&["compile", "--compact", "-o", "/dev/null"], &long)?;
    let small = time(&["compile", "--compact", "-o", "/dev/null"], &short)?;
    let mut keys = keystrokes(&binary, &program(OPEN))?;
    print!("{}", table(parse, check, emit, small, &mut keys));
    Ok(())
}

/// A sound program of about so many lines: schemas, event facets, facets, workflows, as people write them.
fn program(lines: usize) -> String {
    let mut out = String::new();
    let mut written = 0;
    let mut part = 0;
    while written + 40 <= lines {
        let _ = write!(out, "{}", namespace(part));
        part += 1;
        written += 38;
    }
    for _ in written..lines {
        out.push_str("// the rest\n");
    }
    out
}

/// 38 lines.
fn namespace(n: usize) -> String {
    format!(
        "/** Part {n} of a generated program. */
namespace bench.part{n} {{
    facet Retry(maxAttempts: Int = 3, backoffMs: Int = 1000)
    implicit patience = Retry(maxAttempts = 5)
    schema Order {{
        id: Long,
        customer: String,
        lines: [String],
        total: Double
    }}

    /** Loads an order. */
    event facet Load(id: Long, source: String = \"main\") => (order: Order, found: Boolean)
    event facet Price(total: Double, customer: String) => (price: Double, note: String)
    event facet Send(text: String, price: Double) => (receipt: String)

    facet Describe(id: Long, note: String) => (text: String) andThen {{
        yield Describe(text = \"order \" ++ $.note ++ \" of part {n}\")
    }}

    workflow Handle(id: Long, discount: Double = 0.5) => (receipt: String, price: Double) andThen {{
        loaded = Load(id = $.id) with Retry(maxAttempts = 2, backoffMs = 500)
        priced = Price(
            total = loaded.order.total * (1 - $.discount),
            customer = loaded.order.customer
        )
        described = Describe(id = $.id, note = priced.note)
        sent = Send(text = described.text, price = priced.price)
        yield Handle(receipt = sent.receipt, price = priced.price)
    }}

    workflow All(ids: [Long]) => (receipts: [String]) andThen foreach id in $.ids {{
        one = Handle(id = $.id)
        // Every receipt is kept, in item order.
        yield All(receipts = one.receipt)
    }}
}}

"
    )
}

/// The shortest of some runs: the machine is shared, and noise only ever adds.
fn best(binary: &Path, args: &[&str], file: &Path) -> Result<Duration> {
    let mut best = Duration::MAX;
    for _ in 0..RUNS {
        let begun = Instant::now();
        let done = Command::new(binary)
            .arg("afl")
            .args(args)
            .arg(file)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .output()
            .context("starting everstep")?;
        best = best.min(begun.elapsed());
        let said = String::from_utf8_lossy(&done.stderr);
        anyhow::ensure!(done.status.success(), "{args:?} failed: {said}");
    }
    Ok(best)
}

/// Types into an open text and waits for the findings of each key.
fn keystrokes(binary: &Path, text: &str) -> Result<Vec<Duration>> {
    let mut server = Command::new(binary)
        .args(["afl", "lsp"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .context("starting the language server")?;
    let outcome = type_into(&mut server, text);
    // It ends by itself when its input does.
    drop(server.stdin.take());
    server.wait().context("waiting for the language server")?;
    outcome
}

fn type_into(server: &mut Child, text: &str) -> Result<Vec<Duration>> {
    let mut input = server.stdin.take().context("its input")?;
    let mut output = BufReader::new(server.stdout.as_mut().context("its output")?);
    let uri = "file:///bench/open.afl";
    let mut send = |message: serde_json::Value| -> Result<()> {
        let body = message.to_string();
        write!(input, "Content-Length: {}\r\n\r\n{body}", body.len())?;
        input.flush().context("writing to the language server")
    };
    let rpc = |method: &str, params: serde_json::Value| serde_json::json!({ "jsonrpc": "2.0", "method": method, "params": params });
    send(
        serde_json::json!({ "jsonrpc": "2.0", "id": 1, "method": "initialize", "params": { "capabilities": {} } }),
    )?;
    read(&mut output)?;
    send(rpc("initialized", serde_json::json!({})))?;
    let document =
        serde_json::json!({ "uri": uri, "languageId": "afl", "version": 1, "text": text });
    send(rpc(
        "textDocument/didOpen",
        serde_json::json!({ "textDocument": document }),
    ))?;
    read(&mut output)?;
    let mut times = Vec::with_capacity(KEYS);
    for key in 0..KEYS {
        let at = serde_json::json!({ "line": 2_600, "character": 0 });
        let change = serde_json::json!({ "range": { "start": at, "end": at }, "text": " " });
        let document = serde_json::json!({ "uri": uri, "version": key + 2 });
        let params = serde_json::json!({ "textDocument": document, "contentChanges": [change] });
        let begun = Instant::now();
        send(rpc("textDocument/didChange", params))?;
        let answer = read(&mut output)?;
        times.push(begun.elapsed());
        anyhow::ensure!(
            answer.contains("publishDiagnostics"),
            "no findings: {answer}"
        );
    }
    Ok(times)
}

/// One message of the protocol.
fn read(output: &mut impl BufRead) -> Result<String> {
    let mut length = 0;
    loop {
        let mut line = String::new();
        anyhow::ensure!(
            output.read_line(&mut line)? > 0,
            "the language server ended"
        );
        match line.trim().strip_prefix("Content-Length: ") {
            Some(number) => length = number.parse().context("a length")?,
            None if line.trim().is_empty() => break,
            None => {}
        }
    }
    let mut body = vec![0; length];
    output.read_exact(&mut body)?;
    String::from_utf8(body).context("a message in UTF-8")
}

fn table(
    parse: Duration,
    check: Duration,
    emit: Duration,
    small: Duration,
    keys: &mut [Duration],
) -> String {
    keys.sort_unstable();
    let at = |part: usize| keys.get(keys.len().saturating_sub(1) * part / 100);
    let ms = |time: Duration| time.as_secs_f64() * 1_000.0;
    let key = |part: usize| at(part).copied().map_or(0.0, ms);
    let rate = |time: Duration| LONG as f64 / time.as_secs_f64();
    format!(
        "| what | build for | measured |\n|---|---|---|\n\
         | parse {LONG} lines, whole process | ≥ 1,000,000 lines/s | {:.0} lines/s ({:.1} ms) |\n\
         | check {LONG} lines, whole process | ≥ 500,000 lines/s | {:.0} lines/s ({:.1} ms) |\n\
         | compile {LONG} lines to JSON, whole process | | {:.0} lines/s ({:.1} ms) |\n\
         | compile {SHORT} lines, whole process | < 5 ms | {:.1} ms |\n\
         | keystroke to findings, {OPEN} lines | < 10 ms | p50 {:.1} ms, p99 {:.1} ms |\n",
        rate(parse),
        ms(parse),
        rate(check),
        ms(check),
        rate(emit),
        ms(emit),
        ms(small),
        key(50),
        key(99),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_have_the_length_that_is_asked_for() {
        assert_eq!(namespace(0).lines().count(), 38);
        for lines in [SHORT, OPEN] {
            assert_eq!(program(lines).lines().count(), lines);
        }
    }

    #[test]
    fn rates_stand_beside_their_goals() {
        let [parse, check, emit, small] = [100, 200, 400, 4].map(Duration::from_millis);
        let mut keys = [3, 1, 2].map(Duration::from_millis);
        let text = table(parse, check, emit, small, &mut keys);
        assert!(
            text.contains("≥ 1,000,000 lines/s | 1000000 lines/s (100.0 ms) |"),
            "{text}"
        );
        assert!(text.contains("| < 10 ms | p50 2.0 ms"), "{text}");
    }
}
