//! Pictures, as they stand in a terminal's cells.

mod finality;
mod pictures;

use std::fmt::Write;
use std::net::SocketAddr;

use protocol::units::{BlockHash, ElectionId, TransactionId, VoterId};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;
use ratatui::style::{Color, Modifier};

use super::draw::{Viewport, draw};
use super::state::{Answers, Contact, State, Update};
use crate::schema::{
    Admitted, BlockSummary, Chain, Clock, Event, HeldBy, Mining, Multicast, Neighbour, OptionTally,
    Peers, Percent, QuestionTally, Results, Role, Status, Tip, TransactionKind, Unready, Waiting,
};

const NOW_MS: u64 = 1_795_233_117_040;

const LOOK: Viewport = Viewport { has_color: true, first_row: 0 };

fn tip(height: u64) -> Tip {
    let mut bytes = [0x5a; 32];
    bytes[..3].fill(0);
    bytes[31] = u8::try_from(height % 256).expect("a byte");
    Tip { height, hash: BlockHash(bytes) }
}

fn address(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

fn question(title: &str, options: &[(&str, u64)], blank: u64) -> QuestionTally {
    let options =
        options.iter().map(|(name, votes)| OptionTally { name: (*name).into(), votes: *votes });
    QuestionTally { title: title.into(), options: options.collect(), blank }
}

fn state(title: &str) -> State {
    State::new(title.into(), ElectionId([0xe1; 32]), "http://127.0.0.1:6001".into(), NOW_MS)
}

/// What a peer answers whose chain is so high, with this count.
fn answers(height: u64, votes: u64, questions: Vec<QuestionTally>) -> Answers {
    let status = Status {
        role: Role::Ordinary,
        partitioned: false,
        voter: None,
        name: None,
        election: ElectionId([0xe1; 32]),
        address: address(6_001),
        data_dir: None,
        own_vote: None,
        tip: tip(height),
        work: (height * 4_194_304).to_string(),
        pool: 0,
        held: 0,
        neighbours: 2,
        tip_held_by: HeldBy { neighbours: 2, of: 2 },
        unready: Vec::new(),
        registered_voters: 12,
        admitted: Admitted::Anybody,
        votes,
        trackers: Vec::new(),
        multicast: Multicast::default(),
        clock: Clock { compared: 2, offset_ms: Some(0), apart_ms: None },
        waiting: Waiting::default(),
        finality: None,
        mines: true,
        mining: None,
        sync_target: height,
        dropped: std::collections::BTreeMap::new(),
    };
    let neighbour = |port, trip, missed, clock| Neighbour {
        address: address(port),
        name: None,
        also_at: Vec::new(),
        tip: Some(tip(height)),
        round_trip_ms: trip,
        missed,
        clock_offset_ms: clock,
    };
    let peers = Peers {
        peers: vec![
            neighbour(6_002, Some(0.215), 0, Some(-3)),
            Neighbour { tip: None, ..neighbour(6_003, None, 2, None) },
        ],
    };
    let blocks = (0..=height).rev().map(|height| BlockSummary {
        height,
        hash: tip(height).hash,
        time_ms: NOW_MS - 4_000 - (votes.max(1) - 1) * 1_000,
        registrations: 2,
        votes: 1,
    });
    let results = Results {
        tip: tip(height),
        votes,
        registered_voters: if votes == 0 { 0 } else { 12 },
        turnout_percent: if votes == 0 { None } else { Percent::of(votes, 12) },
        admitted: Admitted::Anybody,
        blocks_deep: 1,
        questions,
        tip_held_by: Some(HeldBy { neighbours: 2, of: 2 }),
        unready: Vec::new(),
        waiting: Waiting::default(),
        finality: None,
    };
    let chain = Chain { blocks: blocks.collect(), next: None };
    let server = "http://127.0.0.1:6001".to_owned();
    Answers { server, status, peers, chain: Some((results, chain)) }
}

fn chair_and_evenings() -> Vec<QuestionTally> {
    vec![
        question("Who takes the chair?", &[("Ada", 4), ("Grace", 3), ("Hedy", 0)], 0),
        question(
            "Which evenings suit you?",
            &[("Tuesday", 3), ("Wednesday", 0), ("Thursday", 5)],
            1,
        ),
    ]
}

/// A peer in the middle of an election, that mines.
fn busy() -> State {
    let mut state = state("Computing club 2026");
    for (pool, rate) in [(0, 0), (2, 4_000_000), (4, 8_000_000), (2, 6_000_000)] {
        let mut answers = answers(6, 7, chair_and_evenings());
        answers.status.pool = pool;
        answers.status.held = 1;
        answers.status.mining = (rate > 0).then_some(Mining {
            height: 7,
            transactions: pool,
            difficulty: 1 << 24,
            hashes_per_second: rate,
            expected_seconds: Some(8.0),
            running_seconds: 3.0,
        });
        state.apply(Update::Asked(Box::new(answers)), NOW_MS);
    }
    for event in [
        Event::NeighbourJoined { address: address(6_003) },
        Event::Block { height: 6, hash: tip(6).hash, transactions: 2, mined_here: true },
        vote(1),
        vote(2),
        vote(3),
    ] {
        state.apply(Update::Event(event), NOW_MS);
    }
    state
}

fn vote(number: u8) -> Event {
    Event::Transaction {
        transaction: TransactionId([number; 32]),
        voter: VoterId([number ^ 0xa0; 32]),
        kind: TransactionKind::Vote,
    }
}

fn picture(state: &State, viewport: Viewport, width: u16, height: u16) -> Buffer {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).expect("it is no real one");
    terminal.draw(|frame| draw(state, viewport, frame)).expect("it is no real one");
    terminal.backend().buffer().clone()
}

/// The text of a picture, line by line, without what is empty at the end of lines.
fn text(buffer: &Buffer) -> String {
    let mut text = String::new();
    for y in 0..buffer.area.height {
        let mut line = String::new();
        let mut x = 0;
        while x < buffer.area.width {
            let symbol = buffer[(x, y)].symbol();
            line += symbol;
            // The cell after a wide character is hidden by it.
            x += u16::try_from(unicode_width::UnicodeWidthStr::width(symbol).max(1))
                .expect("1 or 2");
        }
        writeln!(text, "{}", line.trim_end()).expect("memory");
    }
    text
}

#[track_caller]
fn assert_picture(state: &State, viewport: Viewport, (width, height): (u16, u16), expected: &str) {
    let found = text(&picture(state, viewport, width, height));
    assert!(found == expected.trim_start_matches('\n'), "\n{found}");
}

#[test]
fn a_busy_peer_on_80_by_24() {
    assert_picture(&busy(), LOOK, (80, 24), pictures::BUSY_80);
}

#[test]
fn a_busy_peer_on_120_by_40() {
    assert_picture(&busy(), LOOK, (120, 40), pictures::BUSY_120);
}

#[test]
fn a_peer_that_is_alone_or_does_not_mine_is_drawn_as_that() {
    let drawn = |change: fn(&mut Status)| {
        let mut answers = answers(3, 2, vec![question("Chair?", &[("Ada", 2)], 0)]);
        change(&mut answers.status);
        let mut state = state("Computing club 2026");
        state.apply(Update::Asked(Box::new(answers)), NOW_MS);
        text(&picture(&state, LOOK, 80, 20))
    };
    let alone = drawn(|status| status.tip_held_by.neighbours = 0);
    assert!(alone.contains("nobody else") && alone.contains("nothing to mine"), "{alone}");
    let off = drawn(|status| {
        let unready = Unready::ClockOff { offset_ms: 200_000, disagreeing: 3, compared: 3 };
        status.unready = vec![unready];
    });
    assert!(off.contains("CLOCK OFF") && off.contains("off while the clock is"), "{off}");
    let observer = drawn(|status| status.mines = false);
    assert!(observer.contains("not here") && !observer.contains("nothing to mine"), "{observer}");
}

#[test]
fn a_name_stands_beside_the_address_and_is_cut_where_both_have_no_room() {
    let shown = |width, name: &str| {
        let (mut state, mut answers) = (busy(), answers(6, 7, chair_and_evenings()));
        answers.peers.peers[0].name = Some(name.to_owned());
        state.apply(Update::Asked(Box::new(answers)), NOW_MS);
        let found = text(&picture(&state, LOOK, width, 40));
        let lines = found.lines().skip_while(|line| !line.contains("Neighbours, 2"));
        let lines = lines.map(|line| line.rsplit('│').nth(1).unwrap_or_default().trim_end());
        lines.skip(1).take(3).map(str::to_owned).collect::<Vec<_>>()
    };
    let words = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let narrow = shown(80, "Ada's laptop");
    assert_eq!(words(&narrow[0]), ["address", "tip", "clock"]);
    assert_eq!(narrow[1], " 127.0.0.1:6002 (Ada's laptop)   6 -3 ms");
    assert_eq!(words(&narrow[2]), ["127.0.0.1:6003", "–", "–"]);
    assert_eq!(words(&shown(160, "Ada's laptop")[0]).len(), 5);
    let long = shown(80, "投票所の大きなコンピュータ");
    assert!(long[1].starts_with(" 127.0.0.1:6002 (投票所の") && long[1].contains('…'), "{long:?}");
}

#[test]
fn before_anything_was_heard_and_before_anybody_voted() {
    let mut state = state("Computing club 2026");
    assert_picture(&state, LOOK, (80, 20), pictures::UNHEARD);
    let nobody = vec![question("Who takes the chair?", &[("Ada", 0), ("Grace", 0)], 0)];
    let mut answers = answers(0, 0, nobody);
    answers.peers.peers.clear();
    state.apply(Update::Asked(Box::new(answers)), NOW_MS);
    let found = text(&picture(&state, LOOK, 80, 20));
    for part in ["block 0", "work 0", "0 waiting", "nothing to mine", "0 of 0", "0.0 %", "none"] {
        assert!(found.contains(part), "no {part:?}:\n{found}");
    }
    assert!(!found.contains(['█', '▏']), "{found}");
}

#[test]
fn many_questions_are_scrolled_and_wide_names_keep_the_columns() {
    let mut state =
        state("選挙管理委員会と電算部の合同総会における役員選出のための投票二〇二六年秋");
    let questions = (1..=9).map(|number| {
        let title = format!("第{number}問：誰を議長に選びますか、また誰を書記に選びますか？");
        question(&title, &[("愛田 さくらこ・アンネマリー", 6), ("Grace", 1)], 0)
    });
    let mut answers = answers(120, 7, questions.collect());
    answers.status.sync_target = 4_000;
    state.apply(Update::Asked(Box::new(answers)), NOW_MS);
    assert_picture(&state, Viewport { first_row: 5, ..LOOK }, (80, 24), pictures::WIDE);
    let beyond = text(&picture(&state, Viewport { first_row: 999, ..LOOK }, 80, 24));
    assert!(beyond.contains(" of 35 ") && beyond.contains("第9問"), "{beyond}");
}

#[test]
fn without_contact_the_last_picture_stays_and_is_grey() {
    let mut state = busy();
    let before = text(&picture(&state, LOOK, 80, 24));
    state.apply(Update::Lost("nobody is reached there".into()), NOW_MS);
    state.apply(Update::Lost("still nobody".into()), NOW_MS + 12_000);
    let buffer = picture(&state, LOOK, 80, 24);
    let lost = text(&buffer);
    let (first, last) = (lost.lines().next(), lost.lines().last());
    assert!(
        first.is_some_and(|line| line.contains("○ no contact  http://127.0.0.1:6001")),
        "{lost}"
    );
    assert_eq!(
        last,
        Some(" no contact for 12s, trying again: still nobody                          q ends")
    );
    let count = |text: &str| text.lines().skip(7).take(4).map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(count(&lost), count(&before));
    let is_grey = |y| (0..80).all(|x| buffer[(x, y)].fg == Color::DarkGray);
    assert!((1..23).all(is_grey));
    let buffer = picture(&state, Viewport { has_color: false, ..LOOK }, 80, 24);
    assert!(buffer.content.iter().all(|cell| cell.fg == Color::Reset && cell.bg == Color::Reset));
    assert!(buffer[(2, 2)].modifier.contains(Modifier::DIM));

    let back = answers(0, 0, chair_and_evenings());
    state.apply(Update::Asked(Box::new(back)), NOW_MS + 13_000);
    assert_eq!(state.contact, Contact::Live);
}

#[test]
fn a_terminal_that_is_too_small_gets_one_line() {
    for (width, height) in [(79, 24), (80, 19)] {
        let found = text(&picture(&busy(), LOOK, width, height));
        let expected = format!("make the terminal 80×20 or larger: it is {width}×{height}\n");
        assert_eq!(found.trim_end().to_owned() + "\n", expected);
    }
    // Nothing breaks, however small it is.
    for (width, height) in [(1, 1), (10, 2), (0, 0)] {
        picture(&busy(), LOOK, width, height);
    }
}

#[test]
fn what_is_remembered_is_bounded() {
    let mut state = busy();
    for round in 0..600_u64 {
        let number = u8::try_from(round % 256).expect("a byte");
        state.apply(Update::Event(vote(number)), NOW_MS);
        let mined = Event::Block {
            height: 7,
            hash: BlockHash([number; 32]),
            transactions: 1,
            mined_here: true,
        };
        state.apply(Update::Event(mined), NOW_MS);
        state.apply(Update::Asked(Box::new(answers(6, 7, chair_and_evenings()))), NOW_MS);
    }
    assert_eq!(state.events.len(), 200);
    assert_eq!((state.pool_samples.len(), state.rate_samples.len()), (512, 512));
    assert!(state.is_mined_here(&BlockHash([88; 32])) && !state.is_mined_here(&tip(6).hash));
}

#[test]
fn whoever_watches_sees_what_kind_of_peer_and_election_it_is() {
    for (role, partitioned, words) in [
        (Role::Ordinary, false, " OPEN  Computing club 2026"),
        (Role::Observer, false, " OBSERVER  OPEN  Computing club 2026"),
        (Role::Laboratory, false, " LABORATORY  OPEN  Computing club 2026"),
        (Role::Laboratory, true, " LABORATORY, CUT OFF  OPEN  Computing club 2026"),
    ] {
        let mut state = state("Computing club 2026");
        let mut answers = answers(6, 7, chair_and_evenings());
        (answers.status.role, answers.status.partitioned) = (role, partitioned);
        state.apply(Update::Asked(Box::new(answers)), NOW_MS);
        for (width, height) in [(80, 20), (120, 40)] {
            let shown = text(&picture(&state, LOOK, width, height));
            let head = shown.lines().next().expect("a line");
            assert!(head.starts_with(words) && head.contains("live"), "{head}");
        }
    }
    let mut state = state("Computing club 2026");
    let mut answers = answers(6, 7, chair_and_evenings());
    answers.status.admitted = Admitted::Registrars { withdrawn: 0, registrars: Vec::new() };
    state.apply(Update::Asked(Box::new(answers)), NOW_MS);
    let shown = text(&picture(&state, LOOK, 80, 20));
    assert!(shown.starts_with(" Computing club 2026"), "{shown}");
}
