//! A headless browser.

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use super::Program;

/// For a browser that starts on a busy machine, and some hundred attempts.
pub(crate) const BROWSER_PATIENCE: Duration = Duration::from_secs(60);

/// A browser and all its processes.
pub(crate) struct Browser {
    program: Program,
}

impl Browser {
    pub(crate) fn start(profile: &Path, arguments: &[&str]) -> Self {
        let mut command = Command::new("chromium");
        command.args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic"]);
        command.args(["--no-first-run", "--disable-background-networking", "--disable-sync"]);
        command.args(["--disable-component-update", "--disable-dev-shm-usage"]);
        command.arg(format!("--user-data-dir={}", profile.display()));
        command.args(arguments).env("HOME", profile.parent().expect("the test's directory"));
        // Its helpers are of its group, and end with it.
        command.process_group(0);
        Self { program: Program::start("chromium", command) }
    }

    /// All that it writes until it ends, as with `--dump-dom`.
    pub(crate) fn text(&self) -> String {
        self.program.remaining_lines(BROWSER_PATIENCE).join("\n")
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Its own process was not waited for yet, so the group's number is nobody else's.
        let group = format!("-{}", self.program.id());
        let _ =
            Command::new("kill").args(["-s", "KILL", "--", &group]).stderr(Stdio::null()).status();
    }
}
