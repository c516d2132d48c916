//! A collector that is away, slow or refuses costs spans and nothing else.

use std::time::{Duration, Instant};

use serde_json::Value;

use super::{sampled, traced};
use crate::support::collector::{Answer, Collector, Span};
use crate::support::compare::until;
use crate::support::{Message, World, booking, eventually};

pub const LOST: &str = "spans are lost: the collector does not take them; records are applied all the same";
const AGAIN: &str = "traces are exported again";

/// More than the queue holds, with all that a span can carry.
const MANY: i64 = 20_000;

/// What a worker may hold at most, debug build and all.
const MEMORY: u64 = 100 << 20;

async fn fill(world: &World) {
    let baggage: Vec<String> = (0..8).map(|number| format!("k{number}={}", "x".repeat(100))).collect();
    let message = |number: &i64| {
        Message::event(&booking(&format!("b{number}")))
            .header("traceparent", sampled())
            .header("baggage", baggage.join(","))
    };
    for numbers in (0..MANY).collect::<Vec<i64>>().chunks(2_000) {
        let messages: Vec<Message> = numbers.iter().map(message).collect();
        world.produce_all(&world.bookings, &messages).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_a_collector_that_never_answers_all_is_applied_memory_is_bounded_and_the_end_is_in_time() {
    let (world, collector) = (World::new(2).await, Collector::start().await);
    collector.answers(Answer::Silence);
    fill(&world).await;
    let settings = [
        ("LOG_LEVEL", "warn"),
        ("SHUTDOWN_GRACE", "10s"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "600000"),
        ("OTEL_BSP_EXPORT_TIMEOUT", "600000"),
    ];
    let mut worker = world.traced_worker(&collector, &settings);
    world.applies(&mut worker, MANY).await;
    assert!(worker.peak_memory() < MEMORY, "{} bytes", worker.peak_memory());
    assert!(!collector.requests().is_empty(), "the collector was meant to be asked");
    let begun = Instant::now();
    let text = worker.stop_and_show().await;
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    let last = "the collector did not take the last spans in time; they are lost";
    assert_eq!(text.lines().filter(|line| line.contains(last)).count(), 1, "{text}");
    assert_eq!(text.lines().count(), 1, "{text}");
}

/// What these lines say of losses, in their order.
fn of_losses(lines: &[Value]) -> Vec<&str> {
    let messages = lines.iter().filter_map(|line| line["msg"].as_str());
    messages.filter(|message| [LOST, AGAIN].contains(message)).collect()
}

/// A collector that answers like this for a while, and then as it should.
async fn fails_for_a_while(answer: Answer) {
    let (world, collector) = (World::new(1).await, Collector::start().await);
    collector.answers(answer);
    let mut worker = world.traced_worker(&collector, &[("OTEL_EXPORTER_OTLP_TIMEOUT", "300")]);
    for number in 0..4 {
        let asked = collector.requests().len();
        world.produce(&world.bookings, &traced(&format!("b{number}"))).await;
        world.settled().await;
        until("the collector to be asked", async || collector.requests().len() > asked).await;
    }
    let line = worker.said(LOST).await;
    assert!(!line["error"].as_str().unwrap().is_empty(), "{line}");
    collector.answers(Answer::Accept);
    world.produce(&world.bookings, &traced("last")).await;
    collector.eventually(1, |span| span.attribute("worker.subject") == "last").await;
    eventually("the loss to be over", async || {
        let lines = worker.lines();
        let said = of_losses(&lines);
        if said.last() == Some(&AGAIN) { Ok(Some(())) } else { Err(format!("{answer:?}: {said:?}")) }
    })
    .await;
    let lines = worker.stop().await;
    // A loss is over where none follows for seconds. On a slow machine that may be between two of these records: then
    // there are more losses than one, and each of them is said once, and once when it is over.
    let said = of_losses(&lines);
    assert!(said.chunks(2).all(|pair| pair == [LOST, AGAIN]), "{answer:?}: {said:?}");
    for line in lines.iter().filter(|line| line["msg"] == AGAIN) {
        assert!(line["lost"].as_u64().unwrap() >= 1, "{answer:?}: {line}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_loss_is_said_once_and_once_when_it_is_over() {
    tokio::join!(
        fails_for_a_while(Answer::Refuse(500)),
        fails_for_a_while(Answer::Refuse(429)),
        fails_for_a_while(Answer::Refuse(503)),
        fails_for_a_while(Answer::Silence),
        fails_for_a_while(Answer::Reject(1)),
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_collector_that_is_away_is_asked_again_and_told_what_still_fits() {
    let world = World::new(1).await;
    let port = stack::port::free().unwrap();
    let endpoint = format!("http://127.0.0.1:{port}");
    let mut worker = world.worker_with(&[
        ("OTEL_EXPORTER_OTLP_ENDPOINT", &endpoint),
        ("OTEL_BSP_SCHEDULE_DELAY", "20"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "300"),
    ]);
    world.produce(&world.bookings, &traced("b1")).await;
    world.settled().await;
    let line = worker.said(LOST).await;
    assert!(line["error"].as_str().unwrap().contains("Connection refused"), "{line}");
    let collector = Collector::on(port).await;
    world.produce(&world.bookings, &traced("b2")).await;
    collector.eventually(1, Span::is_record).await;
    worker.said(AGAIN).await;
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_collector_asks_to_send_again_is_sent_again() {
    let (world, collector) = (World::new(1).await, Collector::start().await);
    collector.answers(Answer::RefuseOnce(503));
    let worker = world.traced_worker(&collector, &[]);
    world.produce(&world.bookings, &traced("b1")).await;
    collector.eventually(1, Span::is_record).await;
    let lines = worker.stop().await;
    let requests = collector.requests();
    assert_eq!(requests[0].answer, Answer::RefuseOnce(503));
    assert_eq!(requests[0].spans, requests[1].spans, "the same, once more");
    assert!(!lines.iter().any(|line| line["msg"] == LOST), "nothing was lost: {lines:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_than_the_queue_holds_is_dropped_and_said() {
    let (world, collector) = (World::new(1).await, Collector::start().await);
    fill(&world).await;
    let settings = [("OTEL_BSP_MAX_QUEUE_SIZE", "50"), ("LOG_LEVEL", "warn")];
    let mut worker = world.traced_worker(&collector, &settings);
    world.applies(&mut worker, MANY).await;
    let line = worker.said(LOST).await;
    assert!(line["error"].as_str().unwrap().contains("OTEL_BSP_MAX_QUEUE_SIZE"), "{line}");
    let text = worker.stop_and_show().await;
    // Once, and on a slow machine once more after some seconds without a loss: never once a batch or a span.
    let said = text.lines().filter(|line| line.contains(LOST)).count();
    assert!((1..=20).contains(&said), "{said} times: {text}");
    let spans = collector.spans();
    assert!(!spans.is_empty() && spans.len() < usize::try_from(MANY).unwrap());
}
