//! The admission rule: by what right a key is registered as a voter, and the registrars' signatures
//! that admit and withdraw voters.

use bincode::{Decode, Encode};

use crate::keys::{self, PublicKey, Signature, SignatureError};
use crate::units::{Difficulty, ElectionId};

/// The most registrars that an election can have. This many signatures fit into one transaction.
pub const REGISTRARS_MAX: usize = 16;
/// The highest `registration_bits`. At this value each registration takes one core several minutes.
pub const REGISTRATION_BITS_MAX: u8 = 32;
/// The highest `max_voters`. The table of this many voters takes about 2 GB of a peer's memory, and
/// a higher number is assumed to be a typing error.
pub const VOTERS_MAX: u32 = 10_000_000;

/// The right by which voters are registered in an election.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum AdmissionRule {
    /// Anybody may register any number of keys, each with a stamp that takes work to find.
    Open {
        /// The base-2 logarithm of the expected number of attempts per stamp.
        registration_bits: u8,
        /// The most voters that a chain can have.
        max_voters: Option<u32>,
    },
    /// Each admission and each withdrawal is signed by `threshold` of the registrars.
    Registrars {
        /// The registrars, 1 to [`REGISTRARS_MAX`], in the order of the ballot.
        registrars: Vec<Registrar>,
        /// The number of signatures that an admission or a withdrawal needs, from 1 to the number
        /// of registrars.
        threshold: u8,
    },
}

/// A person or body that may admit voters.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Registrar {
    /// The name by which people know the registrar.
    pub name: String,
    /// The key with which the registrar signs.
    pub key: PublicKey,
}

/// The signatures of an admission or a withdrawal. They sign the transaction's id.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct RegistrarSignatures {
    /// The first 8 bytes of the ElectionId. They allow signatures that were made for another
    /// election to be told apart from forged ones.
    pub election: [u8; 8],
    /// One bit for each registrar that signed. The lowest bit belongs to the first registrar of the
    /// ballot.
    pub registrars: u16,
    /// Their signatures, in the order of the ballot.
    pub signatures: Vec<Signature>,
}

/// The reason why registrars' signatures can't be those that an election requires, whatever they
/// sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the fields are the values that the message shows")]
pub enum RegistrarsError {
    /// The signatures were made for another election.
    #[error(
        "the registrars signed for the election that begins with {}, not for this one",
        hex::encode(found)
    )]
    WrongElection { found: [u8; 8] },
    /// There are fewer or more signatures than the threshold.
    #[error(
        "it bears {found} of the {expected} registrars' signatures that this election asks for"
    )]
    SignatureCount { found: usize, expected: u8 },
    /// The number of registrars that are marked differs from the number of signatures.
    #[error("it names {named} registrars for {signatures} signatures")]
    Miscounted { named: u32, signatures: usize },
    /// A registrar is marked that the ballot does not have.
    #[error("it names registrar {number}; the election has {registrars}")]
    UnknownRegistrar { number: u32, registrars: usize },
}

impl AdmissionRule {
    /// The base-2 logarithm of the expected number of attempts per stamp; `None` if registrars
    /// admit voters.
    #[must_use]
    pub fn registration_bits(&self) -> Option<u8> {
        match self {
            Self::Open { registration_bits, .. } => Some(*registration_bits),
            Self::Registrars { .. } => None,
        }
    }

    /// The expected number of attempts per stamp; `None` if registrars admit voters.
    #[must_use]
    pub fn stamp_difficulty(&self) -> Option<Difficulty> {
        self.registration_bits().map(Difficulty::from_bits)
    }

    /// The most voters that a chain can have.
    #[must_use]
    pub fn max_voters(&self) -> Option<u32> {
        match self {
            Self::Open { max_voters, .. } => *max_voters,
            Self::Registrars { .. } => None,
        }
    }

    /// The registrars in the order of the ballot; empty if anybody may register.
    #[must_use]
    pub fn registrars(&self) -> &[Registrar] {
        match self {
            Self::Open { .. } => &[],
            Self::Registrars { registrars, .. } => registrars,
        }
    }

    /// The number of signatures that an admission needs; 0 if anybody may register.
    #[must_use]
    pub fn threshold(&self) -> u8 {
        match self {
            Self::Open { .. } => 0,
            Self::Registrars { threshold, .. } => *threshold,
        }
    }
}

impl RegistrarSignatures {
    /// Makes the signatures of registrars. Each comes with the registrar's position in the ballot,
    /// counted from 0; the order does not matter.
    #[must_use]
    pub fn new(election: &ElectionId, mut signed: Vec<(usize, Signature)>) -> Self {
        signed.sort_by_key(|(place, _)| *place);
        Self {
            election: election.prefix(),
            registrars: signed.iter().fold(0, |bits, (place, _)| bits | 1 << place),
            signatures: signed.into_iter().map(|(_, signature)| signature).collect(),
        }
    }

    /// The positions in the ballot of the registrars that signed, in ascending order.
    pub fn registrar_indexes(&self) -> impl Iterator<Item = usize> {
        (0..REGISTRARS_MAX).filter(|place| self.registrars & 1 << place != 0)
    }

    /// Checks that there are as many signatures as the election requires, and that they belong to
    /// registrars that it has.
    ///
    /// # Errors
    /// See [`RegistrarsError`].
    pub fn check_structure(
        &self,
        election: &ElectionId,
        rule: &AdmissionRule,
    ) -> Result<(), RegistrarsError> {
        if self.election != election.prefix() {
            return Err(RegistrarsError::WrongElection { found: self.election });
        }
        let (found, expected) = (self.signatures.len(), rule.threshold());
        if found != usize::from(expected) {
            return Err(RegistrarsError::SignatureCount { found, expected });
        }
        let named = self.registrars.count_ones();
        if named as usize != found {
            return Err(RegistrarsError::Miscounted { named, signatures: found });
        }
        let (number, registrars) = (u16::BITS - self.registrars.leading_zeros(), rule.registrars());
        if number as usize > registrars.len() {
            return Err(RegistrarsError::UnknownRegistrar { number, registrars: registrars.len() });
        }
        Ok(())
    }

    /// Checks that each signature over `digest` was made by the registrar to whom it is attributed.
    /// Each takes about 50 µs, and the first invalid one ends the check.
    /// [`check_structure`](Self::check_structure) must have succeeded before.
    ///
    /// # Errors
    /// See [`SignatureError`], in which registrars are numbered from 1.
    pub fn check(&self, digest: &[u8; 32], rule: &AdmissionRule) -> Result<(), SignatureError> {
        let registrars = rule.registrars();
        for (place, signature) in self.registrar_indexes().zip(&self.signatures) {
            let registrar = number(place);
            let Some(Registrar { key, .. }) = registrars.get(place) else {
                return Err(SignatureError::NotARegistrar { registrar });
            };
            match keys::check_signature(digest, signature, &key.voter()) {
                Ok(()) => {}
                Err(SignatureError::WrongSigner { .. }) => {
                    return Err(self.true_signer(digest, signature, registrars, place));
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Finds out who really made the signature that is attributed to a registrar.
    fn true_signer(
        &self,
        digest: &[u8; 32],
        signature: &Signature,
        registrars: &[Registrar],
        place: usize,
    ) -> SignatureError {
        let registrar = number(place);
        // The signer is recovered only once, however many registrars there are, so that a forger
        // cannot make others do a lot of work.
        let signer = keys::recover_signer(digest, signature).ok().flatten();
        let is_signer = |each: &Registrar| signer == Some(each.key.voter());
        match registrars.iter().position(is_signer) {
            Some(signer) if self.registrar_indexes().any(|named| named == signer) => {
                SignatureError::RegistrarTwice { registrar: number(signer) }
            }
            Some(signer) => SignatureError::OtherRegistrar { registrar, signer: number(signer) },
            None => SignatureError::NotARegistrar { registrar },
        }
    }
}

/// The number of a registrar, counted from 1 as people do.
fn number(place: usize) -> u8 {
    u8::try_from(place + 1).expect("at most REGISTRARS_MAX")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec;
    use crate::keys::VoterKey;
    use crate::transaction::{TRANSACTION_BYTES_MAX, Transaction};

    const ELECTION: ElectionId = ElectionId([1; 32]);
    const DIGEST: [u8; 32] = [5; 32];

    fn key(place: usize) -> VoterKey {
        let secret = [u8::try_from(place + 1).expect("a few registrars"); 32];
        VoterKey::from_secret_bytes(&secret).expect("a secret key")
    }

    fn rule(count: usize, threshold: u8) -> AdmissionRule {
        let registrar = |place| Registrar { name: place_name(place), key: key(place).public() };
        AdmissionRule::Registrars { registrars: (0..count).map(registrar).collect(), threshold }
    }

    fn place_name(place: usize) -> String {
        format!("Registrar {}", place + 1)
    }

    /// Signatures at places, each by the registrar that follows.
    fn signed(pairs: &[(usize, usize)]) -> RegistrarSignatures {
        let signatures = pairs.iter().map(|(place, signer)| (*place, key(*signer).sign(&DIGEST)));
        RegistrarSignatures::new(&ELECTION, signatures.collect())
    }

    fn structure(signatures: &RegistrarSignatures) -> Result<(), RegistrarsError> {
        signatures.check_structure(&ELECTION, &rule(3, 2))
    }

    #[test]
    fn the_threshold_of_registrars_is_enough_in_any_order() {
        for pairs in [[(0, 0), (1, 1)], [(2, 2), (0, 0)], [(2, 2), (1, 1)]] {
            let signatures = signed(&pairs);
            assert_eq!(structure(&signatures), Ok(()));
            assert_eq!(signatures.check(&DIGEST, &rule(3, 2)), Ok(()));
        }
    }

    #[test]
    fn what_can_not_be_the_elections_is_told_without_its_signatures() {
        let good = signed(&[(0, 0), (2, 2)]);
        let found = [2; 8];
        let foreign = RegistrarSignatures { election: found, ..good.clone() };
        assert_eq!(structure(&foreign), Err(RegistrarsError::WrongElection { found }));
        let count = |found| Err(RegistrarsError::SignatureCount { found, expected: 2 });
        assert_eq!(structure(&signed(&[(0, 0)])), count(1));
        assert_eq!(structure(&signed(&[(0, 0), (1, 1), (2, 2)])), count(3));
        assert_eq!(structure(&signed(&[])), count(0));
        let miscounted = RegistrarSignatures { registrars: 0b111, ..good.clone() };
        let error = RegistrarsError::Miscounted { named: 3, signatures: 2 };
        assert_eq!(structure(&miscounted), Err(error));
        let unknown = RegistrarSignatures { registrars: 0b1001, ..good };
        let error = RegistrarsError::UnknownRegistrar { number: 4, registrars: 3 };
        assert_eq!(structure(&unknown), Err(error));
    }

    #[test]
    fn whose_a_wrong_signature_is_is_told() {
        let checked = |pairs: &[(usize, usize)]| signed(pairs).check(&DIGEST, &rule(3, 2));
        let twice = SignatureError::RegistrarTwice { registrar: 1 };
        assert_eq!(checked(&[(0, 0), (1, 0)]), Err(twice));
        let other = SignatureError::OtherRegistrar { registrar: 2, signer: 3 };
        assert_eq!(checked(&[(0, 0), (1, 2)]), Err(other));
        let nobody = SignatureError::NotARegistrar { registrar: 2 };
        assert_eq!(checked(&[(0, 0), (1, 7)]), Err(nobody));
        let mut other_digest = DIGEST;
        other_digest[0] ^= 1;
        let moved = signed(&[(0, 0), (1, 1)]).check(&other_digest, &rule(3, 2));
        assert_eq!(moved, Err(SignatureError::NotARegistrar { registrar: 1 }));
    }

    #[test]
    fn so_many_signatures_as_an_election_can_ask_for_fit_into_a_transaction() {
        let pairs: Vec<_> = (0..REGISTRARS_MAX).map(|place| (place, place)).collect();
        let admission = Transaction::admission(key(99).public(), signed(&pairs));
        let bytes = codec::encode(&admission).len();
        assert_eq!(bytes, 1_099);
        assert!(bytes <= TRANSACTION_BYTES_MAX);
    }
}
