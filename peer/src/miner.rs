//! Searches for a block's nonce on threads of its own.
//!
//! A new job replaces the current one at once: every thread compares a generation number with its
//! own after every few thousand attempts. The first 64 bytes of a header are hashed only once per
//! job, so that one attempt costs a single compression of SHA-256.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use protocol::block::Header;
use protocol::nonce_search::HeaderMidstate;
use protocol::units::{Difficulty, Height};

use crate::schema::{Mining, round_to_thousandths};
use host::entropy;
use node::MineJob;

/// The number of attempts between two checks of the generation number. They take about 0.2 ms, so
/// that a better tip stops the search at once while checking costs almost nothing.
const ATTEMPTS_PER_LOOK: u64 = 4_096;

/// The most threads that search. This is more than the cores of today's machines, and few enough
/// for any system.
const THREADS_MAX: usize = 256;

/// The mining threads, which end when this is dropped.
#[derive(Debug)]
pub(crate) struct Miner {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

/// A view of the search for whoever displays it.
#[derive(Debug, Clone)]
pub(crate) struct MinerView(Arc<Shared>);

/// The progress of the search.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct MiningProgress {
    pub(crate) height: Height,
    pub(crate) transactions: usize,
    pub(crate) difficulty: Difficulty,
    pub(crate) hashes_per_second: f64,
    /// The time since mining began. It continues when one job replaces another.
    pub(crate) running: Duration,
}

impl MiningProgress {
    /// The time that one block takes on average at this rate. The search has no memory, so this is
    /// also the time that is still to be expected.
    pub(crate) fn expected(&self) -> Option<Duration> {
        #[expect(clippy::cast_precision_loss, reason = "an estimate for people")]
        let seconds = self.difficulty.attempts() as f64 / self.hashes_per_second;
        Duration::try_from_secs_f64(seconds).ok()
    }
}

impl From<MiningProgress> for Mining {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a rate for people; it is not negative"
    )]
    fn from(progress: MiningProgress) -> Self {
        Self {
            height: progress.height.0,
            transactions: progress.transactions,
            difficulty: progress.difficulty.attempts(),
            hashes_per_second: progress.hashes_per_second.round() as u64,
            expected_seconds: progress
                .expected()
                .map(|time| round_to_thousandths(time.as_secs_f64())),
            running_seconds: round_to_thousandths(progress.running.as_secs_f64()),
        }
    }
}

#[derive(Debug)]
struct Shared {
    /// Counts jobs and stops. A thread whose number is no longer current gives up.
    generation: AtomicU64,
    hashes: AtomicU64,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    job: Option<MineJob>,
    /// When mining began, and the number of hashes at that time.
    began: Option<(Instant, u64)>,
    ended: bool,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // The state is always replaced as a whole, so it is consistent even after a panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Miner {
    /// Starts this number of threads, but at most [`THREADS_MAX`], which wait for a job. `found` is
    /// called with the job's number and the nonce.
    ///
    /// # Errors
    /// When the system cannot start more threads. Those that were started end.
    pub(crate) fn start(
        threads: usize,
        found: impl Fn(u64, u64) + Clone + Send + 'static,
    ) -> io::Result<Self> {
        let count = threads.min(THREADS_MAX);
        let shared = Arc::new(Shared {
            generation: AtomicU64::new(0),
            hashes: AtomicU64::new(0),
            state: Mutex::new(State::default()),
            changed: Condvar::new(),
        });
        let mut miner = Self { shared, threads: Vec::new() };
        for number in 0..count {
            let (shared, found) = (Arc::clone(&miner.shared), found.clone());
            let thread = thread::Builder::new()
                .name(format!("miner-{number}"))
                .spawn(move || work(&shared, number as u64, count as u64, &found))?;
            miner.threads.push(thread);
        }
        Ok(miner)
    }

    /// Searches for this job, replacing any earlier one.
    pub(crate) fn mine(&self, job: MineJob) {
        let mut state = self.shared.lock();
        state.job = Some(job);
        let hashes = self.shared.hashes.load(Ordering::Relaxed);
        state.began.get_or_insert_with(|| (Instant::now(), hashes));
        self.shared.generation.fetch_add(1, Ordering::Release);
        self.shared.changed.notify_all();
    }

    /// Stops the search.
    pub(crate) fn stop(&self) {
        let mut state = self.shared.lock();
        state.job = None;
        state.began = None;
        self.shared.generation.fetch_add(1, Ordering::Release);
    }
    pub(crate) fn view(&self) -> MinerView {
        MinerView(Arc::clone(&self.shared))
    }
}

impl Drop for Miner {
    fn drop(&mut self) {
        self.stop();
        self.shared.lock().ended = true;
        self.shared.changed.notify_all();
        for thread in self.threads.drain(..) {
            // A thread that panicked has nothing to hand over.
            let _ = thread.join();
        }
    }
}

impl MinerView {
    /// The number of attempts since the start, in steps of [`ATTEMPTS_PER_LOOK`].
    pub(crate) fn hashes(&self) -> u64 {
        self.0.hashes.load(Ordering::Relaxed)
    }

    /// The progress of the search; `None` while nothing is searched for.
    pub(crate) fn progress(&self) -> Option<MiningProgress> {
        let state = self.0.lock();
        let (job, (began, hashes_before)) = (state.job?, state.began?);
        let hashes = self.0.hashes.load(Ordering::Relaxed).saturating_sub(hashes_before);
        let running = began.elapsed();
        #[expect(clippy::cast_precision_loss, reason = "an estimate for people")]
        let hashes_per_second = hashes as f64 / running.as_secs_f64().max(1e-3);
        Some(MiningProgress {
            height: job.header.height,
            transactions: job.transactions,
            difficulty: job.header.difficulty,
            hashes_per_second,
            running,
        })
    }
}

fn work(shared: &Shared, number: u64, threads: u64, found: &impl Fn(u64, u64)) {
    let mut done = 0;
    loop {
        let (job, generation) = {
            let mut state = shared.lock();
            loop {
                if state.ended {
                    return;
                }
                let generation = shared.generation.load(Ordering::Acquire);
                match state.job {
                    Some(job) if generation != done => break (job, generation),
                    _ => {
                        state = shared.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
                    }
                }
            }
        };
        done = generation;
        // Each thread gets an equal share of all nonces and starts at a random place in it, so that
        // a restarted search does not repeat earlier attempts.
        let share = u64::MAX / threads;
        let within = u64::from_le_bytes(entropy::random()) % share;
        let start = (share * number).wrapping_add(within);
        if let Some(nonce) = search(shared, generation, &job.header, start)
            && claim(shared, generation)
        {
            found(job.number, nonce);
        }
    }
}

/// Ends the search on behalf of the thread that found a nonce first. Returns false for one that
/// came later.
fn claim(shared: &Shared, generation: u64) -> bool {
    let mut state = shared.lock();
    if shared.generation.load(Ordering::Acquire) != generation {
        return false;
    }
    state.job = None;
    state.began = None;
    shared.generation.fetch_add(1, Ordering::Release);
    true
}

/// Searches upwards from `start` until a nonce is found or the generation changes.
fn search(shared: &Shared, generation: u64, header: &Header, start: u64) -> Option<u64> {
    let midstate = HeaderMidstate::new(header);
    let mut nonce = start;
    while shared.generation.load(Ordering::Acquire) == generation {
        if let Some(found) = midstate.find_nonce(nonce, ATTEMPTS_PER_LOOK) {
            shared.hashes.fetch_add(found.wrapping_sub(nonce) + 1, Ordering::Relaxed);
            return Some(found);
        }
        shared.hashes.fetch_add(ATTEMPTS_PER_LOOK, Ordering::Relaxed);
        nonce = nonce.wrapping_add(ATTEMPTS_PER_LOOK);
    }
    None
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use protocol::units::{BlockHash, MerkleRoot, UnixMillis};

    use super::*;

    fn job(number: u64, difficulty_bits: u8) -> MineJob {
        let header = Header {
            previous: BlockHash([number as u8; 32]),
            merkle_root: MerkleRoot([2; 32]),
            height: Height(3),
            time: UnixMillis(1_700_000_000_000),
            difficulty: Difficulty::from_bits(difficulty_bits),
            nonce: 0,
        };
        MineJob { number, header, transactions: 1 }
    }

    fn start(threads: usize) -> (Miner, mpsc::Receiver<(u64, u64)>) {
        let (sender, receiver) = mpsc::channel();
        let found = move |job, nonce| {
            let _ = sender.send((job, nonce));
        };
        (Miner::start(threads, found).expect("threads"), receiver)
    }

    #[test]
    fn more_threads_than_any_system_takes_are_not_asked_for() {
        let (miner, _) = start(usize::MAX);
        assert_eq!(miner.threads.len(), THREADS_MAX);
    }

    #[test]
    fn a_found_nonce_has_work_and_is_told_once() {
        let (miner, found) = start(2);
        let view = miner.view();
        for number in 1..=20 {
            let job = job(number, 10);
            miner.mine(job);
            let (told, nonce) = found.recv_timeout(Duration::from_secs(60)).expect("a nonce");
            assert_eq!(told, number);
            assert!(Header { nonce, ..job.header }.has_work());
        }
        drop(miner);
        assert!(found.recv().is_err(), "nothing was told twice");
        assert!(view.hashes() >= 20, "each took an attempt");
    }

    #[test]
    fn a_new_job_takes_the_place_of_one_that_never_ends() {
        let (miner, found) = start(2);
        miner.mine(job(1, 63));
        let view = miner.view();
        while view.progress().is_none_or(|progress| progress.hashes_per_second == 0.0) {
            thread::yield_now();
        }
        miner.mine(job(2, 4));
        let told = found.recv_timeout(Duration::from_secs(60)).expect("a nonce");
        assert_eq!(told.0, 2);
        miner.mine(job(3, 63));
        miner.stop();
        assert_eq!(view.progress(), None);
    }
}
