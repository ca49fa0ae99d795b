//! `peer key …`: makes, shows, moves and locks keys without a peer.
//!
//! This is the only place that shows a recovery phrase, and it does so once, on a terminal. Nothing secret may go into
//! a message or a JSON object.

use std::fs;
use std::io::{self, BufRead, IsTerminal};
use std::path::{Path, PathBuf};

use protocol::keys::VoterKey;
use zeroize::Zeroizing;

use crate::cli::{
    ChangePassphrase, ExportKey, ImportKey, KeyLocation, KeyTask, NewKey, NewPassphraseOptions,
    PassphraseOptions, ShowKey,
};
use crate::render::{self, Style};
use crate::schema::{KeyShown, Reply};
use crate::store::data_directory::{self, DataDirectoryError};
use crate::store::default_places;
use host::files::{self, FileError};
use host::output::{be_quiet, print};
use host::whole_file::{self, Existing, FileMode, WholeFileError};
use keys::passphrase::{self, Passphrase, PassphraseError};
use keys::phrase::{self, PHRASE_BYTES_MAX, PHRASE_WORDS, PhraseError};
use keys::secret_file::{self, SecretFileError};
use keys::secret_text;
use keys::{KeyFile, KeyFileError, KeyRole};

/// The reason why a command for keys failed. Each message is one line.
#[derive(Debug, thiserror::Error)]
pub enum KeyCommandError {
    #[error(transparent)]
    Key(#[from] KeyFileError),
    #[error(transparent)]
    Secret(#[from] SecretFileError),
    #[error(transparent)]
    Passphrase(#[from] PassphraseError),
    #[error("{0}; nothing was changed")]
    Phrase(#[from] PhraseError),
    #[error(transparent)]
    DataDirectory(#[from] DataDirectoryError),
    #[error(transparent)]
    File(#[from] FileError),
    #[error(transparent)]
    Write(#[from] WholeFileError),
    #[error("{path} has the 64 digits of no secret key on secp256k1", path = path.display())]
    NotASecretKey { path: PathBuf },
    #[error(
        "stdout is no terminal, and the recovery phrase is not written just anywhere: name a --phrase-file, or leave it out by --no-phrase"
    )]
    NowhereForPhrase,
    #[error(
        "there is no terminal to ask for the recovery phrase: name a --phrase-file or --phrase-fd"
    )]
    NoTerminal,
    #[error("{path} is there already: name another --phrase-file", path = path.display())]
    PhraseExists { path: PathBuf },
    #[error("no recovery phrase was given")]
    NoPhrase,
    #[error("can't write to stdout: {}", host::reason::of(.0))]
    Stdout(#[from] io::Error),
}

/// Carries out a command for keys, and prints its outcome.
///
/// # Errors
/// See [`KeyCommandError`]. In that case everything that existed before still exists.
pub fn key(task: &KeyTask) -> Result<(), KeyCommandError> {
    match task {
        KeyTask::New(new) => new_key(new),
        KeyTask::Show(task) => show_key(task),
        KeyTask::Export(export) => export_key(export),
        KeyTask::Import(import) => import_key(import),
        KeyTask::Passwd(change) => change_passphrase(change),
    }
}

fn new_key(new: &NewKey) -> Result<(), KeyCommandError> {
    be_quiet(new.quiet.quiet);
    let shows_phrase = !new.no_phrase && new.phrase_file.is_none();
    if shows_phrase && !io::stdout().is_terminal() {
        return Err(KeyCommandError::NowhereForPhrase);
    }
    let path = new_key_path(&new.place, new.force)?;
    let passphrase =
        passphrase::for_new(new.lock.source().as_ref(), new.lock.no_passphrase, &path)?;
    let secret = keys::generate();
    let words = phrase::of_key(&secret);
    if let Some(file) = &new.phrase_file {
        let mut line = Zeroizing::new(String::with_capacity(words.len() + 1));
        line.push_str(&words);
        line.push('\n');
        match secret_file::write(file, line.as_bytes(), Existing::Keep) {
            Err(SecretFileError::Write(WholeFileError::Exists { path })) => {
                return Err(KeyCommandError::PhraseExists { path });
            }
            written => written?,
        }
    }
    let made = KeyFile::create(&path, secret, passphrase.as_ref(), Existing::replace_if(new.force));
    if let (Err(_), Some(file)) = (&made, &new.phrase_file) {
        // These are the words of a key that nobody uses, so failing to remove them does no harm.
        let _ = fs::remove_file(file);
    }
    show_file(&made?, new.format.json)?;
    if shows_phrase {
        print("\n")?;
        print(&render::phrase(&words))?;
    }
    Ok(())
}

fn show_key(shown: &ShowKey) -> Result<(), KeyCommandError> {
    let file = KeyFile::open(&key_path(&shown.place)?)?;
    let says_nothing = matches!(file.public(), Err(KeyFileError::Anonymous { .. }));
    let may_ask = says_nothing && io::stdin().is_terminal();
    if file.is_locked() && (shown.passphrase.source().is_some() || may_ask) {
        let key = unlock(&file, &shown.passphrase)?;
        let (path, public) = (file.path().display().to_string(), key.public());
        let shown_key = KeyShown::new(role_of(&file), &public, path, true);
        return show(shown_key, shown.format.json);
    }
    show_file(&file, shown.format.json)
}

fn export_key(export: &ExportKey) -> Result<(), KeyCommandError> {
    be_quiet(export.quiet.quiet);
    let file = KeyFile::open(&key_path(&export.place)?)?;
    if export.public {
        let public = match export.passphrase.source() {
            Some(_) => unlock(&file, &export.passphrase)?.public(),
            None => file.public()?,
        };
        return write_public(export, &keys::public_pem(role_of(&file), &public));
    }
    let text = match export.plain && file.is_locked() {
        true => keys::unlocked_pem(role_of(&file), &unlock(&file, &export.passphrase)?),
        false => file.text(),
    };
    match &export.out {
        None => print(&text)?,
        Some(out) => {
            secret_file::write(out, text.as_bytes(), Existing::replace_if(export.force))?;
            let locked = if file.is_locked() && !export.plain { "locked" } else { "not locked" };
            print(&format!("wrote {}: the secret key, {locked}\n", out.display()))?;
        }
    }
    Ok(())
}

fn write_public(export: &ExportKey, text: &str) -> Result<(), KeyCommandError> {
    let Some(out) = &export.out else { return Ok(print(text)?) };
    whole_file::write(out, text.as_bytes(), Existing::replace_if(export.force), FileMode::Default)?;
    Ok(print(&format!("wrote {}: the public key\n", out.display()))?)
}

fn import_key(import: &ImportKey) -> Result<(), KeyCommandError> {
    let path = new_key_path(&import.place, import.force)?;
    let (role, key, opened_by) = match (&import.file, import.phrase_source()) {
        (Some(file), _) => key_of_file(file, import)?,
        (None, Some(source)) => {
            let text = secret_text::read(&source.path(), PHRASE_BYTES_MAX)?;
            (KeyRole::Voter, phrase::to_key(&text)?, None)
        }
        (None, None) => (KeyRole::Voter, phrase::to_key(&ask_phrase()?)?, None),
    };
    let NewPassphraseOptions { no_passphrase, .. } = import.new_passphrase;
    let source = import.new_passphrase.source();
    let passphrase = match opened_by {
        // Whoever locked the key before wants it to stay locked.
        Some(passphrase) if source.is_none() && !no_passphrase => Some(passphrase),
        Some(_) | None => passphrase::for_new(source.as_ref(), no_passphrase, &path)?,
    };
    let existing = Existing::replace_if(import.force);
    let made = KeyFile::create_for(role, &path, key, passphrase.as_ref(), existing)?;
    show_file(&made, import.format.json)
}

fn change_passphrase(change: &ChangePassphrase) -> Result<(), KeyCommandError> {
    let path = key_path(&change.place)?;
    let file = KeyFile::open(&path)?;
    let key = unlock(&file, &change.passphrase)?;
    let source = change.new_passphrase.source();
    let no_passphrase = change.new_passphrase.no_passphrase;
    if source.is_none() && !no_passphrase && !io::stdin().is_terminal() {
        return Err(PassphraseError::NoTerminal { option: "new-passphrase" }.into());
    }
    let passphrase = passphrase::for_new(source.as_ref(), no_passphrase, &path)?;
    let (role, existing) = (role_of(&file), Existing::Replace);
    let made = KeyFile::create_for(role, &path, key, passphrase.as_ref(), existing)?;
    show_file(&made, change.format.json)
}

/// The key of a file, with what it is for. Into a data directory, where voters' keys are, no other one goes.
fn key_of_file(
    path: &Path,
    import: &ImportKey,
) -> Result<(KeyRole, VoterKey, Option<Passphrase>), KeyCommandError> {
    let file = match KeyFile::open(path) {
        Err(KeyFileError::Former { path }) => {
            let secret = secret_file::read_existing(&path)?;
            let key = secret.and_then(|secret| VoterKey::from_secret_bytes(&secret).ok());
            let key = key.ok_or(KeyCommandError::NotASecretKey { path })?;
            return Ok((KeyRole::Voter, key, None));
        }
        file => file?,
    };
    let file = if import.place.key.is_none() { file.of_role(KeyRole::Voter)? } else { file };
    let passphrase = passphrase::of_file(&file, import.passphrase.source().as_ref())?;
    Ok((role_of(&file), file.unlock(passphrase.as_ref())?, passphrase))
}

fn unlock(file: &KeyFile, options: &PassphraseOptions) -> Result<VoterKey, KeyCommandError> {
    passphrase::unlock(file, options.source().as_ref())
}

/// Reads the words from the terminal, on one line or on several.
fn ask_phrase() -> Result<Zeroizing<String>, KeyCommandError> {
    let stdin = io::stdin();
    if !stdin.is_terminal() {
        return Err(KeyCommandError::NoTerminal);
    }
    print(&format!("The {PHRASE_WORDS} words, on one line or several:\n"))?;
    read_phrase(stdin.lock())
}

/// Reads words up to the last of a phrase, the end of the input, or an empty line.
fn read_phrase(input: impl BufRead) -> Result<Zeroizing<String>, KeyCommandError> {
    // It never grows beyond this: growing would leave copies of the secret in memory.
    let mut bytes = Zeroizing::new(Vec::with_capacity(PHRASE_BYTES_MAX + 1));
    let mut input = input.take(PHRASE_BYTES_MAX as u64 + 1);
    loop {
        let before = bytes.len();
        input.read_until(b'\n', &mut bytes).map_err(PassphraseError::Terminal)?;
        // What is no text is told below, or that it is too long if it was cut inside a character.
        let Ok(text) = std::str::from_utf8(&bytes) else { break };
        let is_whole = phrase::count(text) >= PHRASE_WORDS;
        if is_whole || text[before..].trim().is_empty() {
            break;
        }
    }
    if bytes.len() > PHRASE_BYTES_MAX {
        return Err(PhraseError::TooLong.into());
    }
    let text = secret_text::of_bytes(bytes).map_err(PassphraseError::Terminal)?;
    if text.trim().is_empty() { Err(KeyCommandError::NoPhrase) } else { Ok(text) }
}

fn key_path(place: &KeyLocation) -> Result<PathBuf, KeyCommandError> {
    if let Some(path) = &place.key {
        return Ok(path.clone());
    }
    let directory = match &place.data_dir {
        Some(path) => path.clone(),
        None => default_places::only_default()?,
    };
    Ok(keys::path_of(&directory, place.voter.as_ref()))
}

/// The path of a key file that will be written. A running peer would continue to use the key that
/// it has read, so its own key is not replaced while it runs.
fn new_key_path(place: &KeyLocation, force: bool) -> Result<PathBuf, KeyCommandError> {
    let path = key_path(place)?;
    if place.key.is_none() {
        let directory = files::directory_of(&path);
        data_directory::make_private(directory)
            .map_err(|error| FileError::new("make the directory", directory, error))?;
        if place.voter.is_none() && data_directory::is_in_use(directory) {
            return Err(DataDirectoryError::Running { path: directory.to_owned() }.into());
        }
    }
    let is_there = path.try_exists().map_err(|error| FileError::new("read", &path, error))?;
    match is_there && !force {
        // This is checked before the user is asked for anything.
        true => Err(WholeFileError::Exists { path }.into()),
        false => Ok(path),
    }
}

fn show_file(file: &KeyFile, json: bool) -> Result<(), KeyCommandError> {
    let path = file.path().display().to_string();
    show(KeyShown::new(role_of(file), &file.public()?, path, file.is_locked()), json)
}

/// What a key is for. Files of other programs don't say it, and their keys are voters' unless told.
fn role_of(file: &KeyFile) -> KeyRole {
    file.role().unwrap_or(KeyRole::Voter)
}

fn show(key: KeyShown, json: bool) -> Result<(), KeyCommandError> {
    Ok(print(&Style::of(json, false).answer(&Reply::Key(key)))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_phrase_is_read_to_its_end_and_one_byte_too_many_is_told() {
        let key = VoterKey::from_secret_bytes(&[7; 32]).expect("a secret key");
        let words = phrase::of_key(&key);
        let read = |text: &str| read_phrase(text.as_bytes()).map(|text| phrase::to_key(&text));
        let on_lines = words.replace(' ', "\n");
        let labelled = |before: &str| {
            let lines = words.split(' ').zip(1..);
            let lines = lines.map(|(word, number)| format!("{before} {number}: {word}\n"));
            format!("{}more words\n", lines.collect::<String>())
        };
        let (named, numbered) = (labelled("Word"), labelled("No."));
        let spaced = words.replacen(' ', &" ".repeat(PHRASE_BYTES_MAX + 1 - words.len()), 1);
        assert_eq!(spaced.len(), PHRASE_BYTES_MAX);
        for text in [
            words.as_str(),
            &on_lines,
            &named,
            &numbered,
            &format!("{}\n\nmore", words.as_str()),
            &spaced,
        ] {
            let found = read(text).expect("a text").expect("a phrase");
            assert_eq!(found.secret_bytes(), key.secret_bytes(), "{} bytes", text.len());
        }
        // The last word would have been cut, and the rest read by nobody.
        for text in [format!("{spaced}x"), spaced.replacen(' ', "  ", 1)] {
            let refused = read(&text).map(drop).expect_err("it is too long").to_string();
            assert_eq!(
                refused,
                "a recovery phrase has at most 1024 bytes with all spaces; nothing was changed"
            );
        }
        // The last byte that is read is the first of two.
        let letters = "é".repeat(PHRASE_BYTES_MAX / 2);
        for text in [format!("{spaced}é"), format!("{spaced}\u{a0}"), format!("{letters}é\n")] {
            let refused = read(&text).map(drop).expect_err("it is too long");
            assert!(matches!(refused, KeyCommandError::Phrase(PhraseError::TooLong)), "{refused}");
        }
        for no_text in [&b"\xff\n"[..], b"abandon \xc3\n"] {
            let refused = read_phrase(no_text).map(drop).expect_err("it is no text");
            let KeyCommandError::Passphrase(PassphraseError::Terminal(error)) = &refused else {
                panic!("{refused}")
            };
            assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        }
        assert!(matches!(read(" \n"), Err(KeyCommandError::NoPhrase)));
        assert!(matches!(read(""), Err(KeyCommandError::NoPhrase)));
    }
}
