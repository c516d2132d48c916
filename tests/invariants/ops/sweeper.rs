//! The sweeper and a person at the same record at the same moment: one of them, and one outcome.

use std::sync::Arc;

use serde_json::json;
use tokio::sync::Barrier;
use worker::booking;
use worker::config::{Environment, Settings};
use worker::metrics::Metrics;
use worker::retry::{Ending, Retried, Take};
use worker::shared::Shared;
use worker::store::held::Claim;
use worker::store::pool::pool;

use super::scene::{nobody_appears, of_nobody, revisions};
use crate::support::{Message, World, eventually};

const ROUNDS: usize = 150;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_sweeper_and_redrive_at_one_record_exactly_one_applies_it() {
    let world = World::new(1).await;
    let messages: Vec<Message> =
        (0..ROUNDS).map(|round| Message::event(&of_nobody(&format!("b{round}")))).collect();
    let worker = world.worker();
    world.produce_all(&world.bookings, &messages).await;
    world.settled().await;
    worker.stop().await;
    nobody_appears(&world).await;
    // The two as the processes have them: the sweeper's claim and the command's, each on its own connection.
    let settings =
        Settings::from_snapshot(&world.settings(&[]).into_iter().collect::<Environment>()).unwrap();
    let metrics = Arc::new(Metrics::new().unwrap());
    let shared = Shared::new(&settings, pool(&settings.database).unwrap(), Arc::default(), metrics);
    let shared = Arc::new(shared);
    let routes = Arc::new(booking::routes(&settings));
    let ids = world.database.query("SELECT id FROM worker.held ORDER BY id", &[]).await.unwrap();
    let (mut swept, mut redriven) = (0, 0);
    for (round, id) in ids.iter().map(|row| row.get::<_, i64>(0)).enumerate() {
        // Dead ones meet two people instead.
        let dead = round % 3 == 0;
        let sql = "UPDATE worker.held SET status = CASE WHEN $2 THEN 'dead' ELSE 'waiting' END, \
                   next_attempt_at = CASE WHEN $2 THEN NULL ELSE now() END WHERE id = $1";
        world.database.execute(sql, &[&id, &dead]).await.unwrap();
        let start = Arc::new(Barrier::new(2));
        let act = |of_sweeper: bool| {
            let (shared, routes, start) = (shared.clone(), routes.clone(), start.clone());
            tokio::spawn(async move {
                let ids = [id];
                let claim = if of_sweeper && !dead { Claim::Due(10) } else { Claim::These(&ids) };
                start.wait().await;
                routes[0].retry(&shared, Take::Held(claim), Ending::Commit).await.unwrap()
            })
        };
        let (sweeper, person) = (act(true), act(false));
        let (sweeper, person): (Vec<Retried>, Vec<Retried>) = (sweeper.await.unwrap(), person.await.unwrap());
        assert_eq!(sweeper.len() + person.len(), 1, "round {round}: {sweeper:?} {person:?}");
        swept += sweeper.len();
        redriven += person.len();
        let offset = i64::try_from(round).unwrap();
        let expected: &[&str] = if dead {
            &["held:unknown_user", "redriven", "accepted"]
        } else {
            &["held:unknown_user", "accepted"]
        };
        assert_eq!(revisions(&world, &world.bookings, offset).await, expected, "round {round}");
    }
    assert!(swept > 0 && redriven > 0, "they never raced: {swept} to {redriven}");
    assert_eq!(world.bookings_made().await, i64::try_from(ROUNDS).unwrap());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redrives_beside_a_running_sweeper_leave_one_outcome_each() {
    let world = World::new(1).await;
    let settings = [("HELD_BACKOFF_MIN", "100ms"), ("HELD_BACKOFF_MAX", "200ms")];
    let count = 400;
    let messages: Vec<Message> =
        (0..count).map(|index| Message::event(&of_nobody(&format!("b{index}")))).collect();
    let worker = world.worker_with(&settings);
    world.produce_all(&world.bookings, &messages).await;
    world.settled().await;
    nobody_appears(&world).await;
    let redrive = ["held", "redrive", "--status", "waiting", "--all"];
    let (first, second, third) = tokio::join!(
        world.command_json(&redrive),
        world.command_json(&redrive),
        world.command_json(&redrive)
    );
    for shown in [&first, &second, &third] {
        assert_eq!(shown["fault"], json!(null));
    }
    eventually("nothing to wait", async || Ok::<_, ()>(world.held().await.is_empty().then_some(()))).await;
    worker.stop().await;
    let ledger = world.ledger().await;
    assert_eq!(ledger.len(), 2 * count);
    for offset in 0..i64::try_from(count).unwrap() {
        let of: Vec<String> = ledger
            .iter()
            .filter(|entry| entry.offset == offset)
            .map(crate::support::Entry::verdict)
            .collect();
        assert_eq!(of, ["held:unknown_user", "accepted"], "offset {offset}");
    }
}
