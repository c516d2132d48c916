//! `docker-compose.yml`: Compose takes it, and Okteto neither refuses nor silently drops what it says.

use std::collections::BTreeSet;
use std::fs;

use serde_json::Value;
use worker::config::duration;

use crate::file::{members, path, text, texts, variables, yaml};
use crate::schema::Schema;

pub(crate) const COMPOSE: &str = "docker-compose.yml";
const LAPTOP: &str = "docker-compose.laptop.yml";

/// What a service may say to Okteto (its CLI of July 2026). It refuses any other key: Compose's own `develop`,
/// `attach`, `pids_limit`, and every extension but these.
const TAKEN: [&str; 15] = [
    "build",
    "command",
    "depends_on",
    "deploy",
    "entrypoint",
    "environment",
    "expose",
    "healthcheck",
    "image",
    "restart",
    "stop_grace_period",
    "volumes",
    "x-enable-service-links",
    // With a warning, and without effect: a pod gets neither.
    "read_only",
    "security_opt",
];

/// The services of a Compose file.
pub(crate) fn services(file: &Value) -> impl Iterator<Item = (&str, &Value)> {
    members(&file["services"], "services").iter().map(|(name, service)| (name.as_str(), service))
}

/// What a service waits for, with the condition.
pub(crate) fn waits_for(service: &Value) -> Vec<(&str, &str)> {
    match &service["depends_on"] {
        Value::Object(waits) => waits
            .iter()
            .map(|(name, wait)| {
                assert_eq!(members(wait, name).len(), 1, "{name}: Okteto knows the condition only");
                (name.as_str(), wait["condition"].as_str().unwrap())
            })
            .collect(),
        names => texts(names).into_iter().map(|name| (name, "service_started")).collect(),
    }
}

fn names(value: &Value, what: &str) -> BTreeSet<String> {
    members(value, what).keys().cloned().collect()
}

fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[test]
fn compose_takes_both_files() {
    for file in [COMPOSE, LAPTOP] {
        Schema::compose().assert_fits(file, &yaml(file));
    }
}

#[test]
fn no_key_is_one_that_okteto_refuses() {
    let file = yaml(COMPOSE);
    for name in members(&file, COMPOSE).keys() {
        let known = ["name", "services", "volumes", "networks"].contains(&&**name) || name.starts_with("x-");
        assert!(known, "{name}");
    }
    for (name, service) in services(&file) {
        let unknown: Vec<String> = names(service, name).difference(&set(&TAKEN)).cloned().collect();
        assert!(unknown.is_empty(), "{name}: {unknown:?}");
        assert!(name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-'), "{name} is renamed");
        assert_eq!(names(&service["deploy"], name), set(&["resources"]), "{name}");
        if service["healthcheck"].is_object() {
            let known = ["test", "interval", "timeout", "retries", "start_period", "x-okteto-liveness"];
            assert!(names(&service["healthcheck"], name).is_subset(&set(&known)), "{name}");
        }
    }
    assert!(!path("docker-compose.override.yml").exists(), "Okteto would merge it");
}

#[test]
fn nothing_is_an_endpoint_for_the_world_but_by_intention() {
    let file = yaml(COMPOSE);
    for (name, service) in services(&file) {
        assert!(
            service["ports"].is_null(),
            "{name}: Okteto would publish it; docker-compose.laptop.yml has ports"
        );
    }
}

#[test]
fn every_service_has_time_to_stop_and_bounds_and_no_service_links() {
    for (name, service) in services(&yaml(COMPOSE)) {
        // Without it Okteto kills a pod at once.
        let grace = duration(service["stop_grace_period"].as_str().unwrap()).unwrap();
        assert!(grace.as_secs() >= 45, "{name}");
        assert_eq!(service["x-enable-service-links"], false, "{name}");
        let limits = &service["deploy"]["resources"]["limits"];
        assert!(limits["cpus"].is_string() && limits["memory"].is_string(), "{name} is not bounded");
    }
}

#[test]
fn healthchecks_need_no_shell_and_the_worker_asks_itself() {
    let file = yaml(COMPOSE);
    for (name, service) in services(&file) {
        if service["healthcheck"].is_object() {
            assert_eq!(
                texts(&service["healthcheck"]["test"])[0],
                "CMD",
                "{name}: Okteto runs CMD-SHELL without one"
            );
        }
    }
    assert_eq!(texts(&file["services"]["worker"]["healthcheck"]["test"])[1..], ["/worker", "healthcheck"]);
}

#[test]
fn what_is_waited_for_exists_and_comes_to_be_as_it_is_waited_for() {
    let file = yaml(COMPOSE);
    for (name, service) in services(&file) {
        for (other, condition) in waits_for(service) {
            let other_service = &file["services"][other];
            assert!(other_service.is_object(), "{name} waits for {other}");
            let ends = other_service["restart"] == "no";
            match condition {
                "service_completed_successfully" => {
                    assert!(ends, "{other} never ends; Okteto makes no Job of it");
                }
                "service_healthy" => assert!(other_service["healthcheck"].is_object() && !ends, "{other}"),
                "service_started" => assert!(!ends, "{other}"),
                _ => panic!("{name} waits for {other} in a way unknown to Okteto: {condition}"),
            }
        }
    }
}

#[test]
fn the_worker_can_stand_beside_a_platform_that_brings_the_servers() {
    let file = yaml(COMPOSE);
    let needs = |name: &str| -> Vec<&str> {
        waits_for(&file["services"][name]).into_iter().map(|(other, _)| other).collect()
    };
    assert_eq!(needs("worker"), ["migrate"]);
    assert_eq!(needs("migrate"), [""; 0], "migrate waits for the database by itself");
    for name in ["worker", "migrate"] {
        let service = &file["services"][name];
        // A named volume makes Okteto run `sh` in the image; a mounted folder makes it build another one.
        assert!(service["volumes"].is_null(), "{name}");
        assert!(service["entrypoint"].is_null(), "{name}: the image has its own");
        assert!(
            service["build"].is_object() && service["build"]["target"].is_null(),
            "{name}: the last stage is it"
        );
    }
}

#[test]
fn mounts_are_of_the_short_form_and_their_sources_are_there() {
    let file = yaml(COMPOSE);
    let volumes = names(&file["volumes"], "volumes");
    for (name, service) in services(&file) {
        for mount in texts(&service["volumes"]) {
            let parts: Vec<&str> = mount.split(':').collect();
            let [source, target] = parts[..] else {
                panic!("{name}: Okteto takes source:target only: {mount}")
            };
            assert!(target.starts_with('/'), "{name}: {mount}");
            match source.strip_prefix("./") {
                Some(folder) => assert!(path(folder).is_dir(), "{name}: there is no folder {folder}"),
                None => assert!(volumes.contains(source), "{name}: {source} is not declared"),
            }
        }
    }
}

/// Okteto copies what is mounted into an image of its own, out of the folder that the worker's is built from.
#[test]
fn what_is_mounted_is_not_kept_out_of_images() {
    let rules = fs::read_to_string(path(".dockerignore")).unwrap_or_default();
    for (name, service) in services(&yaml(COMPOSE)) {
        for folder in
            texts(&service["volumes"]).iter().filter_map(|mount| mount.split(':').next()?.strip_prefix("./"))
        {
            assert!(!is_ignored(&rules, folder), "{name}: .dockerignore keeps {folder} out");
        }
    }
    assert!(is_ignored("a\nconfig", "config/x") && is_ignored("config/*", "config/x"));
    assert!(!is_ignored("config/*\n!config/x", "config/x") && !is_ignored("conf", "config/x"));
}

/// Whether these rules, as far as they name folders, exclude this one: the last that speaks of it decides.
fn is_ignored(rules: &str, folder: &str) -> bool {
    let speaks_of = |rule: &str| {
        let above = rule.trim_end_matches("/*").trim_end_matches('/');
        folder.strip_prefix(above).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    let mut rules = rules.lines().map(|line| (line.starts_with('!'), line.trim_start_matches('!')));
    rules.rfind(|(_, rule)| speaks_of(rule)).is_some_and(|(kept, _)| !kept)
}

#[test]
fn grafana_finds_its_dashboards_where_its_provider_looks() {
    let file = yaml(COMPOSE);
    let mounts = texts(&file["services"]["grafana"]["volumes"]);
    let provider = yaml("config/grafana/provisioning/dashboards/worker.yml");
    let place = provider["providers"][0]["options"]["path"].as_str().unwrap();
    assert!(
        mounts.contains(&&*format!("./config/grafana/dashboards:{place}")),
        "{mounts:?}, but it looks in {place}"
    );
    assert!(mounts.contains(&"./config/grafana/provisioning:/etc/grafana/provisioning"), "{mounts:?}");
}

#[test]
fn a_laptop_publishes_ports_to_itself_alone() {
    let (all, laptop) = (yaml(COMPOSE), yaml(LAPTOP));
    for (name, service) in services(&laptop) {
        assert_eq!(names(service, name), set(&["ports"]), "{name}");
        let expose = texts(&all["services"][name]["expose"]);
        for port in texts(&service["ports"]) {
            let inside = port.rsplit(':').next().unwrap();
            assert!(port.starts_with("127.0.0.1:") && expose.contains(&inside), "{name}: {port}");
        }
    }
    let kafka = &all["services"]["kafka"]["environment"]["KAFKA_ADVERTISED_LISTENERS"];
    let host = kafka.as_str().unwrap().split("HOST://localhost:").nth(1).unwrap();
    assert_eq!(texts(&laptop["services"]["kafka"]["ports"]), [format!("127.0.0.1:{host}:{host}")]);
    let files = variables(".env").into_iter().find(|(name, _)| name == "COMPOSE_FILE").unwrap().1;
    assert_eq!(files, format!("{COMPOSE}:{LAPTOP}"));
}

/// Okteto and Compose fill in variables in one way as far as these two forms go.
#[test]
fn every_variable_has_a_default_and_no_other_dollar_is_left() {
    for file in [COMPOSE, LAPTOP] {
        let filled = filled(&text(file));
        assert!(!filled.contains('$'), "{file}: {filled}");
    }
}

/// A value as Compose reads it where no variable is set: `${NAME:-default}` and `${NAME-default}`.
pub(crate) fn filled(text: &str) -> String {
    let mut parts = text.split("${");
    let mut filled = parts.next().unwrap().to_owned();
    for part in parts {
        let (inside, rest) = part.split_once('}').unwrap();
        let (name, default) = inside.split_once('-').unwrap_or_else(|| panic!("{inside} has no default"));
        let name = name.strip_suffix(':').unwrap_or(name);
        assert!(name.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_'), "{inside}");
        filled += default;
        filled += rest;
    }
    filled
}
