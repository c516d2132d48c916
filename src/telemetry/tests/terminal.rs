//! Lines for a person.

use proptest::prelude::*;
use tracing::{error_span, info, warn};

use super::*;

fn pretty(work: impl FnOnce()) -> String {
    let text = captured(Format::Pretty, "info", work);
    let (time, rest) = text.split_at("10:00:00.123".len());
    assert!(time.chars().all(|character| character.is_ascii_digit() || ":.".contains(character)), "{time}");
    rest.to_owned()
}

#[test]
fn a_line_begins_with_what_happened_and_leaves_out_what_only_machines_read() {
    let line = pretty(|| {
        let span = error_span!(
            target: "worker::lane", "record", topic = "booking-events", partition = 3, offset = 1042,
            bookingId = "booking_456", userId = "user_123", roomId = "a room", baggage = "tenant=acme",
            baggageMembers = "{}", traceId = "4bf92f3577b34da6a3ce929d0e0e4736", spanId = "00f067aa0ba902b7"
        );
        span.in_scope(|| warn!(target: "worker::lane", outcome = "rejected", reason = "not_owner", "cancellation rejected"));
    });
    assert_eq!(
        line,
        "  WARN booking_456 cancellation rejected not_owner booking-events/3@1042 userId=user_123 \
         roomId=\"a room\" trace=4bf92f35 [tenant=acme]\n"
    );
}

#[test]
fn what_is_missing_leaves_no_trace() {
    assert_eq!(pretty(|| info!(target: "worker", "ready")), "  INFO ready\n");
    assert_eq!(
        pretty(|| info!(target: "librdkafka", partition = 2, "away")),
        "  INFO librdkafka: away partition=2\n"
    );
    let paused = pretty(|| {
        let lane = error_span!(target: "worker", "lane", topic = "a", partition = 1, depth = 1);
        lane.in_scope(|| info!(target: "worker", depth = "", "paused"));
    });
    assert_eq!(paused, "  INFO paused a/1 depth=\"\"\n");
}

#[test]
fn messages_stand_below_each_other_whatever_the_booking_and_without_one() {
    let long = "b".repeat(50);
    let text = captured(Format::Pretty, "info", || {
        info!(target: "worker", "starts");
        info!(target: "worker", bookingId = "booking_456", "booking accepted");
        info!(target: "worker", bookingId = "書籍", "booking accepted");
        info!(target: "worker", bookingId = "a\u{1b}", "booking accepted");
        info!(target: "worker", "away");
        info!(target: "librdkafka", "away");
        info!(target: "worker", bookingId = long, "booking accepted");
        info!(target: "worker", bookingId = "b", "booking accepted");
    });
    let lines: Vec<&str> = text.lines().map(|line| &line["10:00:00.123  INFO ".len()..]).collect();
    assert_eq!(
        lines,
        [
            "starts",
            "booking_456 booking accepted",
            "書籍        booking accepted",
            "a\\u{1b}     booking accepted",
            "            away",
            "            librdkafka: away",
            &format!("{long} booking accepted"),
            "b           booking accepted",
        ]
    );
}

#[test]
fn colours_are_paint_only() {
    let output = Captured::default();
    let layer = LogLayer {
        format: Format::Pretty,
        style: Style { colours: true, ..Style::default() },
        output: output.clone(),
    };
    let subscriber = Registry::default().with(layer);
    tracing::subscriber::with_default(subscriber, || info!(target: "worker", bookingId = "b\x1b[31m", "m"));
    let text = output.0.lock().expect("no test panics in here").clone();
    assert!(text.contains("\x1b[32m INFO\x1b[0m \x1b[36mb\\u{1b}[31m\x1b[0m \x1b[1mm\x1b[0m"), "{text:?}");
}

proptest! {
    #[test]
    fn hostile_values_can_neither_forge_a_line_nor_move_the_cursor(
        hostile in any::<String>(), noise in "[\\x00-\\x9f\\u{2028}-\\u{202e}\\u{2066}-\\u{2069}]*",
    ) {
        let text = pretty(|| {
            error_span!("record", bookingId = %noise, topic = hostile.as_str(), partition = 1, offset = 1).in_scope(|| {
                info!(userId = hostile.as_str(), baggage = noise.as_str(), traceId = noise.as_str(), reason = ?noise, "{hostile}");
            });
        });
        let line = text.strip_suffix('\n').expect("a line");
        let acts = |character: char| character.is_control() || ('\u{2028}'..='\u{202e}').contains(&character);
        prop_assert!(!line.contains(acts));
    }
}
