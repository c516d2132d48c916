//! The server: a connection is one request, answered within seconds or closed.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::AbortHandle;

use super::Site;

/// The most connections at a time. One more closes the oldest: a probe is answered at once, and whoever holds on to
/// connections loses them.
const CONNECTIONS: usize = 64;

/// How long a request's head may take to arrive.
const HEAD: Duration = Duration::from_secs(5);

/// How long a connection may last in all.
const LIFETIME: Duration = Duration::from_secs(15);

/// The most bytes of a request's head; more is answered with 431.
const HEAD_BYTES: usize = 16 << 10;

/// The pause after a connection that could not be accepted: the process may be short of file descriptors.
const REST: Duration = Duration::from_millis(100);

/// A socket that listens.
pub struct Server {
    listener: TcpListener,
}

impl Server {
    /// Listens at an address; port 0 takes a free one.
    ///
    /// # Errors
    /// What the operating system says: the address is in use, or not this machine's.
    pub async fn bind(address: &str) -> io::Result<Self> {
        Ok(Self { listener: TcpListener::bind(address).await? })
    }

    /// Where it listens.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Answers requests for as long as it is polled; dropped, it closes all connections but those that are being
    /// answered.
    pub async fn serve(self, site: Arc<Site>) -> Infallible {
        let mut connections: VecDeque<AbortHandle> = VecDeque::new();
        loop {
            let stream = match self.listener.accept().await {
                Ok((stream, _)) => stream,
                Err(error) => {
                    tracing::debug!(%error, "an HTTP connection could not be accepted");
                    tokio::time::sleep(REST).await;
                    continue;
                }
            };
            connections.retain(|connection| !connection.is_finished());
            if connections.len() >= CONNECTIONS
                && let Some(oldest) = connections.pop_front()
            {
                oldest.abort();
            }
            connections.push_back(tokio::spawn(answer(stream, site.clone())).abort_handle());
        }
    }
}

async fn answer(stream: TcpStream, site: Arc<Site>) {
    let service = service_fn(|request: Request<Incoming>| {
        let response = site.answer(request.method(), request.uri().path());
        async { Ok::<_, Infallible>(response) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .max_buf_size(HEAD_BYTES)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service);
    // What goes wrong on the way concerns the client alone.
    let _ = tokio::time::timeout(LIFETIME, connection).await;
}
