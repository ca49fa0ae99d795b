//! A second, deliberately naive reading of docs/PROTOCOL.md's sections on time, difficulty, opening and closing. It
//! shares no rule with the peer's code.

use protocol::election::Election;
use protocol::transaction::TransactionKind;

/// Time and difficulty of a block, by which those above it are judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mark {
    pub(crate) time: u64,
    pub(crate) difficulty: u64,
}

/// How many blocks a block may depend on, the genesis block below the first 60 among them.
pub(crate) const MARKS: usize = 62;

/// The median of the newest 11 times. `newest_first` begins with the parent.
fn median(newest_first: &[Mark]) -> u64 {
    let mut times: Vec<u64> = newest_first.iter().take(11).map(|mark| mark.time).collect();
    times.sort_unstable();
    times[times.len() / 2]
}

/// The difficulty of the block after these, the last of which is the genesis block if there are at most 61.
pub(crate) fn difficulty(election: &Election, newest_first: &[Mark]) -> u64 {
    let floor = 1u64 << election.difficulty_bits;
    let Some(interval) = election.block_interval_s else { return floor };
    let interval = u64::from(interval) * 1_000;
    let mined = newest_first.len() - 1;
    let (mut sum, mut late) = (0u128, 0u128);
    for place in 0..60 {
        let is_mined = place < mined.min(60);
        let is_first = place + 1 == mined && newest_first.len() < MARKS;
        let solve = if is_mined && !is_first {
            (newest_first[place].time - newest_first[place + 1].time).min(6 * interval)
        } else {
            interval
        };
        sum += u128::from(if is_mined { newest_first[place].difficulty } else { floor });
        late += u128::from(solve) * (60 - place as u128);
    }
    let next = sum * u128::from(interval) * 61 / (2 * late);
    u64::try_from(next.min(sum / 30)).unwrap_or(1 << 63).clamp(floor, 1 << 63)
}

/// Whether a transaction of this kind may stand in the block after these.
pub(crate) fn takes(election: &Election, newest_first: &[Mark], kind: TransactionKind) -> bool {
    let Some((opens, closes)) = election.opens().zip(election.closes()) else { return true };
    let time = median(newest_first);
    let is_open = time >= opens.0;
    time < closes.0
        && match kind {
            TransactionKind::Registration => true,
            TransactionKind::Vote => is_open,
            TransactionKind::Withdrawal => !is_open,
        }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::faults::Window;
    use crate::forge;

    /// One of the vectors of docs/PROTOCOL.md.
    #[test]
    fn the_naive_difficulty_is_the_documented_one() {
        let mut election =
            forge::timed_election(1, 16, 10, Window::seconds(300, 900), forge::roster(1, 4));
        let after = |election: &Election, times: &[u64]| {
            let mut marks = vec![Mark { time: 0, difficulty: 1 << election.difficulty_bits }];
            for solve in times {
                let difficulty = difficulty(election, &marks);
                marks.insert(0, Mark { time: marks[0].time + solve, difficulty });
                marks.truncate(MARKS);
            }
            difficulty(election, &marks)
        };
        assert_eq!(after(&election, &[]), 65_536);
        assert_eq!(after(&election, &[3_600_000]), 65_536);
        assert_eq!(after(&election, &[3_600_000, 1]), 67_757);
        assert_eq!(after(&election, &[5_000; 30]), 119_449);
        assert_eq!(after(&election, &[5_000; 100]), 748_487);
        let fast_then_slow = [[1_000; 60], [86_400_000; 60]].concat();
        assert_eq!(after(&election, &fast_then_slow), 65_536);
        let first_is_fast = [vec![1], vec![1_000; 59]].concat();
        assert_eq!(after(&election, &first_is_fast), 372_310);
        (election.difficulty_bits, election.block_interval_s) = (0, Some(1));
        assert_eq!(after(&election, &[1; 400]), 19_111);
    }
}
