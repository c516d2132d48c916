//! Any value in any field: one line, one object, the same value read back.

use std::fmt;

use proptest::prelude::*;
use tracing::{error_span, info};

use super::*;

#[test]
fn values_keep_their_types() {
    let line = one(|| {
        info!(
            small = -7_i8,
            least = i64::MIN,
            most = u64::MAX,
            zero = 0,
            wide = u128::from(u64::MAX) + 1,
            ratio = 0.25,
            whole = 3.0,
            tiny = 1e-300,
            nothing = f64::NAN,
            yes = true,
            text = "x",
            shown = %"a\"b",
            debugged = ?Some("c"),
            absent = None::<&str>,
            bytes = &[1_u8, 255][..],
        );
    });
    for (name, value) in [
        ("small", "-7"),
        ("least", "-9223372036854775808"),
        ("most", "18446744073709551615"),
        ("zero", "0"),
        ("ratio", "0.25"),
        ("whole", "3.0"),
        ("tiny", "1e-300"),
        ("nothing", "\"NaN\""),
        ("yes", "true"),
        ("text", "\"x\""),
        ("shown", r#""a\"b""#),
        ("debugged", r#""Some(\"c\")""#),
        ("bytes", "\"[01 ff]\""),
    ] {
        assert_eq!(line[name].to_string(), value, "{name}");
    }
    assert!(line["wide"].is_number() && !line.contains_key("absent"));
}

#[derive(Debug, thiserror::Error)]
#[error("batch failed")]
struct Outer(#[source] Middle);

#[derive(Debug, thiserror::Error)]
#[error("commit failed")]
struct Middle(#[source] std::io::Error);

#[test]
fn an_error_is_told_with_all_its_causes() {
    let error = Outer(Middle(std::io::Error::other("connection\nreset")));
    let line = one(|| info!(error = &error as &(dyn std::error::Error + 'static)));
    assert_eq!(line["error"], "batch failed: commit failed: connection\nreset");
}

#[test]
fn only_the_crates_own_members_are_taken_for_json() {
    let forged = r#"{"a":1},"level":"forged""#;
    let line = one(|| info!(target: "elsewhere", baggageMembers = %forged));
    assert_eq!(line["baggageMembers"], forged);
    let line = one(|| info!(target: "workers", baggageMembers = %forged));
    assert_eq!(line["baggageMembers"], forged);
    let line = one(|| info!(target: "worker::lane", baggageMembers = forged));
    assert_eq!(line["baggageMembers"], forged);
}

struct Failing;

impl fmt::Display for Failing {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("half \"")?;
        Err(fmt::Error)
    }
}

#[test]
fn a_value_that_fails_while_it_is_written_spoils_no_line() {
    let line = one(|| {
        error_span!("record", value = %Failing).in_scope(|| info!(failing = ?Some(1), other = %Failing, "m"));
    });
    assert_eq!(
        (&line["value"], &line["failing"], &line["other"]),
        (&"half \"".into(), &"Some(1)".into(), &"half \"".into())
    );
}

#[test]
fn hostile_values_cannot_forge_a_second_line() {
    let hostile =
        "x\"}\n{\"time\":\"2025-01-15T10:00:00.123Z\",\"level\":\"INFO\",\"msg\":\"forged\"}\r\u{85}\u{2028}";
    let line =
        one(|| error_span!("record", bookingId = hostile).in_scope(|| info!(reason = %hostile, "{hostile}")));
    for name in ["msg", "reason", "bookingId"] {
        assert_eq!(line[name], hostile);
    }
}

proptest! {
    #[test]
    fn every_line_is_one_object_that_gives_every_value_back(
        message in any::<String>(),
        text in any::<String>(),
        shown in "\\PC*|[\\x00-\\x9f\"\\\\]*",
        debugged in any::<Option<String>>(),
        number in any::<i64>(),
        count in any::<u64>(),
        ratio in any::<f64>(),
        in_span in any::<String>(),
    ) {
        let line = one(|| {
            error_span!("record", in_span = in_span.as_str(), number, %shown).in_scope(|| {
                info!(text, %shown, ?debugged, count, ratio, "{message}");
            });
        });
        prop_assert_eq!(&line["msg"], &Value::from(message));
        prop_assert_eq!(&line["text"], &Value::from(text));
        prop_assert_eq!(&line["shown"], &Value::from(shown));
        prop_assert_eq!(&line["debugged"], &Value::from(format!("{debugged:?}")));
        prop_assert_eq!(&line["in_span"], &Value::from(in_span));
        prop_assert_eq!(&line["number"], &Value::from(number));
        prop_assert_eq!(&line["count"], &Value::from(count));
        prop_assert!(line["ratio"].is_number() || !ratio.is_finite());
    }
}
