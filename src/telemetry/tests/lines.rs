//! The shape of a JSON line, and which fields it has.

use tracing::{debug, error, error_span, info, info_span, warn};

use super::*;
use crate::baggage::{Baggage, LogKeys};

/// A record's span as the lanes open it.
macro_rules! record_span {
    ($baggage:expr) => {{
        let shown = $baggage.for_log(&LogKeys::All);
        let is_shown = !shown.is_empty();
        error_span!(
            target: "worker::lane",
            "record",
            topic = "booking-events",
            partition = 3,
            offset = 1042_i64,
            bookingId = "booking_456",
            baggage = is_shown.then(|| tracing::field::display(shown.text())),
            baggageMembers = is_shown.then(|| tracing::field::display(shown.members_json())),
        )
    }};
}

fn baggage() -> Baggage {
    Baggage::parse([b"tenant=acme;p=1,note=say%20%22hi%22%0A".as_slice()])
}

#[test]
fn a_line_is_the_documented_one() {
    let text = captured(Format::Json, "info", || {
        let baggage = Baggage::parse([b"tenant=acme,requestId=r-17".as_slice()]);
        record_span!(baggage)
            .in_scope(|| info!(target: "worker::lane", outcome = "accepted", "booking accepted"));
    });
    let (time, rest) = text.split_at(r#"{"time":"2025-01-15T10:00:00.123Z""#.len());
    assert!(time.starts_with(r#"{"time":"20"#) && time.ends_with("Z\""), "{time}");
    assert_eq!(
        rest,
        concat!(
            r#","level":"INFO","msg":"booking accepted","outcome":"accepted","topic":"booking-events","#,
            r#""partition":3,"offset":1042,"bookingId":"booking_456","baggage":"tenant=acme,requestId=r-17","#,
            r#""baggageMembers":{"tenant":"acme","requestId":"r-17"}}"#,
            "\n"
        )
    );
}

#[test]
fn every_line_inside_a_record_carries_its_coordinates_and_baggage_at_every_level() {
    // Filters that switch the module off which opened the span are the ones to fear.
    for filter in
        ["trace", "info", "warn", "error", "librdkafka=error", "worker::sweeper=debug,librdkafka=warn"]
    {
        let lines = objects(filter, || {
            let baggage = baggage();
            record_span!(baggage).in_scope(|| {
                error!(target: "librdkafka", "broker away");
                info_span!(target: "worker::store", "statement", name = "insert").in_scope(|| {
                    error!(target: "librdkafka", "still away");
                });
            });
        });
        assert_eq!(lines.len(), 2, "{filter}");
        for line in lines {
            assert_eq!(line["topic"], "booking-events", "{filter}");
            assert_eq!((&line["partition"], &line["offset"]), (&3.into(), &1042.into()));
            assert_eq!((&line["bookingId"], &line["target"]), (&"booking_456".into(), &"librdkafka".into()));
            assert_eq!(line["baggage"], "tenant=acme,note=say \"hi\"\n");
            assert_eq!(line["baggageMembers"], serde_json::json!({"tenant": "acme", "note": "say \"hi\"\n"}));
        }
    }
}

#[test]
fn a_record_without_baggage_has_neither_field() {
    let empty = Baggage::default();
    let line = one(|| record_span!(empty).in_scope(|| warn!("held")));
    assert!(!line.contains_key("baggage") && !line.contains_key("baggageMembers"));
    assert_eq!((&line["level"], &line["msg"]), (&"WARN".into(), &"held".into()));
}

#[test]
fn of_a_repeated_name_the_innermost_value_counts() {
    let text = captured(Format::Json, "info", || {
        error_span!(target: "worker", "lane", topic = "a", partition = 1, lane = 1).in_scope(|| {
            error_span!(target: "worker", "record", topic = "b", offset = 5).in_scope(|| {
                info!(target: "worker", offset = 6, reason = "r", reason = "s", "m");
            });
        });
    });
    let (_, fields) = text.split_once(r#""msg""#).expect("a message");
    assert_eq!(fields, ":\"m\",\"offset\":6,\"reason\":\"s\",\"partition\":1,\"lane\":1,\"topic\":\"b\"}\n");
}

#[test]
fn fields_recorded_later_join_the_span_and_replace_earlier_ones() {
    let lines = objects("info", || {
        let span = error_span!("record", outcome = tracing::field::Empty, attempt = 1, last = true);
        span.in_scope(|| info!("before"));
        span.record("outcome", "held").record("attempt", 2);
        span.in_scope(|| info!("after"));
    });
    assert!(!lines[0].contains_key("outcome"));
    assert_eq!(
        (&lines[1]["outcome"], &lines[1]["attempt"], &lines[1]["last"]),
        (&"held".into(), &2.into(), &true.into())
    );
}

#[test]
fn no_field_takes_a_name_of_the_line_itself() {
    let line = one(|| {
        error_span!("span", message = "span's", level = 9)
            .in_scope(|| info!(time = 1, msg = "x", target = "y", "real"));
    });
    assert_eq!((&line["level"], &line["msg"]), (&"INFO".into(), &"real".into()));
    assert_eq!(
        (&line["field.time"], &line["field.msg"], &line["field.target"]),
        (&1.into(), &"x".into(), &"y".into())
    );
    assert_eq!((&line["field.level"], &line["message"]), (&9.into(), &"span's".into()));
}

#[test]
fn a_message_stands_first_wherever_it_was_given() {
    for line in [one(|| info!(a = 1, message = "late")), one(|| info!(a = 1))] {
        let names: Vec<_> = line.keys().collect();
        assert!(names.contains(&&"msg".to_owned()));
        assert_eq!(line["a"], 1);
    }
    let text = captured(Format::Json, "info", || info!(target: "worker", a = 1, message = "late"));
    assert!(text.ends_with("\"msg\":\"late\",\"a\":1}\n"), "{text}");
}

#[test]
fn statement_parameters_never_reach_the_log() {
    let lines = objects("trace,tokio_postgres=trace,tokio_postgres::query=trace", || {
        debug!(target: "tokio_postgres::query", "executing with parameters");
        info!(target: "tokio_postgres", "notice");
        debug!(target: "worker", "own");
    });
    let messages: Vec<_> = lines.iter().map(|line| line["msg"].clone()).collect();
    assert_eq!(messages, ["notice", "own"]);
}

#[test]
fn a_filter_that_would_silence_by_mistake_is_refused_by_name() {
    for good in [
        "",
        "info",
        "WARN",
        "off",
        "3",
        "info,worker::lane=debug",
        "worker=trace",
        "[record{topic=\"a\"}]=debug",
    ] {
        assert!(filter::parse::<Registry>(good).is_ok(), "{good}");
    }
    for bad in ["inof", "verbose", "info,debugg", "worker=loud", "a=b=c", "info;debug", "[", "warning"] {
        let Err(fault) = filter::parse::<Registry>(bad) else { panic!("{bad} was taken") };
        let text = fault.to_string();
        assert!(text.contains("RUST_LOG") && text.contains("LOG_LEVEL") && text.contains(bad), "{text}");
    }
}
