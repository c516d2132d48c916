//! Slow and hostile HTTP clients: they lose their connections, probes are answered, and lanes go on.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};

use crate::support::http::{get, send};
use crate::support::{DEADLINE, Worker, World, eventually, names};

/// The server keeps 64 connections; what it needs beside them does not grow.
const CONNECTIONS: usize = 64;
const ROOM: usize = 16;

/// How long a probe takes at most that is not kept waiting: less than a head may take to arrive.
const PROMPT: Duration = Duration::from_secs(2);

/// How long a connection without a whole head stays open at most: less than any connection may last.
const SOON: Duration = Duration::from_secs(12);

/// How often something is tried that has to be quick.
const TRIES: usize = 10;

async fn ready() -> (World, Worker, SocketAddr) {
    let world = World::new(1).await;
    let mut worker = world.worker();
    worker.is_ready().await;
    let address = worker.address().await;
    (world, worker, address)
}

/// Checks that a probe is answered, and returns how long that took.
async fn probe(address: SocketAddr) -> Duration {
    let asked = Instant::now();
    let answer = tokio::time::timeout(DEADLINE, get(address, "/health/live")).await.unwrap();
    assert_eq!(answer.unwrap().status, 200);
    asked.elapsed()
}

/// Repeats what has to be quick until it is: a machine that is busy makes some tries slow, a worker that waits all.
async fn is_quick_once(mut attempt: impl AsyncFnMut(usize) -> Result<(), String>) {
    let mut slow = Vec::new();
    for number in 0..TRIES {
        match attempt(number).await {
            Ok(()) => return,
            Err(what) => slow.push(what),
        }
    }
    panic!("never quick: {slow:#?}");
}

/// Repeats a flood until the probe behind it is answered promptly.
async fn a_probe_is_prompt_behind(address: SocketAddr, mut flood: impl AsyncFnMut(usize)) {
    is_quick_once(async |number| {
        flood(number).await;
        let took = probe(address).await;
        if took < PROMPT { Ok(()) } else { Err(format!("the probe took {took:?}")) }
    })
    .await;
}

/// Waits until the server has closed the connection, and returns what it said before.
async fn closed(mut stream: TcpStream) -> String {
    let mut said = Vec::new();
    // A reset is an end as well.
    let _end = tokio::time::timeout(DEADLINE, stream.read_to_end(&mut said)).await.unwrap();
    String::from_utf8_lossy(&said).into_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_head_that_comes_byte_by_byte_or_not_at_all_is_not_waited_for() {
    let (_world, worker, address) = ready().await;
    is_quick_once(async |_| {
        let begun = Instant::now();
        let silent = tokio::spawn(closed(TcpStream::connect(address).await.unwrap()));
        let mut slow = TcpStream::connect(address).await.unwrap();
        let mut probes = Vec::new();
        let mut every = tokio::time::interval(Duration::from_millis(500));
        let head = b"GET /health/live HTTP/1.1\r\nHost: a\r\nX-Slow: ";
        for byte in head.iter().chain(std::iter::repeat(&b'x')) {
            every.tick().await;
            probes.push(probe(address).await);
            if slow.write_all(&[*byte]).await.is_err() {
                break;
            }
            assert!(begun.elapsed() < DEADLINE, "still open after {} bytes", probes.len());
        }
        silent.await.unwrap();
        let open = begun.elapsed();
        assert!(Duration::from_secs(4) < open, "open for {open:?}");
        let is_quick = open < SOON && probes.iter().any(|took| *took < PROMPT);
        if is_quick { Ok(()) } else { Err(format!("open for {open:?}; the probes took {probes:?}")) }
    })
    .await;
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hundreds_of_idle_connections_cost_little_and_keep_no_probe_and_no_lane_waiting() {
    let (world, worker, address) = ready().await;
    let before = worker.descriptors();
    let mut idle = Vec::new();
    a_probe_is_prompt_behind(address, async |flood| {
        idle.clear();
        for number in 0..600 {
            idle.push(TcpStream::connect(address).await.unwrap());
            if number % 100 == 0 {
                probe(address).await;
                world.book_all(0, names(&format!("meanwhile-{flood}-{number}"), 5)).await;
            }
        }
    })
    .await;
    world.settled().await;
    assert!(worker.descriptors() <= before + CONNECTIONS + ROOM, "{} of {before}", worker.descriptors());
    for stream in idle {
        closed(stream).await;
    }
    eventually("the connections to be gone", async || match worker.descriptors() {
        found if found <= before + ROOM => Ok(Some(())),
        found => Err(found),
    })
    .await;
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_too_large_is_not_read() {
    let (_world, worker, address) = ready().await;
    let peak = worker.peak_memory();
    // A head without an end.
    let mut endless = TcpStream::connect(address).await.unwrap();
    endless.write_all(b"GET / HTTP/1.1\r\n").await.unwrap();
    let line = format!("X-Large: {}\r\n", "x".repeat(1000));
    let mut sent = 0;
    while endless.write_all(line.as_bytes()).await.is_ok() {
        sent += line.len();
        assert!(sent < 64 << 20, "{sent} bytes of a head were taken");
    }
    // A body that nobody asked for, on either kind of answer.
    for method in ["GET", "POST"] {
        let mut body = TcpStream::connect(address).await.unwrap();
        let head =
            format!("{method} /health/live HTTP/1.1\r\nHost: a\r\nContent-Length: 10000000000\r\n\r\n");
        body.write_all(head.as_bytes()).await.unwrap();
        let mut sent = 0;
        let block = vec![b'x'; 1 << 20];
        while body.write_all(&block).await.is_ok() {
            sent += block.len();
            assert!(sent < 64 << 20, "{sent} bytes of a body were taken");
        }
    }
    // A length of its own for each chunk.
    let chunked =
        b"GET /health/live HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n";
    assert_eq!(send(address, chunked).await.unwrap().status, 200);
    probe(address).await;
    assert!(worker.peak_memory() < peak + (16 << 20), "{} after {peak}", worker.peak_memory());
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_head_is_told_so_where_its_sender_listens() {
    let (_world, worker, address) = ready().await;
    let head = format!("GET / HTTP/1.1\r\nX-Large: {}", "x".repeat(16 << 10));
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    let said = closed(stream).await;
    assert!(said.starts_with("HTTP/1.1 431 "), "{said:?}");
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_connection_is_one_request_however_many_are_sent() {
    let (_world, worker, address) = ready().await;
    let request = "GET /health/live HTTP/1.1\r\nHost: a\r\n\r\n";
    for count in [2, 20] {
        let answer = send(address, request.repeat(count).as_bytes()).await;
        // What was not read may come back as a reset instead.
        if let Ok(answer) = answer {
            assert_eq!((answer.status, answer.body.matches("HTTP/1.1").count()), (200, 0), "{answer:?}");
            assert!(answer.head.to_lowercase().contains("connection: close"), "{answer:?}");
        }
    }
    probe(address).await;
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_is_no_http_is_refused_and_forgotten() {
    let (_world, worker, address) = ready().await;
    let noise: Vec<u8> = (0..=u8::MAX).cycle().take(5000).collect();
    for garbage in [
        &noise[..],
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"\0\0\0\0\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /\xff\xfe HTTP/1.1\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"CONNECT elsewhere:443 HTTP/1.1\r\nHost: elsewhere\r\n\r\n",
    ] {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(garbage).await.unwrap();
        let said = closed(stream).await;
        let refused = said.is_empty() || said.starts_with("HTTP/1.1 4") || said.starts_with("HTTP/1.1 505");
        assert!(refused, "{garbage:?}: {said:?}");
    }
    probe(address).await;
    let lines = worker.stop().await;
    assert!(lines.iter().all(|line| line["level"] != "ERROR"), "{lines:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_that_never_read_their_answers_lose_their_connections() {
    let (world, worker, address) = ready().await;
    let (before, peak) = (worker.descriptors(), worker.peak_memory());
    let mut deaf = Vec::new();
    a_probe_is_prompt_behind(address, async |_| {
        deaf.clear();
        for _ in 0..200 {
            let socket = TcpSocket::new_v4().unwrap();
            socket.set_recv_buffer_size(1).unwrap();
            let mut stream = socket.connect(address).await.unwrap();
            stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
            deaf.push(stream);
        }
    })
    .await;
    world.book_all(0, names("meanwhile", 20)).await;
    world.settled().await;
    eventually("the connections to be gone", async || match worker.descriptors() {
        found if found <= before + ROOM => Ok(Some(())),
        found => Err(found),
    })
    .await;
    assert!(worker.peak_memory() < peak + (32 << 20), "{} after {peak}", worker.peak_memory());
    drop(deaf);
    worker.stop().await;
}
