//! One JSON object per answer and notice. docs/CLI.md describes them; names once given stay.

use std::net::SocketAddr;

use protocol::election::Election;
use protocol::units::UnixMillis;
use serde_json::{Value, json};

use super::choice_names;
use super::text::kind;
use crate::node::{
    BlockSummary, BlockView, Event, LeaveReason, NeighbourView, QuestionTally, Results, Standing,
    Tip, TransactionView, VoteView, VoterView,
};
use crate::shell::actions::{ActionError, OwnVoteStanding, PeerStatus, Reply};
use crate::shell::miner::MiningProgress;
use crate::shell::notice::Notice;
use crate::shell::verify::Verified;

pub(super) fn reply(reply: &Reply, election: &Election) -> Value {
    let facts = match reply {
        Reply::Ballot { election_id } => ballot(&election_id.to_string(), election),
        Reply::Voted { transaction, choices } => json!({
            "accepted": true,
            "transaction": transaction.to_string(),
            "choices": choice_names(choices, election),
        }),
        Reply::Results(results) => tally(results),
        Reply::Chain(blocks) => {
            json!({ "blocks": blocks.iter().map(summary).collect::<Vec<_>>() })
        }
        Reply::Block(view) => block(view, election),
        Reply::MyVote(view) => my_vote(view, election),
        Reply::Receipt { file, receipt } => json!({
            "receipt": file.display().to_string(),
            "height": receipt.header.height.0,
            "hash": receipt.header.hash().to_string(),
        }),
        Reply::Peers(peers) => json!({ "peers": peers.iter().map(neighbour).collect::<Vec<_>>() }),
        Reply::Status(facts) => status(facts),
        Reply::Mining { height } => json!({ "height": height.0 }),
        Reply::Syncing { neighbours } => json!({ "neighbours": neighbours }),
        Reply::Submitted { transaction } => {
            json!({ "accepted": true, "transaction": transaction.to_string() })
        }
        Reply::Help(commands) => {
            let command = |help: &crate::shell::actions::CommandHelp| json!({ "command": help.name, "usage": help.usage, "about": help.about });
            json!({ "commands": commands.iter().map(command).collect::<Vec<_>>() })
        }
        Reply::Left(own_vote) => json!({ "own_vote": match own_vote {
            OwnVoteStanding::NotCast => "not_cast",
            OwnVoteStanding::Pool => "pool",
            OwnVoteStanding::Block => "block",
        }}),
    };
    named("answer", reply.name(), facts)
}

pub(super) fn error(word: &str, error: &ActionError) -> Value {
    let reason = json!({ "kind": error.kind(), "message": error.to_string() });
    let facts = match word {
        "vote" | "submit" => json!({ "accepted": false, "error": reason }),
        _ => json!({ "error": reason }),
    };
    named("answer", word, facts)
}

pub(super) fn notice(notice: &Notice) -> Value {
    let (name, facts) = match notice {
        Notice::Listening { address, election, title, voter, data_directory } => (
            "listening",
            json!({
                "address": address.to_string(),
                "election": election.to_string(),
                "title": title,
                "voter": voter.to_string(),
                "data_dir": data_directory.display().to_string(),
            }),
        ),
        Notice::Node(event) => self::event(event),
        Notice::Mining(progress) => ("mining", mining(progress)),
        Notice::Mended { damage } => ("mended", json!({ "message": damage })),
        Notice::Verified(Verified { blocks, transactions, lost }) => {
            ("verified", json!({ "blocks": blocks, "transactions": transactions, "lost": lost }))
        }
        Notice::Registering { voter, registration_bits } => (
            "registering",
            json!({ "voter": voter.to_string(), "registration_bits": registration_bits }),
        ),
        Notice::Missed { notices } => ("missed", json!({ "events": notices })),
        Notice::Left => ("left", json!({})),
    };
    named("event", name, facts)
}

/// An object that begins with its kind.
pub(super) fn named(key: &str, name: &str, facts: Value) -> Value {
    let mut object = serde_json::Map::new();
    object.insert(key.to_owned(), name.into());
    if let Value::Object(facts) = facts {
        object.extend(facts);
    }
    Value::Object(object)
}

fn ballot(election_id: &str, election: &Election) -> Value {
    let questions = election.questions.iter().map(|question| {
        json!({
            "title": question.title,
            "options": question.options,
            "min": question.choices_min,
            "max": question.choices_max,
        })
    });
    json!({
        "election": election_id,
        "id": hex::encode(election.id),
        "title": election.title,
        "created_ms": election.created.0,
        "difficulty_bits": election.difficulty_bits,
        "registration_bits": election.registration_bits,
        "block_bytes_max": election.block_bytes_max,
        "questions": questions.collect::<Vec<_>>(),
        "privacy": super::PRIVACY,
    })
}

fn tally(results: &Results) -> Value {
    json!({
        "tip": tip(&results.tip),
        "votes": results.votes,
        "registered_voters": results.registered_voters,
        "blocks_deep": results.blocks_deep,
        "questions": questions(results),
    })
}

/// The count, question by question.
pub(super) fn questions(results: &Results) -> Value {
    let question = |tally: &QuestionTally| {
        let options = tally.question.options.iter().zip(&tally.votes);
        let options = options.map(|(name, votes)| json!({ "name": name, "votes": votes }));
        json!({
            "title": tally.question.title,
            "options": options.collect::<Vec<_>>(),
            "blank": tally.blank,
        })
    };
    results.tally.iter().map(question).collect()
}

fn status(status: &PeerStatus) -> Value {
    let node = &status.node;
    let tracker = node.tracker.map(|tracker| {
        json!({
            "address": tracker.address.to_string(),
            "registered": tracker.registered,
            "seen_as": tracker.seen_as.map(|address| address.to_string()),
        })
    });
    let dropped =
        node.dropped.iter().map(|(reason, count)| ((*reason).to_owned(), (*count).into()));
    json!({
        "voter": status.voter.to_string(),
        "election": status.election_id.to_string(),
        "address": status.address.to_string(),
        "data_dir": status.data_directory.display().to_string(),
        "tip": tip(&node.tip),
        // More than 64 bits may be needed, which many readers of JSON do not take as a number.
        "work": node.work.to_string(),
        "pool": node.pool,
        "held": node.held,
        "neighbours": node.neighbours,
        "registered_voters": node.registered_voters,
        "votes": node.votes,
        "tracker": tracker,
        "mining": status.progress.filter(|_| node.mining).as_ref().map(mining),
        "sync_target": node.sync_target.0,
        "dropped": Value::Object(dropped.collect()),
    })
}

fn mining(progress: &MiningProgress) -> Value {
    json!({
        "height": progress.height.0,
        "transactions": progress.transactions,
        "difficulty": progress.difficulty.attempts(),
        "hashes_per_second": progress.hashes_per_second.round() as u64,
        "expected_seconds": progress.expected().map(|expected| rounded(expected.as_secs_f64())),
        "running_seconds": rounded(progress.running.as_secs_f64()),
    })
}

fn summary(block: &BlockSummary) -> Value {
    json!({
        "height": block.header.height.0,
        "hash": block.hash.to_string(),
        "time_ms": block.header.time.0,
        "registrations": block.registrations,
        "votes": block.votes,
    })
}

fn block(view: &BlockView, election: &Election) -> Value {
    let transaction = |transaction: &TransactionView| {
        let choices = transaction.choices.as_ref().map(|choices| choice_names(choices, election));
        json!({
            "transaction": transaction.id.to_string(),
            "kind": kind(transaction.kind),
            "voter": transaction.voter.to_string(),
            "choices": choices,
            "cast_at_ms": transaction.cast_at.map(|UnixMillis(at)| at),
        })
    };
    let header = &view.header;
    json!({
        "height": header.height.0,
        "hash": view.hash.to_string(),
        "previous": header.previous.to_string(),
        "merkle_root": header.merkle_root.to_string(),
        "time_ms": header.time.0,
        "difficulty": header.difficulty.attempts(),
        // All 64 bits count, so it is no JSON number; the digits are those of the header's bytes.
        "nonce": format!("{:016x}", header.nonce),
        "on_best_chain": view.on_best_chain,
        "body_bytes": view.body_bytes,
        "transactions": view.transactions.iter().map(transaction).collect::<Vec<_>>(),
    })
}

fn my_vote(view: &VoterView, election: &Election) -> Value {
    let vote = |vote: &VoteView| {
        json!({
            "transaction": vote.transaction.to_string(),
            "choices": choice_names(&vote.choices, election),
            "cast_at_ms": vote.cast_at.0,
            "standing": standing(&vote.standing),
        })
    };
    json!({
        "voter": view.voter.to_string(),
        "registration": view.registration.as_ref().map(standing),
        "vote": view.vote.as_ref().map(vote),
    })
}

fn standing(standing: &Standing) -> Value {
    match standing {
        Standing::Pool => json!({ "in": "pool" }),
        Standing::Block { height, hash, blocks_deep } => json!({
            "in": "block",
            "height": height.0,
            "hash": hash.to_string(),
            "blocks_deep": blocks_deep,
        }),
    }
}

fn neighbour(view: &NeighbourView) -> Value {
    let round_trip = view.round_trip.map(|time| rounded(time.as_secs_f64() * 1_000.0));
    json!({
        "address": view.address.to_string(),
        "tip": view.tip.as_ref().map(tip),
        "round_trip_ms": round_trip,
        "missed": view.missed,
        "clock_offset_ms": view.clock_offset_ms,
    })
}

fn event(event: &Event) -> (&'static str, Value) {
    let changed = |id: &dyn ToString, voter: &dyn ToString, which| {
        json!({
            "transaction": id.to_string(),
            "voter": voter.to_string(),
            "kind": kind(which),
        })
    };
    match event {
        Event::Block { tip, transactions, mined_here } => (
            "block",
            json!({
                "height": tip.height.0,
                "hash": tip.hash.to_string(),
                "transactions": transactions,
                "mined_here": mined_here,
            }),
        ),
        Event::Reorganisation { from, to, disconnected, connected, returned, lost } => (
            "reorganisation",
            json!({
                "from": tip(from),
                "to": tip(to),
                "disconnected": disconnected,
                "connected": connected,
                "returned": returned,
                "lost": lost,
            }),
        ),
        Event::Transaction { id, voter, kind } => ("transaction", changed(id, voter, *kind)),
        Event::Superseded { id, voter, kind, by } => {
            let mut facts = changed(id, voter, *kind);
            facts["by"] = by.to_string().into();
            ("superseded", facts)
        }
        Event::NeighbourJoined { address } => {
            ("neighbour_joined", json!({ "address": address.to_string() }))
        }
        Event::NeighbourLeft { address, reason } => {
            ("neighbour_left", neighbour_left(*address, *reason))
        }
        Event::Registered { tracker, seen_as, peers } => (
            "registered",
            json!({
                "tracker": tracker.to_string(),
                "seen_as": seen_as.to_string(),
                "peers": peers,
            }),
        ),
        Event::TrackerSilent { tracker } => {
            ("tracker_silent", json!({ "tracker": tracker.to_string() }))
        }
        Event::TrackerRefused { tracker, expected, found_prefix } => (
            "tracker_refused",
            json!({
                "tracker": tracker.to_string(),
                "expected": expected.to_string(),
                "found_prefix": hex::encode(found_prefix),
            }),
        ),
        Event::ClockDiffers { address, offset_ms } => {
            ("clock_differs", json!({ "address": address.to_string(), "offset_ms": offset_ms }))
        }
        Event::Syncing { from, to } => ("syncing", json!({ "from": from.0, "to": to.0 })),
        Event::Synced { tip: synced } => ("synced", json!({ "tip": tip(synced) })),
        Event::Misbehaviour { address, reason } => {
            ("misbehaviour", json!({ "address": address.to_string(), "reason": reason }))
        }
        Event::DiskRefuses { reason } => ("disk_refuses", json!({ "reason": reason })),
        Event::DiskRecovered => ("disk_recovered", json!({})),
        Event::BlockLost { height, hash, reason } => (
            "block_lost",
            json!({ "height": height.0, "hash": hash.to_string(), "reason": reason }),
        ),
        Event::InvalidBlock { hash, height, reason } => (
            "invalid_block",
            json!({ "height": height.0, "hash": hash.to_string(), "reason": reason }),
        ),
    }
}

fn neighbour_left(address: SocketAddr, reason: LeaveReason) -> Value {
    let address = address.to_string();
    match reason {
        LeaveReason::Left => json!({ "address": address, "reason": "left" }),
        LeaveReason::Missed(missed) => {
            json!({ "address": address, "reason": "missed", "missed": missed })
        }
        LeaveReason::Banned(time) => {
            json!({ "address": address, "reason": "banned", "seconds": time.as_secs() })
        }
    }
}

pub(super) fn tip(tip: &Tip) -> Value {
    json!({ "height": tip.height.0, "hash": tip.hash.to_string() })
}

/// Three digits after the point are enough for times.
fn rounded(number: f64) -> f64 {
    (number * 1_000.0).round() / 1_000.0
}

#[cfg(test)]
mod tests {
    use protocol::units::{BlockHash, Height};

    use super::*;

    #[test]
    fn objects_begin_with_their_kind() {
        let tip = Tip { height: Height(3), hash: BlockHash([7; 32]) };
        let block = Event::Block { tip, transactions: 2, mined_here: true };
        let hash = "07".repeat(32);
        assert_eq!(
            notice(&Notice::Node(block)).to_string(),
            format!(
                r#"{{"event":"block","height":3,"hash":"{hash}","transactions":2,"mined_here":true}}"#
            )
        );
        assert_eq!(notice(&Notice::Left).to_string(), r#"{"event":"left"}"#);
    }

    #[test]
    fn refusals_name_their_kind() {
        let refused = ActionError::Command(crate::node::CommandError::MiningOff);
        assert_eq!(
            error("mine", &refused).to_string(),
            r#"{"answer":"mine","error":{"kind":"mining_off","message":"this peer does not mine: start it without --no-mining"}}"#
        );
        assert_eq!(error("vote", &refused)["accepted"], false);
    }
}
