//! A free port on 127.0.0.1 that stays free while its server is stopped and started again.

use std::fs;
use std::net::{Ipv4Addr, TcpListener};

use anyhow::{Result, bail};

const LOWEST: u16 = 15_000;
const USUAL_EPHEMERAL: u16 = 32_768;

/// Picks a port below the range that the kernel gives to outgoing connections: a client that keeps
/// trying a stopped server on a port of that range would sooner or later connect to itself and hold it.
pub fn free() -> Result<u16> {
    let highest = ephemeral_start().clamp(LOWEST + 1_000, USUAL_EPHEMERAL);
    for _attempt in 0..200 {
        let port = fastrand::u16(LOWEST..highest);
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return Ok(port);
        }
    }
    bail!("no free port between {LOWEST} and {highest} on 127.0.0.1")
}

fn ephemeral_start() -> u16 {
    fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range")
        .ok()
        .and_then(|range| range.split_whitespace().next()?.parse().ok())
        .unwrap_or(USUAL_EPHEMERAL)
}
