//! Traitors: hosts with the key of a validator that break every rule of finality. Fewer of them than a third may never
//! make two final blocks of different branches, nor make an honest validator look like one of them.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use protocol::datagram::{Datagram, RunNumber};
use protocol::finality::{BlockReference, Commit, Prepare, Presence};
use protocol::keys::VoterKey;
use protocol::units::{BlockHash, Height, UnixMillis};
use rand::RngExt;

use super::guest::{Guest, HEARTBEAT};
use super::{Insight, View};
use crate::faults::Window;
use crate::network::Parcel;
use crate::{forge, random};

/// How many votes of others a traitor keeps to send them again.
const HEARD_MAX: usize = 200;
/// How many of them it sends at a time.
const REPLAYED_AT_ONCE: usize = 8;
/// By how much it lies about time, at the most.
const LIE_MS: i64 = 90_000;

/// One way in which a validator breaks the rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Treason {
    Silent,
    /// Two PREPAREs for one height, and two COMMITs, each told to one half of the network.
    Equivocates,
    /// COMMITs for the tips of all peers, justified or not, and for their parents.
    CommitsAnything,
    /// Votes for whatever branch each peer is on.
    AgreesWithEverybody,
    /// Old votes of everybody.
    Replays,
    /// Votes for made-up blocks at impossible heights, and from sources that can be none.
    Extremes,
    /// Another clock, and PRESENCEs of many runs.
    LiesAboutTime,
}

impl Treason {
    pub const ALL: [Self; 7] = [
        Self::Silent,
        Self::Equivocates,
        Self::CommitsAnything,
        Self::AgreesWithEverybody,
        Self::Replays,
        Self::Extremes,
        Self::LiesAboutTime,
    ];
}

#[derive(Debug, Clone)]
pub struct TraitorPlan {
    pub active: Window,
    /// Its place in the roster.
    pub place: u16,
    pub treasons: Vec<Treason>,
}

#[derive(Debug)]
pub struct Traitor {
    pub plan: TraitorPlan,
    pub address: SocketAddr,
    key: VoterKey,
    guest: Guest,
    heard: VecDeque<Datagram>,
}

impl Traitor {
    #[must_use]
    pub fn new(plan: TraitorPlan, address: SocketAddr, seed: u64) -> Self {
        let rng = random::stream(seed, &format!("traitor {}", plan.place));
        let key = forge::validator_key(seed, plan.place);
        Self { plan, address, key, guest: Guest::new(address, rng), heard: VecDeque::new() }
    }

    /// What the traitor sends without being asked, and when it does so next.
    pub fn step(&mut self, view: &View<'_>, insights: &[Insight]) -> (Vec<Parcel>, Duration) {
        let mut parcels = self.guest.greet(view);
        if let Some(treason) = random::pick(&mut self.guest.rng, &self.plan.treasons).copied() {
            parcels.extend(self.commit_treason(treason, view, insights));
        }
        (parcels, HEARTBEAT)
    }

    pub fn hear(&mut self, view: &View<'_>, from: SocketAddr, bytes: &[u8]) -> Vec<Parcel> {
        let (answers, heard) = self.guest.hear(view, from, bytes);
        if let Some(vote @ (Datagram::Prepare(_) | Datagram::Commit(_))) = heard {
            self.heard.push_back(vote);
            if self.heard.len() > HEARD_MAX {
                self.heard.pop_front();
            }
        }
        answers
    }

    fn commit_treason(
        &mut self,
        treason: Treason,
        view: &View<'_>,
        insights: &[Insight],
    ) -> Vec<Parcel> {
        match treason {
            Treason::Silent => Vec::new(),
            Treason::Equivocates => self.equivocate(view, insights),
            Treason::CommitsAnything => {
                let blocks = insights.iter().flat_map(|each| [each.tip, each.parent]);
                let commits: Vec<_> = blocks.map(|block| self.commit(block, view)).collect();
                self.guest.tell_all(view, &commits)
            }
            Treason::AgreesWithEverybody => {
                let parcels = insights.iter().flat_map(|each| {
                    let votes = [
                        self.prepare(each.tip, each.justified, view),
                        self.prepare(each.parent, each.last_final, view),
                        self.commit(each.justified, view),
                        self.commit(each.tip, view),
                    ];
                    votes.map(|vote| self.guest.parcel(view, each.address, vote))
                });
                parcels.collect()
            }
            Treason::Replays => {
                let first = self.guest.rng.random_range(0..HEARD_MAX);
                let old: Vec<_> =
                    self.heard.iter().skip(first).take(REPLAYED_AT_ONCE).cloned().collect();
                self.guest.tell_all(view, &old)
            }
            Treason::Extremes => {
                let extremes = self.extremes(view, insights);
                self.guest.tell_all(view, &extremes)
            }
            Treason::LiesAboutTime => {
                self.guest.clock_ms = self.guest.rng.random_range(-LIE_MS..LIE_MS);
                let time = view.unix.0.saturating_add_signed(self.guest.clock_ms);
                let run = RunNumber(self.guest.rng.random());
                let (id, place) = (view.election.election_id(), self.plan.place);
                let lie = Presence::sign(&id, place, run, UnixMillis(time), &self.key);
                self.guest.tell_all(view, &[Datagram::Presence(lie)])
            }
        }
    }

    fn equivocate(&mut self, view: &View<'_>, insights: &[Insight]) -> Vec<Parcel> {
        let Some(first) = random::pick(&mut self.guest.rng, insights).copied() else {
            return Vec::new();
        };
        let tips = insights.iter().map(|each| each.tip);
        let rival = tips
            .into_iter()
            .find(|tip| tip.height == first.tip.height && tip.hash != first.tip.hash);
        let made_up = BlockReference { hash: BlockHash(self.guest.rng.random()), ..first.tip };
        let rival = rival.unwrap_or(made_up);
        let sides = [first.tip, rival]
            .map(|block| [self.prepare(block, first.justified, view), self.commit(block, view)]);
        let parcels = insights.iter().zip([0, 1].into_iter().cycle()).flat_map(|(each, side)| {
            let side: &[Datagram; 2] = &sides[side];
            side.clone().map(|vote| self.guest.parcel(view, each.address, vote))
        });
        parcels.collect()
    }

    fn extremes(&mut self, view: &View<'_>, insights: &[Insight]) -> Vec<Datagram> {
        let Some(each) = random::pick(&mut self.guest.rng, insights).copied() else {
            return Vec::new();
        };
        let hash = BlockHash(self.guest.rng.random());
        let highest = BlockReference { height: Height(u64::MAX), hash };
        let shifted = BlockReference { height: each.tip.height.next(), hash: each.tip.hash };
        vec![
            self.prepare(highest, each.justified, view),
            self.prepare(each.tip, highest, view),
            self.prepare(each.tip, each.tip, view),
            self.prepare(shifted, each.justified, view),
            self.prepare(each.last_final, each.last_final, view),
            self.commit(highest, view),
            self.commit(shifted, view),
            self.commit(BlockReference { height: Height(0), hash: each.last_final.hash }, view),
        ]
    }

    fn prepare(&self, target: BlockReference, source: BlockReference, view: &View<'_>) -> Datagram {
        let id = view.election.election_id();
        Datagram::Prepare(Prepare::sign(&id, self.plan.place, (target, source), &self.key))
    }

    fn commit(&self, block: BlockReference, view: &View<'_>) -> Datagram {
        let id = view.election.election_id();
        Datagram::Commit(Commit::sign(&id, self.plan.place, block, &self.key))
    }
}
