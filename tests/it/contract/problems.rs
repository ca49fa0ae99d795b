//! The refusals that anybody can bring about, word by word: programs go by `kind`, and people read `detail`.

use serde_json::json;

use crate::documents::document;
use crate::harness::http::HttpAnswer;
use crate::harness::{Network, PATIENCE, Peer, Voter, meet_all, new_election, until};

use super::ask;

/// More than what a peer takes of addresses by hand.
const ADDRESSES: u8 = 100;

/// A request, and what comes of it. `TOKEN`, `PORT`, `OTHER` and `TRACKER` stand for what differs from run to run.
type Case = (&'static str, &'static [&'static str], &'static str, u16, &'static str, &'static str);

const JSON: &str = "Content-Type: application/json";
const TOKEN: &str = "Authorization: Bearer TOKEN";
const NOBODY: &str = "/0000000000000000000000000000000000000000000000000000000000000000";

#[rustfmt::skip]
const CASES: &[Case] = &[
    // What is no request to this server.
    ("GET /v1/status", &["Host: ostrakon.example"], "", 421, "wrong_host", "this server is not reached under the name in Host"),
    ("GET /v1/status", &["Origin: http://pages.example"], "", 403, "cross_origin", "pages of that origin may not ask this server"),
    ("GET /v1/status", &["Sec-Fetch-Site: cross-site"], "", 403, "cross_origin", "pages of others may not ask this server"),
    ("GET /v2/status", &[], "", 404, "not_found", "there is nothing at /v2/status"),
    ("DELETE /v1/status", &[], "", 405, "method_not_allowed", "/v1/status does not take DELETE"),
    ("POST /v1/transactions", &[JSON, "Content-Length: 1048577"], "", 413, "body_too_large", "a request's body may have 1048576 bytes at most: send less at once"),
    // Who is not let in.
    ("POST /v1/mine", &[], "", 401, "no_token", "this takes the peer's token: send `Authorization: Bearer TOKEN`, with the digits in api.token of its data directory"),
    ("POST /v1/mine", &["Authorization: Bearer 00"], "", 401, "wrong_token", "that is not this peer's token"),
    ("POST /v1/mine", &["Cookie: ostrakon_PORT=00"], "", 401, "no_session", "log in again: `peer login` prints a link"),
    ("GET /login/00", &[], "", 403, "link_used", "this link was used, or is too old: `peer login` prints another"),
    // Paths and queries.
    ("GET /v1/blocks/-1", &[], "", 400, "bad_request", "a block is named by its height, or its hash of 64 digits"),
    ("GET /v1/blocks/+0", &[], "", 400, "bad_request", "a block is named by its height, or its hash of 64 digits"),
    ("GET /v1/blocks/9", &[], "", 404, "no_such_block", "there is no block 9 here; the tip is at height 0"),
    ("GET /v1/voters/7", &[], "", 400, "bad_request", "expected 64 hexadecimal digits, found \"7\""),
    ("GET /v1/chain?limit=0", &[], "", 400, "bad_request", "limit is 0: write 1 to 1000"),
    ("GET /v1/chain?depth=1", &[], "", 400, "bad_request", "nothing is called `depth` here: there is `from`, `limit`"),
    ("GET /v1/pool?after=x", &[], "", 400, "bad_request", "`after` is no whole number that fits here"),
    // Bodies.
    ("POST /v1/transactions", &[], "{}", 415, "unsupported_media_type", "the body has to be JSON: send Content-Type: application/json"),
    ("POST /v1/transactions", &[JSON], "{", 400, "bad_request", "the body is JSON that ends too early"),
    ("POST /v1/transactions", &[JSON], "{}", 400, "bad_request", "`transactions` is missing"),
    ("POST /v1/transactions", &[JSON], r#"{"transactions":[]}"#, 422, "wrong_number_of_transactions", "here are 0 transactions: send 1 to 1000 at once"),
    ("POST /v1/transactions", &[JSON], "", 400, "bad_request", "the body is empty: send JSON"),
    ("POST /v1/transactions", &[JSON], "votes", 400, "bad_request", "the body can't be read as JSON beyond line 1, column 1"),
    ("POST /v1/transactions", &[JSON], r#"{"transactions":[7]}"#, 400, "bad_request", "`transactions[0]` is a number: write a text in quotes"),
    ("POST /v1/vote", &[TOKEN, JSON], r#"{"choices":[],"passphrase":7}"#, 400, "bad_request", "`passphrase`: a passphrase is a text of 1 to 1024 bytes"),
    ("POST /v1/vote", &[TOKEN, JSON], r#"{"choices":[],"voter":"A/B"}"#, 400, "bad_request", "`voter`: a voter's name has 1 to 32 of a-z, 0-9, - and _, and begins with a letter or a digit"),
    // Votes.
    ("POST /v1/vote", &[TOKEN, JSON], r#"{"choices":[["Grece"]]}"#, 422, "no_such_option", "question 1 (Who takes the chair?) has no option \"Grece\": did you mean \"Grace\"?"),
    ("POST /v1/vote", &[TOKEN, JSON], r#"{"choices":[["Ada","Ada"]]}"#, 422, "option_twice", "question 1 (Who takes the chair?) names \"Ada\" twice"),
    ("POST /v1/vote", &[TOKEN, JSON], r#"{"choices":[]}"#, 422, "wrong_number_of_choices", "question 1 (Who takes the chair?) takes one choice, and here are 0"),
    ("POST /v1/vote", &[TOKEN, JSON], r#"{"choices":[["Ada"],[]]}"#, 422, "wrong_number_of_questions", "the ballot asks 1 questions, and here are 2 answers: put `;` between questions, `,` between choices"),
    // Orders.
    ("POST /v1/mine", &[TOKEN], "", 409, "mining_off", "this peer does not mine: start it without --no-mining"),
    ("POST /v1/peers", &[TOKEN, JSON], r#"{"address":"here"}"#, 400, "bad_request", "`address`: write an IP address and a port, as in 192.0.2.7:6001"),
    ("POST /v1/peers", &[TOKEN, JSON], r#"{"address":"255.255.255.255:1"}"#, 422, "unusable_address", "255.255.255.255:1 is no peer's address: give the IP and the UDP port that it listens on"),
    ("POST /v1/peers", &[TOKEN, JSON], r#"{"address":"TRACKER"}"#, 409, "own_tracker", "TRACKER is this peer's tracker: give a peer's address"),
    ("POST /v1/peers", &[TOKEN, JSON], r#"{"address":"OTHER"}"#, 409, "already_neighbour", "OTHER is a neighbour already"),
];

#[test]
fn refusals_are_the_same_words_for_everybody() {
    let mut network = Network::with_tracker(new_election(8));
    network.join(&["--no-mining"]);
    network.join(&["--no-mining"]);
    meet_all(&mut network.peers, PATIENCE);
    let (peer, other) = (&network.peers[0], network.peers[1].address.to_string());
    let (tracker, port) = (network.tracker_address(), peer.api.port().to_string());
    for (request, headers, body, status, kind, detail) in CASES {
        let fill = |text: &str| {
            // The problem's own words are the only ones that name the token as such.
            let token = if text == TOKEN { peer.token() } else { "TOKEN".into() };
            let text = text.replace("TOKEN", &token).replace("PORT", &port);
            text.replace("OTHER", &other).replace("TRACKER", &tracker)
        };
        let headers: Vec<_> = headers.iter().map(|header| fill(header)).collect();
        let headers: Vec<_> = headers.iter().map(String::as_str).collect();
        let (method, target) = request.split_once(' ').expect("a method and a target");
        let answer = ask(peer, method, target, &headers, &fill(body));
        assert_problem(&answer, *status, kind, Some(&fill(detail)));
    }
    for (what, kind, detail) in [
        (
            "transactions",
            "no_such_transaction",
            "there is no transaction NOBODY here, neither in the pool nor on the best chain",
        ),
        (
            "receipts",
            "no_receipt",
            "no block holds a vote of this voter yet: ask again when one does",
        ),
    ] {
        let answer = ask(peer, "GET", &format!("/v1/{what}{NOBODY}"), &[], "");
        assert_problem(&answer, 404, kind, Some(&detail.replace("NOBODY", &NOBODY[1..])));
    }
}

#[test]
fn what_a_peer_has_had_enough_of_is_refused_too() {
    let election = new_election(8);
    let mut network = Network::without_tracker(election.clone());
    let ballot = network.ballot().display().to_string();
    let mut peer = network.start_alone(&["--ballot", &ballot, "--no-mining"]);
    let answer = order(&peer, "/v1/sync", "");
    assert_problem(&answer, 409, "no_neighbours", Some("there is no neighbour to ask yet"));

    let vote = r#"{"choices":[["Ada"]]}"#;
    assert_eq!(order(&peer, "/v1/vote", vote).json()["accepted"], true);
    let voted = format!("voter {} has voted already: the first vote stands", peer.voter);
    assert_problem(&order(&peer, "/v1/vote", vote), 409, "already_voted", Some(&voted));

    // It finds out by meeting itself.
    let own = json!({ "address": peer.address }).to_string();
    let answer = until("it knows itself", PATIENCE, || {
        Some(order(&peer, "/v1/peers", &own)).filter(|answer| answer.status != 200)
    });
    let same = format!("{} is this peer's own address: give another peer's", peer.address);
    assert_problem(&answer, 409, "own_address", Some(&same));

    // Nobody listens in this corner of the loopback network.
    let mut refused = (1..=ADDRESSES).find_map(|place| {
        let body = json!({ "address": format!("127.9.9.{place}:9") }).to_string();
        Some(order(&peer, "/v1/peers", &body)).filter(|answer| answer.status != 200)
    });
    assert_problem(&refused.take().expect("there is an end"), 409, "too_many_neighbours", None);

    // Each transaction of a submission has an outcome of its own.
    let stranger = Voter::new(&election, 1);
    let body = json!({ "transactions": ["0", "00ff", stranger.vote(0), stranger.registration()] });
    let answer = ask(
        &peer,
        "POST",
        "/v1/transactions",
        &["Content-Type: application/json"],
        &body.to_string(),
    );
    let outcomes = answer.json()["outcomes"].clone();
    let kinds = outcomes
        .as_array()
        .expect("outcomes")
        .iter()
        .map(|outcome| outcome["error"]["kind"].as_str());
    let expected = [Some("not_a_transaction"), Some("not_a_transaction"), None, None];
    assert_eq!(kinds.collect::<Vec<_>>(), expected, "{outcomes}");
    until("both wait for a block", PATIENCE, || (peer.ask("status")["pool"] == 4).then_some(()));
}

fn order(peer: &Peer, target: &str, body: &str) -> HttpAnswer {
    let bearer = format!("Authorization: Bearer {}", peer.token());
    ask(peer, "POST", target, &[&bearer, "Content-Type: application/json"], body)
}

fn assert_problem(answer: &HttpAnswer, status: u16, kind: &str, detail: Option<&str>) {
    assert_eq!((answer.status, answer.problem().as_str()), (status, kind), "{answer:?}");
    assert!(is_documented(status, kind), "docs/API.md does not have {kind} under {status}");
    let problem = answer.json();
    let said = problem["detail"].as_str().expect("a line");
    assert!(!said.contains('\n'), "{answer:?}");
    if let Some(detail) = detail {
        assert_eq!(said, detail, "{answer:?}");
    }
}

/// Whether the page's table has this kind in the row of this status.
fn is_documented(status: u16, kind: &str) -> bool {
    document("docs/API.md").lines().any(|line| {
        let mut cells = line.trim_matches('|').split(" | ").map(str::trim);
        let (Some(statuses), Some(kinds)) = (cells.next(), cells.next()) else { return false };
        let is_of_status = statuses.split(", ").any(|each| each == status.to_string());
        is_of_status && kinds.split('`').skip(1).step_by(2).any(|each| each == kind)
    })
}
