//! Renders the outcomes of registrars' commands as text for people.

use std::fmt::Write;

use keys::KeyRole;
use protocol::key_text::BEGINNING;

use super::text;
use crate::schema::{
    NewSigner, Posted, RecordKind, RegistrarSigned, ShowReport, SignReport, SignaturesMissing,
};

pub(super) fn new_signer(made: &NewSigner, role: KeyRole) -> String {
    let NewSigner { name, key: _, key_text, file, passphrase } = made;
    let quoted = toml_text(name);
    let open = match passphrase {
        true => String::new(),
        false => format!("it has no passphrase: `peer key passwd --key {file}` gives it one\n"),
    };
    format!(
        "made {file}: keep a copy of it, and keep it to yourself\n{open}\n\
         for a new ballot:\n  peer ballot new --{role} '{}: {key_text}'\n\n\
         for a ballot.toml that you write yourself:\n  [[{role}]]\n  name = {quoted}\n  key = \"{key_text}\"\n",
        name.replace('\'', "'\\''"),
    )
}

pub(super) fn signed(report: &SignReport, kind: RecordKind) -> String {
    let mut out = String::new();
    let SignReport { file, registrar: number, name, .. } = report;
    let voters = |count: usize| text::count(count as u64, "voter");
    let what = match kind {
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
    if kind == RecordKind::Admissions && !report.ids {
        out += "  the list has no ids: one member with two keys is not found, and would have two votes\n";
    }
    if report.lines_without_id > 0 {
        let lines = match report.lines_without_id {
            1 => "1 line has".to_owned(),
            more => format!("{more} lines have"),
        };
        let _ = writeln!(out, "  {lines} no id: a member's second key is not found there");
    }
    out += &keys_in_hex(report.keys_in_hex);
    if report.lines_twice > 0 {
        let _ = writeln!(
            out,
            "  {} again what an earlier one says; nobody counts twice:",
            match report.lines_twice {
                1 => "1 line says".to_owned(),
                more => format!("{more} lines say"),
            }
        );
        for each in &report.first_twice {
            let [earlier, later] = each.lines;
            let _ = writeln!(
                out,
                "    line {later} as line {earlier}: voter {}",
                text::short(each.voter)
            );
        }
        let told = report.first_twice.len() as u64;
        if report.lines_twice > told {
            let _ = writeln!(out, "    and {} more", report.lines_twice - told);
        }
    }
    if report.own_key {
        let _ = writeln!(
            out,
            "  the list has this registrar's own key: a voter's key should be another one"
        );
    }
    if report.not_listed > 0 {
        let _ = writeln!(
            out,
            "  {} of the file not in this list, and not signed for:",
            match report.not_listed {
                1 => "1 voter is".to_owned(),
                more => format!("{more} voters are"),
            }
        );
        for voter in &report.first_not_listed {
            let _ = writeln!(out, "    {voter}");
        }
        let told = report.first_not_listed.len();
        if report.not_listed > told {
            let _ = writeln!(out, "    and {} more", report.not_listed - told);
        }
    }
    let _ = writeln!(out, "{}", standing(report.complete, report.voters, report.threshold));
    let next = if report.complete == report.voters {
        format!("hand it in by `peer registrar post {file}`")
    } else {
        "pass the file on to the next registrar, who runs the same command with it".to_owned()
    };
    let _ = writeln!(out, "{next}");
    if kind == RecordKind::Withdrawals {
        out += "a withdrawal is for good: such a voter can only be admitted with another key; whoever has voted can't be withdrawn\n";
    }
    out
}

pub(super) fn shown(report: &ShowReport) -> String {
    let mut out = format!(
        "{} holds {} for election {}\n",
        report.file,
        report.kind.name(),
        text::short(report.election),
    );
    let _ = writeln!(out, "{}", standing(report.complete, report.voters, report.threshold));
    for RegistrarSigned { number, name, signed } in &report.registrars {
        let count = text::count(signed, "voter");
        let _ = writeln!(out, "  registrar {number} ({name}) signed for {count}");
    }
    for SignaturesMissing { signatures_missing, voters } in &report.incomplete {
        let (voters, signatures) =
            (text::count(voters, "voter"), text::count(signatures_missing, "signature"));
        let _ = writeln!(out, "  {voters} with {signatures} missing");
    }
    out
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

/// The warning about keys without a checksum, once for all of a list.
fn keys_in_hex(count: u64) -> String {
    let keys = match count {
        0 => return String::new(),
        1 => "1 key is".to_owned(),
        more => format!("{more} keys are"),
    };
    format!(
        "  {keys} in hex, without a checksum, so that a slip may be another key: ask for the form that begins with {BEGINNING}\n"
    )
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
