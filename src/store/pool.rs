//! The pool of connections, each with the session settings that the statements rely on.

use std::time::Duration;

use anyhow::Result;
use deadpool_postgres::{Manager, ManagerConfig, RecyclingMethod, Runtime, Timeouts};
use secrecy::ExposeSecret as _;
use tokio_postgres::NoTls;
use tokio_postgres::config::{SslMode as PostgresSslMode, TargetSessionAttrs};

use crate::config::{DatabaseSettings, SslMode};
use crate::tls;

pub use deadpool_postgres::Pool;

/// How long a new connection may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a lane waits for a free connection before it says so.
const WAIT_TIMEOUT: Duration = Duration::from_mins(1);

/// How long sent bytes may stay unacknowledged before the connection counts as lost.
const NETWORK_TIMEOUT: Duration = Duration::from_secs(15);

/// Session settings. A client-side time limit would leave the server running the statement, so the server
/// keeps the limits: lock < statement < idle transaction. Generic plans, because planning anew for each array
/// costs a quarter of the throughput; no JIT, because a generic plan's estimates can set it off for nothing.
const SESSION: &str = "-c lock_timeout=10s -c statement_timeout=30s -c idle_in_transaction_session_timeout=60s \
    -c plan_cache_mode=force_generic_plan -c jit=off -c timezone=UTC -c client_min_messages=warning";

/// Makes the pool. It connects when first used.
///
/// # Errors
/// A certificate file that cannot be read.
pub fn pool(settings: &DatabaseSettings) -> Result<Pool> {
    // After a failover the old primary may still accept connections, but not writes.
    open(settings, settings.pool_size, TargetSessionAttrs::ReadWrite)
}

/// Makes a pool of one connection beside the worker's own, which also takes a database that is only to be read: for
/// whoever asks how the database is.
///
/// # Errors
/// A certificate file that cannot be read.
pub fn aside(settings: &DatabaseSettings) -> Result<Pool> {
    open(settings, 1, TargetSessionAttrs::Any)
}

fn open(settings: &DatabaseSettings, size: usize, target: TargetSessionAttrs) -> Result<Pool> {
    let manager = ManagerConfig { recycling_method: RecyclingMethod::Fast };
    let mut config = connection_config(settings);
    config.options(SESSION).target_session_attrs(target);
    let manager = match settings.ssl_mode {
        SslMode::Disable => Manager::from_config(config, NoTls, manager),
        SslMode::Prefer | SslMode::Require => Manager::from_config(config, tls::unverified()?, manager),
        SslMode::VerifyFull => {
            let connect = tls::verified(settings.ssl_root_cert.as_deref())?;
            Manager::from_config(config, connect, manager)
        }
    };
    let timeouts =
        Timeouts { wait: Some(WAIT_TIMEOUT), create: Some(CONNECT_TIMEOUT), recycle: Some(CONNECT_TIMEOUT) };
    Ok(Pool::builder(manager).max_size(size).timeouts(timeouts).runtime(Runtime::Tokio1).build()?)
}

fn connection_config(settings: &DatabaseSettings) -> tokio_postgres::Config {
    let mut config = tokio_postgres::Config::new();
    config
        .host(&settings.host)
        .port(settings.port)
        .user(&settings.user)
        .password(settings.password.expose_secret())
        .dbname(&settings.name)
        .application_name("worker")
        .connect_timeout(CONNECT_TIMEOUT)
        .keepalives_idle(NETWORK_TIMEOUT)
        .tcp_user_timeout(NETWORK_TIMEOUT)
        .ssl_mode(match settings.ssl_mode {
            SslMode::Disable => PostgresSslMode::Disable,
            SslMode::Prefer => PostgresSslMode::Prefer,
            SslMode::Require | SslMode::VerifyFull => PostgresSslMode::Require,
        });
    config
}
