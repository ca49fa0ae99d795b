//! What an election's times mean, and whether they and its validators can be used together.

use std::collections::BTreeSet;
use std::time::Duration;

use super::{CREATED_MAX, Election, ElectionError, check_range, check_text};
use crate::admission::Registrar;
use crate::keys;
use crate::roster::{
    BLOCK_INTERVAL_S_MAX, BLOCK_INTERVAL_S_MIN, CONFIRMATIONS_MAX, FinalityRule, MARGIN_INTERVALS,
    Roster, VALIDATED_INTERVAL_S_MIN, VALIDATORS_MAX, Validator, quorum_min,
};
use crate::units::UnixMillis;

impl Election {
    /// The time between blocks that the difficulty is steered to.
    #[must_use]
    pub fn block_interval(&self) -> Option<Duration> {
        self.block_interval_s.map(|seconds| Duration::from_secs(seconds.into()))
    }

    /// The median time past from which votes stand in blocks; `None` if the election is always open.
    #[must_use]
    pub fn opens(&self) -> Option<UnixMillis> {
        self.times.as_ref().map(|times| times.opens)
    }

    /// The median time past from which no transaction stands in a block.
    #[must_use]
    pub fn closes(&self) -> Option<UnixMillis> {
        self.times.as_ref().map(|times| times.closes)
    }

    /// The time from which blocks are mined although nothing waits for one.
    #[must_use]
    pub fn mining_starts(&self) -> Option<UnixMillis> {
        let opens = self.opens()?;
        Some(UnixMillis(opens.0.saturating_sub(self.margin_ms())))
    }

    /// The time until which a vote that is cast is sure to be counted.
    #[must_use]
    pub fn vote_by(&self) -> Option<UnixMillis> {
        let closes = self.closes()?;
        Some(UnixMillis(closes.0.saturating_sub(self.margin_ms())))
    }

    /// The validators, if their certificates make blocks final.
    #[must_use]
    pub fn roster(&self) -> Option<&Roster> {
        match &self.times.as_ref()?.finality {
            FinalityRule::Roster(roster) => Some(roster),
            FinalityRule::Depth { .. } => None,
        }
    }

    /// How deep the closing block has to lie, if that makes the result final.
    #[must_use]
    pub fn confirmations(&self) -> Option<u32> {
        match &self.times.as_ref()?.finality {
            FinalityRule::Depth { confirmations } => Some(*confirmations),
            FinalityRule::Roster(_) => None,
        }
    }

    fn margin_ms(&self) -> u64 {
        MARGIN_INTERVALS * 1_000 * u64::from(self.block_interval_s.unwrap_or_default())
    }

    pub(super) fn check_times(&self) -> Result<(), ElectionError> {
        let least = match self.roster() {
            Some(_) => VALIDATED_INTERVAL_S_MIN,
            None => BLOCK_INTERVAL_S_MIN,
        };
        if let Some(interval) = self.block_interval_s {
            check_range("block_interval", interval, least, BLOCK_INTERVAL_S_MAX)?;
        }
        let Some(times) = &self.times else { return Ok(()) };
        if self.block_interval_s.is_none() {
            return Err(ElectionError::TimesWithoutInterval);
        }
        check_range("opens", times.opens.0, 0, CREATED_MAX.0)?;
        check_range("closes", times.closes.0, 0, CREATED_MAX.0)?;
        if times.opens < self.created {
            return Err(ElectionError::OpensBeforeCreated);
        }
        let open_ms = times.closes.0.saturating_sub(times.opens.0);
        if open_ms <= self.margin_ms() {
            let margin_ms = self.margin_ms();
            return Err(ElectionError::ClosesTooSoon { open_ms, margin_ms });
        }
        match &times.finality {
            FinalityRule::Depth { confirmations } => {
                check_range("confirmations", *confirmations, 1, CONFIRMATIONS_MAX)
            }
            FinalityRule::Roster(roster) => check_roster(roster, self.admission.registrars()),
        }
    }
}

fn check_roster(roster: &Roster, registrars: &[Registrar]) -> Result<(), ElectionError> {
    let validators = roster.validators.len();
    if !(1..=VALIDATORS_MAX).contains(&validators) {
        return Err(ElectionError::ValidatorCount { found: validators });
    }
    let (mut names, mut keys) = (BTreeSet::new(), BTreeSet::new());
    for (validator, Validator { name, key }) in roster.validators.iter().enumerate() {
        check_text(&format!("validator[{validator}].name"), name)?;
        keys::check_public_key(key)
            .map_err(|_| ElectionError::ValidatorKey { validator, key: *key })?;
        if !names.insert(name) {
            return Err(ElectionError::ValidatorTwice { what: format!("the name {name:?}") });
        }
        if !keys.insert(key.0) {
            return Err(ElectionError::ValidatorTwice { what: format!("the key {key}") });
        }
        if let Some(registrar) = registrars.iter().find(|registrar| registrar.key == *key) {
            let registrar = registrar.name.clone();
            return Err(ElectionError::KeyInTwoRoles { validator, registrar });
        }
    }
    let least = quorum_min(validators, roster.crash_faults_only);
    let quorum = usize::from(roster.quorum);
    check_range("quorum", quorum as u64, least as u64, validators as u64)
}
