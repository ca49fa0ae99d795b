//! Voter keys and signatures: ECDSA on the curve secp256k1, with low s and the recovery bit.
//!
//! A signature is valid only if k256 accepts it *and* its recovery bit leads back to the signer's key. Without the
//! second condition, a check of single signatures and a check of batches could accept different sets.

use std::fmt;

use bincode::{Decode, Encode};
use k256::ecdsa::{RecoveryId, Signature as EcdsaSignature, SigningKey, VerifyingKey};
use zeroize::Zeroizing;

use crate::units::{VoterId, sha256};

/// A compressed public key on secp256k1, as it is contained in a registration. Whether it is a
/// point of the curve has not been checked.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Encode, Decode)]
pub struct PublicKey(pub [u8; 33]);

impl PublicKey {
    /// The voter to whom this key belongs.
    #[must_use]
    pub fn voter(&self) -> VoterId {
        VoterId(sha256(&[&self.0]))
    }
}

/// Programs are given a key as its 66 hexadecimal digits.
impl fmt::Display for PublicKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "PublicKey({})", hex::encode(self.0))
    }
}

/// The numbers r and s, 32 bytes each and big-endian, followed by the recovery bit (0 or 1).
#[derive(Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct Signature(pub [u8; 65]);

impl fmt::Debug for Signature {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Signature({}…)", hex::encode(&self.0[..8]))
    }
}

/// The reason why a signature is not valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the fields are the values that the message shows")]
pub enum SignatureError {
    /// The public key is not a point of the curve.
    #[error("the voter key is not a compressed point of secp256k1")]
    BadKey,
    /// r or s is 0, or not below the order of the curve.
    #[error("the signature's numbers are out of range")]
    OutOfRange,
    /// s is above half of the curve's order. Such a signature is the twin of a valid one, and would
    /// change the leaf hash of its transaction.
    #[error("the signature's s is in the upper half: only the lower one is allowed")]
    HighS,
    /// The last byte is neither 0 nor 1.
    #[error("the recovery bit is {bit}: it must be 0 or 1")]
    BadRecoveryBit { bit: u8 },
    /// The signature would be valid with the other recovery bit.
    #[error("the recovery bit does not lead back to the signer's key")]
    WrongRecoveryBit,
    /// Somebody else signed this, or the signature belongs to something else.
    #[error("the signature is not by voter {expected}")]
    WrongSigner { expected: VoterId },
    /// No registrar of the election made the signature at this registrar's place.
    #[error("the signature of registrar {registrar} is by none of the election's registrars")]
    NotARegistrar { registrar: u8 },
    /// A registrar's signature is given more than once.
    #[error("registrar {registrar} signed twice")]
    RegistrarTwice { registrar: u8 },
    /// Another registrar made the signature at this registrar's place.
    #[error("the signature of registrar {registrar} is by registrar {signer}")]
    OtherRegistrar { registrar: u8, signer: u8 },
}

/// A voter's secret key. Its `Debug` output shows only the voter, and the secret is wiped from
/// memory when the key is dropped.
#[derive(Clone)]
pub struct VoterKey(SigningKey);

/// The secret bytes are 0, or not below the order of the curve.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("these 32 bytes are not a secret key of secp256k1")]
pub struct SecretKeyError;

impl VoterKey {
    /// Makes a key from its 32 secret bytes, big-endian.
    ///
    /// # Errors
    /// When the bytes are 0 or not below the order of the curve, which happens to about one in
    /// 2^128 random keys.
    pub fn from_secret_bytes(secret: &[u8; 32]) -> Result<Self, SecretKeyError> {
        SigningKey::from_slice(secret).map(Self).map_err(|_| SecretKeyError)
    }

    /// The secret itself, which is needed to write the key file.
    #[must_use]
    pub fn secret_bytes(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.0.to_bytes().into())
    }

    /// The public key, which everybody may know.
    #[must_use]
    pub fn public(&self) -> PublicKey {
        public_key(self.0.verifying_key())
    }

    /// Signs a SHA-256 digest. The signature is deterministic (RFC 6979) and has a low s.
    #[must_use]
    pub fn sign(&self, digest: &[u8; 32]) -> Signature {
        let (signature, recovery) = self.0.sign_prehash_recoverable(digest);
        let mut bytes = [0; 65];
        bytes[..64].copy_from_slice(&signature.to_bytes());
        bytes[64] = recovery.to_byte();
        Signature(bytes)
    }
}

impl fmt::Debug for VoterKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "VoterKey({:?})", self.public().voter())
    }
}

/// Checks that the key whose hash is `voter` made `signature` over `digest`. This costs one
/// multiplication on the curve. The recovered key is the only one for which ECDSA's equation holds
/// with this point, so verifying the signature with it once more could only succeed (SEC 1, section
/// 4.1.6; a test compares the two).
///
/// # Errors
/// One for each cause; see [`SignatureError`].
pub fn check_signature(
    digest: &[u8; 32],
    signature: &Signature,
    voter: &VoterId,
) -> Result<(), SignatureError> {
    if recover_signer(digest, signature)? == Some(*voter) {
        return Ok(());
    }
    let mut flipped = *signature;
    flipped.0[64] ^= 1;
    if recover_signer(digest, &flipped)? == Some(*voter) {
        return Err(SignatureError::WrongRecoveryBit);
    }
    Err(SignatureError::WrongSigner { expected: *voter })
}

/// The voter who made a signature over a digest; `None` if it can be nobody's.
///
/// # Errors
/// When the signature does not have the one form that is accepted.
pub fn recover_signer(
    digest: &[u8; 32],
    signature: &Signature,
) -> Result<Option<VoterId>, SignatureError> {
    let (numbers, recovery) = split(signature)?;
    let key = VerifyingKey::recover_from_prehash(digest, &numbers, recovery);
    Ok(key.ok().map(|key| public_key(&key).voter()))
}

/// Checks that 33 bytes are the compressed form of a point.
///
/// # Errors
/// [`SignatureError::BadKey`] when they are not.
pub fn check_public_key(key: &PublicKey) -> Result<(), SignatureError> {
    let is_compressed = matches!(key.0[0], 2 | 3);
    let parsed = VerifyingKey::from_sec1_bytes(&key.0);
    if is_compressed && parsed.is_ok() { Ok(()) } else { Err(SignatureError::BadKey) }
}

fn split(signature: &Signature) -> Result<(EcdsaSignature, RecoveryId), SignatureError> {
    let numbers =
        EcdsaSignature::from_slice(&signature.0[..64]).map_err(|_| SignatureError::OutOfRange)?;
    if numbers.normalize_s() != numbers {
        return Err(SignatureError::HighS);
    }
    // A recovery value of 2 or 3 means that r was reduced by the order. That happens to one
    // signature in 2^127, and such signatures are refused.
    match signature.0[64] {
        bit @ (0 | 1) => Ok((numbers, RecoveryId::new(bit == 1, false))),
        bit => Err(SignatureError::BadRecoveryBit { bit }),
    }
}

fn public_key(key: &VerifyingKey) -> PublicKey {
    let point = key.to_sec1_point(true);
    PublicKey(point.as_bytes().try_into().expect("a compressed point has 33 bytes"))
}

#[cfg(test)]
mod tests {
    use k256::ecdsa::signature::hazmat::PrehashVerifier;
    use proptest::prelude::*;

    use super::*;

    const DIGEST: [u8; 32] = [5; 32];

    fn key(number: u8) -> VoterKey {
        VoterKey::from_secret_bytes(&[number; 32]).expect("a secret key")
    }

    /// n − s with the other recovery bit: the twin that ECDSA alone would accept.
    fn with_high_s(signature: &Signature) -> Signature {
        let numbers = EcdsaSignature::from_slice(&signature.0[..64]).expect("a signature");
        let high = EcdsaSignature::from_scalars(numbers.r().to_bytes(), (-numbers.s()).to_bytes())
            .expect("a signature");
        let mut bytes = [0; 65];
        bytes[..64].copy_from_slice(&high.to_bytes());
        bytes[64] = signature.0[64] ^ 1;
        Signature(bytes)
    }

    proptest! {
        /// Recovery finds the signer's key where verification by that key accepts, and nowhere else.
        #[test]
        fn recovery_accepts_what_verification_accepts(
            number in 1u8..255,
            digest: [u8; 32],
            place in 0usize..65,
            flips in prop::sample::select(vec![0u8, 1, 2, 128]),
        ) {
            let key = key(number);
            let mut signature = key.sign(&digest);
            signature.0[place] ^= flips;
            let accepts = split(&signature).is_ok_and(|(numbers, _)| {
                let public = VerifyingKey::from_sec1_bytes(&key.public().0).expect("a key");
                public.verify_prehash(&digest, &numbers).is_ok()
            });
            let found = check_signature(&digest, &signature, &key.public().voter());
            let bit_is_wrong = found == Err(SignatureError::WrongRecoveryBit);
            prop_assert_eq!(accepts, found == Ok(()) || bit_is_wrong);
            prop_assert_eq!(bit_is_wrong, accepts && place == 64 && flips == 1);
        }
    }

    #[test]
    fn a_signature_holds_for_its_signer_and_digest_alone() {
        let signature = key(1).sign(&DIGEST);
        let (one, two) = (key(1).public().voter(), key(2).public().voter());
        assert_eq!(check_signature(&DIGEST, &signature, &one), Ok(()));
        let wrong = SignatureError::WrongSigner { expected: two };
        assert_eq!(check_signature(&DIGEST, &signature, &two), Err(wrong));
        let wrong = SignatureError::WrongSigner { expected: one };
        assert_eq!(check_signature(&[6; 32], &signature, &one), Err(wrong));
    }

    #[test]
    fn the_malleable_twins_are_refused() {
        let voter = key(1).public().voter();
        let signature = key(1).sign(&DIGEST);
        let high = with_high_s(&signature);
        assert_eq!(check_signature(&DIGEST, &high, &voter), Err(SignatureError::HighS));
        let mut flipped = signature;
        flipped.0[64] ^= 1;
        assert_eq!(
            check_signature(&DIGEST, &flipped, &voter),
            Err(SignatureError::WrongRecoveryBit)
        );
        flipped.0[64] = 27;
        assert_eq!(
            check_signature(&DIGEST, &flipped, &voter),
            Err(SignatureError::BadRecoveryBit { bit: 27 })
        );
        assert_eq!(
            check_signature(&DIGEST, &Signature([0; 65]), &voter),
            Err(SignatureError::OutOfRange)
        );
    }

    #[test]
    fn only_compressed_points_are_keys() {
        assert_eq!(check_public_key(&key(3).public()), Ok(()));
        assert_eq!(check_public_key(&PublicKey([0; 33])), Err(SignatureError::BadKey));
        let mut off_curve = key(3).public();
        off_curve.0[0] = 5;
        assert_eq!(check_public_key(&off_curve), Err(SignatureError::BadKey));
    }

    #[test]
    fn debug_shows_no_secret() {
        let shown = format!("{:?}", key(9));
        assert!(!shown.contains(&hex::encode([9; 32])), "{shown}");
    }
}
