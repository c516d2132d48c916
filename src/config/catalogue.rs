//! The one list of settings: name, default and description, from which parsing, `worker config` and `config/worker.env` follow.

/// How much of a setting's value may be shown to a person.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Visibility {
    /// All of it.
    Open,
    /// Nothing.
    Secret,
    /// `name=value` lines, of which some values are secret.
    SecretLines,
}

/// One setting: what a person may write in the environment and what it means.
pub struct Setting {
    /// The environment variable.
    pub name: &'static str,
    /// The text that counts where the variable is unset.
    pub default: Option<&'static str>,
    /// What being unset means where there is no default text.
    pub when_unset: &'static str,
    /// One line for a person.
    pub description: &'static str,
    /// The variable that names a file to read the value from instead.
    pub file: Option<&'static str>,
    /// Whether the empty text is a value of its own, and does not count as unset.
    pub empty_is_a_value: bool,
    /// The variable's older or more general name, which counts where neither of the others is set.
    pub alias: Option<&'static str>,
    pub(super) visibility: Visibility,
}

impl Setting {
    const fn with_default(default: &'static str, description: &'static str) -> Self {
        Self { default: Some(default), ..Self::optional("", description) }
    }

    const fn optional(when_unset: &'static str, description: &'static str) -> Self {
        Self {
            name: "",
            default: None,
            when_unset,
            description,
            file: None,
            alias: None,
            empty_is_a_value: false,
            visibility: Visibility::Open,
        }
    }

    const fn hidden(self, visibility: Visibility, file: &'static str) -> Self {
        Self { file: Some(file), visibility, ..self }
    }

    const fn secret(self) -> Self {
        Self { visibility: Visibility::Secret, ..self }
    }

    const fn or_empty(self) -> Self {
        Self { empty_is_a_value: true, ..self }
    }

    const fn also_called(self, alias: &'static str) -> Self {
        Self { alias: Some(alias), ..self }
    }

    /// Every variable that can give this setting its value.
    pub fn variables(&self) -> impl Iterator<Item = &'static str> + use<> {
        std::iter::once(self.name).chain(self.file).chain(self.alias)
    }
}

/// Every setting, in the order in which a person reads them.
#[must_use]
pub fn catalogue() -> &'static [&'static Setting] {
    &CATALOGUE
}

/// The catalogue's own spelling of a variable that it knows.
pub(super) fn known_variable(name: &str) -> Option<&'static str> {
    catalogue().iter().flat_map(|setting| setting.variables()).find(|known| *known == name)
}

/// Whether the empty text is a value of this variable.
pub(super) fn means_something_empty(name: &str) -> bool {
    catalogue().iter().any(|setting| setting.empty_is_a_value && setting.name == name)
}

/// Declares each setting under its variable's name, and the list of them all.
macro_rules! settings {
    ($($name:ident: $setting:expr;)+) => {
        $(pub(super) static $name: Setting = Setting { name: stringify!($name), ..$setting };)+
        static CATALOGUE: [&Setting; [$(stringify!($name)),+].len()] = [$(&$name),+];
    };
}

settings! {
    DB_HOST: Setting::with_default("localhost",
        "PostgreSQL's host name or address, or the folder of its Unix socket");
    DB_PORT: Setting::with_default("5432",
        "PostgreSQL's port (a Kubernetes service link, tcp://..., counts as unset)");
    DB_USER: Setting::with_default("postgres",
        "PostgreSQL user");
    DB_PASSWORD: Setting::with_default("postgres",
        "That user's password; DB_PASS counts where neither DB_PASSWORD nor DB_PASSWORD_FILE is set")
        .hidden(Visibility::Secret, "DB_PASSWORD_FILE")
        .also_called("DB_PASS");
    DB_NAME: Setting::with_default("booking_management",
        "Database that holds the bookings");
    DB_SSL_MODE: Setting::with_default("prefer",
        "TLS to PostgreSQL: disable, prefer, require or verify-full");
    DB_SSL_ROOT_CERT: Setting::optional("the system's certificates",
        "PEM file of the certificate authorities to trust");
    DB_POOL_SIZE: Setting::with_default("4",
        "Connections to PostgreSQL, 1 to 64; more than the database has cores adds nothing");

    KAFKA_BROKERS: Setting::with_default("localhost:9092",
        "Brokers to start from, host:port, separated by commas");
    KAFKA_GROUP_ID: Setting::with_default("worker-group",
        "Consumer group; worker-group-<OKTETO_NAMESPACE> where OKTETO_DIVERTED_ENVIRONMENT is set");
    KAFKA_BOOKING_TOPIC: Setting::with_default("booking-events",
        "Topic of the bookings");
    KAFKA_CANCELLATION_TOPIC: Setting::with_default("booking-cancellations",
        "Topic of the cancellations");
    KAFKA_STATUS_TOPIC: Setting::with_default("booking-status",
        "Topic that is told what became of each booking; set but empty, nobody is told")
        .or_empty();
    KAFKA_GROUP_PROTOCOL: Setting::with_default("classic",
        "Group protocol: classic (cooperative-sticky) or consumer (KIP-848, Kafka 4.0 or newer)");
    KAFKA_PROPERTIES: Setting::optional("none",
        "Further librdkafka settings (TLS, SASL), one name=value a line, # for a comment")
        .hidden(Visibility::SecretLines, "KAFKA_PROPERTIES_FILE");

    BOOKING_OVERLAP: Setting::with_default("allow",
        "A new booking whose room is taken for any of its nights by an accepted one: allow or refuse");
    BOOKING_CAPACITY: Setting::with_default("allow",
        "A new booking with more guests than its room's capacity: allow or refuse");

    BATCH_MAX_RECORDS: Setting::with_default("500",
        "Most records that one transaction applies, 1 to 10000");
    HELD_BACKOFF_MIN: Setting::with_default("1s",
        "Shortest wait before a held record is tried again, 10ms to 1h");
    HELD_BACKOFF_MAX: Setting::with_default("5m",
        "Longest wait before a held record is tried again, up to 1d");
    HELD_MAX_AGE: Setting::with_default("1d",
        "How long a held record waits in all before it is dead, 1s to 365d");
    LEDGER_RETENTION: Setting::with_default("90d",
        "How long the ledger keeps what is published and settled, 1m to 3650d");
    DEAD_LIMIT_RUN: Setting::with_default("100",
        "Dead records in a row after which a lane pauses until a person looks, 1 to 1000000");
    DEAD_LIMIT_RATIO: Setting::with_default("0.5",
        "Share of dead records in DEAD_LIMIT_WINDOW after which a lane pauses, above 0 up to 1");
    DEAD_LIMIT_WINDOW: Setting::with_default("1000",
        "Last records of a partition that DEAD_LIMIT_RATIO looks at, 10 to 100000");
    MIGRATE_ON_START: Setting::with_default("true",
        "Whether the worker applies its migrations before it consumes");
    SHUTDOWN_GRACE: Setting::with_default("30s",
        "How long a shutdown may take, 1s to 10m; keep it below the pod's own grace");

    HTTP_ADDR: Setting::with_default("0.0.0.0:2112",
        "Where metrics, health and the status page are served, address:port");
    LANE_STALL_LIMIT: Setting::with_default("3m",
        "How long a lane may stand still over records before the worker counts as wedged, 30s to 1h");

    LOG_FORMAT: Setting::optional("json; pretty on a terminal",
        "Log lines as json or pretty");
    LOG_LEVEL: Setting::with_default("info",
        "Least severe level to log: trace, debug, info, warn, error or off");
    RUST_LOG: Setting::optional("LOG_LEVEL counts",
        "Log filter per module, such as info,worker=debug; wins over LOG_LEVEL");
    BAGGAGE_LOG_KEYS: Setting::optional("all members",
        "Baggage members that log lines may show, separated by commas");

    OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: Setting::optional("no traces",
        "OTLP collector that takes the traces, used as it is; OTEL_EXPORTER_OTLP_ENDPOINT gets /v1/traces appended")
        .also_called("OTEL_EXPORTER_OTLP_ENDPOINT");
    OTEL_EXPORTER_OTLP_TRACES_HEADERS: Setting::optional("none",
        "Headers for the collector, name=value separated by commas, values percent-encoded")
        .secret()
        .also_called("OTEL_EXPORTER_OTLP_HEADERS");
    OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: Setting::with_default("http/protobuf",
        "Protocol to the collector: http/protobuf")
        .also_called("OTEL_EXPORTER_OTLP_PROTOCOL");
    OTEL_EXPORTER_OTLP_TRACES_COMPRESSION: Setting::with_default("none",
        "Compression towards the collector: none or gzip")
        .also_called("OTEL_EXPORTER_OTLP_COMPRESSION");
    OTEL_EXPORTER_OTLP_TRACES_TIMEOUT: Setting::with_default("10000",
        "Milliseconds that the collector may take for an answer, 1 to 600000")
        .also_called("OTEL_EXPORTER_OTLP_TIMEOUT");
    OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE: Setting::optional("the system's certificates",
        "PEM file of the certificate authorities to trust for an https collector")
        .also_called("OTEL_EXPORTER_OTLP_CERTIFICATE");
    OTEL_SDK_DISABLED: Setting::with_default("false",
        "Whether traces are off, whatever else is set");
    OTEL_TRACES_EXPORTER: Setting::with_default("otlp",
        "Where traces go: otlp (where an endpoint is set) or none");
    OTEL_TRACES_SAMPLER: Setting::with_default("parentbased_always_on",
        "Which records have spans: always_on, always_off, traceidratio, or parentbased_ before one of these");
    OTEL_TRACES_SAMPLER_ARG: Setting::optional("1.0",
        "Share of traces for a ratio sampler, 0.0 to 1.0");
    OTEL_SERVICE_NAME: Setting::optional("service.name of OTEL_RESOURCE_ATTRIBUTES, else booking-worker",
        "The worker's name in traces");
    OTEL_RESOURCE_ATTRIBUTES: Setting::optional("none",
        "What traces say of this process, name=value separated by commas, values percent-encoded");
    OTEL_BSP_SCHEDULE_DELAY: Setting::with_default("5000",
        "Milliseconds after which spans are sent, however few, 1 to 600000");
    OTEL_BSP_MAX_QUEUE_SIZE: Setting::with_default("2048",
        "Spans that wait for the collector at most, 1 to 65536; further ones are dropped");
    OTEL_BSP_MAX_EXPORT_BATCH_SIZE: Setting::optional("512, or the queue's size",
        "Spans in one request at most, 1 to OTEL_BSP_MAX_QUEUE_SIZE");
    OTEL_BSP_EXPORT_TIMEOUT: Setting::with_default("30000",
        "Milliseconds for one request and its repetitions, 1 to 600000");
    OTEL_SPAN_LINK_COUNT_LIMIT: Setting::with_default("128",
        "Records that the span of a batch links at most, 0 to 10000");

    OKTETO_NAMESPACE: Setting::optional("none",
        "Namespace that this worker runs in (Okteto sets it)");
    OKTETO_DIVERTED_ENVIRONMENT: Setting::optional("records without okteto-divert",
        "Apply only the records whose baggage member okteto-divert has this value");
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::catalogue;

    const SETTINGS_FILE: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/config/worker.env"));

    /// The `NAME=value` lines of the settings file, commented out or not.
    fn lines_of_the_settings_file() -> Vec<(&'static str, &'static str)> {
        SETTINGS_FILE
            .lines()
            .filter_map(|line| line.trim_start_matches('#').split_once('='))
            .filter(|(name, _)| !name.contains(' ') && *name == name.to_uppercase())
            .collect()
    }

    #[test]
    fn the_settings_file_lists_exactly_the_variables_of_the_catalogue() {
        let listed: Vec<&str> = lines_of_the_settings_file().iter().map(|(name, _)| *name).collect();
        let unique: BTreeSet<&str> = listed.iter().copied().collect();
        let known: BTreeSet<&str> = catalogue().iter().flat_map(|s| s.variables()).collect();
        assert_eq!(unique, known);
        assert_eq!(listed.len(), unique.len(), "a variable is listed twice");
    }

    #[test]
    fn the_settings_file_shows_the_defaults_and_sets_nothing() {
        for setting in catalogue() {
            let Some(default) = setting.default else {
                continue;
            };
            assert!(
                lines_of_the_settings_file().contains(&(setting.name, default)),
                "{} is not shown with its default {default}",
                setting.name
            );
        }
        for line in SETTINGS_FILE.lines() {
            assert!(line.is_empty() || line.starts_with('#'), "sets: {line}");
        }
    }

    #[test]
    fn every_setting_says_what_it_is_and_what_being_unset_means() {
        for setting in catalogue() {
            assert!(!setting.description.is_empty(), "{}", setting.name);
            let meanings = [setting.default.unwrap_or(""), setting.when_unset];
            let given = meanings.iter().filter(|text| !text.is_empty()).count();
            assert_eq!(given, 1, "{}", setting.name);
        }
    }
}
