//! Renders the report of an audit as text for people.

use owo_colors::OwoColorize;

use super::layout::heading;
use super::tally;
use super::text::{self, count};
use crate::schema::{
    Admission, AuditFailure, AuditFinality, AuditReport, AuditSums, Exported, ExportedKind,
    Imported, QuestionSum, Refusal, SUMS_DIFFER,
};

/// What was checked and how much of it, the count, and whether all holds or what does not.
pub(super) fn human(report: &AuditReport, color: bool) -> String {
    let AuditReport {
        blocks,
        registrations,
        withdrawals,
        votes,
        transactions,
        signatures,
        work,
        ..
    } = report;
    let (signers, right, withdrawn) = match &report.admission {
        Admission::Open { .. } => (
            "by the voters' keys",
            "with a stamp, one per key".to_owned(),
            "none is possible".into(),
        ),
        Admission::Registrar { registrars, threshold } => {
            let signed = format!("each signed by {threshold} of {} registrars", registrars.len());
            let withdrawn = format!("{signed}, one per key, before any vote");
            ("by the voters' and the registrars' keys", format!("{signed}, one per key"), withdrawn)
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
        ("withdrawals", withdrawals, withdrawn.as_str()),
        ("votes", votes, "as the ballot allows, by registered voters, one each"),
    ] {
        text += &format!("{thing:<14}{number:>9}  {checked}\n");
    }
    text += &format!("\n{}\n{}\n", tally::tally(&report.results(), color), sums(report, color));
    if let Some(finality) = &report.finality {
        text += &format!("{}\n", how_final(finality));
    }
    let differ = report.error.as_ref().filter(|refusal| refusal.kind == SUMS_DIFFER);
    if let Some(refusal) = differ {
        text += &format!("{}\n", verdict(&refusal.message, false, color));
    }
    text + &match (&report.failure, &report.error) {
        (Some(failure), _) => broken(failure, color),
        (None, Some(_)) if differ.is_some() => String::new(),
        (None, Some(refusal)) => unjudged(refusal),
        (None, None) => format!("{}\n", verdict("all holds", true, color)),
    }
}

/// Which file was written, and what it holds.
pub(super) fn exported(exported: &Exported) -> String {
    let Exported { file, kind, election, tip, votes, registered_voters, finality, .. } = exported;
    let how = finality.as_ref().map(|finality| format!("; {}", how_final(finality)));
    let how = how.unwrap_or_default();
    match kind {
        ExportedKind::Archive => {
            format!(
                "wrote {file}: election {election}, blocks after the genesis: {}{how}\n",
                tip.height
            )
        }
        ExportedKind::Votes => format!("wrote {file}: votes: {votes}{how}\n"),
        ExportedKind::Voters | ExportedKind::Results => {
            format!("wrote {file}: {}{how}\n", text::turnout(*votes, *registered_voters))
        }
    }
}

/// Which data directory was made, and of what.
pub(super) fn imported(imported: &Imported) -> String {
    let Imported { data_dir, election, tip, votes, .. } = imported;
    let blocks = tip.height;
    format!(
        "made {data_dir}: election {election}, blocks after the genesis: {blocks}, votes: {votes}\n"
    )
}

/// The arithmetic of the count, so that everybody can follow it.
fn sums(report: &AuditReport, color: bool) -> String {
    let AuditSums { withdrawn, not_voted, questions } = &report.sums;
    let (registrations, votes) = (report.registrations, report.votes);
    let registrations = count(registrations, "registration");
    let withdrawals = count(report.withdrawals, "withdrawal");
    let transactions = count(report.transactions, "transaction");
    let voters = count(report.registered_voters, "registered voter");
    let of_votes = count(votes, "vote");
    let mut lines = vec![
        format!("{registrations} + {withdrawals} + {of_votes} = {transactions}"),
        format!("{registrations} - {withdrawn} withdrawn = {voters}"),
        format!("{of_votes} + {not_voted} without a vote = {voters}"),
    ];
    for (number, (sum, tally)) in (1..).zip(questions.iter().zip(&report.tally)) {
        let QuestionSum { choices_max, chosen, not_chosen, blank } = sum;
        let options = tally.options.iter().map(|option| option.votes.to_string());
        let (options, chosen) = (options.collect::<Vec<_>>().join(" + "), count(chosen, "choice"));
        lines.push(format!("question {number}: {options} = {chosen}"));
        lines.push(match choices_max {
            1 => format!("question {number}: {chosen} + {blank} blank = {of_votes}"),
            max => format!(
                "question {number}: {chosen} + {not_chosen} not used + {blank} blank x {max} = {of_votes} x {max}"
            ),
        });
    }
    format!("{}\n  {}\n", heading("Sums", color), lines.join("\n  "))
}

/// By whom or what a count is final, or that it is not.
pub(super) fn how_final(finality: &AuditFinality) -> String {
    let AuditFinality { is_final, certificate, signed_by, quorum, validators, .. } = finality;
    let closing = finality.closing_block.as_ref().map(|block| block.height);
    if let (Some(certificate), Some(quorum), Some(of)) = (certificate, quorum, validators) {
        let (by, block) = (signed_by.join(", "), certificate.height);
        return match is_final {
            true => format!("final by {quorum} of {of} validators: {by}; block {block}"),
            false => format!(
                "NOT FINAL: only blocks up to {block} are, by {quorum} of {of} validators: {by}"
            ),
        };
    }
    match (closing, finality.blocks_deep, finality.confirmations) {
        (None, ..) => "NOT FINAL: the election has not closed in this record".to_owned(),
        (Some(closing), Some(deep), Some(asked)) if *is_final => {
            format!(
                "final as this record has it: block {closing} closes it, {deep} deep of {asked}"
            )
        }
        (Some(closing), Some(deep), Some(asked)) => {
            format!("NOT FINAL: block {closing} closes the election, {deep} deep of {asked}")
        }
        (Some(closing), ..) => {
            format!("NOT FINAL: there is no certificate for the closing block {closing}")
        }
    }
}

fn broken(failure: &AuditFailure, color: bool) -> String {
    let AuditFailure { height, hash, rule, reason, is_certificate } = failure;
    if *is_certificate {
        let verdict = verdict(
            "IT DOES NOT HOLD: a certificate is worth nothing; what comes before it is counted",
            false,
            color,
        );
        return format!(
            "{verdict}\ncertificate of block {height} {hash}\nrule {rule}\nreason {reason}\n"
        );
    }
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
