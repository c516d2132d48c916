//! `config/kubernetes`: the API takes each object, they fit together, and the pods may do no more than they must.

use std::collections::BTreeSet;
use std::fs;

use serde_json::{Value, json};

use crate::compose::{COMPOSE, filled};
use crate::file::{members, path, text, texts, variables, yaml};
use crate::schema::Schema;

const FOLDER: &str = "config/kubernetes";

fn base(file: &str) -> Value {
    yaml(&format!("{FOLDER}/base/{file}.yaml"))
}

/// The objects of the base with their file's name.
fn objects() -> Vec<(String, Value)> {
    let kustomization = base("kustomization");
    let files = texts(&kustomization["resources"]).into_iter();
    files.map(|file| (file.to_owned(), yaml(&format!("{FOLDER}/base/{file}")))).collect()
}

/// The pods of the Deployment and of the Job.
fn pods() -> [(&'static str, Value); 2] {
    ["deployment", "migrate"].map(|file| (file, base(file)["spec"]["template"].clone()))
}

#[test]
fn the_api_takes_every_object() {
    let example = ("secret.example.yaml".to_owned(), yaml(&format!("{FOLDER}/secret.example.yaml")));
    for (file, object) in objects().into_iter().chain([example]) {
        let kind = object["kind"].as_str().unwrap();
        Schema::kind(kind).assert_fits(&file, &object);
        assert!(object["metadata"]["namespace"].is_null(), "{file}: the namespace is the overlay's");
    }
}

#[test]
fn the_base_names_every_file_and_the_overlay_the_base() {
    let files = fs::read_dir(path(&format!("{FOLDER}/base"))).unwrap();
    let files: BTreeSet<String> =
        files.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    let own = ["kustomization.yaml", "settings.env"].map(str::to_owned);
    assert_eq!(files, objects().into_iter().map(|(file, _)| file).chain(own).collect());
    let generator = &base("kustomization")["configMapGenerator"][0];
    assert_eq!(
        (&generator["name"], &generator["envs"]),
        (&json!("worker-settings"), &json!(["settings.env"]))
    );

    let overlay = yaml(&format!("{FOLDER}/overlays/example/kustomization.yaml"));
    assert_eq!(overlay["resources"], json!(["../../base"]));
    assert_eq!(overlay["configMapGenerator"][0]["name"], generator["name"]);
    assert_eq!(overlay["configMapGenerator"][0]["behavior"], "merge");
    for (file, pod) in pods() {
        assert_eq!(pod["spec"]["containers"][0]["image"], overlay["images"][0]["name"], "{file}");
    }
}

#[test]
fn pods_run_as_nobody_on_a_root_that_they_cannot_write() {
    for (file, pod) in pods() {
        let pod = &pod["spec"];
        assert_eq!(pod["automountServiceAccountToken"], false, "{file}");
        assert_eq!(pod["enableServiceLinks"], false, "{file}");
        assert_eq!(pod["securityContext"]["runAsNonRoot"], true, "{file}");
        assert_eq!(pod["securityContext"]["seccompProfile"]["type"], "RuntimeDefault", "{file}");
        let container = &pod["containers"][0];
        let context = &container["securityContext"];
        assert_eq!(context["readOnlyRootFilesystem"], true, "{file}");
        assert_eq!(context["allowPrivilegeEscalation"], false, "{file}");
        assert_eq!(context["capabilities"], json!({ "drop": ["ALL"] }), "{file}");
        assert!(container["resources"]["limits"]["memory"].is_string(), "{file}");
        assert!(container["resources"]["requests"]["cpu"].is_string(), "{file}");
    }
}

#[test]
fn pods_read_one_config_map_and_secrets_from_files() {
    let secret = yaml(&format!("{FOLDER}/secret.example.yaml"));
    let keys = members(&secret["stringData"], "the example secret");
    for (file, pod) in pods() {
        let container = &pod["spec"]["containers"][0];
        assert_eq!(
            container["envFrom"],
            json!([{ "configMapRef": { "name": "worker-settings" } }]),
            "{file}"
        );
        assert!(container["env"].is_null(), "{file}: settings are in settings.env");
        assert_eq!(pod["spec"]["volumes"][0]["secret"]["secretName"], secret["metadata"]["name"], "{file}");
        let mount = container["volumeMounts"][0]["mountPath"].as_str().unwrap();
        for (name, value) in variables(&format!("{FOLDER}/base/settings.env")) {
            assert!(name != "DB_PASSWORD" && name != "KAFKA_PROPERTIES", "{name} may hold a secret");
            if name.ends_with("_FILE") {
                let key = value.strip_prefix(mount).and_then(|rest| rest.strip_prefix('/'));
                assert!(key.is_some_and(|key| keys.contains_key(key)), "{file}: {name}={value}");
            }
        }
    }
}

#[test]
fn the_example_secret_holds_none() {
    let secret = yaml(&format!("{FOLDER}/secret.example.yaml"));
    assert_eq!(secret["stringData"]["db-password"], "replace-me");
    let properties = secret["stringData"]["kafka.properties"].as_str().unwrap();
    assert!(properties.lines().all(|line| line.starts_with('#')), "{properties}");
    assert!(!text(&format!("{FOLDER}/base/kustomization.yaml")).contains("- secret"), "it would be applied");
}

#[test]
fn selectors_find_the_workers_and_not_the_migration() {
    let selects = |selector: &Value, labels: &Value| {
        let wanted = members(&selector["matchLabels"], "the selector");
        wanted.iter().all(|(name, value)| labels[name] == *value)
    };
    let [(_, worker), (_, migrate)] = pods();
    let [worker, migrate] = [worker, migrate].map(|pod| pod["metadata"]["labels"].clone());
    for selector in [
        &base("deployment")["spec"]["selector"],
        &base("disruption-budget")["spec"]["selector"],
        &base("pod-monitor")["spec"]["selector"],
        &base("network-policy")["spec"]["podSelector"],
    ] {
        assert!(selects(selector, &worker) && !selects(selector, &migrate), "{selector}");
    }
}

#[test]
fn probes_ask_for_life_and_readiness_and_prometheus_for_metrics() {
    let deployment = base("deployment");
    let container = &deployment["spec"]["template"]["spec"]["containers"][0];
    for (probe, path) in [
        ("startupProbe", "/health/live"),
        ("livenessProbe", "/health/live"),
        ("readinessProbe", "/health/ready"),
    ] {
        assert_eq!(container[probe]["httpGet"], json!({ "path": path, "port": "http" }), "{probe}");
    }
    assert_eq!(container["ports"][0]["name"], "http");
    assert_eq!(container["ports"][0]["containerPort"], 2112);
    let monitor = base("pod-monitor");
    assert_eq!(monitor["spec"]["podMetricsEndpoints"][0]["port"], "http");
    assert_eq!(base("network-policy")["spec"]["ingress"][0]["ports"][0]["port"], "http");
    let job = monitor["spec"]["jobLabel"].as_str().unwrap();
    assert_eq!(deployment["spec"]["template"]["metadata"]["labels"][job], "worker", "alerts name this job");
}

#[test]
fn a_release_that_does_not_come_up_takes_nobodys_place() {
    let deployment = base("deployment");
    let rolling = &deployment["spec"]["strategy"]["rollingUpdate"];
    assert_eq!(rolling, &json!({ "maxSurge": 1, "maxUnavailable": 0 }));
    assert!(deployment["spec"]["replicas"].is_null(), "applying it would undo what the ScaledObject has set");
}

#[test]
fn workers_follow_the_lag_of_both_topics_and_are_never_more_than_partitions() {
    let scaled = base("scaled-object");
    let spec = &scaled["spec"];
    assert_eq!(spec["scaleTargetRef"]["name"], base("deployment")["metadata"]["name"]);
    let topics = filled(yaml(COMPOSE)["services"]["topics"]["command"][0].as_str().unwrap());
    let partitions = topics.split("--partitions ").nth(1).unwrap().lines().next().unwrap();
    assert_eq!(spec["maxReplicaCount"].to_string(), partitions);
    assert!(spec["minReplicaCount"].as_u64() >= Some(2), "one that is drained leaves nobody");

    let settings = variables(&format!("{FOLDER}/base/settings.env"));
    let mut followed = BTreeSet::new();
    for trigger in spec["triggers"].as_array().unwrap() {
        assert_eq!(trigger["type"], "kafka");
        let metadata = &trigger["metadata"];
        for from in ["bootstrapServersFromEnv", "consumerGroupFromEnv", "topicFromEnv"] {
            let variable = metadata[from].as_str().unwrap();
            assert!(
                settings.iter().any(|(name, _)| name == variable),
                "{variable} is not in the pod's environment"
            );
        }
        assert_eq!(metadata["excludePersistentLag"], "true");
        assert_eq!(metadata["allowIdleConsumers"], "false");
        assert_eq!(metadata["offsetResetPolicy"], "earliest", "where a worker begins that has no offset");
        followed.insert(metadata["topicFromEnv"].as_str().unwrap().to_owned());
    }
    assert_eq!(followed, ["KAFKA_BOOKING_TOPIC", "KAFKA_CANCELLATION_TOPIC"].map(str::to_owned).into());
}
