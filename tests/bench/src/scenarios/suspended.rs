//! What a suspended execution costs while it waits, and how long a server with many of them takes to come back.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use anyhow::Result;

use super::callbacks::{open_callback, pending};
use super::{Bench, Handler};
use crate::report;

const EXECUTIONS: usize = 100_000;
const CLIENTS: usize = 64;

pub async fn footprint() -> Result<()> {
    let bench = Arc::new(Bench::start("suspended", CLIENTS).await?);
    let idle = Bench::start("idle", 1).await?;
    report::row(
        "idle server",
        format!(
            "ready in {} ms, {:.1} MB",
            idle.server.ready.as_millis(),
            mb(idle.server.rss()?)
        ),
        "with one function",
    );
    drop(idle);
    let (rss, disk) = (bench.server.rss()?, size(bench.folder.path())?);
    let begun = Instant::now();
    let mut clients = tokio::task::JoinSet::new();
    for _ in 0..CLIENTS {
        let bench = Arc::clone(&bench);
        clients.spawn(async move {
            let mut connection = bench.server.connect().await?;
            for _ in 0..EXECUTIONS / CLIENTS {
                bench.begin(&mut connection).await?;
                let event = bench.events.next().await?;
                let mut handler = Handler::new(connection, &event)?;
                open_callback(&mut handler).await?;
                connection = handler.connection;
                event.answer(&pending());
            }
            anyhow::Ok(())
        });
    }
    while let Some(ended) = clients.join_next().await {
        ended??;
    }
    let seconds = begun.elapsed().as_secs_f64();
    let count = (EXECUTIONS / CLIENTS * CLIENTS) as u64;
    let ram = bench.server.rss()?.saturating_sub(rss) / count;
    let stored = size(bench.folder.path())?.saturating_sub(disk) / count;
    report::row(
        &format!("{count} suspended executions"),
        format!("{ram} B RAM, {stored} B disk each"),
        format!("made at {:.0}/s", count as f64 / seconds),
    );
    let Ok(mut bench) = Arc::try_unwrap(bench) else {
        return Ok(());
    };
    bench.kill_and_restart().await?;
    let figure = format!(
        "ready in {} ms, {:.1} MB",
        bench.server.ready.as_millis(),
        mb(bench.server.rss()?)
    );
    report::row(
        &format!("restart after kill -9 with {count} suspended"),
        figure,
        "until the first request can be sent",
    );
    Ok(())
}

pub fn mb(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}

/// What a folder takes on the disk, in bytes.
pub fn size(folder: &Path) -> Result<u64> {
    let mut bytes = 0;
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let meta = entry.metadata()?;
        bytes += if meta.is_dir() {
            size(&entry.path())?
        } else {
            std::os::unix::fs::MetadataExt::blocks(&meta) * 512
        };
    }
    Ok(bytes)
}
