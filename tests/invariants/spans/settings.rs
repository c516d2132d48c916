//! The settings of traces: wrong ones are told by name before anything starts, and the collector's token by nobody.

use std::time::Duration;

use super::collector_faults::LOST;
use super::traced;
use crate::support::collector::{Answer, Collector, Span};
use crate::support::{World, eventually};

const SECRET: &str = "hunter2";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_setting_of_traces_is_a_fault_by_its_name() {
    let world = World::new(0).await;
    let empty = tempfile::NamedTempFile::new().unwrap();
    let empty = empty.path().to_str().unwrap();
    for (name, value) in [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4318"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://worker:hunter2@collector:4318"),
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "grpc://collector:4317"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "hunter2"),
        ("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "a=hunter2%0a"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
        ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "http/json"),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "zstd"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "10s"),
        ("OTEL_EXPORTER_OTLP_CERTIFICATE", "/nowhere"),
        ("OTEL_EXPORTER_OTLP_CERTIFICATE", empty),
        ("OTEL_SDK_DISABLED", "maybe"),
        ("OTEL_TRACES_EXPORTER", "zipkin"),
        ("OTEL_TRACES_SAMPLER", "jaeger_remote"),
        ("OTEL_TRACES_SAMPLER_ARG", "1.1"),
        ("OTEL_RESOURCE_ATTRIBUTES", "hotel"),
        ("OTEL_BSP_SCHEDULE_DELAY", "-1"),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "0"),
        ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "4096"),
        ("OTEL_BSP_EXPORT_TIMEOUT", "never"),
        ("OTEL_SPAN_LINK_COUNT_LIMIT", "all"),
    ] {
        let said = world.command_with(&["run"], &[(name, value)]).await;
        assert_eq!(said.code, Some(2), "{name}={value}: {said:?}");
        assert!(
            said.err.lines().any(|line| line.starts_with(&format!("{name}: "))),
            "{name}={value}: {said:?}"
        );
        assert!(!said.err.contains(SECRET), "{name}: {said:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_meant_for_traces_counts_before_what_is_meant_for_all() {
    let (world, collector) = (World::new(1).await, Collector::start().await);
    world.produce(&world.bookings, &traced("b1")).await;
    let url = format!("{}/own/path", collector.endpoint());
    let worker = world.traced_worker(
        &collector,
        &[
            ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", &url),
            ("OTEL_EXPORTER_OTLP_HEADERS", "api-key=general"),
            ("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "api-key=a%20b,x-tenant=acme"),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
            ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "http/protobuf"),
            ("OTEL_RESOURCE_ATTRIBUTES", "service.name=general,service.instance.id=pod-1,note=a%2Cb"),
            ("OTEL_SERVICE_NAME", "own"),
        ],
    );
    let refused =
        eventually("its end or a request", async || Ok::<_, ()>(collector.requests().first().cloned()));
    let request = refused.await;
    worker.stop().await;
    assert!(request.head.starts_with("post /own/path http/1.1"), "{}", request.head);
    assert!(request.head.contains("\r\napi-key: a b\r\n") && request.head.contains("\r\nx-tenant: acme\r\n"));
    assert!(request.head.contains("\r\ncontent-type: application/x-protobuf\r\n"), "{}", request.head);
    let resource = ["service.name", "service.instance.id", "note"].map(|name| &*request.resource[name]);
    assert_eq!(resource, ["own", "pod-1", "a,b"]);

    let worker = world.traced_worker(&collector, &[]);
    world.produce(&world.bookings, &traced("b2")).await;
    collector.eventually(1, |span| span.attribute("worker.subject") == "b2").await;
    worker.stop().await;
    assert!(collector.requests().last().unwrap().head.starts_with("post /v1/traces http/1.1"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_collectors_token_is_in_no_log_and_in_no_list_of_settings() {
    let (world, collector) = (World::new(1).await, Collector::start().await);
    let headers = ("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20hunter2");
    world.produce(&world.bookings, &traced("b1")).await;
    let mut worker = world.traced_worker(&collector, &[headers, ("RUST_LOG", "trace")]);
    collector.eventually(1, Span::is_record).await;
    assert!(collector.requests()[0].head.contains("\r\nauthorization: bearer hunter2\r\n"));
    // Nor is it said when things go wrong.
    collector.answers(Answer::Refuse(401));
    world.produce(&world.bookings, &traced("b2")).await;
    worker.said(LOST).await;
    let text = worker.stop_and_show().await;
    assert!(!text.contains(SECRET), "{text}");
    for arguments in [&["config"][..], &["config", "--json"]] {
        let mut shown = world.run(arguments, &[headers]);
        assert!(shown.ended_within(Duration::from_secs(20)).await.success());
        assert!(shown.text().contains("OTEL_EXPORTER_OTLP_TRACES_HEADERS"));
        assert!(!shown.text().contains(SECRET), "{}", shown.text());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_https_collector_is_trusted_by_its_certificate_alone() {
    let world = World::new(1).await;
    let (collector, own) = Collector::over_tls().await;
    let (_, other) = Collector::over_tls().await;
    let endpoint = collector.endpoint().replace("http://127.0.0.1", "https://localhost");
    let file = |name: &str, pem: &str| {
        let path = world.scratch.path().join(name);
        std::fs::write(&path, pem).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let trusting = |path: &str| {
        let settings =
            [("OTEL_EXPORTER_OTLP_ENDPOINT", &*endpoint), ("OTEL_EXPORTER_OTLP_CERTIFICATE", path)];
        world.traced_worker(&collector, &settings)
    };
    world.produce(&world.bookings, &traced("b1")).await;
    let mut worker = trusting(&file("other.pem", &other.0));
    let line = worker.said(LOST).await;
    assert!(line["error"].as_str().unwrap().contains("certificate"), "{line}");
    assert!(collector.requests().is_empty());
    worker.stop().await;
    let worker = trusting(&file("own.pem", &own.0));
    world.produce(&world.bookings, &traced("b2")).await;
    collector.eventually(1, |span| span.attribute("worker.subject") == "b2").await;
    worker.stop().await;
}
