//! The bounds on peers and on what they are told, each at its limit and one past it, and with room again.

use rand::SeedableRng;

use super::*;

/// Peers that registered, and the randomness of their pokes.
struct Table {
    peers: Peers,
    rng: ChaCha8Rng,
    now: Instant,
}

impl Table {
    fn new() -> Self {
        Self { peers: Peers::new(), rng: ChaCha8Rng::from_seed([7; 32]), now: Instant::now() }
    }

    /// Returns whether another peer was dropped.
    fn register(&mut self, number: usize) -> bool {
        self.peers.add(address(number), Token([5; 8]), 0, self.now)
    }

    fn answer(&mut self, number: usize) -> Ack {
        let poke = self.peers.poke(address(number), self.now, &mut self.rng);
        let DuePoke::Send { nonce, .. } = poke else { panic!("{poke:?}") };
        self.peers.acknowledge(address(number), nonce)
    }
}

#[test]
fn the_oldest_of_one_unconfirmed_peer_too_many_gives_way() {
    let mut table = Table::new();
    let dropped = (0..UNCONFIRMED_MAX).filter(|number| table.register(*number));
    assert_eq!(dropped.count(), 0);
    assert_eq!(table.peers.unconfirmed_count(), UNCONFIRMED_MAX);

    assert!(table.register(UNCONFIRMED_MAX));
    let gone = (0..=UNCONFIRMED_MAX).filter(|number| !table.peers.is_known(address(*number)));
    assert_eq!(gone.collect::<Vec<_>>(), [0]);

    assert_eq!(table.answer(1), Ack::Listed { cursor: 0 });
    assert_eq!(table.peers.remove(address(2)), Some(false));
    assert_eq!(table.peers.unconfirmed_count(), UNCONFIRMED_MAX - 2);
    let late = UNCONFIRMED_MAX + 1;
    assert!(!table.register(late) && !table.register(late + 1), "there was room for two");
    assert!(table.register(late + 2));
}

#[test]
fn one_listed_peer_too_many_is_not_listed_until_there_is_room() {
    let mut table = Table::new();
    for number in 0..PEERS_TOTAL_MAX {
        table.register(number);
        assert_eq!(table.answer(number), Ack::Listed { cursor: 0 });
    }
    let late = PEERS_TOTAL_MAX;
    table.register(late);
    assert_eq!(table.answer(late), Ack::ListFull);
    assert_eq!(table.peers.listed_count(), PEERS_TOTAL_MAX);
    assert_eq!(table.answer(0), Ack::Alive, "who is listed stays so");
    assert_eq!(table.peers.remove(address(9)), Some(true));
    assert_eq!(table.answer(late), Ack::Listed { cursor: 0 });
    assert_eq!(table.peers.listed_count(), PEERS_TOTAL_MAX);
}

#[test]
fn a_sample_is_full_if_there_are_just_enough() {
    let mut table = Table::new();
    let (receiver, first_known) = (0, 1 + PEERS_MAX);
    let known: Vec<_> = (first_known..first_known + 5).map(address).collect();
    for number in receiver..first_known + known.len() {
        table.register(number);
        assert_eq!(table.answer(number), Ack::Listed { cursor: 0 });
    }
    let sample = |table: &mut Table, most| {
        let mut sample = table.peers.sample(address(receiver), &known, most, &mut table.rng);
        sample.sort_unstable();
        sample
    };
    let others: Vec<_> = (1..first_known).map(address).collect();
    assert_eq!(sample(&mut table, PEERS_MAX), others);
    assert_eq!(sample(&mut table, PEERS_MAX + 1), others);
    assert_eq!(sample(&mut table, PEERS_MAX - 1).len(), PEERS_MAX - 1);
}

#[test]
fn a_peer_that_has_no_token_to_issue_leaves_the_one_that_it_issued() {
    let mut table = Table::new();
    table.register(1);
    for (issued, kept) in [(Token::NONE, Token([5; 8])), (Token([6; 8]), Token([6; 8]))] {
        table.peers.remember_token(address(1), issued);
        assert_eq!(table.peers.token(address(1)), kept);
    }
    table.peers.remember_token(address(2), Token([6; 8]));
    assert_eq!(table.peers.token(address(2)), Token::NONE, "it never registered");
}

#[test]
fn a_poke_keeps_its_phase_up_to_half_a_period_late() {
    let mut table = Table::new();
    table.register(1);
    table.answer(1);
    for (late, kept) in
        [(POKE_PERIOD / 2, true), (POKE_PERIOD / 2 + Duration::from_millis(1), false)]
    {
        let due = table.peers.next_poke_at().expect("it is poked");
        table.now = due + late;
        table.answer(1);
        let next = if kept { due } else { table.now } + POKE_PERIOD;
        assert_eq!(table.peers.next_poke_at(), Some(next), "{late:?}");
    }
}

#[test]
fn a_step_updates_64_peers_and_the_next_one_the_others() {
    for (receivers, last) in [(UPDATES_PER_STEP, 0), (UPDATES_PER_STEP + 1, 1)] {
        let (mut updates, mut table) = (Updates::new(), Table::new());
        let start = table.now;
        for number in 0..receivers {
            updates.joined(address(number), 0, start);
        }
        let now = start + Duration::from_secs(1);
        let mut step = |now: Instant| {
            let due = updates.take_due(now);
            for receiver in &due {
                updates.compose(*receiver, &table.peers, &mut table.rng, now);
            }
            due.len()
        };
        assert_eq!(step(now), UPDATES_PER_STEP);
        assert_eq!(step(now), 0, "there is a pause after a full step");
        assert_eq!(step(now + Duration::from_millis(1)), last);
    }
}
