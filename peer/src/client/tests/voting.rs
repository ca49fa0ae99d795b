//! Registering, voting, keys and receipts.

use protocol::block::{Block, Header, merkle_root};
use protocol::receipt::Receipt;
use protocol::transaction::Transaction;
use protocol::units::{BlockHash, Difficulty, Height, UnixMillis};

use super::*;
use crate::voter::receipt;
use chain::fixtures::{id, registration, vote};

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
        assert_eq!(
            transaction.check_signatures(&transaction.id(&id()), &election().admission),
            Ok(())
        );
    }
}

#[test]
fn what_was_given_up_at_a_signal_is_never_sent_and_what_was_sent_is_not_given_up() {
    for (line, is_given_up) in [("vote Ada", true), ("register", true), ("vote Ada", false)] {
        let server = Scripted::start([ballot(), voter(Value::Null, Value::Null), Answer::Accept]);
        let directory = data_directory(&server.url);
        let client = client_of(&connection(None, Some(directory.path().to_owned())));
        if is_given_up {
            assert!(client.sending.abandon());
        }
        // A thread that nobody waits for has a copy.
        let outcome = client.clone().perform(parse(line).expect(line).expect("a command"));
        let is_not_sent = matches!(outcome, Err(ClientError::NotSent { .. }));
        assert_eq!((is_not_sent, outcome.is_ok()), (is_given_up, !is_given_up), "{outcome:?}");
        assert_eq!(client.sending.abandon(), is_given_up);
        assert_eq!(client.sending.begin(), !is_given_up, "it was decided for good");
        let requests = server.requests();
        let is_posted = requests.iter().any(|request| request.line.starts_with("POST"));
        assert_eq!(is_posted, !is_given_up, "{requests:?}");
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
    assert_eq!(
        (error.refusal().kind.as_str(), error.exit()),
        ("answer_lost", ClientExit::NoContact)
    );
    assert!(error.to_string().contains("peer myvote"), "{error}");
    assert_eq!(requests.len(), 3);
}

#[test]
fn a_peer_that_takes_another_vote_is_no_peer_and_one_that_refuses_is_heard() {
    let nobody = json!({"neighbours": 0, "of": 0});
    let in_pool = json!({"in": "pool", "held_by": nobody});
    let other = json!({"outcomes": [{"accepted": true, "transaction": "ab".repeat(32)}]});
    let script = vec![ballot(), voter(in_pool.clone(), Value::Null), Answer::json(200, &other)];
    let (outcome, _) = ask("vote Grace", script);
    assert_eq!(outcome.expect_err("another one").refusal().kind, "not_a_peer");

    let full = json!({"outcomes": [{"accepted": false, "error": {"kind": "pool_full", "message": "full"}}]});
    let script = vec![ballot(), voter(in_pool.clone(), Value::Null), Answer::json(200, &full)];
    let (outcome, _) = ask("vote Grace", script);
    let error = outcome.expect_err("refused");
    assert_eq!((error.refusal().kind.as_str(), error.exit()), ("pool_full", ClientExit::Refused));

    let cast = json!({"transaction": "ab".repeat(32), "choices": [["Ada"]], "cast_at_ms": 1, "standing": in_pool, "held_by": nobody});
    let (outcome, requests) = ask("vote Grace", vec![ballot(), voter(in_pool.clone(), cast)]);
    assert_eq!(
        (outcome.expect_err("voted").refusal().kind.as_str(), requests.len()),
        ("already_voted", 2)
    );
    let (outcome, _) = ask("register", vec![ballot(), voter(in_pool, Value::Null)]);
    assert_eq!(outcome.expect_err("registered").refusal().kind, "already_registered");
    let (outcome, requests) = ask("vote Hedy", vec![ballot()]);
    assert_eq!(
        (outcome.expect_err("no such option").exit(), requests.len()),
        (ClientExit::Refused, 1)
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
    assert_eq!(error.exit(), ClientExit::Refused);
}

#[test]
fn a_key_is_made_only_where_server_and_directory_were_named() {
    let parent = tempfile::tempdir().expect("a directory");
    let path = parent.path().join("voter");
    // It is asked first whether it only observes.
    let busy = || Answer::problem(503, "busy", "ask again soon");
    let server = Scripted::start([busy(), ballot(), busy()]);
    let client = client_of(&connection(Some(&server.url), Some(path.clone())));
    assert!(matches!(
        client.perform(PromptCommand::MyVote { voter: None, receipt: None }),
        Err(ClientError::NoKey { .. })
    ));
    assert!(!path.exists());
    client.vote(None, Some("Ada")).expect_err("busy");
    let made = KeyFile::open(&path.join("voter.key")).expect("a key").public().expect("not locked");
    let asked = format!("GET /v1/voters/{}", made.voter());
    assert_eq!(server.requests()[2].line, asked);

    let server = Scripted::start([ballot(), busy()]);
    let directory = data_directory(&server.url);
    fs::remove_file(directory.path().join("voter.key")).expect("removed");
    let client = client_of(&connection(None, Some(directory.path().to_owned())));
    let error = client.register(None).expect_err("no key");
    assert!(matches!(error, ClientError::NoKey { .. }) && error.exit() == ClientExit::Usage);
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
        assert!(error.to_string().contains(part) && error.exit() == ClientExit::Refused, "{error}");
        assert!(!file.exists());
    }
    let held_by = json!({"neighbours": 2, "of": 3});
    let in_block = json!({"in": "block", "height": 3, "hash": block.header.hash().to_string(), "blocks_deep": 1, "held_by": held_by});
    let cast = json!({"transaction": "ab".repeat(32), "choices": [["Ada"]], "cast_at_ms": 1, "standing": in_block, "held_by": held_by});
    let script = vec![ballot(), Answer::json(200, &own), voter(in_block, cast)];
    let (outcome, requests) = ask(&line, script);
    let Ok(Reply::Receipt(written)) = outcome else { panic!("{outcome:?}") };
    assert_eq!(written.held_by, Some(HeldBy { neighbours: 2, of: 3 }));
    assert_eq!(requests[1].line, format!("GET /v1/receipts/{}", voter_id()));
    assert_eq!(
        receipt::read(&file).expect("a receipt"),
        Receipt::new(&block, 1, &id()).expect("one")
    );
}
