//! Tests that the examples in docs/CLI.md are exactly what this module prints.

mod samples;

use std::collections::BTreeSet;

use super::*;
use crate::actions::parse_choices;
use crate::cli::command::CommandName;
use crate::cli::{self, Invocation};
use crate::schema;
use chain::{AuditRule, CertificateRule};
use protocol::election::Election;
use samples::{
    audit_report, comparison, election, events, fates, name, refusals, replies, states,
    timed_status, tip, unjudged_report, voter,
};

const DOCUMENT_PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/CLI.md");
const BLESS: &str = "OSTRAKON_BLESS=1 cargo test -p peer --lib documented";
/// When all events and refusals of the page were told.
const TOLD_AT_MS: u64 = 1_795_233_117_040;
const END: &str = "<!-- end -->";

/// Both forms of an answer, event or error: text for people, a line for programs.
fn both(human: &str, json: &str) -> String {
    format!("```text\n{human}```\n```json\n{json}```\n")
}

fn examples() -> Vec<(String, String)> {
    let election = election();
    let human = Style::Human { color: false };
    let mut examples = Vec::new();
    for (name, words) in [
        ("help", &["peer", "--help"][..]),
        ("help ballot new", &["peer", "ballot", "new", "--help"]),
        ("help ballot check", &["peer", "ballot", "check", "--help"]),
        ("help calibrate", &["peer", "calibrate", "--help"]),
        ("help key new", &["peer", "key", "new", "--help"]),
        ("help key show", &["peer", "key", "show", "--help"]),
        ("help key export", &["peer", "key", "export", "--help"]),
        ("help key import", &["peer", "key", "import", "--help"]),
        ("help key passwd", &["peer", "key", "passwd", "--help"]),
        ("help sign vote", &["peer", "sign", "vote", "--help"]),
        ("help sign register", &["peer", "sign", "register", "--help"]),
        ("help registrar init", &["peer", "registrar", "init", "--help"]),
        ("help registrar admit", &["peer", "registrar", "admit", "--help"]),
        ("help registrar withdraw", &["peer", "registrar", "withdraw", "--help"]),
        ("help registrar show", &["peer", "registrar", "show", "--help"]),
        ("help registrar post", &["peer", "registrar", "post", "--help"]),
        ("help validator init", &["peer", "validator", "init", "--help"]),
        ("help register", &["peer", "register", "--help"]),
        ("help export", &["peer", "export", "--help"]),
        ("help audit", &["peer", "audit", "--help"]),
        ("help import", &["peer", "import", "--help"]),
        ("help verify-receipt", &["peer", "verify-receipt", "--help"]),
        ("help check-evidence", &["peer", "check-evidence", "--help"]),
        ("help lab", &["peer", "lab", "--help"]),
        ("help ballot show", &["peer", "ballot", "show", "--help"]),
        ("help vote", &["peer", "vote", "--help"]),
        ("help myvote", &["peer", "myvote", "--help"]),
        ("help results", &["peer", "results", "--help"]),
        ("help evidence", &["peer", "evidence", "--help"]),
        ("help chain", &["peer", "chain", "--help"]),
        ("help watch", &["peer", "watch", "--help"]),
        ("help block", &["peer", "block", "--help"]),
        ("help man", &["peer", "man", "--help"]),
    ] {
        let invocation = cli::parse(words.iter().map(Into::into), 4, None).expect("help");
        let Invocation::Show(text) = invocation else { panic!("{name} shows a text") };
        examples.push((name.to_owned(), format!("```text\n{}\n```\n", text.trim_end())));
    }
    for reply in replies(&election) {
        let detail = if matches!(reply, Reply::Receipt(_)) {
            " --receipt"
        } else if matches!(reply, Reply::FinalResults(_)) {
            " --final"
        } else if let Reply::Lab(done) = &reply {
            match done {
                schema::Experiment::Partition { .. } => " partition",
                schema::Experiment::BadBlock { .. } => " bad-block",
                schema::Experiment::Race { .. } => " race",
                schema::Experiment::SignTwice { .. } => " sign-twice",
                schema::Experiment::Rules { .. } => " rules",
            }
        } else {
            ""
        };
        let name = format!("answer {}{detail}", name(&reply));
        let shown = |style: Style| style.answer(&reply);
        examples.push((name, both(&shown(human), &shown(Style::Json))));
    }
    examples.extend(timed_examples(&election));
    let (mut said, mut told) = (String::new(), String::new());
    for event in events() {
        said += &human.event(&event, TOLD_AT_MS);
        told += &Style::Json.event(&event, TOLD_AT_MS);
    }
    examples.push(("events".to_owned(), both(&said, &told)));
    let (mut said, mut told) = (String::new(), String::new());
    for (word, error) in refusals() {
        let refusal = Refusal::from(&error);
        said += &human.refusal(word, &refusal, Some(TOLD_AT_MS));
        told += &Style::Json.refusal(word, &refusal, Some(TOLD_AT_MS));
    }
    for (name, report) in [
        ("audit", audit_report(&election, None)),
        ("failed audit", audit_report(&election, Some((tip(3), voter())))),
        ("unjudged audit", unjudged_report(&election)),
    ] {
        let audit = Reply::Audit(Box::new(report));
        examples.push((name.to_owned(), both(&human.answer(&audit), &Style::Json.answer(&audit))));
    }
    let compared = Reply::Comparison(Box::new(comparison(&election)));
    examples.push((
        "audit against".to_owned(),
        both(&human.answer(&compared), &Style::Json.answer(&compared)),
    ));
    examples.push(("errors".to_owned(), both(&said, &told)));
    examples
}

/// What differs in an election with opening and closing times.
fn timed_examples(election: &Election) -> Vec<(String, String)> {
    let human = Style::Human { color: false };
    let mut examples = Vec::new();
    for (name, reply) in states(election) {
        let text = human.answer(&reply);
        let mut own = text.lines().take_while(|line| !line.contains("registered voters"));
        let is_narrow = own.all(|line| line.chars().count() <= 80);
        assert!(is_narrow, "{text}");
        let example = match name {
            "open" => both(&text, &Style::Json.answer(&reply)),
            // The count itself is the same in all of them.
            "disputed by depth" => format!("```text\n{text}```\n"),
            _ => format!("```text\n{}\n```\n", text.split("\n\n").next().unwrap_or(&text)),
        };
        examples.push((format!("results {name}"), example));
    }
    let choices = parse_choices("Grace; Wednesday", election).expect("choices");
    for (name, reply) in fates(&choices, election) {
        examples.push((
            format!("myvote {name}"),
            both(&human.answer(&reply), &Style::Json.answer(&reply)),
        ));
    }
    let status = timed_status(election);
    let status = both(&human.answer(&status), &Style::Json.answer(&status));
    examples.push(("status of a validator".to_owned(), status));
    examples
}

/// The document with what stands between `<!-- example: NAME -->` and `<!-- end -->` printed afresh.
fn refreshed(text: &str, examples: &[(String, String)]) -> String {
    let mut missing: BTreeSet<_> = examples.iter().map(|(name, _)| name.as_str()).collect();
    let mut fresh = String::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        fresh += &format!("{line}\n");
        let name = line.strip_prefix("<!-- example: ").and_then(|rest| rest.strip_suffix(" -->"));
        let Some(name) = name else { continue };
        let (name, example) = examples
            .iter()
            .find(|(known, _)| known == name)
            .unwrap_or_else(|| panic!("the page names no example: {name}"));
        missing.remove(name.as_str());
        fresh += example;
        assert!(lines.any(|line| line == END), "the example of {name} has no {END}");
        fresh += &format!("{END}\n");
    }
    assert!(missing.is_empty(), "the page has no examples of {missing:?}");
    fresh
}

#[test]
fn the_examples_in_the_page_are_what_a_peer_prints() {
    let text = std::fs::read_to_string(DOCUMENT_PATH).expect("docs/CLI.md can be read");
    let fresh = refreshed(&text, &examples());
    if std::env::var("OSTRAKON_BLESS").is_ok_and(|value| value == "1") {
        std::fs::write(DOCUMENT_PATH, fresh).expect("docs/CLI.md can be written");
        return;
    }
    for (number, (found, expected)) in text.lines().zip(fresh.lines()).enumerate() {
        assert_eq!(found, expected, "docs/CLI.md:{}: run `{BLESS}`", number + 1);
    }
    assert_eq!(text.lines().count(), fresh.lines().count(), "run `{BLESS}`");
}

#[test]
fn every_rule_of_an_audit_is_in_the_page() {
    let text = std::fs::read_to_string(DOCUMENT_PATH).expect("docs/CLI.md can be read");
    for rule in AuditRule::ALL {
        assert!(text.contains(&format!("`{rule}`")), "docs/CLI.md does not say what {rule} is");
    }
    for rule in CertificateRule::ALL {
        assert!(text.contains(&format!("`{rule}`")), "docs/CLI.md does not say what {rule} is");
    }
}

#[test]
fn every_command_has_an_example() {
    let mut names: Vec<_> = replies(&election()).iter().map(name).collect();
    names.dedup();
    assert_eq!(names, CommandName::ALL.map(CommandName::word));
}

#[test]
fn programs_get_one_object_a_line() {
    let election = election();
    let answers =
        replies(&election).iter().map(|reply| Style::Json.answer(reply)).collect::<Vec<_>>();
    let refusals = refusals()
        .into_iter()
        .map(|(word, error)| Style::Json.refusal(word, &Refusal::from(&error), None));
    let events = events().into_iter().map(|event| Style::Json.event(&event, TOLD_AT_MS));
    for line in answers.into_iter().chain(refusals).chain(events) {
        assert_eq!(line.matches('\n').count(), 1, "{line}");
        let object: serde_json::Value = serde_json::from_str(&line).expect("JSON");
        let first = object.as_object().and_then(|object| object.keys().next()).expect("a key");
        assert!(["answer", "event"].contains(&first.as_str()), "{line}");
    }
}
