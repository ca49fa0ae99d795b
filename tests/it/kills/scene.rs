//! A victim that is killed over and over, and its neighbours, who are not.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::load::Load;
use super::tally_of;
use crate::harness::{
    Ledger, Network, PATIENCE, Peer, Tip, agree, new_election, offline, results_of, until,
};

/// A block takes 4,096 attempts: several a second, and often two at a time.
const DIFFICULTY_BITS: u8 = 12;

/// Neighbours of the victim, who mine too and have voters of their own.
const OTHERS: usize = 2;

/// Transactions that each neighbour is handed while the victim is pressed once.
const OTHERS_SHARE: usize = 6;

/// Voters of different peers have numbers this far apart.
const VOTERS_OF_A_PEER: u64 = 1 << 32;

/// Blocks that the victim finds alone before its neighbours find more.
const ALONE_BLOCKS: u64 = 2;

/// One network, its victim, and what the victim owes.
#[derive(Debug)]
pub(super) struct Scene {
    network: Network,
    victim: Option<Peer>,
    arguments: [String; 2],
    load: Load,
    ledger: Ledger,
    others: Vec<(Load, Ledger)>,
    start_took: Duration,
    pub(super) kills: usize,
    /// Times that a block of the victim's own branch had to go.
    pub(super) overtaken: usize,
}

impl Scene {
    pub(super) fn new() -> Self {
        let election = new_election(DIFFICULTY_BITS);
        let mut network = Network::with_tracker(election.clone());
        let began = Instant::now();
        let victim = network.start_peer(&[]);
        let start_took = began.elapsed();
        for _ in 0..OTHERS {
            network.join(&[]);
        }
        let loads = (1..).map(|number| Load::new(&election, number * VOTERS_OF_A_PEER));
        Self {
            // Its neighbours know it again at the same address.
            arguments: [network.tracker_address(), victim.address.to_string()],
            load: Load::new(&election, 0),
            ledger: Ledger::default(),
            others: loads.take(OTHERS).map(|load| (load, Ledger::default())).collect(),
            network,
            victim: Some(victim),
            start_took,
            kills: 0,
            overtaken: 0,
        }
    }

    pub(super) fn acknowledged(&self) -> usize {
        self.ledger.acknowledged()
    }

    /// Killed while it takes votes, mines and hears of its neighbours' blocks.
    pub(super) fn kill_under_load(&mut self, random: &mut ChaCha8Rng) {
        self.start_and_check();
        self.press_others();
        let duration = Duration::from_millis(random.random_range(50..=1_500));
        self.press(duration);
        self.kill();
    }

    /// Killed while it starts, or hardly has: while it reads what the last kill left, and mends it.
    pub(super) fn kill_at_start(&mut self, random: &mut ChaCha8Rng) {
        if self.victim.is_some() {
            self.kill();
        }
        self.launch(&[]);
        let share = random.random_range(0.0..1.5);
        self.press(self.start_took.mul_f64(share));
        self.kill();
    }

    /// Killed while it changes from its own branch to a longer one: it mines alone while its neighbours are
    /// stopped, then they mine more while it is dead, then they meet.
    pub(super) fn kill_while_overtaken(&mut self, random: &mut ChaCha8Rng) {
        if self.victim.is_some() {
            self.kill();
        }
        self.network.peers.iter().for_each(|peer| peer.program.signal("STOP"));
        self.start_and_check();
        let before = self.tip().height;
        let alone = until("the victim mines alone", PATIENCE, || {
            self.press(Duration::from_millis(100));
            self.load.settle(self.victim.as_mut().expect("it runs"), &mut self.ledger);
            let tip = self.tip();
            (tip.height >= before + ALONE_BLOCKS).then_some(tip)
        });
        self.kill();

        self.network.peers.iter().for_each(|peer| peer.program.signal("CONT"));
        until("the neighbours mine more", PATIENCE, || {
            self.press_others();
            self.settle_others();
            let height = results_of(&mut self.network.peers[0]).height;
            (height > alone.height + 1).then_some(())
        });

        self.launch(&[]);
        let share = random.random_range(0.5..3.0);
        self.press(self.start_took.mul_f64(share));
        self.kill();

        self.start_and_check();
        until("the victim is overtaken", PATIENCE, || {
            self.ledger.follow(self.victim.as_mut().expect("it runs"));
            (!self.ledger.holds_block(alone.height, &alone.hash)).then_some(())
        });
        self.overtaken += 1;
    }

    /// A replay from scratch of what the last kill left gives what the victim counts when it comes back.
    pub(super) fn audit(&mut self) {
        if self.victim.is_some() {
            self.kill();
        }
        let replayed = offline::audit(&self.directory());
        // Nobody answers the victim, and it does not mine: its tip stays where the kill left it.
        self.network.peers.iter().for_each(|peer| peer.program.signal("STOP"));
        self.launch(&["--no-mining"]);
        let victim = self.victim.as_mut().expect("it was launched");
        victim.wait_until_listening(PATIENCE);
        offline::assert_counts(victim, &replayed);
        self.ledger.check(victim);
        self.kill();
        self.network.peers.iter().for_each(|peer| peer.program.signal("CONT"));
    }

    /// All voters are counted, by everybody.
    pub(super) fn finish(mut self) {
        self.start_and_check();
        self.settle_others();
        let victim = self.victim.as_mut().expect("it runs");
        self.load.complete(victim, &mut self.ledger);
        for (peer, (load, ledger)) in self.network.peers.iter_mut().zip(&mut self.others) {
            load.complete(peer, ledger);
        }
        self.network.peers.extend(self.victim.take());
        let loads = self.others.iter().map(|(load, _)| load).chain([&self.load]);
        let tallies: Vec<_> = loads.map(Load::tally).collect();
        let total = [0, 1, 2].map(|option| tallies.iter().map(|tally| tally[option]).sum::<u64>());
        agree(&mut self.network.peers, total.iter().sum(), PATIENCE);
        for peer in &mut self.network.peers {
            assert_eq!(tally_of(peer), total);
            no_panic(&peer.program.stderr());
        }
        // Everything is on the chain, and so nothing may be left to ask for.
        let victim = self.network.peers.last_mut().expect("there are peers");
        self.ledger.check(victim);
        assert_eq!(self.ledger.waiting(), 0, "counted, and yet not on the chain");
    }

    /// Starts the victim unless it runs, and looks for all that it ever acknowledged.
    fn start_and_check(&mut self) {
        if self.victim.is_none() {
            let began = Instant::now();
            self.launch(&[]);
            self.victim.as_mut().expect("it was launched").wait_until_listening(PATIENCE);
            self.start_took = began.elapsed();
        }
        let victim = self.victim.as_mut().expect("it runs");
        self.load.settle(victim, &mut self.ledger);
        self.ledger.check(victim);
    }

    fn directory(&self) -> PathBuf {
        self.network.directory.path().join("peer-1")
    }

    fn launch(&mut self, further: &[&str]) {
        let directory = self.directory();
        let arguments: Vec<_> =
            self.arguments.iter().map(String::as_str).chain(further.iter().copied()).collect();
        let command = Peer::command(&arguments, &directory);
        self.victim = Some(Peer::launch("victim", command, &directory));
    }

    fn kill(&mut self) {
        let (answers, stderr) = self.victim.take().expect("it runs").kill();
        self.load.interrupted(answers, &mut self.ledger);
        no_panic(&stderr);
        self.kills += 1;
    }

    fn press(&mut self, duration: Duration) {
        let victim = self.victim.as_mut().expect("it runs");
        self.load.press(victim, duration, &mut self.ledger);
    }

    fn tip(&mut self) -> Tip {
        results_of(self.victim.as_mut().expect("it runs"))
    }

    /// Hands the neighbours a few voters, and reads the answers about those before.
    fn press_others(&mut self) {
        self.settle_others();
        for (peer, (load, _)) in self.network.peers.iter_mut().zip(&mut self.others) {
            load.offer(peer, OTHERS_SHARE);
        }
    }

    fn settle_others(&mut self) {
        for (peer, (load, ledger)) in self.network.peers.iter_mut().zip(&mut self.others) {
            load.settle(peer, ledger);
            peer.take_events();
            no_panic(&peer.program.stderr());
        }
    }
}

fn no_panic(stderr: &str) {
    assert!(!stderr.contains("panicked"), "{stderr}");
}
