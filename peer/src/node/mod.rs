//! The node: what a peer knows and does, without a socket, clock, file or thread.

mod command;
mod config;
mod output;

pub use command::{
    Answer, BlockSelector, BlockSummary, BlockView, CHAIN_LIMIT_MAX, Command, CommandError,
    NeighbourView, QuestionTally, Results, Standing, Status, Ticket, Tip, TrackerView,
    TransactionKind, TransactionView, VoteView, VoterView,
};
pub use config::NodeConfig;
pub use output::{Event, LeaveReason, MineJob, Output, PersistBatch, Record, Restored, VerifyJob};
