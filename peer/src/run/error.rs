//! The reasons why a peer does not run.

use std::io;
use std::path::PathBuf;

use protocol::election::CreatedAhead;

use super::laboratory::LaboratoryError;
use super::lan::LanError;
use super::validator::ValidatorError;
use super::verify::VerifyError;
use crate::addresses::AddressError;
use crate::http::ApiError;
use crate::prompt::ServeEnd;
use crate::store::StoreError;
use crate::store::data_directory::DataDirectoryError;
use crate::store::local_election::LocalElectionError;
use host::udp::BindError;
use keys::{KeyFileError, PassphraseError};
use node::JoinError;

/// The reason why a peer does not run, or ended before it was asked to. Each message is one line.
#[derive(Debug, thiserror::Error)]
pub enum PeerError {
    #[error(transparent)]
    Address(#[from] AddressError),
    #[error(transparent)]
    Bind(#[from] BindError),
    #[error(transparent)]
    Election(#[from] LocalElectionError),
    #[error(transparent)]
    Created(#[from] CreatedAhead),
    #[error(transparent)]
    DataDirectory(#[from] DataDirectoryError),
    #[error(transparent)]
    Laboratory(#[from] LaboratoryError),
    #[error(transparent)]
    Lan(#[from] LanError),
    #[error(transparent)]
    Key(#[from] KeyFileError),
    #[error(transparent)]
    Passphrase(#[from] PassphraseError),
    #[error(transparent)]
    Validator(#[from] ValidatorError),
    #[error(
        "there is no key in {path}: make one by `peer validator init`, and have it put into the ballot",
        path = path.display()
    )]
    NoValidatorKey { path: PathBuf },
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Verify(#[from] VerifyError),
    #[error(transparent)]
    Api(Box<ApiError>),
    #[error(transparent)]
    Join(#[from] JoinError),
    #[error("{message}")]
    TrackerRefused { message: String },
    #[error(
        "the input ended before its first line, so that nobody can give this peer a command, and it leaves: start it with --service to run without input"
    )]
    NoInput,
    #[error(
        "the input can't be read any more ({reason}), and the peer leaves: start it with --service to run without input"
    )]
    Input { reason: String },
    #[error("ended by a second signal, before it had taken leave")]
    Interrupted,
    #[error("the node ended by itself{}", reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default())]
    Crashed { reason: Option<String> },
    #[error("the system does not let a peer run: {}", host::reason::of(source))]
    System {
        #[from]
        source: io::Error,
    },
}

impl From<ApiError> for PeerError {
    fn from(error: ApiError) -> Self {
        Self::Api(Box::new(error))
    }
}

impl PeerError {
    /// Why a peer ends whose input ended like this before it ran.
    pub(super) fn of_input(end: ServeEnd) -> Self {
        match end {
            ServeEnd::Failed(reason) => Self::Input { reason },
            ServeEnd::NoInput | ServeEnd::Input | ServeEnd::Command => Self::NoInput,
        }
    }

    /// Whether the peer was refused or failed. Otherwise the user has to correct something that was
    /// typed.
    #[must_use]
    pub fn is_refusal(&self) -> bool {
        matches!(
            self,
            Self::Join(_) | Self::TrackerRefused { .. } | Self::Interrupted | Self::Crashed { .. }
        )
    }
}
