//! Every command in the papers is one that the worker understands.

use clap::Parser as _;
use worker::cli::Arguments;

use crate::{ALERTS, RUNBOOK};

/// The worker's commands in code spans; a span may go on in the next line.
pub(crate) fn in_spans(text: &str) -> Vec<String> {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let is_command = |span: &&str| span.starts_with("worker ");
    text.split('`').skip(1).step_by(2).filter(is_command).map(str::to_owned).collect()
}

/// The worker's commands in a part of the runbook, in code spans and blocks.
pub(crate) fn of_runbook(text: &str) -> Vec<String> {
    let blocks = text.split("```").enumerate();
    blocks
        .flat_map(|(index, part)| {
            if index % 2 == 0 {
                return in_spans(part);
            }
            part.lines().filter(|line| line.starts_with("worker ")).map(str::to_owned).collect()
        })
        .collect()
}

/// A command's words, as a shell would take them apart, with values in place of an alert's labels.
fn words(command: &str) -> Vec<String> {
    let command = command.replace("{{ $labels.partition }}", "3");
    let command = command.replace("{{ $labels.topic }}", "topic").replace("{{ $labels.reason }}", "reason");
    let command = command.split(" #").next().unwrap_or_default();
    let parts = command.split('\'').enumerate();
    parts
        .flat_map(|(index, part)| {
            if index % 2 == 1 {
                return vec![part.to_owned()];
            }
            part.split_whitespace().map(str::to_owned).collect()
        })
        .collect()
}

#[test]
fn every_command_is_one_that_the_worker_understands() {
    let commands = [in_spans(ALERTS), of_runbook(RUNBOOK)].concat();
    assert!(commands.len() > 40, "only {} found", commands.len());
    for command in commands {
        let words = words(&command);
        assert!(!words.iter().any(|word| word.contains(['{', '$'])), "{command}");
        if let Err(error) = Arguments::try_parse_from(words) {
            panic!("{command}: {error}");
        }
    }
}
