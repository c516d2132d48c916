//! `worker healthcheck`: asks a running worker on this machine, for an image without a shell.
//!
//! It needs nothing but the address: no other setting need be right, and nothing else is asked.

use std::io::{Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, ToSocketAddrs as _};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use clap::Args;
use serde::Deserialize;

use crate::config::{ConfigurationFaults, Settings};

/// How long the whole check may take.
const LIMIT: Duration = Duration::from_secs(3);

/// The most bytes of an answer that are read.
const ANSWER: u64 = 64 << 10;

/// How `worker healthcheck` is called.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    /// Ask whether it is ready (`/health/ready`) instead of whether it lives
    #[arg(long)]
    pub ready: bool,
}

const EXAMPLES: &str = "\
The address is HTTP_ADDR's; 0.0.0.0 is asked at 127.0.0.1, [::] at [::1]. No other setting is looked at. A worker lives \
while its lanes make progress, whether Kafka and PostgreSQL are up or not: do restart one that does not live, and \
do not restart one that is not ready. Ends with 0 or 1, within three seconds.

Examples:
  worker healthcheck                                        in a Dockerfile: HEALTHCHECK CMD [\"worker\", \"healthcheck\"]
  HTTP_ADDR=127.0.0.1:9000 worker healthcheck --ready       whether it has what it needs";

/// Why the check failed.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The address is not usable.
    #[error(transparent)]
    Settings(#[from] ConfigurationFaults),
    /// The worker took any free port.
    #[error("HTTP_ADDR has port 0, so that nobody knows which port the worker has; give it one")]
    AnyPort,
    /// Nobody answers there.
    #[error("no worker answers at {address}: {cause}")]
    NoAnswer {
        /// Where it was asked.
        address: String,
        /// Why.
        cause: std::io::Error,
    },
    /// Somebody else answers there.
    #[error("what answers at {0} is no worker")]
    Strange(String),
    /// It answers, and says no.
    #[error("{0}")]
    Unwell(String),
}

/// What counts of the worker's answer.
#[derive(Deserialize)]
struct Body {
    #[serde(default)]
    reasons: Vec<Found>,
}

#[derive(Deserialize)]
struct Found {
    reason: String,
    message: String,
}

/// Asks the worker at `HTTP_ADDR`.
///
/// # Errors
/// What speaks against it, in one line.
pub fn check(arguments: &Arguments) -> Result<(), Failure> {
    let address = reachable(&Settings::http_addr_of_environment()?);
    if address.ends_with(":0") {
        return Err(Failure::AnyPort);
    }
    let path = if arguments.ready { "/health/ready" } else { "/health/live" };
    let answer = within(LIMIT, address.clone(), path).map_err(|cause| {
        let address = address.clone();
        Failure::NoAnswer { address, cause }
    })?;
    judge(&answer, address)
}

/// The address at which a listener at this one is reached from its own machine.
fn reachable(listening: &str) -> String {
    match listening.parse::<SocketAddr>() {
        Ok(mut address) if address.ip().is_unspecified() => {
            address.set_ip(match address.ip() {
                IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
                IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
            });
            address.to_string()
        }
        _ => listening.to_owned(),
    }
}

/// Asks on a thread of its own: looking up a name takes as long as it likes.
fn within(limit: Duration, address: String, path: &'static str) -> std::io::Result<String> {
    let (send, answered) = mpsc::channel();
    thread::Builder::new().spawn(move || {
        // Nobody to tell where the time is over.
        let _ = send.send(ask(&address, path, limit));
    })?;
    answered.recv_timeout(limit).unwrap_or_else(|_| Err(std::io::ErrorKind::TimedOut.into()))
}

fn ask(address: &str, path: &str, limit: Duration) -> std::io::Result<String> {
    let mut last = std::io::Error::from(std::io::ErrorKind::AddrNotAvailable);
    for address in address.to_socket_addrs()? {
        let mut stream = match TcpStream::connect_timeout(&address, limit) {
            Ok(stream) => stream,
            Err(error) => {
                last = error;
                continue;
            }
        };
        stream.write_all(
            format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").as_bytes(),
        )?;
        let mut answer = Vec::new();
        stream.take(ANSWER).read_to_end(&mut answer)?;
        return Ok(String::from_utf8_lossy(&answer).into_owned());
    }
    Err(last)
}

fn judge(answer: &str, address: String) -> Result<(), Failure> {
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((answer, ""));
    let status = head.strip_prefix("HTTP/1.").and_then(|rest| rest.split(' ').nth(1));
    match (status, serde_json::from_str::<Body>(body)) {
        (Some("200"), Ok(_)) => Ok(()),
        (Some("503"), Ok(body)) => {
            let reasons: Vec<String> =
                body.reasons.iter().map(|found| format!("{}: {}", found.reason, found.message)).collect();
            Err(Failure::Unwell(reasons.join("; ")))
        }
        _ => Err(Failure::Strange(address)),
    }
}

#[cfg(test)]
mod tests {
    use super::{judge, reachable};

    #[test]
    fn all_addresses_of_a_machine_are_reached_at_its_own() {
        for (listening, reached) in [
            ("0.0.0.0:2112", "127.0.0.1:2112"),
            ("[::]:2112", "[::1]:2112"),
            ("10.0.0.7:80", "10.0.0.7:80"),
            ("[fe80::1]:80", "[fe80::1]:80"),
            ("localhost:2112", "localhost:2112"),
        ] {
            assert_eq!(reachable(listening), reached);
        }
    }

    #[test]
    fn only_a_workers_own_yes_is_a_yes() {
        let said = |answer: &str| judge(answer, "a:1".into()).map_err(|failure| failure.to_string());
        let yes = "HTTP/1.1 200 OK\r\ncontent-length: 27\r\n\r\n{\"live\":true,\"reasons\":[]}";
        assert_eq!(said(yes), Ok(()));
        let no = "HTTP/1.1 503 Service Unavailable\r\n\r\n\
                  {\"live\":false,\"reasons\":[{\"reason\":\"lane_stalled\",\"message\":\"b/1: stuck\"}]}";
        assert_eq!(said(no), Err("lane_stalled: b/1: stuck".to_owned()));
        for strange in
            ["", "HTTP/1.1 200 OK\r\n\r\n<html>", "HTTP/1.1 404 Not Found\r\n\r\n{}", "SSH-2.0\r\n"]
        {
            assert_eq!(said(strange), Err("what answers at a:1 is no worker".to_owned()), "{strange:?}");
        }
    }
}
