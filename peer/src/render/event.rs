//! Renders events as text for people.

use std::net::SocketAddr;
use std::time::Duration;

use owo_colors::OwoColorize;

use super::finality;
use super::text::{self, count, short};
use crate::schema::{Certificate, Event, LeaveReason, PeerAt};

/// The most neighbours that one line names.
const LISTED_MAX: usize = 4;

/// How much an event, or a refusal, matters to whoever reads it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tone {
    Plain,
    /// What was hoped for.
    Good,
    /// What may need somebody to look.
    Doubtful,
    /// What is wrong.
    Bad,
}

impl Tone {
    /// The text in the colour that belongs to it.
    pub(super) fn paint(self, text: &str, color: bool) -> String {
        match self {
            Self::Good if color => text.green().to_string(),
            Self::Doubtful if color => text.yellow().to_string(),
            Self::Bad if color => text.red().to_string(),
            Self::Plain | Self::Good | Self::Doubtful | Self::Bad => text.to_owned(),
        }
    }
}

/// How much an event matters.
pub(crate) fn tone(event: &Event) -> Tone {
    match event {
        Event::OwnVote { .. }
        | Event::OwnVoteFinal { .. }
        | Event::Final { .. }
        | Event::Signs
        | Event::Verified { lost: 0, .. }
        | Event::DiskRecovered
        | Event::AddressBack { .. }
        | Event::ClockAgrees { .. } => Tone::Good,
        Event::Reorganisation { .. }
        | Event::Abstains { .. }
        | Event::Superseded { .. }
        | Event::PeerSilent { .. }
        | Event::NoContact { .. }
        | Event::NeighbourLeft { reason: LeaveReason::Missed { .. }, .. }
        | Event::TrackerSilent { .. }
        | Event::NameUnknown { .. }
        | Event::ClockDiffers { .. }
        | Event::EarlyBlock { .. }
        | Event::Verified { .. }
        | Event::Missed { .. } => Tone::Doubtful,
        Event::Mended { .. }
        | Event::NotCounted { .. }
        | Event::Evidence { .. }
        | Event::ConflictingCertificates { .. }
        | Event::Twin { .. }
        | Event::NeighbourLeft { reason: LeaveReason::Banned { .. }, .. }
        | Event::TrackerRefused { .. }
        | Event::ClockOff { .. }
        | Event::AddressGone { .. }
        | Event::Misbehaviour { .. }
        | Event::DiskRefuses { .. }
        | Event::BlockLost { .. }
        | Event::InvalidBlock { .. } => Tone::Bad,
        Event::Listening { .. }
        | Event::Mining(_)
        | Event::Registering { .. }
        | Event::Left
        | Event::Block { .. }
        | Event::Transaction { .. }
        | Event::StateChanged { .. }
        | Event::NeighbourJoined { .. }
        | Event::NeighbourNamed { .. }
        | Event::NeighbourLeft {
            reason: LeaveReason::Left | LeaveReason::MetInside { .. }, ..
        }
        | Event::Registered { .. }
        | Event::NameFound { .. }
        | Event::GoesOn { .. }
        | Event::Syncing { .. }
        | Event::Synced { .. }
        | Event::Experiment { .. } => Tone::Plain,
    }
}

/// Many transactions that came at once.
pub(super) fn many(registrations: u64, votes: u64) -> String {
    let all = [(registrations, "registration"), (votes, "vote")];
    let all: Vec<_> = all
        .into_iter()
        .filter(|(number, _)| *number > 0)
        .map(|(number, thing)| count(number, thing))
        .collect();
    let wait = if registrations + votes == 1 { "waits" } else { "wait" };
    format!("{} {wait} for a block", all.join(" and "))
}

/// What happened, in one line without its line feed.
pub(crate) fn event(event: &Event) -> String {
    match event {
        Event::Listening { address, name, api, election, title, role: _, voter, data_dir } => {
            let address = text::neighbour(*address, name.as_deref());
            let voter =
                voter.map_or_else(|| "no voter".to_owned(), |voter| format!("voter {voter}"));
            let api = api.as_ref().map(|url| format!(", API at {url}")).unwrap_or_default();
            format!(
                "peer listening on {address}, election {election} ({title}), {voter}, data in {data_dir}{api}"
            )
        }
        Event::Mining(progress) => format!("mining {}", text::mining(progress)),
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
        Event::Reorganisation { to, disconnected, connected: 0, returned, .. } => format!(
            "{} left the best chain until their time comes by this machine's clock: it ends in block {} {}, and {} \
             returned to the pool",
            count(disconnected, "block"),
            to.height,
            to.hash,
            count(returned, "transaction"),
        ),
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
            let (kind, id, voter) = (text::kind(*kind), short(id), short(voter));
            format!("{kind} {id} of voter {voter} waits for a block")
        }
        Event::Superseded { transaction: id, voter, kind, by } => {
            let (kind, id, voter) = (text::kind(*kind), short(id), short(voter));
            let reason = match by {
                Some(by) => format!("the chain holds {}", short(by)),
                None => "the chain holds another transaction of this voter, or has all the voters \
                         that the election takes"
                    .to_owned(),
            };
            format!("{kind} {id} of voter {voter} will not be counted: {reason}")
        }
        Event::OwnVote { standing, .. } => format!("your vote is {}", text::standing(standing)),
        Event::OwnVoteFinal { transaction, since_ms, .. } => {
            let since = since_ms.map(|since| format!(" since {}", text::time(since)));
            format!("your vote {} is final{}", short(transaction), since.unwrap_or_default())
        }
        Event::StateChanged { state } => format!("the election is {}", state.to_uppercase()),
        Event::Final { height, hash, votes } => {
            format!("final up to block {height} {hash}: {}", count(votes, "vote"))
        }
        Event::NotCounted { transaction, voter } => format!(
            "NOT COUNTED: the election closed without vote {} of voter {}",
            short(transaction),
            short(voter)
        ),
        Event::Evidence { validator, offence, .. } => {
            format!("validator {validator} {}: `evidence` shows it", finality::offence(offence))
        }
        Event::ConflictingCertificates { first, second } => format!(
            "CERTIFICATES CONTRADICT EACH OTHER, and nothing is final any more: block {} {} by {}, and block {} {} by {}",
            first.height,
            first.hash,
            validators(first),
            second.height,
            second.hash,
            validators(second),
        ),
        Event::Twin { reason } => {
            format!("another peer has this validator's key ({reason}): it signs nothing more here")
        }
        Event::Abstains { reason, .. } => format!("this validator does not sign: {reason}"),
        Event::Signs => "this validator signs".to_owned(),
        Event::PeerSilent { address, name, inner } => {
            peer_silent(&text::named(name.as_deref(), *address), inner)
        }
        Event::NoContact { others } => text::no_contact(*others),
        Event::NeighbourJoined { address } => format!("neighbour {address} joined"),
        Event::NeighbourNamed { address, name } => {
            format!("neighbour {address} calls itself {name}")
        }
        Event::NeighbourLeft { address, name, reason } => {
            neighbour_left(&text::neighbour(*address, name.as_deref()), *reason)
        }
        Event::Registered { tracker, name, seen_as, peers } => {
            let tracker = text::named(name.as_deref(), *tracker);
            // The first answer often names nobody yet; the neighbours are told as they join.
            let others = match peers {
                0 => String::new(),
                peers => format!(", and {}", count(peers, "other peer")),
            };
            format!("tracker {tracker} lists this peer as {seen_as}{others}")
        }
        Event::TrackerSilent { tracker, name } => {
            let tracker = text::named(name.as_deref(), *tracker);
            format!("tracker {tracker} does not answer: it is tried again and again")
        }
        Event::GoesOn { voter, data_dir } => format!(
            "goes on as voter {}, kept in {data_dir}: --data-dir NEW makes a new voter",
            short(voter)
        ),
        Event::NameUnknown { name, reason } => {
            format!("can't find the host of {name} ({reason}): it is looked up again and again")
        }
        Event::NameFound { name, addresses } => {
            let addresses: Vec<_> = addresses.iter().map(|each| each.ip().to_string()).collect();
            format!("{name} stands for {} now", addresses.join(", "))
        }
        Event::AddressGone { address } => format!(
            "this machine no longer has the address {}: it is bound anew when it is back",
            address.ip()
        ),
        Event::AddressBack { address } => {
            format!("this machine has the address {} again: bound anew", address.ip())
        }
        Event::TrackerRefused { tracker, name, expected, found_prefix } => {
            let tracker = text::named(name.as_deref(), *tracker);
            format!("tracker {tracker} serves another election ({found_prefix}…), not {expected}")
        }
        Event::ClockDiffers { address, name, offset_ms } => {
            clock_differs(&text::neighbour(*address, name.as_deref()), *offset_ms)
        }
        Event::ClockOff { offset_ms, disagreeing, compared } => {
            let off = text::clock_off(*offset_ms, *disagreeing, *compared);
            format!("{off}; this peer does not mine until then")
        }
        Event::ClockAgrees { compared } => {
            format!("this machine's clock agrees with most of {} again", count(compared, "other"))
        }
        Event::Syncing { from, to } => format!("fetching blocks {from} to {to}"),
        Event::Synced { tip } => {
            format!("all blocks are here, up to block {} {}", tip.height, tip.hash)
        }
        Event::Misbehaviour { address, name, reason } => {
            let neighbour = text::neighbour(*address, name.as_deref());
            format!("neighbour {neighbour} broke a rule: {reason}")
        }
        Event::DiskRefuses { reason } => {
            format!("the disk takes nothing ({reason}): no vote is accepted until it does")
        }
        Event::DiskRecovered => "the disk takes votes again".to_owned(),
        Event::BlockLost { height, hash, reason } => {
            format!("the disk has lost block {height} {hash} ({reason}): fetching it again")
        }
        Event::Experiment { height, hash, rule, neighbours, sent_to } => {
            let what = match rule {
                Some(rule) => format!("block {height} {hash}, which breaks the rule {rule}"),
                None => format!("block {height} {hash}, a rival of the newest one"),
            };
            format!("sent {what}, to {}{}", count(neighbours, "neighbour"), listed(sent_to))
        }
        Event::EarlyBlock { address, name, height, hash, seconds } => format!(
            "neighbour {} sent block {height} {hash}, whose time is {seconds} s ahead: it waits",
            text::neighbour(*address, name.as_deref())
        ),
        Event::InvalidBlock { hash, height, reason } => {
            format!("block {height} {hash} is invalid: {reason}")
        }
    }
}

fn validators(certificate: &Certificate) -> String {
    let places: Vec<_> = certificate.validators.iter().map(u16::to_string).collect();
    format!("validators {}", places.join(", "))
}

/// The neighbours to whom something was sent, as far as they fit into a line.
fn listed(all: &[PeerAt]) -> String {
    let first = all.iter().take(LISTED_MAX);
    let first = first.map(|each| text::neighbour(each.address, each.name.as_deref()));
    let first = first.collect::<Vec<_>>().join(", ");
    match (all.len(), all.len().saturating_sub(LISTED_MAX)) {
        (0, _) => String::new(),
        (_, 0) => format!(": {first}"),
        (_, more) => format!(": {first} and {}", count(more, "other")),
    }
}

fn peer_silent(address: &str, inner: &[SocketAddr]) -> String {
    let inner: Vec<_> = inner.iter().map(SocketAddr::to_string).collect();
    let inside = match inner.as_slice() {
        [] => String::new(),
        _ => format!(" (nor at {}, behind this peer's router)", inner.join(", ")),
    };
    format!(
        "nobody answers at {address}{inside}, where another peer should be: check its network and firewall"
    )
}

fn neighbour_left(address: &str, reason: LeaveReason) -> String {
    match reason {
        LeaveReason::Left => format!("neighbour {address} left"),
        LeaveReason::Missed { missed } => {
            format!("neighbour {address} dropped: {} missed", count(missed, "heartbeat"))
        }
        LeaveReason::MetInside { inner } => {
            format!("neighbour {address} is reached at {inner}, behind the same router")
        }
        LeaveReason::Banned { seconds } => {
            let time = text::span(Duration::from_secs(seconds));
            format!("neighbour {address} broke rules: ignored for {time}")
        }
    }
}

fn clock_differs(address: &str, offset_ms: i64) -> String {
    let seconds = offset_ms.unsigned_abs() / 1_000;
    let direction = if offset_ms < 0 { "behind" } else { "ahead of" };
    format!("the clock at {address} is {seconds} s {direction} this one: one of the two is wrong")
}
