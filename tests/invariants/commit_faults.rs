//! COMMIT cut off on its way to PostgreSQL, or its answer on the way back: the position settles it.

use std::sync::Arc;

use serde_json::Value;

use crate::support::compare::{assert_exact, assert_logged_once, until};
use crate::support::load::Load;
use crate::support::proxy::{Cut, Proxy};
use crate::support::{Worker, World, booking, stack};

const LOST: &str = "the answer to COMMIT was lost; reading the position to learn what became of it";
const OVERTAKEN: &str = "another worker has moved the position on; reading it again";

async fn world_behind_proxy() -> (World, Proxy, Worker) {
    let world = World::new(1).await;
    let proxy = Proxy::start(stack().await.postgres.port()).await;
    let worker = world.worker_with(&[("DB_PORT", &proxy.port())]);
    world.book(&booking("first")).await;
    world.settled().await;
    (world, proxy, worker)
}

/// What the log says became of a booking, line by line.
fn said_of<'a>(lines: &'a [Value], id: &str) -> Vec<&'a str> {
    let about = lines.iter().filter(|line| line["bookingId"] == id);
    about.filter_map(|line| line["outcome"].as_str()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_cut_off_on_either_way_counts_once_and_is_said_once() {
    for cut in [Cut::Answer, Cut::AnswerByPooler, Cut::Request] {
        let (world, proxy, worker) = world_behind_proxy().await;
        proxy.cut(cut);
        world.book(&booking("b1")).await;
        until("a COMMIT to be cut off", async || proxy.cuts() == 1).await;
        world.book(&booking("b2")).await;
        world.settled().await;
        assert_eq!(world.verdicts(&world.bookings).await, ["accepted"; 3], "{cut:?}");
        let lines = worker.stop().await;
        assert_eq!(said_of(&lines, "b1"), ["accepted"], "{cut:?}: {lines:#?}");
        assert_eq!(lines.iter().filter(|line| line["msg"] == LOST).count(), 1, "{cut:?}: {lines:#?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_answer_is_settled_when_the_database_can_be_reached_again() {
    for cut in [Cut::Answer, Cut::Request] {
        let (world, proxy, mut worker) = world_behind_proxy().await;
        proxy.cut_and_stay_down(cut);
        world.book(&booking("b1")).await;
        worker.said("lane paused; it retries until this passes, and nothing is lost").await;
        assert_eq!(proxy.cuts(), 1);
        proxy.up();
        worker.said("lane resumed").await;
        world.settled().await;
        assert_eq!(world.verdicts(&world.bookings).await, ["accepted"; 2]);
        let lines = worker.stop().await;
        assert_eq!(said_of(&lines, "b1"), ["accepted"], "{lines:#?}");
        assert_eq!(lines.iter().filter(|line| line["msg"] == LOST).count(), 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lane_that_is_overtaken_while_its_commit_is_unknown_yields() {
    let (world, proxy, mut worker) = world_behind_proxy().await;
    proxy.cut_and_stay_down(Cut::Request);
    world.book(&booking("b1")).await;
    world.book(&booking("b2")).await;
    until("the request to be cut off", async || proxy.cuts() == 1).await;
    // Another owner applies both meanwhile.
    let other = "UPDATE worker.positions SET next_offset = 3 WHERE topic = $1 AND next_offset = 1";
    until("the cut transaction to end", async || {
        world.database.execute(other, &[&world.bookings]).await.unwrap() == 1
    })
    .await;
    proxy.up();
    worker.said(OVERTAKEN).await;
    world.book(&booking("b3")).await;
    world.settled().await;
    // Its own part of b1 and b2 was rolled back, and b3 is applied from the other owner's position on.
    let applied: Vec<i64> = world.ledger().await.iter().map(|entry| entry.offset).collect();
    assert_eq!(applied, [0, 3]);
    let lines = worker.stop().await;
    assert!(said_of(&lines, "b1").is_empty(), "{lines:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_whose_commit_is_unknown_stops_when_asked() {
    let (world, proxy, mut worker) = world_behind_proxy().await;
    proxy.cut_and_stay_down(Cut::Answer);
    world.book(&booking("b1")).await;
    worker.said(LOST).await;
    let lines = worker.stop().await;
    assert!(said_of(&lines, "b1").is_empty(), "it cannot know: {lines:#?}");
    proxy.up();
    let worker = world.worker();
    world.book(&booking("b2")).await;
    world.settled().await;
    assert_eq!(world.verdicts(&world.bookings).await, ["accepted"; 3]);
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commits_cut_off_again_and_again_under_load_lose_double_and_repeat_nothing() {
    let world = Arc::new(World::new(2).await);
    let proxy = Proxy::start(stack().await.postgres.port()).await;
    let load = Load::start(&world, 7, 0).await;
    let worker = world.worker_with(&[("DB_PORT", &proxy.port()), ("BATCH_MAX_RECORDS", "20")]);
    for round in 0..20 {
        let applied = world.applied().await;
        load.more(2);
        until("records to be applied", async || world.applied().await > applied).await;
        proxy.cut(if round % 2 == 0 { Cut::Answer } else { Cut::Request });
        load.more(2);
        until("a COMMIT to be cut off", async || proxy.cuts() > round).await;
    }
    let sent = load.stop().await;
    until("the load to be applied", async || usize::try_from(world.applied().await).unwrap() == sent.len())
        .await;
    assert_exact(&world, &sent).await;
    let lines = worker.stop().await;
    assert_logged_once(&world, &lines, &sent).await;
}
