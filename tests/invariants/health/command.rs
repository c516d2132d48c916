//! `worker healthcheck`: the exit code and one line.

use std::time::{Duration, Instant};

use stack::port;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpListener;

use crate::support::{Said, World, eventually};

fn only_line(said: &Said) -> &str {
    assert_eq!((said.code, &*said.out, said.err.lines().count()), (Some(1), "", 1), "{said:?}");
    said.err.trim_end()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_lives_is_well_and_one_that_is_not_ready_says_why() {
    let world = World::new(1).await;
    let port = port::free().unwrap();
    let everywhere = format!("0.0.0.0:{port}");
    // The worker waits for its database; the check needs neither that one's settings nor any other.
    let nobody = port::free().unwrap().to_string();
    let mut worker = world.worker_with(&[("HTTP_ADDR", &everywhere), ("DB_PORT", &nobody)]);
    worker.lives().await;
    let broken = [
        ("HTTP_ADDR", &*everywhere),
        ("DB_PORT", "none"),
        ("KAFKA_BROKERS", ","),
        ("DB_PASSWORD_FILE", "/none"),
    ];
    // The check itself gives up after three seconds, which a busy machine may need.
    eventually("the worker to be well", async || {
        let said = world.command_with(&["healthcheck"], &broken).await;
        let is_well = (said.code, &*said.out, &*said.err) == (Some(0), "ok\n", "");
        if is_well { Ok(Some(())) } else { Err(said) }
    })
    .await;
    eventually("the worker to say why it is not ready", async || {
        let said = world.command_with(&["healthcheck", "--ready"], &broken).await;
        let line = only_line(&said);
        let says_why = line.starts_with("worker: starting: ") && line.contains("; database_unreachable: ");
        if says_why { Ok(Some(())) } else { Err(said) }
    })
    .await;
    worker.stop().await;
    let said = world.command_with(&["healthcheck"], &broken).await;
    assert!(only_line(&said).contains(&format!("no worker answers at 127.0.0.1:{port}")), "{said:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_that_cannot_be_asked_is_told() {
    let world = World::new(0).await;
    let said = world.command_with(&["healthcheck"], &[("HTTP_ADDR", "127.0.0.1:0")]).await;
    assert!(only_line(&said).contains("HTTP_ADDR has port 0"), "{said:?}");
    let said = world.command_with(&["healthcheck"], &[("HTTP_ADDR", "nonsense")]).await;
    assert!(only_line(&said).contains("HTTP_ADDR: found \"nonsense\", expected address:port"), "{said:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_never_answers_or_never_ends_is_no_worker() {
    let world = World::new(0).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    for endless in [false, true] {
        let serving = async {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let written = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await;
                while endless && written.is_ok() && stream.write_all(&[b'x'; 1024]).await.is_ok() {}
                std::future::pending::<()>().await;
            }
        };
        let begun = Instant::now();
        let settings = [("HTTP_ADDR", &*address)];
        let said = tokio::select! {
            said = world.command_with(&["healthcheck"], &settings) => said,
            () = serving => unreachable!(),
        };
        only_line(&said);
        assert!(begun.elapsed() < Duration::from_secs(30), "it took {:?}", begun.elapsed());
    }
}
