//! One peer that is met at several addresses has one voice.
//!
//! Who tells another's number as its own must not silence anybody. So each voice is matched with a peer of its own, as
//! many as can be: a voice that somebody adds, whatever it says, never makes the others fewer. And a voice is left out
//! only where others that stay say the same in the end: nobody may claim what an address says and say something else.

use std::collections::{BTreeMap, BTreeSet};

use super::voice::{AGREEMENT_MS, Heard, Voice, Who, median};

/// Who said what, of which a voice is made.
type Word<S> = (Who, S);

/// What somebody can say.
pub(super) trait Said: Ord + Copy {
    /// What those say in the end who share one voice.
    fn together(all: Vec<Self>) -> Self;

    /// Whether it is the same as something else that was said.
    fn is_like(self, other: Self) -> bool {
        self == other
    }
}

/// That somebody is there.
impl Said for () {
    fn together(_: Vec<Self>) -> Self {}
}

/// Whether something is so: most decide.
impl Said for bool {
    fn together(all: Vec<Self>) -> Self {
        all.iter().filter(|answer| **answer).count() > all.len() / 2
    }
}

/// By how many milliseconds a clock is ahead.
impl Said for i64 {
    fn together(all: Vec<Self>) -> Self {
        median(all)
    }

    fn is_like(self, other: Self) -> bool {
        self.abs_diff(other) <= AGREEMENT_MS
    }
}

/// The voices that stay, of those in which somebody said something. Those that were named come first.
pub(super) fn independent<S: Said>(
    words: impl Iterator<Item = (Voice, Word<S>)>,
) -> BTreeSet<Voice> {
    let mut all: BTreeMap<Voice, Vec<Word<S>>> = BTreeMap::new();
    words.for_each(|(voice, word)| all.entry(voice).or_default().push(word));
    let words_of: BTreeMap<_, _> =
        all.into_iter().map(|(voice, words)| (voice, words_that_count(voice, words))).collect();
    let mut voices: Vec<Voice> = words_of.keys().copied().collect();
    // Whoever says many things, as several peers do in one network, is the last to claim one of them.
    voices.sort_by_key(|voice| (!voice.is_named(), words_of[voice].len(), *voice));
    let mut owners = BTreeMap::new();
    voices.retain(|voice| claim(*voice, &words_of, &mut owners, &mut BTreeSet::new()));
    voices.into_iter().collect()
}

/// Those of its words that say what a voice says in the end. If none does, it has one of its own.
fn words_that_count<S: Said>(voice: Voice, words: Vec<Word<S>>) -> BTreeSet<Word<S>> {
    let said = S::together(words.iter().map(|(_, said)| *said).collect());
    let mut counting: BTreeSet<_> =
        words.into_iter().filter(|(_, word)| word.is_like(said)).collect();
    if counting.is_empty() {
        counting.insert((voice.as_somebody(), said));
    }
    counting
}

/// The measured clocks whose voices stay.
pub(super) fn independent_clocks(heard: Vec<(Who, Heard)>) -> impl Iterator<Item = Heard> {
    let agreed = agreed_offsets(&heard);
    let words = heard
        .iter()
        .zip(agreed)
        .map(|((who, heard), agreed)| (Voice::of(heard.from, heard.is_named), (*who, agreed)));
    let kept = independent(words);
    let heard = heard.into_iter().map(|(_, heard)| heard);
    heard.filter(move |heard| kept.contains(&Voice::of(heard.from, heard.is_named)))
}

/// What stands for each measurement: the least of those of the same clock that agree with it.
fn agreed_offsets(heard: &[(Who, Heard)]) -> Vec<i64> {
    let mut order: Vec<usize> = (0..heard.len()).collect();
    order.sort_by_key(|index| (heard[*index].0, heard[*index].1.offset_ms));
    let mut agreed = vec![0; heard.len()];
    let mut least: Option<(Who, i64)> = None;
    for index in order {
        let (who, Heard { offset_ms, .. }) = heard[index];
        let agrees =
            |(same, least): &(Who, i64)| *same == who && offset_ms.abs_diff(*least) <= AGREEMENT_MS;
        let (_, least) = *least.insert(least.filter(agrees).unwrap_or((who, offset_ms)));
        agreed[index] = least;
    }
    agreed
}

/// Gives the voice a word of its own. Another one that has it takes a further one, if it can.
fn claim<S: Said>(
    voice: Voice,
    words_of: &BTreeMap<Voice, BTreeSet<Word<S>>>,
    owners: &mut BTreeMap<Word<S>, Voice>,
    asked: &mut BTreeSet<Word<S>>,
) -> bool {
    for word in &words_of[&voice] {
        if !asked.insert(*word) {
            continue;
        }
        let owner = owners.get(word).copied();
        if owner.is_none_or(|owner| claim(owner, words_of, owners, asked)) {
            owners.insert(*word, voice);
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;
    use std::time::Instant;

    use protocol::datagram::RunNumber;
    use protocol::units::Now;

    use super::*;

    #[expect(clippy::disallowed_methods, reason = "virtual time needs a moment to start from")]
    fn heard(from: &str, run: u8, offset_ms: i64) -> (Who, Heard) {
        let from: SocketAddr = from.parse().expect("an address");
        let who = if run == 0 { Who::At(from) } else { Who::Run(RunNumber([run; 8])) };
        let measured = Now { instant: Instant::now(), unix: chain::fixtures::NOW };
        (who, Heard { from, is_named: false, is_here: false, offset_ms, measured })
    }

    fn kept(all: &[(Who, Heard)]) -> Vec<String> {
        let kept = independent_clocks(all.to_vec());
        kept.map(|heard| heard.from.ip().to_string()).collect()
    }

    #[test]
    fn one_machine_at_two_addresses_has_one_voice() {
        let (four, six) = (heard("203.0.113.1:1", 1, 90_000), heard("[2001:db8::1]:1", 1, 91_900));
        assert_eq!(kept(&[four, six]), ["203.0.113.1"]);
        assert_eq!(kept(&[four, heard("[2001:db8::1]:1", 2, 90_000)]).len(), 2);
        assert_eq!(kept(&[heard("10.0.0.1:1", 0, 0), heard("10.0.0.2:1", 0, 0)]).len(), 2);
        let other = [heard("203.0.114.1:1", 2, 0), heard("[2001:db8:1::1]:1", 2, 0)];
        assert_eq!(kept(&[four, six, other[0], other[1]]).len(), 2);
        let program = [heard("127.0.0.1:6001", 3, 0), heard("[::1]:6001", 3, 0)];
        assert_eq!(kept(&program).len(), 1);
    }

    #[test]
    fn whom_the_user_named_is_kept_of_two_addresses() {
        let mut named = heard("203.0.113.1:1", 1, 0);
        named.1.is_named = true;
        for other in ["1.0.0.1:1", "223.0.0.1:1", "[2001:db8::1]:1"] {
            let other = heard(other, 1, 0);
            assert_eq!(kept(&[named, other]), ["203.0.113.1"]);
            assert_eq!(kept(&[other, named]), ["203.0.113.1"]);
        }
    }

    #[test]
    fn who_copies_a_number_and_says_something_else_silences_nobody() {
        let honest = heard("203.0.113.1:1", 1, 90_000);
        for lie in [0, 87_999, 92_001, -90_000] {
            assert_eq!(kept(&[honest, heard("198.51.100.1:1", 1, lie)]).len(), 2, "{lie}");
        }
    }

    #[test]
    fn one_network_that_copies_all_numbers_silences_nobody() {
        let honest = [1, 2, 3].map(|run| heard(&format!("203.0.{run}.1:1"), run, 90_000));
        let mut all = honest.to_vec();
        all.extend([1, 2, 3].map(|run| heard(&format!("1.0.0.{run}:1"), run, 90_000)));
        assert_eq!(kept(&all), ["203.0.1.1", "203.0.2.1", "203.0.3.1"], "it adds nothing");
        // With lies of its own it has the one voice that it would have without the copies.
        all.extend([4, 5, 6, 7].map(|run| heard(&format!("1.0.0.{run}:1"), run, 0)));
        let kept: BTreeSet<_> = kept(&all).into_iter().collect();
        assert!(honest.iter().all(|(_, each)| kept.contains(&each.from.ip().to_string())));
        assert_eq!(kept.len(), 3 + 7);
    }

    /// Each liar tells the number of one honest peer, as this tells it, and is outvoted by two others beside it.
    #[test]
    fn who_copies_truthfully_and_lies_beside_it_silences_nobody() {
        let mut all: Vec<_> =
            (1..=4).map(|run| heard(&format!("203.0.113.{run}:1"), run, 0)).collect();
        all.extend((11..=15).map(|run| heard(&format!("198.51.{run}.1:1"), run, 0)));
        for liar in 1..=6_u8 {
            let copied = 1 + liar % 4;
            all.push(heard(&format!("1.0.{liar}.1:1"), copied, 0));
            let own = [100 + 2 * liar, 101 + 2 * liar];
            all.extend(own.map(|run| heard(&format!("1.0.{liar}.{run}:1"), run, 90_000)));
        }
        let kept = kept(&all);
        assert!(kept.iter().any(|ip| ip.starts_with("203.0.113.")), "{kept:?}");
        assert_eq!(kept.len(), all.len());
    }

    #[test]
    fn a_clock_that_none_of_its_addresses_has_silences_nobody() {
        let honest = heard("203.0.113.1:1", 1, 90_000);
        let liar = [heard("1.0.0.1:1", 1, 90_000), heard("1.0.0.2:1", 2, -90_000)];
        assert_eq!(kept(&[honest, liar[0], liar[1]]).len(), 3, "in the middle it is 0");
    }

    /// All ways in which a liar says yes, no or nothing by each of three numbers beside those of two honest networks.
    #[test]
    fn a_liar_makes_nobody_fewer_who_say_the_same() {
        let voice = |net: u8| Voice::of(SocketAddr::from(([203, 0, net, 1], 1)), false);
        let word = |run: u8, is_so: bool| (Who::Run(RunNumber([run; 8])), is_so);
        let honest = [
            (voice(2), word(1, true)),
            (voice(2), word(2, true)),
            (voice(2), word(3, false)),
            (voice(3), word(3, false)),
        ];
        let saying = |words: &[(Voice, Word<bool>)], is_so: bool| {
            let kept = independent(words.iter().copied());
            let says = |voice: &Voice| {
                let said = words.iter().filter(|(from, _)| from == voice);
                bool::together(said.map(|(_, (_, is_so))| *is_so).collect()) == is_so
            };
            kept.iter().filter(|voice| says(voice)).count()
        };
        let answers = [None, Some(true), Some(false)];
        for net in [1, 4] {
            for (one, two) in answers.iter().flat_map(|one| answers.map(|two| (*one, two))) {
                for (three, own) in answers.iter().flat_map(|one| answers.map(|two| (*one, two))) {
                    let said = (1..).zip([one, two, three, own]);
                    let said =
                        said.filter_map(|(run, is_so)| Some((voice(net), word(run, is_so?))));
                    let all: Vec<_> = honest.into_iter().chain(said).collect();
                    for is_so in [true, false] {
                        assert!(saying(&all, is_so) >= saying(&honest, is_so), "{all:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_voice_more_never_makes_the_others_fewer() {
        let voice = |net: u8| {
            let from = SocketAddr::from(([203, 0, net, 1], 1));
            Voice::of(from, net == 2)
        };
        let word = |run: u8| (Who::Run(RunNumber([run; 8])), ());
        // All ways in which three voices share three numbers, and each fourth voice.
        let all: Vec<Vec<u8>> =
            (1..8_u8).map(|set| (0..3).filter(|bit| (set >> bit) & 1 == 1).collect()).collect();
        let count = |sets: &[&Vec<u8>]| {
            let words = (1..)
                .zip(sets)
                .flat_map(|(net, set)| set.iter().map(move |run| (voice(net), word(*run))));
            independent(words).len()
        };
        for one in &all {
            for two in &all {
                for three in &all {
                    let before = count(&[one, two, three]);
                    let three_or_numbers =
                        one.iter().chain(two).chain(three).collect::<BTreeSet<_>>().len().min(3);
                    assert!(before <= three_or_numbers, "{one:?} {two:?} {three:?}");
                    for four in &all {
                        let after = count(&[one, two, three, four]);
                        assert!(after >= before, "{one:?} {two:?} {three:?} {four:?}");
                    }
                }
            }
        }
    }
}
