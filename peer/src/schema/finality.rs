//! Certificates and evidence as users and programs are shown them.

use protocol::codec;
use protocol::finality;
use protocol::units::BlockHash;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Hash;

/// The signatures by which a quorum of the validators made a block final.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct Certificate {
    /// Of the block that is final.
    pub(crate) height: u64,
    #[schema(value_type = Hash)]
    pub(crate) hash: BlockHash,
    /// Who signed, counted from 1 in the ballot's order.
    pub(crate) validators: Vec<u16>,
    /// The certificate's bytes in hexadecimal digits.
    #[schema(pattern = "^([0-9a-f]{2})+$")]
    pub(crate) encoding: String,
}

impl From<&finality::Certificate> for Certificate {
    fn from(certificate: &finality::Certificate) -> Self {
        Self {
            height: certificate.block.height.0,
            hash: certificate.block.hash,
            validators: certificate.signatures.iter().map(|(place, _)| place + 1).collect(),
            encoding: hex::encode(codec::encode(certificate)),
        }
    }
}
