//! The status page, looked at with a real browser: narrow and wide, light and dark, with the worst that records say.

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::support::browser::Browser;
use crate::support::http::Answer;
use crate::support::{Message, World, booking, cancellation};

/// Booking ids that would act, where the page let them.
const HOSTILE: [&str; 5] = [
    "<img src=x onerror=\"document.title='taken over'\">",
    "</td></table><script>document.title='taken over'</script>",
    "\"' onmouseover='document.title=1' x=\"",
    "&lt;b&gt; {{ 7 * 7 }} <!-- ",
    "\u{202e}gnitrevni",
];

/// What is wrong with the page at this width, as a list of sentences.
const FAULTS: &str = r"
const faults = [];
const wide = document.documentElement.scrollWidth;
if (wide > innerWidth) faults.push(`the page is ${wide} wide in a window of ${innerWidth}`);
const acting = document.querySelectorAll('script, img, iframe, object, embed, form, [onerror], [onmouseover]');
if (acting.length) faults.push(`${acting.length} elements that act: ${acting[0].outerHTML}`);
if (!document.title.endsWith('booking worker')) faults.push(`the title is ${document.title}`);
const fetched = performance.getEntriesByType('resource').map(entry => entry.name);
if (fetched.length) faults.push(`it fetches ${fetched}`);
const channels = colour => colour.match(/[\d.]+/g).map(Number);
const luminance = ([r, g, b]) => [r, g, b].map(c => c / 255)
    .map(c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
const ground = element => {
    for (; element; element = element.parentElement) {
        const colour = channels(getComputedStyle(element).backgroundColor);
        if (colour.length === 3 || colour[3] === 1) return colour;
    }
    return [255, 255, 255];
};
let texts = 0;
for (const element of document.body.querySelectorAll('*')) {
    const own = [...element.childNodes].some(node => node.nodeType === 3 && node.data.trim());
    if (!own) continue;
    texts += 1;
    const [high, low] = [channels(getComputedStyle(element).color), ground(element)].map(luminance)
        .sort((one, other) => other - one);
    const contrast = (high + 0.05) / (low + 0.05);
    if (contrast < 4.5) faults.push(`contrast ${contrast.toFixed(1)}: ${element.textContent.slice(0, 40)}`);
}
if (texts < 30) faults.push(`only ${texts} texts are there to be read`);
return faults;";

/// The ground colour, to see that light and dark differ.
const GROUND: &str = "return getComputedStyle(document.body).backgroundColor;";

/// What stands in the cells that records fill.
const SAID: &str = "return [...document.querySelectorAll('bdi')].map(cell => cell.textContent);";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_records_say_the_page_shows_it_as_text_and_stays_readable() {
    let world = World::new(2).await;
    let mut worker = world.worker();
    world.book(&booking("booking_1")).await;
    world.settled().await;
    let mut long = "x".repeat(250);
    long.insert(0, 'b');
    for id in HOSTILE.into_iter().chain([&*long]) {
        let mut event = booking(id);
        event["endDate"] = event["startDate"].clone();
        let hostile = "tenant=%3Cscript%3Ealert(1)%3C%2Fscript%3E,note=caf%C3%A9";
        world.produce(&world.bookings, &Message::event(&event).header("baggage", hostile)).await;
    }
    world.cancel(&cancellation("booking_1", "bo")).await;
    world.cancel(&cancellation("booking_2", "ana")).await;
    world.settled().await;

    let page = format!("http://{}/", worker.address().await);
    let browser = Browser::start(&world.scratch).await;
    let mut grounds = Vec::new();
    for (name, width, dark) in
        [("narrow", 360, false), ("narrow-dark", 360, true), ("wide", 1280, false), ("wide-dark", 1280, true)]
    {
        browser.view(width, 900, dark).await;
        browser.open(&page).await;
        assert_eq!(browser.run(FAULTS).await, json!([]), "{name}");
        grounds.push(browser.run(GROUND).await);
        std::fs::write(picture(name), browser.screenshot().await).unwrap();
    }
    assert!(grounds[0] == grounds[2] && grounds[1] == grounds[3] && grounds[0] != grounds[1], "{grounds:?}");

    let said = browser.run(SAID).await;
    let said: Vec<&str> = said.as_array().unwrap().iter().filter_map(Value::as_str).collect();
    for id in &HOSTILE[..4] {
        assert!(said.contains(id), "{id} is not in {said:?}");
    }
    // What turns the order of letters around is shown by its number.
    assert!(said.contains(&"\\u{202e}gnitrevni"), "{said:?}");
    assert!(said.contains(&&*long), "{said:?}");
    assert!(said.iter().any(|text| text.contains("<script>alert(1)</script>")), "{said:?}");
    // The database is asked now and then, once a minute where it is slow; the page's clock puts the deadline off.
    let known = |page: &Answer| page.body.contains("unknown_booking") && !page.body.contains("Not known");
    let text = worker.get_until("/", "what is held to be known", known).await;
    assert!(text.head.contains("content-security-policy: default-src 'none'"), "{}", text.head);
    for words in ["not_owner", "invalid_dates", "accepted"] {
        assert!(text.body.contains(words), "{words}");
    }
    worker.stop().await;
}

/// Where a picture goes, for a person to look at.
fn picture(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("status-page-{name}.png"))
}
