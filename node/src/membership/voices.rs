//! Whose word on the time counts how much.
//!
//! One host can have many addresses, and who gives no name can't be asked why its clock is wrong. So one network has
//! one voice, however many neighbours are in it, and whom this peer's user named has a voice of its own and the last
//! word: as long as most of these agree with this machine's clock, nobody else can call it off. What they said stands
//! when they are gone, see [`Agreement`].

use std::collections::{BTreeMap, BTreeSet};

use protocol::units::Now;

use super::agreement::{Agreement, Witness};
use super::distinct::Said as _;
use super::voice::{Heard, Voice, median};
use crate::views::ClockView;

/// Clocks that differ by more than this are reported, because votes and blocks carry times.
pub(super) const DIFFERENCE_MAX_MS: i64 = 30_000;
/// The fewest voices that tell whether this machine's clock or another one is wrong.
pub(super) const COMPARED_MIN: usize = 2;

/// What one voice says in the end.
struct Said {
    voice: Voice,
    offset_ms: i64,
    has_last_word: bool,
    measured: Now,
}

/// What comes of a comparison.
#[derive(Debug, Clone)]
pub(super) struct Comparison {
    pub(super) view: ClockView,
    /// Those of whom the view tells how many disagree.
    pub(super) disagreeing: BTreeSet<Voice>,
    /// By whom this machine's clock is found to be right, if most say so.
    pub(super) agreement: Option<Agreement>,
    /// Whether somebody was measured who has the last word.
    pub(super) has_last_word: bool,
}

/// Compares this machine's clock with others, by how many milliseconds each of them is ahead of it. It is off if it
/// differs from most voices alike, and from most of those that were named, where there are any. Of these, who is on
/// this machine shares its clock, and so can't speak for it.
pub(super) fn compare(heard: impl Iterator<Item = Heard>) -> Comparison {
    let mut voices: BTreeMap<Voice, Vec<Heard>> = BTreeMap::new();
    for heard in heard {
        voices.entry(Voice::of(heard.from, heard.is_named)).or_default().push(heard);
    }
    let said: Vec<_> =
        voices.into_iter().filter_map(|(voice, heard)| Said::by(voice, heard)).collect();
    let disagreeing = disagreeing(&said);
    Comparison {
        view: view(&said, &disagreeing),
        disagreeing,
        agreement: agreement(&said),
        has_last_word: said.iter().any(|said| said.has_last_word),
    }
}

impl Said {
    /// What all say together who share one voice.
    fn by(voice: Voice, heard: Vec<Heard>) -> Option<Self> {
        let first = heard.iter().min_by_key(|heard| heard.measured.instant)?;
        let (measured, has_last_word) = (first.measured, first.is_named && !first.is_here);
        let offset_ms = median(heard.into_iter().map(|heard| heard.offset_ms).collect());
        Some(Self { voice, offset_ms, has_last_word, measured })
    }
}

/// By whom the clock is found to be right: by most of those that were named, or else by most of all.
fn agreement(said: &[Said]) -> Option<Agreement> {
    let named: Vec<_> = said.iter().filter(|said| said.has_last_word).collect();
    if let Some((_, since)) = most_agree(&named) {
        return Some(Agreement { since, witness: Witness::Named });
    }
    let (voices, since) = most_agree(&said.iter().collect::<Vec<_>>())?;
    let are_enough = voices.len() >= COMPARED_MIN;
    are_enough.then_some(Agreement { since, witness: Witness::Voices(voices) })
}

/// Who agrees, if they are most, and when the first of them was measured.
fn most_agree(said: &[&Said]) -> Option<(BTreeSet<Voice>, Now)> {
    let agrees = |said: &&&Said| said.offset_ms.saturating_abs() <= DIFFERENCE_MAX_MS;
    let agreeing: Vec<_> = said.iter().filter(agrees).collect();
    let since = agreeing.iter().map(|said| said.measured).min_by_key(|at| at.instant)?;
    let voices = agreeing.iter().map(|said| said.voice).collect();
    (agreeing.len() > said.len() / 2).then_some((voices, since))
}

/// Who is far from this machine's clock, in the same direction as the median.
fn disagreeing(said: &[Said]) -> BTreeSet<Voice> {
    let median = median(said.iter().map(|said| said.offset_ms).collect());
    let disagrees = |said: &&Said| {
        let is_far = said.offset_ms.saturating_abs() > DIFFERENCE_MAX_MS;
        is_far && said.offset_ms.signum() == median.signum()
    };
    said.iter().filter(disagrees).map(|said| said.voice).collect()
}

fn view(said: &[Said], who_disagrees: &BTreeSet<Voice>) -> ClockView {
    let compared = said.len();
    let median = median(said.iter().map(|said| said.offset_ms).collect());
    let disagreeing = who_disagrees.len();
    if compared < COMPARED_MIN {
        let apart_ms = (disagreeing > 0).then_some(-median);
        return ClockView { compared, offset_ms: None, apart_ms, disagreeing: 0, is_off: false };
    }
    let named: Vec<_> = said.iter().filter(|said| said.has_last_word).collect();
    let named_disagreeing = named.iter().filter(|said| who_disagrees.contains(&said.voice)).count();
    let is_confirmed = named.is_empty() || named_disagreeing > named.len() / 2;
    let is_off = disagreeing > compared / 2 && is_confirmed;
    ClockView { compared, offset_ms: Some(-median), apart_ms: None, disagreeing, is_off }
}

/// Whether most voices say yes, each of which says what most of its addresses do.
pub(super) fn most(answers: impl Iterator<Item = (Voice, bool)>) -> bool {
    let mut voices: BTreeMap<Voice, Vec<bool>> = BTreeMap::new();
    answers.for_each(|(voice, answer)| voices.entry(voice).or_default().push(answer));
    bool::together(voices.into_values().map(bool::together).collect())
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use protocol::units::UnixMillis;

    use super::*;

    fn heard(from: &str, is_named: bool, offset_ms: i64) -> Heard {
        let from = from.parse().expect("an address");
        #[expect(clippy::disallowed_methods, reason = "virtual time needs a moment to start from")]
        let measured = Now { instant: Instant::now(), unix: UnixMillis(1_000_000_000) };
        Heard { from, is_named, is_here: false, offset_ms, measured }
    }

    fn compare_all(heard: &[Heard]) -> ClockView {
        compare(heard.iter().copied()).view
    }

    /// As many strangers as there are offsets, each in a network of its own.
    fn strangers(offsets: &[i64]) -> Vec<Heard> {
        let all = (1..).zip(offsets);
        all.map(|(net, offset_ms)| heard(&format!("203.0.{net}.1:1"), false, *offset_ms)).collect()
    }

    #[test]
    fn the_clock_is_off_if_most_others_say_so_alike() {
        let off = |offsets: &[i64]| {
            let view = compare_all(&strangers(offsets));
            (view.is_off, view.offset_ms, view.disagreeing)
        };
        assert_eq!(off(&[]), (false, None, 0));
        assert_eq!(off(&[90_000]), (false, None, 0), "one of two is wrong, and nobody knows which");
        assert_eq!(off(&[-200_000, -200_100, -199_900]), (true, Some(200_000), 3));
        assert_eq!(off(&[90_000, 80_000]), (true, Some(-80_000), 2));
        assert_eq!(off(&[90_000, 0]), (false, Some(0), 0));
        assert_eq!(off(&[90_000, 80_000, 3]), (true, Some(-80_000), 2));
        assert_eq!(off(&[90_000, 2, 3]), (false, Some(-3), 1));
        assert_eq!(off(&[90_000, 90_000, 0, 1]), (false, Some(-1), 2), "half are not most");
        assert_eq!(off(&[90_000, -90_000]), (false, Some(0), 0), "both are wrong");
        assert_eq!(off(&[30_000, 30_000]), (false, Some(-30_000), 0));
        assert_eq!(off(&[i64::MAX, i64::MAX]), (true, Some(-i64::MAX), 2));
    }

    #[test]
    fn the_only_other_clock_is_told_if_it_is_far_away() {
        let apart = |offset_ms| compare_all(&strangers(&[offset_ms])).apart_ms;
        assert_eq!(apart(-200_000), Some(200_000));
        assert_eq!(apart(31_000), Some(-31_000));
        assert_eq!(apart(30_000), None);
        assert_eq!(compare_all(&strangers(&[90_000, 90_000])).apart_ms, None);
        assert_eq!(compare_all(&[]).apart_ms, None);
    }

    #[test]
    fn one_network_has_one_voice_and_on_this_machine_each_program_has_one() {
        let compared = |addresses: &[&str]| {
            let all: Vec<_> = addresses.iter().map(|from| heard(from, false, 90_000)).collect();
            compare_all(&all).compared
        };
        assert_eq!(compared(&["203.0.113.1:1", "203.0.113.1:2", "203.0.113.99:1"]), 1);
        assert_eq!(compared(&["203.0.113.1:1", "203.0.114.1:1"]), 2);
        assert_eq!(compared(&["[::ffff:203.0.113.1]:1", "203.0.113.2:1"]), 1);
        assert_eq!(compared(&["[2001:db8:1::1]:1", "[2001:db8:1:2::1]:1"]), 1);
        assert_eq!(compared(&["[2001:db8:1::1]:1", "[2001:db8:2::1]:1"]), 2);
        assert_eq!(compared(&["10.0.0.1:1", "10.0.0.1:2"]), 1, "one machine has one clock");
        assert_eq!(compared(&["10.0.0.1:1", "10.0.0.2:1"]), 2, "a LAN has many");
        assert_eq!(compared(&["127.0.0.1:1", "127.0.0.1:2"]), 2);
    }

    #[test]
    fn of_many_liars_in_one_network_all_together_have_the_voice_of_one() {
        let mut all: Vec<_> =
            (1..=40).map(|host| heard(&format!("203.0.113.{host}:1"), false, 90_000)).collect();
        all.extend(strangers(&[0, 1]));
        let view = compare_all(&all);
        assert_eq!((view.compared, view.disagreeing, view.is_off), (3, 1, false));
    }

    #[test]
    fn whom_the_user_named_has_the_last_word_and_not_the_only_one() {
        let with = |named: &[i64], strangers_say: &[i64]| {
            let mut all = strangers(strangers_say);
            let named = (1..).zip(named);
            all.extend(named.map(|(host, ms)| heard(&format!("198.51.100.{host}:1"), true, *ms)));
            compare_all(&all)
        };
        let lies = [90_000; 9];
        assert!(!with(&[3], &lies).is_off, "the tracker knows better than any number of strangers");
        assert_eq!(with(&[3], &lies).disagreeing, 9, "what the strangers say is told");
        assert!(with(&[90_000], &lies).is_off);
        assert!(with(&[90_000, 90_000, 0], &lies).is_off, "most of those named say so");
        assert!(!with(&[90_000, 0], &lies).is_off, "half of them are not most");
        assert!(!with(&[90_000], &[0, 0]).is_off, "one that lies alone moves nothing");
        assert!(!with(&[90_000], &[0]).is_off);
        assert_eq!(with(&[0, 0, 0], &[]).compared, 3, "each that was named has a voice");
    }

    #[test]
    fn who_was_named_finds_a_clock_right_before_all_others_do() {
        let witness = |named: &[i64], strangers_say: &[i64]| {
            let mut all = strangers(strangers_say);
            let named = (1..).zip(named);
            all.extend(named.map(|(host, ms)| heard(&format!("198.51.100.{host}:1"), true, *ms)));
            compare(all.into_iter()).agreement.map(|agreement| agreement.witness)
        };
        let voices = |networks: &[u8], named: &[Voice]| {
            let voices = networks.iter().map(|net| Voice::of(([203, 0, *net, 1], 1).into(), false));
            Some(Witness::Voices(voices.chain(named.iter().copied()).collect()))
        };
        assert_eq!(witness(&[], &[]), None);
        assert_eq!(witness(&[30_000], &[]), Some(Witness::Named), "one that was named is enough");
        assert_eq!(witness(&[30_001], &[]), None);
        assert_eq!(witness(&[0], &[90_000; 9]), Some(Witness::Named));
        assert_eq!(witness(&[0, 90_000], &[]), None, "half are not most");
        assert_eq!(witness(&[], &[0]), None, "one stranger is not enough");
        assert_eq!(witness(&[], &[0, 90_000, -30_000]), voices(&[1, 3], &[]));
        assert_eq!(witness(&[], &[0, 0, 90_000, 90_000]), None);
        assert_eq!(witness(&[90_000], &[0, 0]), voices(&[1, 2], &[]));
        let mut all = strangers(&[90_000, 0]);
        all.push(Heard { is_here: true, ..heard("127.0.0.1:5000", true, 0) });
        let witness = compare(all.into_iter()).agreement.map(|agreement| agreement.witness);
        let here = Voice::of(([127, 0, 0, 1], 5_000).into(), true);
        assert_eq!(witness, voices(&[2], &[here]), "it has a voice, and no last word");
    }

    #[test]
    fn most_voices_decide_and_not_most_addresses() {
        let is_most = |answers: &[(&str, bool)]| {
            let voice = |from: &str| Voice::of(from.parse().expect("an address"), false);
            most(answers.iter().map(|(from, answer)| (voice(from), *answer)))
        };
        assert!(!is_most(&[]));
        assert!(is_most(&[("203.0.113.1:1", true)]));
        let many = [("203.0.113.1:1", true), ("203.0.113.2:1", true), ("203.0.113.3:1", false)];
        assert!(is_most(&many));
        assert!(!is_most(&[many[0], many[1], many[2], ("203.0.114.1:1", false)]), "one of two");
        assert!(is_most(&[many[0], many[1], many[2], ("203.0.114.1:1", true)]));
    }

    #[test]
    fn a_tracker_on_this_machine_has_its_clock_and_no_last_word() {
        let mut all = strangers(&[90_000, 90_000]);
        let here = Heard { is_here: true, ..heard("127.0.0.1:5000", true, 0) };
        all.push(here);
        assert!(compare_all(&all).is_off);
        all.push(heard("198.51.100.1:5000", true, 0));
        assert!(!compare_all(&all).is_off);
    }
}
