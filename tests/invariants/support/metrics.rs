//! The worker's metrics as Prometheus would read them.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::process::{Command, Stdio};

use super::{Worker, eventually};

/// One answer to `/metrics`.
#[derive(Debug, Clone)]
pub struct Scrape {
    pub text: String,
    /// Each series, as it is named with its labels, and its value.
    series: BTreeMap<String, f64>,
}

impl Worker {
    /// What it counts.
    pub async fn metrics(&mut self) -> Scrape {
        let answer = self.get("/metrics").await;
        assert_eq!(answer.status, 200, "{answer:?}");
        Scrape::of(answer.body)
    }

    /// Asks until the metrics are as wanted. Each answer has something new, which puts the deadline off, as it should:
    /// the database is asked for some of it once a minute only, where it is slow.
    pub async fn metrics_until(&mut self, what: &str, wanted: impl Fn(&Scrape) -> bool) -> Scrape {
        eventually(what, async || {
            let scrape = self.metrics().await;
            if wanted(&scrape) { Ok(Some(scrape)) } else { Err(scrape.worker_series()) }
        })
        .await
    }
}

impl Scrape {
    pub fn of(text: String) -> Self {
        let lines = text.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
        let series = lines
            .map(|line| {
                let (name, value) = line.rsplit_once(' ').unwrap();
                (name.to_owned(), value.parse().unwrap())
            })
            .collect();
        Self { text, series }
    }

    /// The sum of the series of this name that have these labels, as in `topic="a"`; none where there are none.
    pub fn get(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let labels: Vec<String> =
            labels.iter().map(|(label, value)| format!("{label}=\"{value}\"")).collect();
        let matching = self.series.iter().filter(|(series, _)| {
            let (found, rest) = series.split_once('{').unwrap_or((series, ""));
            found == name && labels.iter().all(|label| rest.contains(&**label))
        });
        matching.map(|(_, value)| *value).reduce(|one, other| one + other)
    }

    /// The same; 0 where there is none.
    pub fn count(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        self.get(name, labels).unwrap_or(0.0)
    }

    /// The names of all families.
    pub fn families(&self) -> Vec<&str> {
        self.text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next()).collect()
    }

    /// All series, without their values.
    pub fn names(&self) -> Vec<&str> {
        self.series.keys().map(String::as_str).collect()
    }

    fn worker_series(&self) -> String {
        let lines =
            self.text.lines().filter(|line| line.starts_with("worker_") && !line.contains("_bucket{"));
        lines.collect::<Vec<_>>().join("\n")
    }
}

/// What Prometheus's own tool has against this text; nothing where it is in order.
pub fn promtool_check(text: &str) -> String {
    let tools = concat!(env!("CARGO_MANIFEST_DIR"), "/target/tools/bin");
    let path = format!("{tools}:{}", std::env::var("PATH").unwrap_or_default());
    let promtool = std::env::split_paths(&path)
        .map(|folder| folder.join("promtool"))
        .find(|file| file.is_file())
        .unwrap_or_else(|| panic!("promtool is missing: it comes with Debian's package `prometheus`"));
    let mut check = Command::new(promtool)
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    check.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = check.wait_with_output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    assert_eq!(output.status.success(), said.is_empty(), "{said}");
    said
}
