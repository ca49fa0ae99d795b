//! Secret keys as text: PKCS#8 in PEM, as OpenSSL reads and writes it, preceded by a line or two
//! that say whose key it is.
//!
//! The input may be hostile. Its length is therefore limited before it is parsed, and the cost of
//! unlocking a key is checked before any of that work is done.

use k256::SecretKey;
use pkcs8::der::asn1::{AnyRef, ObjectIdentifier, OctetStringRef};
use pkcs8::der::{self, Decode, Reader, SecretDocument, Tag, TagNumber, Tagged};
use pkcs8::pkcs5::EncryptionScheme;
use pkcs8::pkcs5::pbes2::{Kdf, Pbkdf2Prf};
use pkcs8::{
    EncodePrivateKey, EncodePublicKey, EncryptedPrivateKeyInfoRef, LineEnding, PrivateKeyInfoRef,
};
use protocol::keys::{PublicKey, VoterKey, check_public_key};
use zeroize::Zeroizing;

use crate::passphrase::Passphrase;

/// The line that precedes the PEM block; OpenSSL ignores it.
const VOTER_LINE: &str = "Voter: ";
const VOTER_KEY_LINE: &str = "Voter key: ";

const PLAIN: &str = "PRIVATE KEY";
const ENCRYPTED: &str = "ENCRYPTED PRIVATE KEY";
const SEC1: &str = "EC PRIVATE KEY";
const BEGIN: &str = "-----BEGIN ";
const DASHES: &str = "-----";

/// The highest cost of scrypt (N × r × p) at which a key is still unlocked. Files that this module
/// writes cost 2^17. The memory that is needed is 128 bytes × N × r, so at most 128 MiB.
const SCRYPT_WORK_MAX: u64 = 1 << 20;

/// The most rounds of PBKDF2 at which a key is still unlocked; they take some seconds. OpenSSL uses
/// 2,048 unless told otherwise, and 600,000 are recommended.
const PBKDF2_ROUNDS_MAX: u32 = 10_000_000;

const EC_PUBLIC_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
/// The field of a SEC1 key that names its curve.
const PARAMETERS: Tag = Tag::ContextSpecific { constructed: true, number: TagNumber(0) };

const SECP256K1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.10");

/// The usual names of other kinds of key that people may pick by mistake.
const ALGORITHMS: [(&str, &str); 4] = [
    ("1.2.840.113549.1.1.1", "RSA"),
    ("1.3.101.112", "Ed25519"),
    ("1.3.101.110", "X25519"),
    ("1.2.840.10040.4.1", "DSA"),
];
const CURVES: [(&str, &str); 3] =
    [("1.2.840.10045.3.1.7", "P-256"), ("1.3.132.0.34", "P-384"), ("1.3.132.0.35", "P-521")];

/// The reason why a text holds no usable key. Each message continues a sentence that begins with
/// the name of the file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PemError {
    /// There is no PEM block of a private key.
    #[error("has no block of a private key in PEM")]
    NoBlock,
    /// There is more than one PEM block of a private key.
    #[error("holds several private keys: leave one of them in it")]
    SeveralKeys,
    /// There is a PEM block of a public key, but none of a private key.
    #[error("holds a public key alone: the secret one is needed")]
    PublicAlone,
    /// The PEM block cannot be decoded.
    #[error("has a PEM block that is cut short or damaged")]
    Damaged,
    /// The key is encrypted in the format that OpenSSL used before PKCS#8.
    #[error(
        "is encrypted in OpenSSL's former way: write it anew by `openssl pkcs8 -topk8 -in OLD -out NEW`"
    )]
    FormerEncryption,
    /// The key is encrypted with an algorithm that is not supported.
    #[error(
        "is encrypted in a way that is not read here: write it anew by `openssl pkcs8 -topk8 -v2 aes-256-cbc -v2prf hmacWithSHA256 -in OLD -out NEW`"
    )]
    OtherEncryption,
    /// Unlocking the key would cost more work of scrypt than this program is willing to do.
    #[error("asks for scrypt with N × r × p = {asked}, and at most {SCRYPT_WORK_MAX} is done")]
    ScryptWork {
        /// The cost that the file asks for.
        asked: u128,
    },
    /// Unlocking the key would take more rounds of PBKDF2 than this program is willing to do.
    #[error("asks for {asked} rounds of PBKDF2, and at most {PBKDF2_ROUNDS_MAX} are done")]
    Pbkdf2Rounds {
        /// The number of rounds that the file asks for.
        asked: u32,
    },
    /// The key belongs to another algorithm, such as RSA.
    #[error("holds a key of another kind ({algorithm}): an EC key on secp256k1 is needed")]
    OtherAlgorithm {
        /// The name of the algorithm, or its object identifier.
        algorithm: String,
    },
    /// The key lies on another elliptic curve.
    #[error("holds a key on another curve ({curve}): one on secp256k1 is needed")]
    OtherCurve {
        /// The name of the curve, or its object identifier.
        curve: String,
    },
    /// The file gives the parameters of its curve instead of the curve's name.
    #[error(
        "spells its curve out instead of naming it: write it anew by `openssl pkey -ec_param_enc named_curve -in OLD -out NEW`"
    )]
    ExplicitCurve,
    /// The key's number is zero or too large.
    #[error("holds no secret key of secp256k1")]
    NotASecretKey,
}

/// The content of a key file.
#[derive(Debug)]
pub(super) enum Contents {
    Open(VoterKey),
    Locked(Locked),
}

/// An encrypted key whose cost of unlocking was checked and is acceptable, so a passphrase may be
/// tried.
pub(super) struct Locked {
    /// The DER encoding of an `EncryptedPrivateKeyInfo`.
    der: SecretDocument,
}

impl std::fmt::Debug for Locked {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Locked")
    }
}

/// Reads the text of a key file. Also returns the voter key that the lines before the PEM block
/// claim.
///
/// # Errors
/// See [`PemError`].
pub(super) fn read(text: &str) -> Result<(Contents, Option<PublicKey>), PemError> {
    let (label, before, block) = find_block(text)?;
    let said = said_key(before);
    if label == SEC1 && block.contains("Proc-Type:") {
        return Err(PemError::FormerEncryption);
    }
    let (_, der) = SecretDocument::from_pem(block).map_err(|_| PemError::Damaged)?;
    let contents = match label {
        PLAIN => Contents::Open(plain_key(der.as_bytes())?),
        SEC1 => Contents::Open(sec1_key(der.as_bytes())?),
        _ => {
            check_cost(der.as_bytes())?;
            Contents::Locked(Locked { der })
        }
    };
    Ok((contents, said))
}

/// Writes a key as text, locked if there is a passphrase.
///
/// # Panics
/// When the operating system provides no randomness for the salt.
pub(super) fn write(key: &VoterKey, passphrase: Option<&Passphrase>) -> Zeroizing<String> {
    let secret = SecretKey::from_slice(key.secret_bytes().as_slice()).expect("it is a secret key");
    let plain = secret.to_pkcs8_der().expect("a key can be encoded");
    let (label, der) = match passphrase {
        None => (PLAIN, plain),
        Some(passphrase) => {
            let info = PrivateKeyInfoRef::try_from(plain.as_bytes()).expect("just encoded");
            let locked = info.encrypt(passphrase.bytes());
            (ENCRYPTED, locked.expect("the operating system gives randomness"))
        }
    };
    text(Some(&key.public()), label, &der)
}

/// Writes a locked key as text without unlocking it.
pub(super) fn write_locked(locked: &Locked, said: Option<&PublicKey>) -> Zeroizing<String> {
    text(said, ENCRYPTED, &locked.der)
}

/// Writes only the public key, in PEM.
///
/// # Panics
/// When it is not a point of the curve. Whoever made a [`VoterKey`] or read a hint knows that it is
/// one.
pub(super) fn write_public(key: &PublicKey) -> String {
    let key = k256::PublicKey::from_sec1_bytes(&key.0).expect("it was checked");
    key.to_public_key_pem(LineEnding::LF).expect("a key can be encoded")
}

impl Locked {
    /// Returns the key if the passphrase is right, and `None` if it is wrong. Takes about 50 ms and
    /// 16 MiB for files that this module wrote.
    ///
    /// # Errors
    /// When the decrypted content is not a usable key.
    pub(super) fn unlock(&self, passphrase: &Passphrase) -> Result<Option<VoterKey>, PemError> {
        let info = EncryptedPrivateKeyInfoRef::try_from(self.der.as_bytes())
            .map_err(|_| PemError::Damaged)?;
        let Ok(der) = info.decrypt(passphrase.bytes()) else { return Ok(None) };
        // With a wrong passphrase, the decrypted data still ends in valid padding in one of 256
        // cases, and everything before the padding is garbage. That is treated as a wrong
        // passphrase.
        if PrivateKeyInfoRef::try_from(der.as_bytes()).is_err() {
            return Ok(None);
        }
        plain_key(der.as_bytes()).map(Some)
    }
}

fn text(said: Option<&PublicKey>, label: &'static str, der: &SecretDocument) -> Zeroizing<String> {
    let block = der.to_pem(label, LineEnding::LF).expect("a key is short");
    let lines = said.map_or_else(String::new, |key| {
        format!("{VOTER_LINE}{}\n{VOTER_KEY_LINE}{}\n", key.voter(), hex::encode(key.0))
    });
    let mut text = Zeroizing::new(String::with_capacity(lines.len() + block.len()));
    text.push_str(&lines);
    text.push_str(&block);
    text
}

/// Finds the first PEM block of a private key, and returns its label, the text before it, and the
/// block. Other blocks before it are skipped, such as the parameters that `openssl ecparam` writes.
fn find_block(text: &str) -> Result<(&str, &str, &str), PemError> {
    let mut has_public = false;
    for (start, _) in text.match_indices(BEGIN) {
        let rest = &text[start + BEGIN.len()..];
        let label = rest.split(DASHES).next().unwrap_or_default();
        match label {
            PLAIN | ENCRYPTED | SEC1 => {
                let end = format!("-----END {label}-----");
                let length = text[start..].find(&end).ok_or(PemError::Damaged)? + end.len();
                let (block, after) = text[start..].split_at(length);
                if after.contains("PRIVATE KEY-----") {
                    return Err(PemError::SeveralKeys);
                }
                return Ok((label, &text[..start], block));
            }
            "RSA PRIVATE KEY" | "DSA PRIVATE KEY" => {
                let algorithm = label.split(' ').next().unwrap_or_default().to_owned();
                return Err(PemError::OtherAlgorithm { algorithm });
            }
            label => has_public |= label.ends_with("PUBLIC KEY"),
        }
    }
    Err(if has_public { PemError::PublicAlone } else { PemError::NoBlock })
}

/// The lines before the block are only a hint, so a line that is not a valid key is ignored.
fn said_key(before: &str) -> Option<PublicKey> {
    let digits = before.lines().find_map(|line| line.strip_prefix(VOTER_KEY_LINE))?;
    let mut key = PublicKey([0; 33]);
    hex::decode_to_slice(digits.trim(), &mut key.0).ok()?;
    check_public_key(&key).ok()?;
    Some(key)
}

fn plain_key(der: &[u8]) -> Result<VoterKey, PemError> {
    let info = PrivateKeyInfoRef::try_from(der).map_err(|_| PemError::Damaged)?;
    if info.algorithm.oid != EC_PUBLIC_KEY {
        let algorithm = name_of(info.algorithm.oid, &ALGORITHMS);
        return Err(PemError::OtherAlgorithm { algorithm });
    }
    match info.algorithm.parameters_oid() {
        Ok(SECP256K1) => {}
        Ok(curve) => return Err(PemError::OtherCurve { curve: name_of(curve, &CURVES) }),
        Err(_) => return Err(PemError::ExplicitCurve),
    }
    let secret = SecretKey::try_from(info).map_err(|_| PemError::NotASecretKey)?;
    key_of(&secret)
}

/// Reads the form that OpenSSL wrote before PKCS#8, in which the curve is named inside the key.
fn sec1_key(der: &[u8]) -> Result<VoterKey, PemError> {
    let parameters = sec1_parameters(der).map_err(|_| PemError::Damaged)?;
    match parameters.map(ObjectIdentifier::try_from) {
        Some(Ok(SECP256K1)) => {}
        Some(Ok(curve)) => return Err(PemError::OtherCurve { curve: name_of(curve, &CURVES) }),
        Some(Err(_)) => return Err(PemError::ExplicitCurve),
        None => return Err(PemError::NotASecretKey),
    }
    let secret = SecretKey::from_sec1_der(der).map_err(|_| PemError::NotASecretKey)?;
    key_of(&secret)
}

fn sec1_parameters(der: &[u8]) -> Result<Option<AnyRef<'_>>, der::Error> {
    AnyRef::try_from(der)?.sequence(|reader| -> Result<_, der::Error> {
        let _version = u8::decode(reader)?;
        let _secret = <&OctetStringRef>::decode(reader)?;
        let mut parameters = None;
        while !reader.is_finished() {
            let part = AnyRef::decode(reader)?;
            if part.tag() == PARAMETERS {
                parameters = Some(AnyRef::try_from(part.value())?);
            }
        }
        Ok(parameters)
    })
}

/// Checks the cost before unlocking, so that no file can make a user wait for minutes or exhaust
/// the machine's memory.
fn check_cost(der: &[u8]) -> Result<(), PemError> {
    let info = EncryptedPrivateKeyInfoRef::try_from(der).map_err(|_| PemError::OtherEncryption)?;
    let EncryptionScheme::Pbes2(parameters) = info.encryption_algorithm else {
        return Err(PemError::OtherEncryption);
    };
    match parameters.kdf {
        Kdf::Scrypt(scrypt) => {
            let blocks = u128::from(scrypt.block_size) * u128::from(scrypt.parallelization);
            let asked = u128::from(scrypt.cost_parameter) * blocks;
            if asked > u128::from(SCRYPT_WORK_MAX) {
                return Err(PemError::ScryptWork { asked });
            }
        }
        Kdf::Pbkdf2(pbkdf2) if pbkdf2.prf == Pbkdf2Prf::HmacWithSha1 => {
            return Err(PemError::OtherEncryption);
        }
        Kdf::Pbkdf2(pbkdf2) if pbkdf2.iteration_count > PBKDF2_ROUNDS_MAX => {
            return Err(PemError::Pbkdf2Rounds { asked: pbkdf2.iteration_count });
        }
        Kdf::Pbkdf2(_) => {}
        _ => return Err(PemError::OtherEncryption),
    }
    Ok(())
}

fn key_of(secret: &SecretKey) -> Result<VoterKey, PemError> {
    let bytes = Zeroizing::new(<[u8; 32]>::from(secret.to_bytes()));
    VoterKey::from_secret_bytes(&bytes).map_err(|_| PemError::NotASecretKey)
}

fn name_of(oid: ObjectIdentifier, names: &[(&str, &str)]) -> String {
    let oid = oid.to_string();
    let known = names.iter().find(|(number, _)| *number == oid);
    known.map_or(oid.clone(), |(_, name)| (*name).to_owned())
}

#[cfg(test)]
mod tests {
    use pkcs8::der::pem::PemLabel;
    use pkcs8::pkcs5::pbes2::{self, Parameters};
    use proptest::prelude::*;

    use super::*;

    fn key(number: u8) -> VoterKey {
        VoterKey::from_secret_bytes(&[number; 32]).expect("a key")
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
        let text = write(&key(3), Some(&passphrase("öffne dich")));
        let (Contents::Locked(locked), said) = read(&text).expect("our own") else {
            panic!("it is locked")
        };
        assert_eq!(said, Some(key(3).public()));
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
        let (first, second) = (write(&key(1), None), write(&key(2), Some(&passphrase("a"))));
        for text in [format!("{}{}", *first, *second), format!("{}\n{}", *second, *first)] {
            assert_eq!(read(&text).map(|_| ()), Err(PemError::SeveralKeys));
        }
        let with_public = format!("{}{}", *first, write_public(&key(1).public()));
        read(&with_public).expect("one key, and what it shows");
    }

    #[test]
    fn a_hint_that_is_no_key_is_none() {
        let text = write(&key(1), None);
        for (line, said) in [
            (
                format!("{VOTER_KEY_LINE}{}\n", hex::encode(key(2).public().0)),
                Some(key(2).public()),
            ),
            (format!("{VOTER_KEY_LINE}{}\n", "00".repeat(33)), None),
            (format!("{VOTER_KEY_LINE}\n"), None),
            ("whatever\n".to_owned(), None),
        ] {
            let block = &text[text.find(BEGIN).expect("a block")..];
            let (_, found) = read(&format!("{line}{block}")).expect("the block is good");
            assert_eq!(found, said, "{line}");
        }
    }

    proptest! {
        #[test]
        fn any_key_comes_back_from_its_text(secret: [u8; 32]) {
            prop_assume!(VoterKey::from_secret_bytes(&secret).is_ok());
            let key = VoterKey::from_secret_bytes(&secret).expect("a key");
            let (contents, said) = read(&write(&key, None)).expect("our own");
            prop_assert_eq!(said, Some(key.public()));
            let Contents::Open(found) = contents else { panic!("it is not locked") };
            prop_assert_eq!(found.secret_bytes(), key.secret_bytes());
        }

        /// Whatever is done to a text, it is refused or it is the same key.
        #[test]
        fn a_damaged_text_is_refused(place in 0usize..400, byte: u8, length in 0usize..400) {
            let text = write(&key(1), None);
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
}
