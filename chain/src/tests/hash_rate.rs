//! How the difficulty answers to a hash rate that changes, to pauses, and to miners who lie about time as far as the
//! rules let them. Blocks are found at random times, by a generator with a fixed seed; bounds are for all seeds.

use super::*;

const INTERVAL_MS: u64 = 10_000;
const SEEDS: u64 = 20;

/// The attempts per millisecond at which a block of this many times the floor's difficulty takes one interval.
const UNIT: f64 = FLOOR as f64 / INTERVAL_MS as f64;
const FLOOR: u64 = 1 << 20;

/// What time the miner of a block claims.
#[derive(Debug, Clone, Copy)]
enum Claim {
    True,
    /// As late as others take it.
    Forward,
    /// As early as others take it.
    Backward,
}

/// A chain in whose blocks somebody searched, and the true time.
struct Mine {
    past: Past,
    clock_ms: f64,
    random: u64,
    ahead_ms: f64,
    /// For each block, how long it took, and its difficulty in floors.
    blocks: Vec<(f64, f64)>,
}

impl Mine {
    fn new(seed: u64) -> Self {
        let election = Election { difficulty_bits: 20, block_interval_s: Some(10), ..election() };
        Self {
            past: Past::genesis(&election),
            clock_ms: 0.0,
            random: seed,
            ahead_ms: time_ahead_max(&election).as_secs_f64() * 1_000.0,
            blocks: Vec::new(),
        }
    }

    /// A chain whose difficulty is that of a hash rate of so many units.
    fn settled(seed: u64, units: f64) -> Self {
        let mut mine = Self::new(seed);
        mine.mine(400, units);
        mine.blocks.clear();
        mine
    }

    /// A number from 0 up to 1 (splitmix64).
    fn uniform(&mut self) -> f64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.random;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Finds a block at a hash rate of so many units.
    fn find(&mut self, units: f64, claim: Claim) {
        let difficulty = self.past.next_difficulty().attempts() as f64;
        let took_ms = -(1.0 - self.uniform()).ln() * difficulty / (UNIT * units);
        self.clock_ms += took_ms;
        let clock = |ms: f64| election().created.plus(Duration::from_millis(ms as u64));
        let now = match claim {
            Claim::True => clock(self.clock_ms),
            Claim::Forward => clock(self.clock_ms + self.ahead_ms),
            Claim::Backward => UnixMillis(0),
        };
        let header = self.past.next_header(&[], now);
        self.past.add(&header);
        self.blocks.push((took_ms, difficulty / FLOOR as f64));
    }

    fn mine(&mut self, blocks: usize, units: f64) {
        (0..blocks).for_each(|_| self.find(units, Claim::True));
    }

    fn pause(&mut self, hours: f64) {
        self.clock_ms += hours * 3_600_000.0;
    }

    /// The average time of a block, in intervals.
    fn average(&self) -> f64 {
        let sum: f64 = self.blocks.iter().map(|(took_ms, _)| took_ms).sum();
        sum / self.blocks.len() as f64 / INTERVAL_MS as f64
    }

    /// How many blocks it took until blocks were expected within half an interval to two.
    fn until_within_twice(&self, units: f64) -> usize {
        let is_near = |(_, difficulty): &(f64, f64)| (0.5..=2.0).contains(&(difficulty / units));
        self.blocks.iter().position(is_near).expect("it comes near")
    }

    /// The lowest and the highest difficulty, over that which is right for a hash rate.
    fn range(&self, units: f64) -> (f64, f64) {
        let difficulties = self.blocks.iter().map(|(_, difficulty)| difficulty / units);
        difficulties.fold((f64::MAX, 0.0), |(low, high), each| (low.min(each), high.max(each)))
    }
}

#[test]
fn a_steady_hash_rate_finds_blocks_on_time() {
    for seed in 1..=SEEDS {
        let mut mine = Mine::settled(seed, 100.0);
        mine.mine(1_000, 100.0);
        let (low, high) = mine.range(100.0);
        assert!((0.95..1.05).contains(&mine.average()), "{seed}: {}", mine.average());
        assert!(low > 0.5 && high < 2.0, "{seed}: {low} {high}");
    }
}

#[test]
fn after_a_change_of_the_hash_rate_blocks_come_nearly_on_time_again() {
    for (from, to, blocks_max) in
        [(100.0, 1_000.0, 90), (1_000.0, 100.0, 70), (1.0, 1_000.0, 300), (1.0, 1_000_000.0, 600)]
    {
        for seed in 1..=SEEDS {
            let mut mine = Mine::settled(seed, from);
            mine.mine(blocks_max + 100, to);
            let blocks = mine.until_within_twice(to);
            assert!(blocks <= blocks_max, "{seed}: {from} to {to}: {blocks} blocks");
            mine.blocks.drain(..blocks);
            let (low, high) = mine.range(to);
            assert!(low > 0.2 && high < 3.0, "{seed}: {from} to {to}: {low} to {high} later");
        }
    }
}

#[test]
fn a_pause_counts_as_six_intervals_and_many_are_made_up_for() {
    for seed in 1..=SEEDS {
        let mut mine = Mine::settled(seed, 100.0);
        mine.mine(1, 100.0);
        let before = mine.past.next_difficulty().attempts() as f64;
        mine.pause(5.0);
        mine.mine(1, 100.0);
        let after = mine.past.next_difficulty().attempts() as f64;
        assert!(after > 0.7 * before, "{seed}: {before} to {after}");

        // An hour before each block, and then no more.
        let mut mine = Mine::settled(seed, 100.0);
        for _ in 0..60 {
            mine.pause(1.0);
            mine.mine(1, 100.0);
        }
        mine.blocks.clear();
        mine.mine(200, 100.0);
        let blocks = mine.until_within_twice(100.0);
        assert!(blocks <= 150, "{seed}: {blocks}");
        assert!(mine.range(100.0).1 < 2.0, "{seed}: {:?}", mine.range(100.0));
    }
}

#[test]
fn bursts_do_not_swing_the_difficulty_beyond_what_they_search_with() {
    for seed in 1..=SEEDS {
        let mut mine = Mine::settled(seed, 100.0);
        for _ in 0..10 {
            mine.mine(30, 1_000.0);
            mine.mine(30, 100.0);
        }
        let (low, high) = mine.range(100.0);
        assert!(low > 0.5 && high < 10.0, "{seed}: {low} to {high}");
        assert!((0.8..1.4).contains(&mine.average()), "{seed}: {}", mine.average());
    }
}

#[test]
fn miners_who_lie_about_time_move_the_pace_by_little() {
    for claims in [&[Claim::Forward][..], &[Claim::Backward], &[Claim::Forward, Claim::Backward]] {
        for share in [0.1, 0.3, 0.45] {
            for seed in 1..=SEEDS {
                let mut mine = Mine::settled(seed, 100.0);
                for number in 0..1_000 {
                    let lies = mine.uniform() < share;
                    let claim = claims[number % claims.len()];
                    mine.find(100.0, if lies { claim } else { Claim::True });
                }
                let (low, high) = mine.range(100.0);
                let average = mine.average();
                let case = format!("{seed}: {share} {claims:?}");
                assert!((0.95..1.15).contains(&average), "{case}: {average}");
                assert!(low > 0.5 && high < 2.5, "{case}: {low} to {high}");
            }
        }
    }
}

#[test]
fn who_hurries_time_on_a_branch_alone_gains_little_by_it() {
    for (share, depth, won_max) in [(0.3, 6, 12), (0.3, 24, 0), (0.4, 24, 20)] {
        let won = (0..400).filter(|seed| overtakes(*seed, share, depth)).count();
        assert!(won <= won_max, "with {share}, {depth} blocks behind: {won} of 400");
    }
}

/// Whether a miner with this share of the hash rate, who mines a branch alone with times a millisecond apart,
/// outweighs the others, who are so many blocks ahead when the branch begins.
fn overtakes(seed: u64, share: f64, depth: u64) -> bool {
    let mut own = Mine::settled(seed, 100.0);
    let mut others = Mine { random: !seed, clock_ms: own.clock_ms, ..Mine::settled(seed, 100.0) };
    others.past = own.past.clone();
    own.blocks.clear();
    let (mut own_work, mut others_work) = (0.0, 100.0 * depth as f64);
    for _ in 0..300 {
        own.find(100.0 * share, Claim::Backward);
        own_work += own.blocks.last().expect("just found").1;
        while others.clock_ms < own.clock_ms {
            others.find(100.0 * (1.0 - share), Claim::True);
            others_work += others.blocks.last().expect("just found").1;
        }
        if own_work > others_work {
            return true;
        }
        let hardest = own.blocks.last().expect("just found").1;
        if others_work - own_work > f64::max(200.0 * 100.0, 20.0 * hardest) {
            return false;
        }
    }
    false
}
