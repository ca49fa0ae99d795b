//! Passphrases, which are read from a terminal without echo, from a file or from a file descriptor.
//! They are never accepted as an argument or from an environment variable, because other users of
//! the machine could see them there. They are wiped after use, and appear in no message and no
//! `Debug` output.

use std::fmt;
#[cfg(unix)]
use std::fs;
use std::io::{self, IsTerminal};
#[cfg(unix)]
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
#[cfg(unix)]
use std::sync::atomic::Ordering;
#[cfg(unix)]
use std::time::Duration;

use protocol::keys::VoterKey;
use protocol::text;
#[cfg(unix)]
use rustix::event::{PollFd, PollFlags, Timespec, poll};
#[cfg(unix)]
use rustix::io::Errno;
#[cfg(unix)]
use rustix::termios::{self, LocalModes, OptionalActions, SpecialCodeIndex, Termios};
use serde::Deserialize;
use serde::de::{Deserializer, Error as _};
use serde_json::Value;
use zeroize::Zeroizing;

use crate::secret_file::SecretFileError;
use crate::secret_text;
use crate::{KeyFile, KeyFileError, SecretSource};
use host::files::FileError;
use host::reason;

/// The longest passphrase in bytes. OpenSSL does not accept a longer one either.
const PASSPHRASE_BYTES_MAX: usize = 1_024;

#[cfg(unix)]
const CONTROL_C: u8 = 3;

/// How often whoever waits for a passphrase looks whether it is still wanted.
#[cfg(unix)]
const LOOK_PERIOD: Duration = Duration::from_millis(100);

/// A passphrase that unlocks a key. It is never empty.
pub struct Passphrase(Zeroizing<Vec<u8>>);

/// The reason why there is no passphrase. Each message is one line.
#[derive(Debug, thiserror::Error)]
pub enum PassphraseError {
    /// The passphrase has more than 1,024 bytes.
    #[error("a passphrase has at most {PASSPHRASE_BYTES_MAX} bytes")]
    TooLong,
    /// The file holds more than one line.
    #[error("{path} holds several lines: a passphrase is one", path = path.display())]
    SeveralLines {
        /// The file.
        path: PathBuf,
    },
    /// The file can't be read, or others can read it.
    #[error(transparent)]
    Secret(#[from] SecretFileError),
    /// The file does not contain text.
    #[error(transparent)]
    File(#[from] FileError),
    /// The file does not exist.
    #[error("{path} is not there", path = path.display())]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// The file contains an empty line instead of a passphrase.
    #[error("{path} holds no passphrase", path = path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// Stdin is not a terminal, and no file was named.
    #[error(
        "there is no terminal to ask for the passphrase: name a --{option}-file or --{option}-fd"
    )]
    NoTerminal {
        /// The command line's option that names a source, without its ending `-file` or `-fd`.
        option: &'static str,
    },
    /// What was typed the second time differs from the first time.
    #[error("the two passphrases differ: nothing was changed")]
    Differ,
    /// Nothing was typed, or the user aborted the question.
    #[error("no passphrase was given")]
    NotGiven,
    /// The terminal can't be read or written.
    #[error("can't ask on the terminal: {}", reason::of(.0))]
    Terminal(#[source] io::Error),
}

impl Passphrase {
    /// Makes a passphrase of these bytes. Gives `None` if there are none, which means that no
    /// passphrase is wanted.
    ///
    /// # Errors
    /// When it is too long.
    pub fn new(bytes: Zeroizing<Vec<u8>>) -> Result<Option<Self>, PassphraseError> {
        match bytes.len() {
            0 => Ok(None),
            length if length <= PASSPHRASE_BYTES_MAX => Ok(Some(Self(bytes))),
            _ => Err(PassphraseError::TooLong),
        }
    }

    /// The bytes that were typed or read.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// The bytes that lock a key: as RFC 8265 (OpaqueString) prepares a text, so that another keyboard, which composes
    /// letters otherwise or has other spaces, opens it as well. What is no text stays as it is.
    pub(crate) fn prepared(&self) -> Zeroizing<Vec<u8>> {
        match std::str::from_utf8(&self.0) {
            Ok(text) => Zeroizing::new(text::opaque(text).as_bytes().to_vec()),
            Err(_) => self.0.clone(),
        }
    }
}

impl fmt::Debug for Passphrase {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Passphrase")
    }
}

impl<'de> Deserialize<'de> for Passphrase {
    /// The message does not repeat a text that is not a valid passphrase, because the user may have
    /// meant it as one.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let refused = || D::Error::custom("a passphrase is a text of 1 to 1024 bytes");
        let text = match Value::deserialize(deserializer) {
            Ok(Value::String(text)) => Zeroizing::new(text.into_bytes()),
            Ok(_) | Err(_) => return Err(refused()),
        };
        Self::new(text).ok().flatten().ok_or_else(refused)
    }
}

/// Reads the passphrase that a file or a file descriptor contains, as one line. An empty line is
/// refused: whoever names a file wants the key to be locked, and a script that failed to write the
/// passphrase into the file must not leave the key unlocked.
///
/// # Errors
/// When it can't be read, when others may read it, or when its content is not a passphrase.
pub fn read(source: &SecretSource) -> Result<Passphrase, PassphraseError> {
    let path = source.path();
    // Two more bytes are allowed for the end of the line, since some editors write two.
    let mut text = secret_text::read_bytes(&path, PASSPHRASE_BYTES_MAX + 2)?;
    let line = text.strip_suffix(b"\r\n").or_else(|| text.strip_suffix(b"\n")).unwrap_or(&text);
    let length = line.len();
    if line.contains(&b'\n') {
        return Err(PassphraseError::SeveralLines { path });
    }
    text.truncate(length);
    Passphrase::new(text)?.ok_or(PassphraseError::Empty { path })
}

/// Unlocks a key file, if it is locked, by the passphrase of the source that was named or else by asking on the
/// terminal.
///
/// # Errors
/// When there is no passphrase, or it does not unlock the key.
pub fn unlock<E>(file: &KeyFile, source: Option<&SecretSource>) -> Result<VoterKey, E>
where
    E: From<PassphraseError> + From<KeyFileError>,
{
    Ok(file.unlock(of_file(file, source)?.as_ref())?)
}

/// Obtains what unlocks a key file, as [`unlock`] does; `None` if the file is not locked.
///
/// # Errors
/// When it is locked and there is no passphrase.
pub fn of_file(
    file: &KeyFile,
    source: Option<&SecretSource>,
) -> Result<Option<Passphrase>, PassphraseError> {
    file.is_locked().then(|| read_or_ask(source, file.path())).transpose()
}

/// Obtains what is to lock a new key: from the source that was named, or else by asking on the terminal if there is one
/// and the user did not say that there is to be none.
///
/// # Errors
/// When it can't be read, when the two that were typed differ, or when nobody answers.
pub fn for_new(
    source: Option<&SecretSource>,
    no_passphrase: bool,
    key: &Path,
) -> Result<Option<Passphrase>, PassphraseError> {
    match source {
        Some(source) => read(source).map(Some),
        None if no_passphrase || !io::stdin().is_terminal() => Ok(None),
        None => ask_new(key),
    }
}

fn read_or_ask(source: Option<&SecretSource>, key: &Path) -> Result<Passphrase, PassphraseError> {
    match source {
        Some(source) => read(source),
        None if io::stdin().is_terminal() => {
            ask(&format!("Passphrase of {}: ", key.display()))?.ok_or(PassphraseError::NotGiven)
        }
        None => Err(PassphraseError::NoTerminal { option: "passphrase" }),
    }
}

/// Asks for a new passphrase on the terminal, twice. Gives `None` if the user wants none.
fn ask_new(key: &Path) -> Result<Option<Passphrase>, PassphraseError> {
    let first = ask(&format!("New passphrase for {} (none if empty): ", key.display()))?;
    let again = ask("The same again: ")?;
    let is_same = match (&first, &again) {
        (Some(first), Some(again)) => first.prepared() == again.prepared(),
        (None, None) => true,
        (Some(_), None) | (None, Some(_)) => false,
    };
    if is_same { Ok(first) } else { Err(PassphraseError::Differ) }
}

/// Asks for a passphrase on the terminal without echo. Gives `None` for an empty line.
fn ask(prompt: &str) -> Result<Option<Passphrase>, PassphraseError> {
    ask_unless(prompt, Arc::default())
}

/// Asks for a passphrase on the terminal without echo, and stops to wait soon after `is_over` has become true, as if
/// Ctrl-C had been typed. Gives `None` for an empty line.
///
/// # Errors
/// When nobody answers, or when the passphrase is too long.
pub fn ask_unless(
    prompt: &str,
    is_over: Arc<AtomicBool>,
) -> Result<Option<Passphrase>, PassphraseError> {
    let typed = prompt_hidden(prompt, is_over).map_err(|error| {
        let gave_up = [io::ErrorKind::Interrupted, io::ErrorKind::UnexpectedEof];
        if gave_up.contains(&error.kind()) {
            return PassphraseError::NotGiven;
        }
        PassphraseError::Terminal(error)
    })?;
    Passphrase::new(Zeroizing::new(typed.into_bytes()))
}

/// Asks for a line with the echo switched off. The echo is already off before the question is
/// printed and is restored only after the answer, so that nothing is shown even if the user types
/// early. Ctrl-C aborts the question; the library's own function would end the whole process
/// instead.
#[cfg(unix)]
fn prompt_hidden(prompt: &str, is_over: Arc<AtomicBool>) -> io::Result<String> {
    let mut terminal = fs::File::options().read(true).write(true).open("/dev/tty")?;
    let _hidden = Hidden::start(terminal.try_clone()?)?;
    terminal.write_all(prompt.as_bytes())?;
    let keys = Keys { terminal: terminal.try_clone()?, is_over };
    let config = rpassword::ConfigBuilder::new().input_reader(keys).output_discard().build();
    let typed = rpassword::read_password_with_config(config);
    terminal.write_all(b"\n")?;
    typed
}

/// On other systems the library's own function is used.
#[cfg(not(unix))]
fn prompt_hidden(prompt: &str, _: Arc<AtomicBool>) -> io::Result<String> {
    rpassword::prompt_password(prompt)
}

/// While this value exists, the terminal shows nothing that is typed and passes on every key,
/// including Ctrl-C.
#[cfg(unix)]
#[derive(Debug)]
struct Hidden {
    terminal: fs::File,
    mode: Termios,
}

#[cfg(unix)]
impl Hidden {
    fn start(terminal: fs::File) -> io::Result<Self> {
        let mode = termios::tcgetattr(&terminal)?;
        let mut hidden = mode.clone();
        hidden.local_modes.remove(LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG);
        hidden.special_codes[SpecialCodeIndex::VMIN] = 1;
        hidden.special_codes[SpecialCodeIndex::VTIME] = 0;
        termios::tcsetattr(&terminal, OptionalActions::Now, &hidden)?;
        Ok(Self { terminal, mode })
    }
}

#[cfg(unix)]
impl Drop for Hidden {
    fn drop(&mut self) {
        // The terminal may have gone away.
        let _ = termios::tcsetattr(&self.terminal, OptionalActions::Now, &self.mode);
    }
}

/// Everything that is typed, up to Ctrl-C or until nobody waits for it any more.
#[cfg(unix)]
#[derive(Debug)]
struct Keys {
    terminal: fs::File,
    is_over: Arc<AtomicBool>,
}

#[cfg(unix)]
impl Keys {
    fn wait(&self) -> io::Result<()> {
        let period = Timespec::try_from(LOOK_PERIOD).map_err(io::Error::other)?;
        loop {
            if self.is_over.load(Ordering::Acquire) {
                return Err(io::ErrorKind::Interrupted.into());
            }
            match poll(&mut [PollFd::new(&self.terminal, PollFlags::IN)], Some(&period)) {
                Ok(0) | Err(Errno::INTR) => {}
                Ok(_) => return Ok(()),
                Err(error) => return Err(error.into()),
            }
        }
    }
}

#[cfg(unix)]
impl Read for Keys {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        self.wait()?;
        let read = self.terminal.read(bytes)?;
        match bytes[..read].contains(&CONTROL_C) {
            true => Err(io::ErrorKind::Interrupted.into()),
            false => Ok(read),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Existing;
    use crate::secret_file;

    #[test]
    fn a_file_holds_one_line() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("passphrase");
        let read = |text: &[u8]| {
            secret_file::write(&path, text, Existing::Replace).expect("written");
            read(&SecretSource::File(path.clone()))
        };
        let utf16: Vec<u8> =
            "\u{feff}open sesame\r\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
        for text in [
            &b"open sesame"[..],
            b"open sesame\n",
            b"open sesame\r\n",
            b"\xef\xbb\xbfopen sesame\r\n",
            &utf16,
        ] {
            let passphrase = read(text).expect("a line");
            assert_eq!(passphrase.bytes(), b"open sesame");
            assert_eq!(format!("{passphrase:?}"), "Passphrase");
        }
        for text in [&b""[..], b"\n", b"\r\n"] {
            assert!(matches!(read(text), Err(PassphraseError::Empty { .. })));
        }
        assert!(matches!(read(b"a\nb\n"), Err(PassphraseError::SeveralLines { .. })));
        let longest = vec![b'x'; PASSPHRASE_BYTES_MAX];
        assert!(read(&longest).is_ok());
        let longer = vec![b'x'; PASSPHRASE_BYTES_MAX + 1];
        assert!(matches!(read(&longer), Err(PassphraseError::TooLong)));
    }

    #[test]
    fn what_is_no_passphrase_is_not_repeated() {
        let read = serde_json::from_str::<Passphrase>;
        assert_eq!(read("\"öffne dich\"").expect("a text").bytes(), "öffne dich".as_bytes());
        let long = format!("\"{}\"", "a".repeat(PASSPHRASE_BYTES_MAX + 1));
        for text in ["123456", "[\"123456\"]", "{\"123456\":1}", "\"\"", &long] {
            let error = read(text).expect_err("no passphrase").to_string();
            assert!(error.starts_with("a passphrase is a text"), "{error}");
            assert!(!error.contains("123456"), "{error}");
        }
    }
}
