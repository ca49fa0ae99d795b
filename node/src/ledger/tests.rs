//! What enters and leaves the pool does so on the disk and in the gossip as well, whatever the way.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "a test looks at the few outputs that it is about"
)]

mod limits;
mod restart;

use std::time::Duration;

use protocol::block::Header;
use protocol::datagram::DATAGRAM_BYTES_MAX;
use protocol::transaction::Vote;

use super::*;
use chain::fixtures::{NOW, election, hashed, key, registration, vote};

fn choices() -> Vec<Vec<u16>> {
    vec![vec![0]]
}

fn time(after_ms: u64) -> Now {
    use std::sync::OnceLock;
    static START: OnceLock<Instant> = OnceLock::new();
    #[expect(clippy::disallowed_methods, reason = "virtual time needs a moment to start from")]
    let start = *START.get_or_init(Instant::now);
    let after = Duration::from_millis(after_ms);
    Now { instant: start + after, unix: NOW.plus(after) }
}

fn neighbour(number: u16) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, 1], number))
}

fn ledger() -> (Ledger, Chain) {
    let chain = Chain::new(Arc::new(election()), Rules::ALL, usize::MAX);
    (Ledger::new(Rules::ALL, Limits::default(), [7; 32]), chain)
}

/// All outputs so far. Signatures are checked at once.
fn outputs(ledger: &mut Ledger, chain: &Chain, now: Now) -> Vec<Output> {
    let mut outputs = Vec::new();
    while let Some(output) = ledger.poll_output() {
        if let Output::Verify(job) = output {
            let check =
                |each: &Arc<HashedTransaction>| each.check_signatures(&job.election.admission);
            let verdicts: Vec<_> = job.transactions.iter().map(check).collect();
            ledger.handle_verified(job.number, &verdicts, chain, now);
        } else {
            outputs.push(output);
        }
    }
    outputs
}

fn rows_written(outputs: &[Output]) -> Vec<u64> {
    let row = |output: &Output| match output {
        Output::Persist(Record::PoolInsert { row, .. }) => Some(*row),
        _ => None,
    };
    outputs.iter().filter_map(row).collect()
}

fn rows_removed(outputs: &[Output]) -> Vec<u64> {
    let row = |output: &Output| match output {
        Output::Persist(Record::PoolRemove { row }) => Some(*row),
        _ => None,
    };
    outputs.iter().filter_map(row).collect()
}

fn sent_to(outputs: &[Output], whom: SocketAddr) -> usize {
    let count = |output: &Output| match output {
        Output::Send { to, transactions } if *to == whom => transactions.len(),
        _ => 0,
    };
    outputs.iter().map(count).sum()
}

/// Mines a block on `parent`, and moves to the best branch.
fn mine(
    chain: &mut Chain,
    parent: &Header,
    transactions: &[Arc<HashedTransaction>],
    salt: u64,
) -> (Header, Option<TipChange>) {
    let header = Header {
        previous: parent.hash(),
        merkle_root: protocol::block::merkle_root(transactions),
        height: parent.height.next(),
        time: parent.time.plus(Duration::from_millis(1)),
        difficulty: parent.difficulty,
        nonce: 0,
    };
    let mut headers = (salt << 32..).map(|nonce| Header { nonce, ..header });
    let header = headers.find(Header::has_work).expect("the difficulty is low");
    let hash = chain.insert_header(header, NOW).expect("the header keeps the rules");
    chain.insert_body(&hash, transactions.to_vec()).expect("a matching body");
    chain.accept_signatures(&hash);
    (header, chain.advance().change)
}

#[test]
fn what_is_added_is_written_once_and_told_to_all_but_who_sent_it() {
    let (mut ledger, chain) = ledger();
    let now = time(0);
    [1, 2].into_iter().for_each(|number| ledger.add_recipient(neighbour(number), now));
    let sent = vec![registration(1).transaction().clone()];
    ledger.handle_transactions(neighbour(1), sent.clone(), &chain, now);
    let done = outputs(&mut ledger, &chain, now);
    assert_eq!(rows_written(&done), [1]);
    assert!(done.iter().any(|output| matches!(output, Output::Added { .. })));
    ledger.handle_transactions(neighbour(2), sent, &chain, now);
    assert!(outputs(&mut ledger, &chain, now).is_empty(), "it is known");

    ledger.handle_timeout(time(20));
    let told = outputs(&mut ledger, &chain, time(20));
    assert_eq!([1, 2].map(|number| sent_to(&told, neighbour(number))), [0, 0], "both sent it");
    ledger.add_recipient(neighbour(3), time(30));
    ledger.handle_timeout(time(30));
    let told = outputs(&mut ledger, &chain, time(30));
    assert_eq!([1, 2, 3].map(|number| sent_to(&told, neighbour(number))), [0, 0, 1]);
    assert_eq!(ledger.row(&registration(1).id()), Some(1));
}

#[test]
fn who_acknowledged_a_transaction_is_not_told_of_it_again() {
    let (mut ledger, chain) = ledger();
    let now = time(0);
    [1, 2].into_iter().for_each(|number| ledger.add_recipient(neighbour(number), now));
    ledger.add_submitted(registration(1), Submitter::OwnUser, &chain, now).expect("valid");
    ledger.handle_timeout(time(20));
    let told = outputs(&mut ledger, &chain, time(20));
    assert!([1, 2].iter().all(|number| sent_to(&told, neighbour(*number)) > 0));
    ledger.handle_acknowledged(neighbour(1), &[registration(1).id().prefix()]);
    for seconds in 1..=20 {
        ledger.handle_timeout(time(seconds * 1_000));
    }
    let told = outputs(&mut ledger, &chain, time(20_000));
    assert_eq!(sent_to(&told, neighbour(1)), 0, "it has it");
    assert!(sent_to(&told, neighbour(2)) >= 3, "what was lost on the way is sent again");
}

#[test]
fn a_block_ends_row_and_announcements_and_a_branch_that_loses_brings_both_back() {
    let (mut ledger, mut chain) = ledger();
    let genesis = *chain.tip_header();
    let both = [registration(1), vote(1, choices())];
    for transaction in &both {
        ledger
            .add_submitted(Arc::clone(transaction), Submitter::OwnUser, &chain, time(0))
            .expect("valid");
    }
    ledger.handle_timeout(time(20));
    assert_eq!(rows_written(&outputs(&mut ledger, &chain, time(20))), [1, 2]);
    let (_, change) = mine(&mut chain, &genesis, &both, 0);
    let followed = ledger.follow(&change.expect("a better chain"), &chain, time(30));
    assert_eq!((followed.returned, followed.superseded.len()), (0, 0));
    assert_eq!(rows_removed(&outputs(&mut ledger, &chain, time(30))), [1, 2]);
    ledger.add_recipient(neighbour(1), time(30));
    for after in [100, 2_000, 60_000] {
        ledger.handle_timeout(time(after));
        assert_eq!(sent_to(&outputs(&mut ledger, &chain, time(after)), neighbour(1)), 0);
    }
    assert_eq!(ledger.poll_timeout(), None, "nothing is left to announce");

    // Of two equal branches the one with the smaller hash is best, so that the first block may be enough.
    let (rival, first) = mine(&mut chain, &genesis, &[], 1);
    let (_, second) = mine(&mut chain, &rival, &[], 2);
    let changes = first.into_iter().chain(second);
    let returned = changes.map(|change| ledger.follow(&change, &chain, time(61_000)).returned);
    assert_eq!(returned.sum::<usize>(), 2);
    assert_eq!(rows_written(&outputs(&mut ledger, &chain, time(61_000))), [3, 4]);
    ledger.handle_timeout(time(61_500));
    assert_eq!(sent_to(&outputs(&mut ledger, &chain, time(61_500)), neighbour(1)), 2);
}

#[test]
fn a_vote_that_overtook_its_registration_is_added_with_it() {
    let (mut ledger, chain) = ledger();
    let now = time(0);
    let vote = vec![vote(1, choices()).transaction().clone()];
    ledger.handle_transactions(neighbour(1), vote, &chain, now);
    assert_eq!(rows_written(&outputs(&mut ledger, &chain, now)), []);
    assert_eq!((ledger.pool().len(), ledger.pool().held()), (0, 1));
    ledger.add_submitted(registration(1), Submitter::OwnUser, &chain, now).expect("valid");
    assert_eq!(rows_written(&outputs(&mut ledger, &chain, now)), [1, 2]);
    assert_eq!((ledger.pool().len(), ledger.pool().held()), (2, 0));
}

#[test]
fn what_an_earlier_run_wrote_keeps_its_rows_and_is_not_checked_again() {
    let (mut ledger, chain) = ledger();
    let (vote, registration) = (vote(1, choices()), registration(1));
    let unboxed = |each: &Arc<HashedTransaction>| HashedTransaction::clone(each);
    // In the order of rows the vote comes first.
    let pooled = vec![(9, unboxed(&registration)), (4, unboxed(&vote))];
    ledger.restore(pooled, &chain, time(0));
    while let Some(output) = ledger.poll_output() {
        assert!(!matches!(output, Output::Verify(_)), "{output:?}");
    }
    let rows = [registration.id(), vote.id()].map(|id| ledger.row(&id));
    assert_eq!((rows, ledger.pool().len()), ([Some(9), Some(4)], 2));
    let again = ledger.pool_records();
    assert_eq!(again.len(), 2);
    ledger
        .add_submitted(chain::fixtures::registration(2), Submitter::OwnUser, &chain, time(0))
        .expect("valid");
    assert_eq!(rows_written(&outputs(&mut ledger, &chain, time(0))), [10]);
}

#[test]
fn forged_signatures_blame_who_sent_them_and_leave_nothing_behind() {
    let (mut ledger, chain) = ledger();
    let id = chain.election_id();
    let mut forged = registration(1).transaction().clone();
    let Transaction::Registration { voter_key, .. } = &mut forged else { panic!("{forged:?}") };
    *voter_key = key(2).public();
    let forged_id = HashedTransaction::new(forged.clone(), id).id();
    ledger.handle_transactions(neighbour(1), vec![forged], &chain, time(0));
    let done = outputs(&mut ledger, &chain, time(0));
    let blamed =
        |output: &Output| matches!(output, Output::Fault { from, .. } if *from == neighbour(1));
    assert!(done.iter().any(blamed), "{done:?}");
    assert!(ledger.pool().is_empty() && ledger.row(&forged_id).is_none());
    assert_eq!(ledger.poll_timeout(), None);
}

#[test]
fn announcements_fit_into_datagrams_and_become_rarer() {
    let (mut ledger, chain) = ledger();
    for voter in 1..=20 {
        ledger
            .add_submitted(registration(voter), Submitter::OwnUser, &chain, time(0))
            .expect("valid");
    }
    ledger.add_recipient(neighbour(1), time(0));
    outputs(&mut ledger, &chain, time(0));
    let mut announced_at = Vec::new();
    for second in 0..300 {
        let now = time(second * 1_000);
        ledger.handle_timeout(now);
        let sent = outputs(&mut ledger, &chain, now);
        for output in &sent {
            let Output::Send { transactions, .. } = output else { continue };
            let bytes: usize = transactions.iter().map(|each| each.bytes()).sum();
            assert!(bytes < DATAGRAM_BYTES_MAX);
        }
        if sent_to(&sent, neighbour(1)) > 0 {
            announced_at.push(second);
        }
    }
    assert_eq!(announced_at.first(), Some(&0));
    let late = announced_at.iter().filter(|at| **at >= 150).count();
    assert!((1..=6).contains(&late), "{announced_at:?}");
}

fn row(row: u64, transaction: &Arc<HashedTransaction>) -> (u64, HashedTransaction) {
    (row, HashedTransaction::clone(transaction))
}

/// The ids of the transactions that are repeated before a leave, in their order.
fn repeated(ledger: &mut Ledger, chain: &Chain) -> Vec<TransactionId> {
    outputs(ledger, chain, time(0));
    ledger.announce_own_again(&[neighbour(1)]);
    let sent = outputs(ledger, chain, time(0));
    let ids = sent.iter().flat_map(|output| match output {
        Output::Send { transactions, .. } => transactions.iter().map(|each| each.id()).collect(),
        _ => vec![],
    });
    ids.collect()
}

#[test]
fn what_is_repeated_before_a_leave_is_own_and_the_newest() {
    let (mut ledger, mut chain) = ledger();
    ledger.add_recipient(neighbour(1), time(0));
    // From an earlier run, from a neighbour, and from a branch that lost.
    ledger.restore(vec![row(1, &registration(200)), row(2, &registration(201))], &chain, time(0));
    let gossip = vec![registration(202).transaction().clone()];
    ledger.handle_transactions(neighbour(2), gossip, &chain, time(0));
    outputs(&mut ledger, &chain, time(0));
    let genesis = *chain.tip_header();
    let (_, change) = mine(&mut chain, &genesis, &[registration(203)], 0);
    ledger.follow(&change.expect("a better chain"), &chain, time(0));
    let (rival, first) = mine(&mut chain, &genesis, &[], 1);
    let (_, second) = mine(&mut chain, &rival, &[], 2);
    for change in first.into_iter().chain(second) {
        ledger.follow(&change, &chain, time(0));
    }
    assert_eq!(ledger.pool().len(), 4);
    assert_eq!(repeated(&mut ledger, &chain), [201, 200].map(|voter| registration(voter).id()));

    let mut own = vec![registration(200).id(), registration(201).id()];
    for voter in 1..=40 {
        for paper in [registration(voter), vote(voter, choices())] {
            own.push(paper.id());
            ledger.add_submitted(paper, Submitter::OwnUser, &chain, time(0)).expect("valid");
        }
    }
    own.reverse();
    assert_eq!(repeated(&mut ledger, &chain), own[..64]);
    // What a block holds needs no repeating, and what was handed in although it was known does.
    let (_, change) = mine(&mut chain, &genesis, &[registration(203)], 3);
    assert!(change.is_none(), "it is worse");
    ledger.note_submitted(registration(202).id(), Submitter::OwnUser);
    assert_eq!(repeated(&mut ledger, &chain)[0], registration(202).id());
    assert_eq!(repeated(&mut ledger, &chain).len(), 64);
}
