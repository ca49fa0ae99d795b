//! Whether an election takes votes at this moment, by this machine's clock.
//!
//! The node decides that by itself; here it is found out before a voter is asked for choices or is registered in vain.

use protocol::election::Election;
use protocol::units::UnixMillis;

use crate::render::{finality_late, finality_vote_by};
use node::CommandError;

/// # Errors
/// When the election has not opened yet, or has closed.
pub(crate) fn check_hours(election: &Election, now: UnixMillis) -> Result<(), CommandError> {
    match election.opens().zip(election.closes()) {
        Some((opens, _)) if now < opens => Err(CommandError::NotOpen { opens }),
        Some((_, closes)) if now >= closes => Err(CommandError::Closed { closes }),
        Some(_) | None => Ok(()),
    }
}

/// Whether voters can still be registered, which they may be before it opens.
///
/// # Errors
/// When the election has closed.
pub(crate) fn check_not_closed(election: &Election, now: UnixMillis) -> Result<(), CommandError> {
    match check_hours(election, now) {
        Err(error @ CommandError::Closed { .. }) => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// What a voter is told of the time who is about to vote, on a line of its own; nothing in an untimed election.
pub(crate) fn deadline(election: &Election, now: UnixMillis) -> String {
    match election.vote_by().zip(election.closes()) {
        None => String::new(),
        Some((vote_by, _)) if now < vote_by => format!("{}\n", finality_vote_by(vote_by.0)),
        Some((_, closes)) => format!("{}\n", finality_late(closes.0)),
    }
}

#[cfg(test)]
mod tests {
    use protocol::roster::{FinalityRule, Times};

    use super::*;
    use chain::fixtures;

    const OPENS: UnixMillis = UnixMillis(1_795_233_600_000);
    const CLOSES: UnixMillis = UnixMillis(1_795_240_800_000);

    fn timed() -> Election {
        let finality = FinalityRule::Depth { confirmations: 6 };
        let times = Some(Times { opens: OPENS, closes: CLOSES, finality });
        Election { block_interval_s: Some(10), times, ..fixtures::election() }
    }

    #[test]
    fn votes_are_taken_from_opens_to_closes_and_are_late_after_the_time_to_vote_by() {
        let (election, vote_by) = (timed(), UnixMillis(CLOSES.0 - 120_000));
        let before = |time: UnixMillis| UnixMillis(time.0 - 1);
        let not_open = Err(CommandError::NotOpen { opens: OPENS });
        assert_eq!(check_hours(&election, before(OPENS)), not_open);
        for open in [OPENS, before(vote_by), vote_by, before(CLOSES)] {
            assert_eq!(check_hours(&election, open), Ok(()));
        }
        let closed = Err(CommandError::Closed { closes: CLOSES });
        assert_eq!(check_hours(&election, CLOSES), closed);
        assert_eq!(check_not_closed(&election, CLOSES), closed);
        assert_eq!(check_not_closed(&election, before(OPENS)), Ok(()));
        let in_time = "vote by 2026-11-21T05:58:00Z: later votes may not be counted\n";
        assert_eq!(deadline(&election, before(vote_by)), in_time);
        let late = "open, but late: closes 2026-11-21T06:00:00Z; a vote now may not be counted\n";
        assert_eq!(deadline(&election, vote_by), late);
    }

    #[test]
    fn an_untimed_election_has_no_hours() {
        let election = fixtures::election();
        for now in [UnixMillis(0), UnixMillis(u64::MAX)] {
            assert_eq!(check_hours(&election, now), Ok(()));
            assert_eq!(deadline(&election, now), "");
        }
    }
}
