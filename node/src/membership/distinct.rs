//! One peer that is met at several addresses has one voice.
//!
//! Who tells another's number as its own must not silence anybody. So each voice is matched with a peer of its own, as
//! many as can be: a voice that somebody adds, whatever it says, never makes the others fewer. And a voice is left out
//! only where others that stay say what each of its addresses says.

use std::collections::{BTreeMap, BTreeSet};

use super::voices::{AGREEMENT_MS, Heard, Voice, Who};

/// Who said what, of which a voice is made.
type Word<Said> = (Who, Said);

/// The voices that stay, of those in which somebody said something. Those that were named come first.
pub(super) fn independent<Said: Ord + Copy>(
    words: impl Iterator<Item = (Voice, Word<Said>)>,
) -> BTreeSet<Voice> {
    let mut words_of: BTreeMap<Voice, BTreeSet<Word<Said>>> = BTreeMap::new();
    for (voice, word) in words {
        words_of.entry(voice).or_default().insert(word);
    }
    let mut voices: Vec<Voice> = words_of.keys().copied().collect();
    // Whoever says many things, as several peers do in one network, is the last to claim one of them.
    voices.sort_by_key(|voice| (!voice.is_named(), words_of[voice].len(), *voice));
    let mut owners = BTreeMap::new();
    voices.retain(|voice| claim(*voice, &words_of, &mut owners, &mut BTreeSet::new()));
    voices.into_iter().collect()
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
fn claim<Said: Ord + Copy>(
    voice: Voice,
    words_of: &BTreeMap<Voice, BTreeSet<Word<Said>>>,
    owners: &mut BTreeMap<Word<Said>, Voice>,
    asked: &mut BTreeSet<Word<Said>>,
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
