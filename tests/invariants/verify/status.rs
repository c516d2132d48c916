//! The status topic against the ledger.

use serde_json::{Value, json};

use super::execute;
use crate::support::{Message, World, booking, cancellation};

/// The status events of all outcomes of which there is something to be told, in their order.
async fn status_events(world: &World) -> Vec<(Value, Message)> {
    let sql =
        "SELECT group_id, topic, partition, record_offset, revision, subject, outcome, reason, announcement
               FROM worker.ledger WHERE announcement IS NOT NULL ORDER BY sequence";
    let rows = world.database.query(sql, &[]).await.unwrap();
    let event = |row: &tokio_postgres::Row| {
        let (topic, partition, offset): (&str, i32, i64) = (row.get(1), row.get(2), row.get(3));
        let mut event: Value = serde_json::from_str(row.get(8)).unwrap();
        event["reason"] = row.get::<_, Option<&str>>(7).into();
        event["source"] = json!({"topic": topic, "partition": partition, "offset": offset});
        event["occurredAt"] = "2027-01-01T10:30:00Z".into();
        let id = format!("{}/{topic}/{partition}/{offset}/{}", row.get::<_, &str>(0), row.get::<_, i16>(4));
        let message = Message::default()
            .key(row.get::<_, &str>(5))
            .header("ce_id", id)
            .header("ce_type", format!("com.example.booking.{}", row.get::<_, &str>(6)));
        (event, message)
    };
    rows.iter().map(event).collect()
}

fn finished((event, message): &(Value, Message)) -> Message {
    Message { payload: Some(event.to_string().into_bytes()), ..message.clone() }
}

/// A name, a message beside the events, and what is found.
type Beside = (&'static str, Option<Message>, Vec<(&'static str, u64)>);

/// An event otherwise.
fn changed(event: &(Value, Message), change: impl FnOnce(&mut Value, &mut Message)) -> Message {
    let (mut value, mut message) = event.clone();
    change(&mut value, &mut message);
    finished(&(value, message))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_status_topic_tells_is_what_the_ledger_has() {
    let world = World::new(1).await;
    let worker = world.worker();
    for _ in 0..3 {
        world.book(&booking("b1")).await;
    }
    world.book(&booking("b2")).await;
    world.settled().await;
    world.cancel(&cancellation("b1", "ana")).await;
    world.cancel(&cancellation("b2", "bo")).await;
    world.settled().await;
    world.all_published().await;
    worker.stop().await;
    let events = status_events(&world).await;
    assert_eq!(events.len(), 4, "two bookings, a cancellation, and one that is not the owner's");
    let all = "UPDATE worker.relay SET published_sequence = (SELECT max(sequence) FROM worker.ledger)";
    assert_eq!(world.database.execute(all, &[]).await.unwrap(), 1);

    let forged = |from: &str, to: &str| {
        let (from, to) = (from.to_owned(), to.to_owned());
        changed(&events[1], |_, message| {
            let id = message.headers[0].1.as_mut().unwrap();
            *id = String::from_utf8(id.clone()).unwrap().replace(&from, &to).into_bytes();
        })
    };
    // A topic for each.
    let beside: [Beside; 9] = [
        ("nothing", None, vec![]),
        ("again", Some(finished(&events[1])), vec![]),
        ("revision", Some(forged("/3/0", "/3/7")), vec![("status_without_outcome", 1)]),
        ("nameless", Some(Message::bytes("{}").key("b")), vec![("status_without_outcome", 1)]),
        (
            "status",
            Some(changed(&events[1], |event, _| event["status"] = "Refused".into())),
            vec![("status_differs", 1)],
        ),
        (
            "reason",
            Some(changed(&events[3], |event, _| event["reason"] = Value::Null)),
            vec![("status_differs", 1)],
        ),
        (
            "source",
            Some(changed(&events[1], |event, _| event["source"]["offset"] = 2.into())),
            vec![("status_differs", 1)],
        ),
        (
            "type",
            Some(changed(&events[1], |_, message| {
                message.headers[1].1 = Some(b"booking.cancelled".to_vec());
            })),
            vec![("status_differs", 1)],
        ),
        ("others", Some(forged(&format!("{}/", world.group), "other/group/")), vec![]),
    ];
    for (name, message, expected) in beside {
        let topic = format!("status-{name}-{}", world.group);
        world.admin().create_topic(&topic, 2, &[]).await.unwrap();
        let messages: Vec<Message> = events.iter().map(finished).chain(message).collect();
        world.produce_all(&topic, &messages).await;
        let told = world.verify(&["--records"], &[("KAFKA_STATUS_TOPIC", &topic)]).await;
        assert_eq!(told.kinds(), expected, "{name}: {:#}", told.report);
        assert_eq!(told.looked_at("status events"), messages.len() as u64);
    }
    // One that never arrived; then the topic's retention takes it and what came before.
    let topic = format!("status-missing-{}", world.group);
    world.admin().create_topic(&topic, 1, &[]).await.unwrap();
    for index in [0, 2, 3] {
        world.produce(&topic, &finished(&events[index])).await;
    }
    let settings = [("KAFKA_STATUS_TOPIC", &*topic)];
    let told = world.verify(&["--records"], &settings).await;
    assert_eq!(told.kinds(), [("status_missing", 1)], "{:#}", told.report);
    assert_eq!(told.report["findings"][0]["examples"][0]["subject"], "b2");
    world.admin().delete_records(&topic, 0, 1).await.unwrap();
    world.verify(&["--records"], &settings).await.assert_clean();
    // What the ledger has pruned is not asked for; what it has not published is not looked for.
    let pruned = "DELETE FROM worker.ledger WHERE topic = 'B';
        UPDATE worker.positions SET pruned_below = 4, pruned_before = now() WHERE topic = 'B'";
    execute(&world, pruned).await;
    world.verify(&["--records"], &settings).await.assert_clean();
    let nowhere = [("KAFKA_STATUS_TOPIC", "no-such-topic")];
    let told = world.verify(&["--records"], &nowhere).await;
    assert_eq!(told.kinds(), [("status_missing", 2)], "{:#}", told.report);
    execute(&world, "UPDATE worker.relay SET published_sequence = 0").await;
    world.verify(&["--records"], &nowhere).await.assert_clean();
}
