//! Tells this peer's own voters that their votes are final.

use std::collections::BTreeSet;
use std::sync::Arc;

use protocol::units::{TransactionId, VoterId};
use tokio::sync::broadcast::error::RecvError;

use super::Actions;
use crate::schema::{Event, Fate, Vote};
use crate::voter::OwnVoters;

/// Publishes an event for each own vote that is found to be final, once in a run, until the node ends. There are no
/// more of them than there are own voters.
pub(crate) async fn tell_final_votes(actions: Arc<Actions>) {
    let (Some(mut events), true) = (actions.handle.events(), actions.election.times.is_some())
    else {
        return;
    };
    let mut told = BTreeSet::new();
    loop {
        match events.recv().await {
            Ok(Event::Final { .. } | Event::StateChanged { .. }) | Err(RecvError::Lagged(_)) => {}
            Ok(_) => continue,
            Err(RecvError::Closed) => return,
        }
        for voter in actions.voters.iter().flat_map(OwnVoters::ids) {
            let vote = actions.voter(voter).await.ok().and_then(|known| known.vote);
            let news = vote.and_then(|vote| news(voter, &vote, &mut told));
            news.into_iter().for_each(|event| actions.handle.publish(event));
        }
    }
}

fn news(voter: VoterId, vote: &Vote, told: &mut BTreeSet<TransactionId>) -> Option<Event> {
    let Some(Fate::Final { since_ms }) = vote.fate else { return None };
    let transaction = vote.transaction;
    told.insert(transaction).then_some(Event::OwnVoteFinal { transaction, voter, since_ms })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::{HeldBy, Standing};

    #[test]
    fn a_vote_is_told_to_be_final_once_and_not_before_it_is() {
        let (voter, transaction) = (VoterId([1; 32]), TransactionId([2; 32]));
        let held_by = HeldBy { neighbours: 0, of: 0 };
        let vote = |fate| Vote {
            transaction,
            choices: Vec::new(),
            cast_at_ms: 0,
            standing: Standing::Pool { held_by },
            held_by,
            fate,
        };
        let mut told = BTreeSet::new();
        for fate in [None, Some(Fate::Pending), Some(Fate::NotCounted)] {
            assert_eq!(news(voter, &vote(fate), &mut told), None);
        }
        let (since_ms, final_vote) = (Some(7), vote(Some(Fate::Final { since_ms: Some(7) })));
        let event = Event::OwnVoteFinal { transaction, voter, since_ms };
        assert_eq!(news(voter, &final_vote, &mut told), Some(event));
        assert_eq!(news(voter, &final_vote, &mut told), None);
    }
}
