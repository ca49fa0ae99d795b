//! An election's `ballot.toml`, with a comment on every key.

use std::fmt::Write as _;

use super::{CHOICES_DEFAULT, OPEN, REGISTRAR};
use crate::admission::{
    AdmissionRule, REGISTRARS_MAX, REGISTRATION_BITS_MAX, Registrar, VOTERS_MAX,
};
use crate::election::{
    BLOCK_BYTES_MAX, BLOCK_BYTES_MIN, DIFFICULTY_BITS_MAX, Election, OPTIONS_MAX, Question,
};
use crate::roster::{
    BLOCK_INTERVAL_S_MAX, BLOCK_INTERVAL_S_MIN, CONFIRMATIONS_MAX, FinalityRule, MARGIN_INTERVALS,
    Roster, VALIDATED_INTERVAL_S_MIN, VALIDATORS_MAX, Validator,
};

/// Writes the file of an election. If the election passes [`Election::check`],
/// [`parse`](super::parse) reads back an equal election from it.
#[must_use]
pub fn write(election: &Election) -> String {
    let mut text = format!(
        "\
# An election: what everybody has to agree on. Any change but to comments and spacing makes another
# election, with a chain of its own.

# 32 hexadecimal digits at random, new for every election (`openssl rand -hex 16`), so that two elections
# with the same text differ.
id = {id}

# What the election is called.
title = {title}

# When it was set up, in UTC: the time of the chain's first block. Not in the future.
created = {created}
{times}
# How hard it is to find a block: 2^difficulty_bits attempts on average, 0 to {DIFFICULTY_BITS_MAX}. 24 takes one core a second
# or two. Each step doubles the work, for honest peers and for attackers.
difficulty_bits = {difficulty_bits}

# Most bytes of one block's transactions, {BLOCK_BYTES_MIN} to {BLOCK_BYTES_MAX}. A vote takes about 150.
block_bytes_max = {block_bytes_max}
",
        id = quoted(&hex::encode(election.id)),
        title = quoted(&election.title),
        created = quoted(&election.created.rfc_3339()),
        times = times(election),
        difficulty_bits = election.difficulty_bits,
        block_bytes_max = election.block_bytes_max,
    );
    write_admission(&mut text, &election.admission);
    for validator in election.roster().into_iter().flat_map(|roster| &roster.validators) {
        text += &validator_table(validator);
    }
    for (index, question) in election.questions.iter().enumerate() {
        write_question(&mut text, index + 1, question);
    }
    text
}

/// The keys of an election's times, each below its comment; empty without a block interval.
fn times(election: &Election) -> String {
    let Some(interval) = election.block_interval_s else { return String::new() };
    let mut text = format!(
        "
# Seconds between blocks, {} to {}, and at least {} with validators. The difficulty follows it.
block_interval = {}
",
        BLOCK_INTERVAL_S_MIN, BLOCK_INTERVAL_S_MAX, VALIDATED_INTERVAL_S_MIN, interval
    );
    let Some(times) = &election.times else { return text };
    write!(text, "
# When votes begin to count, in UTC.
opens = {opens}
# When the election ends, in UTC. Whoever votes by {MARGIN_INTERVALS} block intervals before it is in time.
closes = {closes}
", opens = quoted(&times.opens.rfc_3339()), closes = quoted(&times.closes.rfc_3339()))
    .expect("writing into a string cannot fail");
    match &times.finality {
        FinalityRule::Depth { confirmations } => write!(text, "
# How many blocks deep the closing block lies where a peer takes the result for final, 1 to {CONFIRMATIONS_MAX}.
confirmations = {confirmations}
"),
        FinalityRule::Roster(Roster { quorum, crash_faults_only, .. }) => write!(text, "
# How many of the validators below have to sign for what is final: more than two thirds of them.
quorum = {quorum}
# Whether you vouch that validators fail only by stopping: then more than half of them are enough.
crash_faults_only = {crash_faults_only}
"),
    }
    .expect("writing into a string cannot fail");
    text
}

fn validator_table(validator: &Validator) -> String {
    format!("
# One who signs for blocks, 1 to {VALIDATORS_MAX} in all. `peer validator init` makes the key and prints this table.
[[validator]]
# As everybody sees it.
name = {name}
# The public key.
key = {key}
", name = quoted(&validator.name), key = quoted(&validator.key.text()))
}

fn write_admission(text: &mut String, rule: &AdmissionRule) {
    let (word, rest) = match rule {
        AdmissionRule::Open { registration_bits, max_voters } => {
            let max_voters = match max_voters {
                Some(most) => format!("max_voters = {most}"),
                None => "# max_voters = 1000".to_owned(),
            };
            (OPEN, format!("
# How hard it is to register a voter: 2^registration_bits attempts on average, 0 to {REGISTRATION_BITS_MAX}. 16 takes some
# hundredths of a second. It slows mass registrations down; it does not stop them.
registration_bits = {registration_bits}

# Most voters that can register, 1 to {VOTERS_MAX}. No limit if left out.
{max_voters}
"))
        }
        AdmissionRule::Registrars { registrars, threshold } => {
            let tables: String = registrars.iter().map(registrar_table).collect();
            (
                REGISTRAR,
                format!(
                    "
# How many of the registrars below have to sign for each voter.
threshold = {threshold}
{tables}"
                ),
            )
        }
    };
    write!(text, "
# Who may vote: \"registrar\" (those whom the registrars of this file admit; for elections that matter) or
# \"open\" (anybody registers, any number of times; for demos and classes).
admission = {word}
{rest}", word = quoted(word)).expect("writing into a string cannot fail");
}

fn registrar_table(registrar: &Registrar) -> String {
    format!("
# One who admits voters, 1 to {REGISTRARS_MAX} in all. `peer registrar init` makes the key and prints this table.
[[registrar]]
# As everybody sees it.
name = {name}
# The public key.
key = {key}
", name = quoted(&registrar.name), key = quoted(&registrar.key.text()))
}

fn write_question(text: &mut String, number: usize, question: &Question) {
    let options: Vec<_> = question.options.iter().map(|option| quoted(option)).collect();
    write!(
        text,
        "
# Question {number}. Voters see the questions in the order of this file.
[[question]]
# What is asked.
title = {title}
# What can be chosen, 1 to {OPTIONS_MAX} different names. Option 1 is the first.
options = [{options}]
# Fewest options to choose; 0 allows a blank answer. {CHOICES_DEFAULT} if left out.
min = {min}
# Most options to choose. {CHOICES_DEFAULT} if left out.
max = {max}
",
        title = quoted(&question.title),
        options = options.join(", "),
        min = question.choices_min,
        max = question.choices_max,
    )
    .expect("writing into a string cannot fail");
}

/// Writes a text as a TOML basic string.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for character in text.chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            control if control.is_control() => {
                write!(quoted, "\\u{:04X}", u32::from(control))
                    .expect("writing into a string cannot fail");
            }
            plain => quoted.push(plain),
        }
    }
    quoted.push('"');
    quoted
}
