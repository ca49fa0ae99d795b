//! The reasons why a request to a peer failed, and the exit code that the program ends with for
//! each of them.

use std::io;
use std::path::PathBuf;

use protocol::receipt::ReceiptError;
use protocol::units::{ElectionId, VoterId};

use super::http::HttpError;
use super::server::TargetError;
use crate::actions::ActionError;
use crate::organiser::RegistrarError;
use crate::schema::{BallotError, Refusal};
use crate::store::data_directory::DataDirectoryError;
use keys::{KeyFileError, PassphraseError};

/// The statuses that mean that another token, another origin or another name of the peer is
/// required, which the user has to correct.
const STATUSES_TO_MEND: [u16; 3] = [401, 403, 421];

/// How a request to a peer ended. Everything that there is to say about it was printed already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientExit {
    Done,
    /// A rule forbids it, whether the peer or this program applied the rule.
    Refused,
    /// Something has to be corrected first: arguments, a file or a token.
    Usage,
    /// Nobody answers at that address, or whoever answers is not a peer.
    NoContact,
}

/// The reason why a request failed. Each message is one line.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ClientError {
    #[error(transparent)]
    Action(#[from] ActionError),
    #[error(transparent)]
    Http(#[from] HttpError),
    #[error(transparent)]
    Target(#[from] TargetError),
    #[error(
        "{error}; whether the peer took it is not known: ask `peer myvote` once it is reached again"
    )]
    AnswerLost { error: HttpError },
    #[error(
        "ended by a signal after {what} was sent; whether the peer took it is not known yet: ask with `peer myvote`"
    )]
    Interrupted { what: &'static str },
    #[error(
        "ended by a signal before {what} was sent: nothing was done, and it can be tried again"
    )]
    NotSent { what: &'static str },
    #[error("{error}; {accepted} were accepted until then: run the same command again")]
    PostCut { error: HttpError, accepted: usize },
    #[error(transparent)]
    Registrar(#[from] RegistrarError),
    #[error(
        "{path} does not admit voter {voter}: ask the registrars for a file that has your key",
        path = path.display()
    )]
    NotAdmitted { path: PathBuf, voter: VoterId },
    #[error(
        "{path} bears {found} of the {expected} signatures that admit voter {voter}: ask the registrars for the complete file",
        path = path.display()
    )]
    Incomplete { path: PathBuf, voter: VoterId, found: usize, expected: u8 },
    #[error("the peer's ballot is not to be trusted: {0}")]
    Ballot(#[from] BallotError),
    #[error("the peer's election is {found}, and {path} belongs to {expected}: name another --server or --data-dir", path = path.display())]
    OtherElection { path: PathBuf, found: ElectionId, expected: ElectionId },
    #[error("there is no {path}: name the --data-dir that has your key, or make one by `peer key new`", path = path.display())]
    NoKey { path: PathBuf },
    #[error(transparent)]
    Key(#[from] KeyFileError),
    #[error(transparent)]
    Passphrase(#[from] PassphraseError),
    #[error(transparent)]
    DataDirectory(#[from] DataDirectoryError),
    #[error("the peer's receipt proves nothing, and was not written: {0}")]
    Receipt(#[from] ReceiptError),
    #[error("the peer's receipt proves nothing, and was not written: {reason}")]
    BadCertificate { reason: String },
    #[error("the peer's receipt is not for your vote in this election, and was not written")]
    ReceiptOfAnother,
    #[error(
        "the peer takes leave, and has not ended after {seconds} s: it may still write to a slow disk"
    )]
    NotGone { seconds: u64 },
    #[error("the peer stays")]
    Stays,
    #[error("the peer has ended")]
    PeerEnded,
    #[error(
        "`watch` draws on a terminal, and stdout is none: use `peer results --watch`, or `peer status --json`"
    )]
    NoTerminal,
    #[error(
        "`watch` draws by codes that this terminal does not know, as TERM says: use `peer results --watch` or `peer status`, or another terminal"
    )]
    DumbTerminal,
    #[error("can't draw on the terminal: {}", host::reason::of(.0))]
    Terminal(#[source] io::Error),
    #[error("can't write to stdout: {}", host::reason::of(.0))]
    Stdout(#[from] io::Error),
}

impl ClientError {
    /// Whether nobody reads the output any more, as behind `| head`, so that nothing is left to be done or said.
    pub(super) fn is_closed_output(&self) -> bool {
        matches!(self, Self::Stdout(error) if error.kind() == io::ErrorKind::BrokenPipe)
    }

    /// The exit of the program.
    pub(crate) fn exit(&self) -> ClientExit {
        match self {
            Self::Action(error) => match error {
                ActionError::Input(_)
                | ActionError::NoChoices
                | ActionError::NotHexadecimal
                | ActionError::NotATransaction(_)
                | ActionError::Key(_)
                | ActionError::Receipt(_) => ClientExit::Usage,
                ActionError::Cancelled
                | ActionError::Choices(_)
                | ActionError::Forgery(_)
                | ActionError::NotAdmitted { .. }
                | ActionError::NothingFinal(_)
                | ActionError::Command(_) => ClientExit::Refused,
            },
            Self::Http(HttpError::Refused { status, .. }) if STATUSES_TO_MEND.contains(status) => {
                ClientExit::Usage
            }
            Self::Http(HttpError::Refused { .. })
            | Self::NotAdmitted { .. }
            | Self::Incomplete { .. }
            | Self::Ballot(_)
            | Self::OtherElection { .. }
            | Self::Receipt(_)
            | Self::BadCertificate { .. }
            | Self::ReceiptOfAnother
            | Self::NotGone { .. }
            | Self::NotSent { .. }
            | Self::Stays => ClientExit::Refused,
            Self::Http(
                HttpError::NoContact { .. }
                | HttpError::TimedOut { .. }
                | HttpError::Cut { .. }
                | HttpError::NotAPeer { .. },
            )
            | Self::Target(TargetError::NotRunning { .. })
            | Self::AnswerLost { .. }
            | Self::Interrupted { .. }
            | Self::PostCut { .. }
            | Self::PeerEnded => ClientExit::NoContact,
            Self::Target(_)
            | Self::Registrar(_)
            | Self::NoKey { .. }
            | Self::Key(_)
            | Self::Passphrase(_)
            | Self::DataDirectory(_)
            | Self::NoTerminal
            | Self::DumbTerminal
            | Self::Terminal(_)
            | Self::Stdout(_) => ClientExit::Usage,
        }
    }

    /// The same error in the form for programs.
    pub(super) fn refusal(&self) -> Refusal {
        Refusal { kind: self.kind().to_owned(), message: self.to_string() }
    }

    /// A word for programs that never changes.
    pub(crate) fn kind(&self) -> &str {
        match self {
            Self::Action(error) => error.kind(),
            Self::Http(error) => error.kind(),
            Self::Target(error) => error.kind(),
            Self::AnswerLost { .. } | Self::Interrupted { .. } => "answer_lost",
            Self::PostCut { error, .. } => error.kind(),
            Self::Registrar(_) => "registrars_file",
            Self::NotAdmitted { .. } => "not_admitted",
            Self::Incomplete { .. } => "incomplete",
            Self::Ballot(_) => "bad_ballot",
            Self::OtherElection { .. } => "other_election",
            Self::NoKey { .. } => "no_key",
            Self::Key(error) => error.kind(),
            Self::Passphrase(_) => "no_passphrase",
            Self::DataDirectory(_) => "data_directory",
            Self::Receipt(_) | Self::BadCertificate { .. } | Self::ReceiptOfAnother => {
                "bad_receipt"
            }
            Self::NotGone { .. } => "not_gone",
            Self::NotSent { .. } | Self::Stays => "cancelled",
            Self::PeerEnded => "peer_ended",
            Self::NoTerminal | Self::DumbTerminal | Self::Terminal(_) => "terminal",
            Self::Stdout(_) => "stdout",
        }
    }
}
