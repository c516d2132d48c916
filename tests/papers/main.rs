//! The papers beside the code tell the truth: alerts, dashboard and runbook name metrics, labels, commands and
//! sections that exist; the Dockerfile says what Cargo says; modules depend on each other in one direction. `make lint` asks Prometheus itself whether it understands
//! them, and hadolint.

#![expect(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking, and its helpers do so for it"
)]

mod alerts;
mod commands;
mod dashboard;
mod image;
mod metrics;
mod structure;

const ALERTS: &str = include_str!("../../config/prometheus/alerts.yml");
const ALERT_TESTS: &str = include_str!("../../config/prometheus/alerts_test.yml");
const DASHBOARD: &str = include_str!("../../config/grafana/dashboards/worker.json");
const RUNBOOK: &str = include_str!("../../docs/runbook.md");
