//! All faults at once, each under its variable's name.

use super::settings;
use crate::config::{Environment, Settings, catalogue};

/// One wrong value for each setting that can be wrong.
const WRONG: [(&str, &str); 23] = [
    ("DB_HOST", "postgres://db/x"),
    ("DB_PORT", "http"),
    ("DB_USER", "a\tb"),
    ("DB_PASSWORD_FILE", "/nowhere/password"),
    ("DB_NAME", "a\u{1}b"),
    ("DB_SSL_MODE", "allow"),
    ("DB_SSL_ROOT_CERT", "/nowhere/ca.pem"),
    ("DB_POOL_SIZE", "65"),
    ("KAFKA_BROKERS", "broker:http"),
    ("KAFKA_GROUP_ID", "a\nb"),
    ("KAFKA_BOOKING_TOPIC", "a b"),
    ("KAFKA_CANCELLATION_TOPIC", ".."),
    ("KAFKA_GROUP_PROTOCOL", "eager"),
    ("KAFKA_PROPERTIES", "group.id=x"),
    ("BOOKING_OVERLAP", "refused"),
    ("BOOKING_CAPACITY", "true"),
    ("BATCH_MAX_RECORDS", "10001"),
    ("MIGRATE_ON_START", "maybe"),
    ("SHUTDOWN_GRACE", "30"),
    ("LOG_FORMAT", "xml"),
    ("LOG_LEVEL", "loud"),
    ("RUST_LOG", "warning"),
    ("BAGGAGE_LOG_KEYS", "a b"),
];

#[test]
fn all_faults_are_told_at_once_one_line_each() {
    let told = settings(&WRONG).unwrap_err().to_string();
    for (name, _) in WRONG {
        assert_eq!(
            told.lines().filter(|line| line.starts_with(&format!("{name}: "))).count(),
            1,
            "{name} in {told}"
        );
    }
    assert_eq!(told.lines().count(), WRONG.len(), "{told}");
}

#[test]
fn one_wrong_value_is_one_fault_that_says_what_to_expect() {
    for (name, value) in WRONG {
        let faults = settings(&[(name, value)]).unwrap_err();
        assert_eq!(faults.0.len(), 1, "{name}: {faults}");
        assert!(faults.0[0].variable == name && faults.to_string().len() > name.len() + 20, "{faults}");
    }
}

#[cfg(unix)]
#[test]
fn bytes_that_are_not_text_are_a_fault_of_their_variable() {
    use std::ffi::OsString;
    use std::os::unix::ffi::OsStringExt;

    for setting in catalogue() {
        for name in setting.variables() {
            let bytes = OsString::from_vec(vec![0x68, 0xff]);
            let environment: Environment = [(name, bytes)].into_iter().collect();
            let faults = Settings::from_snapshot(&environment).unwrap_err();
            assert!(faults.0.iter().any(|fault| fault.variable == name), "{name}: {faults}");
        }
    }
}
