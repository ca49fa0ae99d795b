//! The arguments of the commands that work on secret keys without a peer, and the options that say
//! where passphrases come from.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::format::{AnswerFormat, Quiet};
use keys::SecretSource;
use keys::VoterName;

/// What locks a key that is made.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
pub struct LockOptions {
    /// Lock the key by the passphrase in this file, which holds it as one line, instead of asking
    #[arg(
        long,
        value_name = "FILE",
        conflicts_with = "passphrase_fd",
        conflicts_with = "no_passphrase"
    )]
    passphrase_file: Option<PathBuf>,

    /// Lock the key by the passphrase in this file descriptor
    #[arg(long, value_name = "N", conflicts_with = "no_passphrase")]
    passphrase_fd: Option<u32>,

    /// Let the key have no passphrase, without asking
    #[arg(long)]
    pub no_passphrase: bool,
}

impl LockOptions {
    /// Where the passphrase is, if that was said.
    #[must_use]
    pub fn source(&self) -> Option<SecretSource> {
        SecretSource::of(self.passphrase_file.clone(), self.passphrase_fd)
    }
}

/// What opens a locked key.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
pub struct PassphraseOptions {
    /// Read the key's passphrase from this file, which holds it as one line, instead of asking
    #[arg(long, value_name = "FILE", conflicts_with = "passphrase_fd")]
    passphrase_file: Option<PathBuf>,

    /// Read the key's passphrase from this file descriptor, instead of asking
    #[arg(long, value_name = "N")]
    passphrase_fd: Option<u32>,
}

impl PassphraseOptions {
    /// Where the passphrase is, if that was said.
    #[must_use]
    pub fn source(&self) -> Option<SecretSource> {
        SecretSource::of(self.passphrase_file.clone(), self.passphrase_fd)
    }
}

/// What is to lock a key from now on.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct NewPassphraseOptions {
    /// Read the new passphrase from this file, which holds it as one line
    #[arg(
        long,
        value_name = "FILE",
        conflicts_with = "new_passphrase_fd",
        conflicts_with = "no_passphrase"
    )]
    new_passphrase_file: Option<PathBuf>,

    /// Read the new passphrase from this file descriptor
    #[arg(long, value_name = "N", conflicts_with = "no_passphrase")]
    new_passphrase_fd: Option<u32>,

    /// Let the key have no passphrase, without asking
    #[arg(long)]
    pub no_passphrase: bool,
}

impl NewPassphraseOptions {
    /// Where the new passphrase is, if that was said.
    #[must_use]
    pub fn source(&self) -> Option<SecretSource> {
        SecretSource::of(self.new_passphrase_file.clone(), self.new_passphrase_fd)
    }
}

/// Which key file is meant, and how the answer looks.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct KeyLocation {
    /// The key file, instead of one of a data directory
    #[arg(long, value_name = "FILE", conflicts_with = "voter")]
    pub key: Option<PathBuf>,

    /// The voter of this name, whose key is voters/NAME.key in the data directory, instead of voter.key
    #[arg(long, value_name = "NAME")]
    pub voter: Option<VoterName>,

    /// The data directory; the only one where peers keep them unless told
    #[arg(long, value_name = "DIR", env = "OSTRAKON_DATA_DIR", hide_env_values = true)]
    pub data_dir: Option<PathBuf>,
}

/// What to do with a secret key.
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub enum KeyTask {
    /// Make a new key, and show its recovery phrase once: 24 words that are the key
    New(NewKey),
    /// Show whose key it is, and whether it has a passphrase
    Show(ShowKey),
    /// Print the secret key in PEM, locked if it is, or write it into a file; --public is for everybody
    Export(ExportKey),
    /// Take a key from PEM, from 64 digits (the former format) or from its recovery phrase
    Import(ImportKey),
    /// Change a key's passphrase, set one or remove it
    Passwd(ChangePassphrase),
}

/// How to make a key.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct NewKey {
    #[command(flatten)]
    pub place: KeyLocation,

    #[command(flatten)]
    pub lock: LockOptions,

    /// Write the recovery phrase into this new file instead of showing it
    #[arg(long, value_name = "FILE", conflicts_with = "no_phrase")]
    pub phrase_file: Option<PathBuf>,

    /// Show no recovery phrase
    #[arg(long)]
    pub no_phrase: bool,

    /// Replace a key that is there
    #[arg(long)]
    pub force: bool,

    #[command(flatten)]
    pub quiet: Quiet,

    #[command(flatten)]
    pub format: AnswerFormat,
}

/// Which key to show.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct ShowKey {
    #[command(flatten)]
    pub place: KeyLocation,

    #[command(flatten)]
    pub passphrase: PassphraseOptions,

    #[command(flatten)]
    pub format: AnswerFormat,
}

/// Which key to print or write, and what of it.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct ExportKey {
    #[command(flatten)]
    pub place: KeyLocation,

    /// Only the public key
    #[arg(long, conflicts_with = "plain")]
    pub public: bool,

    /// Unlocked, so that whoever gets it can use it
    #[arg(long)]
    pub plain: bool,

    #[command(flatten)]
    pub passphrase: PassphraseOptions,

    /// The file to write, instead of stdout
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,

    /// Replace a file that is there
    #[arg(long)]
    pub force: bool,

    #[command(flatten)]
    pub quiet: Quiet,
}

/// Which key to take from where.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
#[command(group(clap::ArgGroup::new("source").required(true).args(["file", "phrase", "phrase_file", "phrase_fd"])))]
pub struct ImportKey {
    /// The file to take the key from
    pub file: Option<PathBuf>,

    /// Ask for the 24 words of the recovery phrase
    #[arg(long)]
    pub phrase: bool,

    /// Read the recovery phrase from this file
    #[arg(long, value_name = "FILE")]
    phrase_file: Option<PathBuf>,

    /// Read the recovery phrase from this file descriptor
    #[arg(long, value_name = "N")]
    phrase_fd: Option<u32>,

    #[command(flatten)]
    pub place: KeyLocation,

    #[command(flatten)]
    pub passphrase: PassphraseOptions,

    #[command(flatten)]
    pub new_passphrase: NewPassphraseOptions,

    /// Replace a key that is there
    #[arg(long)]
    pub force: bool,

    #[command(flatten)]
    pub format: AnswerFormat,
}

impl ImportKey {
    /// Where the recovery phrase is, if that was said.
    #[must_use]
    pub fn phrase_source(&self) -> Option<SecretSource> {
        SecretSource::of(self.phrase_file.clone(), self.phrase_fd)
    }
}

/// Which key's passphrase to change.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct ChangePassphrase {
    #[command(flatten)]
    pub place: KeyLocation,

    #[command(flatten)]
    pub passphrase: PassphraseOptions,

    #[command(flatten)]
    pub new_passphrase: NewPassphraseOptions,

    #[command(flatten)]
    pub format: AnswerFormat,
}
