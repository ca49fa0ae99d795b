//! Events, and what is shown again because of them.

use super::*;
use crate::client::events::Events;
use crate::schema::Event;

#[test]
fn events_go_on_over_broken_connections() {
    let joined =
        |port: u16| format!("{{\"event\":\"neighbour_joined\",\"address\":\"127.0.0.1:{port}\"}}");
    let first = format!(
        "id: 1-1\ndata: {}\n\n: nothing\n\nid: 1-2\ndata: {{\"event\":\"new\"}}\n\nid: 1-3\ndata: {{\"ev",
        joined(1)
    );
    let second =
        format!("id: 1-3\ndata: {}\n\nid: 1-4\ndata: {{\"event\":\"left\"}}\n\n", joined(3));
    let server = Scripted::start([Answer::events(&first), Answer::Cut, Answer::events(&second)]);
    let events = Events::connect(http(&server), None).expect("a stream");
    let found: Vec<_> = events.map(|event| event.expect("an event")).collect();
    let ids: Vec<_> = found.iter().map(|(id, _)| id.as_deref()).collect();
    assert_eq!(ids, [Some("1-1"), Some("1-3"), Some("1-4")]);
    assert_eq!(found[2].1, Event::Left);
    let requests = server.requests();
    assert!(!requests[0].has("last-event-id"));
    for request in &requests[1..] {
        assert!(request.headers.contains("last-event-id: 1-2\n"), "{request:?}");
    }
}

#[test]
fn a_peer_that_is_gone_ends_the_events() {
    let server = Scripted::start([Answer::events("data: {\"event\":\"disk_recovered\"}\n\n")]);
    let mut events = Events::connect(http(&server), None).expect("a stream");
    assert!(matches!(events.next(), Some(Ok((None, Event::DiskRecovered)))));
    assert!(matches!(events.next(), Some(Err(HttpError::NoContact { .. }))));
    assert!(events.next().is_none());
    server.requests();
    let server = Scripted::start([Answer::text(200, "text/html", "<p>")]);
    assert!(matches!(Events::connect(http(&server), None), Err(HttpError::NotAPeer { .. })));
    server.requests();
}

#[test]
fn the_count_is_shown_when_it_changes() {
    let block = |height: u64| {
        let hash = "ab".repeat(32);
        format!(
            "id: 1-{height}\ndata: {{\"event\":\"block\",\"height\":{height},\"hash\":\"{hash}\",\"transactions\":1,\"mined_here\":false}}\n\n"
        )
    };
    let stream = block(1)
        + &block(2)
        + "id: 1-3\ndata: {\"event\":\"disk_recovered\"}\n\nid: 1-4\ndata: {\"event\":\"left\"}\n\n";
    let count = |votes| Answer::json(200, &results(votes));
    let server = Scripted::start([Answer::events(&stream), count(1), count(1), count(2)]);
    let mut shown = Vec::new();
    let ended = follow::follow(&http(&server), &mut |results: &Results| {
        shown.push(results.votes);
        Ok(())
    });
    assert_eq!(shown, [1, 2]);
    assert_eq!(ended.expect_err("the peer left").exit(), ClientExit::NoContact);
    assert_eq!(server.requests().len(), 4);
}
