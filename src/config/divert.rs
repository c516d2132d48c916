//! The `OKTETO_` settings: whose records this worker applies while a namespace is diverted.

use serde::Deserialize;

use super::catalogue::{OKTETO_DIVERTED_ENVIRONMENT, OKTETO_NAMESPACE};
use super::findings::Findings;
use super::parse::name;

/// Whose records this worker applies.
#[derive(Debug, Clone)]
pub struct DivertSettings {
    /// The namespace that the worker runs in.
    pub namespace: Option<String>,
    /// The `okteto-divert` member of the records to apply; none applies those without the member.
    pub environment: Option<String>,
}

#[derive(Default, Deserialize)]
struct Texts {
    namespace: Option<String>,
    diverted_environment: Option<String>,
}

impl DivertSettings {
    pub(super) fn read(findings: &mut Findings) -> Self {
        let texts: Texts = findings.texts("OKTETO_");
        Self {
            namespace: findings.optional(&OKTETO_NAMESPACE, texts.namespace.as_deref(), name),
            environment: findings.optional(
                &OKTETO_DIVERTED_ENVIRONMENT,
                texts.diverted_environment.as_deref(),
                name,
            ),
        }
    }
}
