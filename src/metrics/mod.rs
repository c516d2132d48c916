//! What the worker counts, in Prometheus's text format.

use prometheus::{Encoder as _, IntGaugeVec, Opts, Registry, TextEncoder};

/// All metrics of the process.
pub struct Metrics {
    registry: Registry,
}

impl Metrics {
    /// The media type of what [`render`](Self::render) writes.
    pub const CONTENT_TYPE: &str = prometheus::TEXT_FORMAT;

    /// Registers all of them.
    ///
    /// # Errors
    /// Two of them have one name: a mistake of the program.
    pub fn new() -> prometheus::Result<Self> {
        let registry = Registry::new();
        let about = Opts::new("worker_build_info", "The worker's version; the value is always 1.");
        let build = IntGaugeVec::new(about, &["version"])?;
        build.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1);
        registry.register(Box::new(build))?;
        Ok(Self { registry })
    }

    /// The metrics as they are now.
    #[must_use]
    pub fn render(&self) -> Vec<u8> {
        let mut text = Vec::new();
        if let Err(error) = TextEncoder::new().encode(&self.registry.gather(), &mut text) {
            tracing::error!(%error, "the metrics could not be written");
        }
        text
    }
}
