//! The one task that owns the node. It hands the node everything that happens, and performs the
//! effects that the node asks for.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use protocol::election::Election;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{MissedTickBehavior, interval};

use super::lan::Lan;
use super::look_up::{LookUps, LookedUp};
use super::validator::Signer;
use super::verifier::{Verified, Verifier};
use crate::config::Mining;
use crate::handle::{Request, Requests};
use crate::miner::{Miner, MinerView};
use crate::render::event_text;
use crate::schema::{self, Event};
use crate::store::commit_metrics::CommitMetrics;
use crate::store::{OpenedChain, Store, StoreReport};
use host::clock::now;
use host::entropy;
use host::signals::until;
use host::udp::{OwnAddress, Udp, receive_buffer};
use node::{Answer, CommandError, Node, NodeConfig, Output, Restored, Ticket};

/// How often it is looked whether this machine still has the addresses that the peer listens on.
const ADDRESSES_PERIOD: Duration = Duration::from_secs(2);

/// The outcome of an effect that a thread performed. The node limits how many effects it asks for
/// at once, so their queue needs no limit of its own.
#[derive(Debug)]
enum Completion {
    Mined { job: u64, nonce: u64 },
    Verified(Verified),
    Stored(StoreReport),
}

/// The node, together with everything that performs its effects.
#[derive(Debug)]
pub(crate) struct NodeTask {
    node: Node,
    udp: Udp,
    look_ups: LookUps,
    lan: Lan,
    store: Store,
    verifier: Verifier,
    miner: Option<Miner>,
    /// The validator that this peer is.
    signer: Option<Signer>,
    commits: CommitMetrics,
    requests: Requests,
    completions: mpsc::UnboundedReceiver<Completion>,
    completed: mpsc::UnboundedSender<Completion>,
    /// The senders through which answers that come later are delivered.
    waiting: BTreeMap<Ticket, oneshot::Sender<Result<Answer, CommandError>>>,
    /// Who is told why the node has to end.
    refused: Option<oneshot::Sender<String>>,
    has_left: bool,
}

impl NodeTask {
    /// Starts all threads, and the node from what is remembered.
    ///
    /// # Errors
    /// When the system cannot start a thread.
    pub(crate) fn new(
        config: NodeConfig,
        election: Arc<Election>,
        (chain, restored): (OpenedChain, Restored),
        (udp, look_ups, lan): (Udp, LookUps, Lan),
        (mining, signer): (Mining, Option<Signer>),
        requests: Requests,
        commits: CommitMetrics,
    ) -> io::Result<Self> {
        let (completed, completions) = mpsc::unbounded_channel();
        let report = completed.clone();
        let store = Store::start(chain, move |outcome| {
            // After the end of the node nobody needs to know.
            let _ = report.send(Completion::Stored(outcome));
        });
        let found = completed.clone();
        let miner = match mining {
            Mining::Off => None,
            Mining::Threads(threads) => Some(Miner::start(threads, move |job, nonce| {
                let _ = found.send(Completion::Mined { job, nonce });
            })?),
        };
        Ok(Self {
            node: Node::new(config, election, restored, entropy::random(), now()),
            udp,
            look_ups,
            lan,
            store,
            verifier: Verifier::start(),
            miner,
            signer,
            commits,
            requests,
            completions,
            completed,
            waiting: BTreeMap::new(),
            refused: None,
            has_left: false,
        })
    }

    pub(crate) fn miner_view(&self) -> Option<MinerView> {
        self.miner.as_ref().map(Miner::view)
    }

    pub(crate) fn multicast_view(&self) -> watch::Receiver<schema::Multicast> {
        self.lan.view()
    }

    /// Tells why the peer has to end, when all trackers refuse it.
    pub(crate) fn refused(&mut self) -> oneshot::Receiver<String> {
        let (refused, told) = oneshot::channel();
        self.refused = Some(refused);
        told
    }

    /// Runs until the node has left the network. Everything is on disk then.
    pub(crate) async fn run(mut self) {
        let mut buffer = receive_buffer();
        let mut looks = interval(ADDRESSES_PERIOD);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            self.perform_effects().await;
            if self.has_left {
                break;
            }
            tokio::select! {
                () = self.udp.readable() => self.receive(&mut buffer),
                () = self.lan.ready() => self.lan.step(&mut self.node, &mut buffer),
                () = until(self.node.poll_timeout()) => self.node.handle_timeout(now()),
                Some(completion) = self.completions.recv() => {
                    self.complete(completion);
                    // Completions that are available already are handled in the same round.
                    while let Ok(completion) = self.completions.try_recv() {
                        self.complete(completion);
                    }
                }
                Some(request) = self.requests.requests.recv() => self.answer(request),
                LookedUp { name, found } = self.look_ups.next() => {
                    self.node.handle_looked_up(&name, found, now());
                }
                _ = looks.tick() => {
                    for OwnAddress { address, is_here } in self.udp.check_addresses() {
                        self.node.handle_own_address(address, is_here, now());
                    }
                }
            }
        }
        let (miner, store) = (self.miner.take(), self.store);
        let flushed = tokio::task::spawn_blocking(move || {
            drop(miner);
            store.close();
        });
        if let Err(error) = flushed.await {
            tracing::error!(%error, "the last records may not be on disk");
        }
    }

    fn receive(&mut self, buffer: &mut [u8]) {
        let Self { udp, node, .. } = self;
        udp.receive_burst(buffer, |from, bytes| node.handle_datagram(from, bytes, now()));
    }

    fn complete(&mut self, completion: Completion) {
        match completion {
            Completion::Mined { job, nonce } => self.node.handle_mined(job, nonce, now()),
            Completion::Verified(Verified { job, verdicts }) => {
                self.node.handle_verified(job, verdicts, now());
            }
            Completion::Stored(StoreReport::Persisted { batch, took }) => {
                self.commits.count(took);
                self.node.handle_persisted(batch, now());
            }
            Completion::Stored(StoreReport::Failed { batch, reason }) => {
                tracing::debug!(batch, reason, "not written to disk");
                self.commits.count_failure();
                self.node.handle_persist_failed(batch, &reason, now());
            }
            Completion::Stored(StoreReport::Mended { damage }) => {
                self.node.handle_mended();
                // It is not an error if nobody listens.
                let _ = self.requests.events.send(Event::Mended { message: damage });
            }
            Completion::Stored(StoreReport::Loaded { number, outcome }) => {
                self.node.handle_loaded(number, outcome, now());
            }
        }
    }

    /// Whoever asked may have gone away in the meantime; then nobody gets the answer.
    fn answer(&mut self, Request { command, reply }: Request) {
        match self.node.handle_command(command, now()) {
            Ok(Answer::Pending(ticket)) => {
                self.waiting.insert(ticket, reply);
            }
            answer => {
                let _ = reply.send(answer);
            }
        }
    }

    async fn perform_effects(&mut self) {
        self.udp.begin_round();
        while let Some(output) = self.node.poll_output() {
            match output {
                Output::Transmit { to, bytes } => self.udp.send(to, &bytes).await,
                Output::LookUp(name) => self.look_ups.start(name),
                Output::Announce { bytes } => self.lan.announce(&bytes),
                Output::Persist(batch) => {
                    if let Err(report) = self.store.persist(batch) {
                        // This task owns the receiver itself, so sending cannot fail.
                        let _ = self.completed.send(Completion::Stored(report));
                    }
                }
                Output::Load(job) => {
                    if let Err(report) = self.store.load(job) {
                        let _ = self.completed.send(Completion::Stored(report));
                    }
                }
                Output::Verify(job) => {
                    let completed = self.completed.clone();
                    self.verifier.verify(job, move |verified| {
                        let _ = completed.send(Completion::Verified(verified));
                    });
                }
                Output::Mine(job) => {
                    if let Some(miner) = &self.miner {
                        miner.mine(job);
                    }
                }
                Output::StopMining => {
                    if let Some(miner) = &self.miner {
                        miner.stop();
                    }
                }
                Output::Sign(decided) => {
                    if let Some(signer) = &self.signer {
                        // A signature takes no longer than the checks of a datagram, so no thread is asked for it.
                        self.node.handle_signed(signer.sign(decided), now());
                    }
                }
                Output::Answered { ticket, outcome } => {
                    if let Some(asker) = self.waiting.remove(&ticket) {
                        let _ = asker.send(outcome);
                    }
                }
                Output::Refused { tracker, expected, found_prefix } => {
                    let event = node::Event::TrackerRefused { tracker, expected, found_prefix };
                    if let Some(refused) = self.refused.take() {
                        // The peer may be ending anyway.
                        let _ = refused.send(event_text(&event.into()));
                    }
                }
                Output::Event(event) => {
                    // It is not an error if nobody listens.
                    let _ = self.requests.events.send(event.into());
                }
                Output::Left => self.has_left = true,
            }
        }
    }
}
