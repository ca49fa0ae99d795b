//! Pieces of text that the renderings of answers and events share.

use std::fmt::Display;
use std::net::SocketAddr;
use std::time::{Duration, UNIX_EPOCH};

use crate::schema::{
    Admission, Admitted, Clock, HeldBy, Mining, Multicast, PRIVACY, Percent, Standing, Status,
    TransactionKind, Unready, Waiting,
};

/// The last millisecond of the year 9999. Strangers choose the times of their votes, and nothing
/// later than this can be written as a date.
const WRITABLE_MS_MAX: u64 = 253_402_300_799_999;
/// Clocks that differ by more than this are not alike.
const CLOCKS_APART_MS: u64 = 30_000;

/// The date, or the number itself if it can't be written as a date.
pub(crate) fn time(moment_ms: u64) -> String {
    if moment_ms > WRITABLE_MS_MAX {
        return format!("{moment_ms} ms after 1970");
    }
    let time = UNIX_EPOCH + Duration::from_millis(moment_ms);
    humantime::format_rfc3339_seconds(time).to_string()
}

/// The moment as ISO 8601 writes it, in UTC and to the millisecond; `None` if it can't be written as a date.
pub(crate) fn iso_8601(moment_ms: u64) -> Option<String> {
    let time =
        UNIX_EPOCH + Duration::from_millis(Some(moment_ms).filter(|ms| *ms <= WRITABLE_MS_MAX)?);
    Some(humantime::format_rfc3339_millis(time).to_string())
}

/// `1 block`, `2 blocks`.
pub(super) fn count(number: impl Display, thing: &str) -> String {
    match number.to_string().as_str() {
        "1" => format!("1 {thing}"),
        many => format!("{many} {thing}s"),
    }
}

/// Says how many of those who may vote did: `3 of 7 registered voters voted (42.9 %)`.
pub(super) fn turnout(votes: u64, registered_voters: u64) -> String {
    let voters = count(registered_voters, "registered voter");
    let percent = Percent::of(votes, registered_voters);
    let percent = percent.map_or_else(String::new, |percent| format!(" ({percent} %)"));
    format!("{votes} of {voters} voted{percent}")
}

/// Says how many neighbours have something.
pub(crate) fn held_by(held_by: HeldBy) -> String {
    match held_by {
        HeldBy { neighbours: 0, of: 0 } => "nobody else has it yet: no neighbours".to_owned(),
        HeldBy { neighbours: 0, of } => {
            format!("nobody else has it yet: held by 0 of {}", count(of, "neighbour"))
        }
        HeldBy { neighbours, of } => format!("held by {neighbours} of {}", count(of, "neighbour")),
    }
}

/// An address, and the name for which it stands.
pub(crate) fn named(name: Option<&str>, address: SocketAddr) -> String {
    match name {
        Some(name) => format!("{name} ({})", address.ip()),
        None => address.to_string(),
    }
}

/// A neighbour: its address, and what it says that it is called.
pub(crate) fn neighbour(address: SocketAddr, name: Option<&str>) -> String {
    match name {
        Some(name) => format!("{address} ({name})"),
        None => address.to_string(),
    }
}

/// Says why what a peer tells need not be true of the network.
pub(crate) fn unready(unready: &Unready) -> String {
    match unready {
        Unready::ClockOff { offset_ms, disagreeing, compared } => {
            clock_off(*offset_ms, *disagreeing, *compared)
        }
        Unready::AddressGone { address } => format!(
            "this machine no longer has the address {}, at which this peer listens",
            address.ip()
        ),
        Unready::NoContact { others } => no_contact(*others),
        Unready::Syncing { height, target } => {
            format!("fetching blocks: at {height} of {target}")
        }
        Unready::Disputed => "the election's result is DISPUTED".to_owned(),
        Unready::ValidatorAbstains => "this peer's validator does not sign".to_owned(),
        Unready::BlocksWait { blocks, next_in_ms } => {
            let (blocks, seconds) = (count(blocks, "block"), next_in_ms.div_ceil(1_000));
            format!(
                "most neighbours count {blocks} more, whose time comes in {seconds} s by this machine's clock: check it"
            )
        }
    }
}

/// Says that nobody answers, though so many others should.
pub(super) fn no_contact(others: usize) -> String {
    match others {
        0 => "nobody of this election answers: neither a tracker nor another peer was reached"
            .to_owned(),
        1 => "1 other is listed, and does not answer".to_owned(),
        others => format!("{others} others are listed, none answers"),
    }
}

/// Says how a peer meets others on its local network.
pub(crate) fn multicast(multicast: &Multicast) -> String {
    let groups: Vec<_> = multicast.groups.iter().map(ToString::to_string).collect();
    let groups = groups.join(" and ");
    match (groups.as_str(), multicast.interfaces, &multicast.off) {
        ("", _, Some(why)) => format!("off: {why}"),
        ("", _, None) => "off".to_owned(),
        (groups, 0, _) => format!("{groups}, and no interface to announce it on"),
        (groups, interfaces, _) => format!("{groups} on {}", count(interfaces, "interface")),
    }
}

/// Says by how much this machine's clock is wrong, as far as others can tell.
pub(crate) fn clock_off(offset_ms: i64, disagreeing: usize, compared: usize) -> String {
    let others = count(compared, "other");
    format!("this machine's clock is {} {disagreeing} of {others}: set it", distance(offset_ms))
}

/// Says how many blocks wait for their time, if any do.
pub(crate) fn waiting(waiting: Waiting) -> Option<String> {
    let seconds = waiting.next_in_ms?.div_ceil(1_000);
    let (wait, its) = if waiting.blocks == 1 { ("waits", "its") } else { ("wait", "their") };
    let blocks = count(waiting.blocks, "block");
    Some(format!("{blocks} {wait} for {its} time, the next in {seconds} s by this machine's clock"))
}

/// Says how this machine's clock compares with others.
pub(crate) fn clock(clock: Clock) -> String {
    match clock.offset_ms {
        None if clock.apart_ms.is_some() => {
            let seconds = clock.apart_ms.unwrap_or(0).unsigned_abs() / 1_000;
            format!("can't be compared: there is one other, {seconds} s apart, and it takes 2")
        }
        None => format!(
            "can't be compared: {} measured, and it takes 2",
            count(clock.compared, "other clock")
        ),
        Some(offset_ms) if offset_ms.unsigned_abs() < 1_000 => {
            format!("agrees with {}", count(clock.compared, "other"))
        }
        Some(offset_ms) => {
            format!("{} the median of {}", distance(offset_ms), count(clock.compared, "other"))
        }
    }
}

/// Says the same where it is told anyway whether the clock is off, and that others are not believed if they are not.
pub(super) fn clock_row(told: Clock, is_off: bool) -> String {
    let is_far = told.offset_ms.is_some_and(|offset| offset.unsigned_abs() > CLOCKS_APART_MS);
    let doubt = match is_far && !is_off {
        true => ", and not believed, since your tracker, or as many others, found this clock right",
        false => "",
    };
    format!("{}{doubt}", clock(told))
}

/// Says why this peer mines nothing just now.
pub(super) fn idle(status: &Status) -> String {
    let short = idle_in_short(status);
    match (status.mines, status.pool) {
        (true, _) | (false, 0) => short.to_owned(),
        (false, 1) => format!("{short}: 1 transaction waits until another peer mines"),
        (false, pool) => format!("{short}: {pool} transactions wait until another peer mines"),
    }
}

/// Does the same in a few words, for a narrow panel.
pub(crate) fn idle_in_short(status: &Status) -> &'static str {
    match status.mines {
        false => "not here",
        true if is_clock_off(status) => "off while the clock is",
        true => "nothing to mine",
    }
}

pub(super) fn is_clock_off(status: &Status) -> bool {
    status.unready.iter().any(|why| matches!(why, Unready::ClockOff { .. }))
}

fn distance(offset_ms: i64) -> String {
    let direction = if offset_ms < 0 { "behind" } else { "ahead of" };
    format!("{} s {direction}", offset_ms.unsigned_abs() / 1_000)
}

/// Says where a transaction stands, and who else has it there.
pub(crate) fn standing(standing: &Standing) -> String {
    match standing {
        Standing::Pool { held_by } => format!("in no block yet; {}", self::held_by(*held_by)),
        Standing::Block { height, hash, blocks_deep, held_by } => {
            let deep = count(blocks_deep, "block");
            let held_by = self::held_by(*held_by);
            format!("in block {height} ({}), {deep} deep; {held_by}", short(hash))
        }
    }
}

/// Says of a vote that it came late, on a line of its own.
pub(super) fn late(late: bool) -> &'static str {
    match late {
        true => "the election is open, but late: your vote may not be counted; `myvote` tells\n",
        false => "",
    }
}

/// Says who may vote.
pub(super) fn admission(admission: &Admission) -> String {
    match admission {
        Admission::Open { registration_bits, max_voters } => {
            let work = format!("2^{registration_bits} attempts each");
            let most = max_voters.map_or(String::new(), |most| format!(", {most} voters at most"));
            format!("open: anybody can register, any number of times ({work}{most})")
        }
        Admission::Registrar { threshold, registrars } => {
            let names: Vec<_> = registrars.iter().map(|each| each.name.as_str()).collect();
            let (count, names) = (registrars.len(), names.join(", "));
            format!("voters are admitted by {threshold} of {count} registrars: {names}")
        }
    }
}

/// Says who was admitted, and by whom.
pub(crate) fn admitted(admitted: &Admitted) -> String {
    match admitted {
        Admitted::Anybody => "open: anybody could register, any number of times".to_owned(),
        Admitted::Registrars { withdrawn, registrars } => {
            let signed: Vec<_> = registrars
                .iter()
                .map(|each| format!("{} {}", each.name, each.admissions))
                .collect();
            format!("admitted by {}; {withdrawn} withdrawn", signed.join(", "))
        }
    }
}

pub(super) fn kind(kind: TransactionKind) -> &'static str {
    match kind {
        TransactionKind::Registration => "registration",
        TransactionKind::Vote => "vote",
        TransactionKind::Withdrawal => "withdrawal",
    }
}

/// `block 3 (2 transactions): 24.1 MH/s, about 1s expected, mining for 4s`
pub(crate) fn mining(progress: &Mining) -> String {
    let span = |seconds| Duration::try_from_secs_f64(seconds).map(span);
    let ages = || "ages".to_owned();
    let expected =
        progress.expected_seconds.map_or_else(ages, |time| span(time).unwrap_or_else(|_| ages()));
    format!(
        "block {} ({}): {}, about {expected} expected, mining for {}",
        progress.height,
        count(progress.transactions, "transaction"),
        rate(progress.hashes_per_second),
        span(progress.running_seconds).unwrap_or_else(|_| ages()),
    )
}

/// Says in words how many options may be chosen at a question.
pub(crate) fn choices_allowed(min: u16, max: u16) -> String {
    match (min, max) {
        (1, 1) => "one choice".into(),
        (0, 1) => "one choice or none".into(),
        (min, max) if min == max => format!("{max} choices"),
        (0, max) => format!("up to {max} choices"),
        (min, max) => format!("{min} to {max} choices"),
    }
}

/// The choices as one line: `Ada; Tuesday, Wednesday`.
pub(crate) fn choice_line(choices: &[Vec<String>]) -> String {
    let answers = choices.iter().map(|names| match names.as_slice() {
        [] => "blank".to_owned(),
        names => names.join(", "),
    });
    answers.collect::<Vec<_>>().join("; ")
}

/// What a voter is shown who is asked whether to cast this vote.
pub(crate) fn chosen(choices: &[Vec<String>]) -> String {
    format!("You choose: {}\n{PRIVACY}\n", choice_line(choices))
}

/// Whole seconds, or milliseconds for less than a second.
pub(super) fn span(time: Duration) -> String {
    if time >= Duration::from_secs(1) {
        humantime::format_duration(Duration::from_secs(time.as_secs())).to_string()
    } else {
        format!("{} ms", time.as_millis())
    }
}

/// As much of a hash as is needed to tell it from another one at a glance.
pub(crate) fn short(hash: impl Display) -> String {
    hash.to_string()[..16].to_owned()
}

pub(crate) fn rate(hashes_per_second: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
    match hashes_per_second as f64 {
        rate if rate >= 1e6 => format!("{:.1} MH/s", rate / 1e6),
        rate if rate >= 1e3 => format!("{:.1} kH/s", rate / 1e3),
        rate => format!("{rate:.0} H/s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_other_clock_far_away_is_told_with_the_distance() {
        let clock = |compared, offset_ms, apart_ms| clock(Clock { compared, offset_ms, apart_ms });
        let apart = "can't be compared: there is one other, 200 s apart, and it takes 2";
        assert_eq!(clock(1, None, Some(-200_100)), apart);
        let near = "can't be compared: 1 other clock measured, and it takes 2";
        assert_eq!(clock(1, None, None), near);
        assert_eq!(clock(3, Some(-40_000), None), "40 s behind the median of 3 others");
    }

    #[test]
    fn others_who_are_not_believed_are_told_as_such() {
        let row = |offset_ms, is_off| {
            clock_row(Clock { compared: 9, offset_ms: Some(offset_ms), apart_ms: None }, is_off)
        };
        let doubted =
            ", and not believed, since your tracker, or as many others, found this clock right";
        assert_eq!(row(-90_000, false), format!("90 s behind the median of 9 others{doubted}"));
        assert_eq!(row(90_000, true), "90 s ahead of the median of 9 others");
        assert_eq!(row(30_000, false), "30 s ahead of the median of 9 others");
    }

    #[test]
    fn any_time_can_be_shown() {
        assert_eq!(time(0), "1970-01-01T00:00:00Z");
        assert_eq!(time(WRITABLE_MS_MAX), "9999-12-31T23:59:59Z");
        for absurd in [WRITABLE_MS_MAX + 1, u64::MAX] {
            assert!(time(absurd).starts_with(&absurd.to_string()));
            assert_eq!(iso_8601(absurd), None);
        }
        assert_eq!(iso_8601(WRITABLE_MS_MAX).as_deref(), Some("9999-12-31T23:59:59.999Z"));
        assert_eq!(iso_8601(1_700_000_000_007).as_deref(), Some("2023-11-14T22:13:20.007Z"));
    }

    #[test]
    fn turnout_tells_how_many_of_how_many() {
        assert_eq!(turnout(3, 7), "3 of 7 registered voters voted (42.9 %)");
        assert_eq!(turnout(1, 1), "1 of 1 registered voter voted (100.0 %)");
        assert_eq!(turnout(0, 0), "0 of 0 registered voters voted");
    }

    #[test]
    fn mining_shows_rate_and_expectation() {
        let progress = Mining {
            height: 3,
            transactions: 1,
            difficulty: 1 << 24,
            hashes_per_second: 8_000_000,
            expected_seconds: Some(2.097),
            running_seconds: 4.2,
        };
        assert_eq!(
            mining(&progress),
            "block 3 (1 transaction): 8.0 MH/s, about 2s expected, mining for 4s"
        );
        let idle = Mining { hashes_per_second: 0, expected_seconds: None, ..progress };
        assert!(mining(&idle).contains("ages expected"));
    }
}
