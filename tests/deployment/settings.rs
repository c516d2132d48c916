//! What the files set is known to the worker, and taken by it.

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

use serde_json::Value;
use worker::config::{Environment, Settings, catalogue, duration};
use worker::{intake, relay};

use crate::compose::{COMPOSE, filled};
use crate::file::{assignment, members, texts, variables, yaml};
use crate::okteto::manifests;

type Variables = BTreeMap<String, String>;

const BASE: &str = "config/kubernetes/base";

/// What a development container may set beside the worker's own: what Cargo reads.
const CARGO: [&str; 1] = ["CARGO_TARGET_DIR"];

fn assert_known<'a>(file: &str, names: impl IntoIterator<Item = &'a String>) {
    let known: Vec<&str> = catalogue().iter().flat_map(|setting| setting.variables()).collect();
    for name in names {
        assert!(known.contains(&name.as_str()), "{file}: {name} is no setting of the worker");
    }
}

/// Asserts that a worker would start with these, by all that it checks before it does anything.
fn settings(file: &str, variables: &Variables) -> Settings {
    assert_known(file, variables.keys());
    let environment: Environment = variables.iter().collect();
    let settings = Settings::from_snapshot(&environment).unwrap_or_else(|faults| panic!("{file}: {faults}"));
    for check in [intake::check, relay::check] {
        check(&settings.kafka).unwrap_or_else(|fault| panic!("{file}: {fault}"));
    }
    settings
}

fn strings(value: &Value, what: &str) -> Variables {
    let text =
        |value: &Value| value.as_str().unwrap_or_else(|| panic!("{what}: {value} is no text")).to_owned();
    members(value, what).iter().map(|(name, value)| (name.clone(), text(value))).collect()
}

/// What Compose gives the worker where nothing is set from outside.
fn of_compose() -> Variables {
    let compose = yaml(COMPOSE);
    let [worker, migrate] = ["worker", "migrate"].map(|name| {
        let given = strings(&compose["services"][name]["environment"], name);
        given.into_iter().map(|(name, value)| (name, filled(&value))).collect::<Variables>()
    });
    assert_eq!(worker, migrate, "one environment for both, or they look at two databases");
    worker
}

#[test]
fn the_worker_takes_what_compose_sets_and_has_the_time_that_it_wants_to_stop() {
    let settings = settings(COMPOSE, &of_compose());
    let grace = yaml(COMPOSE)["services"]["worker"]["stop_grace_period"].as_str().map(duration);
    assert!(grace.unwrap().unwrap() >= settings.shutdown_grace + Duration::from_secs(10));
    assert!(!settings.migrate_on_start, "there is a service for that");
    assert!(settings.http_addr.ends_with(":2112"), "{}", settings.http_addr);
}

#[test]
fn a_setting_is_given_from_outside_under_its_own_name() {
    let raw = yaml(COMPOSE);
    for (name, value) in strings(&raw["services"]["worker"]["environment"], COMPOSE) {
        let given = value.strip_prefix("${").and_then(|rest| rest.split_once('-'));
        if let Some((outside, _)) = given {
            assert_eq!(outside.trim_end_matches(':'), name, "{value}");
        }
    }
}

#[test]
fn the_worker_takes_what_each_okteto_manifest_adds() {
    for (file, manifest) in manifests() {
        for (name, dev) in manifest["dev"].as_object().into_iter().flatten() {
            let mut variables = strings(&dev["environment"], name);
            variables.retain(|name, _| !CARGO.contains(&&**name));
            let mut all = of_compose();
            all.extend(variables);
            settings(&file, &all);
        }
    }
}

/// The settings of the base, the secrets from the example's, in a folder in place of the mounted one.
fn of_kubernetes(changed: impl IntoIterator<Item = (String, String)>) -> (Variables, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let secret = yaml("config/kubernetes/secret.example.yaml");
    for (name, value) in strings(&secret["stringData"], "the example secret") {
        fs::write(folder.path().join(name), value).unwrap();
    }
    let deployment = yaml(&format!("{BASE}/deployment.yaml"));
    let container = &deployment["spec"]["template"]["spec"]["containers"][0];
    let mount = container["volumeMounts"][0]["mountPath"].as_str().unwrap().to_owned();
    let mut all: Variables = variables(&format!("{BASE}/settings.env")).into_iter().collect();
    all.extend(changed);
    for value in all.values_mut() {
        *value = value.replace(&mount, folder.path().to_str().unwrap());
    }
    (all, folder)
}

#[test]
fn the_worker_takes_what_kubernetes_sets_and_the_pod_waits_for_its_end() {
    let (variables, _folder) = of_kubernetes([]);
    let settings = settings(BASE, &variables);
    assert!(!settings.migrate_on_start, "there is a Job for that");
    let deployment = yaml(&format!("{BASE}/deployment.yaml"));
    let pod = deployment["spec"]["template"]["spec"]["terminationGracePeriodSeconds"].as_u64().unwrap();
    assert!(Duration::from_secs(pod) >= settings.shutdown_grace + Duration::from_secs(10));
}

#[test]
fn the_worker_takes_what_the_example_overlay_changes() {
    let overlay = yaml("config/kubernetes/overlays/example/kustomization.yaml");
    let literals = texts(&overlay["configMapGenerator"][0]["literals"]).into_iter().map(assignment);
    let (variables, _folder) = of_kubernetes(literals);
    settings("the example overlay", &variables);
}
