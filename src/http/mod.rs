//! HTTP: metrics, health and the status page, up before Kafka and PostgreSQL are reached.
//!
//! Whoever asks costs the worker next to nothing: answers come from memory, connections are few, short and bounded.

mod page;
mod routes;
mod server;

pub use routes::Site;
pub use server::Server;
