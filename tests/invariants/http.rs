//! What the worker serves over HTTP.

use crate::support::http::send;
use crate::support::{DEADLINE, World};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_what_is_there_is_served_and_nothing_can_be_changed() {
    let world = World::new(1).await;
    let mut worker = world.worker();
    let metrics = worker.get("/metrics").await;
    assert_eq!(metrics.status, 200, "{metrics:?}");
    assert!(metrics.body.contains("worker_build_info{version="), "{metrics:?}");
    assert_eq!(worker.get("/nowhere").await.status, 404);
    let post =
        send(worker.address().await, b"POST /metrics HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n").await;
    assert_eq!(post.unwrap().status, 405);
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_that_is_in_use_is_told_at_once() {
    let world = World::new(1).await;
    let mut worker = world.worker();
    let address = worker.address().await.to_string();
    let mut second = world.worker_with(&[("HTTP_ADDR", &address)]);
    let status = second.ended_within(DEADLINE).await;
    assert_eq!(status.code(), Some(1));
    let text = second.text();
    let last = text.lines().last().unwrap();
    assert!(last.contains(&address) && last.contains("HTTP_ADDR"), "{last}");
    worker.stop().await;
}
