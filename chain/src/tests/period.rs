//! What may stand in a block before, between and after the opening and the closing, to the millisecond.

use std::sync::LazyLock;

use proptest::prelude::*;
use protocol::transaction::TransactionKind;

use super::*;
use crate::fixtures::{Timed, election_by_registrars};

const INTERVAL_MS: u64 = 10_000;
const OPENS_MS: u64 = 1_000_000;
const CLOSES_MS: u64 = 2_000_000;

/// The moment so many milliseconds after the creation.
fn at(after_ms: u64) -> UnixMillis {
    election().created.plus(Duration::from_millis(after_ms))
}

/// An election that opens and closes, with a transaction of each kind that is good but for the time, and a registration
/// that must stand before the vote.
struct Scene {
    election: Arc<Election>,
    registration: Arc<HashedTransaction>,
    /// A registration of somebody else, a vote, and a withdrawal of somebody else if there are registrars.
    one_each: Vec<Arc<HashedTransaction>>,
}

impl Scene {
    fn new(election: Election) -> Self {
        let timed = Timed::new(election, OPENS_MS, CLOSES_MS);
        let mut one_each = vec![timed.registration(1), timed.vote(0, 1)];
        if timed.election.admission.stamp_difficulty().is_none() {
            one_each.push(timed.withdrawal(2));
        }
        Self { registration: timed.registration(0), one_each, election: timed.election }
    }

    /// A chain and an audit after blocks with these times, the first of which registers the voter.
    fn after(&self, times: &[UnixMillis]) -> Both {
        let mut both = Both::new(&self.election);
        for (number, time) in times.iter().enumerate() {
            let first = [Arc::clone(&self.registration)];
            let transactions = if number == 0 { first.as_slice() } else { &[] };
            assert_eq!(both.add(*time, transactions), Ok(()));
        }
        both
    }
}

static SCENES: LazyLock<[Scene; 2]> =
    LazyLock::new(|| [election(), election_by_registrars()].map(Scene::new));

/// A chain and an audit that are given the same blocks.
struct Both {
    chain: Chain,
    audit: Audit,
    blocks: Vec<Block>,
}

impl Both {
    fn new(election: &Arc<Election>) -> Self {
        let chain = Chain::new(Arc::clone(election), Rules::ALL, usize::MAX);
        Self { chain, audit: Audit::new(Arc::clone(election)), blocks: Vec::new() }
    }

    /// Gives both a block with this time; both have to judge alike.
    fn add(
        &mut self,
        time: UnixMillis,
        transactions: &[Arc<HashedTransaction>],
    ) -> Result<(), BlockError> {
        let past = self.chain.tip_past();
        let header = Header { time, ..past.next_header(transactions, UnixMillis(0)) };
        let block = Block { header: worked(header, 0), transactions: transactions.to_vec() };
        let hash = self.chain.insert_header(block.header, time).expect("it follows");
        let body = self.chain.insert_body(&hash, transactions.to_vec());
        body.expect("it keeps the rules that need no branch");
        self.chain.accept_signatures(&hash);
        let failed = self.chain.advance().invalid.into_iter().next();
        self.chain.check_invariants();

        let election = Arc::clone(self.chain.election());
        let checked =
            CheckedBlock::new(Arc::new(block.clone()), &election, self.chain.election_id());
        let judged = self.audit.extend(&checked, time).err().map(|failure| failure.error);
        let told = failed.map(|failure| failure.error);
        assert_eq!(judged, told.clone().map(|error| BodyError::Invalid(error).into()));
        assert_eq!(self.audit.closing_block(), self.chain.closing_block());
        assert_eq!(self.audit.phase(), self.chain.phase());
        if told.is_none() {
            self.blocks.push(block);
        }
        told.map_or(Ok(()), Err)
    }

    /// The median of the times of the first so many blocks after the genesis block, as it is defined.
    fn median(&self, blocks: usize) -> UnixMillis {
        let times = self.blocks[..blocks].iter().map(|block| block.header.time);
        let times: Vec<_> = [self.chain.election().created].into_iter().chain(times).collect();
        let mut last: Vec<_> = times.into_iter().rev().take(11).collect();
        last.sort_unstable();
        last[last.len() / 2]
    }

    /// The first block whose parent's median is at or after the closing.
    fn closing(&self) -> Option<BlockReference> {
        let number = (0..self.blocks.len()).find(|blocks| self.median(*blocks) >= at(CLOSES_MS))?;
        let header = &self.blocks[number].header;
        Some(BlockReference { height: header.height, hash: header.hash() })
    }
}

/// What the rule says of a transaction in the block after these times.
fn expected(kind: TransactionKind, median: UnixMillis) -> Result<(), TransactionError> {
    let (opens, closes) = (at(OPENS_MS), at(CLOSES_MS));
    match kind {
        _ if median >= closes => Err(TransactionError::Closed { closes, median }),
        TransactionKind::Vote if median < opens => {
            Err(TransactionError::NotOpenYet { opens, median })
        }
        TransactionKind::Withdrawal if median >= opens => {
            Err(TransactionError::WithdrawalAfterOpening { opens, median })
        }
        _ => Ok(()),
    }
}

/// Puts each kind of transaction into the block after these times, on a chain of its own each.
fn judge_next(times: &[UnixMillis]) {
    for scene in SCENES.iter() {
        for transaction in &scene.one_each {
            let mut both = scene.after(times);
            let median = both.median(times.len());
            let tip = both.chain.tip().hash;
            assert_eq!(both.chain.median_time_past(&tip), Some(median));
            assert_eq!(both.chain.tip_median_time_past(), median);
            assert_eq!(both.audit.past().median_time(), median);
            let kind = transaction.kind();
            let expected = expected(kind, median);
            assert_eq!(both.chain.check_context(transaction), expected);
            assert_eq!(both.chain.phase().takes(kind), expected.is_ok());

            let time = times.last().map_or(at(1), |last| last.plus(Duration::from_millis(1)));
            let added = both.add(time, std::slice::from_ref(transaction));
            let in_block = |error| match error {
                TransactionError::Closed { closes, median } => {
                    BlockError::TransactionsAfterClose { transactions: 1, closes, median }
                }
                error => BlockError::Transaction { index: 0, error },
            };
            assert_eq!(added, expected.map_err(in_block), "{kind:?}");
            // Without it the block is good, and it is the closing block if the election has closed.
            if added.is_err() {
                let later = time.plus(Duration::from_millis(1));
                assert_eq!(both.add(later, &[]), Ok(()));
            }
            assert_eq!(both.chain.closing_block(), both.closing());
            assert_eq!(both.closing().is_some(), median >= at(CLOSES_MS));
        }
    }
}

/// Eleven rising times of which the sixth is `middle`, by these gaps above and below it.
fn around(middle: UnixMillis, gaps: &[u64; 10]) -> Vec<UnixMillis> {
    let mut times = vec![middle; 11];
    for place in (0..5).rev() {
        times[place] = UnixMillis(times[place + 1].0 - gaps[place]);
    }
    for place in 6..11 {
        times[place] = times[place - 1].plus(Duration::from_millis(gaps[place - 1]));
    }
    times
}

#[test]
fn what_may_stand_in_the_next_block() {
    for middle in [OPENS_MS - 1, OPENS_MS, CLOSES_MS - 1, CLOSES_MS] {
        judge_next(&around(at(middle), &[INTERVAL_MS; 10]));
    }
    // And with fewer blocks than the median takes.
    judge_next(&[at(1)]);
    judge_next(&[at(OPENS_MS - 1)]);
    judge_next(&[at(OPENS_MS)]);
    judge_next(&[at(1), at(CLOSES_MS)]);
    judge_next(&[at(1), at(CLOSES_MS), at(CLOSES_MS + 1)]);
}

#[test]
fn the_closing_block_is_the_first_one_that_must_be_empty_and_stays_it() {
    let scene = &SCENES[0];
    let mut both = scene.after(&around(at(CLOSES_MS - 1), &[INTERVAL_MS; 10]));
    assert_eq!((both.chain.phase(), both.chain.closing_block()), (Phase::Open, None));
    let mut time = both.chain.tip_header().time;
    let mut closing = Vec::new();
    for _ in 0..4 {
        time = time.plus(Duration::from_millis(1));
        assert_eq!(both.add(time, &[]), Ok(()));
        closing.push((both.chain.phase(), both.chain.closing_block().map(|block| block.height.0)));
    }
    // The first one above is empty by chance. By its median time the election closes.
    let closed = |height| (Phase::Closed, height);
    assert_eq!(closing, [closed(None), closed(Some(13)), closed(Some(13)), closed(Some(13))]);
}

#[test]
fn the_closing_block_follows_the_best_chain_and_the_disk() {
    let scene = &SCENES[0];
    let mut both = scene.after(&around(at(CLOSES_MS), &[INTERVAL_MS; 10]));
    let fork = both.chain.tip_past();
    let time = fork.parent().time.plus(Duration::from_millis(1));
    both.add(time, &[]).expect("it is empty");
    let first = both.chain.closing_block().expect("it closed");
    // A heavier branch from the same block has another closing block.
    let mut past = fork;
    let mut other = Vec::new();
    for gap in [2, 3] {
        let header = past.next_header(&[], past.parent().time.plus(Duration::from_millis(gap)));
        let block = Block { header: worked(header, 0), transactions: vec![] };
        both.chain
            .insert_header(block.header, time.plus(Duration::from_secs(1)))
            .expect("it follows");
        both.chain.insert_body(&block.header.hash(), vec![]).expect("it is empty");
        both.chain.accept_signatures(&block.header.hash());
        past.add(&block.header);
        other.push(block);
    }
    both.chain.advance();
    both.chain.check_invariants();
    let second = both.chain.closing_block().expect("it closed");
    assert_eq!((first.height, second.height), (Height(12), Height(12)));
    assert_eq!(second.hash, other[0].header.hash());
    assert_ne!(first.hash, second.hash);

    let stored = both.blocks[..11].iter().chain(&other).map(|block| StoredBlock {
        header: block.header,
        summary: BlockEffects::of(block),
        has_body: true,
    });
    let mut restored = Chain::new(Arc::clone(&scene.election), Rules::ALL, usize::MAX);
    assert_eq!(restored.restore(stored.collect(), Some(both.chain.tip().hash), NOW), 0);
    restored.check_invariants();
    assert_eq!(restored.closing_block(), Some(second));
    // A chain that leaves its closing block has none.
    restored.set_time(UnixMillis(0));
    restored.advance();
    assert!(restored.closing_block().is_some(), "its bodies have to be read before they leave");
}

#[test]
fn a_chain_without_hours_takes_everything_at_any_time() {
    let chain = chain();
    assert_eq!((chain.phase(), chain.closing_block()), (Phase::Untimed, None));
    let kinds = [TransactionKind::Registration, TransactionKind::Vote, TransactionKind::Withdrawal];
    assert!(kinds.iter().all(|kind| Phase::Untimed.takes(*kind)));
    assert_eq!(chain.tip_median_time_past(), election().created);
    assert_eq!(chain.median_time_past(&BlockHash([9; 32])), None);
}

/// Five of the eleven blocks are by miners who lie about time as far as the rules let them.
fn times_with_liars() -> impl Strategy<Value = (u64, Vec<usize>, Vec<(bool, u64)>)> {
    let edges = [OPENS_MS, CLOSES_MS];
    let begins = (prop::sample::select(edges.to_vec()), 0..=12 * INTERVAL_MS)
        .prop_map(|(edge, before)| edge - before);
    let places: Vec<usize> = (0..11).collect();
    let liars = prop::sample::subsequence(places, 5);
    (begins, liars, prop::collection::vec((any::<bool>(), 1..=2 * INTERVAL_MS), 11))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn five_liars_of_eleven_change_nothing_of_the_rule((begins, liars, steps) in times_with_liars()) {
        let ahead = time_ahead_max(&SCENES[0].election);
        let (mut clock, mut times) = (at(begins), Vec::<UnixMillis>::new());
        let mut honest = Vec::new();
        for (place, (forward, gap_ms)) in steps.into_iter().enumerate() {
            clock = clock.plus(Duration::from_millis(gap_ms));
            let least = times.last().map_or(at(1), |last| last.plus(Duration::from_millis(1)));
            let is_liar = liars.contains(&place);
            let time = match (is_liar, forward) {
                (true, true) => clock.plus(ahead).max(least),
                (true, false) => least,
                (false, _) => clock.max(least),
            };
            if !is_liar {
                honest.push(time);
            }
            times.push(time);
        }
        judge_next(&times);
        // Whatever they say, the median is no earlier than an honest time and no later than another one.
        let mut sorted = times;
        sorted.sort_unstable();
        let median = sorted[5];
        prop_assert!(honest.iter().min() <= Some(&median) && Some(&median) <= honest.iter().max());
        prop_assert!(median <= clock.plus(ahead));
    }

    #[test]
    fn votes_at_the_edges_stand_as_the_rule_says(
        edge in prop::sample::select(vec![OPENS_MS - 1, OPENS_MS, CLOSES_MS - 1, CLOSES_MS]),
        liars in prop::sample::subsequence((0..10).collect::<Vec<usize>>(), 5),
        backdated in prop::collection::vec(any::<bool>(), 10),
    ) {
        let mut gaps = [INTERVAL_MS; 10];
        for place in liars {
            gaps[place] = if backdated[place] { 1 } else { 3 * INTERVAL_MS };
        }
        judge_next(&around(at(edge), &gaps));
    }
}
