//! Reads and writes receipts as files: one JSON object, which a web page or a script can check as well.

use std::path::{Path, PathBuf};

use chain::check_certificate;
use protocol::block::{HEADER_BYTES, Header};
use protocol::codec;
use protocol::election::Election;
use protocol::merkle::Proof;
use protocol::receipt::{FinalityProof, RECEIPT_HEADERS_MAX, Receipt};
use serde_json::Value;

use crate::schema::{self, RECEIPT_FORMAT, RECEIPT_FORMAT_PLAIN};
use host::files::{self, FileError, ReadError};
use host::whole_file::{self, Existing, FileMode, WholeFileError};

/// The longest file that is read. As many headers as a receipt may have take about 3.2 MB of it, and all else little.
const FILE_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// The reason why a receipt can't be written or read.
#[derive(Debug, thiserror::Error)]
pub enum ReceiptFileError {
    #[error("{path} is there already: name another file", path = path.display())]
    Exists { path: PathBuf },
    #[error(transparent)]
    File(#[from] FileError),
    #[error("{path} is no receipt: {reason}", path = path.display())]
    NotAReceipt { path: PathBuf, reason: String },
    #[error("{path} is a receipt of format {found}; this program knows {RECEIPT_FORMAT}: update it", path = path.display())]
    NewerFormat { path: PathBuf, found: u64 },
}

/// Checks what a receipt says of its block being final, if it says that.
///
/// # Errors
/// Why that proves nothing.
pub(crate) fn check_finality(receipt: &Receipt, election: &Election) -> Result<(), String> {
    let Some(proof) = &receipt.finality else { return Ok(()) };
    proof.check_headers(&receipt.header).map_err(|error| error.to_string())?;
    check_certificate(&proof.certificate, election, &receipt.election)
        .map_err(|error| format!("its certificate breaks the rule {}: {error}", error.rule()))
}

/// Writes a receipt to a new file.
///
/// # Errors
/// When the file exists already, or when the disk fails.
pub(crate) fn write(path: &Path, receipt: &Receipt) -> Result<(), ReceiptFileError> {
    let mut text =
        serde_json::to_string_pretty(&schema::Receipt::from(receipt)).expect("all keys are texts");
    text.push('\n');
    // The file says who voted for what, so the voter decides who else may read it.
    match whole_file::write(path, text.as_bytes(), Existing::Keep, FileMode::Private) {
        Err(WholeFileError::Exists { path }) => Err(ReceiptFileError::Exists { path }),
        Err(WholeFileError::File(error)) => Err(error.into()),
        Ok(()) => Ok(()),
    }
}

/// Reads a receipt without checking whether it is valid.
///
/// # Errors
/// When the file can't be read, or is not a receipt of a known format.
pub(crate) fn read(path: &Path) -> Result<Receipt, ReceiptFileError> {
    let refused = |reason: &str| ReceiptFileError::NotAReceipt {
        path: path.to_owned(),
        reason: reason.to_owned(),
    };
    let text = match files::read_text(path, FILE_BYTES_MAX) {
        Err(ReadError::TooLong { bytes_max, .. }) => {
            return Err(refused(&format!("it has over {bytes_max} bytes")));
        }
        Err(ReadError::File(error)) => return Err(error.into()),
        Ok(text) => text,
    };
    let value: Value = serde_json::from_str(&text)
        .map_err(|error| refused(&format!("line {} is no JSON", error.line().max(1))))?;
    match value["receipt"].as_u64() {
        Some(RECEIPT_FORMAT_PLAIN | RECEIPT_FORMAT) => {}
        Some(found) if found > RECEIPT_FORMAT => {
            return Err(ReceiptFileError::NewerFormat { path: path.to_owned(), found });
        }
        Some(_) | None => return Err(refused("its \"receipt\" is neither 1 nor 2")),
    }
    from_json(&value).map_err(|key| refused(&format!("its {key:?} is missing or malformed")))
}

/// Reads a receipt from the JSON of a file or of a peer, without checking whether it is valid.
///
/// # Errors
/// The key of what is missing or malformed.
pub(crate) fn from_json(value: &Value) -> Result<Receipt, &'static str> {
    let text = |key: &'static str| value[key].as_str().ok_or(key);
    let number = |key: &'static str| {
        value[key].as_u64().and_then(|number| u32::try_from(number).ok()).ok_or(key)
    };
    let transaction = hex::decode(text("transaction")?).map_err(|_| "transaction")?;
    let path = value["path"].as_array().ok_or("path")?;
    let siblings = path.iter().map(|each| {
        let mut sibling = [0; 32];
        hex::decode_to_slice(each.as_str().ok_or("path")?, &mut sibling).map_err(|_| "path")?;
        Ok(sibling)
    });
    Ok(Receipt {
        election: text("election")?.parse().map_err(|_| "election")?,
        transaction: codec::decode(&transaction).map_err(|_| "transaction")?,
        header: header_of(&value["header"]).ok_or("header")?,
        proof: Proof {
            place: number("place")?,
            leaves: number("transactions")?,
            siblings: siblings.collect::<Result<_, &'static str>>()?,
        },
        finality: match value["receipt"].as_u64() {
            Some(RECEIPT_FORMAT) => Some(finality_from_json(value)?),
            Some(_) | None => None,
        },
    })
}

fn finality_from_json(value: &Value) -> Result<FinalityProof, &'static str> {
    let certificate = value["certificate"].as_str().ok_or("certificate")?;
    let certificate = hex::decode(certificate).map_err(|_| "certificate")?;
    let headers = value["headers"].as_array().ok_or("headers")?;
    if headers.len() > RECEIPT_HEADERS_MAX {
        return Err("headers");
    }
    Ok(FinalityProof {
        certificate: codec::decode(&certificate).map_err(|_| "certificate")?,
        headers: headers
            .iter()
            .map(|each| header_of(each).ok_or("headers"))
            .collect::<Result<_, _>>()?,
    })
}

fn header_of(value: &Value) -> Option<Header> {
    let mut bytes = [0; HEADER_BYTES];
    hex::decode_to_slice(value.as_str()?, &mut bytes).ok()?;
    Header::from_bytes(&bytes)
}

#[cfg(test)]
mod tests {
    use protocol::admission::AdmissionRule;
    use protocol::block::Block;
    use protocol::units::{BlockHash, Difficulty, Height, UnixMillis};

    use super::*;
    use chain::fixtures::{id, registration, vote};

    fn receipt() -> Receipt {
        let transactions = vec![registration(0), vote(0, vec![vec![1]]), registration(1)];
        let header = Header {
            previous: BlockHash([1; 32]),
            merkle_root: protocol::block::merkle_root(&transactions),
            height: Height(3),
            time: UnixMillis(4),
            difficulty: Difficulty::from_bits(0),
            nonce: 6,
        };
        Receipt::new(&Block { header, transactions }, 1, &id()).expect("there are three")
    }

    fn certified() -> Receipt {
        let signature = protocol::keys::Signature([7; 65]);
        let block =
            protocol::finality::BlockReference { height: Height(4), hash: BlockHash([2; 32]) };
        let certificate =
            protocol::finality::Certificate { block, signatures: vec![(0, signature)] };
        let headers = vec![receipt().header; 2];
        Receipt { finality: Some(FinalityProof { headers, certificate }), ..receipt() }
    }

    #[test]
    fn a_receipt_with_a_certificate_reads_back_up_to_a_number_of_headers() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("receipt.json");
        write(&path, &certified()).expect("there is room");
        assert_eq!(read(&path).expect("it is a receipt"), certified());
        let mut longest = certified();
        let finality = longest.finality.as_mut().expect("it has a certificate");
        finality.headers = vec![receipt().header; RECEIPT_HEADERS_MAX];
        let path = directory.path().join("longest.json");
        write(&path, &longest).expect("there is room");
        assert_eq!(read(&path).expect("it is a receipt"), longest);
        let finality = longest.finality.as_mut().expect("it has a certificate");
        finality.headers.push(receipt().header);
        let value = serde_json::to_value(schema::Receipt::from(&longest)).expect("plain data");
        assert_eq!(from_json(&value), Err("headers"));
    }

    #[test]
    fn a_receipt_reads_back_and_never_replaces_a_file() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("receipt.json");
        write(&path, &receipt()).expect("there is room");
        #[cfg(unix)]
        {
            let metadata = std::fs::metadata(&path).expect("it is there");
            let mode = std::os::unix::fs::PermissionsExt::mode(&metadata.permissions());
            assert_eq!(mode & 0o7777, 0o600);
        }
        let found = read(&path).expect("it is a receipt");
        assert_eq!(found, receipt());
        let rule = AdmissionRule::Open { registration_bits: 0, max_voters: None };
        assert!(found.check(&rule).is_ok());
        assert!(matches!(write(&path, &receipt()), Err(ReceiptFileError::Exists { .. })));
    }

    #[test]
    fn a_file_is_as_long_as_it_may_be_and_no_longer() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("receipt.json");
        let text = serde_json::to_string(&schema::Receipt::from(&receipt())).expect("plain data");
        let width = usize::try_from(FILE_BYTES_MAX).expect("it is small");
        let text = text.clone() + &" ".repeat(width - text.len());
        std::fs::write(&path, &text).expect("there is room");
        assert_eq!(read(&path).expect("it is a receipt"), receipt());
        // What stands behind the limit is not passed over in silence.
        std::fs::write(&path, text + "x").expect("there is room");
        let refused = read(&path).expect_err("it is too long").to_string();
        assert!(refused.contains("has over 4194304 bytes"), "{refused}");
    }

    #[test]
    fn what_is_missing_is_named() {
        for key in ["election", "transaction", "header", "place", "transactions", "path"] {
            let whole = schema::Receipt::from(&receipt());
            let mut value = serde_json::to_value(whole).expect("all keys are texts");
            value[key] = Value::Null;
            assert_eq!(from_json(&value), Err(key));
        }
        for key in ["headers", "certificate"] {
            let whole = schema::Receipt::from(&certified());
            let mut value = serde_json::to_value(whole).expect("all keys are texts");
            value[key] = Value::Null;
            assert_eq!(from_json(&value), Err(key));
        }
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("receipt.json");
        for (text, part) in
            [("{}", "is neither 1 nor 2"), ("x", "no receipt"), ("{\"receipt\": 3}", "format 3")]
        {
            std::fs::write(&path, text).expect("there is room");
            let error = read(&path).expect_err(text).to_string();
            assert!(error.contains(part), "{error}");
        }
    }
}
