//! What a collector of traces receives: spans of records, batches and statements, and nothing that did not happen.

mod collector_faults;
mod sampling;
mod settings;

use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use serde_json::json;

use crate::support::collector::{Collector, Span};
use crate::support::proxy::{Cut, Proxy};
use crate::support::{Lock, Message, Worker, World, about, booking, cancellation, eventually, shown, stack};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00f067aa0ba902b7";

/// A producer's header; its trace is sampled.
fn sampled() -> String {
    format!("00-{TRACE}-{PARENT}-01")
}

/// A booking whose producer's trace is sampled.
fn traced(id: &str) -> Message {
    Message::event(&booking(id)).header("traceparent", sampled())
}

impl World {
    /// A worker that sends its spans here, at once.
    fn traced_worker(&self, collector: &Collector, extra: &[(&str, &str)]) -> Worker {
        let endpoint = collector.endpoint();
        let own = [("OTEL_EXPORTER_OTLP_ENDPOINT", &*endpoint), ("OTEL_BSP_SCHEDULE_DELAY", "20")];
        self.worker_with(&[&own, extra].concat())
    }
}

fn of_subject<'a>(spans: &'a [Span], subject: &str) -> Vec<&'a Span> {
    spans.iter().filter(|span| span.attribute("worker.subject") == subject).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_trace_goes_from_the_producer_through_the_worker_to_whoever_reads_the_status() {
    let (world, collector) = (World::new(1).await, Collector::start().await);
    let message = traced("b1")
        .header("tracestate", "rojo=1")
        .header("baggage", "tenant=acme,secret=hunter2,note=caf%C3%A9%0A;property=1");
    let place = world.produce(&world.bookings, &message).await;
    let worker = world.traced_worker(
        &collector,
        &[
            ("BAGGAGE_LOG_KEYS", "tenant,note"),
            ("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=test"),
        ],
    );
    let span = collector.eventually(1, Span::is_record).await.remove(0);
    world.all_published().await;
    let event = world.status_events().await.remove(0);
    let lines = worker.stop().await;

    let line = about(&lines, &world.bookings, place);
    assert_eq!(shown(line, "traceId"), Some(&*span.trace));
    assert_eq!(shown(line, "spanId"), Some(&*span.id));
    assert_eq!((&*span.trace, &*span.parent), (TRACE, PARENT));
    let traceparent = event.header("traceparent").unwrap();
    assert_eq!(traceparent, format!("00-{TRACE}-{}-01", span.id));

    assert_eq!(span.name, format!("process {}", world.bookings));
    assert_eq!((span.kind, &span.error, &*span.state), (SpanKind::Consumer, &None, "rojo=1"));
    assert!(!span.time.is_empty(), "{:?}", span.time);
    let expected = [
        ("messaging.system", "kafka"),
        ("messaging.operation.name", "process"),
        ("messaging.operation.type", "process"),
        ("messaging.destination.name", &world.bookings),
        ("messaging.destination.partition.id", "0"),
        ("messaging.consumer.group.name", &world.group),
        ("messaging.kafka.offset", "0"),
        ("messaging.kafka.message.key", "b1"),
        ("worker.subject", "b1"),
        ("worker.outcome", "accepted"),
        ("baggage.tenant", "acme"),
        ("baggage.note", "café\\n"),
    ];
    let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(span.attributes, expected.into());

    // Its links: the producer's span, and the batch that it was applied with.
    let batch = collector.spans().into_iter().find(Span::is_batch).unwrap();
    assert_eq!(span.links, [(TRACE.to_owned(), PARENT.to_owned()), batch.ids()]);

    let resource = &collector.requests()[0].resource;
    assert_eq!(resource["service.name"], "booking-worker");
    assert_eq!(resource["service.version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(resource["service.instance.id"].len(), 36);
    assert_eq!(resource["deployment.environment.name"], "test");
    assert_eq!(resource["telemetry.sdk.language"], "rust");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_links_the_spans_of_its_records_up_to_the_limit_and_has_its_statements_below_it() {
    let (world, collector) = (World::new(1).await, Collector::start().await);
    let messages: Vec<Message> = (0..20).map(|number| traced(&format!("b{number}"))).collect();
    world.produce_all(&world.bookings, &messages).await;
    let worker = world.traced_worker(&collector, &[("OTEL_SPAN_LINK_COUNT_LIMIT", "3")]);
    let records = collector.eventually(20, Span::is_record).await;
    worker.stop().await;
    let spans = collector.spans();
    let batches: Vec<&Span> = spans.iter().filter(|span| span.is_batch()).collect();
    let mut count = 0;
    for batch in &batches {
        assert_eq!(batch.name, format!("process {} batch", world.bookings));
        assert_eq!((batch.kind, &*batch.parent, &batch.error), (SpanKind::Consumer, "", &None));
        assert_ne!(batch.trace, TRACE, "a batch has records of many traces");
        let size: usize = batch.attribute("messaging.batch.message_count").parse().unwrap();
        assert_eq!(
            (batch.links.len(), batch.dropped_links),
            (size.min(3), u32::try_from(size.saturating_sub(3)).unwrap())
        );
        assert!(batch.links.iter().all(|link| records.iter().any(|record| record.ids() == *link)));
        count += size;

        let statements: Vec<&Span> = spans.iter().filter(|span| span.parent == batch.id).collect();
        assert!(statements.iter().all(|span| span.is_statement() && span.trace == batch.trace));
        let names: Vec<&str> = statements.iter().map(|span| &*span.name).collect();
        for name in [
            "held_waiting",
            "booking_resolve",
            "booking_insert",
            "ledger_insert",
            "positions_advance",
            "commit",
        ] {
            assert_eq!(names.iter().filter(|found| **found == name).count(), 1, "{name}: {names:?}");
        }
        for span in statements {
            assert_eq!((span.kind, &span.error), (SpanKind::Client, &None));
            assert_eq!(span.attribute("db.system.name"), "postgresql");
            assert_eq!(span.attribute("db.operation.name"), span.name);
            assert_eq!(span.attribute("db.namespace"), world.database_name);
            assert!(batch.time.start <= span.time.start && span.time.end <= batch.time.end);
        }
    }
    assert_eq!(count, 20);
    let table =
        |name: &str| spans.iter().find(|span| span.name == name).unwrap().attribute("db.collection.name");
    assert_eq!((table("ledger_insert"), table("booking_insert")), ("worker.ledger", "public.bookings"));
    // Whoever comes from a record finds its batch, limit or no limit.
    assert!(records.iter().all(|record| batches.iter().any(|batch| record.links.contains(&batch.ids()))));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_record_is_an_error_and_others_that_are_not_applied_are_none() {
    let (world, collector) = (World::new(1).await, Collector::start().await);
    let worker = world.traced_worker(&collector, &[]);
    let mut guests = booking("dead");
    guests["guests"] = json!(0);
    let mut stranger = booking("held");
    stranger["userId"] = json!("nobody");
    let tombstone = Message { key: Some(b"gone".to_vec()), ..Message::default() };
    let odd_key = Message::bytes("{").key(b"\xff\x00");
    world
        .produce_all(
            &world.bookings,
            &[traced("b1"), Message::event(&guests), Message::event(&stranger), tombstone, odd_key],
        )
        .await;
    world.settled().await;
    world.cancel(&cancellation("b1", "bo")).await;
    let spans = collector.eventually(6, Span::is_record).await;
    worker.stop().await;
    let only = |subject: &str, topic: &str| {
        let found = of_subject(&spans, subject)
            .into_iter()
            .find(|span| span.attribute("messaging.destination.name") == topic);
        found.unwrap_or_else(|| panic!("{subject}: {spans:#?}"))
    };
    let dead = only("dead", &world.bookings);
    assert_eq!(dead.attribute("worker.outcome"), "dead");
    assert_eq!(
        (dead.attribute("worker.reason"), dead.attribute("error.type")),
        ("invalid_guests", "invalid_guests")
    );
    assert!(dead.error.as_ref().unwrap().contains("guests"), "{:?}", dead.error);
    let held = only("held", &world.bookings);
    assert_eq!((held.attribute("worker.reason"), &held.error), ("unknown_user", &None));
    let rejected = only("b1", &world.cancellations);
    assert_eq!((rejected.attribute("worker.reason"), &rejected.error), ("not_owner", &None));
    assert_eq!(rejected.name, format!("process {}", world.cancellations));
    let gone = only("gone", &world.bookings);
    assert_eq!(gone.attribute("messaging.kafka.message.tombstone"), "true");
    let odd = spans.iter().find(|span| span.attribute("messaging.kafka.offset") == "4").unwrap();
    assert!(
        !odd.attributes.contains_key("messaging.kafka.message.key"),
        "a key that is no text is not shown"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_retried_record_has_a_span_of_each_try_in_one_trace() {
    let (world, collector) = (World::new(1).await, Collector::start().await);
    let worker =
        world.traced_worker(&collector, &[("HELD_BACKOFF_MIN", "10ms"), ("HELD_BACKOFF_MAX", "50ms")]);
    for message in [
        Message::event(&cancellation("b1", "ana")).header("traceparent", sampled()),
        Message::event(&cancellation("b2", "ana")),
    ] {
        world.produce(&world.cancellations, &message).await;
    }
    world.settled().await;
    for id in ["b1", "b2"] {
        world.book(&booking(id)).await;
    }
    let is_done = |span: &Span| span.attribute("worker.outcome") == "cancelled";
    let done = collector.eventually(2, is_done).await;
    world.all_published().await;
    let events = world.status_events().await;
    worker.stop().await;
    let spans = collector.spans();
    for (id, continued) in [("b1", true), ("b2", false)] {
        let tries = of_subject(&spans, id);
        let tries: Vec<&&Span> = tries
            .iter()
            .filter(|span| span.attribute("messaging.destination.name") == world.cancellations)
            .collect();
        assert!(tries.len() >= 2, "{tries:#?}");
        let first = tries[0];
        assert_eq!(first.attribute("worker.outcome"), "held");
        assert!(!first.attributes.contains_key("worker.retried"));
        assert!(tries[1..].iter().all(|span| span.attribute("worker.retried") == "true"));
        assert!(tries.iter().all(|span| span.trace == first.trace), "one record, one trace: {tries:#?}");
        assert_eq!(first.trace == TRACE, continued);
        // Where no producer has one, the first try is what the others continue.
        let parent = if continued { PARENT } else { &first.id };
        assert!(tries[1..].iter().all(|span| span.parent == parent), "{tries:#?}");

        let done = of_subject(&done, id)[0];
        let event =
            events.iter().find(|event| event.key_text() == id && event.json()["status"] == "Cancelled");
        let expected = format!("00-{}-{}-01", done.trace, done.id);
        assert_eq!(event.unwrap().header("traceparent"), Some(expected));
        let batch = spans.iter().find(|span| span.is_batch() && done.links.contains(&span.ids())).unwrap();
        assert_eq!(batch.attribute("worker.retried"), "true");
        let claims = spans.iter().filter(|span| span.parent == batch.id && span.name == "held_claim_due");
        assert_eq!(claims.count(), 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_rolled_back_is_told_as_a_failed_batch_and_never_as_a_done_record() {
    let (world, collector) = (World::new(1).await, Collector::start().await);
    // PostgreSQL refuses one record of three, and the worker finds it by halves.
    world.database.batch_execute("ALTER TABLE bookings ADD CHECK (booking_id <> 'b1')").await.unwrap();
    let messages: Vec<Message> = (0..3).map(|number| traced(&format!("b{number}"))).collect();
    world.produce_all(&world.bookings, &messages).await;
    let worker = world.traced_worker(&collector, &[]);
    let records = collector.eventually(3, Span::is_record).await;
    worker.stop().await;
    let spans = collector.spans();
    let outcomes: Vec<&str> = ["b0", "b1", "b2"]
        .into_iter()
        .map(|id| {
            let found = of_subject(&spans, id);
            assert_eq!(found.len(), 1, "a record that was tried twice was done once: {found:#?}");
            found[0].attribute("worker.outcome")
        })
        .collect();
    assert_eq!(outcomes, ["accepted", "dead", "accepted"]);
    let failed: Vec<&Span> = spans.iter().filter(|span| span.is_batch() && span.error.is_some()).collect();
    assert!(!failed.is_empty(), "{spans:#?}");
    for batch in failed {
        assert_eq!(batch.attribute("error.type"), "23514");
        assert!(batch.links.iter().all(|link| records.iter().any(|record| record.ids() == *link)));
        let of_batch = || spans.iter().filter(|span| span.parent == batch.id);
        let insert = of_batch().find(|span| span.name == "booking_insert").unwrap();
        assert_eq!((insert.attribute("error.type"), insert.error.is_some()), ("23514", true));
        assert!(
            of_batch().any(|span| span.name == "rollback") && !of_batch().any(|span| span.name == "commit")
        );
        assert!(!records.iter().any(|record| record.links.contains(&batch.ids())));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_that_was_cut_off_is_told_as_what_became_of_it() {
    for (cut, kept) in [(Cut::Answer, true), (Cut::Request, false)] {
        let (world, collector) = (World::new(1).await, Collector::start().await);
        let proxy = Proxy::start(stack().await.postgres.port()).await;
        let worker = world.traced_worker(&collector, &[("DB_PORT", &proxy.port())]);
        world.book(&booking("first")).await;
        world.settled().await;
        proxy.cut(cut);
        world.produce(&world.bookings, &traced("b1")).await;
        collector.eventually(1, |span| span.attribute("worker.subject") == "b1").await;
        assert_eq!(proxy.cuts(), 1);
        worker.stop().await;
        let spans = collector.spans();
        let record = of_subject(&spans, "b1");
        assert_eq!(record.len(), 1, "{cut:?}: {record:#?}");
        let commit = spans.iter().find(|span| span.name == "commit" && span.error.is_some()).unwrap();
        assert_eq!(commit.attribute("error.type"), "commit_unknown");
        let batch = spans.iter().find(|span| span.id == commit.parent).unwrap();
        assert_eq!(batch.error.is_none(), kept, "{cut:?}: {batch:#?}");
        assert_eq!(record[0].links.contains(&batch.ids()), kept, "{cut:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_records_span_is_not_sent_before_its_commit() {
    let (world, collector) = (World::new(1).await, Collector::start().await);
    let lock: Lock = world.lock_user("ana").await;
    world.produce(&world.bookings, &traced("b1")).await;
    let mut other = booking("b2");
    other["userId"] = json!("bo");
    let worker = world.traced_worker(&collector, &[]);
    world.transactions_wait(1).await;
    // The other topic's lane goes on, and its spans arrive.
    world.cancel(&cancellation("b2", "bo")).await;
    collector.eventually(1, Span::is_record).await;
    assert_eq!(of_subject(&collector.spans(), "b1").len(), 0);
    lock.release().await;
    let span = collector.eventually(1, |span| span.attribute("worker.subject") == "b1").await.remove(0);
    worker.stop().await;
    let batch = collector.spans().into_iter().find(|batch| span.links.contains(&batch.ids())).unwrap();
    assert!(span.time.start <= batch.time.start && batch.time.end <= span.time.end + 1_000_000_000);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_waits_when_the_worker_stops_is_sent() {
    let (world, collector) = (World::new(1).await, Collector::start().await);
    let worker = world.traced_worker(&collector, &[("OTEL_BSP_SCHEDULE_DELAY", "600000")]);
    world.produce(&world.bookings, &traced("b1")).await;
    world.settled().await;
    assert_eq!(collector.requests().len(), 0);
    worker.stop().await;
    assert_eq!(of_subject(&collector.spans(), "b1").len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_are_no_larger_than_asked_and_compressed_where_asked() {
    let (world, collector) = (World::new(1).await, Collector::start().await);
    let messages: Vec<Message> = (0..30).map(|number| traced(&format!("b{number}"))).collect();
    world.produce_all(&world.bookings, &messages).await;
    let worker = world.traced_worker(&collector, &[("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "7")]);
    collector.eventually(30, Span::is_record).await;
    worker.stop().await;
    assert!(collector.requests().iter().all(|request| request.spans.len() <= 7));

    let (world, collector) = (World::new(1).await, Collector::start().await);
    world.produce(&world.bookings, &traced("b1")).await;
    let worker = world.traced_worker(&collector, &[("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip")]);
    let request = eventually("a request", async || Ok::<_, ()>(collector.requests().first().cloned())).await;
    worker.stop().await;
    assert!(request.head.contains("content-encoding: gzip") && request.body.starts_with(&[0x1f, 0x8b]));
}
