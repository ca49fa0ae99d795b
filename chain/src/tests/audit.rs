//! An audit of a good chain, and of chains with each rule broken once, mined and linked anew as somebody who
//! wants to deceive would do it.

use std::collections::BTreeSet;

use super::*;
use protocol::admission::{AdmissionRule, Registrar, RegistrarSignatures};
use protocol::election::Question;
use protocol::keys::{PublicKey, Signature, VoterKey};
use protocol::roster::{FinalityRule, Times};
use protocol::transaction::{Admission, Choices, TransactionKind, Vote};
use protocol::units::{Difficulty, TransactionId};

/// Registered in the first block, where the voters of even numbers vote as well.
const VOTERS: u8 = 3;

/// Where the forged block stands.
const FORGED_AT: Height = Height(2);

/// What is wrong with a block.
enum Forgery {
    Header(fn(&mut Header)),
    /// The header is as it should be, but for its work.
    WithoutWork,
    /// The header commits to what it should not hold.
    Transactions(Vec<Transaction>),
    /// The header commits to something else.
    OtherBody,
}

/// By what right voters are registered in the elections of these chains.
#[derive(Clone, Copy)]
enum Right {
    /// Anybody, up to one more than there are.
    Open,
    /// Two of three registrars.
    Registrars,
}

/// An election, and what its voters and registrars sign.
struct Scene {
    election: Arc<Election>,
    id: ElectionId,
}

impl Scene {
    /// One question where the order of choices can be wrong.
    fn new(right: Right) -> Self {
        let chair = election().questions;
        let days = Question {
            title: "Days".into(),
            options: vec!["Monday".into(), "Tuesday".into(), "Friday".into()],
            choices_min: 0,
            choices_max: 2,
        };
        let admission = match right {
            Right::Open => AdmissionRule::Open { registration_bits: 2, max_voters: Some(4) },
            Right::Registrars => AdmissionRule::Registrars {
                registrars: (0..3)
                    .map(|number| registrar(number, &registrar_key(number)))
                    .collect(),
                threshold: 2,
            },
        };
        let questions = chair.into_iter().chain([days]).collect();
        let election = Arc::new(Election { questions, admission, ..election() });
        Self { id: election.election_id(), election }
    }

    fn registration_with(&self, number: u8, is_stamp: impl Fn(u64) -> bool) -> Transaction {
        let stamp = (0..).find(|stamp| is_stamp(*stamp)).expect("one in four");
        Transaction::open_registration(&self.id, &key(number), stamp)
    }

    fn is_stamp(&self, key: &PublicKey, stamp: u64) -> bool {
        let hash = proof_of_work::stamp_hash(&self.id, &key.0, stamp);
        proof_of_work::is_met(&hash, Difficulty::from_bits(2))
    }

    fn registers(&self, number: u8) -> Transaction {
        match self.election.admission {
            AdmissionRule::Open { .. } => {
                let public = key(number).public();
                self.registration_with(number, |stamp| self.is_stamp(&public, stamp))
            }
            AdmissionRule::Registrars { .. } => self.admits(number, &[(0, 0), (2, 2)]),
        }
    }

    /// An admission by pairs of a registrar's place and whoever signs there.
    fn admits(&self, number: u8, pairs: &[(usize, u8)]) -> Transaction {
        let public = key(number).public();
        let id = Transaction::admission_id(&self.id, &public);
        Transaction::admission(public, self.signed(&id, pairs))
    }

    fn withdraws(&self, number: u8, pairs: &[(usize, u8)]) -> Transaction {
        let voter = key(number).public().voter();
        let id = Transaction::withdrawal_id(&self.id, &voter);
        Transaction::Withdrawal { voter, signatures: self.signed(&id, pairs) }
    }

    fn signed(&self, id: &TransactionId, pairs: &[(usize, u8)]) -> RegistrarSignatures {
        let sign = |(place, signer): &(usize, u8)| (*place, registrar_key(*signer).sign(&id.0));
        RegistrarSignatures::new(&self.id, pairs.iter().map(sign).collect())
    }

    /// An admission with other signatures than it should have.
    fn admits_with(&self, change: fn(&mut RegistrarSignatures)) -> Transaction {
        let mut admission = self.admits(7, &[(0, 0), (2, 2)]);
        if let Transaction::Registration { admission: Admission::Signed { signatures }, .. } =
            &mut admission
        {
            change(signatures);
        }
        admission
    }

    fn votes(&self, number: u8, choices: Choices) -> Transaction {
        let voter = key(number).public().voter();
        let vote = Vote { voter, choices, nonce: [number; 8], cast_at: NOW };
        Transaction::vote(&self.id, &key(number), vote)
    }

    /// A vote that is good but for its signature.
    fn votes_signed(&self, change: fn(&mut Signature)) -> Transaction {
        let mut vote = self.votes(1, vec![vec![0], vec![]]);
        if let Transaction::Vote { signature, .. } = &mut vote {
            change(signature);
        }
        vote
    }

    fn hashed(&self, transactions: Vec<Transaction>) -> Vec<Arc<HashedTransaction>> {
        let hashed = |each| Arc::new(HashedTransaction::new(each, &self.id));
        transactions.into_iter().map(hashed).collect()
    }
}

fn registrar_key(number: u8) -> VoterKey {
    key(number + 100)
}

fn registrar(number: u8, key: &VoterKey) -> Registrar {
    Registrar { name: format!("Registrar {number}"), key: key.public() }
}

/// The rules that only an election with registrars has.
const OF_REGISTRARS: [AuditRule; 12] = [
    AuditRule::NeedsAdmission,
    AuditRule::WrongElection,
    AuditRule::SignatureCount,
    AuditRule::RegistrarsMiscounted,
    AuditRule::UnknownRegistrar,
    AuditRule::NotARegistrar,
    AuditRule::RegistrarTwice,
    AuditRule::OtherRegistrar,
    AuditRule::Withdrawn,
    AuditRule::AlreadyWithdrawn,
    AuditRule::WithdrawalAfterVote,
    AuditRule::WithdrawalAfterOpening,
];

fn right(rule: AuditRule) -> Right {
    if OF_REGISTRARS.contains(&rule) { Right::Registrars } else { Right::Open }
}

/// How long after its creation the election opens and closes in which a rule can be broken, if it does at all. The
/// first block comes a millisecond after the genesis block.
fn hours_ms(rule: AuditRule) -> Option<(u64, u64)> {
    #[expect(clippy::wildcard_enum_match_arm, reason = "the others need no hours")]
    match rule {
        AuditRule::NotOpenYet => Some((2, 1_000_000)),
        AuditRule::WithdrawalAfterOpening => Some((0, 1_000_000)),
        AuditRule::TransactionsAfterClose => Some((0, 1)),
        _ => None,
    }
}

/// The scene in which a rule can be broken.
fn scene(rule: AuditRule) -> Scene {
    let scene = Scene::new(right(rule));
    let Some((opens, closes)) = hours_ms(rule) else { return scene };
    let at = |after_ms| scene.election.created.plus(Duration::from_millis(after_ms));
    let finality = FinalityRule::Depth { confirmations: 1 };
    let times = Some(Times { opens: at(opens), closes: at(closes), finality });
    let election =
        Arc::new(Election { block_interval_s: Some(10), times, ..(*scene.election).clone() });
    Scene { id: election.election_id(), election }
}

/// How to break a rule. Whoever adds a rule has to say it here.
fn forgery(scene: &Scene, rule: AuditRule) -> Forgery {
    let one = |transaction| Forgery::Transactions(vec![transaction]);
    match rule {
        AuditRule::UnknownParent => Forgery::Header(|header| header.previous = BlockHash([9; 32])),
        AuditRule::Height => Forgery::Header(|header| header.height = Height(3)),
        AuditRule::Difficulty => {
            Forgery::Header(|header| header.difficulty = Difficulty::from_bits(0))
        }
        AuditRule::NoWork => Forgery::WithoutWork,
        AuditRule::NotAfterParent => Forgery::Header(|header| header.time = election().created),
        AuditRule::TooEarly => Forgery::Header(|header| {
            header.time = NOW.plus(TIME_AHEAD_MAX + Duration::from_millis(1));
        }),
        AuditRule::MerkleRoot => Forgery::OtherBody,
        AuditRule::BlockTooLarge => {
            Forgery::Transactions((3..23).map(|number| scene.registers(number)).collect())
        }
        AuditRule::TransactionTooLarge => one(scene.admits_with(|signatures| {
            signatures.signatures = vec![Signature([0; 65]); 17];
        })),
        AuditRule::QuestionCount => one(scene.votes(1, vec![vec![0]])),
        AuditRule::ChoiceCount => one(scene.votes(1, vec![vec![0, 1], vec![]])),
        AuditRule::NoSuchOption => one(scene.votes(1, vec![vec![2], vec![]])),
        AuditRule::ChoicesNotRising => one(scene.votes(1, vec![vec![0], vec![2, 1]])),
        AuditRule::Stamp => {
            one(scene.registration_with(7, |stamp| !scene.is_stamp(&key(7).public(), stamp)))
        }
        AuditRule::NoRegistrars => one(scene.admits(7, &[(0, 0)])),
        AuditRule::NoWithdrawals => one(scene.withdraws(1, &[(0, 0)])),
        AuditRule::BadKey => {
            let voter_key = PublicKey([5; 33]);
            let stamp =
                (0..).find(|stamp| scene.is_stamp(&voter_key, *stamp)).expect("one in four");
            let admission = Admission::Open { stamp, signature: Signature([1; 65]) };
            one(Transaction::Registration { voter_key, admission })
        }
        AuditRule::SignatureOutOfRange => {
            one(scene.votes_signed(|signature| signature.0[..32].fill(0)))
        }
        AuditRule::HighS => one(scene.votes_signed(|signature| signature.0[32] = 0x80)),
        AuditRule::BadRecoveryBit => one(scene.votes_signed(|signature| signature.0[64] = 2)),
        AuditRule::WrongRecoveryBit => one(scene.votes_signed(|signature| signature.0[64] ^= 1)),
        AuditRule::WrongSigner => {
            let Transaction::Vote { signature, .. } = scene.votes(2, vec![vec![0], vec![]]) else {
                unreachable!("it is a vote")
            };
            let Transaction::Vote { vote, .. } = scene.votes(1, vec![vec![0], vec![]]) else {
                unreachable!("it is a vote")
            };
            one(Transaction::Vote { vote, signature })
        }
        AuditRule::AlreadyRegistered => one(scene.registers(1)),
        AuditRule::NotRegistered => one(scene.votes(7, vec![vec![0], vec![]])),
        AuditRule::AlreadyVoted => one(scene.votes(0, vec![vec![1], vec![]])),
        AuditRule::NeedsAdmission => one(scene.registration_with(7, |_| true)),
        AuditRule::WrongElection => {
            one(scene.admits_with(|signatures| signatures.election = [9; 8]))
        }
        AuditRule::SignatureCount => one(scene.admits(7, &[(1, 1)])),
        AuditRule::RegistrarsMiscounted => one(scene.admits_with(|each| each.registrars = 0b111)),
        AuditRule::UnknownRegistrar => one(scene.admits(7, &[(0, 0), (3, 3)])),
        AuditRule::NotARegistrar => one(scene.admits(7, &[(0, 0), (1, 9)])),
        AuditRule::RegistrarTwice => one(scene.admits(7, &[(0, 0), (1, 0)])),
        AuditRule::OtherRegistrar => one(scene.admits(7, &[(0, 0), (1, 2)])),
        AuditRule::VotersFull => {
            Forgery::Transactions([3, 4].map(|each| scene.registers(each)).to_vec())
        }
        AuditRule::Withdrawn => Forgery::Transactions(vec![
            scene.withdraws(1, &[(0, 0), (1, 1)]),
            scene.votes(1, vec![vec![0], vec![]]),
        ]),
        AuditRule::AlreadyWithdrawn => {
            let withdrawal = scene.withdraws(1, &[(0, 0), (1, 1)]);
            Forgery::Transactions(vec![withdrawal.clone(), withdrawal])
        }
        AuditRule::WithdrawalAfterVote => one(scene.withdraws(0, &[(0, 0), (1, 1)])),
        AuditRule::NotOpenYet | AuditRule::TransactionsAfterClose => {
            one(scene.votes(1, vec![vec![0], vec![]]))
        }
        AuditRule::WithdrawalAfterOpening => one(scene.withdraws(1, &[(0, 0), (1, 1)])),
    }
}

fn first_block(scene: &Scene) -> Block {
    let registrations = (0..VOTERS).map(|number| scene.registers(number));
    let votes = [scene.votes(0, vec![vec![0], vec![]]), scene.votes(2, vec![vec![], vec![0, 2]])];
    let is_open = Past::genesis(&scene.election).phase().takes(TransactionKind::Vote);
    let votes = votes.into_iter().filter(|_| is_open);
    let transactions = scene.hashed(registrations.chain(votes).collect());
    mine(&Header::genesis(&scene.election), &transactions, 0)
}

/// A good block before the forged one, and a good one after it.
fn forged_chain(scene: &Scene, forgery: Forgery) -> [Block; 3] {
    let first = first_block(scene);
    let good = scene.hashed(vec![scene.votes(1, vec![vec![0], vec![]])]);
    let header = unworked(&first.header, &good);
    let forged = match forgery {
        Forgery::Header(change) => {
            let mut header = header;
            change(&mut header);
            Block { header: worked(header, 0), transactions: good }
        }
        Forgery::WithoutWork => {
            let headers = (0..).map(|nonce| Header { nonce, ..header });
            let header = headers.into_iter().find(|header| !header.has_work()).expect("one in two");
            Block { header, transactions: good }
        }
        Forgery::Transactions(transactions) => mine(&first.header, &scene.hashed(transactions), 0),
        Forgery::OtherBody => {
            let other = scene.hashed(vec![scene.votes(1, vec![vec![1], vec![]])]);
            Block { header: worked(header, 0), transactions: other }
        }
    };
    let last = mine(&forged.header, &[], 0);
    [first, forged, last]
}

fn audit(scene: &Scene, blocks: &[Block]) -> (Audit, Result<(), AuditFailure>) {
    let election = Arc::clone(&scene.election);
    let mut audit = Audit::new(Arc::clone(&election));
    let outcome = blocks.iter().try_for_each(|block| {
        let block = Arc::new(block.clone());
        let checked = CheckedBlock::new(block, &election, &election.election_id());
        audit.extend(&checked, NOW)
    });
    (audit, outcome)
}

#[test]
fn a_good_chain_passes_and_is_counted() {
    let scene = Scene::new(Right::Open);
    let first = first_block(&scene);
    let second =
        mine(&first.header, &scene.hashed(vec![scene.votes(1, vec![vec![0], vec![1]])]), 0);
    let third = mine(&second.header, &[], 0);
    let (audit, outcome) = audit(&scene, &[first, second, third.clone()]);
    assert_eq!(outcome, Ok(()));
    assert_eq!(audit.tip(), (Height(3), third.header.hash()));
    assert_eq!(audit.work(), Work(6));
    assert_eq!((audit.signatures(), audit.registered_voters()), (6, 3));
    assert_eq!(audit.blocks_since_newest_vote(), 2);
    let tally = Tally { votes: 3, options: vec![vec![2, 0], vec![1, 1, 1]], blank: vec![1, 1] };
    assert_eq!(*audit.tally(), tally);
}

#[test]
fn each_rule_broken_once_is_named_where_it_is_broken() {
    for &rule in AuditRule::ALL {
        let scene = scene(rule);
        let blocks = forged_chain(&scene, forgery(&scene, rule));
        let (audit, outcome) = audit(&scene, &blocks);
        let failure = outcome.expect_err(rule.name());
        assert_eq!(failure.error.rule(), rule, "{failure}");
        assert_eq!(failure.height, FORGED_AT, "{failure}");
        assert_eq!(failure.hash, blocks[1].header.hash(), "{failure}");
        assert!(failure.to_string().contains(rule.name()), "{failure}");
        // What was good before it stays counted, and nothing of the block is.
        assert_eq!(audit.tip(), (Height(1), blocks[0].header.hash()), "{failure}");
        let voted = if rule == AuditRule::NotOpenYet { 0 } else { 2 };
        let counted = (audit.tally().votes, audit.transactions());
        assert_eq!(counted, (voted, u64::from(VOTERS) + voted), "{failure}");
    }
}

#[test]
fn each_rule_has_a_word_of_its_own() {
    let words: BTreeSet<_> = AuditRule::ALL.iter().map(|rule| rule.name()).collect();
    assert_eq!(words.len(), AuditRule::ALL.len());
}

#[test]
fn a_chain_of_another_election_does_not_follow_this_genesis() {
    let scene = Scene::new(Right::Open);
    let foreign = Header::genesis(&Election { id: [2; 16], ..(*scene.election).clone() });
    let (_, outcome) = audit(&scene, &[mine(&foreign, &[], 0)]);
    let failure = outcome.expect_err("another genesis");
    assert_eq!(failure.error, HeaderError::UnknownParent { previous: foreign.hash() }.into());
    assert_eq!(failure.height, Height(1));
}

#[test]
fn a_block_that_is_left_out_breaks_the_link() {
    let scene = Scene::new(Right::Open);
    let first = first_block(&scene);
    let second = mine(&first.header, &[], 0);
    let third = mine(&second.header, &[], 0);
    let (_, outcome) = audit(&scene, &[first, third]);
    let failure = outcome.expect_err("the second block is missing");
    assert_eq!((failure.error.rule(), failure.height), (AuditRule::UnknownParent, Height(2)));
}

#[test]
fn who_admitted_and_withdrew_whom_is_counted() {
    let scene = Scene::new(Right::Registrars);
    let first = first_block(&scene);
    let withdrawals =
        [scene.withdraws(1, &[(0, 0), (1, 1)]), scene.withdraws(9, &[(1, 1), (2, 2)])];
    let admission = scene.admits(5, &[(1, 1), (2, 2)]);
    let second = withdrawals.into_iter().chain([admission]).collect();
    let second = mine(&first.header, &scene.hashed(second), 0);
    let (audit, outcome) = audit(&scene, &[first, second]);
    assert_eq!(outcome, Ok(()));
    // Three in the first block, of whom one was withdrawn, and one more; votes of one signature each.
    assert_eq!((audit.registered_voters(), audit.transactions(), audit.signatures()), (3, 8, 14));
    let count = |admissions, withdrawals| RegistrarCount { admissions, withdrawals };
    let by_registrar = vec![count(3, 1), count(1, 2), count(4, 1)];
    assert_eq!(audit.admissions(), AdmissionCounts { withdrawn: 2, by_registrar });
}
