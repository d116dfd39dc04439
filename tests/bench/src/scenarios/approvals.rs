//! What approvals cost while they wait for people, how long a server with many of them takes to come back, and how fast they are decided.

use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::suspended::{mb, size};
use super::{open, temporary};
use crate::http::Connection;
use crate::report::{self, Latencies};
use crate::server::Server;

const PENDING: usize = 100_000;
const CLIENTS: usize = 64;
/// Of those that wait, so many are decided afterwards.
const DECIDED: usize = 6_400;

/// An approval's id and the digest of what is approved.
type Asked = (String, String);

pub async fn pending() -> Result<()> {
    let folder = temporary("approvals")?;
    let mut server = open(folder.path()).await?;
    let (rss, disk) = (server.rss()?, size(folder.path())?);
    let begun = Instant::now();
    let mut asked = ask_all(&server).await?;
    let seconds = begun.elapsed().as_secs_f64();
    let count = asked.len() as u64;
    let ram = server.rss()?.saturating_sub(rss) / count;
    let stored = size(folder.path())?.saturating_sub(disk) / count;
    report::row(
        &format!("{count} pending approvals"),
        format!("{ram} B RAM, {stored} B disk each"),
        format!(
            "asked at {:.0}/s with {CLIENTS} clients",
            count as f64 / seconds
        ),
    );
    server.kill().await?;
    server = open(folder.path()).await?;
    report::row(
        &format!("restart after kill -9 with {count} pending approvals"),
        format!(
            "ready in {} ms, {:.1} MB",
            server.ready.as_millis(),
            mb(server.rss()?)
        ),
        "until the first request can be sent",
    );
    asked.truncate(DECIDED);
    let begun = Instant::now();
    let mut latencies = decide_all(&server, asked).await?;
    report::row(
        &format!("approvals decided after it, {CLIENTS} clients"),
        format!(
            "{:.0}/s, p50 {:.1} ms, p99 {:.1} ms",
            latencies.len() as f64 / begun.elapsed().as_secs_f64(),
            latencies.percentile_us(50) as f64 / 1_000.0,
            latencies.percentile_us(99) as f64 / 1_000.0
        ),
        "each is loaded from the disk, decided and synced",
    );
    Ok(())
}

async fn ask_all(server: &Server) -> Result<Vec<Asked>> {
    let mut clients = JoinSet::new();
    for client in 0..CLIENTS {
        let mut connection = server.connect().await?;
        clients.spawn(async move {
            let mut asked = Vec::with_capacity(PENDING / CLIENTS);
            for number in 0..PENDING / CLIENTS {
                asked.push(ask(&mut connection, client, number).await?);
            }
            anyhow::Ok(asked)
        });
    }
    let mut all = Vec::with_capacity(PENDING);
    while let Some(ended) = clients.join_next().await {
        all.extend(ended??);
    }
    Ok(all)
}

async fn ask(connection: &mut Connection, client: usize, number: usize) -> Result<Asked> {
    let body = json!({
        "title": format!("Publish report {client}-{number}?"),
        "summary": "Three sources agree. One gap is left: prices after 2031.",
        "approvers": ["ann", "bob", "group:board"],
        "expires_in": "30d",
        "reminders": ["7d"],
    });
    let answer = post(connection, "/approvals", &body, 201).await?;
    let text = |name: &str| {
        let text = answer.get(name).and_then(Value::as_str);
        text.map(str::to_owned)
            .with_context(|| format!("the answer has no {name}"))
    };
    Ok((text("id")?, text("digest")?))
}

async fn decide_all(server: &Server, asked: Vec<Asked>) -> Result<Latencies> {
    let asked = Arc::new(asked);
    let mut clients = JoinSet::new();
    for client in 0..CLIENTS {
        let (mut connection, asked) = (server.connect().await?, Arc::clone(&asked));
        clients.spawn(async move {
            let mut latencies = Latencies::default();
            for (id, digest) in asked.iter().skip(client).step_by(CLIENTS) {
                let body = json!({ "decision": "approve", "digest": digest, "by": "ann" });
                let sent = Instant::now();
                post(
                    &mut connection,
                    &format!("/approvals/{id}/decide"),
                    &body,
                    200,
                )
                .await?;
                latencies.add(sent.elapsed());
            }
            anyhow::Ok(latencies)
        });
    }
    let mut all = Latencies::default();
    while let Some(ended) = clients.join_next().await {
        all.merge(ended??);
    }
    Ok(all)
}

async fn post(
    connection: &mut Connection,
    path: &str,
    body: &Value,
    expected: u16,
) -> Result<Value> {
    let body = body.to_string();
    let headers = "content-type: application/json\r\n";
    let (status, text) = connection
        .send("POST", path, headers, body.as_bytes())
        .await?;
    ensure!(
        status == expected,
        "{path} answers {status}: {}",
        String::from_utf8_lossy(&text)
    );
    Ok(serde_json::from_slice(&text)?)
}
