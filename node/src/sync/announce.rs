//! Announces new tips with as much of the body as fits, and assembles bodies that were announced by
//! short ids (compact blocks, BIP 152, in one round trip).
//!
//! Two transactions can share a short id, so an assembled body must be checked against its header
//! like any other.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use protocol::block::{self, Block, Header};
use protocol::datagram::{
    AnnouncedBody, ChainRequest, DATAGRAM_BYTES_MAX, Datagram, ENVELOPE_BYTES, SHORT_IDS_MAX,
    ShortId,
};
use protocol::transaction::{HashedTransaction, Transaction};
use protocol::units::{BlockHash, Now};

use super::fetching::body_bytes;
use crate::dropped::DropReason;
use crate::ledger::pool::short_id;
use crate::limits::Limits;
use crate::{Node, Timer};
use chain::rules::Rule;

/// How long to wait for those transactions before the block is fetched like any other.
const PATIENCE: Duration = Duration::from_millis(500);
/// The bytes of NEW_BLOCK before its transactions: envelope, two variants, header and length.
const OVERHEAD: usize = ENVELOPE_BYTES + 4 + 96 + 4 + 8;

/// What came with an announced header.
enum Announced {
    Whole(Vec<Arc<HashedTransaction>>),
    /// A body that is another block's, which is a fault.
    Wrong,
    ShortIds(Vec<ShortId>),
    Nothing,
}

/// An announced block of which only some transactions are here.
#[derive(Debug)]
struct Partial {
    from: SocketAddr,
    short_ids: Vec<ShortId>,
    transactions: Vec<Option<Arc<HashedTransaction>>>,
    request: u32,
    deadline: Instant,
}

#[derive(Debug, Default)]
pub(crate) struct Announcements {
    partials: BTreeMap<BlockHash, Partial>,
    last_request: u32,
}

impl Announcements {
    /// Whether a block's transactions are awaited, so that its pieces need not be fetched.
    pub(super) fn contains(&self, hash: &BlockHash) -> bool {
        self.partials.contains_key(hash)
    }

    /// Checks that each partial has a slot for each of its transactions, and that there are not too many.
    ///
    /// # Panics
    /// When an invariant does not hold.
    pub(super) fn check_invariants(&self, limits: &Limits) {
        let partials = self.partials.len();
        assert!(partials <= limits.partials_max, "{partials} partial blocks");
        for (hash, partial) in &self.partials {
            assert_eq!(partial.transactions.len(), partial.short_ids.len());
            let lacks_some = partial.transactions.iter().any(Option::is_none);
            assert!(lacks_some, "the partial block {hash} is whole");
        }
    }

    pub(crate) fn forget(&mut self, hash: &BlockHash) {
        self.partials.remove(hash);
    }
}

impl Node {
    /// Announces the tip to all neighbours, except the one that it came from.
    pub(crate) fn announce_tip(&mut self, from: Option<SocketAddr>) {
        let tip = self.chain.tip().hash;
        let Some(block) = self.chain.block(&tip).map(Arc::clone) else { return };
        let body = announced_body(&block);
        for address in self.membership.addresses() {
            let knows = self.sync.sources.get(&address).and_then(|source| source.status);
            if Some(address) == from || knows.is_some_and(|status| status.tip == tip) {
                continue;
            }
            self.send(address, Datagram::NewBlock { header: block.header, body: body.clone() });
        }
    }

    /// Announces one of this node's own blocks to all neighbours, whatever they already know.
    /// Returns their addresses.
    pub(crate) fn announce_own(&mut self, block: &Block) -> Vec<SocketAddr> {
        let body = announced_body(block);
        let addresses = self.membership.addresses();
        for address in &addresses {
            let body = body.clone();
            self.send(*address, Datagram::NewBlock { header: block.header, body });
        }
        addresses
    }

    pub(crate) fn handle_new_block(
        &mut self,
        from: SocketAddr,
        header: Header,
        body: AnnouncedBody,
        now: Now,
    ) {
        let announced = match body {
            AnnouncedBody::Transactions(transactions) => self.judge_body(&header, &transactions),
            AnnouncedBody::ShortIds(ids) => Announced::ShortIds(ids),
            AnnouncedBody::Omitted => Announced::Nothing,
        };
        // While the disk takes nothing, or bodies wait for another one, more of them would fill the memory. That is
        // nobody's fault: the block is fetched once there is room.
        let has_room = self.disk.durability.has_room()
            && match &announced {
                Announced::Whole(transactions) => {
                    self.has_room_announced(&header.previous, body_bytes(transactions))
                }
                Announced::ShortIds(_) | Announced::Wrong | Announced::Nothing => true,
            };
        let has_body = has_room && matches!(announced, Announced::Whole(_));
        let Some(hash) = self.handle_header(header, has_body, from, now) else {
            return self.look_for_parent(from, &header, now);
        };
        self.note_tip_of(from, hash);
        if self.chain.lacks_body(&hash) {
            match announced {
                Announced::Wrong => {
                    let reason = format!("announced {hash} with another block's body");
                    self.record_fault(from, reason, now);
                }
                Announced::Whole(transactions) if has_room => {
                    self.handle_fetched_body(hash, transactions, from, now);
                }
                Announced::ShortIds(ids) if has_room => self.start_partial(from, hash, ids, now),
                Announced::Whole(_) | Announced::ShortIds(_) | Announced::Nothing => {}
            }
        }
        self.continue_sync(now);
    }

    pub(crate) fn handle_chain_transactions(
        &mut self,
        from: SocketAddr,
        (request, _, pieces): (u32, u32, u32),
        transactions: Vec<Transaction>,
        now: Now,
    ) {
        let asked = |partial: &Partial| partial.from == from && partial.request == request;
        let partials = &mut self.sync.announcements.partials;
        let Some((hash, partial)) = partials.iter_mut().find(|(_, partial)| asked(partial)) else {
            return self.counters.dropped.count(DropReason::TransactionsNotAsked);
        };
        let hash = *hash;
        if pieces == 0 {
            // The neighbour does not have the block any more, so there is nothing to wait for.
            partials.remove(&hash);
            return self.continue_sync(now);
        }
        for transaction in transactions {
            let transaction = HashedTransaction::new(transaction, self.chain.election_id());
            let id = short_id(&transaction.leaf());
            let place = partial.short_ids.iter().position(|wanted| *wanted == id);
            if let Some(place) = place {
                partial.transactions[place] = Some(Arc::new(transaction));
            }
        }
        self.finish_partial(hash, now);
        self.continue_sync(now);
    }

    pub(crate) fn handle_announcements_timer(&mut self, now: Now) {
        self.sync.announcements.partials.retain(|_, partial| partial.deadline > now.instant);
        self.arm_announcements_timer();
        self.continue_sync(now);
    }

    /// Handles a tip whose parent is unknown, which means that its sender has a branch that we
    /// lack. Its headers are requested if the sender's next heartbeat shows that its branch is the
    /// better one.
    fn look_for_parent(&mut self, from: SocketAddr, header: &Header, now: Now) {
        let ours = self.chain.tip_header().height;
        if header.height >= ours && header.has_work() {
            self.poke(from, now);
        }
    }

    /// Whoever announces a block has the chain up to that block.
    fn note_tip_of(&mut self, from: SocketAddr, hash: BlockHash) {
        let (Some(work), Some(header)) = (self.chain.work(&hash), self.chain.header(&hash)) else {
            return;
        };
        let height = header.height;
        let status = self.sync.sources.get_mut(&from).and_then(|known| known.status.as_mut());
        if let Some(status) = status.filter(|status| status.work < work) {
            (status.height, status.tip, status.work) = (height, hash, work);
        }
    }

    /// Whether the body that was announced with a header is the header's.
    fn judge_body(&self, header: &Header, transactions: &[Transaction]) -> Announced {
        let election = self.chain.election_id();
        let hashed = |each: &Transaction| Arc::new(HashedTransaction::new(each.clone(), election));
        let transactions: Vec<_> = transactions.iter().map(hashed).collect();
        let is_its = block::merkle_root(&transactions) == header.merkle_root
            || !self.rules.enforces(Rule::MerkleRoot);
        if is_its { Announced::Whole(transactions) } else { Announced::Wrong }
    }

    fn start_partial(
        &mut self,
        from: SocketAddr,
        hash: BlockHash,
        short_ids: Vec<ShortId>,
        now: Now,
    ) {
        let partials = &self.sync.announcements.partials;
        if partials.contains_key(&hash) || partials.len() >= self.limits.partials_max {
            return;
        }
        let transactions: Vec<_> =
            short_ids.iter().map(|id| self.ledger.pool().by_short_id(id).cloned()).collect();
        let missing = (0u16..).zip(&transactions).filter(|(_, known)| known.is_none());
        let places: Vec<u16> = missing.map(|(place, _)| place).collect();
        self.sync.announcements.last_request = self.sync.announcements.last_request.wrapping_add(1);
        let request = self.sync.announcements.last_request;
        let deadline = now.instant + PATIENCE;
        let partial = Partial { from, short_ids, transactions, request, deadline };
        self.sync.announcements.partials.insert(hash, partial);
        if places.is_empty() {
            return self.finish_partial(hash, now);
        }
        let wanted = ChainRequest::Transactions { block: hash, places };
        self.send(from, Datagram::RequestChain { request, wanted });
        self.arm_announcements_timer();
    }

    fn finish_partial(&mut self, hash: BlockHash, now: Now) {
        let partials = &mut self.sync.announcements.partials;
        let is_whole = |partial: &Partial| partial.transactions.iter().all(Option::is_some);
        let Some(partial) = partials.get(&hash).filter(|partial| is_whole(partial)) else { return };
        let from = partial.from;
        let partial = partials.remove(&hash).expect("found above");
        let transactions: Vec<_> = partial.transactions.into_iter().flatten().collect();
        let Some(previous) = self.chain.header(&hash).map(|header| header.previous) else { return };
        let has_room = self.has_room_announced(&previous, body_bytes(&transactions));
        if !has_room || !self.disk.durability.has_room() {
            // The disk or the memory filled up meanwhile: the block is fetched once there is room.
            return;
        }
        // Two transactions may share a short id. In that case the block is fetched like any other.
        if let Err(error) = self.handle_body(hash, transactions, Some(from), now) {
            tracing::debug!(%hash, %error, "an announced block did not come together");
        }
    }

    fn arm_announcements_timer(&mut self) {
        let partials = self.sync.announcements.partials.values();
        self.timers.set(Timer::Announcements, partials.map(|partial| partial.deadline).min());
    }
}

/// As much of a body as fits into one datagram.
fn announced_body(block: &Block) -> AnnouncedBody {
    let bytes: usize = block.transactions.iter().map(|transaction| transaction.bytes()).sum();
    if OVERHEAD + bytes <= DATAGRAM_BYTES_MAX {
        let transactions = block.transactions.iter();
        return AnnouncedBody::Transactions(
            transactions.map(|transaction| transaction.transaction().clone()).collect(),
        );
    }
    if block.transactions.len() <= SHORT_IDS_MAX {
        let transactions = block.transactions.iter();
        let ids = transactions.map(|transaction| short_id(&transaction.leaf()));
        return AnnouncedBody::ShortIds(ids.collect());
    }
    AnnouncedBody::Omitted
}
