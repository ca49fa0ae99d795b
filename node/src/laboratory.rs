//! What a laboratory does on command, for a class: a partition, a race at the tip's height, blocks that break a rule, a
//! second signature of its validator.
//!
//! A node that is no laboratory must never get here: [`Node::handle_command`] refuses. What is forged here must never
//! be added to this node's own chain; it is sent, and the newest one is kept for whoever asks for its body.

use std::sync::Arc;
use std::time::Duration;

use protocol::block::{Block, Header};
use protocol::units::{BlockHash, Height, Now};

use super::command::{Answer, CommandError, Experiment};
use super::event::{Event, PeerAt};
use super::output::{MineJob, Output};
use super::views::Tip;
use super::{Node, Timer};
use chain::Forgery;

/// The experiments that are under way, and what remains of finished ones.
#[derive(Debug, Default)]
pub(super) struct Laboratory {
    search: Option<Search>,
    /// The newest bad block, kept for neighbours that were told only its header.
    forged: Option<(BlockHash, Arc<Block>)>,
}

/// The search for a nonce of an experiment, which replaces this node's ordinary mining.
#[derive(Debug)]
struct Search {
    number: u64,
    block: Block,
    /// The bad block that is being made; `None` in a race.
    forgery: Option<Box<Forgery>>,
}

impl Laboratory {
    pub(super) fn is_searching(&self) -> bool {
        self.search.is_some()
    }

    pub(super) fn forged(&self, hash: &BlockHash) -> Option<&Arc<Block>> {
        self.forged.as_ref().filter(|(forged, _)| forged == hash).map(|(_, block)| block)
    }
}

impl Node {
    /// # Errors
    /// When there is nobody to send anything to, or nothing to make it of.
    pub(super) fn experiment(
        &mut self,
        experiment: Experiment,
        now: Now,
    ) -> Result<Answer, CommandError> {
        let height = match experiment {
            Experiment::Partition(is_on) => {
                self.set_partition(is_on, now);
                None
            }
            Experiment::BadBlock(_) | Experiment::SignTwice if self.membership.is_partitioned() => {
                return Err(CommandError::Partitioned);
            }
            Experiment::BadBlock(_) | Experiment::SignTwice
                if self.membership.neighbour_count() == 0 =>
            {
                return Err(CommandError::NoNeighbours);
            }
            Experiment::BadBlock(_) | Experiment::Race(_) if !self.mining.is_enabled() => {
                return Err(CommandError::MiningOff);
            }
            Experiment::BadBlock(forgery) => {
                self.check_clock(now)?;
                Some(self.forge(forgery, now)?)
            }
            Experiment::Race(rival) => Some(self.race(&rival, now)?),
            Experiment::SignTwice => Some(self.sign_twice(now)?),
        };
        Ok(Answer::Experiment { height })
    }

    /// Others look at a bad block only if it follows the tip, so it is made again when the tip has
    /// moved.
    pub(super) fn move_experiment(&mut self, now: Now) {
        let is_forgery = |search: &mut Search| search.forgery.is_some();
        let moved = self.laboratory.search.take_if(is_forgery);
        if let Some(forgery) = moved.and_then(|search| search.forgery)
            && let Err(error) = self.forge(forgery, now)
        {
            tracing::warn!(%error, "an experiment ends");
            self.output(Output::StopMining);
        }
    }

    pub(super) fn stop_experiment(&mut self) {
        if self.laboratory.search.take().is_some() {
            self.output(Output::StopMining);
        }
    }

    /// Handles the nonce of an experiment's block. Returns false if the job did not belong to an
    /// experiment.
    pub(super) fn handle_experiment_mined(&mut self, job: u64, nonce: u64, now: Now) -> bool {
        let is_its = |search: &mut Search| search.number == job;
        let Some(search) = self.laboratory.search.take_if(is_its) else { return false };
        let Search { mut block, forgery, .. } = search;
        block.header.nonce = nonce;
        match forgery {
            Some(forgery) => self.send_forged(block, &forgery),
            None => self.finish_race(block, now),
        }
        // Ordinary mining continues where it stopped.
        self.timers.set_by(Timer::Mine, now.instant);
        true
    }

    /// Switches the partition on or off. When it ends, everything that was given up while it lasted
    /// is tried again.
    fn set_partition(&mut self, is_on: bool, now: Now) {
        let ends = self.membership.is_partitioned() && !is_on;
        if ends {
            self.forget_withheld();
            for source in self.sync.sources.values_mut() {
                source.headers_not_before = now.instant;
            }
        }
        self.membership.set_partitioned(is_on, now);
        self.react_to_membership(now);
        if ends {
            self.continue_sync(now);
        }
    }

    /// Starts to make a block that breaks a rule on top of the tip. Returns its height.
    ///
    /// # Errors
    /// When no block on the tip can break that rule.
    fn forge(&mut self, forgery: Box<Forgery>, now: Now) -> Result<Height, CommandError> {
        let block = forgery.block(&self.chain.tip_past(), now.unix)?;
        let height = block.header.height;
        match forgery.needs_work() {
            true => self.search_for(block, Some(forgery)),
            false => self.send_forged(block, &forgery),
        }
        Ok(height)
    }

    /// # Errors
    /// When the rival is not the tip, or the genesis.
    fn race(&mut self, rival: &Block, now: Now) -> Result<Height, CommandError> {
        let tip = *self.chain.tip_header();
        if tip.height == Height(0) {
            return Err(CommandError::NothingToRace);
        }
        if rival.header != tip {
            return Err(CommandError::TipMoved);
        }
        let past = self.chain.past(&tip.previous).expect("a block stands on its parent");
        let header = past.next_header(&rival.transactions, now.unix);
        // The time differs from the rival's, so that the same block is never mined over again.
        let time = if header.time == tip.time {
            tip.time.plus(Duration::from_millis(1))
        } else {
            header.time
        };
        let transactions = rival.transactions.clone();
        self.search_for(Block { header: Header { time, ..header }, transactions }, None);
        Ok(tip.height)
    }

    /// Has a nonce searched for, replacing every search before it.
    fn search_for(&mut self, block: Block, forgery: Option<Box<Forgery>>) {
        self.stop_mining();
        let number = self.mining.next_number();
        let job = MineJob { number, header: block.header, transactions: block.transactions.len() };
        self.laboratory.search = Some(Search { number, block, forgery });
        self.output(Output::Mine(job));
    }

    fn send_forged(&mut self, block: Block, forgery: &Forgery) {
        let hash = block.header.hash();
        let block = Arc::new(block);
        self.laboratory.forged = Some((hash, Arc::clone(&block)));
        self.send_experiment(&block, Some(forgery));
    }

    /// The rival of the tip is a valid block, so this node keeps it like any other.
    fn finish_race(&mut self, block: Block, now: Now) {
        self.send_experiment(&block, None);
        let Block { header, transactions } = block;
        self.mining.note_mined(header.hash());
        let inserted = self.chain.insert_header_with_body(header, now.unix);
        let taken = inserted.map_err(|error| error.to_string()).and_then(|hash| {
            let taken = self.handle_body(hash, transactions, None, now);
            taken.map_err(|error| error.to_string())
        });
        if let Err(error) = taken {
            tracing::warn!(error, "the rival of a block is refused");
        }
    }

    fn send_experiment(&mut self, block: &Block, forgery: Option<&Forgery>) {
        // A partition lets nothing through.
        let (addresses, neighbours) = match self.membership.is_partitioned() {
            true => (Vec::new(), 0),
            false => (self.announce_own(block), self.membership.distinct_count()),
        };
        let sent_to = addresses
            .into_iter()
            .map(|address| PeerAt { address, name: self.membership.name_of(&address) });
        let sent_to = sent_to.collect();
        let tip = Tip { height: block.header.height, hash: block.header.hash() };
        let rule = forgery.map(Forgery::rule);
        self.output(Output::Event(Event::Experiment { block: tip, rule, sent_to, neighbours }));
    }
}
