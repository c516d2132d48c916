//! Help that teaches, and exit codes that scripts can use.

use crate::support::{Said, World};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_help_of_each_command_gives_examples() {
    let world = World::new(0).await;
    for (command, phrases) in [
        (&["positions"][..], &["PostgreSQL's part is shown", "--json", "positions set"][..]),
        (&["positions", "set"], &["All workers of the group must have ended", "--force"]),
        (&["held"], &["`waiting`", "`dead`", "redrive", "discard"]),
        (&["held", "list"], &["--status", "--older-than", "--limit"]),
        (&["held", "show"], &["--full", "base64"]),
        (&["held", "redrive"], &["--dry-run", "next revisions", "--all"]),
        (&["held", "discard"], &["--note", "queued behind it"]),
        (&["held", "accept"], &["DEAD_LIMIT_", "no longer count"]),
        (&["explain"], &["topic/partition@offset", "--json"]),
    ] {
        let Said { code, out, err } = world.command(&[command, &["--help"]].concat()).await;
        assert_eq!((code, &*err), (Some(0), ""), "{command:?}");
        let example = format!("worker {}", command.join(" "));
        let examples = out.split("Examples:").nth(1).unwrap_or_else(|| panic!("{command:?}: {out}"));
        assert!(examples.contains(&example), "{command:?} gives no example of itself: {out}");
        for phrase in phrases {
            assert!(out.contains(phrase), "{command:?} does not say {phrase:?}: {out}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wrong_usage_of_the_commands_ends_with_exit_code_2() {
    let world = World::new(0).await;
    for arguments in [
        &["explain"][..],
        &["explain", "b1", "b2"],
        &["held"],
        &["held", "show"],
        &["held", "show", "one"],
        &["held", "list", "--status", "lost"],
        &["held", "list", "--older-than", "soon"],
        &["held", "list", "--limit", "0"],
        &["held", "redrive"],
        &["held", "redrive", "--dry-run"],
        &["held", "redrive", "1", "--all"],
        &["held", "redrive", "1", "--reason", "undecodable"],
        &["held", "redrive", "--all", "--topic", "t"],
        &["held", "redrive", "--status", "redriven"],
        &["held", "discard"],
        &["held", "discard", "--note", "why"],
        &["held", "discard", "1", "--note", "two\nlines"],
        &["held", "accept", "booking-events"],
        &["positions", "set", "booking-events", "0"],
        &["positions", "set", "booking-events", "0", "-1"],
        &["positions", "set", "booking-events", "first", "0"],
    ] {
        let Said { code, out, err } = world.command(arguments).await;
        assert_eq!((code, &*out), (Some(2), ""), "{arguments:?}: {err}");
        assert!(err.contains("--help"), "{arguments:?}: {err}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_is_away_or_not_migrated_is_said_in_one_line() {
    let world = World::new(0).await;
    world.database.batch_execute("DROP SCHEMA worker CASCADE").await.unwrap();
    for command in [
        &["positions"][..],
        &["held", "list"],
        &["held", "show", "1"],
        &["held", "redrive", "--all"],
        &["held", "discard", "1"],
        &["held", "accept", "booking-events", "0"],
        &["explain", "b1"],
    ] {
        let away = world.command_with(command, &[("DB_PORT", "1")]).await;
        assert_eq!(
            (away.code, &*away.out, away.err.lines().count()),
            (Some(1), "", 1),
            "{command:?}: {away:?}"
        );
        assert!(away.err.starts_with("worker: PostgreSQL: "), "{command:?}: {away:?}");
        let empty = world.command(command).await;
        assert_eq!(
            (empty.code, &*empty.out, empty.err.lines().count()),
            (Some(1), "", 1),
            "{command:?}: {empty:?}"
        );
        assert!(empty.err.contains("`worker migrate`"), "{command:?}: {empty:?}");
    }
}
