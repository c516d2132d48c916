//! Settings through the real binary: all faults at once by name, no secret anywhere, exit codes that tell.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStringExt as _;
use std::process::Command;

use serde_json::Value;

use crate::support::{World, stack};

/// Stands where a secret stands.
const SECRET: &str = "hunter2";

/// What a run of the binary, in an environment of these variables alone, has left.
struct Run {
    code: Option<i32>,
    out: String,
    err: String,
}

fn worker(arguments: &[&str], variables: &[(&str, &str)]) -> Run {
    worker_os(arguments, variables)
}

fn worker_os<Name: AsRef<OsStr>, Text: AsRef<OsStr>>(arguments: &[&str], variables: &[(Name, Text)]) -> Run {
    let variables = variables.iter().map(|(name, value)| (name, value));
    let mut command = Command::new(env!("CARGO_BIN_EXE_worker"));
    let output = command.args(arguments).env_clear().envs(variables).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Run { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
}

/// The report of `worker config --json`, and the exit code.
fn report(variables: &[(&str, &str)]) -> (Value, Option<i32>) {
    let run = worker(&["config", "--json"], variables);
    (serde_json::from_str(&run.out).unwrap(), run.code)
}

/// A setting's row in the report.
fn row<'a>(report: &'a Value, name: &str) -> &'a Value {
    report["settings"].as_array().unwrap().iter().find(|row| row["name"] == name).unwrap()
}

#[test]
fn every_command_tells_all_faults_at_once_by_name_with_exit_code_2_and_shows_no_secret() {
    let properties = "group.id=hunter2\nsasl.password=hunter2\nno.such=hunter2";
    let variables = [
        ("DB_PORT", "http"),
        ("DB_SSL_MODE", "allow"),
        ("DB_PASSWORD", SECRET),
        ("DB_HOST", "postgres://worker:hunter2@db/x"),
        ("KAFKA_BROKERS", "worker:hunter2@broker:9092"),
        ("KAFKA_PROPERTIES", properties),
        ("SHUTDOWN_GRACE", "30"),
        ("LOG_LEVEL", "loud"),
    ];
    for arguments in
        [&[][..], &["run"], &["migrate"], &["migrate", "--json"], &["config"], &["config", "--json"]]
    {
        let Run { code, out, err } = worker(arguments, &variables);
        assert_eq!(code, Some(2), "{arguments:?}: {out}{err}");
        assert!(!out.contains(SECRET) && !err.contains(SECRET), "{arguments:?}: {out}{err}");
        let told = if arguments.first() == Some(&"config") { &out } else { &err };
        for (name, _) in variables.iter().filter(|(name, _)| *name != "DB_PASSWORD") {
            assert!(told.contains(name), "{arguments:?} does not tell of {name}: {told}");
        }
        assert!(told.contains("group.id is refused: set KAFKA_GROUP_ID instead"), "{told}");
    }
    let run = worker(&["run"], &variables);
    assert_eq!(run.out, "", "the log was opened before the settings were right");
    assert!(run.err.starts_with("worker: the settings are not usable; `worker config` shows them all\n"));
    assert_eq!(run.err.lines().count(), 1 + variables.len() - 1, "one line a fault: {}", run.err);
}

#[test]
fn what_librdkafka_does_not_take_is_told_by_name_before_anything_starts() {
    for (properties, told) in [
        ("no.such=hunter2", "no.such is no property that librdkafka knows"),
        ("check.crcs=hunter2", "check.crcs; expected another one"),
        ("security.protocol=hunter2", "security.protocol; expected another one"),
        ("socket.timeout.ms=7", "socket.timeout.ms; expected 10..300000"),
        ("max.poll.interval.ms=9000", "together: `max.poll.interval.ms`must be >= `session.timeout.ms`"),
        ("security.protocol=SSL\nssl.ca.location=/nowhere", "together: ssl.ca.location failed"),
        ("security.protocol=SASL_SSL\nsasl.mechanism=PLAIN", "together: sasl.username and sasl.password"),
    ] {
        for arguments in [["run"], ["config"]] {
            let Run { code, out, err } = worker(&arguments, &[("KAFKA_PROPERTIES", properties)]);
            assert_eq!(code, Some(2), "{properties}: {out}{err}");
            let told_here = format!("{out}{err}")
                .lines()
                .any(|line| line.starts_with("KAFKA_PROPERTIES: ") && line.contains(told));
            assert!(told_here, "{properties}: {out}{err}");
            assert!(!err.contains(SECRET), "{properties}: {err}");
        }
    }
    let several = "no.such=1\nno.such.either=1\nsocket.timeout.ms=x";
    let (report, _) = report(&[("KAFKA_PROPERTIES", several), ("DB_PORT", "http")]);
    assert_eq!(report["faults"].as_array().unwrap().len(), 4, "{report}");
}

#[test]
fn what_the_worker_owns_cannot_be_set_through_kafka_properties() {
    for name in [
        "bootstrap.servers",
        "metadata.broker.list",
        "group.id",
        "group.protocol",
        "enable.auto.commit",
        "auto.commit.interval.ms",
        "enable.auto.offset.store",
        "auto.offset.reset",
        "isolation.level",
        "allow.auto.create.topics",
        "partition.assignment.strategy",
        "enable.partition.eof",
    ] {
        let run = worker(&["run"], &[("KAFKA_PROPERTIES", &format!("{name}=hunter2"))]);
        assert_eq!(run.code, Some(2), "{name}: {}", run.err);
        assert!(run.err.contains(&format!("KAFKA_PROPERTIES: line 1: {name} is refused: ")), "{}", run.err);
        assert!(!run.err.contains(SECRET), "{}", run.err);
    }
    for name in ["session.timeout.ms", "heartbeat.interval.ms"] {
        let property = format!("{name}=9000");
        let variables = [("KAFKA_PROPERTIES", &*property), ("KAFKA_GROUP_PROTOCOL", "consumer")];
        assert_eq!(worker(&["config"], &variables).code, Some(2), "{name}");
        assert_eq!(worker(&["config"], &variables[..1]).code, Some(0), "{name}");
    }
}

#[test]
fn an_empty_or_blank_variable_is_as_good_as_none() {
    let (unset, code) = report(&[]);
    assert_eq!(code, Some(0));
    let names = unset["settings"].as_array().unwrap().iter().map(|row| row["name"].as_str().unwrap());
    // The one that has a meaning when it is empty.
    let names = names.filter(|name| *name != "KAFKA_STATUS_TOPIC");
    for blank in ["", " \t "] {
        let mut variables: Vec<(&str, &str)> = names.clone().map(|name| (name, blank)).collect();
        variables.extend([("DB_PASS", blank), ("DB_PASSWORD_FILE", blank), ("KAFKA_PROPERTIES_FILE", blank)]);
        assert_eq!(report(&variables), (unset.clone(), Some(0)), "{blank:?}");
    }
}

#[test]
fn what_kubernetes_injects_for_its_services_is_no_setting() {
    let links = [
        ("KAFKA_PORT", "tcp://10.0.0.1:9092"),
        ("KAFKA_SERVICE_HOST", "10.0.0.1"),
        ("KAFKA_PORT_9092_TCP_ADDR", "10.0.0.1"),
        ("DB_PORT", "tcp://10.0.0.2:5432"),
        ("DB_PORT_5432_TCP", "tcp://10.0.0.2:5432"),
        ("WORKER_PORT", "tcp://10.0.0.3:2112"),
        ("WORKER_SERVICE_PORT", "2112"),
    ];
    assert_eq!(report(&links), report(&[]));
}

#[test]
fn a_variable_that_is_not_utf_8_is_a_fault_where_it_is_a_setting_and_ignored_elsewhere() {
    let bytes = || OsString::from_vec(b"caf\xe9".to_vec());
    let run = worker_os(&["run"], &[("DB_USER", bytes()), ("KAFKA_BROKERS", bytes())]);
    assert_eq!(run.code, Some(2), "{}", run.err);
    for name in ["DB_USER", "KAFKA_BROKERS"] {
        assert!(run.err.contains(&format!("{name}: holds bytes that are not UTF-8")), "{}", run.err);
    }
    let run = worker_os(&["config"], &[(OsString::from("PS1"), bytes()), (bytes(), OsString::from("x"))]);
    assert_eq!(run.code, Some(0), "{}{}", run.out, run.err);
}

#[test]
fn the_report_says_where_each_value_comes_from_and_hides_the_secret_ones() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("properties");
    std::fs::write(&path, "client.id=me\nsasl.password=hunter2\n").unwrap();
    let path = path.to_str().unwrap();
    let variables = [("DB_PASS", SECRET), ("DB_HOST", "db"), ("KAFKA_PROPERTIES_FILE", path)];
    let (report, code) = report(&variables);
    assert_eq!((code, &report["faults"]), (Some(0), &serde_json::json!([])));
    let from_file = format!("file {path}");
    for (name, value, source) in [
        ("DB_HOST", "db", "environment"),
        ("DB_PORT", "5432", "default"),
        ("DB_PASSWORD", "***", "DB_PASS"),
        ("KAFKA_PROPERTIES", "client.id=me\nsasl.password=***", &from_file),
    ] {
        let row = row(&report, name);
        assert_eq!((&row["value"], &row["source"]), (&value.into(), &source.into()), "{name}");
        assert!(row["default"].is_string() && row["description"].is_string(), "{name}");
    }
    let table = worker(&["config"], &variables).out;
    for row in report["settings"].as_array().unwrap() {
        let name = row["name"].as_str().unwrap();
        assert!(table.lines().any(|line| line.split(' ').next() == Some(name)), "{name}: {table}");
    }
    assert!(table.contains("from DB_PASS; default: postgres") && !table.contains(SECRET), "{table}");
    assert!(table.lines().all(|line| line.chars().count() <= 80), "{table}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_password_is_taken_from_its_file_or_its_older_name_and_a_wrong_one_is_said_plainly() {
    let world = World::new(0).await;
    let role = format!("role_{}", world.database_name);
    let sql = format!("CREATE ROLE {role} LOGIN SUPERUSER PASSWORD 'hunter2 '");
    world.database.batch_execute(&sql).await.unwrap();
    let file = world.scratch.path().join("password");
    std::fs::write(&file, "hunter2 \n").unwrap();
    let port = stack().await.postgres.port().to_string();
    let base =
        [("DB_HOST", "127.0.0.1"), ("DB_PORT", &port), ("DB_USER", &role), ("DB_NAME", &world.database_name)];
    let migrate = |name: &str, value: &str| {
        let variables: Vec<(&str, &str)> = base.into_iter().chain([(name, value)]).collect();
        worker(&["migrate"], &variables)
    };
    let run = migrate("DB_PASSWORD_FILE", file.to_str().unwrap());
    assert_eq!(run.code, Some(0), "{}{}", run.out, run.err);
    // A variable is trimmed, so a password with a blank at its end has to come from a file.
    world.database.batch_execute(&format!("ALTER ROLE {role} PASSWORD 'hunter2'")).await.unwrap();
    let run = migrate("DB_PASS", SECRET);
    assert_eq!(run.code, Some(0), "{}{}", run.out, run.err);
    let run = migrate("DB_PASSWORD", "hunter3");
    assert_eq!(run.code, Some(1), "{}{}", run.out, run.err);
    assert_eq!(run.err.lines().count(), 1, "{}", run.err);
    assert!(run.err.contains("password authentication failed") && !run.err.contains("hunter"), "{}", run.err);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_property_reaches_librdkafka_also_where_the_worker_has_a_usual_value_for_it() {
    let world = World::new(1).await;
    let mut worker = world.worker_with(&[("KAFKA_PROPERTIES", "client.id=named-by-hand")]);
    worker.begins(2).await;
    assert_eq!(world.members().await, ["named-by-hand"]);
    worker.stop().await;
}
