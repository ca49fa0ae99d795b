//! The command `peer check-evidence`, which tells what two signed votes prove against a validator. It takes the ballot
//! and nothing else: no peer, no record.

use std::path::Path;

use protocol::codec;
use protocol::finality::Evidence;
use serde_json::Value;

use super::OfflineError;
use crate::cli::CheckEvidence;
use crate::render::Style;
use crate::schema::{EvidenceProof, Reply};
use crate::store::local_election::read_ballot;
use host::files::{self, ReadError};

/// The longest file that is read. Evidence takes less than 600 hexadecimal digits; whoever exports it may put more
/// beside it.
const EVIDENCE_FILE_BYTES_MAX: u64 = 64 * 1024;

/// Prints what the evidence in a file proves. Returns whether it proves anything.
///
/// # Errors
/// When the file or the ballot can't be read, or the file holds no evidence.
pub fn check_evidence(command: &CheckEvidence) -> Result<bool, OfflineError> {
    let evidence = read(&command.file)?;
    let election = read_ballot(&command.ballot)?;
    let Some(roster) = election.roster() else {
        return Err(OfflineError::NoValidators { path: command.ballot.clone() });
    };
    let proof = EvidenceProof::of(&evidence, &election.election_id(), roster);
    let proves = proof.proves;
    let style = Style::of(command.format.json, false);
    style.print(&Reply::EvidenceProof(Box::new(proof)))?;
    Ok(proves)
}

/// Reads evidence: its hexadecimal digits, or a JSON object that has them as `evidence`, such as an event.
fn read(path: &Path) -> Result<Evidence, OfflineError> {
    let refused = |reason: &str| OfflineError::NoEvidence {
        path: path.to_owned(),
        reason: reason.to_owned(),
    };
    let text = match files::read_text(path, EVIDENCE_FILE_BYTES_MAX) {
        Err(ReadError::TooLong { bytes_max, .. }) => {
            return Err(refused(&format!("it has over {bytes_max} bytes")));
        }
        Err(ReadError::File(error)) => return Err(error.into()),
        Ok(text) => text,
    };
    let text = text.trim();
    let digits = match text.starts_with('{') {
        false => text.to_owned(),
        true => {
            let value: Value = serde_json::from_str(text)
                .map_err(|error| refused(&format!("line {} is no JSON", error.line().max(1))))?;
            let digits = value["evidence"].as_str();
            digits.ok_or_else(|| refused("its \"evidence\" is missing"))?.to_owned()
        }
    };
    let bytes = hex::decode(digits).map_err(|_| refused("it holds no hexadecimal digits"))?;
    codec::decode(&bytes).map_err(|error| refused(&error.to_string()))
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use protocol::ballot_file;
    use protocol::finality::{BlockReference, Commit, FinalityVote, Prepare};
    use protocol::units::{BlockHash, Height};

    use super::*;
    use crate::auditor::tests::finality::{closed_election, validator_key};
    use crate::cli::AnswerFormat;
    use crate::render::Style;

    struct Desk {
        directory: tempfile::TempDir,
    }

    impl Desk {
        fn new() -> Self {
            let desk = Self { directory: tempfile::tempdir().expect("a directory") };
            let ballot = ballot_file::write(&closed_election());
            std::fs::write(desk.path("ballot.toml"), ballot).expect("there is room");
            desk
        }

        fn path(&self, name: &str) -> PathBuf {
            self.directory.path().join(name)
        }

        fn check(&self, text: &str) -> Result<bool, OfflineError> {
            std::fs::write(self.path("evidence"), text).expect("there is room");
            check_evidence(&CheckEvidence {
                file: self.path("evidence"),
                ballot: self.path("ballot.toml"),
                format: AnswerFormat::default(),
            })
        }
    }

    fn block(height: u64, hash: u8) -> BlockReference {
        BlockReference { height: Height(height), hash: BlockHash([hash; 32]) }
    }

    fn commit(block: BlockReference, signer: u8) -> FinalityVote {
        let id = closed_election().election_id();
        FinalityVote::Commit(Commit::sign(&id, 2, block, &validator_key(signer)))
    }

    fn prepare(target: BlockReference, source: BlockReference) -> FinalityVote {
        let id = closed_election().election_id();
        FinalityVote::Prepare(Prepare::sign(&id, 2, (target, source), &validator_key(2)))
    }

    fn hex_of(first: FinalityVote, second: FinalityVote) -> String {
        hex::encode(codec::encode(&Evidence { first, second }))
    }

    #[test]
    fn evidence_is_read_however_it_was_exported_and_names_what_was_done() {
        let desk = Desk::new();
        let (election, twice) = (closed_election(), [block(5, 1), block(5, 2)]);
        let roster = election.roster().expect("it has one");
        for (first, second, told) in [
            (
                commit(twice[0], 2),
                commit(twice[1], 2),
                "validator 3 (V2) signed two COMMITs for height 5",
            ),
            (
                prepare(twice[0], block(1, 1)),
                prepare(twice[1], block(1, 1)),
                "signed two PREPAREs for height 5",
            ),
            (
                commit(block(4, 1), 2),
                prepare(block(6, 1), block(3, 1)),
                "from below its COMMIT at height 4 to above it",
            ),
        ] {
            let digits = hex_of(first.clone(), second.clone());
            assert!(desk.check(&digits).expect("it can be read"));
            let event = format!("{{\"event\":\"evidence\",\"evidence\":\"{digits}\"}}\n");
            assert!(desk.check(&event).expect("it can be read"));
            let proof =
                EvidenceProof::of(&Evidence { first, second }, &election.election_id(), roster);
            let reply = Reply::EvidenceProof(Box::new(proof));
            let text = Style::Human { color: false }.answer(&reply);
            assert!(text.contains(told), "{text}");
        }
    }

    #[test]
    fn what_proves_nothing_is_told_so() {
        let desk = Desk::new();
        for digits in [
            hex_of(commit(block(5, 1), 2), commit(block(6, 2), 2)),
            hex_of(commit(block(5, 1), 2), commit(block(5, 1), 2)),
            // By another validator's key.
            hex_of(commit(block(5, 1), 2), commit(block(5, 2), 1)),
        ] {
            assert!(!desk.check(&digits).expect("it can be read"));
        }
        for (text, part) in [
            ("xyz", "no hexadecimal digits"),
            ("00", "is no evidence"),
            ("{\"evidence\": 1}", "\"evidence\" is missing"),
            ("{", "line 1 is no JSON"),
        ] {
            let refused = desk.check(text).expect_err(text);
            let told = refused.to_string();
            assert!(!refused.is_refusal() && told.contains(part), "{told}");
        }
        let longest = usize::try_from(EVIDENCE_FILE_BYTES_MAX).expect("it is small");
        let digits = hex_of(commit(block(5, 1), 2), commit(block(5, 2), 2));
        let padded = digits.clone() + &" ".repeat(longest - digits.len());
        assert!(desk.check(&padded).expect("it can be read"));
        let refused = desk.check(&(padded + " ")).expect_err("it is too long").to_string();
        assert!(refused.contains("has over 65536 bytes"), "{refused}");
        let untimed = ballot_file::write(&chain::fixtures::election());
        std::fs::write(desk.path("ballot.toml"), untimed).expect("there is room");
        let none = desk.check(&digits).expect_err("no validators").to_string();
        assert!(none.contains("has no validators"), "{none}");
    }
}
