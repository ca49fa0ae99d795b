//! On systems without pseudo-terminals the line editor reads the console itself.

use std::sync::atomic::{AtomicBool, Ordering};

/// Why nothing more can be typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum InputEnd {
    /// The terminal has disappeared.
    HungUp,
    Failed(String),
}

/// The console, which the line editor sets and puts back.
#[derive(Debug)]
pub(super) struct Keyboard;

impl Keyboard {
    pub(super) fn start() -> Option<Self> {
        Some(Self)
    }

    pub(super) fn wait_until_in_front(&self) {}

    pub(super) fn is_in_front(&self) -> bool {
        true
    }

    pub(super) fn wait_until_in_front_unless(&self, is_over: &AtomicBool) -> bool {
        !is_over.load(Ordering::Acquire)
    }

    pub(super) fn break_off(&self) -> bool {
        false
    }

    pub(super) fn forget_typed(&self) -> bool {
        false
    }

    pub(super) fn open(&self) {}

    pub(super) fn close(&self) -> Option<InputEnd> {
        None
    }

    pub(super) fn has_more(&self) -> bool {
        false
    }

    pub(super) fn restore(&self) {}
}
