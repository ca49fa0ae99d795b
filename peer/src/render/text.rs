//! Pieces of text that answers and events share, and the events themselves.

use std::fmt::Display;
use std::net::SocketAddr;
use std::time::{Duration, UNIX_EPOCH};

use crate::schema::{Admission, Admitted, Event, LeaveReason, Mining, TransactionKind};

/// The last moment of the year 9999. Strangers choose the times of their votes, and nothing later can be
/// written as a date.
const WRITABLE_MS_MAX: u64 = 253_402_300_799_999;

/// A date, or else the number itself.
pub(crate) fn time(moment_ms: u64) -> String {
    if moment_ms > WRITABLE_MS_MAX {
        return format!("{moment_ms} ms after 1970");
    }
    let time = UNIX_EPOCH + Duration::from_millis(moment_ms);
    humantime::format_rfc3339_seconds(time).to_string()
}

/// `1 block`, `2 blocks`.
pub(super) fn count(number: impl Display, thing: &str) -> String {
    match number.to_string().as_str() {
        "1" => format!("1 {thing}"),
        many => format!("{many} {thing}s"),
    }
}

/// Who may vote.
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

/// Who was admitted by whom.
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
    let span = |seconds| Duration::try_from_secs_f64(seconds).map(super::human::span);
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

/// One line.
pub(crate) fn event(event: &Event) -> String {
    match event {
        Event::Listening { address, api, election, title, role: _, voter, data_dir } => {
            let voter =
                voter.map_or_else(|| "no voter".to_owned(), |voter| format!("voter {voter}"));
            let api = api.as_ref().map(|url| format!(", API at {url}")).unwrap_or_default();
            format!(
                "peer listening on {address}, election {election} ({title}), {voter}, data in {data_dir}{api}"
            )
        }
        Event::Mining(progress) => format!("mining {}", mining(progress)),
        Event::Mended { message } => message.clone(),
        Event::Verified { blocks, transactions, lost } => {
            let all = format!(
                "checked {} with {} again",
                count(blocks, "block"),
                count(transactions, "transaction")
            );
            match lost {
                0 => format!("{all}: all hold"),
                lost => format!("{all}: all hold, but {lost} can't be read and are fetched again"),
            }
        }
        Event::Registering { registration_bits, .. } => format!(
            "registering your voter key: a proof of work of about 2^{registration_bits} attempts"
        ),
        Event::Missed { events } => format!("{events} events came too fast to be shown"),
        Event::Left => "peer ended".to_owned(),
        Event::Block { height, hash, transactions, mined_here } => {
            let by = if *mined_here { ", mined here" } else { "" };
            format!("block {height} ({}{by}) {hash}", count(transactions, "transaction"))
        }
        Event::Reorganisation { from, to, disconnected, connected, returned, lost } => format!(
            "the best chain changed from block {} {} to block {} {}: {} left, {} joined, {} returned to the pool{}",
            from.height,
            from.hash,
            to.height,
            to.hash,
            count(disconnected, "block"),
            count(connected, "block"),
            count(returned, "transaction"),
            match lost {
                0 => String::new(),
                lost => format!("; what {} held is lost here", count(lost, "block")),
            },
        ),
        Event::Transaction { transaction: id, voter, kind } => {
            let (kind, id, voter) = (self::kind(*kind), short(id), short(voter));
            format!("{kind} {id} of voter {voter} waits for a block")
        }
        Event::Superseded { transaction: id, voter, kind, by } => {
            let (kind, id, voter) = (self::kind(*kind), short(id), short(voter));
            let reason = match by {
                Some(by) => format!("the chain holds {}", short(by)),
                None => "the election has all the voters that it takes".to_owned(),
            };
            format!("{kind} {id} of voter {voter} will not be counted: {reason}")
        }
        Event::NeighbourJoined { address } => format!("neighbour {address} joined"),
        Event::NeighbourLeft { address, reason } => neighbour_left(*address, *reason),
        Event::Registered { tracker, seen_as, peers } => {
            // The first answer often names nobody yet; the neighbours are told as they join.
            let others = match peers {
                0 => String::new(),
                peers => format!(", and {}", count(peers, "other peer")),
            };
            format!("tracker {tracker} lists this peer as {seen_as}{others}")
        }
        Event::TrackerSilent { tracker } => {
            format!("tracker {tracker} does not answer: it is tried again and again")
        }
        Event::TrackerRefused { tracker, expected, found_prefix } => {
            format!("tracker {tracker} serves another election ({found_prefix}…), not {expected}")
        }
        Event::ClockDiffers { address, offset_ms } => clock_differs(*address, *offset_ms),
        Event::Syncing { from, to } => format!("fetching blocks {from} to {to}"),
        Event::Synced { tip } => {
            format!("all blocks are here, up to block {} {}", tip.height, tip.hash)
        }
        Event::Misbehaviour { address, reason } => {
            format!("neighbour {address} broke a rule: {reason}")
        }
        Event::DiskRefuses { reason } => {
            format!("the disk takes nothing ({reason}): no vote is accepted until it does")
        }
        Event::DiskRecovered => "the disk takes votes again".to_owned(),
        Event::BlockLost { height, hash, reason } => {
            format!("the disk has lost block {height} {hash} ({reason}): fetching it again")
        }
        Event::Experiment { height, hash, rule, neighbours } => {
            let what = match rule {
                Some(rule) => format!("block {height} {hash}, which breaks the rule {rule}"),
                None => format!("block {height} {hash}, a rival of the newest one"),
            };
            format!("sent {what}, to {}", count(neighbours, "neighbour"))
        }
        Event::EarlyBlock { address, height, hash, seconds } => format!(
            "neighbour {address} sent block {height} {hash}, whose time is {seconds} s ahead: it waits"
        ),
        Event::InvalidBlock { hash, height, reason } => {
            format!("block {height} {hash} is invalid: {reason}")
        }
    }
}

fn neighbour_left(address: SocketAddr, reason: LeaveReason) -> String {
    match reason {
        LeaveReason::Left => format!("neighbour {address} left"),
        LeaveReason::Missed { missed } => {
            format!("neighbour {address} dropped: {} missed", count(missed, "heartbeat"))
        }
        LeaveReason::Banned { seconds } => {
            let time = super::human::span(Duration::from_secs(seconds));
            format!("neighbour {address} broke rules: ignored for {time}")
        }
    }
}

fn clock_differs(address: SocketAddr, offset_ms: i64) -> String {
    let seconds = offset_ms.unsigned_abs() / 1_000;
    let direction = if offset_ms < 0 { "behind" } else { "ahead of" };
    format!(
        "the clock of neighbour {address} is {seconds} s {direction} this one: check this machine's clock"
    )
}

/// Enough of a hash to tell one from another at a glance.
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
    fn any_time_can_be_shown() {
        assert_eq!(time(0), "1970-01-01T00:00:00Z");
        assert_eq!(time(WRITABLE_MS_MAX), "9999-12-31T23:59:59Z");
        for absurd in [WRITABLE_MS_MAX + 1, u64::MAX] {
            assert!(time(absurd).starts_with(&absurd.to_string()));
        }
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
