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

#[cfg(unix)]
use rustix::termios::{self, LocalModes, OptionalActions, SpecialCodeIndex, Termios};
use serde::Deserialize;
use serde::de::{Deserializer, Error as _};
use serde_json::Value;
use zeroize::{Zeroize, Zeroizing};

use crate::SecretSource;
use crate::secret_file::{self, SecretFileError};
use host::files::FileError;

/// Longest passphrase in bytes; OpenSSL asks for no longer one.
const PASSPHRASE_BYTES_MAX: usize = 1_024;

#[cfg(unix)]
const CONTROL_C: u8 = 3;

/// What opens a locked key; never empty.
pub struct Passphrase(Zeroizing<Vec<u8>>);

/// Why there is no passphrase. One line each.
#[derive(Debug, thiserror::Error)]
pub enum PassphraseError {
    /// It has more than 1,024 bytes.
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
    /// The file is not text.
    #[error(transparent)]
    File(#[from] FileError),
    /// The file is not there.
    #[error("{path} is not there", path = path.display())]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// The file holds an empty line.
    #[error("{path} holds no passphrase", path = path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// Stdin is no terminal, and no file was named.
    #[error(
        "there is no terminal to ask for the passphrase: name a --{option}-file or --{option}-fd"
    )]
    NoTerminal {
        /// The option of the command line that names a source, without `-file` or `-fd`.
        option: &'static str,
    },
    /// The second time something else was typed.
    #[error("the two passphrases differ: nothing was changed")]
    Differ,
    /// Nothing was typed, or the question was given up.
    #[error("no passphrase was given")]
    NotGiven,
    /// The terminal can't be read or written.
    #[error("can't ask on the terminal: {0}")]
    Terminal(#[source] io::Error),
}

impl Passphrase {
    /// `None` for an empty one, which stands for no passphrase.
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

    /// What was typed or read.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Passphrase {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Passphrase")
    }
}

impl<'de> Deserialize<'de> for Passphrase {
    /// What is no passphrase is not repeated in the message, as it might have been meant for one.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let refused = || D::Error::custom("a passphrase is a text of 1 to 1024 bytes");
        let text = match Value::deserialize(deserializer) {
            Ok(Value::String(text)) => Zeroizing::new(text.into_bytes()),
            Ok(_) | Err(_) => return Err(refused()),
        };
        Self::new(text).ok().flatten().ok_or_else(refused)
    }
}

/// The passphrase that a file or a descriptor holds, as one line. An empty one is refused: who names a file wants the
/// key locked, and a script that wrote nothing into it must not leave it open.
///
/// # Errors
/// When it can't be read, others may read it, or it is no passphrase.
pub fn read(source: &SecretSource) -> Result<Passphrase, PassphraseError> {
    let path = source.path();
    // Two bytes for the end of the line, as some editors write it.
    let mut text = read_secret(&path, PASSPHRASE_BYTES_MAX + 2)?;
    let line = text.strip_suffix(b"\r\n").or_else(|| text.strip_suffix(b"\n")).unwrap_or(&text);
    let length = line.len();
    if line.contains(&b'\n') {
        return Err(PassphraseError::SeveralLines { path });
    }
    text.truncate(length);
    Passphrase::new(text)?.ok_or(PassphraseError::Empty { path })
}

/// The passphrase that opens a key: from where it was said to be, or else asked for on the terminal.
///
/// # Errors
/// When there is none.
pub fn read_or_ask(
    source: Option<&SecretSource>,
    key: &Path,
) -> Result<Passphrase, PassphraseError> {
    match source {
        Some(source) => read(source),
        None if io::stdin().is_terminal() => {
            ask(&format!("Passphrase of {}: ", key.display()))?.ok_or(PassphraseError::NotGiven)
        }
        None => Err(PassphraseError::NoTerminal { option: "passphrase" }),
    }
}

/// A new passphrase, asked for twice on the terminal; `None` if none is wanted.
///
/// # Errors
/// When the two differ, or nobody answers.
pub fn ask_new(key: &Path) -> Result<Option<Passphrase>, PassphraseError> {
    let first = ask(&format!("New passphrase for {} (none if empty): ", key.display()))?;
    let again = ask("The same again: ")?;
    let is_same = match (&first, &again) {
        (Some(first), Some(again)) => first.bytes() == again.bytes(),
        (None, None) => true,
        (Some(_), None) | (None, Some(_)) => false,
    };
    if is_same { Ok(first) } else { Err(PassphraseError::Differ) }
}

/// Asks on the terminal without echo; `None` for an empty line.
///
/// # Errors
/// When nobody answers, or it is too long.
pub fn ask(prompt: &str) -> Result<Option<Passphrase>, PassphraseError> {
    let typed = prompt_hidden(prompt).map_err(|error| {
        let gave_up = [io::ErrorKind::Interrupted, io::ErrorKind::UnexpectedEof];
        if gave_up.contains(&error.kind()) {
            return PassphraseError::NotGiven;
        }
        PassphraseError::Terminal(error)
    })?;
    Passphrase::new(Zeroizing::new(typed.into_bytes()))
}

/// Asks with the terminal hidden from before the question stands there until it is as it was: who types fast has
/// nothing shown, and Ctrl-C gives up the question, where the library's own way would end the process in the middle.
#[cfg(unix)]
fn prompt_hidden(prompt: &str) -> io::Result<String> {
    let mut terminal = fs::File::options().read(true).write(true).open("/dev/tty")?;
    let _hidden = Hidden::start(terminal.try_clone()?)?;
    terminal.write_all(prompt.as_bytes())?;
    let keys = Keys(terminal.try_clone()?);
    let config = rpassword::ConfigBuilder::new().input_reader(keys).output_discard().build();
    let typed = rpassword::read_password_with_config(config);
    terminal.write_all(b"\n")?;
    typed
}

/// Elsewhere the library does all of it.
#[cfg(not(unix))]
fn prompt_hidden(prompt: &str) -> io::Result<String> {
    rpassword::prompt_password(prompt)
}

/// A terminal that shows nothing of what is typed and hands over each key, Ctrl-C included, for as long as this lives.
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

/// What is typed, until Ctrl-C.
#[cfg(unix)]
#[derive(Debug)]
struct Keys(fs::File);

#[cfg(unix)]
impl Read for Keys {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let read = self.0.read(bytes)?;
        match bytes[..read].contains(&CONTROL_C) {
            true => Err(io::ErrorKind::Interrupted.into()),
            false => Ok(read),
        }
    }
}

/// A secret text of a file or a descriptor.
///
/// # Errors
/// When it can't be read, or others may read it.
pub fn read_secret(path: &Path, bytes_max: usize) -> Result<Zeroizing<Vec<u8>>, PassphraseError> {
    secret_file::read(path, bytes_max)?
        .ok_or_else(|| PassphraseError::Missing { path: path.to_owned() })
}

/// The same as UTF-8.
///
/// # Errors
/// As above, and when it is something else.
pub fn read_secret_text(
    path: &Path,
    bytes_max: usize,
) -> Result<Zeroizing<String>, PassphraseError> {
    let mut bytes = read_secret(path, bytes_max)?;
    match String::from_utf8(std::mem::take(&mut *bytes)) {
        Ok(text) => Ok(Zeroizing::new(text)),
        Err(error) => {
            error.into_bytes().zeroize();
            let error = io::Error::from(io::ErrorKind::InvalidData);
            Err(FileError::new("read", path, error).into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Existing;

    #[test]
    fn a_file_holds_one_line() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("passphrase");
        let read = |text: &[u8]| {
            secret_file::write(&path, text, Existing::Replace).expect("written");
            read(&SecretSource::File(path.clone()))
        };
        for text in [&b"open sesame"[..], b"open sesame\n", b"open sesame\r\n"] {
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
