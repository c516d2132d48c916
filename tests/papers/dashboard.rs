//! The dashboard: readable by whoever sees it the first time, and on any data source.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::DASHBOARD;

const MOST_PANELS: usize = 20;

fn dashboard() -> Value {
    serde_json::from_str(DASHBOARD).unwrap_or_else(|error| panic!("{error}"))
}

fn list<'a>(value: &'a Value, name: &str) -> &'a Vec<Value> {
    value[name].as_array().unwrap_or_else(|| panic!("no list {name} in {value}"))
}

fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    let found = value.pointer(pointer).and_then(Value::as_str).filter(|text| !text.is_empty());
    found.unwrap_or_else(|| panic!("no {pointer} in {value}"))
}

fn number(value: &Value, pointer: &str) -> u64 {
    value.pointer(pointer).and_then(Value::as_u64).unwrap_or_else(|| panic!("no {pointer} in {value}"))
}

/// All panels but the rows' titles.
fn panels(dashboard: &Value) -> impl Iterator<Item = &Value> {
    list(dashboard, "panels").iter().filter(|panel| panel["type"] != "row")
}

/// What the dashboard asks Prometheus, its annotations included.
pub(crate) fn expressions() -> Vec<String> {
    let dashboard = dashboard();
    let annotations = list(&dashboard["annotations"], "list").iter();
    let targets = panels(&dashboard).flat_map(|panel| list(panel, "targets"));
    targets.chain(annotations).map(|query| text(query, "/expr").to_owned()).collect()
}

#[test]
fn every_panel_says_what_it_shows_in_which_unit() {
    let dashboard = dashboard();
    let mut titles = BTreeSet::new();
    for panel in panels(&dashboard) {
        assert!(titles.insert(text(panel, "/title")), "twice: {}", panel["title"]);
        text(panel, "/description");
        text(panel, "/fieldConfig/defaults/unit");
        for target in list(panel, "targets") {
            text(target, "/legendFormat");
        }
    }
    assert!(titles.len() <= MOST_PANELS, "{} panels", titles.len());
}

#[test]
fn rows_answer_in_the_order_in_which_a_person_asks() {
    let dashboard = dashboard();
    let rows: Vec<&str> = list(&dashboard, "panels")
        .iter()
        .filter(|panel| panel["type"] == "row")
        .map(|row| text(row, "/title"))
        .collect();
    let questions = ["Is it keeping up?", "Is anything failing?", "What is waiting?", "Where does time go?"];
    assert_eq!(rows, [&questions[..], &["The process"]].concat());
}

#[test]
fn every_query_asks_the_data_source_that_the_reader_has_chosen() {
    let dashboard = dashboard();
    let variables = list(&dashboard["templating"], "list");
    let of_queries = variables.iter().filter(|variable| variable["type"] == "query");
    let targets = panels(&dashboard).flat_map(|panel| list(panel, "targets"));
    let annotations = list(&dashboard["annotations"], "list");
    for query in panels(&dashboard).chain(targets).chain(of_queries).chain(annotations) {
        assert_eq!(text(query, "/datasource/uid"), "${datasource}", "{query}");
    }
}

#[test]
fn every_variable_that_is_used_exists() {
    let dashboard = dashboard();
    let variables: Vec<&str> =
        list(&dashboard["templating"], "list").iter().map(|variable| text(variable, "/name")).collect();
    assert_eq!(variables, ["datasource", "job", "instance", "topic"]);
    for expression in expressions() {
        for used in expression.split('$').skip(1) {
            let name =
                used.split(|end: char| !end.is_ascii_alphanumeric() && end != '_').next().unwrap_or_default();
            assert!(variables.contains(&name) || name == "__rate_interval", "${name} in {expression}");
        }
    }
}

#[test]
fn panels_fit_the_grid_and_lie_on_no_other() {
    let dashboard = dashboard();
    let mut taken = BTreeSet::new();
    let mut ids = BTreeSet::new();
    for panel in list(&dashboard, "panels") {
        assert!(ids.insert(number(panel, "/id")), "an id twice: {}", panel["title"]);
        let [x, y, width, height] =
            ["x", "y", "w", "h"].map(|name| number(panel, &format!("/gridPos/{name}")));
        assert!(x + width <= 24, "too wide: {}", panel["title"]);
        // A third of a laptop's width is the least in which a time series reads.
        assert!(panel["type"] != "timeseries" || width >= 8, "too narrow: {}", panel["title"]);
        for column in x..x + width {
            for line in y..y + height {
                assert!(taken.insert((column, line)), "lies on another: {}", panel["title"]);
            }
        }
    }
}
