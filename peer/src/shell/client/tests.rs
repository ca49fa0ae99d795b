//! The client against a scripted server.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::time::Duration;

use protocol::block::{Block, Header, merkle_root};
use protocol::receipt::Receipt;
use protocol::transaction::Transaction;
use protocol::units::{BlockHash, Difficulty, Height, UnixMillis, VoterId};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::error::ClientError;
use super::http::HttpError;
use super::scripted::{Answer, Request, Scripted};
use super::server::{Server, URL_FILE};
use super::*;
use crate::cli::Connection;
use crate::fixtures::{election, id, key, registration, vote};
use crate::shell::data_directory::DataDirectory;
use crate::shell::receipt;
use crate::shell::schema::{self, Ballot, Event, OptionTally, QuestionTally, Results, Tip};

const TOKEN: &str = "abababababababababababababababababababababababababababababababab";

fn patience() -> Patience {
    Patience {
        connect: Duration::from_secs(10),
        answer: Duration::from_secs(30),
        silence: Duration::from_secs(30),
        pause: Duration::from_millis(1),
    }
}

fn http(server: &Scripted) -> Http {
    Http::new(Server::parse(&server.url).expect("a URL"), patience())
}

/// A data directory with the key of voter 0 and a token, whose peer is at the URL.
fn data_directory(url: &str) -> TempDir {
    let directory = tempfile::tempdir().expect("a directory");
    let kept = DataDirectory::open(directory.path().to_owned()).expect("it is free");
    kept.keep_election(&election()).expect("kept");
    write(directory.path(), "voter.key", &hex::encode(key(0).secret_bytes().as_slice()));
    write(directory.path(), "api.token", TOKEN);
    write(directory.path(), URL_FILE, &format!("{url}\n"));
    directory
}

fn write(directory: &Path, name: &str, text: &str) {
    let path = directory.join(name);
    fs::write(&path, text).expect("there is room");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("a mode");
    }
}

fn client_of(connection: &Connection) -> Client {
    let target = Target::find(connection).expect("a server");
    let http = Http::new(target.server.clone(), patience());
    Client { target, http, style: Style::Json, asks: false }
}

fn connection(server: Option<&str>, data_dir: Option<PathBuf>) -> Connection {
    Connection { server: server.map(str::to_owned), data_dir, token_file: None, json: true }
}

/// Runs a line against a server that runs on a data directory.
fn ask(line: &str, script: Vec<Answer>) -> (Result<Reply, ClientError>, Vec<Request>) {
    let server = Scripted::start(script);
    let directory = data_directory(&server.url);
    let client = client_of(&connection(None, Some(directory.path().to_owned())));
    let outcome = client.perform(parse(line).expect(line).expect("a command"));
    (outcome, server.requests())
}

fn ballot() -> Answer {
    Answer::json(200, &Ballot::of(&election()))
}

fn voter_id() -> VoterId {
    key(0).public().voter()
}

fn voter(registration: Value, vote: Value) -> Answer {
    Answer::json(200, &json!({"voter": voter_id(), "registration": registration, "vote": vote}))
}

fn results(votes: u64) -> Results {
    let option = OptionTally { name: "Ada".into(), votes };
    let question = QuestionTally { title: "Chair".into(), options: vec![option], blank: 0 };
    Results {
        tip: Tip { height: 3, hash: BlockHash([7; 32]) },
        votes,
        registered_voters: 9,
        blocks_deep: 1,
        questions: vec![question],
    }
}

#[test]
fn answers_are_the_prompts() {
    let (outcome, requests) = ask("results", vec![Answer::json(200, &results(2))]);
    let shown = Style::Json.outcome("results", &Ok(outcome.expect("the count")));
    assert!(shown.starts_with("{\"answer\":\"results\",\"tip\":{\"height\":3,"), "{shown}");
    assert_eq!(requests[0].line, "GET /v1/results");
    for (line, path) in [
        ("chain 7", "GET /v1/chain?limit=7".to_owned()),
        ("block 5", "GET /v1/blocks/5".to_owned()),
        (&format!("block {}", "ab".repeat(32)), format!("GET /v1/blocks/{}", "ab".repeat(32))),
        ("peers", "GET /v1/peers".to_owned()),
        ("myvote", format!("GET /v1/voters/{}", voter_id())),
        ("ballot", "GET /v1/ballot".to_owned()),
    ] {
        let (outcome, requests) = ask(line, vec![Answer::problem(503, "busy", "ask again soon")]);
        let error = outcome.expect_err(line);
        assert_eq!((requests.len(), &requests[0].line), (1, &path));
        assert_eq!((error.refusal().kind.as_str(), error.end()), ("busy", ClientEnd::Refused));
        assert_eq!(error.to_string(), "ask again soon");
        assert!(!requests[0].has("authorization"), "{line}: {requests:?}");
    }
}

#[test]
fn the_token_goes_with_orders_and_with_the_status_alone() {
    let mined = Answer::json(200, &json!({"height": 3}));
    let (outcome, requests) = ask("mine", vec![mined.clone()]);
    assert!(matches!(outcome, Ok(Reply::Mine(schema::BlockOrdered { height: 3 }))), "{outcome:?}");
    assert_eq!(requests[0].line, "POST /v1/mine");
    assert!(requests[0].headers.contains(&format!("authorization: bearer {TOKEN}\n")));
    let (_, requests) = ask("status", vec![Answer::Cut]);
    assert!(requests[0].has("authorization"));

    // A server that was named alone gets no token, and no order without one.
    let server = Scripted::start([mined]);
    let client = client_of(&connection(Some(&server.url), None));
    let mine = || parse("mine").expect("a command").expect("a command");
    let error = client.perform(mine()).expect_err("no token");
    assert_eq!((error.refusal().kind.as_str(), error.end()), ("no_token", ClientEnd::Usage));
    assert_eq!(server.requests(), []);
    let server = Scripted::start([Answer::problem(401, "wrong_token", "that is not it")]);
    let directory = data_directory("http://127.0.0.1:1");
    let client = client_of(&connection(Some(&server.url), Some(directory.path().to_owned())));
    let error = client.perform(mine()).expect_err("another token");
    assert_eq!((error.refusal().kind.as_str(), error.end()), ("wrong_token", ClientEnd::Usage));
    assert!(server.requests()[0].has("authorization"));
}

#[test]
fn whoever_is_no_peer_is_told_apart() {
    let html = Answer::text(404, "text/html", "<h1>not here</h1>");
    let redirect = |to: &str| {
        Answer::Raw(
            format!(
                "HTTP/1.1 307 Temporary Redirect\r\nLocation: {to}/x\r\nContent-Length: 0\r\n\r\n"
            )
            .into_bytes(),
        )
    };
    let elsewhere = Scripted::start([Answer::json(200, &json!({"height": 3}))]);
    for (answer, part) in [
        (Answer::Raw(b"220 mail.example.org ESMTP\r\n".to_vec()), "does not answer as a peer does"),
        (html, "404"),
        (Answer::text(200, "application/json", "{"), "no JSON"),
        (Answer::json(200, &json!({"depth": 3})), "height"),
        (Answer::json(500, &json!({"title": "x"})), "without a reason"),
        (redirect(&elsewhere.url), "its status is 307"),
    ] {
        let (outcome, _) = ask("mine", vec![answer]);
        let error = outcome.expect_err(part);
        assert_eq!(error.refusal().kind, "not_a_peer", "{error}");
        assert_eq!(error.end(), ClientEnd::NoContact);
        assert!(error.to_string().contains(part), "{error}");
    }
    assert_eq!(elsewhere.requests(), [], "no redirection is followed");
}

#[test]
fn answers_are_bounded_in_length_and_in_time() {
    let long = " ".repeat(16 * 1024 * 1024 + 1);
    let (outcome, _) = ask("peers", vec![Answer::text(200, "application/json", &long)]);
    let error = outcome.expect_err("too long").to_string();
    assert!(error.contains("over 16777216 bytes"), "{error}");

    let server = Scripted::start([Answer::Silence]);
    let hasty = Patience { answer: Duration::from_millis(50), ..patience() };
    let http = Http::new(Server::parse(&server.url).expect("a URL"), hasty);
    let error = http.get::<Value>("/v1/results").expect_err("silence");
    assert!(matches!(error, HttpError::TimedOut { .. }), "{error}");
    server.requests();
    let (outcome, _) = ask("peers", vec![Answer::Cut]);
    assert_eq!(outcome.expect_err("cut").refusal().kind, "cut");
}

#[test]
fn nothing_that_is_sent_gives_a_terminal_orders() {
    let (outcome, _) = ask("peers", vec![Answer::problem(409, "busy", "no\u{1b}[2J\nmore")]);
    assert_eq!(outcome.expect_err("refused").to_string(), "no [2J more");
}

#[test]
fn a_stale_url_is_no_contact() {
    let free = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", free.local_addr().expect("it is bound"));
    drop(free);
    let directory = data_directory(&url);
    let client = client_of(&connection(None, Some(directory.path().to_owned())));
    let error = client.perform(PromptCommand::Peers).expect_err("nobody listens");
    assert_eq!((error.refusal().kind.as_str(), error.end()), ("no_contact", ClientEnd::NoContact));
    assert!(error.to_string().contains("api.url"), "{error}");
    fs::remove_file(directory.path().join(URL_FILE)).expect("removed");
    let line = Wish::Line("peers".to_owned());
    let asked = connection(None, Some(directory.path().to_owned()));
    let request = ClientRequest { wish: line, connection: asked };
    let error = perform(&request, Style::Json, false).expect_err("no peer runs");
    assert_eq!(error.end(), ClientEnd::NoContact);
}

#[test]
fn slips_are_told_before_anybody_is_asked() {
    for (line, kind) in [("chain many", "bad_argument"), ("vote ", "no_choices")] {
        let wish = Wish::Line(line.to_owned());
        let nowhere = connection(Some("http://127.0.0.1:1"), None);
        let request = ClientRequest { wish, connection: nowhere };
        let error = perform(&request, Style::Json, false).expect_err(line);
        assert_eq!((error.refusal().kind.as_str(), error.end()), (kind, ClientEnd::Usage));
    }
}

#[test]
fn the_first_vote_registers_and_is_sent_again_as_it_is() {
    let script = vec![ballot(), voter(Value::Null, Value::Null), Answer::Cut, Answer::Accept];
    let (outcome, requests) = ask("vote Ada", script);
    let Ok(Reply::Vote(voted)) = outcome else { panic!("{outcome:?}") };
    assert_eq!((voted.accepted, voted.choices), (true, vec![vec!["Ada".to_owned()]]));
    let lines: Vec<_> = requests.iter().map(|request| request.line.as_str()).collect();
    let asked = format!("GET /v1/voters/{}", voter_id());
    let post = "POST /v1/transactions";
    assert_eq!(lines, ["GET /v1/ballot", asked.as_str(), post, post]);
    assert_eq!(requests[2].body, requests[3].body, "the same bytes");
    assert!(!requests[2].has("authorization"));
    let transactions = requests[3].transactions();
    assert!(matches!(transactions[0], Transaction::Registration { .. }));
    let Transaction::Vote { vote, .. } = &transactions[1] else { panic!("a vote") };
    assert_eq!((vote.voter, &vote.choices), (voter_id(), &vec![vec![0]]));
    assert_eq!(transactions[1].id(&id()), voted.transaction);
    for transaction in &transactions {
        assert_eq!(transaction.check_signature(&transaction.id(&id())), Ok(()));
    }
}

#[test]
fn a_registration_goes_alone_and_a_lost_answer_is_told() {
    let unknown = || voter(Value::Null, Value::Null);
    let (outcome, requests) = ask("register", vec![ballot(), unknown(), Answer::Accept]);
    let Ok(Reply::Register(registered)) = outcome else { panic!("{outcome:?}") };
    assert_eq!((registered.voter, requests[2].transactions().len()), (voter_id(), 1));
    // Nobody listens any more after the first try.
    let (outcome, requests) = ask("register", vec![ballot(), unknown(), Answer::Cut]);
    let error = outcome.expect_err("no answer came");
    assert_eq!((error.refusal().kind.as_str(), error.end()), ("answer_lost", ClientEnd::NoContact));
    assert!(error.to_string().contains("peer myvote"), "{error}");
    assert_eq!(requests.len(), 3);
}

#[test]
fn a_peer_that_takes_another_vote_is_no_peer_and_one_that_refuses_is_heard() {
    let in_pool = json!({"in": "pool"});
    let other = json!({"outcomes": [{"accepted": true, "transaction": "ab".repeat(32)}]});
    let script = vec![ballot(), voter(in_pool.clone(), Value::Null), Answer::json(200, &other)];
    let (outcome, _) = ask("vote Grace", script);
    assert_eq!(outcome.expect_err("another one").refusal().kind, "not_a_peer");

    let full = json!({"outcomes": [{"accepted": false, "error": {"kind": "pool_full", "message": "full"}}]});
    let script = vec![ballot(), voter(in_pool.clone(), Value::Null), Answer::json(200, &full)];
    let (outcome, _) = ask("vote Grace", script);
    let error = outcome.expect_err("refused");
    assert_eq!((error.refusal().kind.as_str(), error.end()), ("pool_full", ClientEnd::Refused));

    let cast = json!({"transaction": "ab".repeat(32), "choices": [["Ada"]], "cast_at_ms": 1, "standing": in_pool});
    let (outcome, requests) = ask("vote Grace", vec![ballot(), voter(in_pool.clone(), cast)]);
    assert_eq!(
        (outcome.expect_err("voted").refusal().kind.as_str(), requests.len()),
        ("already_voted", 2)
    );
    let (outcome, _) = ask("register", vec![ballot(), voter(in_pool, Value::Null)]);
    assert_eq!(outcome.expect_err("registered").refusal().kind, "already_registered");
    let (outcome, requests) = ask("vote Hedy", vec![ballot()]);
    assert_eq!(
        (outcome.expect_err("no such option").end(), requests.len()),
        (ClientEnd::Refused, 1)
    );
}

#[test]
fn nothing_is_signed_for_an_election_that_is_not_what_it_says() {
    let mut forged = Ballot::of(&election());
    forged.questions[0].options.swap(0, 1);
    let (outcome, requests) = ask("vote Ada", vec![Answer::json(200, &forged)]);
    assert_eq!(
        (outcome.expect_err("forged").refusal().kind.as_str(), requests.len()),
        ("bad_ballot", 1)
    );
    let mut other = election();
    other.id = [9; 16];
    let (outcome, requests) = ask("vote Ada", vec![Answer::json(200, &Ballot::of(&other))]);
    let error = outcome.expect_err("another election");
    assert_eq!((error.refusal().kind.as_str(), requests.len()), ("other_election", 1));
    assert_eq!(error.end(), ClientEnd::Refused);
}

#[test]
fn a_key_is_made_only_where_server_and_directory_were_named() {
    let parent = tempfile::tempdir().expect("a directory");
    let path = parent.path().join("voter");
    let server = Scripted::start([ballot(), Answer::problem(503, "busy", "ask again soon")]);
    let client = client_of(&connection(Some(&server.url), Some(path.clone())));
    assert!(matches!(client.perform(PromptCommand::MyVote(None)), Err(ClientError::NoKey { .. })));
    assert!(!path.exists());
    client.vote(Some("Ada")).expect_err("busy");
    let made = crate::shell::key_file::read_existing(&path).expect("readable").expect("a key");
    let asked = format!("GET /v1/voters/{}", made.public().voter());
    assert_eq!(server.requests()[1].line, asked);

    let server = Scripted::start([ballot()]);
    let directory = data_directory(&server.url);
    fs::remove_file(directory.path().join("voter.key")).expect("removed");
    let client = client_of(&connection(None, Some(directory.path().to_owned())));
    let error = client.register().expect_err("no key");
    assert!(matches!(error, ClientError::NoKey { .. }) && error.end() == ClientEnd::Usage);
    server.requests();
}

#[test]
fn a_receipt_is_written_only_if_it_proves_the_own_vote() {
    let transactions = vec![registration(0), vote(0, vec![vec![1]]), vote(1, vec![vec![0]])];
    let header = Header {
        previous: BlockHash([1; 32]),
        merkle_root: merkle_root(&transactions),
        height: Height(3),
        time: UnixMillis(4),
        difficulty: Difficulty::from_bits(0),
        nonce: 6,
    };
    let block = Block { header, transactions };
    let parent = tempfile::tempdir().expect("a directory");
    let json = |place: usize| -> Value {
        let path = parent.path().join(format!("{place}.json"));
        let receipt = Receipt::new(&block, place, &id()).expect("there are three");
        receipt::write(&path, &receipt).expect("there is room");
        serde_json::from_slice(&fs::read(path).expect("it is there")).expect("JSON")
    };
    let file = parent.path().join("receipt.json");
    let line = format!("myvote --receipt {}", file.display());
    let own = json(1);
    let mut forged = own.clone();
    forged["place"] = 2.into();
    for (receipt, part) in
        [(json(0), "not for your vote"), (json(2), "not for your vote"), (forged, "proves nothing")]
    {
        let (outcome, _) = ask(&line, vec![ballot(), Answer::json(200, &receipt)]);
        let error = outcome.expect_err(part);
        assert!(error.to_string().contains(part) && error.end() == ClientEnd::Refused, "{error}");
        assert!(!file.exists());
    }
    let (outcome, requests) = ask(&line, vec![ballot(), Answer::json(200, &own)]);
    assert!(matches!(outcome, Ok(Reply::Receipt(_))), "{outcome:?}");
    assert_eq!(requests[1].line, format!("GET /v1/receipts/{}", voter_id()));
    assert_eq!(
        receipt::read(&file).expect("a receipt"),
        Receipt::new(&block, 1, &id()).expect("one")
    );
}

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
    let events = http(&server).events(None).expect("a stream");
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
    let mut events = http(&server).events(None).expect("a stream");
    assert!(matches!(events.next(), Some(Ok((None, Event::DiskRecovered)))));
    assert!(matches!(events.next(), Some(Err(HttpError::NoContact { .. }))));
    assert!(events.next().is_none());
    server.requests();
    let server = Scripted::start([Answer::text(200, "text/html", "<p>")]);
    assert!(matches!(http(&server).events(None), Err(HttpError::NotAPeer { .. })));
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
    assert_eq!(ended.expect_err("the peer left").end(), ClientEnd::NoContact);
    assert_eq!(server.requests().len(), 4);
}

#[test]
fn leaving_waits_until_nobody_listens() {
    let left = json!({"own_vote": "block"});
    let (outcome, requests) = ask("leave", vec![Answer::json(200, &left), Answer::Cut]);
    assert!(matches!(outcome, Ok(Reply::Leave(_))), "{outcome:?}");
    assert_eq!(requests[0].line, "POST /v1/leave");
    let login = json!({"url": "http://127.0.0.1:6001/login/x"});
    let server = Scripted::start([Answer::json(200, &login)]);
    let directory = data_directory(&server.url);
    let client = client_of(&connection(None, Some(directory.path().to_owned())));
    let reply = client.login().expect("a link");
    let shown = Style::Human { color: false }.outcome("login", &Ok(reply));
    assert_eq!(shown, "http://127.0.0.1:6001/login/x\n");
    assert!(server.requests()[0].has("authorization"));
}
