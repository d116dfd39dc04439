//! A keep-alive HTTP/1.1 client that does no more than it must, so that what is measured is the server.

use anyhow::{Context as _, Result, bail};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// One connection.
pub struct Connection {
    stream: TcpStream,
    host: String,
    buffer: Vec<u8>,
}

impl Connection {
    pub async fn open(address: &str) -> Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            host: address.to_owned(),
            buffer: Vec::with_capacity(16 * 1024),
        })
    }

    /// Sends a request in one write and returns status and body. `headers` end with `\r\n` each.
    pub async fn send(
        &mut self,
        method: &str,
        path: &str,
        headers: &str,
        body: &[u8],
    ) -> Result<(u16, Vec<u8>)> {
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: {}\r\ncontent-length: {}\r\n{headers}\r\n",
            self.host,
            body.len()
        );
        let mut request = head.into_bytes();
        request.extend_from_slice(body);
        self.stream.write_all(&request).await?;
        self.receive().await
    }

    /// The Runtime API's next invocation: its event and its request id.
    pub async fn next_invocation(&mut self) -> Result<(Vec<u8>, String)> {
        let (_, event) = self
            .send("GET", "/2018-06-01/runtime/invocation/next", "", b"")
            .await?;
        let head = String::from_utf8_lossy(&self.buffer).to_ascii_lowercase();
        let id = head
            .lines()
            .find_map(|line| line.strip_prefix("lambda-runtime-aws-request-id:"));
        Ok((
            event,
            id.context("an invocation without an id")?.trim().to_owned(),
        ))
    }

    async fn receive(&mut self) -> Result<(u16, Vec<u8>)> {
        self.buffer.clear();
        let end = loop {
            if let Some(end) = self
                .buffer
                .windows(4)
                .position(|window| window == b"\r\n\r\n")
            {
                break end;
            }
            self.more().await?;
        };
        let head = String::from_utf8_lossy(self.buffer.get(..end).unwrap_or_default())
            .to_ascii_lowercase();
        let status = head
            .split(' ')
            .nth(1)
            .and_then(|status| status.parse().ok())
            .context("no status line")?;
        let length: usize = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length:"))
            .map_or(Ok(0), |length| length.trim().parse())
            .context("the content length is no number")?;
        while self.buffer.len() < end + 4 + length {
            self.more().await?;
        }
        Ok((
            status,
            self.buffer
                .get(end + 4..end + 4 + length)
                .unwrap_or_default()
                .to_vec(),
        ))
    }

    async fn more(&mut self) -> Result<()> {
        if self.stream.read_buf(&mut self.buffer).await? == 0 {
            bail!("the server closed the connection");
        }
        Ok(())
    }
}
