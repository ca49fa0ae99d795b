//! This node's own validator: what it decides, and that nothing is signed before the disk has the decision.
//!
//! Whether a vote may be signed is decided by [`chain::finality`] alone. The key is the shell's. A decision goes to the
//! disk, then to the shell, then to the others; one is under way at a time.

use std::time::{Duration, Instant};

use protocol::datagram::RunNumber;
use protocol::finality::{BlockReference, Commit, FinalityVote, Prepare, Presence};
use protocol::units::{BlockHash, Height, Now, UnixMillis};

use super::justified::{Justified, is_proper_ancestor};
use super::records::{ToSign, ValidatorRecord};
use super::views::{Abstention, TwinSign};
use crate::config::OwnValidator;
use chain::Chain;
use chain::finality::{Link, Signed, may_commit, may_prepare};

/// No block is prepared whose time is ahead of this machine's clock by more than this.
const AHEAD: Duration = Duration::from_secs(2);
/// For how long a validator that trusts an empty store listens before it signs.
const HEARS_OTHERS: Duration = Duration::from_secs(5);
/// A vote is sent this many times although its block is final, since the first may have been lost.
const REPEATS_MIN: u8 = 3;

/// Target and source of a PREPARE.
type Prepared = (BlockReference, BlockReference);

/// What is under way from decision to signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pending {
    /// The disk is to have the decision first: once this batch is confirmed.
    Disk { batch: Option<u64>, to_sign: ToSign },
    /// The shell was asked to sign.
    Key(ToSign),
}

#[derive(Debug)]
pub(super) struct OwnSigner {
    pub(super) place: u16,
    run: RunNumber,
    /// The run that wrote what was restored, which is over.
    run_before: Option<RunNumber>,
    started: Now,
    /// What it has decided; `None` if it does not know what it signed before.
    record: Option<ValidatorRecord>,
    /// While set, it trusts an empty store and takes over what others show of it.
    hears_until: Option<Instant>,
    pending: Option<Pending>,
    /// What else is to be signed again after a restart.
    again: Option<ToSign>,
    prepare: Option<(Prepare, u8)>,
    commit: Option<(Commit, u8)>,
    twin: Option<TwinSign>,
    /// A laboratory's second PREPARE, while it is being signed.
    second: Option<Prepared>,
    /// What was last told of why it does not sign.
    told: Option<Option<Abstention>>,
    /// The last block of which it was told that its time has not come.
    told_ahead: Height,
}

/// What the validator has to know of this node.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Surroundings {
    /// Whether this machine's clock is off.
    pub(crate) is_clock_off: bool,
    /// Whether missing blocks are on their way.
    pub(crate) is_catching_up: bool,
    /// Whether the closing block is final.
    pub(crate) is_over: bool,
}

impl OwnSigner {
    /// The second value is whether the record is new, and so is to be written.
    pub(super) fn new(
        config: OwnValidator,
        restored: Option<ValidatorRecord>,
        (run, starts): (RunNumber, UnixMillis),
        now: Now,
    ) -> (Self, bool) {
        let run_before = restored.as_ref().map(|record| record.run);
        // Nobody signs anything before it starts, so a store that is empty by then is no lost one.
        let may_begin = now.unix < starts || config.trusts_empty_store;
        let is_new = restored.is_none() && may_begin;
        let hears_until = (is_new && now.unix >= starts).then(|| now.instant + HEARS_OTHERS);
        let begun = is_new.then_some(ValidatorRecord { prepared: None, committed: None, run });
        let record = restored.map(|record| ValidatorRecord { run, ..record }).or(begun);
        let prepared = record.as_ref().and_then(|record| record.prepared);
        let prepare = prepared.map(|(target, source)| ToSign::Prepare { target, source });
        let commit = record.as_ref().and_then(|record| record.committed).map(ToSign::Commit);
        let to_sign = [commit, prepare].into_iter().flatten().next();
        let signer = Self {
            place: config.place,
            run,
            run_before,
            started: now,
            hears_until,
            // The record of this run is written before anything of it is signed.
            pending: to_sign.map(|to_sign| Pending::Disk { batch: None, to_sign }),
            again: prepare.filter(|prepare| Some(*prepare) != to_sign),
            prepare: None,
            commit: None,
            twin: None,
            second: None,
            told: None,
            told_ahead: Height(0),
            record,
        };
        let is_written = signer.record.is_some();
        (signer, is_written)
    }

    pub(super) fn record(&self) -> Option<&ValidatorRecord> {
        self.record.as_ref()
    }

    fn signed(record: &ValidatorRecord) -> Signed {
        Signed {
            prepared: record.prepared.map(|(target, _)| target.height),
            lock: record.committed.map_or(Height(0), |block| block.height),
        }
    }

    /// Why it does not sign at the moment.
    pub(super) fn abstains(
        &self,
        starts: UnixMillis,
        is_disputed: bool,
        surroundings: Surroundings,
        now: Now,
    ) -> Option<Abstention> {
        let hears = self.hears_until.is_some_and(|until| now.instant < until);
        match self.twin {
            Some(sign) => Some(Abstention::Twin(sign)),
            None if is_disputed => Some(Abstention::Disputed),
            None if self.record.is_none() => Some(Abstention::NoRecord),
            None if surroundings.is_over => Some(Abstention::Final),
            None if surroundings.is_clock_off => Some(Abstention::ClockOff),
            None if now.unix < starts => Some(Abstention::TooEarly { starts }),
            None if hears => Some(Abstention::HearsOthersOut),
            None => None,
        }
    }

    /// Whether this reason, or that there is none, is news.
    pub(super) fn tell(&mut self, reason: Option<Abstention>) -> bool {
        self.told.replace(reason) != Some(reason)
    }

    /// That the tip is not prepared because its time has not come, if that was not told of it.
    pub(super) fn tell_ahead(&mut self, chain: &Chain, now: Now) -> Option<Abstention> {
        let reason = ahead(chain, now)?;
        let height = chain.tip_header().height;
        let is_news = std::mem::replace(&mut self.told_ahead, height) != height;
        is_news.then_some(reason)
    }

    /// Decides on the next vote, if there is one to sign: the record to be written first.
    pub(super) fn decide(
        &mut self,
        chain: &Chain,
        justified: &Justified,
        now: Now,
    ) -> Option<ValidatorRecord> {
        if self.pending.is_some() || !chain.holds_final() {
            return None;
        }
        let record = self.record.as_mut()?;
        let commit = commit_of(record, chain);
        let (to_sign, decided) = match commit {
            Some(block) => (
                ToSign::Commit(block),
                ValidatorRecord { committed: Some(block), ..record.clone() },
            ),
            None => {
                let (target, source) = prepare_of(record, chain, justified, now)?;
                let prepared = Some((target, source));
                let decided = ValidatorRecord { prepared, ..record.clone() };
                (ToSign::Prepare { target, source }, decided)
            }
        };
        self.hears_until = None;
        *record = decided;
        self.pending = Some(Pending::Disk { batch: None, to_sign });
        self.record.clone()
    }

    /// The decision is written in this batch.
    pub(super) fn note_batch(&mut self, number: u64) {
        if let Some(Pending::Disk { batch, .. }) = &mut self.pending {
            *batch = Some(number);
        }
    }

    /// All batches up to this one are on the disk. Returns what may be signed now.
    pub(super) fn note_durable(&mut self, confirmed: u64) -> Option<ToSign> {
        let Some(Pending::Disk { batch: Some(batch), to_sign }) = self.pending else { return None };
        if batch > confirmed || self.twin.is_some() {
            return None;
        }
        self.pending = Some(Pending::Key(to_sign));
        Some(to_sign)
    }

    /// A vote came from the shell. Returns whether it is the one that was asked for, and what to sign next.
    pub(super) fn take_signed(&mut self, vote: &FinalityVote) -> (bool, Option<ToSign>) {
        let said = match vote {
            FinalityVote::Prepare(Prepare { target, source, .. }) => {
                ToSign::Prepare { target: *target, source: *source }
            }
            FinalityVote::Commit(commit) => ToSign::Commit(commit.block),
        };
        if self.pending != Some(Pending::Key(said)) || vote.validator() != self.place {
            return (false, None);
        }
        match vote.clone() {
            FinalityVote::Prepare(prepare) => self.prepare = Some((prepare, 0)),
            FinalityVote::Commit(commit) => self.commit = Some((commit, 0)),
        }
        let next = self.again.take();
        self.pending = next.map(Pending::Key);
        (true, next)
    }

    /// The votes to send now: those whose blocks are not final, and each a few times.
    pub(super) fn votes_to_send(&mut self, final_height: Height) -> Vec<FinalityVote> {
        if self.twin.is_some() {
            return Vec::new();
        }
        let mut votes = Vec::new();
        if let Some((prepare, sent)) = &mut self.prepare
            && (prepare.target.height > final_height || *sent < REPEATS_MIN)
        {
            *sent = sent.saturating_add(1);
            votes.push(FinalityVote::Prepare(prepare.clone()));
        }
        if let Some((commit, sent)) = &mut self.commit
            && (commit.block.height > final_height || *sent < REPEATS_MIN)
        {
            *sent = sent.saturating_add(1);
            votes.push(FinalityVote::Commit(commit.clone()));
        }
        votes
    }

    /// What to sign to say that this run is there. Also after another run was noticed: whichever heard of the other
    /// first, the other is to hear of it too.
    pub(super) fn presence(&self, now: Now) -> ToSign {
        ToSign::Presence { run: self.run, time: now.unix }
    }

    /// A laboratory breaks the rules, for all to see: has a PREPARE signed for a made-up block of the height that it
    /// prepared last. Its record stays, so that all else that it signs is honest. `None` if it has signed none yet.
    pub(super) fn sign_twice(&mut self) -> Option<ToSign> {
        let (Prepare { target: BlockReference { height, hash }, source, .. }, _) =
            self.prepare.as_ref()?;
        let target = BlockReference { height: *height, hash: BlockHash(hash.0.map(|byte| !byte)) };
        self.second = Some((target, *source));
        Some(ToSign::SecondPrepare { target, source: *source })
    }

    /// Whether this is the second PREPARE that a laboratory asked for, which is then done with.
    pub(super) fn take_second(&mut self, prepare: &Prepare) -> bool {
        let asked = self.second.take_if(|asked| *asked == (prepare.target, prepare.source));
        asked.is_some() && prepare.validator == self.place
    }

    /// Looks at a PRESENCE of the own key. Returns whether another peer runs with it, which was not known before.
    pub(super) fn meet_presence(&mut self, presence: &Presence) -> Option<TwinSign> {
        let Presence { run, time, .. } = *presence;
        let is_other = run != self.run && Some(run) != self.run_before;
        let is_twin = is_other && time > self.started.unix && self.twin.is_none();
        is_twin.then(|| *self.twin.insert(TwinSign::Presence { run, time }))
    }

    /// Looks at a vote of the own key that came from others. Returns whether another peer signed it, which was not
    /// known before. A vote for a lower block than the newest may be an old one of this validator.
    pub(super) fn meet_vote(&mut self, vote: &FinalityVote) -> Option<TwinSign> {
        let record = self.record.as_mut()?;
        let (is_ours, sign) = match vote {
            FinalityVote::Prepare(Prepare { target, source, .. }) => {
                let is_ours = record.prepared.is_some_and(|(newest, from)| {
                    target.height < newest.height || (newest, from) == (*target, *source)
                });
                (is_ours, TwinSign::Prepare { target: *target })
            }
            FinalityVote::Commit(Commit { block, .. }) => {
                let is_ours = record
                    .committed
                    .is_some_and(|newest| block.height < newest.height || newest == *block);
                (is_ours, TwinSign::Commit { block: *block })
            }
        };
        if is_ours || self.twin.is_some() {
            return None;
        }
        if self.hears_until.is_some() {
            // It is what this validator signed before it lost its store.
            match vote {
                FinalityVote::Prepare(prepare) => {
                    record.prepared = Some((prepare.target, prepare.source));
                }
                FinalityVote::Commit(commit) => record.committed = Some(commit.block),
            }
            return None;
        }
        Some(*self.twin.insert(sign))
    }
}

/// The block to commit now.
fn commit_of(record: &ValidatorRecord, chain: &Chain) -> Option<BlockReference> {
    let block = chain.justified_block();
    let is_news = block.height > chain.final_block().height;
    let may = may_commit(&OwnSigner::signed(record), block.height, true).is_ok();
    // A body that breaks a rule is never committed, whoever prepared its block.
    (is_news && may && chain.has_checked_body(&block.hash)).then_some(block)
}

/// The block to prepare now, and its source.
fn prepare_of(
    record: &ValidatorRecord,
    chain: &Chain,
    justified: &Justified,
    now: Now,
) -> Option<(BlockReference, BlockReference)> {
    let prepared = record.prepared.map_or(Height(0), |(target, _)| target.height);
    let lowest = prepared.max(chain.final_block().height).0 + 1;
    let latest = now.unix.plus(AHEAD);
    let heights = (lowest..=chain.tip_header().height.0).rev().map(Height);
    let mut due = heights.filter_map(|height| {
        let hash = chain.best_hash(height)?;
        (chain.header(&hash)?.time <= latest).then_some(BlockReference { height, hash })
    });
    let target = due.next()?;
    let highest = chain.justified_block();
    let source = match is_proper_ancestor(&highest, &target, chain) {
        true => highest,
        false => justified.highest_below(&target, chain)?,
    };
    let descends = |lock: BlockReference| chain.descends_from(&source.hash, &lock.hash);
    let link = Link {
        source_is_justified: justified.contains(&source),
        source_is_proper_ancestor: is_proper_ancestor(&source, &target, chain),
        source_descends_from_lock: record.committed.is_none_or(descends),
    };
    let signed = OwnSigner::signed(record);
    may_prepare(&signed, target.height, source.height, link).is_ok().then_some((target, source))
}

/// Why the tip is not prepared yet, if its time has not come by this machine's clock.
fn ahead(chain: &Chain, now: Now) -> Option<Abstention> {
    let tip = chain.tip_header();
    let ahead = tip.time.distance(now.unix);
    let is_ahead = tip.time > now.unix && ahead > AHEAD;
    is_ahead.then_some(Abstention::BlockAhead { height: tip.height, ahead })
}

#[cfg(test)]
mod tests;
