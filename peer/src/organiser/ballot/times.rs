//! When a new election opens and closes, and what makes its result final: as the options of `peer ballot new` say, or
//! as is answered at a terminal.

use inquire::validator::Validation;
use inquire::{Confirm, CustomType, Select, Text};
use protocol::roster::{
    BLOCK_INTERVAL_S_MAX, BLOCK_INTERVAL_S_MIN, FinalityRule, Roster, Times, Validator, quorum_min,
};
use protocol::units::UnixMillis;

use super::BallotCommandError;
use super::signers::{ask_for, signer, warn_of_hex};
use crate::cli::{NewBallot, moment};
use keys::KeyRole as Role;

/// Blocks that are this many seconds apart reach everybody long before the next one, and an election closes 2 minutes
/// after the last moment at which a vote is sure to be in time.
const BLOCK_INTERVAL_S_DEFAULT: u32 = 10;
/// What `confirmations` is unless told: as many as are customary elsewhere.
const CONFIRMATIONS_DEFAULT: u32 = 6;

/// What the options, or the answers, say of an election's times.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Schedule {
    pub(super) block_interval_s: Option<u32>,
    pub(super) times: Option<Times>,
}

/// The times of an election that is made at `created`. One that closes without being told when it opens opens at once.
///
/// # Errors
/// When a validator is not written as it has to be, or when the questions are not answered.
pub(super) fn schedule(
    new: &NewBallot,
    created: UnixMillis,
    may_ask: bool,
) -> Result<Schedule, BallotCommandError> {
    let Some(closes) = new.closes else {
        return match new.block_interval {
            None if may_ask => ask_schedule(),
            block_interval_s => Ok(Schedule { block_interval_s, times: None }),
        };
    };
    let finality = finality(&new.validator, new)?;
    Ok(Schedule {
        block_interval_s: Some(new.block_interval.unwrap_or(BLOCK_INTERVAL_S_DEFAULT)),
        times: Some(Times { opens: new.opens.unwrap_or(created), closes, finality }),
    })
}

fn finality(validators: &[String], new: &NewBallot) -> Result<FinalityRule, BallotCommandError> {
    if validators.is_empty() {
        let confirmations = new.confirmations.unwrap_or(CONFIRMATIONS_DEFAULT);
        return Ok(FinalityRule::Depth { confirmations });
    }
    roster(validators, new.quorum, new.crash_faults_only).map(FinalityRule::Roster)
}

fn roster(
    texts: &[String],
    quorum: Option<u8>,
    crash_faults_only: bool,
) -> Result<Roster, BallotCommandError> {
    let read = texts.iter().map(|text| signer(Role::Validator, text));
    let read: Vec<_> = read.collect::<Result<_, _>>()?;
    warn_of_hex(&read, Role::Validator);
    let validators =
        read.into_iter().map(|signer| Validator { name: signer.name, key: signer.key });
    let validators: Vec<_> = validators.collect();
    // If there are too many, the check of the election has a clearer message than this one.
    let least = u8::try_from(quorum_min(validators.len(), crash_faults_only)).unwrap_or(u8::MAX);
    Ok(Roster { validators, quorum: quorum.unwrap_or(least), crash_faults_only })
}

/// Asks when votes count, and for all that follows from it.
fn ask_schedule() -> Result<Schedule, BallotCommandError> {
    const TIMED: &str = "at times that the ballot says: for elections that matter";
    const UNTIMED: &str = "always: for demos, classes and polls";
    let when = Select::new("When does it open and close?", vec![TIMED, UNTIMED]).prompt();
    if when.map_err(BallotCommandError::NotAnswered)? == UNTIMED {
        return Ok(Schedule::default());
    }
    let opens = ask_moment("When does it open?")?;
    let closes = ask_moment("When does it close?")?;
    let range = BLOCK_INTERVAL_S_MIN..=BLOCK_INTERVAL_S_MAX;
    let told = format!("{BLOCK_INTERVAL_S_MIN} to {BLOCK_INTERVAL_S_MAX}");
    let interval = CustomType::<u32>::new("How many seconds are between two blocks?")
        .with_default(BLOCK_INTERVAL_S_DEFAULT)
        .with_validator(move |seconds: &u32| {
            let is_good = range.contains(seconds);
            let wrong = Validation::Invalid(told.clone().into());
            Ok(if is_good { Validation::Valid } else { wrong })
        });
    let interval = interval.prompt().map_err(BallotCommandError::NotAnswered)?;
    let finality = ask_finality()?;
    let times = Some(Times { opens, closes, finality });
    Ok(Schedule { block_interval_s: Some(interval), times })
}

fn ask_moment(question: &str) -> Result<UnixMillis, BallotCommandError> {
    let asked = Text::new(question).with_help_message("in UTC, such as 2026-11-02T09:00:00Z");
    let answer = asked.with_validator(|text: &str| {
        Ok(match moment(text.trim()) {
            Ok(_) => Validation::Valid,
            Err(mend) => Validation::Invalid(mend.into()),
        })
    });
    let answer = answer.prompt().map_err(BallotCommandError::NotAnswered)?;
    Ok(moment(answer.trim()).expect("only such an answer is taken"))
}

fn ask_finality() -> Result<FinalityRule, BallotCommandError> {
    const VALIDATORS: &str = "certificates of validators, which anybody can check";
    const DEPTH: &str = "many blocks on top, as each peer sees it";
    let who = Select::new("What makes its result final?", vec![VALIDATORS, DEPTH]).prompt();
    if who.map_err(BallotCommandError::NotAnswered)? == DEPTH {
        return Ok(FinalityRule::Depth { confirmations: CONFIRMATIONS_DEFAULT });
    }
    let validators = ask_for(Role::Validator)?;
    let vouched = Confirm::new("Do you vouch that validators fail only by stopping?")
        .with_help_message("then more than half of them are enough, rather than two thirds")
        .with_default(false)
        .prompt()
        .map_err(BallotCommandError::NotAnswered)?;
    roster(&validators, None, vouched).map(FinalityRule::Roster)
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::super::tests::flags;
    use super::*;

    const KEYS: [&str; 4] = [
        "0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798",
        "02c6047f9441ed7d6d3045406e95c07cd85c778e4b8cef3ca7abac09b95c709ee5",
        "02f9308a019258c31049344f85f89d5229b531c845836f99b08601f113bce036f9",
        "02e493dbf1c10d80f3581e4904930b1404cc6c13900ee0758474fa94abe8c4cd13",
    ];

    #[test]
    fn times_are_as_the_options_say_and_an_election_without_them_has_none() {
        let created = UnixMillis(1_000);
        let mut new = flags(PathBuf::new());
        assert_eq!(schedule(&new, created, false).expect("untimed"), Schedule::default());
        new.block_interval = Some(5);
        let steered = schedule(&new, created, false).expect("untimed");
        assert_eq!(steered, Schedule { block_interval_s: Some(5), times: None });
        new = NewBallot { block_interval: None, closes: Some(UnixMillis(900_000)), ..new };
        let Schedule { block_interval_s, times } = schedule(&new, created, false).expect("timed");
        let times = times.expect("it closes");
        assert_eq!((block_interval_s, times.opens), (Some(BLOCK_INTERVAL_S_DEFAULT), created));
        assert_eq!(times.finality, FinalityRule::Depth { confirmations: CONFIRMATIONS_DEFAULT });
        new.opens = Some(UnixMillis(5_000));
        new.validator = (1..).zip(KEYS).map(|(number, key)| format!("V{number}: {key}")).collect();
        let roster = |new: &NewBallot| match schedule(new, created, false).expect("timed").times {
            Some(Times {
                opens: UnixMillis(5_000),
                finality: FinalityRule::Roster(roster),
                ..
            }) => (roster.validators.len(), roster.quorum, roster.crash_faults_only),
            other => panic!("{other:?}"),
        };
        assert_eq!(roster(&new), (4, 3, false));
        new.quorum = Some(4);
        assert_eq!(roster(&new), (4, 4, false));
        new = NewBallot { crash_faults_only: true, quorum: None, ..new };
        new.validator.truncate(3);
        assert_eq!(roster(&new), (3, 2, true));
        new.validator = vec!["North".to_owned()];
        let error = schedule(&new, created, false).expect_err("no key").to_string();
        assert!(error.contains("--validator North") && error.contains("`peer validator init`"));
    }
}
