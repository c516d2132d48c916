//! The manifest of an overlay: it sets nothing that the worker does not know, and makes an overlay of it.

use worker::config::{Environment, Settings, catalogue};

const COMPOSE: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/docker-compose.divert.yml"));

/// The variables of the worker's environment, each with its value in the namespace `ana` where nothing else is given.
fn variables() -> Vec<(&'static str, String)> {
    let lines = COMPOSE.lines().map(str::trim_start).filter(|line| !line.starts_with('#'));
    let pairs = lines.filter_map(|line| line.split_once(": "));
    pairs
        .filter(|(name, _)| name.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_'))
        .map(|(name, value)| {
            let value = value.replace("${OKTETO_NAMESPACE}", "ana");
            let default = value.strip_prefix("${").and_then(|rest| rest.strip_suffix('}')?.split_once(":-"));
            (name, default.map_or(value.trim_matches('"'), |(_, default)| default).to_owned())
        })
        .collect()
}

#[test]
fn the_overlays_manifest_sets_what_the_worker_knows_and_makes_an_overlay_of_it() {
    let known: Vec<&str> = catalogue().iter().flat_map(|setting| setting.variables()).collect();
    for (name, _) in variables() {
        assert!(known.contains(&name), "{name} is no setting of the worker");
    }
    let environment: Environment = variables().into_iter().collect();
    let settings = Settings::from_snapshot(&environment).unwrap();
    assert_eq!(settings.divert.environment.as_deref(), Some("ana"));
    assert_eq!(settings.kafka.group_id, "worker-group-ana");
    assert!(!settings.migrate_on_start, "the schema is the shared namespace's");
}
