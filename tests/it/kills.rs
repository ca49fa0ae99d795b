//! Peers that are killed hard, many times, at random moments: what one acknowledged, it has ever after.
//!
//! A test run kills some dozens of times. `OSTRAKON_KILLS=1000 cargo test -p tests --test it kills` kills that often,
//! in networks of some dozens of kills each. `OSTRAKON_KILL_SEED` repeats the choices of a run; the moments themselves
//! are those of real processes, and so hardly ever the same twice.

mod load;
mod scene;

use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::harness::{
    Ledger, Network, PATIENCE, Peer, Tracker, agree, new_election, offline, results_of, until,
};
use load::Load;
use scene::Scene;

/// How many fit into a test run of two minutes on two busy cores.
const KILLS_DEFAULT: usize = 80;

/// A network grows with the kills that it has seen; then another one begins.
const KILLS_OF_A_NETWORK: usize = 40;

/// Every so many rounds, what the kill of one left is replayed from scratch.
const AUDIT_PERIOD: usize = 3;

/// Kills of a peer for one of an import.
const KILLS_PER_IMPORT: usize = 5;

/// Transactions and blocks of the archive whose import is killed, at the least.
const ARCHIVE_TRANSACTIONS: usize = 1_000;
const ARCHIVE_BLOCKS: u64 = 20;

/// Every so many rounds the victim is overtaken by its neighbours, which takes three kills.
const OVERTAKEN_PERIOD: usize = 4;

#[test]
fn a_peer_that_is_killed_many_times_keeps_what_it_acknowledged() {
    let kills = kills();
    let run = Run::begin();
    let mut done = 0;
    while done < kills {
        let mut random = run.random(done);
        let wanted = KILLS_OF_A_NETWORK.min(kills - done);
        let mut scene = Scene::new();
        let mut round = 0;
        while scene.kills < wanted {
            round += 1;
            if round % OVERTAKEN_PERIOD == 0 {
                scene.kill_while_overtaken(&mut random);
            } else if random.random_bool(0.4) {
                scene.kill_at_start(&mut random);
            } else {
                scene.kill_under_load(&mut random);
            }
            if round % AUDIT_PERIOD == 0 {
                scene.audit();
            }
        }
        done += scene.kills;
        let (acknowledged, overtaken) = (scene.acknowledged(), scene.overtaken);
        eprintln!(
            "{done} of {kills} kills: {acknowledged} transactions acknowledged in this network, overtaken {overtaken} times"
        );
        assert!(acknowledged > wanted, "{acknowledged} acknowledgements are no load");
        scene.finish();
    }
}

#[test]
fn a_network_whose_peers_and_tracker_are_all_killed_at_once_comes_back_whole() {
    const PEERS: usize = 5;
    let run = Run::begin();
    let mut random = run.random(0);
    let mut network = Network::start(PEERS, 12);
    let election = network.election.clone();
    let mut loads: Vec<_> =
        (0..PEERS as u64).map(|peer| Load::new(&election, peer << 32)).collect();
    let mut ledgers: Vec<_> = (0..PEERS).map(|_| Ledger::default()).collect();
    for _ in 0..3 {
        let duration = Duration::from_millis(random.random_range(300..=1_500));
        thread::scope(|scope| {
            let peers = network.peers.iter_mut().zip(loads.iter_mut().zip(&mut ledgers));
            for (peer, (load, ledger)) in peers {
                scope.spawn(move || load.press(peer, duration, ledger));
            }
        });
        kill_all_and_restart(&mut network, &mut loads, &mut ledgers);
        for (peer, ledger) in network.peers.iter_mut().zip(&mut ledgers) {
            ledger.check(peer);
        }
    }
    // Whatever was acknowledged, by whomever, everybody counts.
    for (peer, (load, ledger)) in network.peers.iter_mut().zip(loads.iter_mut().zip(&mut ledgers)) {
        load.complete(peer, ledger);
        assert!(ledger.acknowledged() > 0, "there was no load");
    }
    let total = [0, 1, 2].map(|option| loads.iter().map(|load| load.tally()[option]).sum::<u64>());
    agree(&mut network.peers, total.iter().sum(), 2 * PATIENCE);
    for (peer, ledger) in network.peers.iter_mut().zip(&mut ledgers) {
        assert_eq!(tally_of(peer), total);
        ledger.check(peer);
        assert_eq!(ledger.waiting(), 0, "counted, and yet not on the chain");
    }
}

#[test]
fn an_import_that_is_killed_leaves_the_whole_chain_or_none() {
    let run = Run::begin();
    let mut random = run.random(0);
    let mut network = Network::without_tracker(new_election(12));
    let archive = network.directory.path().join("election.ostrakon");
    export_chain(&mut network, &archive);
    let whole = offline::audit(&archive);

    let place = |number: usize| network.directory.path().join(format!("import-{number}"));
    let began = Instant::now();
    let (code, stderr) = offline::import(&archive, &place(0));
    let took = began.elapsed();
    assert_eq!(code, Some(0), "{stderr}");
    offline::assert_same(&offline::audit(&place(0)), &whole);
    let ballot = network.ballot();
    let ballot = ballot.to_str().expect("temporary files have plain names");
    let (mut halves, mut wholes) = (0, 0);
    for number in 1..=kills().div_ceil(KILLS_PER_IMPORT) {
        let mut import = offline::start_import(&archive, &place(number));
        thread::sleep(took.mul_f64(random.random_range(0.0..1.1)));
        import.kill_hard();
        let (code, stderr) = import.finish(PATIENCE);
        assert!(!stderr.contains("panicked"), "{stderr}");
        halves += usize::from(code.is_none());
        if random.random_bool(0.3) {
            // Whoever starts a peer there instead of importing again begins anew, or has it all.
            let arguments = ["0", "--ballot", ballot, "--no-mining"];
            let mut peer = Peer::start("peer after an import", &arguments, &place(number));
            if results_of(&mut peer).height > 0 {
                offline::assert_counts(&mut peer, &whole);
                wholes += 1;
            }
            continue;
        }
        // It is refused only where all is there already.
        let (code, stderr) = offline::import(&archive, &place(number));
        wholes += usize::from(code != Some(0));
        assert!(!stderr.contains("panicked"), "{stderr}");
        offline::assert_same(&offline::audit(&place(number)), &whole);
    }
    eprintln!(
        "{halves} imports were killed before their end; {wholes} directories had the whole chain"
    );
    assert!(halves > 0, "no import was killed before its end");
}

/// Has a peer make a chain, and writes its archive.
fn export_chain(network: &mut Network, archive: &Path) {
    let ballot = network.ballot();
    let ballot = ballot.to_str().expect("temporary files have plain names");
    let mut peer = network.start_alone(&["--ballot", ballot]);
    let (mut load, mut ledger) = (Load::new(&network.election, 0), Ledger::default());
    until("there is something to import", 3 * PATIENCE, || {
        load.press(&mut peer, Duration::from_millis(200), &mut ledger);
        load.settle(&mut peer, &mut ledger);
        let height = results_of(&mut peer).height;
        (ledger.acknowledged() >= ARCHIVE_TRANSACTIONS && height >= ARCHIVE_BLOCKS).then_some(())
    });
    load.complete(&mut peer, &mut ledger);
    until("all is in blocks", PATIENCE, || (peer.ask("status")["pool"] == 0).then_some(()));
    assert_eq!(peer.ask("leave")["own_vote"], "not_cast");
    assert_eq!(peer.wait_end(PATIENCE).code(), Some(0));
    offline::export(archive, &peer.data_directory);
}

/// One signal for all of them, so that nobody outlives another by more than a moment.
fn kill_all_and_restart(network: &mut Network, loads: &mut [Load], ledgers: &mut [Ledger]) {
    let tracker = network.tracker.take().expect("there is one");
    let address = tracker.address.to_string();
    let programs = network.peers.iter().map(|peer| &peer.program).chain([&tracker.program]);
    let ids: Vec<_> = programs.map(|program| program.id().to_string()).collect();
    let status = Command::new("kill").args(["-s", "KILL"]).args(&ids).status();
    assert!(status.expect("kill runs").success(), "not all of {ids:?} could be killed");

    let mut places = Vec::new();
    for (place, peer) in network.peers.drain(..).enumerate() {
        places.push((peer.address.to_string(), peer.data_directory.clone()));
        let (answers, stderr) = peer.kill();
        assert!(!stderr.contains("panicked"), "{stderr}");
        loads[place].interrupted(answers, &mut ledgers[place]);
    }
    drop(tracker);
    network.tracker = Some(Tracker::start(&address, &network.ballot()));
    for (number, (listen, directory)) in places.iter().enumerate() {
        let name = format!("peer {} again", number + 1);
        network.peers.push(Peer::start(&name, &[&address, listen], directory));
    }
}

/// The choices of one test, which a failure tells how to repeat.
struct Run {
    seed: u64,
}

impl Run {
    fn begin() -> Self {
        Self { seed: number_of("OSTRAKON_KILL_SEED").unwrap_or_else(rand::random) }
    }

    /// The choices from one kill on.
    fn random(&self, kill: usize) -> ChaCha8Rng {
        ChaCha8Rng::seed_from_u64(self.seed.wrapping_add(kill as u64))
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("the choices of this run come again with OSTRAKON_KILL_SEED={}", self.seed);
        }
    }
}

fn kills() -> usize {
    let wanted = number_of("OSTRAKON_KILLS");
    wanted.map_or(KILLS_DEFAULT, |number| usize::try_from(number).expect("a number of kills"))
}

fn number_of(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|error| panic!("{variable}={text}: {error}")))
}

/// Votes per option of the only question.
fn tally_of(peer: &mut Peer) -> [u64; 3] {
    let results = peer.ask("results");
    [0, 1, 2].map(|option| {
        let votes = &results["questions"][0]["options"][option]["votes"];
        votes.as_u64().unwrap_or_else(|| panic!("{results}"))
    })
}
