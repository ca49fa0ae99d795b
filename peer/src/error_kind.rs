//! The words by which programs tell apart why a whole command failed, and the line that has them. docs/CLI.md lists
//! them; a word that has been published must stay.

use host::whole_file::WholeFileError;

use crate::auditor::OfflineError;
use crate::cli::UsageError;
use crate::cli::manual::ManualError;
use crate::organiser::RegistrarError;
use crate::organiser::ballot::BallotCommandError;
use crate::organiser::calibrate::CalibrateError;
use crate::render::Style;
use crate::run::PeerError;
use crate::schema::{Refusal, SUMS_DIFFER};
use crate::store::StoreError;
use crate::store::local_election::LocalElectionError;
use crate::voter::commands::KeyCommandError;
use crate::voter::sign::SignError;

/// Why the command `word` failed, as one JSON object that is ended by a line feed.
#[must_use]
pub fn error_line(word: &str, error: &anyhow::Error) -> String {
    let refusal = Refusal { kind: kind(error), message: error.to_string() };
    Style::Json.refusal(word, &refusal, None)
}

fn kind(error: &anyhow::Error) -> String {
    let kind = error.downcast_ref().map(offline);
    let kind = kind.or_else(|| error.downcast_ref().map(registrar));
    let kind = kind.or_else(|| error.downcast_ref().map(ballot));
    let kind = kind.or_else(|| error.downcast_ref().map(key));
    let kind = kind.or_else(|| error.downcast_ref().map(sign));
    let kind = kind.or_else(|| error.downcast_ref().map(manual));
    let kind = kind.or_else(|| error.downcast_ref().map(calibrate));
    let kind = kind.or_else(|| error.downcast_ref().map(peer));
    let kind = kind.or_else(|| error.downcast_ref().map(|_: &UsageError| "usage"));
    // What is left is a text that can't be printed.
    kind.unwrap_or("stdout").to_owned()
}

fn offline(error: &OfflineError) -> &str {
    match error {
        OfflineError::Archive { .. } => "bad_archive",
        OfflineError::Write(error) => written(error),
        OfflineError::ArchiveOfArchive | OfflineError::TableName { .. } => "usage",
        OfflineError::Receipt(_) | OfflineError::NoCertificate { .. } => "receipt_file",
        OfflineError::NoEvidence { .. } => "evidence_file",
        OfflineError::NoValidators { .. } => "no_validators",
        OfflineError::OtherElection { .. } => "other_election",
        OfflineError::Ballot(error) => election(error),
        OfflineError::DataDirectory(_) => "data_directory",
        OfflineError::Store(error) => store(error),
        OfflineError::File(_) => "file",
        OfflineError::Broken { .. } | OfflineError::BadCertificate { .. } => "broken_rule",
        OfflineError::NotFinal { .. } => "not_final",
        OfflineError::AheadOfClock { .. } => "ahead_of_clock",
        OfflineError::SumsDiffer { .. } => SUMS_DIFFER,
        OfflineError::Running(error) => error.kind(),
        OfflineError::NoApi { .. } => "no_api",
        OfflineError::Stdout(_) => "stdout",
    }
}

fn registrar(error: &RegistrarError) -> &str {
    match error {
        RegistrarError::Ballot(error) => election(error),
        RegistrarError::Open { .. } => "open_election",
        RegistrarError::NotARegistrar { .. } => "not_a_registrar",
        RegistrarError::Name { .. } => "usage",
        RegistrarError::NoKey { .. } => "no_key",
        RegistrarError::KeyExists { .. } => "exists",
        RegistrarError::Key(error) => error.kind(),
        RegistrarError::Passphrase(_) => "no_passphrase",
        RegistrarError::List { .. } => "list",
        RegistrarError::Record { .. }
        | RegistrarError::NoRecord { .. }
        | RegistrarError::TooManyVoters { .. } => "registrars_file",
        RegistrarError::OtherElection { .. } => "other_election",
        RegistrarError::File(_) => "file",
        RegistrarError::Write(error) => written(error),
        RegistrarError::Stdout(_) => "stdout",
    }
}

fn ballot(error: &BallotCommandError) -> &str {
    match error {
        BallotCommandError::Exists(_) => "exists",
        BallotCommandError::Missing { .. }
        | BallotCommandError::Question { .. }
        | BallotCommandError::Signer { .. } => "usage",
        BallotCommandError::NotAnswered(_) => "cancelled",
        BallotCommandError::Election(_)
        | BallotCommandError::OptionName { .. }
        | BallotCommandError::Text(_) => "bad_ballot",
        BallotCommandError::Ballot(error) => election(error),
        BallotCommandError::File(_) => "file",
        BallotCommandError::Stdout(_) => "stdout",
    }
}

fn calibrate(error: &CalibrateError) -> &str {
    match error {
        CalibrateError::Threads(_) => "system",
        CalibrateError::Stdout(_) => "stdout",
    }
}

fn key(error: &KeyCommandError) -> &str {
    match error {
        KeyCommandError::Key(error) => error.kind(),
        KeyCommandError::Secret(_) | KeyCommandError::NotASecretKey { .. } => "key_file",
        KeyCommandError::Passphrase(_) => "no_passphrase",
        KeyCommandError::Phrase(_) | KeyCommandError::NoPhrase => "bad_phrase",
        KeyCommandError::NowhereForPhrase | KeyCommandError::NoTerminal => "terminal",
        KeyCommandError::DataDirectory(_) => "data_directory",
        KeyCommandError::PhraseExists { .. } => "exists",
        KeyCommandError::File(_) => "file",
        KeyCommandError::Write(error) => written(error),
        KeyCommandError::Stdout(_) => "stdout",
    }
}

fn sign(error: &SignError) -> &str {
    match error {
        SignError::Choices(error) => error.kind(),
        SignError::Key(error) => error.kind(),
        SignError::Passphrase(_) => "no_passphrase",
        SignError::DataDirectory(_) => "data_directory",
        SignError::Ballot(error) => election(error),
        SignError::NoElection(_) => "data_directory",
        SignError::NeedsAdmission { .. } => "needs_admission",
        SignError::Stdout(_) => "stdout",
    }
}

fn manual(error: &ManualError) -> &str {
    match error {
        ManualError::Exists(_) => "exists",
        ManualError::File(_) => "file",
        ManualError::Stdout(_) => "stdout",
    }
}

fn peer(error: &PeerError) -> &str {
    match error {
        PeerError::Address(_) | PeerError::Bind(_) | PeerError::Lan(_) => "address",
        PeerError::Election(error) => election(error),
        PeerError::Created(_) => "bad_ballot",
        PeerError::DataDirectory(_) => "data_directory",
        PeerError::Laboratory(_) => "laboratory",
        PeerError::Key(error) => error.kind(),
        PeerError::Passphrase(_) => "no_passphrase",
        PeerError::Validator(_) => "not_a_validator",
        PeerError::NoValidatorKey { .. } => "no_key",
        PeerError::Store(error) => store(error),
        PeerError::Verify(_) => "chain_file",
        PeerError::Api(_) => "api",
        PeerError::Join(_) | PeerError::TrackerRefused { .. } => "refused",
        PeerError::NoInput | PeerError::Input { .. } => "no_input",
        PeerError::Interrupted => "interrupted",
        PeerError::Crashed { .. } => "crashed",
        PeerError::System { .. } => "system",
    }
}

fn election(error: &LocalElectionError) -> &'static str {
    match error {
        LocalElectionError::Read(_) => "file",
        LocalElectionError::Ballot { .. } | LocalElectionError::Created { .. } => "bad_ballot",
        LocalElectionError::OtherElection { .. } | LocalElectionError::UnknownElection { .. } => {
            "other_election"
        }
        LocalElectionError::DataDirectory(_) => "data_directory",
    }
}

fn store(error: &StoreError) -> &'static str {
    match error {
        StoreError::File(_) => "file",
        StoreError::InUse { .. } | StoreError::Exists { .. } => "data_directory",
        StoreError::OtherElection { .. } => "other_election",
        StoreError::NotAChain { .. }
        | StoreError::NewerFormat { .. }
        | StoreError::OlderFormat { .. }
        | StoreError::Damaged { .. } => "chain_file",
    }
}

fn written(error: &WholeFileError) -> &'static str {
    match error {
        WholeFileError::Exists { .. } => "exists",
        WholeFileError::File(_) => "file",
    }
}
