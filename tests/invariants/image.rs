//! The binary that the image holds, in a root as bare as the image's.

use std::path::PathBuf;
use std::time::Duration;

use stack::{Kafka, Postgres, Scratch, port};

use crate::support::bare_root::BareRoot;
use crate::support::certificates::Authority;
use crate::support::{World, booking};

const USER: &str = "worker-user";
const PASSWORD: &str = "hunter2";

/// By SASL, but without a word on whom to trust.
const PROPERTIES: &str = "security.protocol=SASL_SSL\nsasl.mechanism=SCRAM-SHA-256\n\
                          sasl.username=worker-user\nsasl.password=hunter2";

/// What the image's base sets.
const CERTIFICATES: (&str, &str) = ("SSL_CERT_FILE", "/etc/ssl/certs/ca-certificates.crt");

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "make image-check builds the binary that it starts, and roots can be changed by root only"]
async fn the_images_binary_serves_as_an_ordinary_user_on_a_read_only_root_and_finds_whom_to_trust() {
    let binary = PathBuf::from(std::env::var_os("IMAGE_WORKER").unwrap());
    let authority = Authority::new("the hotel");
    let identity = authority.identity("localhost");
    let root = BareRoot::new(&binary, authority.pem());
    println!("the root is read-only by {}", if root.mounts() { "a mount" } else { "its owner alone" });
    let content = root.content();
    for arguments in [["--version"], ["config"]] {
        let said = root.run(&arguments, &[]);
        assert!(said.status.success() && said.stderr.is_empty(), "{arguments:?}: {said:?}");
    }

    let scratch = Scratch::new("identity").unwrap();
    let (certificate, key) = identity.files(scratch.path());
    let postgres = Postgres::start_secured(&certificate, &key, &[]).await.unwrap();
    let kafka = Kafka::start_secured(&identity.keystore(scratch.path()), &[]).await.unwrap();
    kafka.add_user(USER, PASSWORD).await.unwrap();
    let world = World::on(&postgres, kafka.admin(), kafka.bootstrap(), 1).await;
    let address = format!("127.0.0.1:{}", port::free().unwrap());
    let mut settings = world.settings(&[
        ("DB_HOST", "localhost"),
        ("DB_SSL_MODE", "verify-full"),
        ("KAFKA_BROKERS", kafka.secured().unwrap()),
        ("KAFKA_PROPERTIES", PROPERTIES),
        ("HTTP_ADDR", &address),
    ]);
    assert!(!root.run(&["healthcheck"], &settings).status.success(), "there is no worker yet");
    let said = root.run(&["migrate"], &settings);
    assert!(said.status.success(), "{said:?}");
    world.seed().await;

    for number in 0..2 {
        if number == 1 {
            settings.push((CERTIFICATES.0.to_owned(), CERTIFICATES.1.to_owned()));
        }
        let mut worker = root.start(&format!("worker-{number}"), &["run"], &settings);
        world.book(&booking(&format!("b{number}"))).await;
        world.settled().await;
        world.all_published().await;
        root.assert_confines(&worker);
        let said = root.run(&["healthcheck"], &settings);
        assert!(said.status.success(), "{said:?}\n{}", worker.text());
        worker.signal(stack::Signal::TERM);
        let status = worker.ended_within(Duration::from_secs(35)).await;
        assert!(status.success(), "{status}:\n{}", worker.text());
        println!("{}", worker.text());
    }
    assert_eq!(world.verdicts(&world.bookings).await, ["accepted"; 2]);
    assert_eq!(root.content(), content, "something was written");
}
