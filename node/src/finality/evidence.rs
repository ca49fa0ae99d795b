//! Validators that broke the rules, and whoever else runs with the own validator's key: noticed, kept, passed on, told.
//!
//! A laboratory can be ordered to break a rule itself; nothing else here ever does.
//! Evidence never makes a vote count for less: the rules hold although some validators lie.

use std::net::SocketAddr;

use protocol::datagram::Datagram;
use protocol::finality::{Evidence, FinalityVote, Offence, Prepare, Presence};
use protocol::units::{Height, Now};

use super::collect::datagram;
use super::records::ToSign;
use super::views::TwinSign;
use super::{Finality, FinalityRecord, Output};
use crate::command::CommandError;
use crate::dropped::DropReason;
use crate::event::Event;

impl Finality {
    /// Handles evidence that a neighbour sent.
    pub(crate) fn handle_evidence(&mut self, from: SocketAddr, evidence: Evidence, now: Now) {
        if self.evidence.contains_key(&evidence.first.validator()) {
            return;
        }
        if !self.checks.take(from, 2, now.instant) {
            return self.outputs.push_back(Output::Dropped(DropReason::TooManyVotes));
        }
        match evidence.check(&self.id, &self.roster) {
            Ok(offence) => self.keep_evidence(evidence, offence, Some(from)),
            Err(error) => {
                let reason =
                    format!("sent evidence against a validator that does not hold: {error}");
                self.outputs.push_back(Output::Fault { from, reason });
            }
        }
    }

    /// Compares a new vote with those that the same validator signed before.
    pub(super) fn look_for_offence(&mut self, vote: &FinalityVote) {
        if self.evidence.contains_key(&vote.validator()) {
            return;
        }
        if let Some((evidence, offence)) = self.votes.offence(vote) {
            self.keep_evidence(evidence, offence, None);
        }
    }

    fn keep_evidence(&mut self, evidence: Evidence, offence: Offence, from: Option<SocketAddr>) {
        let place = evidence.first.validator();
        let Some(validator) = self.roster.validator(place) else { return };
        let (validator, shown) = (validator.name.clone(), Box::new(evidence.clone()));
        self.evidence.insert(place, evidence.clone());
        self.outputs.push_back(Output::Persist(FinalityRecord::Evidence(shown.clone())));
        let event = Event::Evidence { validator, offence, evidence: shown };
        self.outputs.push_back(Output::Event(event));
        let datagram = Datagram::Evidence(evidence);
        self.outputs.push_back(Output::Relay { except: from, datagram });
    }

    /// Has this laboratory's validator break the rules. Returns the height at which it does.
    ///
    /// # Errors
    /// When there is no validator here, or it has not signed anything yet.
    pub(super) fn sign_twice(&mut self) -> Result<Height, CommandError> {
        let own = self.own.as_mut().ok_or(CommandError::NotAValidator)?;
        let to_sign = own.sign_twice().ok_or(CommandError::NothingSigned)?;
        let ToSign::SecondPrepare { target, .. } = to_sign else {
            unreachable!("it is a second PREPARE")
        };
        self.outputs.push_back(Output::Sign(to_sign));
        Ok(target.height)
    }

    /// Shows everybody the second PREPARE that a laboratory asked for.
    pub(super) fn show_second(&mut self, prepare: Prepare) {
        if !self.own.as_mut().is_some_and(|own| own.take_second(&prepare)) {
            return tracing::warn!("the shell signed what it was not asked for");
        }
        let vote = FinalityVote::Prepare(prepare);
        self.look_for_offence(&vote);
        self.outputs.push_back(Output::Relay { except: None, datagram: datagram(vote.clone()) });
        // It is known, so that it is not taken for another peer's when it comes back.
        self.votes.insert(vote);
    }

    /// Handles a PRESENCE that a neighbour sent.
    pub(crate) fn handle_presence(&mut self, from: SocketAddr, presence: Presence, now: Now) {
        let is_of_roster = self.roster.validator(presence.validator).is_some();
        if is_of_roster {
            if !self.presences.is_news(&presence, now) {
                return;
            }
            if !self.checks.take(from, 1, now.instant) {
                return self.outputs.push_back(Output::Dropped(DropReason::TooManyVotes));
            }
        }
        if let Err(error) = presence.check(&self.id, &self.roster) {
            let reason = format!("sent a validator's PRESENCE that does not hold: {error}");
            return self.outputs.push_back(Output::Fault { from, reason });
        }
        self.presences.insert(&presence, now);
        let own = self.own.as_mut().filter(|own| own.place == presence.validator);
        if let Some(sign) = own.and_then(|own| own.meet_presence(&presence)) {
            self.tell_twin(sign);
        }
        let datagram = Datagram::Presence(presence);
        self.outputs.push_back(Output::Relay { except: Some(from), datagram });
    }

    /// Looks whether a vote that came from others bears the own key, and is not this validator's.
    pub(super) fn meet_own_vote(&mut self, vote: &FinalityVote) {
        let own = self.own.as_mut().filter(|own| own.place == vote.validator());
        if let Some(sign) = own.and_then(|own| own.meet_vote(vote)) {
            self.tell_twin(sign);
        }
    }

    fn tell_twin(&mut self, sign: TwinSign) {
        self.outputs.push_back(Output::Event(Event::Twin { sign }));
    }
}
