//! The `DB_` settings: which database, as whom, and over what kind of connection.

use std::path::PathBuf;

use secrecy::SecretString;
use serde::Deserialize;

use super::address::{database_host, port};
use super::catalogue::{
    DB_HOST, DB_NAME, DB_PASSWORD, DB_POOL_SIZE, DB_PORT, DB_SSL_MODE, DB_SSL_ROOT_CERT, DB_USER,
};
use super::file::read_bytes;
use super::findings::Findings;
use super::parse::{name, one_of, whole_number};

/// Which database, and how to reach it.
#[derive(Debug, Clone)]
pub struct DatabaseSettings {
    /// Host name, address, or the absolute folder of a Unix socket.
    pub host: String,
    /// Port.
    pub port: u16,
    /// User.
    pub user: String,
    /// That user's password.
    pub password: SecretString,
    /// Database.
    pub name: String,
    /// Whether the connection is encrypted and the server verified.
    pub ssl_mode: SslMode,
    /// Certificate authorities to trust instead of the system's; readable when the settings were read.
    pub ssl_root_cert: Option<PathBuf>,
    /// Connections at most.
    pub pool_size: usize,
}

/// Whether the connection is encrypted and the server verified, in libpq's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SslMode {
    /// Never encrypted.
    Disable,
    /// Encrypted where the server offers it.
    Prefer,
    /// Always encrypted.
    Require,
    /// Always encrypted, certificate and host name verified.
    VerifyFull,
}

#[derive(Default, Deserialize)]
struct Texts {
    host: Option<String>,
    port: Option<String>,
    user: Option<String>,
    password: Option<String>,
    name: Option<String>,
    ssl_mode: Option<String>,
    ssl_root_cert: Option<String>,
    pool_size: Option<String>,
}

impl DatabaseSettings {
    pub(super) fn read(findings: &mut Findings) -> Option<Self> {
        let texts: Texts = findings.texts("DB_");
        let host = findings.required(&DB_HOST, texts.host.as_deref(), database_host);
        let port = findings.required(&DB_PORT, texts.port.as_deref(), port);
        let user = findings.required(&DB_USER, texts.user.as_deref(), name);
        let password = findings.required(&DB_PASSWORD, texts.password.as_deref(), password);
        let name = findings.required(&DB_NAME, texts.name.as_deref(), name);
        let ssl_mode = findings.required(&DB_SSL_MODE, texts.ssl_mode.as_deref(), ssl_mode);
        let ssl_root_cert =
            findings.optional(&DB_SSL_ROOT_CERT, texts.ssl_root_cert.as_deref(), readable_file);
        let pool_size = findings
            .required(&DB_POOL_SIZE, texts.pool_size.as_deref(), |text| whole_number(text, &(1..=64)));
        Some(Self {
            host: host?,
            port: port?,
            user: user?,
            password: password?,
            name: name?,
            ssl_mode: ssl_mode?,
            ssl_root_cert,
            pool_size: pool_size?,
        })
    }
}

fn ssl_mode(text: &str) -> Result<SslMode, String> {
    one_of(
        text,
        &[
            ("disable", SslMode::Disable),
            ("prefer", SslMode::Prefer),
            ("require", SslMode::Require),
            ("verify-full", SslMode::VerifyFull),
        ],
    )
}

fn password(text: &str) -> Result<SecretString, String> {
    if text.contains('\0') {
        return Err("a password without NUL, which PostgreSQL cannot take".to_owned());
    }
    Ok(text.into())
}

fn readable_file(path: &str) -> Result<PathBuf, String> {
    read_bytes(path).map_err(|reason| format!("the path of a readable PEM file; this one {reason}"))?;
    Ok(path.into())
}
