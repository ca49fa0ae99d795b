//! The examples of docs/CLI.md are what this module prints: no page that lies.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;

use protocol::ballot_file;
use protocol::block::Header;
use protocol::election::Election;
use protocol::transaction::{Choices, TransactionKind};
use protocol::units::{
    BlockHash, Difficulty, Height, MerkleRoot, TransactionId, UnixMillis, VoterId, Work, sha256,
};

use super::*;
use crate::actions::{ActionError, COMMANDS, parse, parse_choices};
use crate::cli::{self, Invocation};
use crate::miner::MiningProgress;
use crate::schema;
use crate::store::{Damage, Rows};
use chain::{AuditFailure, AuditRule, BlockError, BodyError, TransactionError};
use node::{
    Admitted, BlockSummary, BlockView, CommandError, LeaveReason, NeighbourView, QuestionTally,
    Results, Role, Standing, Status, Tip, TrackerView, TransactionView, VoteView, VoterView,
};

const DOCUMENT_PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/CLI.md");
const BALLOT_PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../ballot.toml");
const BLESS: &str = "OSTRAKON_BLESS=1 cargo test -p peer --lib documented";
const END: &str = "<!-- end -->";

const AT: UnixMillis = UnixMillis(1_795_233_117_040);

fn hash(seed: &str) -> [u8; 32] {
    sha256(&[seed.as_bytes()])
}

fn block_hash(seed: &str) -> BlockHash {
    let mut bytes = hash(seed);
    // As a hash that shows work looks.
    bytes[..3].fill(0);
    BlockHash(bytes)
}

fn tip(height: u64) -> Tip {
    Tip { height: Height(height), hash: block_hash(&height.to_string()) }
}

fn voter() -> VoterId {
    VoterId(hash("voter"))
}

fn vote_id() -> TransactionId {
    TransactionId(hash("vote"))
}

fn address(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

fn election() -> Election {
    let text = std::fs::read_to_string(BALLOT_PATH).expect("the sample ballot");
    ballot_file::parse(&text).expect("the sample ballot is good")
}

fn progress() -> MiningProgress {
    MiningProgress {
        height: Height(3),
        transactions: 2,
        difficulty: Difficulty::from_bits(24),
        hashes_per_second: 8_388_608.0,
        running: Duration::from_secs(5),
    }
}

fn in_block() -> Standing {
    Standing::Block { height: Height(2), hash: tip(2).hash, blocks_deep: 1 }
}

fn header() -> Header {
    Header {
        previous: tip(1).hash,
        merkle_root: MerkleRoot(hash("root")),
        height: Height(2),
        time: AT,
        difficulty: Difficulty::from_bits(24),
        nonce: 0x7aee_a25c_4c18_0604,
    }
}

fn results(election: &Election) -> Results {
    let votes = [vec![1, 2, 0], vec![0, 3, 1]];
    let questions = election.questions.iter().cloned().zip(votes).zip([0, 1]);
    let tally =
        questions.map(|((question, votes), blank)| QuestionTally { question, votes, blank });
    Results {
        tip: tip(2),
        votes: 3,
        registered_voters: 4,
        admitted: Admitted::Openly,
        blocks_deep: 1,
        tally: tally.collect(),
    }
}

/// A report of a chain that holds, or of one whose next block does not.
fn audit_report(election: &Election, bad: Option<(Tip, VoterId)>) -> schema::AuditReport {
    let results = schema::Results::from(&results(election));
    let failure = bad.map(|(block, voter)| {
        let error = TransactionError::AlreadyVoted { voter };
        let error = BodyError::Invalid(BlockError::Transaction { index: 1, error });
        AuditFailure { height: block.height, hash: block.hash, error: error.into() }
    });
    schema::AuditReport {
        passed: failure.is_none(),
        election: election.election_id(),
        title: election.title.clone(),
        blocks: results.tip.height,
        registrations: results.registered_voters,
        votes: results.votes,
        admitted: results.admitted,
        transactions: results.registered_voters + results.votes,
        signatures: results.registered_voters + results.votes,
        work: Work(33_554_432).to_string(),
        tip: results.tip,
        tally: results.questions,
        failure: failure.as_ref().map(schema::AuditFailure::from),
        admission: schema::Admission::of(&election.admission),
        blocks_deep: results.blocks_deep,
    }
}

fn block(choices: &Choices, election: &Election) -> Reply {
    let registration = TransactionView {
        id: TransactionId(hash("registration")),
        voter: voter(),
        kind: TransactionKind::Registration,
        choices: None,
        cast_at: None,
    };
    let vote = TransactionView {
        id: vote_id(),
        kind: TransactionKind::Vote,
        choices: Some(choices.clone()),
        cast_at: Some(AT),
        ..registration.clone()
    };
    let view = BlockView {
        hash: tip(2).hash,
        header: header(),
        on_best_chain: true,
        body_bytes: 279,
        transactions: vec![registration, vote],
    };
    Reply::Block(schema::Block::of(&view, election))
}

fn status(election: &Election) -> Reply {
    let tracker =
        TrackerView { address: address(5_000), registered: true, seen_as: Some(address(6_001)) };
    let node = Status {
        role: Role::Ordinary,
        partitioned: false,
        tip: tip(2),
        work: Work(33_554_432),
        pool: 2,
        held: 0,
        neighbours: 1,
        registered_voters: 4,
        admitted: Admitted::Openly,
        votes: 3,
        tracker: Some(tracker),
        mining: true,
        sync_target: Height(2),
        dropped: vec![("without a valid token", 1)],
    };
    let election_id = election.election_id();
    Reply::Status(Box::new(schema::Status {
        voter: Some(voter()),
        data_dir: Some("peer-1".into()),
        ..schema::Status::of(&node, election_id, address(6_001), Some(progress().into()))
    }))
}

/// The command that an answer is to, as its JSON names it.
fn name(reply: &Reply) -> String {
    let object = serde_json::to_value(reply).expect("plain data");
    object["answer"].as_str().expect("a name").to_owned()
}

fn replies(election: &Election) -> Vec<Reply> {
    let choices = parse_choices("Grace; Wednesday", election).expect("choices");
    let summary = |height: u64, registrations, votes| BlockSummary {
        hash: tip(height).hash,
        header: Header { height: Height(height), ..header() },
        registrations,
        votes,
    };
    let neighbour = NeighbourView {
        address: address(6_002),
        tip: Some(tip(2)),
        round_trip: Some(Duration::from_micros(215)),
        missed: 0,
        clock_offset_ms: Some(-3),
    };
    let vote = VoteView {
        transaction: vote_id(),
        choices: choices.clone(),
        cast_at: AT,
        standing: in_block(),
    };
    let voter_view = VoterView {
        voter: voter(),
        registration: Some(in_block()),
        withdrawal: None,
        vote: Some(vote),
    };
    let names = schema::choice_names(&choices, election);
    let accepted = true;
    let transaction = vote_id();
    vec![
        Reply::Ballot(schema::Ballot::of(election)),
        Reply::Register(schema::Registered {
            accepted,
            transaction: TransactionId(hash("registration")),
            voter: voter(),
        }),
        Reply::Vote(schema::Voted { accepted, transaction, choices: names }),
        Reply::Results((&results(election)).into()),
        Reply::Chain(schema::Chain::of(&[summary(2, 1, 1), summary(1, 3, 2)])),
        block(&choices, election),
        Reply::MyVote(schema::Voter::of(&voter_view, election)),
        Reply::Receipt(schema::ReceiptWritten {
            receipt: "vote.json".into(),
            height: 2,
            hash: tip(2).hash,
        }),
        Reply::Peers(schema::Peers::of(&[neighbour])),
        status(election),
        Reply::Mine(schema::BlockOrdered { height: 3 }),
        Reply::Sync(schema::SyncOrdered { neighbours: 1 }),
        Reply::Lab(schema::Experiment::Partition { partitioned: true }),
        Reply::Lab(schema::Experiment::BadBlock { rule: "merkle_root".into(), height: 3 }),
        Reply::Lab(schema::Experiment::Race { height: 2 }),
        Reply::Lab(schema::Experiment::rules()),
        Reply::Submit(schema::Submitted { accepted, transaction }),
        Reply::Help { commands: COMMANDS[..2].to_vec() },
        Reply::Leave(schema::Left { own_vote: schema::OwnVoteStanding::Block }),
    ]
}

fn node_events() -> Vec<node::Event> {
    use node::Event;
    let (id, by, kind) = (vote_id(), TransactionId(hash("another vote")), TransactionKind::Vote);
    let (tracker, neighbour, voter) = (address(5_000), address(6_002), voter());
    let left = |reason| Event::NeighbourLeft { address: neighbour, reason };
    let reason = "its merkle root differs".to_owned();
    vec![
        Event::Block { tip: tip(2), transactions: 2, mined_here: true },
        Event::Reorganisation {
            from: tip(2),
            to: tip(3),
            disconnected: 1,
            connected: 2,
            returned: 1,
            lost: 0,
        },
        Event::Transaction { id, voter, kind },
        Event::Superseded { id, voter, kind, by: Some(by) },
        Event::NeighbourJoined { address: neighbour },
        left(LeaveReason::Left),
        left(LeaveReason::Missed(3)),
        left(LeaveReason::Banned(Duration::from_secs(300))),
        Event::Registered { tracker, seen_as: address(6_001), peers: 2 },
        Event::TrackerSilent { tracker },
        Event::TrackerRefused {
            tracker,
            expected: election().election_id(),
            found_prefix: [0xab; 8],
        },
        Event::ClockDiffers { address: neighbour, offset_ms: -45_000 },
        Event::Syncing { from: Height(2), to: Height(120) },
        Event::Synced { tip: tip(3) },
        Event::Misbehaviour { address: neighbour, reason: reason.clone() },
        Event::DiskRefuses { reason: "no space left on device".into() },
        Event::DiskRecovered,
        Event::BlockLost {
            height: Height(3),
            hash: tip(3).hash,
            reason: "its checksum does not match".into(),
        },
        Event::Experiment { block: tip(3), rule: Some(AuditRule::MerkleRoot), neighbours: 2 },
        Event::Experiment { block: tip(2), rule: None, neighbours: 2 },
        Event::EarlyBlock {
            address: neighbour,
            height: Height(3),
            hash: tip(3).hash,
            ahead: Duration::from_secs(86_400),
        },
        Event::InvalidBlock { hash: tip(3).hash, height: Height(3), reason },
    ]
}

fn damage() -> Damage {
    Damage {
        reason: "page 17 does not match its checksum".into(),
        kept: "peer-1/chain.redb.damaged".into(),
        saved: Rows { blocks: 3, bodies: 2, pooled: 4 },
        lost: Some(Rows { blocks: 0, bodies: 1, pooled: 0 }),
        returned: 0,
    }
}

fn events() -> Vec<Event> {
    let election = election();
    let mut events = vec![Event::Listening {
        address: address(6_001),
        api: Some("http://127.0.0.1:6001".into()),
        election: election.election_id(),
        title: election.title.clone(),
        role: schema::Role::Ordinary,
        voter: Some(voter()),
        data_dir: "peer-1".into(),
    }];
    events.extend([
        Event::Mended { message: damage().to_string() },
        Event::Verified { blocks: 3, transactions: 7, lost: 0 },
    ]);
    events.extend(node_events().into_iter().map(Event::from));
    events.extend([
        Event::Mining(progress().into()),
        Event::Registering {
            voter: voter(),
            registration_bits: election.admission.registration_bits().expect("it is open"),
        },
        Event::Missed { events: 12 },
        Event::Left,
    ]);
    events
}

fn refusals() -> Vec<(&'static str, ActionError)> {
    let voted = TransactionError::AlreadyVoted { voter: voter() };
    let line = |line| parse(line).expect_err("a slip");
    let choices = |text| parse_choices(text, &election()).expect_err("a slip").into();
    vec![
        ("vote", CommandError::Transaction(voted).into()),
        ("vote", choices("Grece")),
        ("vote", choices("1,2")),
        ("block", CommandError::NoSuchBlock { selector: "9".into(), tip: Height(2) }.into()),
        ("mine", CommandError::MiningOff.into()),
        ("mine", CommandError::Observer.into()),
        ("lab", CommandError::NotALab.into()),
        ("lab", line("lab bad-block merkel_root")),
        ("chain", line("chain many")),
        ("resluts", line("resluts")),
    ]
}

/// Both forms of an answer, event or error: text for people, a line for programs.
fn both(human: &str, json: &str) -> String {
    format!("```text\n{human}```\n```json\n{json}```\n")
}

fn examples() -> Vec<(String, String)> {
    let election = election();
    let human = Style::Human { color: false };
    let mut examples = Vec::new();
    for (name, words) in [
        ("help", &["peer", "--help"][..]),
        ("help ballot new", &["peer", "ballot", "new", "--help"]),
        ("help ballot check", &["peer", "ballot", "check", "--help"]),
        ("help key new", &["peer", "key", "new", "--help"]),
        ("help key show", &["peer", "key", "show", "--help"]),
        ("help key export", &["peer", "key", "export", "--help"]),
        ("help key import", &["peer", "key", "import", "--help"]),
        ("help key passwd", &["peer", "key", "passwd", "--help"]),
        ("help registrar init", &["peer", "registrar", "init", "--help"]),
        ("help registrar admit", &["peer", "registrar", "admit", "--help"]),
        ("help registrar withdraw", &["peer", "registrar", "withdraw", "--help"]),
        ("help registrar show", &["peer", "registrar", "show", "--help"]),
        ("help registrar post", &["peer", "registrar", "post", "--help"]),
        ("help register", &["peer", "register", "--help"]),
        ("help export", &["peer", "export", "--help"]),
        ("help audit", &["peer", "audit", "--help"]),
        ("help import", &["peer", "import", "--help"]),
        ("help verify-receipt", &["peer", "verify-receipt", "--help"]),
        ("help lab", &["peer", "lab", "--help"]),
        ("help ballot show", &["peer", "ballot", "show", "--help"]),
        ("help vote", &["peer", "vote", "--help"]),
        ("help myvote", &["peer", "myvote", "--help"]),
        ("help results", &["peer", "results", "--help"]),
        ("help chain", &["peer", "chain", "--help"]),
        ("help watch", &["peer", "watch", "--help"]),
        ("help block", &["peer", "block", "--help"]),
        ("help man", &["peer", "man", "--help"]),
    ] {
        let invocation = cli::parse(words.iter().map(Into::into), 4).expect("help");
        let Invocation::Show(text) = invocation else { panic!("{name} shows a text") };
        examples.push((name.to_owned(), format!("```text\n{}\n```\n", text.trim_end())));
    }
    for reply in replies(&election) {
        let detail = if matches!(reply, Reply::Receipt(_)) {
            " --receipt"
        } else if let Reply::Lab(done) = &reply {
            match done {
                schema::Experiment::Partition { .. } => " partition",
                schema::Experiment::BadBlock { .. } => " bad-block",
                schema::Experiment::Race { .. } => " race",
                schema::Experiment::Rules { .. } => " rules",
            }
        } else {
            ""
        };
        let name = format!("answer {}{detail}", name(&reply));
        let shown = |style: Style| style.answer(&reply);
        examples.push((name, both(&shown(human), &shown(Style::Json))));
    }
    let (mut said, mut told) = (String::new(), String::new());
    for event in events() {
        said += &human.event(&event);
        told += &Style::Json.event(&event);
    }
    examples.push(("events".to_owned(), both(&said, &told)));
    let (mut said, mut told) = (String::new(), String::new());
    for (word, error) in refusals() {
        let refusal = Refusal::from(&error);
        said += &human.refusal(word, &refusal);
        told += &Style::Json.refusal(word, &refusal);
    }
    for (name, bad) in [("audit", None), ("failed audit", Some((tip(3), voter())))] {
        let audit = Reply::Audit(Box::new(audit_report(&election, bad)));
        examples.push((name.to_owned(), both(&human.answer(&audit), &Style::Json.answer(&audit))));
    }
    let key = schema::KeyShown::new(&chain::fixtures::key(1).public(), "my.key".into(), true);
    let key = Reply::Key(key);
    examples.push(("answer key".to_owned(), both(&human.answer(&key), &Style::Json.answer(&key))));
    examples.push(("errors".to_owned(), both(&said, &told)));
    examples
}

/// The document with what stands between `<!-- example: NAME -->` and `<!-- end -->` printed afresh.
fn refreshed(text: &str, examples: &[(String, String)]) -> String {
    let mut missing: BTreeSet<_> = examples.iter().map(|(name, _)| name.as_str()).collect();
    let mut fresh = String::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        fresh += &format!("{line}\n");
        let name = line.strip_prefix("<!-- example: ").and_then(|rest| rest.strip_suffix(" -->"));
        let Some(name) = name else { continue };
        let (name, example) = examples
            .iter()
            .find(|(known, _)| known == name)
            .unwrap_or_else(|| panic!("the page names no example: {name}"));
        missing.remove(name.as_str());
        fresh += example;
        assert!(lines.any(|line| line == END), "the example of {name} has no {END}");
        fresh += &format!("{END}\n");
    }
    assert!(missing.is_empty(), "the page has no examples of {missing:?}");
    fresh
}

#[test]
fn the_examples_in_the_page_are_what_a_peer_prints() {
    let text = std::fs::read_to_string(DOCUMENT_PATH).expect("docs/CLI.md can be read");
    let fresh = refreshed(&text, &examples());
    if std::env::var("OSTRAKON_BLESS").is_ok_and(|value| value == "1") {
        std::fs::write(DOCUMENT_PATH, fresh).expect("docs/CLI.md can be written");
        return;
    }
    for (number, (found, expected)) in text.lines().zip(fresh.lines()).enumerate() {
        assert_eq!(found, expected, "docs/CLI.md:{}: run `{BLESS}`", number + 1);
    }
    assert_eq!(text.lines().count(), fresh.lines().count(), "run `{BLESS}`");
}

#[test]
fn every_rule_of_an_audit_is_in_the_page() {
    let text = std::fs::read_to_string(DOCUMENT_PATH).expect("docs/CLI.md can be read");
    for rule in AuditRule::ALL {
        assert!(text.contains(&format!("`{rule}`")), "docs/CLI.md does not say what {rule} is");
    }
}

#[test]
fn every_command_has_an_example() {
    let mut names: Vec<_> = replies(&election()).iter().map(name).collect();
    names.dedup();
    assert_eq!(names, COMMANDS.map(|command| command.name));
}

#[test]
fn programs_get_one_object_a_line() {
    let election = election();
    let answers =
        replies(&election).iter().map(|reply| Style::Json.answer(reply)).collect::<Vec<_>>();
    let refusals = refusals()
        .into_iter()
        .map(|(word, error)| Style::Json.refusal(word, &Refusal::from(&error)));
    let events = events().into_iter().map(|event| Style::Json.event(&event));
    for line in answers.into_iter().chain(refusals).chain(events) {
        assert_eq!(line.matches('\n').count(), 1, "{line}");
        let object: serde_json::Value = serde_json::from_str(&line).expect("JSON");
        let first = object.as_object().and_then(|object| object.keys().next()).expect("a key");
        assert!(["answer", "event"].contains(&first.as_str()), "{line}");
    }
}
