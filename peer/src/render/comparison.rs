//! Renders where two records part as text for people.

use super::text::{self, choice_line, count, short};
use crate::schema::{
    AloneCounts, ComparedRecord, Comparison, DifferingAnswer, PartedBlock, PartedTransaction,
    Relation, SUMS_DIFFER, TransactionKind,
};

/// The most transactions of a kind that are shown of each record; programs get more.
const SHOWN_MAX: usize = 20;

/// Both records, what they have in common, how each goes on, and what each counts alone.
pub(super) fn human(comparison: &Comparison) -> String {
    let Comparison { relation, election, title, common, a, b, differing } = comparison;
    let mut lines = vec![format!("election {election} ({title})")];
    lines.extend([("A", a), ("B", b)].map(|(name, record)| described(name, record)));
    lines.push(String::new());
    lines.push(format!("the same up to block {} {}", common.height, common.hash));
    for (name, record) in [("A", a), ("B", b)] {
        match &record.next {
            Some(block) => lines.extend(gone_on(name, block, record)),
            None if *relation == Relation::Same => {}
            // It may go on, in a block of which the other has another version.
            None if record.failure.is_some() => {
                lines.push(format!("{name} is counted no further"));
            }
            None => lines.push(format!("{name} ends there")),
        }
    }
    if !differing.is_empty() {
        lines.push("answers with different numbers of votes:".to_owned());
        lines.extend(differing.iter().map(differs));
    }
    lines.push(String::new());
    lines.push(match relation {
        Relation::Same if a.passed && b.passed => "the same record".to_owned(),
        Relation::Same => "the same record as far as it is counted".to_owned(),
        Relation::AGoesOn => goes_on("B", "A", b, a),
        Relation::BGoesOn => goes_on("A", "B", a, b),
        Relation::Part => parted(common.height + 1, a, b),
    });
    lines.join("\n") + "\n"
}

/// Where two records part, by the height, the beginnings of the hashes and the times of the two blocks that follow, and
/// the votes that only one of them counts.
fn parted(height: u64, a: &ComparedRecord, b: &ComparedRecord) -> String {
    let has = |record: &ComparedRecord| {
        let block = record.next.as_ref();
        let block =
            block.map(|block| format!("{} of {}", short(block.hash), text::time(block.time_ms)));
        block.unwrap_or_else(|| "none".to_owned())
    };
    let votes = |record: &ComparedRecord| count(record.alone_counts.votes, "vote");
    format!(
        "THEY PART at block {height}: A has {} and {} that B has not, B has {} and {} that A has not",
        has(a),
        votes(a),
        has(b),
        votes(b)
    )
}

fn differs(differing: &DifferingAnswer) -> String {
    let DifferingAnswer { question, option, a, b } = differing;
    let option = option.as_deref().unwrap_or("blank");
    format!("  question {question}, {option}: {a} in A, {b} in B")
}

fn goes_on(short: &str, long: &str, ends: &ComparedRecord, goes_on: &ComparedRecord) -> String {
    let to = match &goes_on.next {
        Some(block) if !block.counted => {
            format!("goes on with block {}, which is not counted", block.height)
        }
        Some(_) | None => format!("goes on to block {}", goes_on.tip.height),
    };
    let verdict = match ends.passed && goes_on.passed {
        true => ": they don't contradict each other",
        false => "",
    };
    format!("{short} is counted up to block {}, and {long} {to}{verdict}", ends.tip.height)
}

fn described(name: &str, record: &ComparedRecord) -> String {
    let ComparedRecord { source, tip, votes, registered_voters, failure, error, .. } = record;
    let verdict = match (failure, error) {
        (Some(failure), _) => format!(
            "IT DOES NOT HOLD: block {} {} breaks the rule {}: {}",
            failure.height, failure.hash, failure.rule, failure.reason
        ),
        (None, Some(refusal)) if refusal.kind == SUMS_DIFFER => refusal.message.clone(),
        (None, Some(refusal)) => format!("NOT JUDGED TO ITS END: {}", refusal.message),
        (None, None) => "all holds".to_owned(),
    };
    let turnout = text::turnout(*votes, *registered_voters);
    format!(
        "{name}  {source}: up to block {} ({}), {turnout}; {verdict}",
        tip.height,
        short(tip.hash)
    )
}

fn gone_on(name: &str, block: &PartedBlock, record: &ComparedRecord) -> Vec<String> {
    let PartedBlock { height, hash, time_ms, counted, registrations, votes, withdrawals } = block;
    let uncounted = if *counted { "" } else { ", which is not counted" };
    let mut lines = vec![
        format!("{name} goes on with block {height} {hash}{uncounted}"),
        format!(
            "  of {}: {}, {}, {}",
            text::time(*time_ms),
            count(registrations, "registration"),
            count(votes, "vote"),
            count(withdrawals, "withdrawal")
        ),
    ];
    let ComparedRecord { alone_counts, alone, .. } = record;
    if *alone_counts == AloneCounts::default() {
        lines.push(format!("  it counts nothing that {} does not", other(name)));
        return lines;
    }
    lines.push(format!("  it counts what {} does not:", other(name)));
    let AloneCounts { registrations, votes, withdrawals } = *alone_counts;
    for (kind, all) in [
        (TransactionKind::Vote, votes),
        (TransactionKind::Registration, registrations),
        (TransactionKind::Withdrawal, withdrawals),
    ] {
        let of_kind = alone.iter().filter(|each| each.transaction.kind == kind);
        lines.extend(of_kind.clone().take(SHOWN_MAX).map(shown));
        let told = of_kind.count();
        let more = all.saturating_sub(told.min(SHOWN_MAX) as u64);
        if more > 0 {
            let more = count(more, &format!("more {}", text::kind(kind)));
            let hint = if told > SHOWN_MAX { ": `--json` shows more" } else { "" };
            lines.push(format!("    {more}{hint}"));
        }
    }
    lines
}

fn shown(parted: &PartedTransaction) -> String {
    let PartedTransaction { height, transaction } = parted;
    let choices = transaction.choices.as_deref().map(choice_line);
    let choices = choices.map_or_else(String::new, |choices| format!(" ({choices})"));
    format!(
        "    {} {} of voter {} in block {height}{choices}",
        text::kind(transaction.kind),
        short(transaction.transaction),
        short(transaction.voter)
    )
}

fn other(name: &str) -> &'static str {
    if name == "A" { "B" } else { "A" }
}
