//! Renders the report of an audit as text for people.

use owo_colors::OwoColorize;

use super::tally;
use crate::schema::{Admission, AuditFailure, AuditReport, Refusal};

/// What was checked and how much of it, the count, and whether all holds or what does not.
pub(super) fn human(report: &AuditReport, color: bool) -> String {
    let AuditReport { blocks, registrations, votes, transactions, signatures, work, .. } = report;
    let (signers, right) = match &report.admission {
        Admission::Open { .. } => ("by the voters' keys", "with a stamp, one per key".to_owned()),
        Admission::Registrar { registrars, threshold } => {
            let of = registrars.len();
            let right = format!("each signed by {threshold} of {of} registrars, one per key");
            ("by the voters' and the registrars' keys", right)
        }
    };
    let mut text = format!("election {} ({})\n", report.election, report.title);
    let proofs = format!("one per block; {work} attempts expected in all");
    for (thing, number, checked) in [
        ("blocks", blocks, "each on the one before it, from the genesis; times"),
        ("proofs of work", blocks, proofs.as_str()),
        ("transactions", transactions, "in the merkle root of their block; sizes"),
        ("signatures", signatures, signers),
        ("registrations", registrations, right.as_str()),
        ("votes", votes, "as the ballot allows, by registered voters, one each"),
    ] {
        text += &format!("{thing:<14}{number:>9}  {checked}\n");
    }
    text += &format!("\n{}\n", tally::tally(&report.results(), color));
    text + &match (&report.failure, &report.error) {
        (Some(failure), _) => broken(failure, color),
        (None, Some(refusal)) => unjudged(refusal),
        (None, None) => format!("{}\n", verdict("all holds", true, color)),
    }
}

fn broken(failure: &AuditFailure, color: bool) -> String {
    let AuditFailure { height, hash, rule, reason } = failure;
    let verdict =
        verdict("IT DOES NOT HOLD: only what comes before this block is counted", false, color);
    format!("{verdict}\nblock {height} {hash}\nrule {rule}\nreason {reason}\n")
}

/// In no colour, because it is neither good nor bad.
fn unjudged(refusal: &Refusal) -> String {
    format!(
        "NOT JUDGED TO ITS END: only what comes before this block is counted\n{}\n",
        refusal.message
    )
}

fn verdict(text: &str, is_good: bool, color: bool) -> String {
    match (color, is_good) {
        (false, _) => text.to_owned(),
        (true, true) => text.green().to_string(),
        (true, false) => text.red().to_string(),
    }
}
