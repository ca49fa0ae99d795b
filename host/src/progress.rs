//! A progress bar for long commands. It is drawn on stderr, and only if that is a terminal.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use crate::output::is_quiet;

/// How often the bar is drawn while no step is reported, so that the time left goes on counting.
const DRAW_PERIOD: Duration = Duration::from_millis(200);

/// A bar that shows how far a long task has come. Dropping it removes the bar.
#[derive(Debug)]
pub struct Progress(ProgressBar);

impl Progress {
    /// Shows a bar for a task of this many steps.
    pub fn new(task: &'static str, steps: u64) -> Self {
        // It draws nothing unless stderr is a terminal.
        let bar = match is_quiet() {
            true => ProgressBar::hidden(),
            false => ProgressBar::new(steps).with_message(task),
        };
        let style = ProgressStyle::with_template("{msg} {wide_bar} {percent:>3} %, {eta} left");
        bar.set_style(style.expect("the template is good").progress_chars("█▌░"));
        bar.enable_steady_tick(DRAW_PERIOD);
        Self(bar)
    }

    /// Adds steps that are done.
    pub fn advance(&self, steps: u64) {
        self.0.inc(steps);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
