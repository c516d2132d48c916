//! The schemas in `schemas/`, which its README tells of.

use jsonschema::Validator;
use serde_json::{Value, json};

/// A schema that files are held against.
pub(crate) struct Schema(Validator);

impl Schema {
    /// Docker Compose's.
    pub(crate) fn compose() -> Self {
        Self::new(&parsed(include_str!("schemas/compose.json")))
    }

    /// That of a kind of the Kubernetes API, or of one of the two custom resources.
    pub(crate) fn kind(kind: &str) -> Self {
        match kind {
            "ScaledObject" => Self::new(&parsed(include_str!("schemas/scaled-object.json"))),
            "PodMonitor" => Self::new(&parsed(include_str!("schemas/pod-monitor.json"))),
            _ => {
                let mut schema = parsed(include_str!("schemas/kubernetes.json"));
                assert!(schema["$defs"][kind].is_object(), "there is no schema of {kind}");
                schema["$ref"] = json!(format!("#/$defs/{kind}"));
                Self::new(&schema)
            }
        }
    }

    fn new(schema: &Value) -> Self {
        Self(jsonschema::validator_for(schema).unwrap())
    }

    /// Asserts that the value fits.
    pub(crate) fn assert_fits(&self, name: &str, value: &Value) {
        let faults = self.faults(value);
        assert!(faults.is_empty(), "{name}: {faults:#?}");
    }

    fn faults(&self, value: &Value) -> Vec<String> {
        self.0.iter_errors(value).map(|error| format!("{}: {error}", error.instance_path())).collect()
    }
}

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

#[test]
fn the_schemas_refuse_what_nobody_reads() {
    for (schema, value) in [
        (Schema::compose(), json!({ "services": { "a": { "image": "b", "stop_grace": "1s" } } })),
        (Schema::kind("Deployment"), json!({ "spec": { "template": { "spec": { "enableLinks": false } } } })),
        (Schema::kind("Deployment"), json!({ "spec": { "minReadySeconds": "soon" } })),
        (
            Schema::kind("ScaledObject"),
            json!({ "spec": { "scaleTargetRef": { "name": "a" }, "maxReplicas": 1 } }),
        ),
        (Schema::kind("PodMonitor"), json!({ "spec": { "selector": {}, "podMetricsEndpoint": [] } })),
    ] {
        assert_ne!(schema.faults(&value), [""; 0], "{value}");
    }
}
