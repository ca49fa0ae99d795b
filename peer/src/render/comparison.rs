//! Renders where two records part as text for people.

use super::text::{self, choice_line, count, short};
use crate::schema::{
    ComparedRecord, Comparison, PartedBlock, PartedTransaction, Relation, TransactionKind,
};

/// The most transactions that are shown of each record; programs get all.
const SHOWN_MAX: usize = 20;

/// Both records, what they have in common, how each goes on, and what each counts alone.
pub(super) fn human(comparison: &Comparison) -> String {
    let Comparison { relation, election, title, common, a, b } = comparison;
    let mut lines = vec![format!("election {election} ({title})")];
    lines.extend([("A", a), ("B", b)].map(|(name, record)| described(name, record)));
    lines.push(String::new());
    lines.push(format!("the same up to block {} {}", common.height, common.hash));
    for (name, record) in [("A", a), ("B", b)] {
        match &record.next {
            Some(block) => lines.extend(gone_on(name, block, &record.alone)),
            None if *relation == Relation::Same => {}
            None => lines.push(format!("{name} ends there")),
        }
    }
    lines.push(String::new());
    lines.push(match relation {
        Relation::Same if a.passed && b.passed => "the same record".to_owned(),
        Relation::Same => "the same record as far as it is counted".to_owned(),
        Relation::AGoesOn => goes_on("B", "A", b, a),
        Relation::BGoesOn => goes_on("A", "B", a, b),
        Relation::Part => format!("THEY PART after block {}", common.height),
    });
    lines.join("\n") + "\n"
}

fn goes_on(short: &str, long: &str, ends: &ComparedRecord, goes_on: &ComparedRecord) -> String {
    format!(
        "{short} ends at block {}, and {long} goes on to block {}: they don't contradict each other",
        ends.tip.height, goes_on.tip.height
    )
}

fn described(name: &str, record: &ComparedRecord) -> String {
    let ComparedRecord { source, tip, votes, registered_voters, failure, error, .. } = record;
    let verdict = match (failure, error) {
        (Some(failure), _) => format!(
            "IT DOES NOT HOLD: block {} {} breaks the rule {}: {}",
            failure.height, failure.hash, failure.rule, failure.reason
        ),
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

fn gone_on(name: &str, block: &PartedBlock, alone: &[PartedTransaction]) -> Vec<String> {
    let PartedBlock { height, hash, time_ms, registrations, votes, withdrawals } = block;
    let mut lines = vec![
        format!("{name} goes on with block {height} {hash}"),
        format!(
            "  of {}: {}, {}, {}",
            text::time(*time_ms),
            count(registrations, "registration"),
            count(votes, "vote"),
            count(withdrawals, "withdrawal")
        ),
    ];
    if alone.is_empty() {
        lines.push(format!("  it counts nothing that {} does not", other(name)));
        return lines;
    }
    lines.push(format!("  it counts what {} does not:", other(name)));
    for kind in [TransactionKind::Vote, TransactionKind::Registration, TransactionKind::Withdrawal]
    {
        let of_kind = || alone.iter().filter(|each| each.transaction.kind == kind);
        lines.extend(of_kind().take(SHOWN_MAX).map(shown));
        let more = of_kind().count().saturating_sub(SHOWN_MAX);
        if more > 0 {
            let more = count(more, &format!("more {}", text::kind(kind)));
            lines.push(format!("    {more}: `--json` shows all"));
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
