//! The client against a scripted server.

mod streams;
mod voting;

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::time::Duration;

use protocol::units::{BlockHash, VoterId};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::error::ClientError;
use super::http::HttpError;
use super::scripted::{Answer, Request, Scripted};
use super::server::Server;
use super::*;
use crate::cli::TypedCommand;
use crate::cli::command::parse;
use crate::schema::{self, Admitted, Ballot, HeldBy, OptionTally, QuestionTally, Results, Tip};
use crate::store::data_directory::{DataDirectory, URL_FILE};
use chain::fixtures::{election, key};
use keys::Existing;
use keys::KeyFile;

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

/// A directory that a peer runs on, as its lock says.
struct InUse {
    directory: TempDir,
    lock: DataDirectory,
}

impl InUse {
    fn path(&self) -> &Path {
        self.directory.path()
    }
}

/// A data directory with the key of voter 0 and a token, whose peer is at the URL.
fn data_directory(url: &str) -> InUse {
    let directory = tempfile::tempdir().expect("a directory");
    let kept = DataDirectory::open(directory.path().to_owned()).expect("it is free");
    kept.keep_election(&election()).expect("kept");
    let path = directory.path().join(keys::KEY_FILE);
    KeyFile::create(&path, key(0), None, Existing::Keep).expect("there is none");
    write(directory.path(), "api.token", TOKEN);
    write(directory.path(), URL_FILE, &format!("{url}\n"));
    InUse { directory, lock: kept }
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
    Client {
        target,
        http,
        style: Style::Json,
        asks: false,
        passphrase: None,
        minds_signals: false,
        sending: Sending::default(),
    }
}

fn connection(server: Option<&str>, data_dir: Option<PathBuf>) -> Connection {
    Connection {
        server: server.map(str::to_owned),
        data_dir,
        token_file: None,
        format: AnswerFormat { json: true },
    }
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
    Answer::json(
        200,
        &json!({
            "voter": voter_id(), "registration": registration, "withdrawal": null, "vote": vote
        }),
    )
}

fn results(votes: u64) -> Results {
    let option = OptionTally { name: "Ada".into(), votes };
    let question = QuestionTally { title: "Chair".into(), options: vec![option], blank: 0 };
    Results {
        tip: Tip { height: 3, hash: BlockHash([7; 32]) },
        votes,
        registered_voters: 9,
        turnout_percent: crate::schema::Percent::of(votes, 9),
        admitted: Admitted::Anybody,
        blocks_deep: 1,
        questions: vec![question],
        tip_held_by: Some(HeldBy { neighbours: 2, of: 2 }),
        unready: Vec::new(),
        waiting: crate::schema::Waiting::default(),
        finality: None,
    }
}

fn typed(line: &str) -> ClientTask {
    ClientTask::Command(TypedCommand::of_line(line).expect(line).expect("a command"))
}

#[test]
fn answers_are_the_prompts() {
    let (outcome, requests) = ask("results", vec![Answer::json(200, &results(2))]);
    let shown = Style::Json.answer(&outcome.expect("the count"));
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
        assert_eq!((error.refusal().kind.as_str(), error.exit()), ("busy", ClientExit::Refused));
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
    assert_eq!((error.refusal().kind.as_str(), error.exit()), ("no_token", ClientExit::Usage));
    assert_eq!(server.requests(), []);
    let server = Scripted::start([Answer::problem(401, "wrong_token", "that is not it")]);
    let directory = data_directory("http://127.0.0.1:1");
    let client = client_of(&connection(Some(&server.url), Some(directory.path().to_owned())));
    let error = client.perform(mine()).expect_err("another token");
    assert_eq!((error.refusal().kind.as_str(), error.exit()), ("wrong_token", ClientExit::Usage));
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
        (html, "its status is 404 Not Found, and no JSON says why): name another --server"),
        // A tracker is a peer's next of kin.
        (
            Answer::problem(404, "not_found", "there is nothing at /v1/results"),
            "as a peer does (there is nothing",
        ),
        (Answer::text(200, "application/json", "{"), "no JSON"),
        (Answer::json(200, &json!({"depth": 3})), "its answer has no \"height\""),
        (Answer::json(500, &json!({"title": "x"})), "without a reason"),
        (redirect(&elsewhere.url), "its status is 307"),
    ] {
        let (outcome, _) = ask("mine", vec![answer]);
        let error = outcome.expect_err(part);
        assert_eq!(error.refusal().kind, "not_a_peer", "{error}");
        assert_eq!(error.exit(), ClientExit::NoContact);
        assert!(error.to_string().contains(part), "{error}");
    }
    assert_eq!(elsewhere.requests(), [], "no redirection is followed");
}

#[test]
fn answers_are_bounded_in_length_and_in_time() {
    // Blanks before a value are part of the answer, and mean nothing.
    let longest = " ".repeat(16 * 1024 * 1024 - 1) + "7";
    let server = Scripted::start([Answer::text(200, "application/json", &longest)]);
    let http = Http::new(Server::parse(&server.url).expect("a URL"), patience());
    assert_eq!(http.get::<Value>("/v1/results"), Ok(Value::from(7)));
    server.requests();
    let long = longest + " ";
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
    assert_eq!(
        (error.refusal().kind.as_str(), error.exit()),
        ("no_contact", ClientExit::NoContact)
    );
    assert!(error.to_string().contains("api.url"), "{error}");
    fs::remove_file(directory.path().join(URL_FILE)).expect("removed");
    let asked = connection(None, Some(directory.path().to_owned()));
    let request = ClientRequest { task: typed("peers"), connection: asked, passphrase: None };
    let error = perform(&request, Style::Json, false).expect_err("no peer runs");
    assert_eq!(error.exit(), ClientExit::NoContact);
}

#[test]
fn slips_are_told_before_anybody_is_asked() {
    for (line, kind) in [("chain many", "bad_argument"), ("vote ", "no_choices")] {
        let nowhere = connection(Some("http://127.0.0.1:1"), None);
        let request = ClientRequest { task: typed(line), connection: nowhere, passphrase: None };
        let error = perform(&request, Style::Json, false).expect_err(line);
        assert_eq!((error.refusal().kind.as_str(), error.exit()), (kind, ClientExit::Usage));
    }
}

/// Whoever wants to read the directory next would find it in use.
#[test]
fn a_peer_that_holds_its_directory_has_not_gone() {
    let left = json!({"own_vote": "block"});
    let (outcome, _) = ask("leave", vec![Answer::json(200, &left), Answer::Cut]);
    assert!(matches!(outcome, Err(ClientError::NotGone { .. })), "{outcome:?}");
}

#[test]
fn leaving_waits_until_nobody_listens() {
    let left = json!({"own_vote": "block"});
    let server = Scripted::start([Answer::json(200, &left), Answer::Cut]);
    let InUse { directory, lock } = data_directory(&server.url);
    let client = client_of(&connection(None, Some(directory.path().to_owned())));
    drop(lock);
    let outcome = client.perform(PromptCommand::Leave);
    assert!(matches!(outcome, Ok(Reply::Leave(_))), "{outcome:?}");
    assert_eq!(server.requests()[0].line, "POST /v1/leave");
    let login = json!({"url": "http://127.0.0.1:6001/login/x"});
    let server = Scripted::start([Answer::json(200, &login)]);
    let directory = data_directory(&server.url);
    let client = client_of(&connection(None, Some(directory.path().to_owned())));
    let reply = client.login().expect("a link");
    let shown = Style::Human { color: false }.answer(&reply);
    assert_eq!(shown, "http://127.0.0.1:6001/login/x\n");
    assert!(server.requests()[0].has("authorization"));
}

#[test]
fn a_name_that_nobody_has_is_no_contact() {
    // Too long for a name, so that no resolver is asked.
    let nowhere = Server::parse(&format!("http://{}:1", "x".repeat(300))).expect("a URL");
    let http = Http::new(nowhere, patience());
    let unknown = ureq::Error::Io(std::io::Error::other("failed to look the name up"));
    assert!(matches!(http.failed(unknown), HttpError::NoContact { .. }));
    let reset = ureq::Error::Io(std::io::ErrorKind::ConnectionReset.into());
    assert!(matches!(http.failed(reset), HttpError::Cut { .. }));
}
