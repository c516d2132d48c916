//! The command line: help that teaches, and an exit code for wrong usage.

use std::process::{Command, Output};

fn worker(arguments: &[&str]) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } =
        Command::new(env!("CARGO_BIN_EXE_worker")).args(arguments).env_clear().output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (status.code(), text(stdout), text(stderr))
}

#[test]
fn help_teaches_what_each_command_does_and_how_it_ends() {
    for (arguments, phrases) in [
        (
            &["--help"][..],
            &[
                "each exactly once",
                "`worker config` shows",
                "0 ended as asked, 1 a fatal fault",
                "2 wrong usage or settings",
                "Examples:",
                "DB_PASSWORD_FILE=",
                "KAFKA_BROKERS=",
            ][..],
        ),
        (&["run", "--help"], &["until SIGTERM or SIGINT", "a second signal ends at once", "default command"]),
        (&["migrate", "--help"], &["migrations that are missing", "--json"]),
        (&["healthcheck", "--help"], &["whether it lives", "HTTP_ADDR", "--ready", "HEALTHCHECK"]),
        (&["config", "--help"], &["where it came from", "secrets are hidden", "--json"]),
    ] {
        let (code, out, err) = worker(arguments);
        assert_eq!((code, &*err), (Some(0), ""), "{arguments:?}");
        for phrase in phrases {
            assert!(out.contains(phrase), "{arguments:?} does not say {phrase:?}: {out}");
        }
    }
    let (_, help, _) = worker(&["help"]);
    for command in ["run", "migrate", "config", "positions", "held", "explain", "healthcheck"] {
        assert!(help.lines().any(|line| line.trim_start().starts_with(command)), "{command}: {help}");
    }
}

#[test]
fn wrong_usage_ends_with_exit_code_2_and_says_how_to_go_on() {
    for arguments in
        [&["nonsense"][..], &["--json"], &["run", "--json"], &["config", "--jsn"], &["migrate", "V1"]]
    {
        let (code, out, err) = worker(arguments);
        assert_eq!((code, &*out), (Some(2), ""), "{arguments:?}: {err}");
        assert!(err.contains("Usage: worker") && err.contains("--help"), "{arguments:?}: {err}");
    }
}
