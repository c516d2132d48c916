//! Okteto's manifests: keys that its schema knows, and names that lead somewhere.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::compose::{COMPOSE, waits_for};
use crate::file::{members, path, text, texts, yaml};

/// What each part of a manifest may hold, by Okteto's `schema.json` (of the CLI of July 2026): a path, in which `*` is
/// a name of one's own, and the keys below it. The schema allows no others, and every part here is a mapping.
const KEYS: &[(&str, &str)] = &[
    ("", "name icon build deploy destroy dependencies dev external forward test"),
    ("build.*", "args context depends_on dockerfile image secrets target"),
    ("deploy", "image context remote commands compose endpoints divert"),
    ("deploy.commands", "name command"),
    ("deploy.compose", "file services"),
    ("deploy.divert", "driver namespace virtualServices hosts"),
    ("destroy", "name command"),
    (
        "dev.*",
        "affinity autocreate command container environment envFiles externalVolumes forward initContainer interface \
         image imagePullPolicy lifecycle metadata mode nodeSelector persistentVolume priorityClassName probes remote \
         resources reverse secrets securityContext selector serviceAccount services sync timeout tolerations volumes \
         workdir",
    ),
    (
        "dev.*.securityContext",
        "runAsUser runAsGroup fsGroup runAsNonRoot allowPrivilegeEscalation \
         readOnlyRootFilesystem capabilities",
    ),
    ("dev.*.securityContext.capabilities", "add"),
    ("dev.*.resources", "requests limits"),
    ("dev.*.resources.requests", "cpu memory ephemeral-storage"),
    ("dev.*.resources.limits", "cpu memory ephemeral-storage"),
    ("dev.*.persistentVolume", "enabled accessMode size storageClass volumeMode annotations labels"),
    ("test.*", "artifacts caches commands context depends_on hosts image skipIfNoFileChanges"),
    ("test.*.commands", "name command"),
];

/// Parts whose keys are the author's own.
const OWN_KEYS: [&str; 4] = ["build", "dev", "test", "dev.*.environment"];

/// Every manifest in the repository.
pub(crate) fn manifests() -> Vec<(String, Value)> {
    let files = std::fs::read_dir(path(".")).unwrap().map(|entry| entry.unwrap().file_name());
    let mut names: Vec<String> = files.map(|name| name.into_string().unwrap()).collect();
    names.retain(|name| {
        name.split('.').next() == Some("okteto") && name.split('.').next_back() == Some("yml")
    });
    names.sort();
    assert!(names.contains(&"okteto.yml".to_owned()), "{names:?}");
    names.into_iter().map(|name| (name.clone(), yaml(&name))).collect()
}

/// The parts of a list or a mapping with its keys, checked from `place` on down.
fn check(file: &str, place: &str, value: &Value) {
    match value {
        Value::Array(items) => {
            items.iter().filter(|item| item.is_object()).for_each(|item| check(file, place, item));
        }
        Value::Object(parts) => {
            let own = OWN_KEYS.contains(&place);
            let keys = KEYS.iter().find(|(part, _)| *part == place).map(|(_, keys)| *keys);
            assert!(own || keys.is_some(), "{file}: nothing is known of {place}");
            for (key, part) in parts {
                assert!(
                    own || keys.unwrap().split_whitespace().any(|known| known == key),
                    "{file}: {place}.{key}"
                );
                let key = if own { "*" } else { key };
                check(file, &if place.is_empty() { key.to_owned() } else { format!("{place}.{key}") }, part);
            }
        }
        _ => {}
    }
}

/// The services that a manifest deploys, by file.
fn deployed(manifest: &Value) -> Vec<(&str, Vec<&str>)> {
    let compose = &manifest["deploy"]["compose"];
    let parts = compose.as_array().map_or_else(|| vec![compose], |parts| parts.iter().collect());
    parts.into_iter().map(|part| (part["file"].as_str().unwrap(), texts(&part["services"]))).collect()
}

#[test]
fn manifests_hold_only_keys_that_okteto_knows() {
    for (file, manifest) in manifests() {
        check(&file, "", &manifest);
    }
}

#[test]
fn a_manifest_deploys_services_that_are_there_with_all_that_they_wait_for() {
    for (file, manifest) in manifests() {
        for (compose_file, services) in deployed(&manifest) {
            let compose = yaml(compose_file);
            assert!(!services.is_empty(), "{file}: it would deploy everything");
            for name in &services {
                let service = &compose["services"][*name];
                assert!(service.is_object(), "{file}: there is no {name} in {compose_file}");
                for (other, _) in waits_for(service) {
                    assert!(services.contains(&other), "{file}: {name} waits for {other}");
                }
            }
        }
    }
}

#[test]
fn the_first_manifest_deploys_all_and_the_platforms_the_worker_alone() {
    let all: BTreeSet<String> = members(&yaml(COMPOSE)["services"], COMPOSE).keys().cloned().collect();
    let of = |file: &str| -> BTreeSet<String> {
        let manifest = yaml(file);
        deployed(&manifest).into_iter().flat_map(|(_, services)| services).map(str::to_owned).collect()
    };
    assert_eq!(of("okteto.yml"), all);
    assert_eq!(of("okteto.platform.yml"), ["migrate", "worker"].map(str::to_owned).into());
}

#[test]
fn commands_have_names_and_tests_have_commands() {
    for (file, manifest) in manifests() {
        let tests = manifest["test"].as_object().into_iter().flatten();
        let tests = tests.map(|(name, test)| {
            assert!(
                test["commands"].as_array().is_some_and(|commands| !commands.is_empty()),
                "{file}: {name}"
            );
            &test["commands"]
        });
        for commands in tests.chain([&manifest["deploy"]["commands"], &manifest["destroy"]]) {
            for command in commands.as_array().into_iter().flatten() {
                assert!(command["name"].is_string() && command["command"].is_string(), "{file}: {command}");
            }
        }
    }
}

#[test]
fn a_forwarded_port_is_one_that_a_deployed_service_shows() {
    for (file, manifest) in manifests() {
        let shown = |service: &str, port: &str| {
            deployed(&manifest).iter().any(|(compose_file, services)| {
                let compose = yaml(compose_file);
                services.contains(&service) && texts(&compose["services"][service]["expose"]).contains(&port)
            })
        };
        for (name, dev) in manifest["dev"].as_object().into_iter().flatten() {
            for forward in texts(&dev["forward"]) {
                let parts: Vec<&str> = forward.split(':').collect();
                let (local, service, remote) = match parts[..] {
                    [local, remote] => (local, &**name, remote),
                    [local, service, remote] => (local, service, remote),
                    _ => panic!("{file}: {forward}"),
                };
                assert!(local.parse::<u16>().is_ok() && shown(service, remote), "{file}: {forward}");
            }
        }
    }
}

#[test]
fn images_are_built_from_targets_of_the_dockerfile() {
    let dockerfile = text("Dockerfile");
    let stages: Vec<&str> =
        dockerfile.lines().filter_map(|line| line.rsplit_once(" AS ")).map(|(_, s)| s).collect();
    for (file, manifest) in manifests() {
        let builds = members(&manifest["build"], &file);
        for (name, build) in builds {
            // Without a target it is the last stage, the worker's.
            let target = build["target"].as_str();
            let there = target.is_none_or(|target| stages.contains(&target));
            assert!(there, "{file}: {name} is built from {target:?}, but there are {stages:?}");
        }
        let parts = ["dev", "test"].map(|part| manifest[part].as_object().into_iter().flatten());
        for (name, part) in parts.into_iter().flatten() {
            let image = part["image"].as_str().unwrap();
            let built = builds
                .keys()
                .any(|build| image == format!("${{OKTETO_BUILD_{}_IMAGE}}", build.to_uppercase()));
            assert!(built, "{file}: {name} is of {image}");
        }
    }
}

#[test]
fn what_is_built_is_not_synchronized() {
    let ignored = text(".stignore");
    for name in [".git", "target"] {
        assert!(ignored.lines().any(|line| line == name), "{name}");
        assert!(text(".oktetoignore").lines().any(|line| line == name), "{name}");
    }
    for (file, manifest) in manifests() {
        for (name, dev) in manifest["dev"].as_object().into_iter().flatten() {
            let workdir = dev["workdir"].as_str().unwrap();
            assert_eq!(texts(&dev["sync"]), [format!(".:{workdir}")], "{file}: {name}");
            let target = dev["environment"]["CARGO_TARGET_DIR"].as_str().unwrap();
            assert!(texts(&dev["volumes"]).contains(&target), "{file}: {target} is lost with the pod");
            assert!(!target.starts_with(workdir), "{file}: {target} lies in the synchronized folder");
        }
    }
}
