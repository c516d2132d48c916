//! PostgreSQL is down, hangs, takes no writes, is not there yet: not ready, with the reason; but nobody is restarted.

use crate::support::http::Answer;
use crate::support::proxy::Proxy;
use crate::support::{Worker, World, booking, eventually, stack};

/// The shortest limit, in seconds.
const LIMIT: f64 = 30.0;

async fn world_behind_proxy() -> (World, Proxy, Worker) {
    let world = World::new(1).await;
    let proxy = Proxy::start(stack().await.postgres.port()).await;
    let mut worker = world.worker_with(&[("DB_PORT", &proxy.port()), ("LANE_STALL_LIMIT", "30s")]);
    world.book(&booking("first")).await;
    world.settled().await;
    worker.is_ready().await;
    (world, proxy, worker)
}

/// Waits until a lane has shown this number of seconds under a name; the worker lives all the while.
async fn lives_until(worker: &mut Worker, name: &str, seconds: f64) {
    eventually(&format!("a lane's {name} to pass {seconds}"), async || {
        worker.lives().await;
        let lanes = worker.get("/health/detailed").await.json()["lanes"].clone();
        let found: Vec<f64> =
            lanes.as_array().unwrap().iter().map(|lane| lane[name].as_f64().unwrap()).collect();
        if found.iter().any(|found| *found > seconds) { Ok(Some(())) } else { Err(found) }
    })
    .await;
}

fn first_is(word: &str) -> impl Fn(&Answer) -> bool {
    move |answer| answer.status == 503 && answer.reasons().first().is_some_and(|first| first == word)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_outage_longer_than_the_stall_limit_makes_the_worker_unready_and_restarts_nobody() {
    let (world, proxy, mut worker) = world_behind_proxy().await;
    proxy.down();
    world.book(&booking("meanwhile")).await;
    worker.get_until("/health/ready", "the outage to be noticed", first_is("database_unreachable")).await;
    let short = worker.get("/health").await;
    assert_eq!(short.status, 503);
    assert!(short.body.starts_with("database_unreachable: "), "{short:?}");
    lives_until(&mut worker, "stateSeconds", LIMIT + 2.0).await;
    let reasons = worker.get("/health/ready").await.reasons();
    assert!(reasons.contains(&"lane_paused".to_owned()), "{reasons:?}");
    proxy.up();
    world.settled().await;
    worker.is_ready().await;
    let short = worker.get("/health").await;
    assert_eq!((short.status, &*short.body), (200, "ok"));
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_hangs_for_longer_than_the_stall_limit_restarts_nobody_even_once_it_is_back() {
    let (world, proxy, mut worker) = world_behind_proxy().await;
    proxy.silence();
    world.book(&booking("meanwhile")).await;
    let answer = worker
        .get_until("/health/ready", "the silence to be noticed", first_is("database_unreachable"))
        .await;
    assert!(answer.body.contains("no answer within"), "{answer:?}");
    lives_until(&mut worker, "stillSeconds", LIMIT + 2.0).await;
    proxy.up();
    worker.get_until("/health/ready", "an answer", |answer| !first_is("database_unreachable")(answer)).await;
    worker.lives().await;
    world.settled().await;
    worker.is_ready().await;
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_takes_no_writes_makes_the_worker_unready() {
    let world = World::new(1).await;
    let mut worker = world.worker();
    world.book(&booking("first")).await;
    world.settled().await;
    worker.is_ready().await;
    let set = async |value: &str| {
        let sql = format!(
            "ALTER DATABASE {name} SET default_transaction_read_only = {value};
             SELECT pg_terminate_backend(pid) FROM pg_stat_activity
             WHERE datname = '{name}' AND application_name = 'worker'",
            name = world.database_name
        );
        let session = world.another_connection().await;
        session.batch_execute("SET default_transaction_read_only = off").await.unwrap();
        session.batch_execute(&sql).await.unwrap();
    };
    set("on").await;
    worker.get_until("/health/ready", "the worker to be unready", first_is("database_read_only")).await;
    worker.lives().await;
    set("off").await;
    worker.is_ready().await;
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_waits_for_its_database_at_start_lives_and_says_what_it_waits_for() {
    let world = World::new(1).await;
    let proxy = Proxy::start(stack().await.postgres.port()).await;
    proxy.down();
    let mut worker = world.worker_with(&[("DB_PORT", &proxy.port())]);
    let answer = worker.is_unready(&["starting", "database_unreachable"]).await;
    assert_eq!(answer.json()["ready"], false);
    worker.lives().await;
    let detailed = worker.get("/health/detailed").await;
    assert_eq!((detailed.status, &detailed.json()["phase"]), (200, &"starting".into()));
    proxy.up();
    worker.is_ready().await;
    worker.stop().await;
}
