//! The status page: what the worker knows of itself, for a person with a browser. It needs no script and nothing else.
//!
//! Whatever a record says is shown as text: what could steer a reader's eye is escaped visibly, and the template
//! escapes HTML.

mod lanes;
mod words;

use std::collections::BTreeSet;
use std::time::SystemTime;

use askama::Template as _;

use super::Site;
use crate::monitor::{Minute, Rejection};
use crate::terminal::harmless;
use lanes::Lane;
use words::{clock, count, duration};

/// How often the page asks for itself again, in seconds.
const REFRESH_SECONDS: u32 = 5;

/// What is shown where something is not known.
const UNKNOWN: &str = "unknown";

/// What the template shows.
#[derive(askama::Template)]
#[template(path = "http/page/page.html")]
struct Page {
    refresh_seconds: u32,
    verdict: &'static str,
    verdict_tone: &'static str,
    reasons: Vec<String>,
    version: &'static str,
    group: String,
    uptime: String,
    now: String,
    lanes: Vec<Lane>,
    outcomes: Vec<&'static str>,
    minutes: Vec<Row>,
    held: Option<Vec<Held>>,
    backlog: String,
    rejections: Vec<Refused>,
}

/// One minute's outcomes.
struct Row {
    time: String,
    counts: Vec<String>,
    total: String,
    /// Of the busiest minute's, in percent.
    share: u64,
}

/// How many records are set aside for one reason.
struct Held {
    status: String,
    tone: &'static str,
    reason: String,
    records: String,
}

/// A record that was refused.
struct Refused {
    time: String,
    outcome: &'static str,
    tone: &'static str,
    reason: &'static str,
    subject: String,
    baggage: String,
    record: String,
}

/// The page as it is now.
pub(super) fn render(site: &Site) -> String {
    let page = Page::of(site);
    page.render().unwrap_or_else(|error| {
        tracing::error!(%error, "the status page could not be written");
        String::new()
    })
}

impl Page {
    fn of(site: &Site) -> Self {
        let (health, monitor) = (&site.health, &site.health.monitor);
        let (alive, reasons) = (health.against_life().is_empty(), health.against_readiness());
        let (verdict, verdict_tone) = match (alive, reasons.is_empty()) {
            (false, _) => ("wedged", "bad"),
            (true, false) => ("not ready", "warning"),
            (true, true) => ("ready", "good"),
        };
        let minutes = monitor.minutes.latest();
        let outcomes: BTreeSet<&'static str> =
            minutes.iter().flat_map(|minute| minute.outcomes.keys().copied()).collect();
        let outcomes: Vec<&'static str> = outcomes.into_iter().collect();
        let most = minutes.iter().map(total).max().unwrap_or(0).max(1);
        let held = monitor.observations.held.get().map(|counts| {
            let held = |count: crate::monitor::HeldCount| Held {
                tone: if count.status == "dead" { "bad" } else { "" },
                status: count.status,
                reason: harmless(&count.reason),
                records: words::count(count.records),
            };
            counts.into_iter().map(held).collect()
        });
        let backlog = monitor.observations.relay_backlog.get();
        Self {
            refresh_seconds: REFRESH_SECONDS,
            verdict,
            verdict_tone,
            reasons: reasons.iter().map(|reason| harmless(&reason.message)).collect(),
            version: env!("CARGO_PKG_VERSION"),
            group: harmless(&health.group),
            uptime: duration(monitor.begun.elapsed()),
            now: clock(SystemTime::now()),
            lanes: lanes::all(monitor),
            minutes: minutes.iter().map(|minute| Row::of(minute, &outcomes, most)).collect(),
            outcomes,
            held,
            backlog: backlog.map_or_else(|| UNKNOWN.to_owned(), count),
            rejections: monitor.rejections.latest().iter().map(Refused::of).collect(),
        }
    }
}

impl Row {
    fn of(minute: &Minute, outcomes: &[&'static str], most: u64) -> Self {
        let counts = outcomes.iter().map(|outcome| minute.outcomes.get(outcome).copied().unwrap_or(0));
        Self {
            time: words::minute(minute.number),
            counts: counts.map(count).collect(),
            total: count(total(minute)),
            share: total(minute) * 100 / most,
        }
    }
}

impl Refused {
    fn of(rejection: &Rejection) -> Self {
        Self {
            time: clock(rejection.at),
            tone: if rejection.outcome == "dead" { "bad" } else { "warning" },
            outcome: rejection.outcome,
            reason: rejection.reason,
            subject: harmless(&rejection.subject),
            baggage: harmless(&rejection.baggage),
            record: format!("{}/{}", rejection.partition, rejection.offset),
        }
    }
}

fn total(minute: &Minute) -> u64 {
    minute.outcomes.values().sum()
}
