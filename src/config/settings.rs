//! All settings together, as the rest of the worker receives them.

use std::time::Duration;

use serde::Deserialize;

use super::address::listen;
use super::booking::BookingSettings;
use super::catalogue::{
    BATCH_MAX_RECORDS, HTTP_ADDR, LANE_STALL_LIMIT, LEDGER_RETENTION, MIGRATE_ON_START, SHUTDOWN_GRACE,
};
use super::database::DatabaseSettings;
use super::divert::DivertSettings;
use super::duration::within;
use super::environment::Environment;
use super::fault::ConfigurationFaults;
use super::findings::Findings;
use super::held::{self, DeadLimitSettings, HeldSettings};
use super::kafka::KafkaSettings;
use super::log::LogSettings;
use super::parse::{switch, whole_number};
use super::traces::TracesSettings;

const SHORTEST_GRACE: Duration = Duration::from_secs(1);
const LONGEST_GRACE: Duration = Duration::from_mins(10);
const SHORTEST_RETENTION: Duration = Duration::from_mins(1);
/// A statement may take as long (`store/pool.rs`): a lane that waits for one is not wedged.
const SHORTEST_STALL: Duration = Duration::from_secs(30);
const LONGEST_STALL: Duration = Duration::from_hours(1);
const LONGEST_RETENTION: Duration = Duration::from_hours(24 * 3650);

/// Every setting, checked.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Which database, and how to reach it.
    pub database: DatabaseSettings,
    /// Where the records come from.
    pub kafka: KafkaSettings,
    /// Which new bookings are refused.
    pub booking: BookingSettings,
    /// Whose records this worker applies.
    pub divert: DivertSettings,
    /// Where metrics, health and the status page are served: `address:port`.
    pub http_addr: String,
    /// How long a lane may stand still over records before the worker counts as wedged.
    pub lane_stall_limit: Duration,
    /// What is logged, and how.
    pub log: LogSettings,
    /// Where traces go; none where they go nowhere.
    pub traces: Option<TracesSettings>,
    /// Most records that one transaction applies.
    pub batch_max_records: usize,
    /// How long records that are set aside wait.
    pub held: HeldSettings,
    /// When a partition has too many dead records to go on.
    pub dead_limit: DeadLimitSettings,
    /// How long the ledger keeps what is published and settled.
    pub ledger_retention: Duration,
    /// Whether the migrations are applied before the worker consumes.
    pub migrate_on_start: bool,
    /// How long a shutdown may take.
    pub shutdown_grace: Duration,
}

#[derive(Default, Deserialize)]
struct Texts {
    batch_max_records: Option<String>,
    http_addr: Option<String>,
    lane_stall_limit: Option<String>,
    ledger_retention: Option<String>,
    migrate_on_start: Option<String>,
    shutdown_grace: Option<String>,
}

impl Settings {
    /// Reads this process's environment; fails with everything that is wrong in it, and the caller ends with exit code 2.
    pub fn from_environment() -> Result<Self, ConfigurationFaults> {
        Self::from_snapshot(&Environment::of_this_process())
    }

    /// Reads a snapshot; fails with everything that is wrong in it.
    pub fn from_snapshot(environment: &Environment) -> Result<Self, ConfigurationFaults> {
        let mut findings = Findings::of(environment);
        match Self::read(&mut findings) {
            Some(settings) if findings.faults.is_empty() => Ok(settings),
            _ => Err(ConfigurationFaults(findings.faults)),
        }
    }

    /// Where a worker with this process's environment serves HTTP, whatever else is wrong.
    pub fn http_addr_of_environment() -> Result<String, ConfigurationFaults> {
        let mut findings = Findings::of(&Environment::of_this_process());
        let texts: Texts = findings.texts("");
        findings.faults.clear();
        let address = findings.required(&HTTP_ADDR, texts.http_addr.as_deref(), listen);
        address.ok_or(ConfigurationFaults(findings.faults))
    }

    /// The settings as far as they are right; what is wrong is in the findings.
    pub(super) fn read(findings: &mut Findings) -> Option<Self> {
        let database = DatabaseSettings::read(findings);
        let kafka = KafkaSettings::read(findings);
        let booking = BookingSettings::read(findings);
        let texts: Texts = findings.texts("");
        let batch_max_records =
            findings.required(&BATCH_MAX_RECORDS, texts.batch_max_records.as_deref(), |text| {
                whole_number(text, &(1..=10_000))
            });
        let held = held::read(findings);
        let ledger_retention =
            findings.required(&LEDGER_RETENTION, texts.ledger_retention.as_deref(), |text| {
                within(text, &(SHORTEST_RETENTION..=LONGEST_RETENTION))
            });
        let migrate_on_start =
            findings.required(&MIGRATE_ON_START, texts.migrate_on_start.as_deref(), switch);
        let shutdown_grace = findings.required(&SHUTDOWN_GRACE, texts.shutdown_grace.as_deref(), |text| {
            within(text, &(SHORTEST_GRACE..=LONGEST_GRACE))
        });
        let http_addr = findings.required(&HTTP_ADDR, texts.http_addr.as_deref(), listen);
        let lane_stall_limit =
            findings.required(&LANE_STALL_LIMIT, texts.lane_stall_limit.as_deref(), |text| {
                within(text, &(SHORTEST_STALL..=LONGEST_STALL))
            });
        let log = LogSettings::read(findings);
        let traces = TracesSettings::read(findings);
        let divert = DivertSettings::read(findings);
        let (held, dead_limit) = held?;
        Some(Self {
            database: database?,
            kafka: kafka?,
            booking: booking?,
            divert,
            http_addr: http_addr?,
            lane_stall_limit: lane_stall_limit?,
            log: log?,
            traces: traces?,
            batch_max_records: batch_max_records?,
            held,
            dead_limit,
            ledger_retention: ledger_retention?,
            migrate_on_start: migrate_on_start?,
            shutdown_grace: shutdown_grace?,
        })
    }
}
