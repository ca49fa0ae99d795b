//! Secret keys: as files that the real `openssl` reads and writes, as words on paper, and with a passphrase; what is
//! wrong with one is told in one line; and nothing of it is ever told where it should not be.

mod commands;
mod openssl;
mod secrets;
mod slips;
mod terminal;
mod voters;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::harness::binary;

/// What a program did.
#[derive(Debug)]
struct Done {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

/// A directory with files for keys, and the programs that run in it.
#[derive(Debug)]
struct Desk(TempDir);

impl Desk {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a directory"))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Writes a file that its owner alone can read.
    fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::write(&path, text).expect("there is room");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("a mode");
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// Runs `peer key …` with all that it logs; the line is split at spaces.
    fn key(&self, line: &str) -> Done {
        let mut command = Command::new(binary("peer"));
        command.env_clear().env("RUST_LOG", "trace").arg("key").args(line.split(' '));
        self.run(command)
    }

    /// The same, which works.
    fn keys(&self, line: &str) -> String {
        let done = self.key(line);
        assert_eq!((done.code, done.stderr.as_str()), (Some(0), ""), "{line}: {done:?}");
        done.stdout
    }

    /// The same, which is refused by one line.
    fn refused(&self, line: &str) -> String {
        let done = self.key(line);
        assert_eq!((done.code, done.stdout.as_str()), (Some(2), ""), "{line}: {done:?}");
        let message = done.stderr.strip_prefix("peer: ").and_then(|text| text.strip_suffix('\n'));
        let message = message.unwrap_or_else(|| panic!("{line}: {done:?}"));
        assert!(!message.contains('\n'), "{line}: {message}");
        // Where the test's directory is does not matter.
        message.replace(&format!("{}/", self.0.path().display()), "")
    }

    fn run(&self, mut command: Command) -> Done {
        let output = command.current_dir(self.0.path()).stdin(Stdio::null()).output();
        let output = output.expect("the program starts");
        let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
        Done {
            code: output.status.code(),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        }
    }
}

/// The value of a line such as `voter:      HEX`.
fn field<'t>(text: &'t str, name: &str) -> &'t str {
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    line.unwrap_or_else(|| panic!("no {name} in {text}")).trim()
}

fn mode_of(path: &Path) -> u32 {
    fs::metadata(path).expect("it is there").permissions().mode() & 0o7777
}
