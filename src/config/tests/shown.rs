//! What a person sees: every setting, and no secret anywhere.

use super::{environment, settings};
use crate::config::{Report, catalogue, render_table};

/// Stands in every place that may hold a secret.
const PLANTED: &str = "hunter2";

/// Everything that a person could see of an environment.
fn all_that_is_shown(variables: &[(&str, &str)]) -> String {
    let report = Report::of(&environment(variables));
    let json = serde_json::to_string(&report).unwrap();
    let read = settings(variables);
    let faults = read.as_ref().err().map(ToString::to_string);
    format!("{report:?} {json} {} {read:?} {faults:?} {}", render_table(&report.settings), report.faults)
}

#[test]
fn the_report_lists_every_setting_with_its_source_even_among_faults() {
    let report = Report::of(&environment(&[
        ("DB_PASS", PLANTED),
        ("DB_PORT", "tcp://10.0.0.1:5432"),
        ("DB_POOL_SIZE", "many"),
        ("KAFKA_BROKERS", "a:1"),
        ("KAFKA_PROPERTIES", "security.protocol=SSL\nssl.key.password=x"),
        ("OKTETO_NAMESPACE", "cindy"),
        ("OKTETO_DIVERTED_ENVIRONMENT", "cindy"),
    ]));
    let names: Vec<&str> = report.settings.iter().map(|row| row.name).collect();
    let known: Vec<&str> = catalogue().iter().map(|setting| setting.name).collect();
    assert_eq!(names, known);
    for (name, value, source) in [
        ("DB_HOST", Some("localhost"), "default"),
        ("DB_PORT", Some("5432"), "default"),
        ("DB_PASSWORD", Some("***"), "DB_PASS"),
        ("DB_POOL_SIZE", Some("many"), "environment"),
        ("KAFKA_BROKERS", Some("a:1"), "environment"),
        ("KAFKA_GROUP_ID", Some("worker-group-cindy"), "OKTETO_NAMESPACE"),
        ("KAFKA_PROPERTIES", Some("security.protocol=SSL\nssl.key.password=***"), "environment"),
        ("LOG_FORMAT", None, "default"),
    ] {
        let row = report.settings.iter().find(|row| row.name == name).unwrap();
        assert_eq!((row.value.as_deref(), row.source.as_str()), (value, source), "{name}");
    }
    assert_eq!(report.faults.0.len(), 1);
}

#[test]
fn no_secret_is_ever_shown() {
    let properties = format!("sasl.password={PLANTED}\nssl.key.pem={PLANTED}");
    let malformed = format!("{PLANTED}\nsasl.password={PLANTED}\nGroup.Id={PLANTED}");
    let refused = format!("group.id={PLANTED}\nclient.id={PLANTED}\nclient.id={PLANTED}");
    let url = format!("postgres://worker:{PLANTED}@db/x");
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, content: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let (password_file, nul_file) = (file("password", PLANTED), file("nul", &format!("{PLANTED}\0")));
    let (properties_file, malformed_file) = (file("properties", &properties), file("malformed", &malformed));
    for variables in [
        [("DB_PASSWORD", PLANTED), ("KAFKA_PROPERTIES", &*properties)],
        [("DB_PASS", PLANTED), ("KAFKA_PROPERTIES", &malformed)],
        [("DB_PASSWORD_FILE", &password_file), ("KAFKA_PROPERTIES_FILE", &properties_file)],
        [("DB_PASSWORD_FILE", &nul_file), ("KAFKA_PROPERTIES_FILE", &malformed_file)],
        [("DB_PASSWORD_FILE", PLANTED), ("KAFKA_PROPERTIES_FILE", PLANTED)],
        [("DB_PASSWORD", PLANTED), ("DB_PASSWORD_FILE", &password_file)],
        [("DB_HOST", &url), ("KAFKA_BROKERS", &url)],
        [("DB_PORT", &url), ("DB_POOL_SIZE", &url)],
        [("OTEL_EXPORTER_OTLP_HEADERS", "a=hunter2"), ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c:4318")],
        [("OTEL_EXPORTER_OTLP_TRACES_HEADERS", PLANTED), ("OTEL_EXPORTER_OTLP_ENDPOINT", &url)],
    ] {
        let shown = all_that_is_shown(&variables);
        assert!(!shown.contains(PLANTED), "{variables:?} shows it: {shown}");
    }
    // A refused or repeated property makes the worker name it, but never its value.
    let faults = settings(&[("KAFKA_PROPERTIES", &refused)]).unwrap_err();
    assert!(faults.0.len() == 2 && !format!("{faults} {faults:?}").contains(PLANTED), "{faults}");
}

#[test]
fn a_value_steers_no_terminal() {
    let report = Report::of(&environment(&[
        ("RUST_LOG", "a\u{1b}[2J\n\"b\"\\"),
        ("KAFKA_PROPERTIES", "client.id=\u{202e}x\nlog_level=6"),
        ("DB_HOST", "\u{7}"),
    ]));
    let table = render_table(&report.settings);
    assert!(table.contains("a\\u{1b}[2J\\n\"b\"\\\n"), "{table}");
    assert!(table.contains("client.id=\\u{202e}x\n"), "{table}");
    let steers = |character: char| character.is_control() && character != '\n';
    assert!(!table.contains(steers), "{table:?}");
}
