//! What a laboratory does on command, for a class: a partition, a race at the tip's height, blocks that break a rule.
//!
//! A node that is no laboratory never gets here: [`Node::handle_command`] refuses. What is forged here is never added
//! to this node's own chain; it is sent, and for whoever asks the newest one is kept.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use protocol::block::{Block, Header};
use protocol::datagram::{Datagram, Envelope};
use protocol::units::{BlockHash, Height, Now};

use super::Node;
use super::command::{Answer, CommandError, Experiment};
use super::dropped::DropReason;
use super::output::{Event, MineJob, Output};
use super::timers::Timer;
use super::views::Tip;
use chain::{Forgery, next_header};

/// What is under way, and what is left of it.
#[derive(Debug, Default)]
pub(super) struct Laboratory {
    is_partitioned: bool,
    search: Option<Search>,
    /// The newest bad block, for neighbours that were told of its header alone.
    forged: Option<(BlockHash, Arc<Block>)>,
}

/// A nonce that is searched for, in place of this node's ordinary mining.
#[derive(Debug)]
struct Search {
    number: u64,
    block: Block,
    /// `None` in a race.
    forgery: Option<Box<Forgery>>,
}

impl Laboratory {
    pub(super) fn is_partitioned(&self) -> bool {
        self.is_partitioned
    }

    pub(super) fn is_searching(&self) -> bool {
        self.search.is_some()
    }

    /// Whether a partition holds back what this node would send.
    pub(super) fn keeps_back(&self, datagram: &Datagram) -> bool {
        self.is_partitioned && !matches!(datagram, Datagram::PokeAck { .. } | Datagram::Retry)
    }

    pub(super) fn forged(&self, hash: &BlockHash) -> Option<&Arc<Block>> {
        self.forged.as_ref().filter(|(forged, _)| forged == hash).map(|(_, block)| block)
    }
}

impl Node {
    /// # Errors
    /// When there is nobody to send a block to, or nothing to make it of.
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
            Experiment::BadBlock(_) if self.laboratory.is_partitioned => {
                return Err(CommandError::Partitioned);
            }
            Experiment::BadBlock(_) if self.neighbours.len() == 0 => {
                return Err(CommandError::NoNeighbours);
            }
            Experiment::BadBlock(_) | Experiment::Race(_) if !self.mining.is_enabled() => {
                return Err(CommandError::MiningOff);
            }
            Experiment::BadBlock(forgery) => {
                self.check_clock(now)?;
                Some(self.forge(forgery, now))
            }
            Experiment::Race(rival) => Some(self.race(&rival, now)?),
        };
        Ok(Answer::Experiment { height })
    }

    /// Hears POKEs alone, and answers them as the tracker does, without a word on the chain: so tracker and neighbours
    /// keep this node listed, and nothing crosses. A POKE without a token is asked for one, or it could not be answered.
    pub(super) fn dispatch_while_partitioned(
        &mut self,
        from: SocketAddr,
        envelope: &Envelope,
        has_token: bool,
        received_bytes: usize,
        now: Now,
    ) {
        let Datagram::Poke { nonce, .. } = envelope.datagram else {
            return self.tallies.dropped.count(DropReason::Partitioned);
        };
        let token = envelope.sender_token;
        if !has_token {
            return self.ask_for_token(from, token, received_bytes);
        }
        if self.is_tracker(&from) {
            self.note_tracker_token(token);
            self.heard_of_tracker(now);
        } else if let Some(neighbour) = self.neighbours.get_mut(&from) {
            neighbour.token = token;
            neighbour.heard = true;
        }
        self.send_with(from, token, self.prefix, Datagram::PokeAck { nonce, status: None });
    }

    /// A bad block has to stand on the tip to be looked at, so it is made anew when the tip has moved.
    pub(super) fn move_experiment(&mut self, now: Now) {
        let is_forgery = |search: &mut Search| search.forgery.is_some();
        let moved = self.laboratory.search.take_if(is_forgery);
        if let Some(forgery) = moved.and_then(|search| search.forgery) {
            self.forge(forgery, now);
        }
    }

    pub(super) fn stop_experiment(&mut self) {
        if self.laboratory.search.take().is_some() {
            self.output(Output::StopMining);
        }
    }

    /// Takes the nonce of an experiment's block; false when the job was none.
    pub(super) fn take_experiment(&mut self, job: u64, nonce: u64, now: Now) -> bool {
        let is_its = |search: &mut Search| search.number == job;
        let Some(search) = self.laboratory.search.take_if(is_its) else { return false };
        let Search { mut block, forgery, .. } = search;
        block.header.nonce = nonce;
        match forgery {
            Some(forgery) => self.send_forged(block, &forgery),
            None => self.finish_race(block, now),
        }
        // Ordinary mining goes on where it was.
        self.timers.set_by(Timer::Mine, now.instant);
        true
    }

    /// A partition that ends is over at once: nobody waits for the next time that something would be said again.
    fn set_partition(&mut self, is_on: bool, now: Now) {
        let was_on = std::mem::replace(&mut self.laboratory.is_partitioned, is_on);
        if is_on || !was_on {
            return;
        }
        self.forget_withheld();
        for address in self.neighbours.addresses() {
            if let Some(neighbour) = self.neighbours.get_mut(&address) {
                neighbour.headers_not_before = now.instant;
                neighbour.renew_not_before = now.instant;
            }
            self.renew(address, now);
            self.poke_now(address, now);
        }
        self.probes.hurry(now.instant);
        self.arm_probe_timer();
        if self.tracker.is_some() {
            self.timers.set(Timer::Tracker, Some(now.instant));
        }
        self.continue_sync(now);
    }

    /// Begins a block that breaks a rule, on top of the tip; gives its height.
    fn forge(&mut self, forgery: Box<Forgery>, now: Now) -> Height {
        let block = forgery.block(self.chain.tip_header(), now.unix);
        let height = block.header.height;
        match forgery.needs_work() {
            true => self.search_for(block, Some(forgery)),
            false => self.send_forged(block, &forgery),
        }
        height
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
        let parent = *self.chain.header(&tip.previous).expect("a block stands on its parent");
        let header = next_header(&parent, &rival.transactions, now.unix);
        // Never the same block over again.
        let time = if header.time == tip.time {
            tip.time.plus(Duration::from_millis(1))
        } else {
            header.time
        };
        let transactions = rival.transactions.clone();
        self.search_for(Block { header: Header { time, ..header }, transactions }, None);
        Ok(tip.height)
    }

    /// Has a nonce searched for, in place of all that was searched for before.
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

    /// The rival of the tip is a good block: this node keeps it like any other.
    fn finish_race(&mut self, block: Block, now: Now) {
        self.send_experiment(&block, None);
        let Block { header, transactions } = block;
        self.mining.note_mined(header.hash());
        let inserted = self.chain.insert_header_with_body(header, now.unix);
        let taken = inserted.map_err(|error| error.to_string()).and_then(|hash| {
            let taken = self.take_body(hash, transactions, None, now);
            taken.map_err(|error| error.to_string())
        });
        if let Err(error) = taken {
            tracing::warn!(error, "the rival of a block is refused");
        }
    }

    fn send_experiment(&mut self, block: &Block, forgery: Option<&Forgery>) {
        // A partition lets nothing through.
        let neighbours = match self.laboratory.is_partitioned {
            true => 0,
            false => self.announce_own(block),
        };
        let tip = Tip { height: block.header.height, hash: block.header.hash() };
        let rule = forgery.map(Forgery::rule);
        self.output(Output::Event(Event::Experiment { block: tip, rule, neighbours }));
    }
}
