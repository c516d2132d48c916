//! The lines for `jq` that the runbook gives its reader do what they say, on a real worker's log.

use std::io::Write as _;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::support::{Message, World, booking, cancellation, shown};

const RUNBOOK: &str = include_str!("../../docs/runbook.md");

/// The lines as they stand in the runbook, each with the text that introduces it.
fn lines_of_the_runbook() -> Vec<(&'static str, &'static str)> {
    let lines: Vec<&str> = RUNBOOK.lines().collect();
    lines.windows(3).filter(|lines| lines[2].starts_with("jq ")).map(|lines| (lines[0], lines[2])).collect()
}

/// What a shell with the real `jq` makes of a log.
fn read(line: &str, log: &str) -> Vec<Value> {
    let mut shell = Command::new("sh")
        .args(["-c", line])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let (mut stdin, log) = (shell.stdin.take().unwrap(), log.to_owned());
    let writer = std::thread::spawn(move || stdin.write_all(log.as_bytes()));
    let output = shell.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// The booking and the outcome of each line.
fn told(lines: &[Value]) -> Vec<(&str, &str)> {
    lines.iter().map(|line| (shown(line, "bookingId").unwrap(), shown(line, "outcome").unwrap())).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_runbooks_lines_for_jq_find_what_they_say() {
    let world = World::new(1).await;
    let dressed = |id: &str, baggage: &str| Message::event(&booking(id)).header("baggage", baggage);
    let mut invalid = booking("booking_457");
    invalid["guests"] = json!(0);
    let bookings = [
        dressed("booking_456", "tenant=acme,requestId=r-17"),
        dressed("booking_4567", "tenant=acme2,note=booking_456"),
        dressed("booking_458", "requestId=r-18;tenant=acme"),
        Message::event(&invalid).header("baggage", "Tenant=acme,tenant=acme"),
    ];
    world.produce_all(&world.bookings, &bookings).await;
    let worker = world.worker();
    world.settled().await;
    world.cancel(&cancellation("booking_456", "bo")).await;
    world.settled().await;
    world.cancel(&cancellation("booking_456", "ana")).await;
    world.settled().await;
    let log = worker.stop_and_show().await;
    // What else is on standard output and standard error, in a container's log.
    let log = format!("starting...\n\n{log}worker: halted\n{{\"level\":\"ERROR\"");

    let lines = lines_of_the_runbook();
    let found: Vec<(&str, Vec<Value>)> =
        lines.iter().map(|(title, line)| (*title, read(line, &log))).collect();
    let found: Vec<(&str, Vec<(&str, &str)>)> =
        found.iter().map(|(title, lines)| (*title, told(lines))).collect();
    assert_eq!(
        found,
        [
            (
                "One booking:",
                vec![("booking_456", "accepted"), ("booking_456", "rejected"), ("booking_456", "cancelled")]
            ),
            (
                "One member of the baggage, such as a tenant or a request:",
                vec![("booking_456", "accepted"), ("booking_457", "dead")]
            ),
            (
                "Failures only (WARN: rejected and held records; ERROR: dead records and faults):",
                vec![("booking_457", "dead"), ("booking_456", "rejected")]
            ),
        ]
    );
}
