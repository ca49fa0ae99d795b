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

/// A neighbour that has the newest block as well changes what is shown, and is no block.
#[test]
fn the_count_is_shown_when_anything_of_it_changes() {
    let left = "id: 1-4\ndata: {\"event\":\"left\"}\n\n";
    let news = "id: 1-3\ndata: {\"event\":\"disk_recovered\"}\n\n";
    let held_by = |neighbours| {
        let tip_held_by = Some(HeldBy { neighbours, of: 2 });
        Answer::json(200, &Results { tip_held_by, ..results(1) })
    };
    for (second, expected) in [(1, &[0, 1][..]), (0, &[0])] {
        let stream = news.to_owned() + left;
        let server = Scripted::start([Answer::events(&stream), held_by(0), held_by(second)]);
        let mut shown = Vec::new();
        let ended = follow::follow(&http(&server), &mut |results: &Results| {
            shown.extend(results.tip_held_by.map(|held_by| held_by.neighbours));
            Ok(())
        });
        assert_eq!(shown, expected);
        assert_eq!(ended.expect_err("the peer left").exit(), ClientExit::NoContact);
        assert_eq!(server.requests().len(), 3);
    }
}

/// The question for the count meets nobody, or a peer that is busy, and the events go on.
#[test]
fn a_peer_that_does_not_answer_for_once_is_watched_on() {
    let stream = "id: 1-3\ndata: {\"event\":\"disk_recovered\"}\n\n\
        id: 1-4\ndata: {\"event\":\"left\"}\n\n";
    let count = Answer::json(200, &results(1));
    let problem = |status, kind| Answer::problem(status, kind, "later");
    let busy = [problem(503, "busy"), problem(429, "busy"), problem(408, "time_out")];
    for passing in busy.into_iter().chain([Answer::Cut]) {
        let server = Scripted::start([Answer::events(stream), count.clone(), passing]);
        let ended = follow::follow(&http(&server), &mut |_| Ok(()));
        assert!(matches!(ended, Err(ClientError::PeerEnded)), "{ended:?}");
        assert_eq!(server.requests().len(), 3);
    }
    let server = Scripted::start([Answer::events(stream), count, problem(403, "bad_token")]);
    let ended = follow::follow(&http(&server), &mut |_| Ok(()));
    assert_eq!(ended.expect_err("it refuses").kind(), "bad_token");
}
