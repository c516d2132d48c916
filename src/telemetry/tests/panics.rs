//! The whole log in a process of its own, which ends without warning.

use std::process::Command;

use tracing::{error_span, info};

use super::*;
use crate::telemetry;

const CHILD: &str = "TELEMETRY_TEST_CHILD";
const LINES: usize = 3000;

struct Logging;

impl fmt::Display for Logging {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        info!("inner");
        formatter.write_str("outer's value")
    }
}

/// Not a test of its own: what [`a_panic_is_the_last_of_all_lines`] runs.
#[test]
fn child() {
    if std::env::var_os(CHILD).is_none() {
        return;
    }
    let guard = telemetry::start(Format::Json, "info").expect("the first log");
    assert!(telemetry::start(Format::Json, "info").is_err());
    (0..LINES).for_each(|line| info!(line, "working"));
    info!(value = %Logging, "outer");
    let panicked = std::thread::Builder::new().name("lane".to_owned()).spawn(|| {
        let _span = error_span!("record", topic = "booking-events").entered();
        panic!("forged\n{{\"level\":\"INFO\"}}");
    });
    assert!(panicked.expect("a thread").join().is_err());
    // Without the guard's drop: the panic has flushed by itself.
    std::mem::forget(guard);
    std::process::exit(7);
}

#[test]
fn a_panic_is_the_last_of_all_lines() {
    let this = std::env::current_exe().expect("this program");
    let name = format!("{}::child", module_path!().split_once("::").expect("a crate").1);
    let output = Command::new(this)
        .args(["--exact", &name, "--test-threads=1"])
        .env(CHILD, "1")
        .env_remove("RUST_BACKTRACE")
        .output()
        .expect("a run");
    assert_eq!(output.status.code(), Some(7));
    let text = String::from_utf8(output.stdout).expect("text");
    // The test harness prints to the same standard output, also in front of the first line.
    let lines = text.lines().filter_map(|line| line.find("{\"time\"").map(|start| object(&line[start..])));
    let lines: Vec<_> = lines.collect();
    assert_eq!(lines.iter().filter(|line| line["msg"] == "working").count(), LINES);
    assert_eq!((&lines[LINES]["msg"], &lines[LINES + 1]["msg"]), (&"inner".into(), &"outer".into()));
    assert_eq!(lines.len(), LINES + 3);
    let last = &lines[LINES + 2];
    assert_eq!(
        (&last["level"], &last["topic"], &last["thread"]),
        (&"ERROR".into(), &"booking-events".into(), &"lane".into())
    );
    assert_eq!(last["panic"], "forged\n{\"level\":\"INFO\"}");
    assert!(last["location"].as_str().is_some_and(|location| location.contains("panics.rs:")));
}
