//! From the text of a `ballot.toml` to its times and its validators.

use toml::Spanned;
use toml::de::DeValue;

use super::BallotFileError;
use super::read::Section;
use crate::roster::{
    BLOCK_INTERVAL_S_MAX, BLOCK_INTERVAL_S_MIN, CONFIRMATIONS_MAX, FinalityRule, Roster, Times,
    VALIDATORS_MAX, Validator, quorum_min,
};

/// What `confirmations` is where a timed election without validators leaves it out: as many as are customary elsewhere.
const CONFIRMATIONS_DEFAULT: u32 = 6;

impl Section<'_> {
    pub(super) fn block_interval(&self) -> Result<Option<u32>, BallotFileError> {
        let range = (BLOCK_INTERVAL_S_MIN, BLOCK_INTERVAL_S_MAX);
        let is_given = self.table.contains_key("block_interval");
        is_given.then(|| self.number("block_interval", "", range)).transpose()
    }

    pub(super) fn times(&self, validators: &[Self]) -> Result<Option<Times>, BallotFileError> {
        let (opens, closes) = (self.table.contains_key("opens"), self.table.contains_key("closes"));
        if !opens && !closes {
            self.need("opens", &["confirmations", "quorum", "crash_faults_only", "validator"])?;
            return Ok(None);
        }
        let opens = self.moment("opens", "opens = \"2026-11-02T09:00:00Z\"")?;
        let closes = self.moment("closes", "closes = \"2026-11-09T18:00:00Z\"")?;
        if !self.table.contains_key("block_interval") {
            self.need("block_interval", &["opens"])?;
        }
        let finality = if validators.is_empty() {
            self.need("validator", &["quorum", "crash_faults_only"])?;
            FinalityRule::Depth { confirmations: self.confirmations()? }
        } else {
            FinalityRule::Roster(self.roster(validators)?)
        };
        Ok(Some(Times { opens, closes, finality }))
    }

    fn confirmations(&self) -> Result<u32, BallotFileError> {
        match self.table.contains_key("confirmations") {
            true => self.number("confirmations", "", (1, CONFIRMATIONS_MAX)),
            false => Ok(CONFIRMATIONS_DEFAULT),
        }
    }

    fn roster(&self, validators: &[Self]) -> Result<Roster, BallotFileError> {
        if let Some(value) = self.table.get("confirmations") {
            let (line, key) = (self.line(value.span()), self.key("confirmations"));
            return Err(BallotFileError::Excludes { line, key, other: "[[validator]]" });
        }
        let crash_faults_only = match self.table.get("crash_faults_only") {
            None => false,
            Some(value) => {
                let DeValue::Boolean(vouched) = value.get_ref() else {
                    return Err(self.wrong_type("crash_faults_only", value, "true or false"));
                };
                *vouched
            }
        };
        let count = validators.len().min(VALIDATORS_MAX);
        let least = quorum_min(count, crash_faults_only);
        let byte = |number: usize| u8::try_from(number).expect("bounded by VALIDATORS_MAX");
        let quorum = match self.table.contains_key("quorum") {
            true => self.number("quorum", "", (byte(least), byte(count)))?,
            false => byte(least),
        };
        let validators = validators.iter().map(Self::validator).collect::<Result<_, _>>()?;
        Ok(Roster { validators, quorum, crash_faults_only })
    }

    fn validator(&self) -> Result<Validator, BallotFileError> {
        let name = self.string("name", "name = \"Works council\"")?;
        let key = self.public_key("key = \"ostkey1…\", as `peer validator init` prints it")?;
        Ok(Validator { name, key })
    }

    /// Refuses keys that mean nothing without another one, so that nobody believes that they have an effect.
    fn need(&self, needed: &'static str, keys: &[&str]) -> Result<(), BallotFileError> {
        let given = keys.iter().filter_map(|key| Some((*key, self.table.get(*key)?)));
        match given.min_by_key(|(_, value): &(&str, &Spanned<DeValue<'_>>)| value.span().start) {
            None => Ok(()),
            Some((key, value)) => {
                let (line, key) = (self.line(value.span()), self.key(key));
                Err(BallotFileError::Needs { line, key, needed })
            }
        }
    }
}
