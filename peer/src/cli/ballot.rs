//! The arguments of the commands that make, check and show a ballot, the file that defines an
//! election.

use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;

use clap::{Args, Subcommand};
use protocol::admission::{REGISTRATION_BITS_MAX, VOTERS_MAX};
use protocol::ballot_file;
use protocol::election::{BLOCK_BYTES_MAX, BLOCK_BYTES_MIN, DIFFICULTY_BITS_MAX};
use protocol::roster::{BLOCK_INTERVAL_S_MAX, BLOCK_INTERVAL_S_MIN, CONFIRMATIONS_MAX};
use protocol::units::UnixMillis;

use super::client::Connection;
use super::format::{AnswerFormat, Quiet};

#[derive(Debug, Subcommand)]
pub(super) enum BallotCommand {
    /// Write a fresh ballot.toml; on a terminal it asks for what the flags do not say
    New(NewBallot),
    /// Say whether a ballot file is good, and show its election
    Check(CheckBallot),
    /// Show the questions of a running peer's election
    Show(Connection),
}

/// Reads a time as a ballot file has it.
pub(crate) fn moment(text: &str) -> Result<UnixMillis, String> {
    ballot_file::moment(text)
        .ok_or_else(|| "write a time in UTC, such as 2026-11-02T09:00:00Z".to_owned())
}

/// What a new ballot is to hold.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct NewBallot {
    /// What the election is called
    #[arg(long, value_name = "TEXT")]
    pub title: Option<String>,

    /// A question and its options: 'Who takes the chair? | Ada | Grace'; how many to choose stands before
    /// it, as in '[0-2] Which evenings? | Tuesday | Thursday' (1 unless told); may stand several times
    #[arg(long, value_name = "TEXT")]
    pub question: Vec<String>,

    /// Base-2 logarithm of the attempts that finding a block takes
    #[arg(long, value_name = "BITS", default_value_t = 24)]
    #[arg(value_parser = clap::value_parser!(u8).range(..=i64::from(DIFFICULTY_BITS_MAX)))]
    pub difficulty_bits: u8,

    /// One who admits voters: 'Secretary: ostkey1...', as `peer registrar init` prints it; may stand several times.
    /// Without one, anybody may register, unless that is asked at a terminal
    #[arg(long, value_name = "NAME: KEY")]
    pub registrar: Vec<String>,

    /// Anybody may register, any number of times: for demos and classes
    #[arg(long, conflicts_with = "registrar")]
    pub open: bool,

    /// How many of the registrars have to sign for each voter (more than half, unless told)
    #[arg(long, value_name = "COUNT", requires = "registrar")]
    pub threshold: Option<u8>,

    /// Base-2 logarithm of the attempts that registering a voter takes, where anybody may (16 unless told)
    #[arg(long, value_name = "BITS", conflicts_with = "registrar")]
    #[arg(value_parser = clap::value_parser!(u8).range(..=i64::from(REGISTRATION_BITS_MAX)))]
    pub registration_bits: Option<u8>,

    /// Most voters that can register, where anybody may
    #[arg(long, value_name = "COUNT", conflicts_with = "registrar")]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=i64::from(VOTERS_MAX)))]
    pub max_voters: Option<u32>,

    /// When it opens, in UTC, such as 2026-11-02T09:00:00Z; at once, where only --closes is told
    #[arg(long, value_name = "TIME", requires = "closes", value_parser = moment)]
    pub opens: Option<UnixMillis>,

    /// When it closes, in UTC; without it votes always count, unless that is asked at a terminal
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub closes: Option<UnixMillis>,

    /// Seconds between blocks, which the difficulty follows (10 with --closes, unless told)
    #[arg(long, value_name = "SECONDS")]
    #[arg(value_parser = clap::value_parser!(u32).range(i64::from(BLOCK_INTERVAL_S_MIN)..=i64::from(BLOCK_INTERVAL_S_MAX)))]
    pub block_interval: Option<u32>,

    /// One who signs for blocks: 'North: ostkey1...', as `peer validator init` prints it; may stand several times
    #[arg(long, value_name = "NAME: KEY", requires = "closes")]
    pub validator: Vec<String>,

    /// How many of the validators have to sign for what is final (more than two thirds, unless told)
    #[arg(long, value_name = "COUNT", requires = "validator")]
    pub quorum: Option<u8>,

    /// You vouch that validators fail only by stopping, so that more than half of them are enough
    #[arg(long, requires = "validator")]
    pub crash_faults_only: bool,

    /// How many blocks deep the end is final, where there are no validators (6 unless told)
    #[arg(long, value_name = "COUNT", conflicts_with = "validator", requires = "closes")]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=i64::from(CONFIRMATIONS_MAX)))]
    pub confirmations: Option<u32>,

    /// Most bytes of a block's transactions
    #[arg(long, value_name = "BYTES", default_value_t = 262_144)]
    #[arg(value_parser = clap::value_parser!(u32).range(i64::from(BLOCK_BYTES_MIN)..=i64::from(BLOCK_BYTES_MAX)))]
    pub block_bytes_max: u32,

    /// The file to write
    #[arg(long, value_name = "FILE", default_value = "ballot.toml")]
    pub output: PathBuf,

    /// Replace a file that is there
    #[arg(long)]
    pub force: bool,

    #[command(flatten)]
    pub quiet: Quiet,
}

/// For what to measure this machine.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct Calibrate {
    /// How many machines like this one will mine
    #[arg(long, value_name = "N", default_value = "4")]
    pub peers: NonZeroU32,

    /// The seconds between blocks, instead of what is proposed for so many
    #[arg(long, value_name = "SECONDS")]
    #[arg(value_parser = clap::value_parser!(u32).range(i64::from(BLOCK_INTERVAL_S_MIN)..=i64::from(BLOCK_INTERVAL_S_MAX)))]
    pub block_interval: Option<u32>,

    /// Threads that search; as many as a peer would use, unless told
    #[arg(long, value_name = "N")]
    pub mining_threads: Option<NonZeroUsize>,

    #[command(flatten)]
    pub format: AnswerFormat,
}

/// Which ballot to check.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct CheckBallot {
    /// The ballot file
    pub file: PathBuf,

    #[command(flatten)]
    pub quiet: Quiet,

    #[command(flatten)]
    pub format: AnswerFormat,
}
