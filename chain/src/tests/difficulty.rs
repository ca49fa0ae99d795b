//! The difficulty and the median time past: what docs/PROTOCOL.md says of them, and how the difficulty answers to
//! miners that come, leave, pause and lie.

use proptest::prelude::*;
use protocol::units::Difficulty;

use super::*;

const PROTOCOL: &str = include_str!("../../../docs/PROTOCOL.md");

const INTERVAL_S: u32 = 10;
const INTERVAL_MS: u64 = 1_000 * INTERVAL_S as u64;

fn steered(difficulty_bits: u8, block_interval_s: u32) -> Election {
    Election { difficulty_bits, block_interval_s: Some(block_interval_s), ..election() }
}

/// The header that follows, with this time, before any work.
fn header_at(past: &Past, time: UnixMillis) -> Header {
    Header { time, ..past.next_header(&[], UnixMillis(0)) }
}

/// Adds a block so many milliseconds after its parent.
fn add_after(past: &mut Past, after_ms: u64) {
    let header = header_at(past, past.parent().time.plus(Duration::from_millis(after_ms)));
    past.add(&header);
}

/// The rows of the table of docs/PROTOCOL.md that begins with this one, each as its cells.
fn table(heading: &str) -> Vec<Vec<&'static str>> {
    let lines = PROTOCOL.lines().skip_while(|line| *line != heading).skip(2);
    let rows = lines.take_while(|line| line.starts_with('|'));
    rows.map(|row| row.trim_matches('|').split('|').map(str::trim).collect()).collect()
}

fn number(cell: &str) -> u64 {
    cell.parse().expect("a number")
}

#[test]
fn the_difficulties_of_the_protocol_are_those_of_the_code() {
    let rows = table("| difficulty_bits | block_interval_s | solve times | the next difficulty |");
    assert!(rows.len() >= 10, "{rows:?}");
    for row in rows {
        let [bits, interval_s, solve_times, expected] = row[..] else { panic!("{row:?}") };
        let bits = u8::try_from(number(bits)).expect("few bits");
        let interval_s = u32::try_from(number(interval_s)).expect("an interval");
        let mut past = Past::genesis(&steered(bits, interval_s));
        for run in solve_times.split(", ").filter(|run| *run != "none") {
            let (blocks, after_ms) = run.split_once(" × ").expect("blocks × milliseconds");
            (0..number(blocks)).for_each(|_| add_after(&mut past, number(after_ms)));
        }
        assert_eq!(past.next_difficulty().attempts(), number(expected), "{row:?}");
    }
}

#[test]
fn the_medians_of_the_protocol_are_those_of_the_code() {
    let rows = table("| height of the block | n | the height whose time is the MTP |");
    assert!(rows.len() >= 10, "{rows:?}");
    let mut past = Past::genesis(&election());
    let mut times = vec![past.parent().time];
    for row in rows {
        let [height, blocks, middle] = row[..] else { panic!("{row:?}") };
        while past.parent().height.0 < number(height) {
            add_after(&mut past, 7);
            times.push(past.parent().time);
        }
        assert_eq!(times.len().min(11) as u64, number(blocks), "{row:?}");
        assert_eq!(past.median_time(), times[number(middle) as usize], "{row:?}");
    }
}

#[test]
fn without_an_interval_the_difficulty_stays() {
    let mut past = Past::genesis(&election());
    for after_ms in [1, 1, 100_000_000, 1] {
        assert_eq!(past.next_difficulty(), election().difficulty());
        add_after(&mut past, after_ms);
    }
}

#[test]
fn a_header_bears_the_difficulty_of_its_own_ancestors() {
    let election = Arc::new(steered(4, INTERVAL_S));
    let mut chain = Chain::new(Arc::clone(&election), Rules::ALL, usize::MAX);
    let now = election.created.plus(Duration::from_secs(3_600));
    let add = |chain: &mut Chain, header: Header| {
        let hash = chain.insert_header(worked(header, 0), now)?;
        chain.insert_body(&hash, vec![]).expect("it is empty");
        chain.accept_signatures(&hash);
        chain.advance();
        chain.check_invariants();
        Ok::<_, HeaderError>(hash)
    };
    // A hurried branch and a slow one from the same parent, 70 blocks long, have difficulties of their own.
    let mut ends = Vec::new();
    for gap_ms in [INTERVAL_MS / 4, 2 * INTERVAL_MS] {
        let mut past = Past::genesis(&election);
        for _ in 0..70 {
            let header = header_at(&past, past.parent().time.plus(Duration::from_millis(gap_ms)));
            let expected = header.difficulty;
            for found in [expected.attempts() - 1, expected.attempts() + 1] {
                let found = Difficulty::new(found).expect("above zero");
                let refused = add(&mut chain, Header { difficulty: found, ..header });
                assert_eq!(refused, Err(HeaderError::Difficulty { found, expected }));
            }
            let hash = add(&mut chain, header).expect("it follows");
            past.add(chain.header(&hash).expect("it was added"));
        }
        let end = past.parent().hash();
        let seen = chain.past(&end).expect("it was added").next_difficulty();
        assert_eq!(seen, past.next_difficulty());
        ends.push((end, seen));
    }
    assert!(ends[0].1 > ends[1].1 && ends[1].1 == election.difficulty());
    assert_eq!((chain.tip().hash, chain.next_difficulty()), ends[0], "more work wins");
}

#[test]
fn a_block_may_be_two_minutes_ahead_or_three_intervals() {
    for (interval_s, ahead_ms) in
        [(None, 120_000), (Some(1), 3_000), (Some(39), 117_000), (Some(41), 120_000)]
    {
        let election = Election { block_interval_s: interval_s, ..election() };
        let mut chain = Chain::new(Arc::new(election), Rules::ALL, usize::MAX);
        let latest = NOW.plus(Duration::from_millis(ahead_ms));
        assert_eq!(chain.time_ahead_max(), Duration::from_millis(ahead_ms));
        let header = chain.next_header(&[], latest.plus(Duration::from_millis(1)));
        let early = chain.insert_header(worked(header, 0), NOW);
        let ahead = Duration::from_millis(ahead_ms + 1);
        assert_eq!(early, Err(HeaderError::TooEarly { ahead }));
        let header = chain.next_header(&[], latest);
        assert!(chain.insert_header(worked(header, 0), NOW).is_ok());
        chain.set_time(UnixMillis(NOW.0 - 1));
        assert_ne!(chain.best_header().hash, header.hash(), "it is early by a millisecond");
    }
}

/// The difficulty after these blocks as docs/PROTOCOL.md puts it, from all of them.
fn by_definition(times: &[u64], difficulties: &[u64], floor: u64, interval_ms: u64) -> u64 {
    let (mut sum, mut weighted) = (0u128, 0u128);
    for weight in 1..=60 {
        let height = (times.len() + weight).checked_sub(61).filter(|height| *height > 0);
        let (difficulty, solve_ms) = match height {
            None => (floor, interval_ms),
            Some(1) => (difficulties[1], interval_ms),
            Some(height) => {
                let solve_ms = times[height] - times[height - 1];
                (difficulties[height], solve_ms.min(6 * interval_ms))
            }
        };
        sum += u128::from(difficulty);
        weighted += weight as u128 * u128::from(solve_ms);
    }
    let next = (sum * u128::from(interval_ms) * 61 / (2 * weighted)).min(sum / 30);
    u64::try_from(next).unwrap_or(1 << 63).clamp(floor, 1 << 63)
}

proptest! {
    #[test]
    fn any_past_gives_the_difficulty_and_the_median_of_their_definitions(
        bits in 0u8..=48,
        interval_s in prop::sample::select(vec![1u32, 2, 10, 600, 3_600]),
        gaps in prop::collection::vec(
            prop_oneof![1u64..100, 1u64..100_000, Just(1), Just(u64::from(u32::MAX))],
            0..150,
        ),
    ) {
        let election = steered(bits, interval_s);
        let floor = election.difficulty().attempts();
        let mut past = Past::genesis(&election);
        let (mut times, mut difficulties) = (vec![past.parent().time.0], vec![floor]);
        for gap in gaps {
            let interval_ms = u64::from(interval_s) * 1_000;
            let expected = by_definition(&times, &difficulties, floor, interval_ms);
            prop_assert_eq!(past.next_difficulty().attempts(), expected);
            add_after(&mut past, gap);
            times.push(past.parent().time.0);
            difficulties.push(expected);
            let mut last: Vec<_> = times.iter().rev().take(11).copied().collect();
            last.sort_unstable();
            prop_assert_eq!(past.median_time().0, last[last.len() / 2]);
        }
    }
}
