//! Keys come back from their texts, and hostile texts are refused.

use k256::SecretKey;
use pkcs8::der::asn1::OctetStringRef;
use pkcs8::der::pem::PemLabel;
use pkcs8::pkcs5::pbes2::{self, Parameters, Pbkdf2Prf};
use pkcs8::{EncodePrivateKey, EncryptedPrivateKeyInfoRef, LineEnding, PrivateKeyInfoRef};
use proptest::prelude::*;
use zeroize::Zeroizing;

use super::*;
use crate::passphrase::Passphrase;
use crate::role::KeyRole;

fn key(number: u8) -> VoterKey {
    VoterKey::from_secret_bytes(&[number; 32]).expect("a key")
}

fn voter(number: u8) -> Said {
    Said { role: KeyRole::Voter, key: Some(key(number).public()) }
}

fn passphrase(text: &str) -> Passphrase {
    let bytes = Zeroizing::new(text.as_bytes().to_vec());
    Passphrase::new(bytes).expect("short").expect("not empty")
}

/// A key that is locked at a cost of one's own.
fn locked_by(parameters: Parameters) -> String {
    let secret = SecretKey::from_slice(key(1).secret_bytes().as_slice()).expect("a key");
    let plain = secret.to_pkcs8_der().expect("encoded");
    let info = PrivateKeyInfoRef::try_from(plain.as_bytes()).expect("just encoded");
    let der = info.encrypt_with_params(parameters, b"a").expect("encrypted");
    der.to_pem(EncryptedPrivateKeyInfoRef::PEM_LABEL, LineEnding::LF).expect("PEM").to_string()
}

#[test]
fn a_locked_key_says_whose_it_is_and_opens_by_its_passphrase_alone() {
    let text = write(KeyRole::Voter, &key(3), Some(&passphrase("öffne dich")));
    let (Contents::Locked(locked), said) = read(&text).expect("our own") else {
        panic!("it is locked")
    };
    assert_eq!(said, Some(voter(3)));
    assert_eq!(write_locked(&locked, said.as_ref()).as_str(), text.as_str());
    let opened = locked.unlock(&passphrase("öffne dich")).expect("a key").expect("unlocked");
    assert_eq!(opened.secret_bytes(), key(3).secret_bytes());
    for wrong in ["offne dich", "öffne dich ", "x"] {
        assert!(locked.unlock(&passphrase(wrong)).expect("no fault").is_none(), "{wrong}");
    }
    assert_eq!(format!("{locked:?}"), "Locked");
}

#[test]
fn what_costs_too_much_is_refused_before_it_is_tried() {
    let (salt, iv) = ([1; 16], [2; 16]);
    let scrypt = |log_n, r, p| {
        let cost = pbes2::ScryptParams {
            salt: pbes2::Salt::new(salt).expect("short"),
            cost_parameter: 1u64 << log_n,
            block_size: r,
            parallelization: p,
            key_length: None,
        };
        // As a file could say it; encrypted by a cheap one, since nobody gets that far.
        let cheap = Parameters::generate_pbkdf2_sha256_aes256cbc(1, &salt, iv);
        let cheap = locked_by(cheap.expect("parameters"));
        let (_, der) = SecretDocument::from_pem(&cheap).expect("PEM");
        let mut info = EncryptedPrivateKeyInfoRef::try_from(der.as_bytes()).expect("DER");
        let encryption = pbes2::EncryptionScheme::Aes256Cbc { iv };
        info.encryption_algorithm = Parameters { kdf: cost.into(), encryption }.into();
        let der = SecretDocument::encode_msg(&info).expect("DER");
        let text = der.to_pem(ENCRYPTED, LineEnding::LF).expect("PEM");
        read(&text).map(|_| ())
    };
    assert_eq!(scrypt(14, 8, 1), Ok(()));
    assert_eq!(scrypt(17, 8, 1), Ok(()));
    assert_eq!(scrypt(18, 8, 1), Err(PemError::ScryptWork { asked: 1 << 21 }));
    let most = scrypt(62, u16::MAX, u16::MAX);
    assert!(matches!(most, Err(PemError::ScryptWork { .. })), "{most:?}");
    let mut rounds = pbes2::Pbkdf2Params::hmac_sha256(PBKDF2_ROUNDS_MAX, &salt).expect("good");
    let asked = |rounds: pbes2::Pbkdf2Params| {
        let encryption = pbes2::EncryptionScheme::Aes256Cbc { iv };
        let info = pkcs8::EncryptedPrivateKeyInfo {
            encryption_algorithm: Parameters { kdf: rounds.into(), encryption }.into(),
            encrypted_data: OctetStringRef::new(&[0; 16]).expect("short"),
        };
        let der = SecretDocument::encode_msg(&info).expect("DER");
        read(&der.to_pem(ENCRYPTED, LineEnding::LF).expect("PEM")).map(|_| ())
    };
    assert_eq!(asked(rounds), Ok(()));
    rounds.iteration_count += 1;
    let refused = PemError::Pbkdf2Rounds { asked: rounds.iteration_count };
    assert_eq!(asked(rounds), Err(refused));
    rounds.prf = Pbkdf2Prf::HmacWithSha1;
    assert_eq!(asked(rounds), Err(PemError::OtherEncryption));
}

#[test]
fn of_several_keys_none_is_taken_by_chance() {
    let (first, second) = (
        write(KeyRole::Voter, &key(1), None),
        write(KeyRole::Voter, &key(2), Some(&passphrase("a"))),
    );
    for text in [format!("{}{}", *first, *second), format!("{}\n{}", *second, *first)] {
        assert_eq!(read(&text).map(|_| ()), Err(PemError::SeveralKeys));
    }
    let with_public = format!("{}{}", *first, write_public(KeyRole::Voter, &key(1).public()));
    read(&with_public).expect("one key, and what it shows");
}

#[test]
fn a_hint_that_is_no_key_still_says_what_the_key_is_for() {
    let text = write(KeyRole::Voter, &key(1), None);
    let none = |role| Some(Said { role, key: None });
    for (line, said) in [
        (format!("Voter key: {}\n", hex::encode(key(2).public().0)), Some(voter(2))),
        (format!("Voter key: {}\n", "00".repeat(33)), none(KeyRole::Voter)),
        ("Registrar key: \n".to_owned(), none(KeyRole::Registrar)),
        ("Validator key: ?\nVoter key: \n".to_owned(), none(KeyRole::Validator)),
        ("whatever\n".to_owned(), None),
    ] {
        let block = &text[text.find("-----BEGIN ").expect("a block")..];
        let (_, found) = read(&format!("{line}{block}")).expect("the block is good");
        assert_eq!(found, said, "{line}");
    }
}

proptest! {
    #[test]
    fn any_key_comes_back_from_its_text(secret: [u8; 32]) {
        prop_assume!(VoterKey::from_secret_bytes(&secret).is_ok());
        let key = VoterKey::from_secret_bytes(&secret).expect("a key");
        let (contents, said) = read(&write(KeyRole::Voter, &key, None)).expect("our own");
        prop_assert_eq!(said, Some(Said { role: KeyRole::Voter, key: Some(key.public()) }));
        let Contents::Open(found) = contents else { panic!("it is not locked") };
        prop_assert_eq!(found.secret_bytes(), key.secret_bytes());
    }

    /// Whatever is done to a text, it is refused or it is the same key.
    #[test]
    fn a_damaged_text_is_refused(place in 0usize..400, byte: u8, length in 0usize..400) {
        let text = write(KeyRole::Voter, &key(1), None);
        let mut bytes = text.as_bytes().to_vec();
        let place = place % bytes.len();
        bytes[place] = byte;
        let cut = &text.as_bytes()[..length.min(text.len() - 2)];
        for damaged in [bytes.as_slice(), cut] {
            let Ok(damaged) = std::str::from_utf8(damaged) else { continue };
            if let Ok((Contents::Open(found), _)) = read(damaged) {
                prop_assert_eq!(found.secret_bytes(), key(1).secret_bytes());
            }
        }
    }
}

#[test]
fn a_passphrase_opens_however_it_is_composed_and_spaced_and_as_it_was_written_before() {
    let read = |text: &str| match read(text).expect("it is good").0 {
        Contents::Locked(locked) => locked,
        Contents::Open(_) => panic!("it is locked"),
    };
    let typed = [
        "\u{f6}ffne dich",
        "o\u{308}ffne dich",
        "\u{f6}ffne\u{a0}dich",
        "o\u{308}ffne\u{3000}dich",
    ];
    for lock in typed {
        let locked = read(&write(KeyRole::Voter, &key(3), Some(&passphrase(lock))));
        for open in typed {
            assert!(
                locked.unlock(&passphrase(open)).expect("a key").is_some(),
                "{lock:?} {open:?}"
            );
        }
        assert!(locked.unlock(&passphrase("\u{f6}ffnedich")).expect("no fault").is_none());
    }
    let secret = SecretKey::from_slice(key(3).secret_bytes().as_slice()).expect("a key");
    let plain = secret.to_pkcs8_der().expect("a key");
    let info = PrivateKeyInfoRef::try_from(plain.as_bytes()).expect("just encoded");
    let former = info.encrypt(passphrase(typed[3]).bytes()).expect("randomness");
    let pem = former.to_pem(EncryptedPrivateKeyInfoRef::PEM_LABEL, LineEnding::LF).expect("PEM");
    let locked = read(&pem);
    assert!(locked.unlock(&passphrase(typed[3])).expect("a key").is_some());
    assert!(locked.unlock(&passphrase(typed[0])).expect("no fault").is_none());
}
