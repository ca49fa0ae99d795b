//! The rows of the table of finality: one for each kind of record, and of evidence one for each validator.
//!
//! A validator that reads an older record of its own than it wrote could sign twice. So nothing here is ever looked for
//! outside the table's own tree, and a database that was mended has no record of a validator any more.

use bincode::{Decode, Encode};
use protocol::codec;
use protocol::datagram::RunNumber;
use protocol::finality::{BlockReference, Certificate, Evidence, Prepare};
use protocol::units::UnixMillis;

use super::database::StoreFault;
use super::rows::{FINALITY, bad_row, unseal};
use node::{FinalityRecord, SeenCertificate, ValidatorRecord, WitnessedClose};

const VALIDATOR: u8 = 0;
const CERTIFICATE: u8 = 1;
const CLOSING_CERTIFICATE: u8 = 2;
const JUSTIFICATION: u8 = 3;
const LOCK_JUSTIFICATION: u8 = 4;
const EVIDENCE: u8 = 5;
const WITNESSED_CLOSE: u8 = 6;

/// What a validator has signed: target and source of its newest PREPARE, the block of its newest COMMIT, its run.
type OfValidator = (Option<(BlockReference, BlockReference)>, Option<BlockReference>, RunNumber);

/// The key of a record's row: its kind, and for evidence the validator's place, big-endian.
pub(super) fn key(record: &FinalityRecord) -> Vec<u8> {
    match record {
        FinalityRecord::Validator(_) => vec![VALIDATOR],
        FinalityRecord::Certificate(_) => vec![CERTIFICATE],
        FinalityRecord::ClosingCertificate(_) => vec![CLOSING_CERTIFICATE],
        FinalityRecord::Justification(_) => vec![JUSTIFICATION],
        FinalityRecord::LockJustification(_) => vec![LOCK_JUSTIFICATION],
        FinalityRecord::Evidence(evidence) => {
            let [high, low] = evidence.first.validator().to_be_bytes();
            vec![EVIDENCE, high, low]
        }
        FinalityRecord::WitnessedClose(_) => vec![WITNESSED_CLOSE],
    }
}

/// The content of a record's row.
pub(super) fn content(record: &FinalityRecord) -> Vec<u8> {
    match record {
        FinalityRecord::Validator(ValidatorRecord { prepared, committed, run }) => {
            encode(&(prepared, committed, run))
        }
        FinalityRecord::Certificate(seen) | FinalityRecord::ClosingCertificate(seen) => {
            encode(&(&seen.certificate, seen.seen_at))
        }
        FinalityRecord::Justification(prepares) | FinalityRecord::LockJustification(prepares) => {
            encode(prepares)
        }
        FinalityRecord::Evidence(evidence) => encode(evidence),
        FinalityRecord::WitnessedClose(WitnessedClose { closing, seen_at, is_witnessed }) => {
            encode(&(closing, seen_at, is_witnessed))
        }
    }
}

/// Reads a row back.
pub(super) fn decode(key: &[u8], value: &[u8]) -> Result<FinalityRecord, StoreFault> {
    let content = unseal(FINALITY, key, value)?;
    let record = match key {
        [VALIDATOR] => {
            let (prepared, committed, run): OfValidator = part(key, content)?;
            FinalityRecord::Validator(ValidatorRecord { prepared, committed, run })
        }
        [CERTIFICATE] => FinalityRecord::Certificate(seen(key, content)?),
        [CLOSING_CERTIFICATE] => FinalityRecord::ClosingCertificate(seen(key, content)?),
        [JUSTIFICATION] => FinalityRecord::Justification(part::<Vec<Prepare>>(key, content)?),
        [LOCK_JUSTIFICATION] => FinalityRecord::LockJustification(part(key, content)?),
        [EVIDENCE, ..] => FinalityRecord::Evidence(part::<Evidence>(key, content)?),
        [WITNESSED_CLOSE] => {
            let (closing, seen_at, is_witnessed) = part(key, content)?;
            FinalityRecord::WitnessedClose(WitnessedClose { closing, seen_at, is_witnessed })
        }
        _ => return Err(bad_row(FINALITY, key, "its kind is not known")),
    };
    match self::key(&record) == key {
        true => Ok(record),
        false => Err(bad_row(FINALITY, key, "it is of another validator than its key")),
    }
}

/// Whether a record survives the mending of a damaged database. That of a validator does not: it may be an older one.
pub(super) fn is_kept_by_mending(record: &FinalityRecord) -> bool {
    match record {
        FinalityRecord::Validator(_) => false,
        FinalityRecord::Certificate(_)
        | FinalityRecord::ClosingCertificate(_)
        | FinalityRecord::Justification(_)
        | FinalityRecord::LockJustification(_)
        | FinalityRecord::Evidence(_)
        | FinalityRecord::WitnessedClose(_) => true,
    }
}

/// What the tally of the table counts: the key of a row, and its value, so that an older one of the same key is
/// noticed.
pub(super) fn mark(key: &[u8], value: &[u8]) -> Vec<u8> {
    [key, value].concat()
}

fn seen(key: &[u8], content: &[u8]) -> Result<SeenCertificate, StoreFault> {
    let (certificate, seen_at): (Certificate, UnixMillis) = part(key, content)?;
    Ok(SeenCertificate { certificate, seen_at })
}

fn part<T: Decode<()>>(key: &[u8], content: &[u8]) -> Result<T, StoreFault> {
    codec::decode(content).map_err(|error| bad_row(FINALITY, key, &error.to_string()))
}

fn encode(value: &impl Encode) -> Vec<u8> {
    codec::encode(value)
}

#[cfg(test)]
pub(super) mod tests {
    use protocol::finality::FinalityVote;
    use protocol::keys::Signature;
    use protocol::units::{BlockHash, Height};

    use super::*;

    /// Some record, as a number says.
    pub(in crate::store) fn record(number: u8) -> FinalityRecord {
        let block = BlockReference { height: Height(number.into()), hash: BlockHash([number; 32]) };
        let source = BlockReference { height: Height(0), ..block };
        let signature = Signature([number; 65]);
        let prepare = Prepare { validator: 1, target: block, source, signature };
        let certificate = Certificate { block, signatures: vec![(0, signature), (2, signature)] };
        let seen_at = UnixMillis(number.into());
        let seen = SeenCertificate { certificate, seen_at };
        match number % 7 {
            0 => FinalityRecord::Validator(ValidatorRecord {
                prepared: (number > 20).then_some((block, source)),
                committed: (number > 30).then_some(block),
                run: RunNumber([number; 8]),
            }),
            1 => FinalityRecord::Certificate(seen),
            2 => FinalityRecord::ClosingCertificate(seen),
            3 => FinalityRecord::Justification(vec![prepare; 3]),
            4 => FinalityRecord::LockJustification(vec![prepare]),
            5 => {
                let of = |hash| Prepare {
                    validator: u16::from(number % 4),
                    target: BlockReference { hash: BlockHash([hash; 32]), ..block },
                    ..prepare.clone()
                };
                let first = FinalityVote::Prepare(of(1));
                FinalityRecord::Evidence(Evidence { first, second: FinalityVote::Prepare(of(2)) })
            }
            _ => {
                let is_witnessed = number > 40;
                FinalityRecord::WitnessedClose(WitnessedClose {
                    closing: block,
                    seen_at,
                    is_witnessed,
                })
            }
        }
    }

    #[test]
    fn every_record_reads_back_from_its_row_and_from_no_other() {
        for number in 0..60 {
            let record = record(number);
            let (key, content) = (key(&record), content(&record));
            let value = super::super::rows::seal(FINALITY, &key, &content);
            assert_eq!(decode(&key, &value).expect("whole"), record);
            for other in 0..60u8 {
                let other = super::key(&self::record(other));
                assert!(other == key || decode(&other, &value).is_err(), "{other:?}");
            }
        }
    }

    /// Made by hand, as docs/PROTOCOL.md lays it out.
    #[test]
    fn the_bytes_of_a_validators_row_stay_what_they_are() {
        let block = |number| BlockReference { height: Height(number), hash: BlockHash([9; 32]) };
        let record = FinalityRecord::Validator(ValidatorRecord {
            prepared: Some((block(3), block(1))),
            committed: None,
            run: RunNumber([7; 8]),
        });
        let hash = "09".repeat(32);
        let golden = format!("010300000000000000{hash}0100000000000000{hash}000707070707070707");
        assert_eq!((key(&record), hex::encode(content(&record))), (vec![0], golden));
    }
}
