//! What came of registrars' tasks.

use std::fmt::Write;

use serde_json::{Value, json};

use super::text;
use crate::organiser::{NewRegistrar, RecordKind, ShowReport, SignReport};
use crate::schema::Posted;

pub(super) fn new_registrar(made: &NewRegistrar) -> String {
    let (name, key) = (&made.registrar.name, made.registrar.key);
    let quoted = toml_text(name);
    let file = made.key_file.display();
    let open = match made.has_passphrase {
        true => String::new(),
        false => format!("it has no passphrase: `peer key passwd --key {file}` gives it one\n"),
    };
    format!(
        "made {file}: keep a copy of it, and keep it to yourself\n{open}\n\
         for a new ballot:\n  peer ballot new --registrar '{}: {key}'\n\n\
         for a ballot.toml that you write yourself:\n  [[registrar]]\n  name = {quoted}\n  key = \"{key}\"\n",
        name.replace('\'', "'\\''"),
    )
}

pub(super) fn new_registrar_json(made: &NewRegistrar) -> Value {
    json!({
        "answer": "registrar init",
        "name": made.registrar.name,
        "key": made.registrar.key.to_string(),
        "file": made.key_file.display().to_string(),
        "passphrase": made.has_passphrase,
    })
}

pub(super) fn signed(report: &SignReport) -> String {
    let mut out = String::new();
    let file = report.file.display();
    let (number, name) = &report.registrar;
    let voters = |count: usize| text::count(count as u64, "voter");
    let what = match report.kind {
        RecordKind::Admissions => "the admission",
        RecordKind::Withdrawals => "the withdrawal",
    };
    let line = match report.signed {
        0 => format!(
            "nothing to do: registrar {number} ({name}) signed {what} of all {} before; {file} is as it was",
            voters(report.listed)
        ),
        signed => {
            format!("signed {what} of {} as registrar {number} ({name}) in {file}", voters(signed))
        }
    };
    let _ = writeln!(out, "{line}");
    if report.signed > 0 && report.signed_before > 0 {
        let _ = writeln!(out, "  {} of the list bore this signature before", report.signed_before);
    }
    let (twice, first) = &report.twice;
    if *twice > 0 {
        let _ = writeln!(
            out,
            "  {} again what an earlier one says; nobody counts twice:",
            match twice {
                1 => "1 line says".to_owned(),
                more => format!("{more} lines say"),
            }
        );
        for each in first {
            let [earlier, later] = each.lines;
            let _ = writeln!(
                out,
                "    line {later} as line {earlier}: voter {}",
                text::short(each.voter)
            );
        }
        if *twice > first.len() as u64 {
            let _ = writeln!(out, "    and {} more", twice - first.len() as u64);
        }
    }
    if report.own_key {
        let _ = writeln!(
            out,
            "  the list has this registrar's own key: a voter's key should be another one"
        );
    }
    let (count, first) = &report.not_listed;
    if *count > 0 {
        let _ = writeln!(
            out,
            "  {} of the file not in this list, and not signed for:",
            match count {
                1 => "1 voter is".to_owned(),
                more => format!("{more} voters are"),
            }
        );
        for voter in first {
            let _ = writeln!(out, "    {voter}");
        }
        if *count > first.len() {
            let _ = writeln!(out, "    and {} more", count - first.len());
        }
    }
    let _ = writeln!(out, "{}", standing(report.complete, report.voters, report.threshold));
    let next = if report.complete == report.voters {
        format!("hand it in by `peer registrar post {file}`")
    } else {
        "pass the file on to the next registrar, who runs the same command with it".to_owned()
    };
    let _ = writeln!(out, "{next}");
    if report.kind == RecordKind::Withdrawals {
        out += "a withdrawal is for good: such a voter can only be admitted with another key; whoever has voted can't be withdrawn\n";
    }
    out
}

pub(super) fn signed_json(report: &SignReport) -> Value {
    let (number, name) = &report.registrar;
    let twice = report.twice.1.iter();
    json!({
        "answer": match report.kind {
            RecordKind::Admissions => "registrar admit",
            RecordKind::Withdrawals => "registrar withdraw",
        },
        "file": report.file.display().to_string(),
        "registrar": number,
        "name": name,
        "listed": report.listed,
        "signed": report.signed,
        "signed_before": report.signed_before,
        "voters": report.voters,
        "complete": report.complete,
        "threshold": report.threshold,
        "own_key": report.own_key,
        "lines_twice": report.twice.0,
        "first_twice": twice.map(|each| json!({"voter": each.voter, "lines": each.lines})).collect::<Vec<_>>(),
        "not_listed": report.not_listed.0,
        "first_not_listed": report.not_listed.1,
    })
}

pub(super) fn shown(report: &ShowReport) -> String {
    let mut out = format!(
        "{} holds {} for election {}\n",
        report.file.display(),
        report.kind.name(),
        text::short(&report.election),
    );
    let _ = writeln!(out, "{}", standing(report.complete, report.voters, report.threshold));
    for (number, (name, signatures)) in (1..).zip(&report.registrars) {
        let count = text::count(*signatures as u64, "voter");
        let _ = writeln!(out, "  registrar {number} ({name}) signed for {count}");
    }
    for (missing, voters) in &report.lacking {
        let (voters, signatures) =
            (text::count(*voters as u64, "voter"), text::count(*missing as u64, "signature"));
        let _ = writeln!(out, "  {voters} with {signatures} missing");
    }
    out
}

pub(super) fn shown_json(report: &ShowReport) -> Value {
    let registrars = (1..).zip(&report.registrars).map(
        |(number, (name, signed)): (usize, _)| json!({"number": number, "name": name, "signed": signed}),
    );
    let lacking = report
        .lacking
        .iter()
        .map(|(signatures, voters)| json!({"signatures_missing": signatures, "voters": voters}));
    json!({
        "answer": "registrar show",
        "file": report.file.display().to_string(),
        "kind": report.kind.name(),
        "election": report.election,
        "threshold": report.threshold,
        "voters": report.voters,
        "complete": report.complete,
        "registrars": registrars.collect::<Vec<_>>(),
        "incomplete": lacking.collect::<Vec<_>>(),
    })
}

/// What came of handing in.
pub(super) fn posted(posted: &Posted) -> String {
    let mut out = format!("{} of {} {} accepted", posted.accepted, posted.entries, posted.kind);
    let _ = writeln!(out, ", {} refused, {} incomplete", posted.refused, posted.incomplete);
    for refusal in &posted.first_refused {
        let _ = writeln!(
            out,
            "  line {}, voter {}: {}",
            refusal.line,
            text::short(refusal.voter),
            refusal.error.message
        );
    }
    more(&mut out, posted.refused, posted.first_refused.len());
    for entry in &posted.first_incomplete {
        let _ = writeln!(
            out,
            "  line {}, voter {}: {} missing",
            entry.line,
            text::short(entry.voter),
            text::count(entry.signatures_missing as u64, "signature")
        );
    }
    more(&mut out, posted.incomplete, posted.first_incomplete.len());
    out
}

fn more(out: &mut String, count: usize, told: usize) {
    if count > told {
        let _ = writeln!(out, "  and {} more", count - told);
    }
}

fn standing(complete: usize, voters: usize, threshold: u8) -> String {
    let signatures = text::count(u64::from(threshold), "signature");
    let voters = text::count(voters as u64, "voter");
    format!("{complete} of {voters} with the {signatures} that the election asks for")
}

/// As TOML quotes a text of one line.
fn toml_text(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}
