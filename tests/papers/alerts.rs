//! Each alert says what to do: severity, summary, description with a command, a section of the runbook, and a test
//! in which it fires.

use crate::{ALERT_TESTS, ALERTS, RUNBOOK, commands};

/// The alerts' names and texts.
fn alerts() -> Vec<(&'static str, &'static str)> {
    let alerts: Vec<_> =
        ALERTS.split("- alert: ").skip(1).filter_map(|alert| alert.split_once('\n')).collect();
    assert!(alerts.len() > 10, "only {} alerts", alerts.len());
    alerts
}

#[test]
fn each_alert_says_what_it_means_and_what_to_run() {
    for (name, text) in alerts() {
        for part in ["summary: ", "description: >-", "severity: "] {
            assert!(text.contains(part), "{name} has no {part}");
        }
        assert!(
            text.contains("severity: critical\n") || text.contains("severity: warning\n"),
            "{name}: critical or warning"
        );
        assert!(!commands::in_spans(text).is_empty(), "{name} names no command");
    }
}

#[test]
fn each_alert_has_its_section_in_the_runbook_and_each_section_its_alert() {
    let names: Vec<&str> = alerts().iter().map(|(name, _)| *name).collect();
    for (name, text) in alerts() {
        let anchor = format!("runbook_url: docs/runbook.md#{}\n", name.to_lowercase());
        assert!(text.contains(&anchor), "{name} lacks {anchor}");
    }
    let sections: Vec<&str> = RUNBOOK.lines().filter_map(|line| line.strip_prefix("## ")).collect();
    assert_eq!(sections.split_first(), Some((&"Reading the log", &*names)), "in one order");
    for section in RUNBOOK.split("\n## ").skip(2) {
        for part in ["**Means.**", "**Look.**", "**Do.**", "**Not.**"] {
            assert!(section.contains(part), "no {part} in {section}");
        }
        assert!(!commands::of_runbook(section).is_empty(), "no command in {section}");
    }
}

#[test]
fn links_inside_the_runbook_lead_somewhere() {
    let anchors: Vec<String> = RUNBOOK
        .lines()
        .filter_map(|line| line.strip_prefix("## "))
        .map(|title| title.to_lowercase().replace(' ', "-"))
        .collect();
    for link in RUNBOOK.split("](#").skip(1).filter_map(|text| text.split(')').next()) {
        assert!(anchors.iter().any(|anchor| anchor == link), "#{link}");
    }
}

#[test]
fn each_alert_fires_in_a_test() {
    for (name, _) in alerts() {
        assert!(ALERT_TESTS.contains(&format!("alertname=\"{name}\"")), "{name} is never seen to fire");
    }
}
