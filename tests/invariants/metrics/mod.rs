//! Every metric moves when what it tells of happens, on the real parts; and there are never more series than words.
#![expect(clippy::float_cmp, reason = "what is counted is whole, and 0 is 0")]

mod faults;
mod group;
mod lanes;
mod outcomes;

use std::collections::BTreeSet;

use serde_json::json;

use crate::support::metrics::{Scrape, promtool_check};
use crate::support::{Message, Worker, World, booking, cancellation};

/// The tests of metrics, this file included.
const TESTS: [&str; 5] = [
    include_str!("mod.rs"),
    include_str!("faults.rs"),
    include_str!("group.rs"),
    include_str!("lanes.rs"),
    include_str!("outcomes.rs"),
];

const LAG: &str = "worker_consumer_lag_records";

/// One record of each kind that is cheap to have, each with its own id and baggage.
async fn every_kind(world: &World, worker: &mut Worker, tag: &str) {
    let baggage = format!("tenant={tag},note={tag}");
    let message = |event: &serde_json::Value| Message::event(event).header("baggage", &baggage);
    let (bookings, cancellations) = (&*world.bookings, &*world.cancellations);
    let ids = [format!("{tag}-one"), format!("{tag}-two")];
    let mut other = booking(&ids[0]);
    other["guests"] = json!(1);
    let mut stranger = booking(&ids[1]);
    stranger["userId"] = json!(format!("nobody-{tag}"));
    let elsewhere = Message::event(&booking(tag)).header("baggage", format!("okteto-divert={tag}"));
    for record in [
        message(&booking(&ids[0])),
        message(&booking(&ids[0])),
        message(&other),
        message(&stranger),
        Message::bytes(tag).key(tag),
        elsewhere,
    ] {
        world.produce(bookings, &record).await;
    }
    world.settled().await;
    for (id, user) in [(&ids[0], "bo"), (&ids[0], "ana"), (&ids[0], "ana"), (&ids[1], "ana")] {
        world.produce(cancellations, &message(&cancellation(id, user))).await;
    }
    world.produce(cancellations, &message(&cancellation(&format!("{tag}-three"), "ana"))).await;
    world.settled().await;
    world.all_published().await;
    let sql = "SELECT count(*)::float8 FROM worker.ledger WHERE group_id = $1";
    let outcomes: f64 = world.database.query_one(sql, &[&world.group]).await.unwrap().get(0);
    let sql = "SELECT status, reason, count(*)::float8 FROM worker.held WHERE group_id = $1 GROUP BY status, reason";
    let rows = world.database.query(sql, &[&world.group]).await.unwrap();
    let held: Vec<(&str, &str, f64)> = rows.iter().map(|row| (row.get(0), row.get(1), row.get(2))).collect();
    let lanes = world.ends().await.len();
    // All lines are written once all is counted: all of it, because what the database or the brokers were asked for
    // last may be of a moment in the midst of these records.
    worker
        .metrics_until("outcomes, backlog, held and lag to be those of all records", |scrape| {
            let lags = scrape.names().into_iter().filter(|series| series.starts_with(LAG)).count();
            scrape.get("worker_events_processed_total", &[]) == Some(outcomes)
                && scrape.get("worker_relay_backlog_records", &[]) == Some(0.0)
                && held.iter().all(|(status, reason, records)| {
                    let labels = [("status", *status), ("reason", *reason)];
                    scrape.get("worker_held_records", &labels) == Some(*records)
                })
                && (lags, scrape.get(LAG, &[])) == (lanes, Some(0.0))
        })
        .await;
}

/// The series of a scrape, but for the statements': which of them run when is the clock's doing.
fn series(scrape: &Scrape) -> BTreeSet<String> {
    let names = scrape.names().into_iter().filter(|series| !series.starts_with("worker_db_operation"));
    names.map(str::to_owned).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hostile_records_add_no_series_and_promtool_has_no_objection() {
    let world = World::new(2).await;
    let mut worker = world.worker();
    worker.begins(4).await;
    every_kind(&world, &mut worker, "plain").await;
    let before = worker.metrics().await;
    for tag in ["hostile\"} 1\\n", "hostile<script>", "hostile\u{202E}\u{1F600}", &"hostile".repeat(20)] {
        every_kind(&world, &mut worker, tag).await;
    }
    let mut hostile = Vec::new();
    for number in 0..300 {
        let header = format!("hostile-{number}=hostile,a=hostile{number}");
        let event = booking(&format!("hostile-{number}"));
        hostile
            .push(Message::event(&event).header("baggage", &header).header(format!("hostile-{number}"), ""));
    }
    world.produce_all(&world.bookings, &hostile).await;
    world.settled().await;
    let after = worker.metrics().await;
    assert_eq!(series(&before), series(&after));
    assert!(!after.text.contains("hostile"), "{}", after.text);
    // 4 lanes; about 40 statements with 16 bounds each.
    assert!(after.names().len() < 1500, "{} series", after.names().len());

    assert_eq!(promtool_check(&after.text), "");
    let told: BTreeSet<&str> = after.families().into_iter().collect();
    let named: BTreeSet<&str> = worker::metrics::families().map(|(name, _)| name).collect();
    assert_eq!(told, named, "what a worker that has seen everything tells, and what the table has");
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn process_and_runtime_are_told() {
    let world = World::new(1).await;
    let mut worker = world.worker();
    worker.begins(2).await;
    let before = worker.metrics().await;
    let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs_f64();
    let started = before.count("process_start_time_seconds", &[]);
    assert!((now - 60.0..=now + 2.0).contains(&started), "{started}, now {now}");
    for name in [
        "process_open_fds",
        "process_max_fds",
        "process_threads",
        "process_resident_memory_bytes",
        "process_virtual_memory_bytes",
        "worker_runtime_workers",
        "worker_runtime_alive_tasks",
    ] {
        assert!(before.count(name, &[]) >= 1.0, "{name}: {}", before.text);
    }
    assert_eq!(before.get("worker_build_info", &[("version", env!("CARGO_PKG_VERSION"))]), Some(1.0));
    let grown = |scrape: &Scrape, name: &str| scrape.count(name, &[]) > before.count(name, &[]);
    // Each connection is a task, and has a file descriptor.
    let address = worker.address().await;
    let mut connections = Vec::new();
    for _ in 0..8 {
        connections.push(tokio::net::TcpStream::connect(address).await.unwrap());
    }
    worker
        .metrics_until("tasks and file descriptors to be seen", |scrape| {
            grown(scrape, "worker_runtime_alive_tasks") && grown(scrape, "process_open_fds")
        })
        .await;
    drop(connections);
    let events: Vec<_> = (0..1000).map(|number| Message::event(&booking(&format!("b{number}")))).collect();
    world.produce_all(&world.bookings, &events).await;
    worker
        .metrics_until("time to be spent", |scrape| {
            grown(scrape, "process_cpu_seconds_total") && grown(scrape, "worker_runtime_busy_seconds_total")
        })
        .await;
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readiness_is_told() {
    let world = World::new(0).await;
    let mut worker = world.worker();
    let told = |value: f64| move |scrape: &Scrape| scrape.get("worker_ready", &[]) == Some(value);
    worker.said("the topic does not exist yet; it is read as soon as it appears").await;
    worker.metrics_until("the worker not to be ready", told(0.0)).await;
    for topic in [&world.bookings, &world.cancellations] {
        world.admin().create_topic(topic, 1, &[]).await.unwrap();
    }
    worker.metrics_until("the worker to be ready", told(1.0)).await;
    worker.stop().await;
}

#[test]
fn tasks_that_wait_for_a_thread_are_told() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
    let (begun, begins) = std::sync::mpsc::channel();
    let (release, released) = std::sync::mpsc::channel::<()>();
    // It has the only thread to itself.
    runtime.spawn(async move {
        begun.send(()).unwrap();
        released.recv().unwrap_err();
    });
    begins.recv().unwrap();
    let metrics = worker::metrics::Metrics::new().unwrap();
    metrics.mirror_runtime(runtime.handle().clone()).unwrap();
    let depth = || {
        let scrape = Scrape::of(String::from_utf8(metrics.render()).unwrap());
        scrape.get("worker_runtime_global_queue_depth", &[])
    };
    assert_eq!(depth(), Some(0.0));
    for _ in 0..3 {
        runtime.spawn(async {});
    }
    assert_eq!(depth(), Some(3.0));
    drop(release);
}

#[test]
fn every_metric_has_a_test_that_makes_it_move() {
    for (name, _) in worker::metrics::families() {
        let asserted = TESTS.iter().any(|test| test.contains(&format!("\"{name}")));
        assert!(asserted, "no test in tests/invariants/metrics/ names {name}");
    }
}
