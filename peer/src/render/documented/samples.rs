//! One sample of every answer, event and error that docs/CLI.md shows.

mod events;
mod finality;

use std::net::SocketAddr;
use std::time::Duration;

use protocol::ballot_file;
use protocol::block::Header;
use protocol::election::Election;
use protocol::peer_name::PeerName;
use protocol::transaction::{Choices, TransactionKind};
use protocol::units::{
    BlockHash, Difficulty, Height, MerkleRoot, TransactionId, UnixMillis, VoterId, Work, sha256,
};

use crate::actions::{ActionError, parse_choices};
use crate::auditor::AheadOfClock;
use crate::cli::command::{CommandName, parse};
use crate::miner::MiningProgress;
use crate::schema::{self, Reply};
use chain::{AuditFailure, BlockError, BodyError, TransactionError};
pub(super) use events::events;
pub(super) use finality::{evidence, fates, final_results, states, status as timed_status};
use node::{
    Admitted, BlockSummary, BlockView, ClockView, CommandError, FinalityView, HeldBy,
    NeighbourView, QuestionTally, Results, Role, Standing, Status, Tip, TrackerView,
    TransactionView, VoteView, VoterView, WaitingBlocks,
};

const BALLOT_PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../ballot.toml");
const NONE_WAITS: WaitingBlocks = WaitingBlocks { blocks: 0, next_in: None };
const AT: UnixMillis = UnixMillis(1_795_233_117_040);

fn hash(seed: &str) -> [u8; 32] {
    sha256(&[seed.as_bytes()])
}

fn block_hash(seed: &str) -> BlockHash {
    let mut bytes = hash(seed);
    // The zeros make it look like a hash that shows work.
    bytes[..3].fill(0);
    BlockHash(bytes)
}

pub(super) fn tip(height: u64) -> Tip {
    Tip { height: Height(height), hash: block_hash(&height.to_string()) }
}

pub(super) fn voter() -> VoterId {
    VoterId(hash("voter"))
}

fn vote_id() -> TransactionId {
    TransactionId(hash("vote"))
}

fn address(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

pub(super) fn election() -> Election {
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

fn in_pool() -> Standing {
    Standing::Pool { held_by: HeldBy { neighbours: 1, of: 3 } }
}

fn in_block() -> Standing {
    let held_by = HeldBy { neighbours: 2, of: 3 };
    Standing::Block { height: Height(2), hash: tip(2).hash, blocks_deep: 1, held_by }
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
    let votes = [vec![1, 2, 0], vec![0, 2, 1]];
    let questions = election.questions.iter().cloned().zip(votes).zip([0, 1]);
    let tally =
        questions.map(|((question, votes), blank)| QuestionTally { question, votes, blank });
    Results {
        tip: tip(2),
        votes: 3,
        registered_voters: 4,
        admitted: Admitted::Openly,
        finality: None,
        blocks_deep: 1,
        tally: tally.collect(),
        tip_held_by: HeldBy { neighbours: 2, of: 3 },
        unready: Vec::new(),
        waiting: NONE_WAITS,
    }
}

/// The report of a valid chain, or of a chain whose next block is not valid.
pub(super) fn audit_report(
    election: &Election,
    bad: Option<(Tip, VoterId)>,
) -> schema::AuditReport {
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
        withdrawals: 0,
        votes: results.votes,
        registered_voters: results.registered_voters,
        turnout_percent: results.turnout_percent,
        admitted: results.admitted,
        transactions: results.registered_voters + results.votes,
        signatures: results.registered_voters + results.votes,
        work: Work(33_554_432).to_string(),
        tip: results.tip,
        tally: results.questions,
        sums: sums(),
        failure: failure.as_ref().map(schema::AuditFailure::from),
        finality: None,
        error: None,
        admission: schema::Admission::of(&election.admission),
        blocks_deep: results.blocks_deep,
    }
}

/// Two records that part in the middle of an election.
pub(super) fn comparison(election: &Election) -> schema::Comparison {
    let record = |source: &str, votes, other: &str| {
        let hash = block_hash(source);
        let Reply::Block(block) = block(&vec![vec![1], vec![1]], election) else {
            unreachable!("it is a block")
        };
        let mut vote = block.transactions[1].clone();
        vote.choices = Some(vec![vec![other.to_owned()], vec!["Wednesday".to_owned()]]);
        vote.transaction = TransactionId(hash.0);
        schema::ComparedRecord {
            source: source.to_owned(),
            passed: true,
            tip: schema::Tip { height: 3, hash },
            votes,
            registered_voters: 4,
            turnout_percent: schema::Percent::of(votes, 4),
            failure: None,
            error: None,
            next: Some(schema::PartedBlock {
                height: 3,
                hash,
                time_ms: AT.0 + 10_000,
                counted: true,
                registrations: 0,
                votes: 1,
                withdrawals: 0,
            }),
            alone_counts: schema::AloneCounts { votes: 1, ..schema::AloneCounts::default() },
            alone: vec![schema::PartedTransaction { height: 3, transaction: vote }],
        }
    };
    schema::Comparison {
        relation: schema::Relation::Part,
        election: election.election_id(),
        title: election.title.clone(),
        common: tip(2).into(),
        a: record("board.ostrakon", 4, "Ada"),
        b: record("http://127.0.0.1:6001", 4, "Hedy"),
        differing: ["Ada", "Hedy"]
            .map(|name| schema::DifferingAnswer {
                question: 1,
                option: Some(name.to_owned()),
                a: u64::from(name == "Ada") + 1,
                b: u64::from(name == "Hedy") + 1,
            })
            .to_vec(),
    }
}

fn sums() -> schema::AuditSums {
    let question = |choices_max, chosen, not_chosen, blank| schema::QuestionSum {
        choices_max,
        chosen,
        not_chosen,
        blank,
    };
    let questions = vec![question(1, 3, 0, 0), question(2, 3, 1, 1)];
    schema::AuditSums { withdrawn: 0, not_voted: 1, questions }
}

/// The report of a chain whose next block is ahead of the clock.
pub(super) fn unjudged_report(election: &Election) -> schema::AuditReport {
    let ahead = AheadOfClock { height: Height(3), ahead: Duration::from_secs(10_793) };
    schema::AuditReport { passed: false, error: Some(ahead.into()), ..audit_report(election, None) }
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
    Reply::Status(Box::new(status_of(None, election)))
}

fn status_of(finality: Option<FinalityView>, election: &Election) -> schema::Status {
    let tracker = TrackerView {
        name: None,
        address: Some(address(5_000)),
        registered: true,
        seen_as: Some(address(6_001)),
        refuses: false,
    };
    let backup = TrackerView {
        name: Some("backup.example:5000".into()),
        address: Some(SocketAddr::from(([192, 0, 2, 5], 5_000))),
        registered: false,
        seen_as: None,
        refuses: false,
    };
    let node = Status {
        finality: finality.map(Box::new),
        role: Role::Ordinary,
        name: Some(peer_name("Room 3")),
        partitioned: false,
        tip: tip(2),
        work: Work(33_554_432),
        pool: 2,
        held: 0,
        neighbours: 3,
        tip_held_by: HeldBy { neighbours: 2, of: 3 },
        unready: Vec::new(),
        waiting: NONE_WAITS,
        registered_voters: 4,
        admitted: Admitted::Openly,
        votes: 3,
        trackers: vec![tracker, backup],
        clock: ClockView {
            compared: 3,
            offset_ms: Some(3),
            apart_ms: None,
            disagreeing: 0,
            is_off: false,
        },
        mines: true,
        mining: true,
        sync_target: Height(2),
        dropped: vec![("without a valid token", 1)],
    };
    let election_id = election.election_id();
    schema::Status {
        voter: Some(voter()),
        data_dir: Some("peer-1".into()),
        multicast: schema::Multicast {
            groups: vec![],
            interfaces: 0,
            off: Some("LISTEN is this machine alone".into()),
        },
        own_vote: Some(schema::OwnVoteStanding::Block),
        ..schema::Status::of(&node, election_id, address(6_001), Some(progress().into()))
    }
}

/// The name of the command that an answer belongs to, as its JSON contains it.
pub(super) fn name(reply: &Reply) -> String {
    let object = serde_json::to_value(reply).expect("plain data");
    object["answer"].as_str().expect("a name").to_owned()
}

pub(super) fn replies(election: &Election) -> Vec<Reply> {
    let choices = parse_choices("Grace; Wednesday", election).expect("choices");
    let summary = |height: u64, registrations, votes| BlockSummary {
        hash: tip(height).hash,
        header: Header { height: Height(height), ..header() },
        registrations,
        votes,
    };
    let neighbour = NeighbourView {
        address: address(6_002),
        name: Some(peer_name("Ada's laptop")),
        also_at: vec![([0, 0, 0, 0, 0, 0, 0, 1], 6_002).into()],
        tip: Some(tip(2)),
        round_trip: Some(Duration::from_micros(215)),
        missed: 0,
        clock_offset_ms: Some(-3),
    };
    let same = NeighbourView {
        address: neighbour.also_at[0],
        also_at: vec![neighbour.address],
        ..neighbour.clone()
    };
    let other = NeighbourView {
        address: address(6_003),
        name: None,
        also_at: Vec::new(),
        clock_offset_ms: None,
        ..neighbour.clone()
    };
    let vote = VoteView {
        transaction: vote_id(),
        choices: choices.clone(),
        cast_at: AT,
        standing: in_block(),
        held_by: HeldBy { neighbours: 2, of: 3 },
        fate: None,
    };
    let voter_view = VoterView {
        registration_fate: None,
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
        Reply::Vote(schema::Voted {
            accepted,
            transaction,
            choices: names,
            held_by: Some(schema::HeldBy { neighbours: 0, of: 3 }),
            late: false,
        }),
        Reply::Results(Box::new((&results(election)).into())),
        final_results(election),
        Reply::Chain(schema::Chain::of(&[summary(2, 1, 1), summary(1, 3, 2)])),
        block(&choices, election),
        Reply::MyVote(schema::Voter::of(&voter_view, election)),
        Reply::Receipt(schema::ReceiptWritten {
            receipt: "vote.json".into(),
            height: 2,
            held_by: Some(schema::HeldBy { neighbours: 2, of: 3 }),
            hash: tip(2).hash,
        }),
        Reply::Key(schema::KeyShown::new(
            keys::KeyRole::Voter,
            &chain::fixtures::key(1).public(),
            "my.key".into(),
            true,
        )),
        Reply::Peers(schema::Peers::of(&[neighbour, same, other])),
        status(election),
        evidence(election),
        Reply::Mine(schema::BlockOrdered { height: 3 }),
        Reply::Sync(schema::SyncOrdered { neighbours: 1 }),
        Reply::Lab(schema::Experiment::Partition { partitioned: true }),
        Reply::Lab(schema::Experiment::BadBlock { rule: "merkle_root".into(), height: 3 }),
        Reply::Lab(schema::Experiment::Race { height: 2 }),
        Reply::Lab(schema::Experiment::SignTwice { height: 2 }),
        Reply::Lab(schema::Experiment::rules()),
        Reply::Submit(schema::Submitted { accepted, transaction, late: false }),
        Reply::Help { commands: CommandName::ALL[..2].iter().map(|name| name.help()).collect() },
        Reply::Leave(schema::Left { own_vote: schema::OwnVoteStanding::Block }),
    ]
}

fn peer_name(text: &str) -> PeerName {
    text.parse().expect("a name")
}
pub(super) fn refusals() -> Vec<(&'static str, ActionError)> {
    let voted = TransactionError::AlreadyVoted { voter: voter() };
    let line = |line| ActionError::from(parse(line).expect_err("a slip"));
    let choices = |text| parse_choices(text, &election()).expect_err("a slip").into();
    vec![
        ("vote", CommandError::Transaction(voted).into()),
        ("vote", CommandError::NotOpen { opens: AT }.into()),
        ("vote", CommandError::Closed { closes: AT }.into()),
        ("results", schema::NothingFinal::Untimed.into()),
        ("results", schema::NothingFinal::NotYet.into()),
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
