//! Key files are refused or read as they were written, and each for its own use alone.

use std::fs;

use protocol::units::sha256;

use super::*;

fn key_of(number: u8) -> VoterKey {
    VoterKey::from_secret_bytes(&sha256(&[&[number]])).expect("a secret key")
}

fn voter(path: &Path) -> Result<String, String> {
    KeyFile::open(path)
        .and_then(|file| Ok(file.public()?.voter().to_string()))
        .map_err(|error| error.to_string())
}

#[cfg(unix)]
#[test]
fn what_is_no_key_is_refused_and_stays() {
    use std::os::unix::fs::PermissionsExt;
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("voter.key");
    let good =
        pem::write(KeyRole::Voter, &VoterKey::from_secret_bytes(&[0x11; 32]).expect("a key"), None);
    let digits = "11".repeat(32);
    for (text, part) in [
        (String::new(), "has no block of a private key"),
        ("zz".repeat(32), "has no block of a private key"),
        (digits[1..].to_owned(), "has no block of a private key"),
        (good[..good.len() - 20].to_owned(), "is cut short or damaged"),
        (good.replace("PRIVATE", "PUBLIC"), "holds a public key alone"),
        (digits.clone(), "has the former format of 64 digits: write it anew by `peer key import"),
        (format!("{digits}\n"), "has the former format of 64 digits"),
        (" ".repeat(KEY_FILE_BYTES_MAX + 1), "has over 16384 bytes"),
    ] {
        fs::write(&path, &text).expect("written");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("a new mode");
        let message = voter(&path).expect_err("no key");
        assert!(message.contains(part), "{message}");
        assert!(text.is_empty() || !message.contains(&text), "the text is told: {message}");
        assert_eq!(fs::read_to_string(&path).expect("the file"), text);
    }
}

#[test]
fn a_file_that_says_another_voter_is_refused_once_that_can_be_known() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("a.key");
    let (key, other) = (key_of(1), key_of(2));
    let passphrase = Passphrase::new(Zeroizing::new(b"open".to_vec())).expect("short");
    for passphrase in [None, passphrase.as_ref()] {
        let text = pem::write(KeyRole::Voter, &key, passphrase);
        let said = |key: &VoterKey| hex::encode(key.public().0);
        let forged = text.replace(&said(&key), &said(&other));
        secret_file::write(&path, forged.as_bytes(), Existing::Replace).expect("written");
        let opened = KeyFile::open(&path).and_then(|file| file.unlock(passphrase));
        let message = opened.expect_err("it says another").to_string();
        let (said, found) = (other.public().voter(), key.public().voter());
        assert!(message.contains(&format!("of voter {said}, and it is that of {found}")));
    }
}

#[cfg(unix)]
#[test]
fn a_key_file_is_as_long_as_it_may_be_and_no_longer() {
    use std::os::unix::fs::PermissionsExt;
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("voter.key");
    let key =
        pem::write(KeyRole::Voter, &VoterKey::from_secret_bytes(&[0x11; 32]).expect("a key"), None);
    let text = format!("{:width$}", key.as_str(), width = KEY_FILE_BYTES_MAX);
    let read = |text: &str| {
        fs::write(&path, text).expect("written");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("a new mode");
        voter(&path)
    };
    assert!(read(&text).is_ok(), "{} bytes", text.len());
    let refused = read(&format!("{text} ")).expect_err("it is too long");
    assert!(refused.contains("has over 16384 bytes"), "{refused}");
}

/// Panics, logs and assertions show things by `Debug`.
#[test]
fn debug_shows_no_secret() {
    let directory = tempfile::tempdir().expect("a directory");
    let key = key_of(1);
    let passphrase = Passphrase::new(Zeroizing::new(b"open sesame".to_vec())).expect("short");
    for (name, passphrase) in [("open.key", None), ("locked.key", passphrase.as_ref())] {
        let path = directory.path().join(name);
        let made = KeyFile::create(&path, key.clone(), passphrase, Existing::Keep);
        let file = made.expect("there is none");
        let shown = format!("{file:#?} {passphrase:#?} {:?}", file.unlock(passphrase));
        assert!(shown.contains(&hex::encode(key.public().0)), "{shown}");
        let secret = key.secret_bytes();
        let numbers = secret[..4].iter().map(u8::to_string).collect::<Vec<_>>().join(", ");
        for part in [hex::encode(&secret[..8]), numbers, "open sesame".into(), "111, 112".into()] {
            assert!(!shown.contains(&part), "{shown}");
        }
        assert!(file.text().lines().filter(|line| line.len() > 60).count() > 1);
        for line in file.text().lines().filter(|line| !line.contains(' ')) {
            assert!(!shown.contains(line), "{shown}");
        }
    }
}

#[test]
fn a_key_of_one_role_never_passes_for_one_of_another() {
    let directory = tempfile::tempdir().expect("a directory");
    let passphrase = Passphrase::new(Zeroizing::new(b"open".to_vec())).expect("short");
    for (passphrase, role) in [None, passphrase.as_ref()]
        .into_iter()
        .flat_map(|passphrase| KeyRole::ALL.map(|role| (passphrase, role)))
    {
        let path = directory.path().join(format!("{role}{}.key", passphrase.is_some()));
        let create = KeyFile::create_for(role, &path, key_of(1), passphrase, Existing::Keep);
        assert_eq!(create.expect("there is none").role(), Some(role));
        for needed in KeyRole::ALL {
            match KeyFile::open_for(needed, &path) {
                Ok(file) => {
                    assert_eq!((needed, file.role()), (role, Some(role)));
                    assert_eq!(file.public().expect("it says whose it is"), key_of(1).public());
                    let text = file.text();
                    assert!(text.contains(role.key_line()), "{role}");
                }
                Err(error) => {
                    assert_ne!(needed, role);
                    assert_eq!(error.kind(), "other_role");
                    let told = error.to_string();
                    assert!(told.contains(&format!("is a {role}'s key, and a {needed}'s")));
                    assert!(told.contains(needed.made_by()) && !told.contains('\n'), "{told}");
                }
            }
        }
    }
    let other = pem::write(KeyRole::Voter, &key_of(1), None);
    let other = &other[other.find("-----").expect("a block")..];
    let path = directory.path().join("openssl.key");
    secret_file::write(&path, other.as_bytes(), Existing::Keep).expect("there is none");
    for role in KeyRole::ALL {
        assert_eq!(KeyFile::open_for(role, &path).expect("it may be any").role(), None);
    }
}

#[test]
fn a_key_is_never_replaced_unless_that_is_said() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("a.key");
    let (first, second) = (key_of(1), key_of(2));
    let create = |key: &VoterKey, existing| KeyFile::create(&path, key.clone(), None, existing);
    create(&first, Existing::Keep).expect("there is none");
    let message = create(&second, Existing::Keep).expect_err("there is one").to_string();
    assert!(message.ends_with("is there already: name another file, or replace it by --force"));
    let voter = || KeyFile::open(&path).and_then(|file| file.public()).expect("a key").voter();
    assert_eq!(voter(), first.public().voter());
    create(&second, Existing::Replace).expect("replaced");
    assert_eq!(voter(), second.public().voter());
    assert_eq!(fs::read_dir(directory.path()).expect("a listing").count(), 1);
}
