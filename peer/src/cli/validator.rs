//! The arguments of the commands with which validators, who sign for blocks, make their keys.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::format::AnswerFormat;
use super::key::LockOptions;

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
