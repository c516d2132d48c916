//! Okteto Divert: a shared worker and the overlays of namespaces read the same topics, each as its own group.

mod manifest;
mod mixed;
mod start;
mod taken_back;

use serde_json::{Value, json};

use crate::support::{Entry, Message, Worker, World, booking, cancellation, of_records};

/// What the groups are called where nothing else says so.
const SHARED: &str = "worker-group";
const ANA: &str = "worker-group-ana-namespace";
const BO: &str = "worker-group-bo";

/// Baggage headers, and whose record it is: `s`hared, `a`na's, `b`o's, or nobody's here.
type Case = (&'static [(&'static str, &'static str)], char);

const CASES: [Case; 14] = [
    (&[], 's'),
    (&[("baggage", "tenant=acme")], 's'),
    (&[("baggage", "okteto-divert=ana")], 'a'),
    (&[("Baggage", "tenant=acme , okteto-divert = %61na;p=1")], 'a'),
    (&[("baggage", "okteto-divert=bo")], 'b'),
    (&[("baggage", "tenant=acme"), ("baggage", "okteto-divert=bo")], 'b'),
    (&[("baggage", "okteto-divert=anabel")], '-'),
    (&[("baggage", "okteto-divert=")], '-'),
    (&[("baggage", "okteto-divert=ANA")], '-'),
    // Another member, no member, and a property of another.
    (&[("baggage", "Okteto-Divert=ana")], 's'),
    (&[("baggage", "okteto-divert")], 's'),
    (&[("baggage", "tenant=acme;okteto-divert=ana")], 's'),
    (&[("okteto-divert", "ana")], 's'),
    // Of two, the one that was added last.
    (&[("baggage", "okteto-divert=bo,okteto-divert=ana")], 'a'),
];

/// What an overlay says when it begins.
const BEGINS: &str = "the overlay's first start: it reads what is produced from here on, and partitions that appear later from \
     their beginning; to replay what came before, stop it and run `worker positions set TOPIC PARTITION OFFSET`";

/// Waits until an overlay that starts for the first time has its place; returns where that is.
async fn begins(overlay: &mut Worker) -> Value {
    overlay.said(BEGINS).await["begins"].clone()
}

/// The settings of an overlay.
fn overlay(environment: &'static str, group: &'static str) -> [(&'static str, &'static str); 3] {
    [
        ("OKTETO_NAMESPACE", environment),
        ("OKTETO_DIVERTED_ENVIRONMENT", environment),
        ("KAFKA_GROUP_ID", group),
    ]
}

fn dressed(message: Message, headers: &[(&str, &str)]) -> Message {
    headers.iter().fold(message, |message, (name, value)| message.header(name, value))
}

fn bookings() -> Vec<Message> {
    let of = |(index, (headers, _)): (usize, &Case)| {
        dressed(Message::event(&booking(&format!("b{index}"))), headers)
    };
    let mut messages: Vec<Message> = CASES.iter().enumerate().map(of).collect();
    // What only its own worker needs to understand.
    messages.push(dressed(Message::bytes("?").key("poison"), &[("baggage", "okteto-divert=ana")]));
    messages
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_record_is_applied_by_exactly_one_of_the_shared_and_the_overlay_workers() {
    let mut world = World::new(1).await;
    let shared = world.worker_with(&[("KAFKA_GROUP_ID", ""), ("OKTETO_NAMESPACE", "staging")]);
    let mut ana = world.worker_with(&[
        ("KAFKA_GROUP_ID", ""),
        ("OKTETO_NAMESPACE", "ana-namespace"),
        ("OKTETO_DIVERTED_ENVIRONMENT", "ana"),
    ]);
    let mut bo = world.worker_with(&[
        ("KAFKA_GROUP_ID", BO),
        ("OKTETO_NAMESPACE", "elsewhere"),
        ("OKTETO_DIVERTED_ENVIRONMENT", "bo"),
    ]);
    for overlay in [&mut ana, &mut bo] {
        begins(overlay).await;
    }
    world.produce_all(&world.bookings, &bookings()).await;
    let groups = [(SHARED, 's'), (ANA, 'a'), (BO, 'b')];
    let mut ledgers: Vec<Vec<Entry>> = Vec::new();
    for (group, letter) in groups {
        world.group = group.to_owned();
        world.settled().await;
        world.assert_consistent().await;
        let ledger = world.ledger().await;
        let verdict = |owner: char| if owner == letter { "accepted" } else { "diverted" };
        let mut expected: Vec<&str> = CASES.iter().map(|(_, owner)| verdict(*owner)).collect();
        expected.push(if letter == 'a' { "dead:undecodable" } else { "diverted" });
        assert_eq!(ledger.iter().map(Entry::verdict).collect::<Vec<_>>(), expected, "{group}");
        ledgers.push(ledger);
    }
    // A diverted record's row says what it is about and what travelled with it, as any other.
    for (index, (headers, _)) in CASES.iter().enumerate() {
        for ledger in &ledgers {
            assert_eq!(ledger[index].subject, format!("b{index}"));
            assert_eq!(ledger[index].baggage, ledgers[0][index].baggage, "{headers:?}");
        }
    }
    let applied = CASES.iter().filter(|(_, owner)| *owner != '-').count();
    let stored: i64 = world.database.query_one("SELECT count(*) FROM bookings", &[]).await.unwrap().get(0);
    assert_eq!(usize::try_from(stored).unwrap(), applied, "each booking that anybody owns, once");

    // The cancellation, too, belongs to the namespace that it names, whoever made the booking.
    let diverted =
        |user: &str| dressed(Message::event(&cancellation("b0", user)), &[("baggage", "okteto-divert=bo")]);
    world.produce_all(&world.cancellations, &[diverted("bo"), diverted("ana")]).await;
    for (group, expected) in [
        (SHARED, ["diverted", "diverted"]),
        (ANA, ["diverted", "diverted"]),
        (BO, ["rejected:not_owner", "cancelled"]),
    ] {
        world.group = group.to_owned();
        world.settled().await;
        assert_eq!(world.verdicts(&world.cancellations).await, expected, "{group}");
        world.assert_consistent().await;
    }
    for (worker, group) in [(shared, SHARED), (ana, ANA), (bo, BO)] {
        let lines = worker.stop().await;
        let said = of_records(&lines);
        assert_eq!(said.len(), CASES.len() + 3, "{group}");
        let diverted = said.iter().filter(|line| line["outcome"] == "diverted");
        let plain = |line: &&&Value| line["level"] == "INFO" && line["bookingId"] != json!("");
        assert_eq!(diverted.clone().filter(plain).count(), diverted.count());
    }
}
