//! Every metric in the papers is one that the worker exports, with labels and values that it has.

use std::collections::BTreeSet;

use crate::{ALERT_TESTS, ALERTS, RUNBOOK, dashboard};

/// The labels whose values are few and fixed.
const FIXED: &[(&str, &str, &[&str])] = &[
    ("worker_db_operations_total", "result", &["success", "failure"]),
    ("worker_db_pool_connections", "state", &["in_use", "idle", "waiting"]),
    (
        "worker_lane_state",
        "state",
        &["starting", "idle", "applying", "waiting", "paused", "dead_limit", "halted"],
    ),
    ("worker_held_records", "status", &["waiting", "dead"]),
];

/// What Prometheus adds.
const ADDED: [&str; 3] = ["job", "instance", "le"];

/// The metrics that a text names, each with the selector behind it.
fn named(text: &str) -> Vec<(&str, &str)> {
    let is_part = |character: char| character.is_ascii_alphanumeric() || character == '_';
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find(is_part) {
        let word = &rest[start..];
        let end = word.find(|character| !is_part(character)).unwrap_or(word.len());
        let (name, after) = word.split_at(end);
        if name.starts_with("worker_") || name.starts_with("process_") {
            let selector = after.strip_prefix('{').and_then(|inside| inside.split_once('}'));
            found.push((name, selector.map_or("", |(selector, _)| selector)));
        }
        rest = after;
    }
    found
}

/// The family of a series: its name and its labels.
fn exported(name: &str) -> (&'static str, &'static [&'static str]) {
    let family = ["_bucket", "_sum", "_count"].iter().find_map(|suffix| name.strip_suffix(suffix));
    let known = |wanted: &str| worker::metrics::families().find(|(name, _)| *name == wanted);
    known(name).or_else(|| known(family?)).unwrap_or_else(|| panic!("the worker exports no {name}"))
}

/// The labels of a selector, each with the values that it asks for.
fn matchers(selector: &str) -> impl Iterator<Item = (&str, Vec<&str>)> {
    selector.split(',').filter(|matcher| !matcher.is_empty()).map(|matcher| {
        let (label, value) = matcher.split_once('=').unwrap_or_else(|| panic!("{matcher} has no ="));
        let value = value.trim_start_matches('~').trim_matches('"');
        (label.trim().trim_end_matches('!'), value.split('|').collect())
    })
}

fn papers() -> String {
    [ALERTS, ALERT_TESTS, RUNBOOK, &dashboard::expressions().join("\n")].join("\n")
}

#[test]
fn every_metric_label_and_fixed_value_is_one_that_the_worker_exports() {
    let papers = papers();
    let named = named(&papers);
    assert!(named.len() > 100, "only {} found", named.len());
    for (name, selector) in named {
        let (family, labels) = exported(name);
        for (label, values) in matchers(selector) {
            assert!(labels.contains(&label) || ADDED.contains(&label), "{name} has no label {label}");
            for (.., known) in FIXED.iter().filter(|(of, fixed, _)| *of == family && *fixed == label) {
                for value in values.iter().filter(|value| !value.starts_with('$')) {
                    assert!(known.contains(value), "{name} is never {label}={value}");
                }
            }
        }
    }
}

#[test]
fn results_are_grouped_by_labels_that_there_are() {
    let labels: BTreeSet<&str> =
        worker::metrics::families().flat_map(|(_, labels)| labels).copied().chain(ADDED).collect();
    let papers = papers();
    for group in papers.split(" by (").skip(1).filter_map(|text| text.split(')').next()) {
        for label in group.split(',').map(str::trim).filter(|label| *label != "alertname") {
            assert!(labels.contains(label), "grouped by {label}");
        }
    }
}

#[test]
fn what_each_worker_exports_of_its_whole_group_is_never_added_up() {
    for text in [ALERTS, &dashboard::expressions().join("\n")] {
        for metric in ["worker_held_records", "worker_relay_backlog_records"] {
            for (before, _) in text.match_indices(metric) {
                let line = text[..before].rsplit('\n').next().unwrap_or_default();
                assert!(
                    ["max by (job", "min by (job"].iter().any(|aggregate| line.contains(aggregate)),
                    "{line}{metric}"
                );
            }
        }
    }
}
