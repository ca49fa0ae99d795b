//! What validators, and those who pass on what they signed, can make a node keep.

use super::*;
use crate::finality::presence::{CHECKS_PER_S_MAX, RUNS_OF_VALIDATOR_MAX};
use crate::tests::bounded::{Bound, Bounded, GivesWay};

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
        // From several neighbours, each of which has so many signatures a second checked.
        self.0.take(if number.is_multiple_of(2) { 1 } else { 2 }, vote);
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
fn a_justification_is_kept_whole_and_shown_in_parts() {
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
    let shown = justified.justification(source, votes, &world.chain, Height(0));
    assert_eq!(shown.len(), 120);
    assert!(shown.len() <= justified::JUSTIFICATION_KEPT_MAX);
    assert_eq!(shown.last().map(|prepare| prepare.target), Some(source));
    assert_eq!(justified.justification(source, votes, &world.chain, Height(39)).len(), 3);
    // Whoever asks again is shown them all.
    let part = |turn| justified.part_of_justification(source, votes, &world.chain, turn);
    assert_eq!((part(0).len(), part(1).len()), (justified::JUSTIFICATION_MAX, 56));
    assert_eq!(part(2), part(0));
    let targets: std::collections::BTreeSet<_> =
        [part(0), part(1)].concat().iter().map(|prepare| prepare.target).collect();
    assert_eq!(targets.len(), 40);
}
