//! The demo's election: the sample ballot with a new id, and on demand with an end that validators make final.

use std::fs;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use anyhow::{Context, ensure};
use protocol::ballot_file;
use protocol::keys::PublicKey;
use protocol::roster::{FinalityRule, Roster, Times, Validator, quorum_min};
use protocol::units::UnixMillis;
use rand::TryRng;
use rand::rngs::SysRng;

use crate::children::program;

/// What the validators of an election with an end are called.
pub(crate) const VALIDATORS: [&str; 4] = ["North", "East", "South", "West"];
/// When such an election may close after its start, in seconds. The margin before the close takes 24.
pub(crate) const CLOSES_AFTER_S: RangeInclusive<u64> = 40..=86_400;

/// The shortest interval that an election with validators may have, so that there is something to see.
const BLOCK_INTERVAL_S: u32 = 2;
/// Two cores take about the interval for a block; on a faster machine the difficulty rises by itself.
const DIFFICULTY_BITS: u8 = 22;

/// The times that somebody has to know who is to vote in an election with an end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct End {
    /// Votes that are cast until then are sure to be counted.
    pub(crate) vote_by: UnixMillis,
    pub(crate) closes: UnixMillis,
}

/// The end of the election that a ballot defines, if it has one.
pub(crate) fn end(ballot: &str) -> anyhow::Result<Option<End>> {
    let election = ballot_file::parse(ballot).context("the demo's ballot")?;
    let times = election.vote_by().zip(election.closes());
    Ok(times.map(|(vote_by, closes)| End { vote_by, closes }))
}

/// The sample ballot as a new election: another id, set up now. The rest of its text stays.
pub(crate) fn fresh_ballot(root: &Path) -> anyhow::Result<String> {
    let path = root.join("ballot.toml");
    let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let mut id = [0; 16];
    SysRng.try_fill_bytes(&mut id).context("the system gives no randomness")?;
    let created = humantime::format_rfc3339_seconds(SystemTime::now());
    let text = replace_value(&text, "id", &format!("{:032x}", u128::from_be_bytes(id)))?;
    replace_value(&text, "created", &created.to_string())
}

/// The same with an end: it opens at once, closes after some seconds, and has four validators. Their keys lie in files
/// of the directory, in the order of the ballot.
pub(crate) fn with_an_end(
    root: &Path,
    peer: &Path,
    directory: &Path,
    closes_after_s: u64,
) -> anyhow::Result<(String, Vec<PathBuf>)> {
    let mut election = ballot_file::parse(&fresh_ballot(root)?).context("the sample ballot")?;
    let mut files = Vec::new();
    let mut validators = Vec::new();
    for name in VALIDATORS {
        let file = directory.join(format!("{}.key", name.to_lowercase()));
        validators.push(Validator { name: name.to_owned(), key: new_key(peer, &file, name)? });
        files.push(file);
    }
    let quorum = u8::try_from(quorum_min(validators.len(), false)).context("a few validators")?;
    let roster = Roster { validators, quorum, crash_faults_only: false };
    let opens = election.created;
    let closes = UnixMillis(opens.0 + Duration::from_secs(closes_after_s).as_millis() as u64);
    election.difficulty_bits = DIFFICULTY_BITS;
    election.block_interval_s = Some(BLOCK_INTERVAL_S);
    election.times = Some(Times { opens, closes, finality: FinalityRule::Roster(roster) });
    election.check()?;
    Ok((ballot_file::write(&election), files))
}

/// Has the peer's own command make a validator's key.
fn new_key(peer: &Path, file: &Path, name: &str) -> anyhow::Result<PublicKey> {
    let made = program(peer)
        .args(["validator", "init", "--no-passphrase", "--json", "--name", name, "--key"])
        .arg(file)
        .output()
        .context("can't run the peer")?;
    let reason = String::from_utf8_lossy(&made.stderr);
    ensure!(made.status.success(), "no validator's key: {}", reason.trim());
    let answer: serde_json::Value = serde_json::from_slice(&made.stdout)?;
    let key = answer["key_text"].as_str().context("the peer names no key")?;
    key.parse().context("the validator's key")
}

/// Puts another string behind a key that begins a line.
fn replace_value(text: &str, key: &str, value: &str) -> anyhow::Result<String> {
    let begin = format!("{key} = ");
    let is_it = |line: &str| line.starts_with(&begin);
    ensure!(
        text.lines().filter(|line| is_it(line)).count() == 1,
        "the sample ballot has to have one line `{begin}…`"
    );
    let lines = text.lines().map(|line| match is_it(line) {
        true => format!("{begin}\"{value}\"\n"),
        false => format!("{line}\n"),
    });
    Ok(lines.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::root;

    #[test]
    fn every_demo_is_another_election() {
        let fresh = || fresh_ballot(root()).expect("a ballot");
        let (one, other) = (fresh(), fresh());
        let id =
            |text: &str| text.lines().find(|line| line.starts_with("id = ")).map(str::to_owned);
        assert!(id(&one).is_some_and(|id| id.len() == "id = \"\"".len() + 32), "{one}");
        assert_ne!(id(&one), id(&other));
        let sample = fs::read_to_string(root().join("ballot.toml")).expect("the sample ballot");
        let changed = one.lines().zip(sample.lines()).filter(|(ours, theirs)| ours != theirs);
        assert_eq!(changed.count(), 2, "{one}");
    }
}
