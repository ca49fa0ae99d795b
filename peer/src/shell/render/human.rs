//! Text for people.

use std::time::Duration;

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};
use owo_colors::OwoColorize;
use protocol::election::{Election, Question};

use super::text::short;
use super::{choice_line, text};
use crate::node::{
    BlockSummary, BlockView, NeighbourView, QuestionTally, Results, Standing, TransactionView,
    VoteView, VoterView,
};
use crate::shell::actions::{CommandHelp, OwnVoteStanding, PeerStatus, Reply, allowed};

/// Width of the longest bar of the results.
const BAR_CHARACTERS: u64 = 30;

pub(super) fn reply(reply: &Reply, election: &Election, color: bool) -> String {
    match reply {
        Reply::Ballot { election_id } => ballot(&election_id.to_string(), election, color),
        Reply::Voted { transaction, choices } => format!(
            "your vote ({}) is accepted and safe on this disk; it counts once a block holds it\ntransaction {transaction}\n",
            choice_line(choices, election)
        ),
        Reply::Results(results) => tally(results, color),
        Reply::Chain(blocks) => chain(blocks),
        Reply::Block(view) => block(view, election),
        Reply::MyVote(view) => my_vote(view, election),
        Reply::Receipt { file, receipt } => format!(
            "wrote {}: it proves that your vote is in block {} ({})\n",
            file.display(),
            receipt.header.height,
            short(receipt.header.hash())
        ),
        Reply::Peers(peers) => neighbours(peers),
        Reply::Status(facts) => status(facts),
        Reply::Mining { height } => format!("mining block {height}\n"),
        Reply::Syncing { neighbours } => {
            format!("asking {}\n", text::count(*neighbours, "neighbour"))
        }
        Reply::Submitted { transaction } => {
            format!("accepted and safe on this disk\ntransaction {transaction}\n")
        }
        Reply::Help(commands) => help(commands),
        Reply::Left(own_vote) => format!(
            "left; your vote {}\n",
            match own_vote {
                OwnVoteStanding::NotCast => "was not cast here",
                OwnVoteStanding::Pool =>
                    "was in no block yet: the others may still put it into one",
                OwnVoteStanding::Block => "is in a block",
            }
        ),
    }
}

fn ballot(election_id: &str, election: &Election, color: bool) -> String {
    let mut lines = vec![
        heading(&election.title, color),
        format!("election {election_id}, created {}", text::time(election.created)),
        format!(
            "difficulty 2^{} per block, 2^{} per registration; blocks of up to {} bytes",
            election.difficulty_bits, election.registration_bits, election.block_bytes_max
        ),
        "anyone can register as a voter".to_owned(),
    ];
    for (index, question) in election.questions.iter().enumerate() {
        lines.push(String::new());
        lines.push(question_text(index + 1, question, color));
    }
    lines.push(String::new());
    lines.push(super::PRIVACY.to_owned());
    lines.join("\n") + "\n"
}

/// A question with its numbered options, without a line feed at its end.
pub(super) fn question_text(number: usize, question: &Question, color: bool) -> String {
    let allowed = allowed(question.choices_min, question.choices_max);
    let title = heading(&format!("{number}. {}", question.title), color);
    let options = question.options.iter().enumerate();
    let options = options.map(|(index, option)| format!("   {:>3}  {option}", index + 1));
    let lines: Vec<_> = std::iter::once(format!("{title} ({allowed})")).chain(options).collect();
    lines.join("\n")
}

pub(super) fn tally(results: &Results, color: bool) -> String {
    let mut lines = vec![format!(
        "{} by {}, counted up to block {} ({})",
        text::count(results.votes, "vote"),
        text::count(results.registered_voters, "registered voter"),
        results.tip.height,
        short(results.tip.hash),
    )];
    lines.push(match results.blocks_deep {
        0 => "no block holds a vote yet".to_owned(),
        deep => format!("the newest vote is {} deep", text::count(deep, "block")),
    });
    for question in &results.tally {
        lines.push(String::new());
        lines.push(heading(&question.question.title, color));
        lines.push(bars(question, results.votes, color));
    }
    lines.join("\n") + "\n"
}

fn bars(tally: &QuestionTally, voters: u64, color: bool) -> String {
    let blank = Some(("(blank)", tally.blank)).filter(|(_, votes)| *votes > 0);
    let options =
        tally.question.options.iter().map(String::as_str).zip(tally.votes.iter().copied());
    let rows = options.chain(blank).map(|(name, votes)| {
        // Widened, so that no count overflows.
        let length = u128::from(votes) * u128::from(BAR_CHARACTERS) / u128::from(voters.max(1));
        let length = usize::try_from(length).unwrap_or_default().min(BAR_CHARACTERS as usize);
        let bar = "█".repeat(length) + &"░".repeat(BAR_CHARACTERS as usize - length);
        let bar = if color { bar.cyan().to_string() } else { bar };
        #[expect(clippy::cast_precision_loss, reason = "a share for people")]
        let share = 100.0 * votes as f64 / voters.max(1) as f64;
        vec![name.to_owned(), bar, votes.to_string(), format!("{share:.1} %")]
    });
    table(None, rows, &[2, 3])
}

fn chain(blocks: &[BlockSummary]) -> String {
    let rows = blocks.iter().map(|block| {
        vec![
            block.header.height.to_string(),
            short(block.hash),
            text::time(block.header.time),
            block.registrations.to_string(),
            block.votes.to_string(),
        ]
    });
    table(Some(&["height", "hash", "time", "registrations", "votes"]), rows, &[0, 3, 4]) + "\n"
}

fn block(view: &BlockView, election: &Election) -> String {
    let header = &view.header;
    let branch = if view.on_best_chain { "on the best chain" } else { "on a branch that lost" };
    let mut lines = vec![
        format!("block {} {}, {branch}", header.height, view.hash),
        format!("previous     {}", header.previous),
        format!("merkle root  {}", header.merkle_root),
        format!("time         {}", text::time(header.time)),
        format!("difficulty   {}", header.difficulty),
        format!("nonce        {:016x}", header.nonce),
        format!(
            "{} in {}",
            text::count(view.transactions.len(), "transaction"),
            text::count(view.body_bytes, "byte")
        ),
    ];
    lines.extend(view.transactions.iter().map(|each| transaction(each, election)));
    lines.join("\n") + "\n"
}

fn transaction(view: &TransactionView, election: &Election) -> String {
    let kind = text::kind(view.kind);
    let mut line = format!("  {kind} {} of voter {}", view.id, view.voter);
    if let Some(choices) = &view.choices {
        line += &format!(": {}", choice_line(choices, election));
    }
    if let Some(cast_at) = view.cast_at {
        line += &format!(", cast {}", text::time(cast_at));
    }
    line
}

fn my_vote(view: &VoterView, election: &Election) -> String {
    let registration = view.registration.as_ref().map_or_else(
        || "not registered: the first vote does it".to_owned(),
        |registration| format!("registered, {}", standing(registration)),
    );
    let vote = match &view.vote {
        None => "no vote was cast with this key".to_owned(),
        Some(VoteView { transaction, choices, cast_at, standing: place }) => format!(
            "vote: {}\ncast {}, {}\ntransaction {transaction}",
            choice_line(choices, election),
            text::time(*cast_at),
            standing(place),
        ),
    };
    format!("voter {}\n{registration}\n{vote}\n", view.voter)
}

fn standing(standing: &Standing) -> String {
    match standing {
        Standing::Pool => "in no block yet".to_owned(),
        Standing::Block { height, hash, blocks_deep } => {
            let deep = text::count(*blocks_deep, "block");
            format!("in block {height} ({}), {deep} deep", short(hash))
        }
    }
}

fn neighbours(peers: &[NeighbourView]) -> String {
    if peers.is_empty() {
        return "no neighbours yet\n".to_owned();
    }
    let rows = peers.iter().map(|peer| {
        let known = |text: Option<String>| text.unwrap_or_else(|| "?".to_owned());
        vec![
            peer.address.to_string(),
            known(peer.tip.map(|tip| format!("{} ({})", tip.height, short(tip.hash)))),
            known(peer.round_trip.map(|time| format!("{:.1} ms", time.as_secs_f64() * 1_000.0))),
            peer.missed.to_string(),
            known(peer.clock_offset_ms.map(|offset| format!("{offset:+} ms"))),
        ]
    });
    table(Some(&["address", "tip", "round trip", "missed", "clock"]), rows, &[2, 3, 4]) + "\n"
}

fn status(status: &PeerStatus) -> String {
    let node = &status.node;
    let tracker = node.tracker.map_or_else(
        || "none".to_owned(),
        |tracker| {
            let listed =
                if tracker.registered { "lists this peer" } else { "has not listed this peer" };
            let seen_as = tracker.seen_as.filter(|_| tracker.registered);
            let seen = seen_as.map(|address| format!(" as {address}")).unwrap_or_default();
            format!("{} {listed}{seen}", tracker.address)
        },
    );
    let mining = match status.progress.filter(|_| node.mining) {
        None => "nothing to mine".to_owned(),
        Some(progress) => text::mining(&progress),
    };
    let dropped: Vec<_> = node.dropped.iter().filter(|(_, count)| *count > 0).collect();
    let dropped: Vec<_> = dropped.iter().map(|(why, count)| format!("{why} {count}")).collect();
    let mut rows = vec![
        ("voter", status.voter.to_string()),
        ("election", status.election_id.to_string()),
        ("address", status.address.to_string()),
        ("data", status.data_directory.display().to_string()),
        ("tip", format!("{} {}", node.tip.height, node.tip.hash)),
        ("work", node.work.to_string()),
        (
            "votes",
            format!(
                "{} by {}",
                node.votes,
                text::count(node.registered_voters, "registered voter")
            ),
        ),
        ("pool", format!("{}, and {} held", text::count(node.pool, "transaction"), node.held)),
        ("neighbours", node.neighbours.to_string()),
        ("tracker", tracker),
        ("mining", mining),
    ];
    if node.sync_target > node.tip.height {
        rows.push(("fetching", format!("blocks up to {}", node.sync_target)));
    }
    if !dropped.is_empty() {
        rows.push(("dropped", dropped.join(", ")));
    }
    rows.iter().map(|(name, fact)| format!("{name:<11}{fact}\n")).collect()
}

fn help(commands: &[CommandHelp]) -> String {
    let rows = commands.iter().map(|each| vec![each.usage.to_owned(), each.about.to_owned()]);
    let notes = "Questions are separated by `;`, choices by `,`; `blank` or nothing leaves a question blank.";
    match commands {
        [_] => table(None, rows, &[]) + "\n",
        _ => format!("{}\n{notes}\n", table(None, rows, &[])),
    }
}

fn heading(text: &str, color: bool) -> String {
    if color { text.bold().to_string() } else { text.to_owned() }
}

/// Columns side by side; `right` are those whose text stands at the right.
fn table(
    header: Option<&[&str]>,
    rows: impl Iterator<Item = Vec<String>>,
    right: &[usize],
) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    if let Some(header) = header {
        table.set_header(header.iter().copied());
    }
    table.add_rows(rows);
    for column in right {
        if let Some(column) = table.column_mut(*column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    let lines: Vec<_> = table.lines().map(|line| format!(" {}", line.trim_end())).collect();
    lines.join("\n")
}

/// Whole seconds, or what is left of one.
pub(super) fn span(time: Duration) -> String {
    if time >= Duration::from_secs(1) {
        humantime::format_duration(Duration::from_secs(time.as_secs())).to_string()
    } else {
        format!("{} ms", time.as_millis())
    }
}
