//! What is known of a peer, and how old that knowledge is. This module does no input or output and
//! reads no clock: all times come with the news. The picture is drawn from this state alone.

use std::collections::VecDeque;

use protocol::units::{BlockHash, ElectionId};

use crate::render::{Tone, event_text, event_tone};
use crate::schema::{BlockSummary, Chain, Event, Neighbour, Peers, Results, Status};

/// The number of newest events that are kept, which is more than the tallest terminal shows.
const EVENTS_MAX: usize = 200;

/// The number of samples of a curve, one per second, which is more than the widest terminal shows.
const SAMPLES_MAX: usize = 512;

/// The number of blocks that are remembered as mined here, which is at least as many as are shown.
const MINED_HERE_MAX: usize = 512;

/// Everything that is drawn.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct State {
    pub(super) title: String,
    pub(super) election: ElectionId,
    /// The URL at which the peer is asked.
    pub(super) server: String,
    pub(super) contact: Contact,
    /// The newest time that came with any news, in Unix milliseconds.
    pub(super) now_ms: u64,
    pub(super) status: Option<Status>,
    pub(super) results: Option<Results>,
    pub(super) neighbours: Vec<Neighbour>,
    /// The newest first.
    pub(super) blocks: Vec<BlockSummary>,
    /// The number of transactions that waited for a block in each second, starting with the newest.
    pub(super) pool_samples: VecDeque<u64>,
    /// The hashes per second in each second, starting with the newest.
    pub(super) rate_samples: VecDeque<u64>,
    /// The newest first.
    pub(super) events: VecDeque<Heard>,
    mined_here: VecDeque<BlockHash>,
}

/// Whether the peer can be reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Contact {
    /// The peer was asked for the first time, and has not answered yet.
    Awaited,
    Live,
    Lost {
        since_ms: u64,
        reason: String,
    },
}

/// An event, or several transactions in a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Heard {
    pub(super) at_ms: u64,
    pub(super) text: String,
    pub(super) tone: Tone,
    /// The number of transactions directly before this one.
    pub(super) more: u64,
    is_transaction: bool,
}

/// A piece of news.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Update {
    Event(Event),
    /// The peer answered.
    Asked(Box<Answers>),
    /// The peer did not answer, or another peer did.
    Lost(String),
    /// Time has passed.
    Tick,
}

/// A peer's answers to one round of questions.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Answers {
    pub(super) server: String,
    pub(super) status: Status,
    pub(super) peers: Peers,
    /// Present only if the chain has changed.
    pub(super) chain: Option<(Results, Chain)>,
}

impl State {
    pub(super) fn new(title: String, election: ElectionId, server: String, now_ms: u64) -> Self {
        Self {
            title,
            election,
            server,
            contact: Contact::Awaited,
            now_ms,
            status: None,
            results: None,
            neighbours: Vec::new(),
            blocks: Vec::new(),
            pool_samples: VecDeque::new(),
            rate_samples: VecDeque::new(),
            events: VecDeque::new(),
            mined_here: VecDeque::new(),
        }
    }

    /// Applies news that was received at this moment, in Unix milliseconds.
    pub(super) fn apply(&mut self, update: Update, now_ms: u64) {
        self.now_ms = now_ms;
        match update {
            Update::Event(event) => self.hear(&event),
            Update::Asked(answers) => self.learn(*answers),
            Update::Lost(reason) => {
                let since_ms = match self.contact {
                    Contact::Lost { since_ms, .. } => since_ms,
                    Contact::Awaited | Contact::Live => now_ms,
                };
                self.contact = Contact::Lost { since_ms, reason };
            }
            Update::Tick => {}
        }
    }

    /// Whether a block is known to have been mined by this peer. This is not known of blocks from
    /// before the watch began.
    pub(super) fn is_mined_here(&self, hash: &BlockHash) -> bool {
        self.mined_here.contains(hash)
    }

    fn hear(&mut self, event: &Event) {
        if let Event::Block { hash, mined_here: true, .. } = event {
            remember(&mut self.mined_here, *hash, MINED_HERE_MAX);
        }
        // Mining has a panel of its own.
        if matches!(event, Event::Mining(_)) {
            return;
        }
        let is_transaction = matches!(event, Event::Transaction { .. });
        let (at_ms, text, tone) = (self.now_ms, event_text(event), event_tone(event));
        match self.events.front_mut() {
            // Thousands of votes are not interesting one by one, and must not push out all other
            // events.
            Some(last) if is_transaction && last.is_transaction => {
                *last = Heard { at_ms, text, tone, more: last.more + 1, is_transaction };
            }
            _ => remember(
                &mut self.events,
                Heard { at_ms, text, tone, more: 0, is_transaction },
                EVENTS_MAX,
            ),
        }
    }

    fn learn(&mut self, answers: Answers) {
        let Answers { server, status, peers, chain } = answers;
        let rate = status.mining.as_ref().map_or(0, |mining| mining.hashes_per_second);
        remember(&mut self.pool_samples, status.pool as u64, SAMPLES_MAX);
        remember(&mut self.rate_samples, rate, SAMPLES_MAX);
        self.contact = Contact::Live;
        self.server = server;
        self.status = Some(status);
        self.neighbours = peers.peers;
        if let Some((results, chain)) = chain {
            self.results = Some(results);
            self.blocks = chain.blocks;
        }
    }
}

/// Puts an item in front, and drops the oldest.
fn remember<T>(known: &mut VecDeque<T>, new: T, most: usize) {
    known.truncate(most - 1);
    known.push_front(new);
}
