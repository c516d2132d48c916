//! Decides what the demo runs on: the servers that the environment names, otherwise private ones.

use std::env;
use std::fs;
use std::str::FromStr;
use std::time::Instant;

use anyhow::{Context, Result};
use stack::distribution::{Distribution, kafka_version};
use stack::{Admin, Kafka, Mock, Postgres};
use tokio_postgres::{Client, Config};

use super::terminal::say;

const DATABASE: &str = "booking_management";

/// The database that the worker and the demo use.
pub(crate) struct Database {
    config: Config,
    environment: Vec<(&'static str, String)>,
    private: Option<Postgres>,
}

impl Database {
    /// The one of `DB_HOST`, otherwise one in a private cluster.
    pub(crate) async fn find() -> Result<Self> {
        if let Some(host) = setting("DB_HOST") {
            let mut config = Config::new();
            config.host(&host).port(parsed("DB_PORT", 5432)?);
            config.user(setting("DB_USER").unwrap_or_else(|| "postgres".to_owned()));
            config.password(password()?);
            config.dbname(setting("DB_NAME").unwrap_or_else(|| DATABASE.to_owned()));
            stack::postgres::connect(&config).await.context("DB_HOST's database cannot be used")?;
            say(&format!("PostgreSQL of DB_HOST is used: {host}"));
            return Ok(Self { config, environment: Vec::new(), private: None });
        }
        let began = Instant::now();
        let postgres = Postgres::start(&[]).await.context("PostgreSQL did not start")?;
        postgres.create_database(DATABASE).await?;
        let mut config = Config::new();
        config.host(postgres.host()).port(postgres.port()).dbname(DATABASE);
        config.user(postgres.user()).password(postgres.password());
        let version = version(&stack::postgres::connect(&config).await?).await?;
        let port = postgres.port();
        say(&format!("PostgreSQL {version} is up on port {port} ({})", seconds(began)));
        let mut environment = postgres.environment(DATABASE);
        // What a person has set for another database.
        environment.extend([("DB_PASSWORD_FILE", String::new()), ("DB_SSL_MODE", "disable".to_owned())]);
        Ok(Self { config, environment, private: Some(postgres) })
    }

    /// Whether it is the person's.
    pub(crate) fn is_given(&self) -> bool {
        self.private.is_none()
    }

    /// What the worker is told; nothing where it reads the person's own settings.
    pub(crate) fn environment(&self) -> &[(&'static str, String)] {
        &self.environment
    }

    /// A new connection.
    pub(crate) async fn connect(&self) -> Result<Client> {
        stack::postgres::connect(&self.config).await
    }
}

/// The broker that the worker and the demo use.
pub(crate) struct Broker {
    /// Its address.
    pub(crate) bootstrap: String,
    /// What librdkafka needs to know beside it.
    pub(crate) properties: Vec<(String, String)>,
    private: Private,
}

/// What ends with the demo.
enum Private {
    Nothing,
    Kafka(Box<Kafka>),
    Mock(Mock),
}

impl Broker {
    /// The one of `KAFKA_BROKERS`, otherwise a private Apache Kafka, otherwise librdkafka's mock.
    pub(crate) async fn find() -> Result<Self> {
        let began = Instant::now();
        if let Some(bootstrap) = setting("KAFKA_BROKERS") {
            say(&format!("Kafka of KAFKA_BROKERS is used: {bootstrap}"));
            return Ok(Self { bootstrap, properties: properties(), private: Private::Nothing });
        }
        let version = kafka_version();
        if !Distribution::is_prepared() {
            say(&format!("Apache Kafka {version} is fetched through Maven and prepared, this once…"));
        }
        let (bootstrap, private) = if let Err(lack) = Distribution::prepare().await {
            let lack = format!("{lack:#}");
            let lack = lack.split_once("; the end of its log").map_or(lack.as_str(), |(why, _)| why);
            say(&format!("librdkafka's mock stands in for Apache Kafka: {lack}"));
            let mock = Mock::start()?;
            (mock.bootstrap()?, Private::Mock(mock))
        } else {
            let kafka = Kafka::start(&[]).await.context("Apache Kafka did not start")?;
            let bootstrap = kafka.bootstrap().to_owned();
            say(&format!("Apache Kafka {version} is up on {bootstrap} ({})", seconds(began)));
            (bootstrap, Private::Kafka(Box::new(kafka)))
        };
        Ok(Self { bootstrap, properties: Vec::new(), private })
    }

    /// Whether it is the person's.
    pub(crate) fn is_given(&self) -> bool {
        matches!(self.private, Private::Nothing)
    }

    /// A client of its own.
    pub(crate) fn admin(&self) -> Result<Admin> {
        match &self.private {
            Private::Kafka(kafka) => Ok(kafka.admin().clone()),
            _ => Admin::new(&self.bootstrap, &self.properties),
        }
    }

    /// What the worker is told; nothing where it reads the person's own settings.
    pub(crate) fn environment(&self) -> Vec<(&'static str, String)> {
        match self.private {
            Private::Nothing => Vec::new(),
            _ => vec![("KAFKA_BROKERS", self.bootstrap.clone()), ("KAFKA_PROPERTIES", String::new())],
        }
    }

    /// Creates the topics that are missing.
    pub(crate) async fn create_topics(&self, names: &[String], partitions: i32) -> Result<()> {
        if let Private::Mock(mock) = &self.private {
            return names.iter().try_for_each(|name| mock.create_topic(name, partitions));
        }
        let admin = self.admin()?;
        let existing = admin.topics().await?;
        for name in names.iter().filter(|name| !existing.contains_key(*name)) {
            admin.create_topic(name, partitions, &[]).await?;
        }
        Ok(())
    }
}

/// An environment variable, trimmed; an empty one counts as unset.
pub(crate) fn setting(name: &str) -> Option<String> {
    let value = env::var(name).ok()?.trim().to_owned();
    (!value.is_empty()).then_some(value)
}

/// How long it took, for a progress line.
pub(crate) fn seconds(since: Instant) -> String {
    format!("{:.1} s", since.elapsed().as_secs_f64())
}

fn parsed<T: FromStr>(name: &str, default: T) -> Result<T> {
    let Some(value) = setting(name) else { return Ok(default) };
    value.parse().ok().with_context(|| format!("{name} is not usable: {value}"))
}

fn password() -> Result<String> {
    if let Some(file) = setting("DB_PASSWORD_FILE") {
        let text = fs::read_to_string(&file).context("DB_PASSWORD_FILE cannot be read")?;
        return Ok(text.trim_end().to_owned());
    }
    let found = setting("DB_PASSWORD").or_else(|| setting("DB_PASS"));
    Ok(found.unwrap_or_else(|| "postgres".to_owned()))
}

/// The `name=value` lines of `KAFKA_PROPERTIES`; the worker checks them.
fn properties() -> Vec<(String, String)> {
    let lines = setting("KAFKA_PROPERTIES").unwrap_or_default();
    let pairs = lines.lines().filter(|line| !line.trim_start().starts_with('#'));
    let pairs = pairs.filter_map(|line| line.split_once('='));
    pairs.map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned())).collect()
}

async fn version(client: &Client) -> Result<String> {
    let version: String = client.query_one("SHOW server_version", &[]).await?.get(0);
    Ok(version.split_whitespace().next().unwrap_or_default().to_owned())
}
