//! Reads keys from texts, whoever wrote them, and unlocks them. It must never begin the work of unlocking before its
//! cost is checked.

use k256::SecretKey;
use pkcs8::der::asn1::{AnyRef, ObjectIdentifier, OctetStringRef};
use pkcs8::der::{self, Decode, Reader, SecretDocument, Tag, TagNumber, Tagged};
use pkcs8::pkcs5::EncryptionScheme;
use pkcs8::pkcs5::pbes2::{Kdf, Pbkdf2Prf};
use pkcs8::{EncryptedPrivateKeyInfoRef, PrivateKeyInfoRef};
use protocol::keys::VoterKey;
use zeroize::Zeroizing;

use super::{
    Contents, ENCRYPTED, Locked, PBKDF2_ROUNDS_MAX, PLAIN, PemError, SCRYPT_WORK_MAX, SEC1, Said,
};
use crate::passphrase::Passphrase;
use crate::role::KeyRole;

const BEGIN: &str = "-----BEGIN ";
const DASHES: &str = "-----";

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

/// Reads the text of a key file. Also returns what the lines before the PEM block claim.
///
/// # Errors
/// See [`PemError`].
pub(crate) fn read(text: &str) -> Result<(Contents, Option<Said>), PemError> {
    let (label, before, block) = find_block(text)?;
    let said = said(before);
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

impl Locked {
    /// Returns the key if the passphrase is right, and `None` if it is wrong. Takes about 50 ms and
    /// 16 MiB for files that this module wrote.
    ///
    /// # Errors
    /// When the decrypted content is not a usable key.
    pub(crate) fn unlock(&self, passphrase: &Passphrase) -> Result<Option<VoterKey>, PemError> {
        let info = EncryptedPrivateKeyInfoRef::try_from(self.der.as_bytes())
            .map_err(|_| PemError::Damaged)?;
        let prepared = passphrase.prepared();
        // Other programs, and former versions of this one, lock by the bytes as they were typed.
        let typed = Some(passphrase.bytes()).filter(|typed| *typed != prepared.as_slice());
        for bytes in [Some(prepared.as_slice()), typed].into_iter().flatten() {
            let Ok(der) = info.decrypt(bytes) else { continue };
            // With a wrong passphrase, the decrypted data still ends in valid padding in one of 256
            // cases, and everything before the padding is garbage. That is treated as a wrong
            // passphrase.
            if PrivateKeyInfoRef::try_from(der.as_bytes()).is_ok() {
                return plain_key(der.as_bytes()).map(Some);
            }
        }
        Ok(None)
    }
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

/// The lines before the block are only a hint, so what is not a valid key there is ignored; what the key is for counts
/// all the same.
fn said(before: &str) -> Option<Said> {
    let (role, key) = before.lines().find_map(|line| {
        KeyRole::ALL.into_iter().find_map(|role| Some((role, line.strip_prefix(role.key_line())?)))
    })?;
    Some(Said { role, key: key.parse().ok() })
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
