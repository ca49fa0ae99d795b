//! Who may vote: the right by which a key is registered, and the registrars' signatures that admit and withdraw voters.

use bincode::{Decode, Encode};

use crate::keys::{self, PublicKey, Signature, SignatureError};
use crate::units::{Difficulty, ElectionId};

/// Most registrars that an election can have: so many signatures fit into one transaction.
pub const REGISTRARS_MAX: usize = 16;
/// Highest `registration_bits`: minutes of one core per voter.
pub const REGISTRATION_BITS_MAX: u8 = 32;
/// Highest `max_voters`: their table takes some 2 GB of a peer's memory; a higher number is taken
/// for a typing error.
pub const VOTERS_MAX: u32 = 10_000_000;

/// By what right voters are registered in an election.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum AdmissionRule {
    /// Anybody may register any number of keys, each by a stamp.
    Open {
        /// Base-2 logarithm of the expected attempts per stamp.
        registration_bits: u8,
        /// Most voters that a chain can have.
        max_voters: Option<u32>,
    },
    /// `threshold` of the registrars sign each admission, and each withdrawal.
    Registrars {
        /// Who may sign, 1 to [`REGISTRARS_MAX`], in the order of the ballot.
        registrars: Vec<Registrar>,
        /// How many signatures an admission or a withdrawal needs: 1 to the number of registrars.
        threshold: u8,
    },
}

/// Somebody who may admit voters.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Registrar {
    /// The name that people know the registrar by.
    pub name: String,
    /// The key that the registrar signs with.
    pub key: PublicKey,
}

/// The signatures under an admission or a withdrawal. They sign the transaction's id.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct RegistrarSignatures {
    /// The ElectionId's first 8 bytes, so that what was meant for another election can be told from a forgery.
    pub election: [u8; 8],
    /// A bit for each registrar that signed; the ballot's first is the lowest.
    pub registrars: u16,
    /// Theirs, in the ballot's order.
    pub signatures: Vec<Signature>,
}

/// Why registrars' signatures can't be those that an election asks for, whatever they sign.
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
    /// The number of registrars that are named differs from the number of signatures.
    #[error("it names {named} registrars for {signatures} signatures")]
    Miscounted { named: u32, signatures: usize },
    /// The ballot has fewer registrars than the highest one that is named.
    #[error("it names registrar {number}; the election has {registrars}")]
    UnknownRegistrar { number: u32, registrars: usize },
}

impl AdmissionRule {
    /// Base-2 logarithm of the expected attempts per stamp; `None` where registrars admit.
    #[must_use]
    pub fn registration_bits(&self) -> Option<u8> {
        match self {
            Self::Open { registration_bits, .. } => Some(*registration_bits),
            Self::Registrars { .. } => None,
        }
    }

    /// Expected attempts per stamp; `None` where registrars admit.
    #[must_use]
    pub fn stamp_difficulty(&self) -> Option<Difficulty> {
        self.registration_bits().map(Difficulty::from_bits)
    }

    /// Most voters that a chain can have.
    #[must_use]
    pub fn max_voters(&self) -> Option<u32> {
        match self {
            Self::Open { max_voters, .. } => *max_voters,
            Self::Registrars { .. } => None,
        }
    }

    /// Whoever may admit, in the ballot's order; nobody where anybody may register.
    #[must_use]
    pub fn registrars(&self) -> &[Registrar] {
        match self {
            Self::Open { .. } => &[],
            Self::Registrars { registrars, .. } => registrars,
        }
    }

    /// Signatures that an admission needs; 0 where anybody may register.
    #[must_use]
    pub fn threshold(&self) -> u8 {
        match self {
            Self::Open { .. } => 0,
            Self::Registrars { threshold, .. } => *threshold,
        }
    }
}

impl RegistrarSignatures {
    /// Signatures of registrars, each with its place in the ballot counted from 0, in any order.
    #[must_use]
    pub fn new(election: &ElectionId, mut signed: Vec<(usize, Signature)>) -> Self {
        signed.sort_by_key(|(place, _)| *place);
        Self {
            election: election.prefix(),
            registrars: signed.iter().fold(0, |bits, (place, _)| bits | 1 << place),
            signatures: signed.into_iter().map(|(_, signature)| signature).collect(),
        }
    }

    /// The places in the ballot of those that signed, rising.
    pub fn registrar_indexes(&self) -> impl Iterator<Item = usize> {
        (0..REGISTRARS_MAX).filter(|place| self.registrars & 1 << place != 0)
    }

    /// Whether they are as many as the election asks for, of registrars that it has.
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

    /// Whether each signature over `digest` is that of the registrar it is said to be of. Costs about 50 µs each; the
    /// first that is not ends it. Expects [`check_structure`](Self::check_structure) to hold.
    ///
    /// # Errors
    /// See [`SignatureError`]; registrars are numbered from 1 there.
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

    /// Says whose the signature at a registrar's place is.
    fn true_signer(
        &self,
        digest: &[u8; 32],
        signature: &Signature,
        registrars: &[Registrar],
        place: usize,
    ) -> SignatureError {
        let registrar = number(place);
        // Recovered once, however many registrars there are: whoever forges should not make others work.
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

/// Registrars as people count them.
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
