//! The story as a person reads it: a paragraph for each outcome, then the booking as it is now.

use std::collections::HashSet;

use super::revision::{Publication, Revision};
use super::sentences::sentence;
use super::{Booking, Story};
use crate::ops::words::{exact_time, time, tone};
use crate::terminal::{Screen, Tone, harmless, pairs};

/// How far the lines below a paragraph's first are indented.
const INDENT: usize = 4;

pub(super) fn render(story: &Story, screen: &Screen) -> String {
    let mut paragraphs =
        vec![screen.paint(Tone::Strong, &format!("Booking {}", harmless(&story.booking_id)))];
    let groups: HashSet<&str> = story.revisions.iter().map(|revision| &*revision.group).collect();
    // By whatever group.
    let taken: HashSet<(&str, i32, i64)> = story
        .revisions
        .iter()
        .filter(|revision| revision.outcome != "diverted")
        .map(|revision| (&*revision.topic, revision.partition, revision.offset))
        .collect();
    let mut met = HashSet::new();
    for revision in &story.revisions {
        let record = (&*revision.group, &*revision.topic, revision.partition, revision.offset);
        let first = met.insert(record);
        let place = (&*revision.topic, revision.partition, revision.offset);
        let untaken = revision.current && !taken.contains(&place);
        paragraphs.push(paragraph(revision, first, untaken, groups.len() > 1, screen));
    }
    let more = story.total.saturating_sub(story.revisions.len() as u64);
    if more > 0 {
        paragraphs.push(format!("… and {more} outcomes more; --limit tells more of them"));
    }
    if story.revisions.is_empty() {
        paragraphs.push("No record that the ledger knows of has named it.".to_owned());
    }
    paragraphs.push(match &story.booking {
        Some(booking) => now(booking, screen),
        None => screen.paint(Tone::Warning, "There is no such booking now."),
    });
    paragraphs.join("\n\n")
}

fn paragraph(
    revision: &Revision,
    first: bool,
    untaken: bool,
    several_groups: bool,
    screen: &Screen,
) -> String {
    let word = screen.paint(tone(&revision.outcome), &harmless(&revision.outcome));
    let reason =
        revision.reason.as_deref().map_or_else(String::new, |reason| format!(" ({})", harmless(reason)));
    let topic = harmless(&revision.topic);
    let number = if revision.number > 0 { format!(", revision {}", revision.number) } else { String::new() };
    let group = if several_groups { format!(", group {}", harmless(&revision.group)) } else { String::new() };
    let place = format!("{topic}/{}@{}{number}{group}", revision.partition, revision.offset);
    let time = screen.paint(Tone::Faint, &exact_time(revision.recorded_at));
    let mut lines = vec![sentence(&revision.outcome, revision.reason.as_deref()).to_owned()];
    lines.extend(revision.detail.as_deref().map(harmless));
    lines.extend(diverted(revision, untaken));
    lines.extend(publication(revision));
    lines.extend(held(revision));
    if first {
        lines.extend(revision.trace_id.as_ref().map(|id| format!("trace {id}")));
        lines.extend(revision.baggage.as_deref().map(|text| format!("baggage {}", harmless(text))));
    }
    lines.retain(|line| !line.is_empty());
    let below = pairs([("", lines.join("\n"))], INDENT, screen.width.saturating_sub(INDENT));
    format!("{time}  {word}{reason}  {place}\n{}", below.trim_end())
}

/// Whose the record is, and what to do where that one is gone.
fn diverted(revision: &Revision, untaken: bool) -> Option<String> {
    if revision.outcome != "diverted" {
        return None;
    }
    let Some(namespace) = &revision.namespace else {
        return Some("It is the shared worker's, which looks after it.".to_owned());
    };
    let mut text = format!("It is meant for the worker of the namespace {}.", harmless(namespace));
    if untaken {
        text.push_str(
            " That one has not taken it; should it be gone, the shared worker can: `worker held redrive --status \
             diverted --booking ID`.",
        );
    }
    Some(text)
}

fn publication(revision: &Revision) -> Option<String> {
    let dead = revision.outcome == "dead";
    Some(match (revision.publication?, dead) {
        (Publication::Published, false) => "The status event is published.".to_owned(),
        (Publication::Pending, false) => "The status event is not published yet.".to_owned(),
        (Publication::Published, true) => format!("Published to {}.dlq.", harmless(&revision.topic)),
        (Publication::Pending, true) => format!("Not published to {}.dlq yet.", harmless(&revision.topic)),
    })
}

/// Where the record is set aside now, below its latest outcome.
fn held(revision: &Revision) -> Option<String> {
    let held = revision.held.as_ref().filter(|_| revision.current)?;
    let next = held.next_attempt_at.map_or_else(String::new, |next| format!(", next at {}", time(next)));
    match &*held.status {
        "waiting" => {
            Some(format!("It waits as held record {}, tried {} times{next}.", held.id, held.attempts))
        }
        "dead" => Some(format!("It is set aside as held record {0}: `worker held show {0}`.", held.id)),
        _ => None,
    }
}

fn now(booking: &Booking, screen: &Screen) -> String {
    let status = booking.status.as_deref().unwrap_or("without a status");
    let tone = if status == "Accepted" { Tone::Good } else { Tone::Warning };
    let name =
        |text: &Option<String>, missing: &str| text.as_deref().map_or_else(|| missing.to_owned(), harmless);
    let mut facts = vec![
        format!(
            "{} {} to {}, {} guests",
            name(&booking.room_id, "unknown room,"),
            booking.start_date,
            booking.end_date,
            booking.guests
        ),
        format!("user {} (id {})", name(&booking.username, "unknown"), booking.user_id),
    ];
    facts.extend(booking.payment_id.as_deref().map(|payment| format!("payment {}", harmless(payment))));
    let changed = booking.updated_at.or(booking.created_at);
    facts.push(match changed {
        Some(changed) => format!("row {}, changed {}", booking.row_id, changed.strftime("%Y-%m-%d %H:%M:%S")),
        None => format!("row {}", booking.row_id),
    });
    let below = pairs([("", facts.join("\n"))], INDENT, screen.width.saturating_sub(INDENT));
    format!(
        "{} {}\n{}",
        screen.paint(Tone::Strong, "Now"),
        screen.paint(tone, &harmless(status)),
        below.trim_end()
    )
}
