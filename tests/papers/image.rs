//! What the Dockerfile says is what Cargo, the settings and the worker's commands say.

use clap::Parser as _;
use worker::cli::Arguments;
use worker::config::catalogue;

const DOCKERFILE: &str = include_str!("../../Dockerfile");
const MANIFEST: &str = include_str!("../../Cargo.toml");
const MAKEFILE: &str = include_str!("../../Makefile");

/// The one instruction that begins with these words, without them, its lines joined.
fn instruction(words: &str) -> String {
    let text = DOCKERFILE.replace("\\\n", " ");
    let found: Vec<String> =
        text.lines().filter_map(|line| line.strip_prefix(words)).map(|line| line.trim().to_owned()).collect();
    let [one] = &found[..] else { panic!("{words}: {found:?}") };
    one.clone()
}

/// What follows these words on their line, up to a blank.
fn word_after<'t>(text: &'t str, words: &str) -> &'t str {
    let (_, rest) = text.split_once(words).unwrap_or_else(|| panic!("there is no {words}"));
    rest.split_whitespace().next().unwrap_or_default().trim_matches('"')
}

fn last_stage() -> &'static str {
    DOCKERFILE.rsplit_once("\nFROM ").map_or("", |(_, stage)| stage)
}

#[test]
fn the_image_starts_and_asks_the_worker_by_commands_that_it_understands_and_by_no_shell() {
    let ask = instruction("HEALTHCHECK").split_once("CMD ").map(|(_, command)| command.to_owned());
    for command in [instruction("ENTRYPOINT"), ask.unwrap_or_default()] {
        let words: Vec<String> =
            serde_json::from_str(&command).unwrap_or_else(|error| panic!("{command}: {error}"));
        assert_eq!(words[0], "/worker");
        if let Err(error) = Arguments::try_parse_from(words) {
            panic!("{command}: {error}");
        }
    }
    assert_eq!(word_after(DOCKERFILE, "\nUSER "), "65532:65532");
}

#[test]
fn the_image_exposes_the_port_that_is_served_by_default() {
    let address = catalogue().iter().find(|setting| setting.name == "HTTP_ADDR").and_then(|s| s.default);
    let port = address.and_then(|address| address.rsplit(':').next());
    assert_eq!(port, Some(word_after(last_stage(), "\nEXPOSE ")));
}

#[test]
fn the_image_is_built_by_what_cargo_knows_the_same_way_twice() {
    let asked = "--locked --profile image --features vendored --package worker --bin worker";
    for command in ["cargo chef cook", "cargo build"] {
        assert!(DOCKERFILE.contains(&format!("{command} {asked}")), "{command}");
    }
    for part in ["\nvendored = [", "\n[profile.image]\n"] {
        assert!(MANIFEST.contains(part), "{part}");
    }
    assert!(
        MAKEFILE.contains("--features vendored --package worker --bin worker"),
        "make image-check differs"
    );
    let minor = |version: &str| version.split('.').nth(1).and_then(|minor| minor.parse::<u32>().ok());
    let (built, oldest) = (word_after(DOCKERFILE, "\nARG RUST="), word_after(MANIFEST, "rust-version = "));
    assert!(minor(built) >= minor(oldest), "{built} is older than {oldest}");
}

#[test]
fn the_labels_say_what_the_package_says() {
    let labels = instruction("LABEL");
    for (label, value) in [
        ("description", env!("CARGO_PKG_DESCRIPTION")),
        ("licenses", env!("CARGO_PKG_LICENSE")),
        ("version", "${VERSION}"),
        ("revision", "${REVISION}"),
        ("source", "${SOURCE}"),
    ] {
        let wanted = format!("org.opencontainers.image.{label}=\"{value}\"");
        assert!(labels.contains(&wanted), "{wanted}: {labels}");
    }
}
