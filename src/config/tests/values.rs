//! What the settings are when nothing is wrong.

use std::time::Duration;

use secrecy::ExposeSecret;

use super::settings;
use crate::config::{BookingSettings, GroupProtocol, LogFormat, RootSampler, SamplerSettings, SslMode};

#[test]
fn an_empty_environment_gives_the_documented_defaults() {
    let settings = settings(&[]).unwrap();
    let database = settings.database;
    assert_eq!((database.host.as_str(), database.port), ("localhost", 5432));
    assert_eq!((database.user.as_str(), database.name.as_str()), ("postgres", "booking_management"));
    assert_eq!(database.password.expose_secret(), "postgres");
    assert_eq!((database.ssl_mode, database.ssl_root_cert, database.pool_size), (SslMode::Prefer, None, 4));
    let kafka = settings.kafka;
    assert_eq!((kafka.brokers.as_str(), kafka.group_id.as_str()), ("localhost:9092", "worker-group"));
    assert_eq!(kafka.booking_topic, "booking-events");
    assert_eq!(kafka.cancellation_topic, "booking-cancellations");
    assert_eq!(kafka.status_topic.as_deref(), Some("booking-status"));
    assert_eq!(kafka.group_protocol, GroupProtocol::Classic);
    assert!(kafka.properties.is_empty());
    assert_eq!(settings.booking, BookingSettings { refuse_overlap: false, refuse_over_capacity: false });
    assert_eq!((settings.divert.namespace, settings.divert.environment), (None, None));
    assert_eq!((settings.log.format, settings.log.filter.as_str()), (None, "info"));
    assert_eq!(settings.log.baggage_keys, None);
    assert_eq!((settings.batch_max_records, settings.migrate_on_start), (500, true));
    let held = settings.held;
    assert_eq!((held.backoff_min, held.backoff_max), (Duration::from_secs(1), Duration::from_mins(5)));
    assert_eq!(held.max_age, Duration::from_hours(24));
    let limit = settings.dead_limit;
    assert_eq!((limit.run, limit.ratio, limit.window), (100, 0.5, 1000));
    assert_eq!(settings.ledger_retention, Duration::from_hours(24 * 90));
    assert_eq!(settings.shutdown_grace, Duration::from_secs(30));
    assert_eq!(settings.http_addr, "0.0.0.0:2112");
    assert_eq!(settings.lane_stall_limit, Duration::from_mins(3));
}

#[test]
fn every_variable_reaches_its_setting() {
    let settings = settings(&[
        ("DB_HOST", "db"),
        ("DB_PORT", "5433"),
        ("DB_USER", "app"),
        ("DB_PASSWORD", "p w"),
        ("DB_NAME", "hotel"),
        ("DB_SSL_MODE", "Verify-Full"),
        ("DB_POOL_SIZE", "64"),
        ("KAFKA_BROKERS", " a:1 , b "),
        ("KAFKA_GROUP_ID", "mine"),
        ("KAFKA_BOOKING_TOPIC", "b"),
        ("KAFKA_CANCELLATION_TOPIC", "c"),
        ("KAFKA_GROUP_PROTOCOL", "consumer"),
        ("KAFKA_PROPERTIES", "client.id=w"),
        ("BOOKING_OVERLAP", "Refuse"),
        ("BOOKING_CAPACITY", "refuse"),
        ("BATCH_MAX_RECORDS", "1"),
        ("MIGRATE_ON_START", "no"),
        ("SHUTDOWN_GRACE", "10m"),
        ("LOG_FORMAT", "PRETTY"),
        ("LOG_LEVEL", "warn"),
        ("RUST_LOG", "info,worker=debug"),
        ("BAGGAGE_LOG_KEYS", "tenant, trace-id"),
        ("OKTETO_NAMESPACE", "cindy"),
        ("OKTETO_DIVERTED_ENVIRONMENT", "cindy-env"),
    ])
    .unwrap();
    let database = settings.database;
    assert_eq!((database.host.as_str(), database.port, database.user.as_str()), ("db", 5433, "app"));
    assert_eq!((database.password.expose_secret(), database.name.as_str()), ("p w", "hotel"));
    assert_eq!((database.ssl_mode, database.pool_size), (SslMode::VerifyFull, 64));
    let kafka = settings.kafka;
    assert_eq!((kafka.brokers.as_str(), kafka.group_id.as_str()), ("a:1,b", "mine"));
    assert_eq!((kafka.booking_topic.as_str(), kafka.cancellation_topic.as_str()), ("b", "c"));
    assert_eq!(kafka.group_protocol, GroupProtocol::Consumer);
    assert_eq!(kafka.properties[0].name, "client.id");
    assert_eq!(settings.booking, BookingSettings { refuse_overlap: true, refuse_over_capacity: true });
    assert_eq!((settings.batch_max_records, settings.migrate_on_start), (1, false));
    assert_eq!(settings.shutdown_grace, Duration::from_mins(10));
    assert_eq!(
        (settings.log.format, settings.log.filter.as_str()),
        (Some(LogFormat::Pretty), "info,worker=debug")
    );
    assert_eq!(settings.log.baggage_keys.unwrap(), ["tenant", "trace-id"]);
    assert_eq!(settings.divert.namespace.unwrap(), "cindy");
    assert_eq!(settings.divert.environment.unwrap(), "cindy-env");
}

#[test]
fn traces_are_off_without_an_endpoint_and_where_they_are_turned_off() {
    let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318/");
    assert!(settings(&[]).unwrap().traces.is_none());
    for off in [("OTEL_SDK_DISABLED", "TRUE"), ("OTEL_TRACES_EXPORTER", "none")] {
        assert!(settings(&[endpoint, off]).unwrap().traces.is_none(), "{off:?}");
    }
    let traces = settings(&[endpoint]).unwrap().traces.unwrap();
    assert_eq!(traces.collector.endpoint, "http://collector:4318/v1/traces");
    assert_eq!((traces.collector.timeout, traces.collector.compressed), (Duration::from_secs(10), false));
    assert_eq!(traces.sampler, SamplerSettings { parent_based: true, root: RootSampler::On });
    let queue = traces.queue;
    assert_eq!((queue.size, queue.batch_size, queue.schedule_delay), (2048, 512, Duration::from_secs(5)));
    assert_eq!((queue.export_timeout, traces.link_limit), (Duration::from_secs(30), 128));
    assert_eq!((traces.service_name, traces.resource), (None, vec![]));
}

#[test]
fn every_variable_of_traces_reaches_its_setting() {
    let traces = settings(&[
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://general"),
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://own/path"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "a=b"),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "1"),
        ("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "250"),
        ("OTEL_TRACES_SAMPLER", "traceidratio"),
        ("OTEL_TRACES_SAMPLER_ARG", "0.25"),
        ("OTEL_SERVICE_NAME", "mine"),
        ("OTEL_RESOURCE_ATTRIBUTES", "a=b"),
        ("OTEL_BSP_SCHEDULE_DELAY", "7"),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "100"),
        ("OTEL_BSP_EXPORT_TIMEOUT", "8"),
        ("OTEL_SPAN_LINK_COUNT_LIMIT", "0"),
    ])
    .unwrap()
    .traces
    .unwrap();
    let collector = traces.collector;
    assert_eq!(collector.endpoint, "http://own/path");
    assert_eq!((collector.timeout, collector.compressed), (Duration::from_millis(250), true));
    assert_eq!((collector.headers[0].0.as_str(), collector.headers[0].1.expose_secret()), ("a", "b"));
    assert_eq!(traces.sampler, SamplerSettings { parent_based: false, root: RootSampler::Ratio(0.25) });
    assert_eq!(traces.service_name.as_deref(), Some("mine"));
    assert_eq!(traces.resource, [("a".to_owned(), "b".to_owned())]);
    // Its usual size would not fit the queue.
    assert_eq!((traces.queue.size, traces.queue.batch_size, traces.link_limit), (100, 100, 0));
    assert_eq!(traces.queue.schedule_delay, Duration::from_millis(7));
    assert_eq!(traces.queue.export_timeout, Duration::from_millis(8));
}

#[test]
fn ranges_include_their_ends_and_nothing_beyond() {
    for (name, within, beyond) in [
        ("DB_PORT", ["1", "65535"], ["0", "65536"]),
        ("DB_POOL_SIZE", ["1", "64"], ["0", "65"]),
        ("BATCH_MAX_RECORDS", ["1", "10000"], ["0", "10001"]),
        ("SHUTDOWN_GRACE", ["1s", "10m"], ["999ms", "601s"]),
    ] {
        for value in within {
            assert!(settings(&[(name, value)]).is_ok(), "{name}={value}");
        }
        for value in beyond {
            assert!(settings(&[(name, value)]).is_err(), "{name}={value}");
        }
    }
}

#[test]
fn rust_log_wins_over_a_level_that_is_checked_all_the_same() {
    let filter = |variables: &[(&str, &str)]| settings(variables).map(|it| it.log.filter);
    assert_eq!(filter(&[("LOG_LEVEL", "WARN")]).unwrap(), "warn");
    let both = [("LOG_LEVEL", "warn"), ("RUST_LOG", "worker=trace")];
    assert_eq!(filter(&both).unwrap(), "worker=trace");
    assert!(filter(&[("LOG_LEVEL", "loud"), ("RUST_LOG", "info")]).is_err());
}

#[test]
fn a_certificate_file_is_passed_on_where_it_can_be_read() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let path = file.path().to_str().unwrap();
    let settings = settings(&[("DB_SSL_ROOT_CERT", path)]).unwrap();
    assert_eq!(settings.database.ssl_root_cert.as_deref(), Some(file.path()));
}
