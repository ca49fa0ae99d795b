use std::time::Duration;

use axum::body::to_bytes;
use protocol::units::{BlockHash, VoterId};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use tokio::time::timeout;

use super::*;
use crate::handle::Requests;

const PATIENCE: Duration = Duration::from_secs(60);

fn start() -> (PeerHandle, Requests, EventLog) {
    let (handle, requests) = PeerHandle::new();
    let log = EventLog::start(&handle);
    (handle, requests, log)
}

fn block(height: u64) -> Event {
    Event::Block { height, hash: BlockHash([7; 32]), transactions: 2, mined_here: false }
}

fn event(told: &Told) -> Event {
    serde_json::from_str(&told.json).expect("an event")
}

fn height(event: &Event) -> Option<u64> {
    let Event::Block { height, .. } = event else { return None };
    Some(*height)
}

/// The same without when each event was told.
fn without_times(body: &str) -> String {
    let mut parts = body.split(",\"at_ms\":");
    let first = parts.next().unwrap_or_default().to_owned();
    let rests = parts.map(|part| part.trim_start_matches(|digit: char| digit.is_ascii_digit()));
    first + &rests.collect::<String>()
}

/// Tells of so many blocks, and waits until they are kept.
async fn tell(handle: &PeerHandle, log: &EventLog, heights: std::ops::RangeInclusive<u64>) {
    let mut kept = log.kept.clone();
    for number in heights {
        handle.publish(block(number));
        // Never so many at once that listeners fall behind.
        let all = |kept: &Kept| kept.newest() + 500 >= number;
        timeout(PATIENCE, kept.wait_for(all)).await.expect("in time").expect("it runs");
    }
}

async fn settle(log: &EventLog, newest: u64) {
    let mut kept = log.kept.clone();
    let all = kept.wait_for(|kept| kept.newest() >= newest);
    timeout(PATIENCE, all).await.expect("in time").expect("it runs");
}

async fn next(listener: &mut Listener) -> Told {
    timeout(PATIENCE, listener.next()).await.expect("in time").expect("the node runs")
}

/// Reads to the newest event through many short connections; gives what it heard.
async fn read_through(log: EventLog, seed: u64, newest: u64) -> Vec<Event> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let (mut heard, mut last) = (Vec::new(), format!("{}-0", log.run));
    while heard.last().and_then(height) != Some(newest) {
        let mut listener = log.listen(here(), Some(&last)).expect("there is room");
        for _ in 0..random.random_range(0..40) {
            let told = next(&mut listener).await;
            last = told.id.to_string();
            heard.push(event(&told));
            if height(&event(&told)) == Some(newest) {
                break;
            }
            if random.random_ratio(1, 8) {
                tokio::task::yield_now().await;
            }
        }
    }
    heard
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_reconnects_hears_of_everything_once_and_in_order() {
    let (handle, _requests, log) = start();
    let newest = EVENTS_MAX as u64;
    let readers: Vec<_> =
        (0..8).map(|seed| tokio::spawn(read_through(log.clone(), seed, newest))).collect();
    tell(&handle, &log, 1..=newest).await;
    for reader in readers {
        let heard = timeout(PATIENCE, reader).await.expect("in time").expect("no panic");
        let heights: Vec<_> = heard.iter().filter_map(height).collect();
        assert_eq!(heights, (1..=newest).collect::<Vec<_>>());
        assert_eq!(heard.len(), heights.len(), "and of nothing else");
    }
    assert_eq!(log.listeners(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_slow_listener_misses_is_counted_to_the_last_event() {
    let (handle, _requests, log) = start();
    let newest = 5 * EVENTS_MAX as u64;
    let reader = tokio::spawn(async move {
        let mut listener = log.listen(here(), None).expect("there is room");
        let mut random = ChaCha8Rng::seed_from_u64(1);
        let (mut last, mut missed) = (0, 0);
        let teller = tokio::spawn({
            let log = log.clone();
            async move { tell(&handle, &log, 1..=newest).await }
        });
        while last < newest {
            // Sometimes the log goes on by more than it keeps.
            if random.random_ratio(1, 1_000) {
                settle(&log, newest.min(last + EVENTS_MAX as u64 + 100)).await;
            }
            let told = event(&next(&mut listener).await);
            if let Event::Missed { events } = told {
                assert!(events > 0);
                missed += events;
                last += events;
            } else {
                last += 1;
                assert_eq!(height(&told), Some(last));
            }
        }
        teller.await.expect("no panic");
        missed
    });
    let missed = timeout(PATIENCE, reader).await.expect("in time").expect("no panic");
    assert!(missed > 0, "it was never late");
}

#[tokio::test]
async fn an_id_that_this_run_does_not_know_brings_all_that_is_kept() {
    let (handle, _requests, log) = start();
    tell(&handle, &log, 1..=3).await;
    settle(&log, 3).await;
    let run = log.run;
    let unknown = [
        format!("{}-2", run - 1),
        format!("{run}-4"),
        format!("{run}-{}", u64::MAX),
        format!("{run}-+2"),
        format!("{run}-02"),
        format!("{run}-2 "),
        format!("{run}-"),
        "-".to_owned(),
        "2".to_owned(),
        "\u{1f3fa}".repeat(1_000),
    ];
    for id in unknown {
        let mut listener = log.listen(here(), Some(&id)).expect("there is room");
        let told = next(&mut listener).await;
        assert_eq!(event(&told), Event::Missed { events: 0 }, "{id}");
        assert_eq!(told.id, EventId { run, number: 0 });
        for number in 1..=3 {
            assert_eq!(height(&event(&next(&mut listener).await)), Some(number), "{id}");
        }
    }
    for (id, first) in [("", 4), (&*format!("{run}-3"), 4), (&*format!("{run}-0"), 1)] {
        let mut listener = log.listen(here(), Some(id)).expect("there is room");
        if first == 4 {
            assert_eq!(listener.next_kept(), None, "{id}");
        } else {
            assert_eq!(height(&event(&next(&mut listener).await)), Some(first), "{id}");
        }
    }
}

#[tokio::test]
async fn a_gap_in_the_events_is_an_event_of_its_own() {
    let (handle, _requests, log) = start();
    let mut listener = log.listen(here(), None).expect("there is room");
    // The log's task does not run before this one waits.
    for number in 1..=1_030 {
        handle.publish(block(number));
    }
    let told = next(&mut listener).await;
    let Event::Missed { events } = event(&told) else { panic!("{told:?}") };
    assert!(events >= 6, "{events}");
    assert_eq!(height(&event(&next(&mut listener).await)), Some(events + 1));
    // Who comes back with that id hears the rest, too.
    let mut listener = log.listen(here(), Some(&told.id.to_string())).expect("there is room");
    assert_eq!(height(&event(&next(&mut listener).await)), Some(events + 1));
}

fn here() -> ClientAddress {
    ClientAddress::new([127, 0, 0, 1].into())
}

/// As many of one address as it may have, and then of the next.
fn listen_from(log: &EventLog, number: usize) -> Result<Listener, TooManyListeners> {
    let address = u8::try_from(number / LISTENERS_PER_ADDRESS_MAX).expect("there are few");
    log.listen(ClientAddress::new([192, 0, 2, address].into()), None)
}

#[tokio::test]
async fn one_address_takes_no_more_than_its_share_of_the_places() {
    let (_handle, _requests, log) = start();
    let listen = |_| log.listen(here(), None).expect("there is room");
    let mut own: Vec<_> = (0..LISTENERS_PER_ADDRESS_MAX).map(listen).collect();
    let refusal = log.listen(here(), None).expect_err("it has its share");
    assert!(refusal.to_string().contains("your address"), "{refusal}");
    assert_eq!(Problem::from(refusal).kind, "too_many_listeners");
    assert!(listen_from(&log, 0).is_ok(), "others are not kept from theirs");
    own.pop();
    assert!(log.listen(here(), None).is_ok());
}

#[tokio::test]
async fn a_place_is_free_again_when_its_listener_goes() {
    let (_handle, _requests, log) = start();
    let mut listeners: Vec<_> = (0..LISTENERS_MAX)
        .map(|number| listen_from(&log, number).expect("there is room"))
        .collect();
    assert_eq!(log.listeners(), LISTENERS_MAX);
    let refusal = log.listen(here(), None).expect_err("there is no room");
    let problem = Problem::from(refusal);
    assert_eq!((problem.status, &*problem.kind), (503, "too_many_listeners"));
    listeners.pop();
    assert!(log.listen(here(), None).is_ok());
    let answer = listeners.pop().expect("a listener").into_response().into_response();
    assert_eq!(log.listeners(), LISTENERS_MAX - 1);
    drop(answer);
    assert_eq!(log.listeners(), LISTENERS_MAX - 2);
}

#[tokio::test]
async fn the_stream_is_what_the_standard_says_and_ends_with_the_node() {
    let (handle, requests, log) = start();
    tell(&handle, &log, 1..=1).await;
    settle(&log, 1).await;
    let first = log.listen(here(), None).expect("there is room").into_response();
    let other = log.listen(here(), Some("7-7")).expect("there is room").into_response();
    let voter = VoterId([9; 32]);
    handle.publish(Event::Registering { voter, registration_bits: 20 });
    handle.publish(block(2));
    drop(requests);
    let (run, hash) = (log.run, "07".repeat(32));
    let block = |height: u64| {
        format!(
            "id: {run}-{height}\ndata: {{\"event\":\"block\",\"height\":{height},\
             \"hash\":\"{hash}\",\"transactions\":2,\"mined_here\":false}}\n\n"
        )
    };
    let missed = format!("id: {run}-0\ndata: {{\"event\":\"missed\",\"events\":0}}\n\n");
    let left = format!("id: {run}-3\ndata: {{\"event\":\"left\"}}\n\n");
    for (answer, text) in [
        (first.into_response(), format!("retry: 2000\nid: {run}-1\n\n{}{left}", block(2))),
        (other.into_response(), format!("retry: 2000\n\n{missed}{}{}{left}", block(1), block(2))),
    ] {
        assert_eq!(answer.headers()["content-type"], "text/event-stream");
        let body = timeout(PATIENCE, to_bytes(answer.into_body(), usize::MAX)).await;
        let body = body.expect("in time").expect("a body");
        let body = String::from_utf8_lossy(&body);
        assert_eq!(body.matches(",\"at_ms\":").count(), text.matches("data: ").count(), "{body}");
        assert_eq!(without_times(&body), text);
    }
    // Nothing more will happen, and this is said at once.
    let mut listener = log.listen(here(), None).expect("there is room");
    assert_eq!(timeout(PATIENCE, listener.next()).await.expect("in time"), None);
    assert_eq!(
        timeout(PATIENCE, EventLog::start(&handle).listen(here(), None).expect("room").next())
            .await
            .expect("in time"),
        None
    );
}
