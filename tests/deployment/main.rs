//! The files that bring the worker to a laptop and to a cluster: Compose, Okteto, Kubernetes. They fit the schemas of
//! those who read them, hold nothing that these refuse or silently drop, and give the worker settings that it takes.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking, and its helpers do so for it"
)]

mod compose;
mod file;
mod kubernetes;
mod okteto;
mod sample;
mod schema;
mod settings;
