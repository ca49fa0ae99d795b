//! Renders answers as text for people.

use std::net::SocketAddr;

use keys::KeyRole;

use super::layout::{heading, table};
use super::text::{self, choice_line, short};
use super::{audit, comparison, evidence, finality, key, receipt, registrar, tally};
use crate::schema::{
    Ballot, Block, BlockOrdered, Calibration, Chain, CommandHelp, Experiment, Fate, FinalityRule,
    HeldBy, Left, Login, OwnVoteStanding, Peers, Question, ReceiptWritten, RecordKind, Registered,
    Reply, Standing, Status, Submitted, SyncOrdered, Tracker, Transaction, Vote, Voted, Voter,
};

/// The columns of a command's usage in `help`, so that the rest has room on 60 columns.
const USAGE_COLUMNS: usize = 24;

pub(super) fn reply(reply: &Reply, color: bool) -> String {
    match reply {
        Reply::Ballot(ballot) => self::ballot(ballot, color),
        Reply::Register(Registered { transaction, voter, .. }) => format!(
            "your registration is accepted and safe on this peer's disk; it counts once others have it in a block\nvoter {voter}\ntransaction {transaction}\n"
        ),
        Reply::Vote(Voted { transaction, choices, held_by, late, .. }) => format!(
            "your vote ({}) is accepted and safe on this peer's disk; it counts once others have it in a block, which `myvote` tells\n{}{}transaction {transaction}\n",
            choice_line(choices),
            text::late(*late),
            held_by.map_or_else(String::new, |held_by| format!("{}\n", text::held_by(held_by)))
        ),
        Reply::Results(results) => tally::tally(results, color),
        Reply::FinalResults(results) => finality::final_results(results, color),
        Reply::Evidence(list) => finality::evidence(list),
        Reply::Chain(chain) => self::chain(chain),
        Reply::Block(block) => self::block(block),
        Reply::MyVote(voter) => my_vote(voter),
        Reply::Receipt(ReceiptWritten { receipt, height, hash, held_by }) => format!(
            "wrote {receipt}: it ties your vote to block {height} ({}), which {}\n",
            short(hash),
            match held_by {
                Some(HeldBy { neighbours: 0, .. }) =>
                    "nobody else has yet; it proves nothing to others before they do".to_owned(),
                Some(held_by) => format!("is {}", text::held_by(*held_by)),
                None => "left the best chain just now: ask again".to_owned(),
            }
        ),
        Reply::Posted(posted) => registrar::posted(posted),
        Reply::Peers(peers) => neighbours(peers),
        Reply::Status(facts) => status(facts),
        Reply::Mine(BlockOrdered { height }) => format!("mining block {height}\n"),
        Reply::Sync(SyncOrdered { neighbours }) => {
            format!("asking {}\n", text::count(neighbours, "neighbour"))
        }
        Reply::Lab(done) => experiment(done),
        Reply::Submit(Submitted { transaction, late, .. }) => format!(
            "accepted and safe on the peer's disk\n{}transaction {transaction}\n",
            text::late(*late)
        ),
        Reply::Help { commands } => help(commands),
        Reply::Login(Login { url }) => format!("{url}\n"),
        Reply::Key(key) => key::human(key),
        // Alone, so that it can be piped; the command tells what it is on stderr.
        Reply::Signed(signed) => format!("{}\n", signed.encoding),
        Reply::Audit(report) => audit::human(report, color),
        Reply::Comparison(comparison) => comparison::human(comparison),
        Reply::Exported(exported) => audit::exported(exported),
        Reply::Imported(imported) => audit::imported(imported),
        Reply::ReceiptStanding(standing) => receipt::human(standing),
        Reply::EvidenceVerdict(proof) => evidence::human(proof),
        Reply::Calibrate(calibration) => calibrated(calibration),
        Reply::NewRegistrar(made) => registrar::new_signer(made, KeyRole::Registrar),
        Reply::NewValidator(made) => registrar::new_signer(made, KeyRole::Validator),
        Reply::Admitted(report) => registrar::signed(report, RecordKind::Admissions),
        Reply::Withdrawn(report) => registrar::signed(report, RecordKind::Withdrawals),
        Reply::SignedFile(report) => registrar::shown(report),
        Reply::Leave(Left { own_vote }) => format!(
            "left; your vote {}\n",
            match own_vote {
                OwnVoteStanding::NotCast => "was not cast here",
                OwnVoteStanding::Alone =>
                    "is on this peer alone: it counts only once this peer is back and meets others",
                OwnVoteStanding::Pool =>
                    "was in no block yet: the others have it, and may still put it into one",
                OwnVoteStanding::Block => "is in a block that others have",
            }
        ),
    }
}

fn calibrated(calibration: &Calibration) -> String {
    let Calibration { threads, peers, block_interval_s, difficulty_bits, expected_seconds, .. } =
        calibration;
    let (rate, threads) =
        (text::rate(calibration.hashes_per_second), text::count(threads, "thread"));
    format!(
        "this machine searches at {rate} with {threads}\n\n\
         for {peers} like it: difficulty 2^{difficulty_bits}, a block every {block_interval_s} s\n\
         all of them find the first block in {expected_seconds:.1} s; the difficulty then follows the interval, and half \
         of them are enough to keep it\n\n\
         for a new ballot:\n  peer ballot new --difficulty-bits {difficulty_bits} --block-interval {block_interval_s}\n"
    )
}

fn ballot(ballot: &Ballot, color: bool) -> String {
    let mut lines = vec![
        heading(&ballot.title, color),
        format!("election {}, created {}", ballot.election, text::time(ballot.created_ms)),
        format!(
            "difficulty 2^{} per block; blocks of up to {} bytes",
            ballot.difficulty_bits, ballot.block_bytes_max
        ),
        text::admission(&ballot.admission),
    ];
    lines.extend(times(ballot));
    for (index, question) in ballot.questions.iter().enumerate() {
        lines.push(String::new());
        lines.push(question_text(index + 1, question, color));
    }
    lines.push(String::new());
    lines.push(ballot.privacy.clone());
    lines.join("\n") + "\n"
}

/// When it opens and closes, what makes its result final, and by when whom has to do what.
fn times(ballot: &Ballot) -> Vec<String> {
    let interval = ballot.block_interval_s.unwrap_or_default();
    let Some(times) = &ballot.times else {
        let steered = ballot.block_interval_s.map(|_| format!("a block every {interval} s"));
        return steered.into_iter().collect();
    };
    let mut lines = vec![
        format!(
            "opens {}, closes {}; a block every {interval} s",
            text::time(times.opens_ms),
            text::time(times.closes_ms)
        ),
        format!("vote by {}: later votes may miss the close", text::time(times.vote_by_ms)),
    ];
    match &times.finality {
        FinalityRule::Depth { confirmations } => {
            lines.push(format!(
                "final where the end lies {} deep, as each peer sees it",
                text::count(confirmations, "block")
            ));
            lines.push(finality::odds(*confirmations));
        }
        FinalityRule::Roster { quorum, crash_faults_only, validators } => {
            let names: Vec<_> = validators.iter().map(|each| each.name.as_str()).collect();
            let crash = if *crash_faults_only { ", who fail only by stopping" } else { "" };
            let of = text::count(validators.len(), "validator");
            lines.push(format!("final by {quorum} of {of}{crash}: {}", names.join(", ")));
            lines.push(match times.mining_starts_ms <= ballot.created_ms {
                true => {
                    "opens at once: start all validators now, with --trust-empty-store".to_owned()
                }
                false => {
                    format!("start all validators before {}", text::time(times.mining_starts_ms))
                }
            });
        }
    }
    lines
}

/// A question with its numbered options, without a line feed at its end.
pub(super) fn question_text(number: usize, question: &Question, color: bool) -> String {
    let allowed = text::choices_allowed(question.min, question.max);
    let title = heading(&format!("{number}. {}", question.title), color);
    let options = question.options.iter().enumerate();
    let options = options.map(|(index, option)| format!("   {:>3}  {option}", index + 1));
    let lines: Vec<_> = std::iter::once(format!("{title} ({allowed})")).chain(options).collect();
    lines.join("\n")
}

fn chain(chain: &Chain) -> String {
    let rows = chain.blocks.iter().map(|block| {
        vec![
            block.height.to_string(),
            short(block.hash),
            text::time(block.time_ms),
            block.registrations.to_string(),
            block.votes.to_string(),
        ]
    });
    table(Some(&["height", "hash", "time", "registrations", "votes"]), rows, &[0, 3, 4]) + "\n"
}

fn block(block: &Block) -> String {
    let branch = if block.on_best_chain { "on the best chain" } else { "on a branch that lost" };
    let mut lines = vec![
        format!("block {} {}, {branch}", block.height, block.hash),
        format!("previous     {}", block.previous),
        format!("merkle root  {}", block.merkle_root),
        format!("time         {}", text::time(block.time_ms)),
        format!("difficulty   {}", block.difficulty),
        format!("nonce        {}", block.nonce),
        format!(
            "{} in {}",
            text::count(block.transactions.len(), "transaction"),
            text::count(block.body_bytes, "byte")
        ),
    ];
    lines.extend(block.transactions.iter().map(transaction));
    lines.join("\n") + "\n"
}

fn transaction(view: &Transaction) -> String {
    let kind = text::kind(view.kind);
    let mut line = format!("  {kind} {} of voter {}", view.transaction, view.voter);
    if let Some(choices) = &view.choices {
        line += &format!(": {}", choice_line(choices));
    }
    if let Some(cast_at_ms) = view.cast_at_ms {
        line += &format!(", cast {}", text::time(cast_at_ms));
    }
    line
}

fn my_vote(voter: &Voter) -> String {
    let registration = match (&voter.withdrawal, &voter.registration) {
        (Some(withdrawal), _) => {
            format!("withdrawn by the registrars, {}", text::standing(withdrawal))
        }
        (None, Some(registration)) => format!(
            "registered, {}{}",
            text::standing(registration),
            fated(voter.registration_fate, registration)
        ),
        (None, None) => {
            "not registered: in an open election the first vote does it, else the registrars"
                .to_owned()
        }
    };
    let vote = match &voter.vote {
        None => "no vote was cast with this key".to_owned(),
        Some(Vote { transaction, choices, cast_at_ms, standing: place, held_by: _, fate }) => {
            format!(
                "vote: {}\ncast {}, {}{}\ntransaction {transaction}",
                choice_line(choices),
                text::time(*cast_at_ms),
                text::standing(place),
                fated(*fate, place),
            )
        }
    };
    format!("voter {}\n{registration}\n{vote}\n", voter.voter)
}

/// How final it is, on a line of its own.
fn fated(fate: Option<Fate>, place: &Standing) -> String {
    let is_in_block = matches!(place, Standing::Block { .. });
    fate.map(|fate| format!("\n{}", finality::fate(fate, is_in_block))).unwrap_or_default()
}

fn neighbours(peers: &Peers) -> String {
    if peers.peers.is_empty() {
        return "no neighbours yet\n".to_owned();
    }
    let rows = peers.peers.iter().map(|peer| {
        let known = |text: Option<String>| text.unwrap_or_else(|| "?".to_owned());
        vec![
            text::neighbour(peer.address, peer.name.as_deref()),
            known(peer.tip.map(|tip| format!("{} ({})", tip.height, short(tip.hash)))),
            known(peer.round_trip_ms.map(|time| format!("{time:.1} ms"))),
            peer.missed.to_string(),
            known(peer.clock_offset_ms.map(|offset| format!("{offset:+} ms"))),
        ]
    });
    let all = table(Some(&["address", "tip", "round trip", "missed", "clock"]), rows, &[2, 3, 4]);
    let same: String = peers.at_several().map(|same| several_addresses(&same)).collect();
    format!("{all}\n{same}")
}

/// Says of addresses that they are one neighbour's, by its own word.
fn several_addresses(addresses: &[SocketAddr]) -> String {
    let addresses: Vec<_> = addresses.iter().map(ToString::to_string).collect();
    format!("{} are one peer, as it says: it counts once\n", addresses.join(" and "))
}

fn experiment(experiment: &Experiment) -> String {
    match experiment {
        Experiment::Partition { partitioned: true } => {
            "cut off: this peer answers POKEs and nothing else; `lab partition off` ends it\n"
                .to_owned()
        }
        Experiment::Partition { partitioned: false } => {
            "not cut off: this peer takes part as any other\n".to_owned()
        }
        Experiment::BadBlock { rule, height } => {
            format!("mining block {height}, which breaks the rule {rule}\n")
        }
        Experiment::Race { height } => {
            format!(
                "mining a rival of block {height}: the smaller hash wins, or whoever finds the next block\n"
            )
        }
        Experiment::SignTwice { height } => {
            format!("signing a second PREPARE at height {height}: whoever sees both has evidence\n")
        }
        Experiment::Rules { rules } => {
            let rows = rules.iter().map(|each| vec![each.rule.clone(), each.about.clone()]);
            table(None, rows, &[]) + "\n"
        }
    }
}

fn status(status: &Status) -> String {
    let mining = status.mining.as_ref().map_or_else(|| text::idle(status), text::mining);
    let dropped: Vec<_> = status.dropped.iter().filter(|(_, count)| **count > 0).collect();
    let dropped: Vec<_> = dropped.iter().map(|(why, count)| format!("{why} {count}")).collect();
    let votes = text::turnout(status.votes, status.registered_voters);
    let pool = format!("{}, and {} held", text::count(status.pool, "transaction"), status.held);
    let banner = status.role.banner().and_then(|banner| banner.split_once(": "));
    let mut rows = vec![
        ("voter", status.voter.map(|voter| voter.to_string())),
        ("election", Some(status.election.to_string())),
        ("name", status.name.clone()),
        ("address", Some(status.address.to_string())),
        ("data", status.data_dir.clone()),
        ("tip", Some(format!("{} {}", status.tip.height, status.tip.hash))),
        ("held", Some(text::held_by(status.tip_held_by))),
        ("work", Some(status.work.clone())),
        ("voters", Some(text::admitted(&status.admitted))),
        ("votes", Some(votes)),
        ("own vote", status.own_vote.and_then(own_vote).map(str::to_owned)),
        ("pool", Some(pool)),
        ("neighbours", Some(status.neighbours.to_string())),
        ("tracker", status.trackers.is_empty().then(|| "none".to_owned())),
        ("multicast", Some(text::multicast(&status.multicast))),
        ("clock", Some(text::clock_row(status.clock, text::is_clock_off(status)))),
        ("waiting", text::waiting(status.waiting)),
        ("mining", Some(mining)),
    ];
    let trackers = status.trackers.iter().map(|each| ("tracker", Some(tracker(each))));
    let place = rows.iter().position(|(name, _)| *name == "clock").unwrap_or(rows.len());
    rows.splice(place..place, trackers);
    let place = rows.iter().position(|(name, _)| *name == "pool").unwrap_or(rows.len());
    rows.splice(place..place, status.finality.iter().flat_map(finality::rows));
    rows.extend(status.unready.iter().map(|why| ("NOT READY", Some(text::unready(why)))));
    if !dropped.is_empty() {
        rows.push(("dropped", Some(dropped.join(", "))));
    }
    if let Some((role, about)) = banner {
        rows.insert(0, (role, Some(about.to_owned())));
    }
    if status.partitioned {
        rows.insert(1, ("PARTITION", Some("cut off: answers POKEs and nothing else".to_owned())));
    }
    let told = rows.into_iter().filter_map(|(name, fact)| Some((name, fact?)));
    told.map(|(name, fact)| format!("{name:<11}{fact}\n")).collect()
}

fn tracker(tracker: &Tracker) -> String {
    let name = tracker.name.as_deref();
    let Some(address) = tracker.address else {
        return format!("{} can't be found", name.unwrap_or("it"));
    };
    let listed = match (tracker.registered, tracker.refuses) {
        (true, _) => "lists this peer",
        (false, true) => "serves another election",
        (false, false) => "has not listed this peer",
    };
    let seen_as = tracker.seen_as.filter(|_| tracker.registered);
    let seen = seen_as.map(|address| format!(" as {address}")).unwrap_or_default();
    format!("{} {listed}{seen}", text::named(name, address))
}

/// Says what became of the votes that were cast here, if any were.
fn own_vote(standing: OwnVoteStanding) -> Option<&'static str> {
    match standing {
        OwnVoteStanding::NotCast => None,
        OwnVoteStanding::Alone => Some("nobody else has it yet"),
        OwnVoteStanding::Pool => Some("others have it, and no block that they have does"),
        OwnVoteStanding::Block => Some("in a block that others have"),
    }
}

fn help(commands: &[CommandHelp]) -> String {
    let lines = commands.iter().map(command_help);
    let notes = "Questions are separated by `;`, choices by `,`; `-` leaves a question blank, and no answer at all is none.";
    match commands {
        [_] => lines.collect(),
        _ => format!("{}{notes}\n", lines.collect::<String>()),
    }
}

/// One command; what is said of it stands in a second column, below the usage where that is too long.
fn command_help(each: &CommandHelp) -> String {
    let CommandHelp { usage, about, .. } = each;
    match usage.len() < USAGE_COLUMNS {
        true => format!(" {usage:<USAGE_COLUMNS$}{about}\n"),
        false => format!(" {usage}\n {:USAGE_COLUMNS$}{about}\n", ""),
    }
}
