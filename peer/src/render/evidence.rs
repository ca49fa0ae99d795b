//! Says what two signed votes prove against a validator.

use crate::schema::{EvidenceProof, SignedVote};

pub(super) fn human(proof: &EvidenceProof) -> String {
    let EvidenceProof { validator, number, first, second, .. } = proof;
    let name = validator.as_ref().map(|name| format!(" ({name})")).unwrap_or_default();
    let verdict = match &proof.reason {
        Some(reason) => format!("the evidence proves NOTHING: {reason}"),
        None => format!(
            "PROVED: validator {number}{name} signed {}; no honest one does, whatever happens to its machine",
            done(first, second)
        ),
    };
    format!("{verdict}\n  {}\n  {}\n", signed(first), signed(second))
}

fn done(first: &SignedVote, second: &SignedVote) -> String {
    match (first, second) {
        (SignedVote::Prepare { target, .. }, SignedVote::Prepare { .. }) => {
            format!("two PREPAREs for height {}", target.height)
        }
        (SignedVote::Commit { block }, SignedVote::Commit { .. }) => {
            format!("two COMMITs for height {}", block.height)
        }
        (SignedVote::Prepare { .. }, SignedVote::Commit { block })
        | (SignedVote::Commit { block }, SignedVote::Prepare { .. }) => {
            format!("a PREPARE from below its COMMIT at height {} to above it", block.height)
        }
    }
}

fn signed(vote: &SignedVote) -> String {
    match vote {
        SignedVote::Prepare { target, source } => format!(
            "PREPARE block {} {}, from block {} {}",
            target.height, target.hash, source.height, source.hash
        ),
        SignedVote::Commit { block } => format!("COMMIT block {} {}", block.height, block.hash),
    }
}
