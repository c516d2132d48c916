//! The worker's HTTP side, asked as any client would.

use std::net::SocketAddr;

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::{Worker, eventually};

/// An answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    /// The head, as it came.
    pub head: String,
    pub body: String,
}

impl Answer {
    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The words of what speaks against the worker.
    pub fn reasons(&self) -> Vec<String> {
        let body = self.json();
        let reasons = body["reasons"].as_array().unwrap();
        reasons.iter().map(|reason| reason["reason"].as_str().unwrap().to_owned()).collect()
    }
}

impl Worker {
    /// Waits until it is ready.
    pub async fn is_ready(&mut self) {
        self.get_until("/health/ready", "the worker to be ready", |answer| answer.status == 200).await;
    }

    /// Waits until it is not ready for exactly these reasons, and returns the answer.
    pub async fn is_unready(&mut self, reasons: &[&str]) -> Answer {
        let what = format!("the worker to be unready: {reasons:?}");
        self.get_until("/health/ready", &what, |answer| answer.status == 503 && answer.reasons() == reasons)
            .await
    }

    /// Checks that it lives, as it says itself.
    pub async fn lives(&mut self) {
        let answer = self.get("/health/live").await;
        assert_eq!((answer.status, answer.reasons().len()), (200, 0), "{answer:?}");
    }

    /// Where it serves HTTP.
    pub async fn address(&mut self) -> SocketAddr {
        let line = self.said("metrics, health and status page are served").await;
        line["address"].as_str().unwrap().parse().unwrap()
    }

    /// Asks for a path.
    pub async fn get(&mut self, path: &str) -> Answer {
        get(self.address().await, path).await.unwrap()
    }

    /// Asks for a path until the answer is as wanted; fails with the last answer.
    pub async fn get_until(&mut self, path: &str, what: &str, wanted: impl Fn(&Answer) -> bool) -> Answer {
        let address = self.address().await;
        eventually(what, async || {
            let answer = get(address, path).await.map_err(|error| error.to_string())?;
            if wanted(&answer) { Ok(Some(answer)) } else { Err(format!("{answer:?}")) }
        })
        .await
    }
}

/// Asks for a path.
pub async fn get(address: SocketAddr, path: &str) -> std::io::Result<Answer> {
    let request = format!("GET {path} HTTP/1.1\r\nHost: worker\r\nConnection: close\r\n\r\n");
    send(address, request.as_bytes()).await
}

/// Sends these bytes and reads one answer.
pub async fn send(address: SocketAddr, request: &[u8]) -> std::io::Result<Answer> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(request).await?;
    let mut bytes = Vec::new();
    while !is_whole(&bytes) && stream.read_buf(&mut bytes).await? > 0 {}
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    Ok(Answer { status, head: head.to_owned(), body: body.to_owned() })
}

/// Whether the body is there that the head announces. One without a length ends with the connection.
fn is_whole(answer: &[u8]) -> bool {
    let Some(end) = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n") else { return false };
    let head = String::from_utf8_lossy(&answer[..end]).to_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok());
    length.is_some_and(|length: usize| answer.len() >= end + 4 + length)
}
