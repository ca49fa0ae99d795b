//! The count at the final block alone.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Certificate, ElectionState, QuestionTally, Results, Tip};

/// The count at the highest final block; at the closing block once that is final.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct FinalResults {
    pub(crate) state: ElectionState,
    /// Whether it is the election's result, to which nothing can be added any more.
    pub(crate) complete: bool,
    /// The block up to which these votes are counted.
    pub(crate) counted_at: Tip,
    pub(crate) votes: u64,
    pub(crate) questions: Vec<QuestionTally>,
    /// When this peer first knew the election's result to be final; `null` before that.
    pub(crate) final_since_ms: Option<u64>,
    /// What makes the block final, which may be one of a later block; `null` in an election without validators.
    pub(crate) certificate: Option<Certificate>,
    /// The names of those who signed it.
    pub(crate) signed_by: Vec<String>,
    /// How many validators there are.
    pub(crate) validators: usize,
    /// Of an election without validators: whether this peer was there when it closed and became final.
    pub(crate) witnessed: Option<bool>,
}

/// Why there is no final count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NothingFinal {
    #[error("no count of an election without times is ever final: see `results`")]
    Untimed,
    #[error("nothing is final yet: see `results`")]
    NotYet,
    #[error("the final block's count is not known here yet: ask again soon")]
    NotCountedHere,
    #[error("the result is DISPUTED, so nothing is final: see `results`")]
    Disputed,
}

impl NothingFinal {
    /// A stable word for programs.
    pub(crate) fn kind(self) -> &'static str {
        match self {
            Self::Untimed => "untimed",
            Self::NotYet => "nothing_final",
            Self::NotCountedHere => "not_read",
            Self::Disputed => "disputed",
        }
    }
}

impl FinalResults {
    /// # Errors
    /// When nothing is final.
    pub(crate) fn of(results: &Results) -> Result<Self, NothingFinal> {
        let finality = results.finality.as_ref().ok_or(NothingFinal::Untimed)?;
        let complete = match finality.state {
            ElectionState::Disputed => return Err(NothingFinal::Disputed),
            ElectionState::Final => true,
            ElectionState::Upcoming | ElectionState::Open | ElectionState::Sealing => false,
        };
        let final_block = finality.final_block.ok_or(NothingFinal::NotYet)?;
        let counted_at = finality.closing_block.filter(|_| complete).unwrap_or(final_block);
        let tally = finality.tally.clone().ok_or(NothingFinal::NotCountedHere)?;
        let certificate = finality.deciding_certificate();
        let signed_by = certificate.map(|each| finality.signers(each)).unwrap_or_default();
        Ok(Self {
            state: finality.state,
            complete,
            counted_at,
            votes: tally.votes,
            questions: tally.questions,
            final_since_ms: finality.final_since_ms,
            signed_by: signed_by.into_iter().map(str::to_owned).collect(),
            certificate: certificate.cloned(),
            validators: finality.validators.len(),
            witnessed: finality.depth.as_ref().and_then(|depth| depth.witnessed),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_why_nothing_is_final_has_a_word_and_one_line() {
        for (reason, kind) in [
            (NothingFinal::Untimed, "untimed"),
            (NothingFinal::NotYet, "nothing_final"),
            (NothingFinal::NotCountedHere, "not_read"),
            (NothingFinal::Disputed, "disputed"),
        ] {
            let line = reason.to_string();
            assert_eq!(reason.kind(), kind);
            assert!(line.len() <= 80 && !line.contains('\n'), "{line}");
        }
    }
}
