//! When this machine's clock was last found to be right, and by whom.
//!
//! Whoever was asked goes, and strangers come. If these call the clock off, and it was not set since others found it
//! right, then it is word against word: nothing shows that the clock went wrong. So what those say whom the user named
//! stands against all strangers, and what strangers said stands against as many. Those are told then, and not believed.
//! This must never hold against somebody who has the last word and is there, nor against those who said it themselves:
//! a machine that was paused finds both of its times stopped alike, so only they can tell.

use std::collections::BTreeSet;
use std::time::Duration;

use protocol::units::Now;

use super::voice::Voice;

/// A clock that went further than the monotonic time by this, or less far, is another one: it was set, or the machine
/// slept. Together with the 30 s by which clocks may differ this is well within the two minutes by which others let a
/// block be early.
const SAME_WITHIN: Duration = Duration::from_secs(15);
/// For how long an agreement is believed. A clock that goes wrong by 100 millionths and is never set, as bad ones do,
/// is a minute off by then, and both of its times go wrong alike.
const BELIEVED: Duration = Duration::from_secs(7 * 24 * 3_600);

/// Who found the clock right: these voices, at most one for each neighbour and tracker, or most of those that the user
/// named, who count for more than any number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Witness {
    Voices(BTreeSet<Voice>),
    Named,
}

impl Witness {
    /// Whether this counts for more than another one, or is the same again. As many others are none of both: they could
    /// say it to take the place of those who are gone, and then take it back.
    fn replaces(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Named, _) => true,
            (Self::Voices(_), Self::Named) => false,
            (Self::Voices(these), Self::Voices(others)) => {
                these.len() > others.len() || these.is_superset(others)
            }
        }
    }
}

/// That this machine's clock was right.
#[derive(Debug, Clone)]
pub(super) struct Agreement {
    /// When the first of those was measured who say so.
    pub(super) since: Now,
    pub(super) witness: Witness,
}

impl Agreement {
    /// Which of two is to be kept: the newer one if it replaces the older one.
    pub(super) fn newer(before: Option<Self>, next: Option<Self>, now: Now) -> Option<Self> {
        let before = before.filter(|before| before.holds(now));
        let replaces = |next: &Self| {
            before.as_ref().is_none_or(|before| next.witness.replaces(&before.witness))
        };
        next.filter(|next| next.holds(now) && replaces(next)).or(before)
    }

    /// Whether the clock is the same as then.
    pub(super) fn holds(&self, now: Now) -> bool {
        let passed = now.instant.saturating_duration_since(self.since.instant);
        passed < BELIEVED && moved(self.since, now) < SAME_WITHIN
    }

    /// Whether this stands against these strangers who say that the clock is off. Those of them who found it right
    /// before take that back.
    pub(super) fn outweighs(&self, disagreeing: &BTreeSet<Voice>) -> bool {
        match &self.witness {
            Witness::Named => true,
            Witness::Voices(voices) => voices.difference(disagreeing).count() >= disagreeing.len(),
        }
    }
}

/// By how much a clock went further than the monotonic time, or less far.
pub(super) fn moved(from: Now, to: Now) -> Duration {
    let passed = to.instant.saturating_duration_since(from.instant);
    to.unix.distance(from.unix.plus(passed))
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use protocol::units::UnixMillis;

    use super::*;

    /// The voices of strangers in these networks.
    fn voices(networks: std::ops::RangeInclusive<u8>) -> BTreeSet<Voice> {
        networks.map(|net| Voice::of(([203, 0, net, 1], 1).into(), false)).collect()
    }

    #[expect(clippy::disallowed_methods, reason = "virtual time needs a moment to start from")]
    fn start() -> Now {
        Now { instant: Instant::now(), unix: UnixMillis(1_000_000_000) }
    }

    /// The moment when so much has passed, on a clock that was set by `set_ms` meanwhile.
    fn later(from: Now, passed: Duration, set_ms: i64) -> Now {
        let unix = from.unix.plus(passed).0.saturating_add_signed(set_ms);
        Now { instant: from.instant + passed, unix: UnixMillis(unix) }
    }

    #[test]
    fn it_holds_for_a_week_and_until_the_clock_moves_by_15_s_either_way() {
        let agreement = Agreement { since: start(), witness: Witness::Named };
        let holds = |passed, set_ms| agreement.holds(later(agreement.since, passed, set_ms));
        let week = Duration::from_secs(7 * 24 * 3_600);
        let before = week - Duration::from_millis(1);
        assert!(holds(Duration::ZERO, 0) && holds(before, 14_999) && holds(before, -14_999));
        assert!(!holds(before, 15_000) && !holds(Duration::ZERO, -15_000) && !holds(week, 0));
    }

    #[test]
    fn voices_stand_against_as_many_and_whom_the_user_named_against_all() {
        let since = start();
        let outweighs = |witness, others| Agreement { since, witness }.outweighs(&voices(others));
        let three = || Witness::Voices(voices(1..=3));
        assert!(outweighs(Witness::Named, 1..=255) && outweighs(three(), 11..=13));
        assert!(!outweighs(three(), 11..=14), "more say so");
        assert!(!outweighs(three(), 1..=3), "they take it back");
        assert!(!outweighs(three(), 2..=3), "one of three is left");
        assert!(outweighs(three(), 3..=3) && outweighs(three(), 3..=4), "two are as many");
    }

    #[test]
    fn the_newer_one_is_kept_unless_the_older_one_counts_for_more_and_holds() {
        let since = start();
        let of = |witness, since| Some(Agreement { since, witness });
        let kept = |before, next, now| {
            let kept = Agreement::newer(before, next, now)?;
            Some((kept.witness, kept.since.instant - since.instant))
        };
        let (two, named) = (|| Witness::Voices(voices(1..=2)), || Witness::Named);
        let second = Duration::from_secs(1);
        let next = later(since, second, 0);
        assert_eq!(kept(None, None, next), None);
        assert_eq!(kept(None, of(two(), since), next), Some((two(), Duration::ZERO)));
        assert_eq!(kept(of(named(), since), None, next), Some((named(), Duration::ZERO)));
        assert_eq!(
            kept(of(named(), since), of(two(), next), next),
            Some((named(), Duration::ZERO))
        );
        assert_eq!(kept(of(two(), since), of(named(), next), next), Some((named(), second)));
        assert_eq!(kept(of(two(), since), of(two(), next), next), Some((two(), second)));
        let others = |networks| Witness::Voices(voices(networks));
        let strangers = kept(of(two(), since), of(others(3..=4), next), next);
        assert_eq!(strangers, Some((two(), Duration::ZERO)), "as many others");
        let more = kept(of(two(), since), of(others(3..=5), next), next);
        assert_eq!(more, Some((others(3..=5), second)));
        let set = later(since, second, 20_000);
        assert_eq!(kept(of(named(), since), of(two(), set), set), Some((two(), second)));
        assert_eq!(kept(of(named(), since), of(two(), since), set), None, "both are of before");
    }
}
