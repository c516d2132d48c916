//! Whatever a record holds, what a command prints cannot act on a terminal.

use serde_json::json;

use super::scene::{age, held_id, of_nobody};
use crate::support::{Message, World, cancellation};

const EVIL: &str = "b\u{1b}[2J\u{1b}]0;owned\u{7}\r\nforged\u{9b}5A\u{202e}gnp\u{200b}";

fn acts(character: char) -> bool {
    character.is_control() && character != '\n'
        || matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_text_of_a_record_reaches_the_terminal_as_it_came() {
    let world = World::new(1).await;
    let mut event = of_nobody(EVIL);
    event["paymentId"] = json!(EVIL);
    let messages = [
        Message::event(&event).key(EVIL).header(EVIL, EVIL).header("baggage", format!("a={EVIL}")),
        Message::bytes(EVIL).key(EVIL),
        Message::bytes([EVIL.as_bytes(), b"\xff\xfe"].concat()).key([EVIL.as_bytes(), b"\xff"].concat()),
        Message::bytes(format!("{{\"bookingId\": \"x\", \"{EVIL}\": 1}}")).key("k"),
    ];
    let worker = world.worker();
    world.produce_all(&world.bookings, &messages).await;
    world.cancel(&cancellation(EVIL, "ana")).await;
    world.settled().await;
    worker.stop().await;
    age(&world).await;
    let id = held_id(&world, EVIL).await.to_string();
    let mut commands: Vec<Vec<&str>> = vec![
        vec!["held", "list"],
        vec!["held", "redrive", "--all", "--dry-run"],
        vec!["held", "redrive", "--status", "waiting"],
        vec!["explain", EVIL],
        vec!["explain", "\u{1b}[2J"],
        vec!["held", "discard", "--booking", EVIL, "--status", "waiting"],
        vec!["held", "accept", EVIL, "0"],
        vec!["positions", "set", EVIL, "0", "0"],
        vec!["held", "list", "--status", "discarded"],
    ];
    let ids = ["1", "2", "3", "4", &id];
    commands.extend(ids.iter().map(|id| vec!["held", "show", id, "--full"]));
    for command in commands {
        for json in [&[][..], &["--json"]] {
            let said = world.command(&[&command[..], json].concat()).await;
            for text in [&said.out, &said.err] {
                assert!(!text.contains(acts), "{command:?} {json:?}: {text:?}");
            }
            // Nothing that a record holds can begin a line.
            assert!(!said.out.lines().any(|line| line.starts_with("forged")), "{command:?}: {}", said.out);
        }
    }
    let shown = world.command_json(&["explain", EVIL]).await;
    assert_eq!(shown["bookingId"], json!(EVIL), "JSON gives the same text back");
}
