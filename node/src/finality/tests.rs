//! What finality takes, refuses, keeps and passes on, without a network.

use std::sync::Arc;
use std::time::Instant;

use protocol::finality::{Commit, Prepare, Presence};
use protocol::keys::VoterKey;
use protocol::units::BlockHash;

use super::presence::{CHECKS_PER_S_MAX, RUNS_OF_VALIDATOR_MAX};
use super::*;
use crate::tests::bounded::{Bound, Bounded, GivesWay};
use crate::tests::final_worlds::{validator_key, with_validators};
use chain::fixtures::key;
use chain::rules::Rules;
use protocol::finality::FinalityVote;

fn address(number: u16) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, 1], number))
}

/// A block that is not known here.
fn block(height: u64, number: u8) -> BlockReference {
    BlockReference { height: Height(height), hash: BlockHash([number; 32]) }
}

struct World {
    election: Arc<Election>,
    chain: Chain,
    finality: Finality,
    now: Now,
}

impl World {
    fn new() -> Self {
        let election = Arc::new(with_validators());
        let chain = Chain::new(Arc::clone(&election), Rules::ALL, 0);
        #[expect(clippy::disallowed_methods, reason = "virtual time needs a moment to start from")]
        let now = Now { instant: Instant::now(), unix: election.opens().expect("timed") };
        let genesis = chain.final_block();
        let run = (RunNumber([1; 8]), genesis);
        let mut finality = Finality::new(&election, None, RestoredFinality::default(), run, now)
            .expect("it has validators");
        finality.add_neighbour(address(1), Height(0), now);
        finality.outputs.clear();
        Self { election, chain, finality, now }
    }

    fn id(&self) -> ElectionId {
        self.election.election_id()
    }

    fn commit_by(&self, validator: u16, block: BlockReference, key: &VoterKey) -> Commit {
        Commit::sign(&self.id(), validator, block, key)
    }

    fn commit(&self, validator: u16, block: BlockReference) -> Commit {
        self.commit_by(validator, block, &validator_key(validator))
    }

    fn prepare(&self, validator: u16, target: BlockReference, source: BlockReference) -> Prepare {
        Prepare::sign(&self.id(), validator, (target, source), &validator_key(validator))
    }

    fn take(&mut self, from: u16, vote: FinalityVote) -> Vec<Output> {
        self.finality.handle_vote(address(from), vote, &mut self.chain, self.now);
        self.finality.outputs.drain(..).collect()
    }

    fn take_certificate(&mut self, certificate: Certificate) -> Vec<Output> {
        let certificates = vec![certificate];
        let request = 1;
        let Self { finality, chain, now, .. } = self;
        finality.handle_certificates(address(1), request, certificates, chain, *now);
        finality.outputs.drain(..).collect()
    }

    fn certificate(&self, block: BlockReference, validators: &[u16]) -> Certificate {
        let sign = |validator: &u16| (*validator, self.commit(*validator, block).signature);
        Certificate { block, signatures: validators.iter().map(sign).collect() }
    }
}

fn fault(outputs: &[Output]) -> Option<&str> {
    outputs.iter().find_map(|output| match output {
        Output::Fault { reason, .. } => Some(reason.as_str()),
        Output::Send { .. }
        | Output::Relay { .. }
        | Output::Persist(_)
        | Output::Sign(_)
        | Output::Dropped(_)
        | Output::Moved
        | Output::Event(_) => None,
    })
}

fn is_relayed(outputs: &[Output]) -> bool {
    outputs.iter().any(|output| matches!(output, Output::Relay { .. }))
}

#[test]
fn a_vote_is_passed_on_once_and_a_copy_costs_nothing() {
    let mut world = World::new();
    let vote = FinalityVote::Commit(world.commit(2, block(7, 1)));
    assert!(is_relayed(&world.take(1, vote.clone())));
    assert!(world.take(1, vote.clone()).is_empty());
    assert!(world.take(2, vote).is_empty());
}

#[test]
fn votes_that_no_validator_signed_are_the_fault_of_who_sent_them() {
    let mut world = World::new();
    let strange = world.commit_by(2, block(7, 1), &key(9));
    let taken = world.take(1, FinalityVote::Commit(strange));
    assert!(fault(&taken).is_some_and(|reason| reason.contains("does not hold")), "{taken:?}");
    let unknown = world.commit_by(4, block(7, 1), &key(9));
    let taken = world.take(1, FinalityVote::Commit(unknown));
    assert!(fault(&taken).is_some_and(|reason| reason.contains("names validator 4")), "{taken:?}");
    let mut moved = world.prepare(1, block(7, 1), block(0, 0));
    moved.target = block(8, 1);
    let taken = world.take(1, FinalityVote::Prepare(moved));
    assert!(fault(&taken).is_some());
    world.finality.check_invariants();
}

#[test]
fn each_bad_certificate_is_refused_in_its_own_words() {
    let good = block(7, 1);
    let mut world = World::new();
    let whole = world.certificate(good, &[0, 1, 2]);
    let with = |change: fn(&mut Certificate)| {
        let mut certificate = whole.clone();
        change(&mut certificate);
        certificate
    };
    let mut stranger = whole.clone();
    stranger.signatures[2].1 = world.commit_by(2, good, &key(9)).signature;
    let mut elsewhere = whole.clone();
    elsewhere.signatures = (0..3)
        .map(|place| {
            let commit = Commit::sign(&ElectionId([9; 32]), place, good, &validator_key(place));
            (place, commit.signature)
        })
        .collect();
    let mut swapped = whole.clone();
    swapped.signatures[2].1 = world.commit(3, good).signature;
    let bad = [
        (with(|each| each.signatures.truncate(2)), "bears 2 validators' signatures"),
        (with(|each| each.signatures[1] = each.signatures[0]), "twice or out of order"),
        (with(|each| each.signatures[2].0 = 7), "names validator 7"),
        (stranger, "by none of the election's validators"),
        (swapped, "is by validator 3"),
        (with(|each| each.block.height = Height(8)), "by none of the election's validators"),
        (with(|each| each.block.hash = BlockHash([2; 32])), "by none of the election's validators"),
        (elsewhere, "by none of the election's validators"),
    ];
    for (certificate, words) in bad {
        let taken = world.take_certificate(certificate);
        let reason = fault(&taken).unwrap_or_default();
        assert!(reason.contains(words), "{reason:?} instead of {words:?}");
        assert!(world.finality.certificates.blocks().is_empty());
    }
    assert_eq!(fault(&world.take_certificate(whole)), None);
    assert_eq!(world.finality.certificates.blocks(), [good], "it waits for its block");
}

#[test]
fn a_certificate_that_nobody_asked_for_is_dropped_unread() {
    let mut world = World::new();
    let certificate = world.certificate(block(7, 1), &[0, 1, 2]);
    let World { finality, chain, now, .. } = &mut world;
    finality.handle_certificates(address(1), 2, vec![certificate], chain, *now);
    assert!(matches!(
        finality.outputs.pop_front(),
        Some(Output::Dropped(DropReason::PieceNotAsked))
    ));
    assert!(finality.certificates.blocks().is_empty());
}

#[test]
fn whoever_commits_first_all_come_to_the_certificate_of_the_lowest_validators() {
    let mut world = World::new();
    for validators in [[1, 2, 3], [0, 2, 3]] {
        let certificate = world.certificate(block(7, 1), &validators);
        world.take_certificate(certificate);
    }
    let seen = world.finality.certificates.get(&block(7, 1)).expect("known");
    assert_eq!(seen.certificate, world.certificate(block(7, 1), &[0, 1, 2]));
}

#[test]
fn two_certificates_that_contradict_each_other_stop_the_node_and_are_both_told_and_served() {
    let mut world = World::new();
    let [one, other] = [1, 2].map(|number| world.certificate(block(7, number), &[0, 1, 2]));
    world.take_certificate(one.clone());
    let taken = world.take_certificate(other.clone());
    let told = taken.iter().any(|output| {
        matches!(output, Output::Event(Event::ConflictingCertificates { first, second })
            if **first == one && **second == other)
    });
    assert!(told, "{taken:?}");
    assert!(world.finality.conflict().is_some());
    world.finality.serve(address(1), 5, Height(0), &world.chain);
    let served = world.finality.outputs.drain(..).filter(|output| {
        matches!(output, Output::Send { datagram: Datagram::ChainCertificates { .. }, .. })
    });
    assert_eq!(served.count(), 2);
}

#[test]
fn each_offence_is_noticed_kept_once_and_passed_on() {
    let genesis = |world: &World| world.chain.final_block();
    for number in 0..3 {
        let mut world = World::new();
        let source = genesis(&world);
        let (first, second) = match number {
            0 => (
                FinalityVote::Prepare(world.prepare(1, block(7, 1), source)),
                FinalityVote::Prepare(world.prepare(1, block(7, 2), source)),
            ),
            1 => (
                FinalityVote::Commit(world.commit(1, block(7, 1))),
                FinalityVote::Commit(world.commit(1, block(7, 2))),
            ),
            _ => (
                FinalityVote::Commit(world.commit(1, block(7, 1))),
                FinalityVote::Prepare(world.prepare(1, block(9, 1), source)),
            ),
        };
        assert!(!world.take(1, first.clone()).iter().any(is_evidence));
        let taken = world.take(1, second.clone());
        assert!(taken.iter().any(is_evidence), "{number}: {taken:?}");
        let evidence = Evidence { first, second };
        assert_eq!(world.finality.evidence.get(&1), Some(&evidence));

        // Others check it, and pass it on once.
        let mut other = World::new();
        for round in 0..2 {
            other.finality.handle_evidence(address(1), evidence.clone(), other.now);
            let taken: Vec<_> = other.finality.outputs.drain(..).collect();
            assert_eq!(taken.iter().any(is_evidence), round == 0);
        }
        // A newcomer is told.
        other.finality.add_neighbour(address(2), Height(0), other.now);
        let mut told = other.finality.outputs.drain(..);
        assert!(
            told.any(|each| matches!(each, Output::Send { datagram: Datagram::Evidence(_), .. }))
        );
    }
}

fn is_evidence(output: &Output) -> bool {
    matches!(output, Output::Relay { datagram: Datagram::Evidence(_), .. })
}

#[test]
fn what_an_honest_validator_signs_is_no_evidence() {
    let mut world = World::new();
    let vote = FinalityVote::Commit(world.commit(1, block(7, 1)));
    let other = FinalityVote::Commit(world.commit(1, block(8, 1)));
    let evidence = Evidence { first: vote, second: other };
    world.finality.handle_evidence(address(1), evidence, world.now);
    let taken: Vec<_> = world.finality.outputs.drain(..).collect();
    assert!(fault(&taken).is_some_and(|reason| reason.contains("honest")), "{taken:?}");
    assert!(world.finality.evidence.is_empty());
}

#[test]
fn a_neighbour_makes_this_node_check_so_many_signatures_a_second_and_no_more() {
    let mut checks = Checks::default();
    let start = World::new().now.instant;
    let taken = (0..CHECKS_PER_S_MAX + 5).filter(|_| checks.take(address(1), 1, start)).count();
    assert_eq!(taken, CHECKS_PER_S_MAX as usize);
    assert!(checks.take(address(2), 1, start), "another neighbour has its own");
    assert!(!checks.take(address(1), 1, start + Duration::from_millis(999)));
    assert!(checks.take(address(1), CHECKS_PER_S_MAX, start + Duration::from_secs(1)));
}

/// The votes of one validator, by the height of their blocks from above.
struct Kept(World, fn(&World, BlockReference) -> FinalityVote);

impl Bounded for Kept {
    fn offer(&mut self, number: usize) {
        let vote = (self.1)(&self.0, block(number as u64 + 1, 1));
        self.0.take(1, vote);
    }

    fn keeps(&self, number: usize) -> bool {
        self.0.finality.votes.name(&block(number as u64 + 1, 1))
    }

    fn end(&mut self, _number: usize) -> bool {
        false
    }
}

/// Certificates of one height each, of blocks that never come.
struct Certified(World);

impl Bounded for Certified {
    fn offer(&mut self, number: usize) {
        let certificate = self.0.certificate(block(number as u64 + 1, 1), &[0, 1, 2]);
        self.0.take_certificate(certificate);
    }

    fn keeps(&self, number: usize) -> bool {
        self.0.finality.certificates.get(&block(number as u64 + 1, 1)).is_some()
    }

    fn end(&mut self, _number: usize) -> bool {
        false
    }
}

struct Marked(Justified);

impl Bounded for Marked {
    fn offer(&mut self, number: usize) {
        self.0.insert(block(number as u64 + 1, 1));
    }

    fn keeps(&self, number: usize) -> bool {
        self.0.contains(&block(number as u64 + 1, 1))
    }

    fn end(&mut self, _number: usize) -> bool {
        false
    }
}

/// Runs with one validator's key.
struct Running(World);

impl Running {
    fn presence(&self, number: usize) -> Presence {
        let run = RunNumber([u8::try_from(number + 10).expect("few"); 8]);
        Presence::sign(&self.0.id(), 1, run, self.0.now.unix, &validator_key(1))
    }
}

impl Bounded for Running {
    fn offer(&mut self, number: usize) {
        let presence = self.presence(number);
        self.0.finality.handle_presence(address(1), presence, self.0.now);
        self.0.finality.outputs.clear();
    }

    fn keeps(&self, number: usize) -> bool {
        let later = Now { unix: self.0.now.unix.plus(Duration::from_millis(1)), ..self.0.now };
        let presence = Presence { time: later.unix, ..self.presence(number) };
        // What is kept was heard of a moment ago; another run finds no room, or some.
        self.0.finality.presences.knows(&presence)
    }

    fn end(&mut self, _number: usize) -> bool {
        false
    }
}

const BOUNDS: [Bound; 5] = [
    Bound {
        name: "VOTES_OF_VALIDATOR_MAX",
        max: votes::VOTES_OF_VALIDATOR_MAX,
        gives_way: GivesWay::Oldest,
        fresh: || {
            Box::new(Kept(World::new(), |world, block| {
                FinalityVote::Commit(world.commit(1, block))
            }))
        },
    },
    Bound {
        name: "VOTES_OF_VALIDATOR_MAX",
        max: votes::VOTES_OF_VALIDATOR_MAX,
        gives_way: GivesWay::Oldest,
        fresh: || {
            Box::new(Kept(World::new(), |world, block| {
                FinalityVote::Prepare(world.prepare(1, block, world.chain.final_block()))
            }))
        },
    },
    Bound {
        name: "CERTIFICATES_MAX",
        max: certificates::CERTIFICATES_MAX,
        gives_way: GivesWay::Oldest,
        fresh: || Box::new(Certified(World::new())),
    },
    Bound {
        name: "JUSTIFIED_MAX",
        max: justified::JUSTIFIED_MAX,
        gives_way: GivesWay::Oldest,
        fresh: || {
            let mut marked = Justified::new(block(1, 1), 3);
            marked.insert(block(1, 1));
            Box::new(Marked(marked))
        },
    },
    Bound {
        name: "RUNS_OF_VALIDATOR_MAX",
        max: RUNS_OF_VALIDATOR_MAX,
        gives_way: GivesWay::Newcomer,
        fresh: || Box::new(Running(World::new())),
    },
];

#[test]
fn what_is_kept_of_validators_is_bounded() {
    BOUNDS.iter().for_each(Bound::check);
}

#[test]
fn a_justification_shows_64_prepares_at_most() {
    let mut world = World::new();
    let mut source = world.chain.final_block();
    for height in 1..=40 {
        let target = block(height, 1);
        for validator in 0..3 {
            world.take(1, FinalityVote::Prepare(world.prepare(validator, target, source)));
        }
        world.finality.justified.insert(target);
        source = target;
    }
    let Finality { justified, votes, .. } = &world.finality;
    let shown = justified.justification(source, votes, Height(0));
    assert_eq!(shown.len(), justified::JUSTIFICATION_MAX / 3 * 3);
    assert_eq!(shown.last().map(|prepare| prepare.target), Some(source));
    assert_eq!(justified.justification(source, votes, Height(39)).len(), 3);
}

#[test]
fn a_presence_of_another_time_says_nothing_of_now() {
    let mut world = World::new();
    let run = RunNumber([7; 8]);
    for (ms, is_taken) in [(0, true), (499, false), (500, true), (200_000, false)] {
        let time = world.now.unix.plus(Duration::from_millis(ms));
        let presence = Presence::sign(&world.id(), 1, run, time, &validator_key(1));
        world.finality.handle_presence(address(1), presence, world.now);
        let taken: Vec<_> = world.finality.outputs.drain(..).collect();
        assert_eq!(is_relayed(&taken), is_taken, "{ms}");
    }
}
