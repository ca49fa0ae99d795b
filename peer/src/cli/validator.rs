//! The arguments of the commands with which validators, who sign for blocks, make their keys.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::format::AnswerFormat;
use super::key::LockOptions;
use super::usage_error::UsageError;
use crate::config::ValidatorSettings;
use keys::SecretSource;

/// What a validator does without a peer.
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub enum ValidatorTask {
    /// Make a validator's key, and print what goes into the ballot
    Init(InitValidator),
}

/// Which key to make.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct InitValidator {
    /// The file that gets the secret key
    #[arg(long, value_name = "FILE", default_value = "validator.key")]
    pub key: PathBuf,

    /// What the ballot calls this validator
    #[arg(long, value_name = "NAME", default_value = "Validator")]
    pub name: String,

    #[command(flatten)]
    pub lock: LockOptions,

    #[command(flatten)]
    pub format: AnswerFormat,
}

/// The validator that a peer is to be.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
pub(super) struct ValidatorOptions {
    /// Sign for blocks as the validator of this key file, as `peer validator init` made it
    #[arg(long, value_name = "KEYFILE", env = "OSTRAKON_VALIDATOR", hide_env_values = true)]
    validator: Option<PathBuf>,

    /// Read the validator's passphrase from this file, which holds it as one line, instead of asking
    #[arg(long, value_name = "FILE", conflicts_with = "validator_passphrase_fd")]
    validator_passphrase_file: Option<PathBuf>,

    /// Read the validator's passphrase from this file descriptor, instead of asking
    #[arg(long, value_name = "N")]
    validator_passphrase_fd: Option<u32>,

    /// Sign although the data directory does not say what this validator signed before. Say it only if its key never
    /// signed in this election: whoever signs anew what it signed otherwise before contradicts itself
    #[arg(long)]
    trust_empty_store: bool,
}

impl ValidatorOptions {
    /// The validator, if one is named.
    ///
    /// # Errors
    /// When an option is about a validator, and none is named.
    pub(super) fn settings(self) -> Result<Option<ValidatorSettings>, UsageError> {
        let Self { validator_passphrase_file: file, validator_passphrase_fd: fd, .. } = self;
        let trusts_empty_store = self.trust_empty_store;
        let passphrase = SecretSource::of(file, fd);
        match self.validator {
            Some(key) => Ok(Some(ValidatorSettings { key, passphrase, trusts_empty_store })),
            None if passphrase.is_some() || trusts_empty_store => Err(UsageError {
                message: "--trust-empty-store and --validator-passphrase-file are about a validator: name its key by --validator KEYFILE"
                    .to_owned(),
            }),
            None => Ok(None),
        }
    }
}
