//! Says what two signed votes prove against a validator.

use crate::schema::{EvidenceVerdict, VoteSaid};

pub(super) fn human(proof: &EvidenceVerdict) -> String {
    let EvidenceVerdict { validator, number, first, second, .. } = proof;
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

fn done(first: &VoteSaid, second: &VoteSaid) -> String {
    match (first, second) {
        (VoteSaid::Prepare { target, .. }, VoteSaid::Prepare { .. }) => {
            format!("two PREPAREs for height {}", target.height)
        }
        (VoteSaid::Commit { block }, VoteSaid::Commit { .. }) => {
            format!("two COMMITs for height {}", block.height)
        }
        (VoteSaid::Prepare { .. }, VoteSaid::Commit { block })
        | (VoteSaid::Commit { block }, VoteSaid::Prepare { .. }) => {
            format!("a PREPARE from below its COMMIT at height {} to above it", block.height)
        }
    }
}

fn signed(vote: &VoteSaid) -> String {
    match vote {
        VoteSaid::Prepare { target, source } => format!(
            "PREPARE block {} {}, from block {} {}",
            target.height, target.hash, source.height, source.hash
        ),
        VoteSaid::Commit { block } => format!("COMMIT block {} {}", block.height, block.hash),
    }
}
