//! Who decides whether a record is traced, and that everybody after it is told the same.

use super::{PARENT, TRACE, sampled, traced};
use crate::support::collector::{Collector, Span};
use crate::support::{Message, World, booking};

fn not_sampled() -> String {
    format!("00-{TRACE}-{PARENT}-00")
}

/// Three records: sampled by their producer, not sampled by it, and of no trace. What the status events say, and
/// which of them have spans.
async fn told_and_traced(extra: &[(&str, &str)]) -> ([bool; 3], [bool; 3]) {
    let (world, collector) = (World::new(1).await, Collector::start().await);
    let by_producer = |id: &str, header: String| Message::event(&booking(id)).header("traceparent", header);
    let messages =
        [by_producer("b0", sampled()), by_producer("b1", not_sampled()), Message::event(&booking("b2"))];
    let worker = world.traced_worker(&collector, extra);
    world.produce_all(&world.bookings, &messages).await;
    world.settled().await;
    world.all_published().await;
    let events = world.status_events().await;
    worker.stop().await;
    let spans = collector.spans();
    let told = |id: &str| {
        let event = events.iter().find(|event| event.key_text() == id).unwrap();
        match event.header("traceparent").unwrap().rsplit_once('-').unwrap().1 {
            "00" => false,
            "01" => true,
            other => panic!("{other}"),
        }
    };
    let traced = |id: &str| spans.iter().any(|span| span.attribute("worker.subject") == id);
    let any = spans.iter().any(Span::is_record);
    assert_eq!(spans.is_empty(), !any, "a batch of which no record is sampled has no span: {spans:#?}");
    (["b0", "b1", "b2"].map(told), ["b0", "b1", "b2"].map(traced))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_producer_decides_and_what_has_none_is_traced() {
    let both = [true, false, true];
    assert_eq!(told_and_traced(&[]).await, (both, both));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_sampler_that_is_asked_for_decides() {
    for (sampler, share, expected) in [
        ("parentbased_always_off", "", [true, false, false]),
        ("parentbased_traceidratio", "0", [true, false, false]),
        ("always_on", "", [true, true, true]),
        ("always_off", "", [false, false, false]),
        ("traceidratio", "0.0", [false, false, false]),
    ] {
        let settings = [("OTEL_TRACES_SAMPLER", sampler), ("OTEL_TRACES_SAMPLER_ARG", share)];
        assert_eq!(told_and_traced(&settings).await, (expected, expected), "{sampler}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_export_the_producers_word_is_passed_on_and_nothing_is_sent() {
    for off in
        [("OTEL_SDK_DISABLED", "true"), ("OTEL_TRACES_EXPORTER", "none"), ("OTEL_EXPORTER_OTLP_ENDPOINT", "")]
    {
        let (told, traced) = told_and_traced(&[off]).await;
        assert_eq!((told, traced), ([true, false, false], [false; 3]), "{off:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_counts_all_its_records_and_links_the_sampled_ones() {
    let (world, collector) = (World::new(1).await, Collector::start().await);
    let lock = world.lock_user("ana").await;
    let worker = world.traced_worker(&collector, &[]);
    world.produce(&world.bookings, &traced("first")).await;
    world.transactions_wait(1).await;
    // These come together, behind the lock.
    let silent =
        |number: i32| Message::event(&booking(&format!("s{number}"))).header("traceparent", not_sampled());
    let messages: Vec<Message> = (0..9).map(silent).chain([traced("last")]).collect();
    world.produce_all(&world.bookings, &messages).await;
    lock.release().await;
    collector.eventually(2, Span::is_record).await;
    worker.stop().await;
    let spans = collector.spans();
    let last = spans.iter().find(|span| span.attribute("worker.subject") == "last").unwrap();
    let batch = spans.iter().find(|span| span.is_batch() && last.links.contains(&span.ids())).unwrap();
    assert_eq!((&*batch.links, batch.dropped_links), (&[last.ids()][..], 0));
    let count: usize = batch.attribute("messaging.batch.message_count").parse().unwrap();
    assert!(count > 1, "the batch was meant to have records that are not sampled");
}
