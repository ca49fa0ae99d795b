//! How many tests run at a time: promises in seconds are kept by peers that get some of the processor.

use std::sync::{Condvar, Mutex, PoisonError};

/// Networks at a time, however many threads the test runner has.
const TURNS_MAX: usize = 2;

static TAKEN: Mutex<usize> = Mutex::new(0);
static GIVEN_BACK: Condvar = Condvar::new();

/// A place among the running tests, for as long as it lives.
#[derive(Debug)]
pub(crate) struct Turn(());

/// Waits for a place.
pub(crate) fn take_turn() -> Turn {
    let taken = TAKEN.lock().unwrap_or_else(PoisonError::into_inner);
    let mut taken = GIVEN_BACK
        .wait_while(taken, |taken| *taken >= TURNS_MAX)
        .unwrap_or_else(PoisonError::into_inner);
    *taken += 1;
    Turn(())
}

impl Drop for Turn {
    fn drop(&mut self) {
        *TAKEN.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
        GIVEN_BACK.notify_one();
    }
}
