//! A bar on stderr, where that is a terminal.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// Between two drawings while nothing moves.
const DRAW_PERIOD: Duration = Duration::from_millis(200);

/// How far a long task has come. The bar goes when this is dropped.
#[derive(Debug)]
pub struct Progress(ProgressBar);

impl Progress {
    /// A task of this many steps.
    pub fn new(task: &'static str, steps: u64) -> Self {
        // It draws nothing unless stderr is a terminal.
        let bar = ProgressBar::new(steps).with_message(task);
        let style = ProgressStyle::with_template("{msg} {wide_bar} {percent:>3} %, {eta} left");
        bar.set_style(style.expect("the template is good").progress_chars("█▌░"));
        bar.enable_steady_tick(DRAW_PERIOD);
        Self(bar)
    }

    pub fn advance(&self, steps: u64) {
        self.0.inc(steps);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
