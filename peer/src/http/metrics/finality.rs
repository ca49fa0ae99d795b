//! Metrics of a timed election: how far it has come, and how final its count is. An untimed one has none of them.

use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::{ConstGauge, Gauge};
use prometheus_client::registry::{Registry, Unit};

use node::{ElectionState, FinalityView};

const STATES: [ElectionState; 5] = [
    ElectionState::Upcoming,
    ElectionState::Open,
    ElectionState::Sealing,
    ElectionState::Final,
    ElectionState::Disputed,
];

pub(super) fn register(registry: &mut Registry, view: Option<&FinalityView>) {
    let Some(view) = view else { return };
    let states = Family::<[(&'static str, &'static str); 1], Gauge>::default();
    for state in STATES {
        let is_now = i64::from(state == view.state);
        states.get_or_create(&[("state", state.word())]).set(is_now);
    }
    registry.register("election_state", "1 at the state of the election, 0 at others", states);
    register_times(registry, view);
    let mut gauge = |name, help, value: u64| registry.register(name, help, ConstGauge::new(value));
    gauge("final_height", "Height of the highest final block", view.final_block.height.0);
    gauge(
        "justified_height",
        "Height of the highest block that a quorum prepared",
        view.justified_block.height.0,
    );
    gauge("votes_final", "Votes up to the final block", view.votes_final);
    gauge("votes_above_final", "Votes in blocks above the final block", view.votes_above);
    gauge("votes_waiting", "Votes in no block yet", view.votes_waiting);
    let evidence = view.evidence.len() as u64;
    gauge("validators_accused", "Validators that are known to have broken the rules", evidence);
    let conflicts = u64::from(view.conflict.is_some());
    gauge("certificates_conflict", "1 if two certificates contradict each other", conflicts);
    if let Some(own) = &view.own_validator {
        let signs = u64::from(own.abstains.is_none());
        gauge("validator_signs", "1 while the validator that this peer is signs", signs);
        let height = |block: Option<protocol::finality::BlockReference>| {
            block.map_or(0, |block| block.height.0)
        };
        gauge("validator_prepared_height", "Height of its newest PREPARE", height(own.prepared));
        gauge("validator_committed_height", "Height of its newest COMMIT", height(own.committed));
    }
}

fn register_times(registry: &mut Registry, view: &FinalityView) {
    for (name, help, time) in [
        ("opens", "When the election opens, in Unix time", view.opens),
        ("vote_by", "Until when a vote is sure to be counted, in Unix time", view.vote_by),
        ("closes", "When the election closes, in Unix time", view.closes),
        ("median_time", "Median time of the newest blocks, in Unix time", view.median_time),
    ] {
        #[expect(clippy::cast_precision_loss, reason = "Unix times are below 2^53 ms")]
        let seconds = ConstGauge::new(time.0 as f64 / 1_000.0);
        registry.register_with_unit(name, help, Unit::Seconds, seconds);
    }
}

#[cfg(test)]
mod tests {
    use protocol::finality::BlockReference;
    use protocol::units::{BlockHash, Height, UnixMillis};

    use super::*;
    use node::{Abstention, OwnValidatorView};

    fn view() -> FinalityView {
        let block = |height| BlockReference { height: Height(height), hash: BlockHash([7; 32]) };
        FinalityView {
            state: ElectionState::Sealing,
            opens: UnixMillis(1_000),
            vote_by: UnixMillis(2_000),
            closes: UnixMillis(3_500),
            median_time: UnixMillis(4_000),
            is_late: true,
            final_block: block(5),
            justified_block: block(6),
            closing_block: None,
            final_tally: None,
            votes_final: 179,
            votes_above: 8,
            votes_waiting: 4,
            final_since: None,
            certificate: None,
            closing_certificate: None,
            depth: None,
            validators: Vec::new(),
            own_validator: Some(OwnValidatorView {
                place: 0,
                name: "North".into(),
                abstains: None,
                prepared: Some(block(6)),
                committed: None,
            }),
            evidence: Vec::new(),
            conflict: None,
        }
    }

    fn told(view: Option<&FinalityView>) -> String {
        let mut registry = Registry::default();
        register(&mut registry, view);
        super::super::text(&[&registry]).expect("a text takes all lines")
    }

    #[test]
    fn a_timed_election_has_its_numbers_and_an_untimed_one_has_none() {
        let text = told(Some(&view()));
        for line in [
            "election_state{state=\"sealing\"} 1",
            "election_state{state=\"final\"} 0",
            "closes_seconds 3.5",
            "final_height 5",
            "justified_height 6",
            "votes_final 179",
            "votes_above_final 8",
            "votes_waiting 4",
            "validators_accused 0",
            "certificates_conflict 0",
            "validator_signs 1",
            "validator_prepared_height 6",
            "validator_committed_height 0",
        ] {
            assert!(text.lines().any(|found| found == line), "no {line}:\n{text}");
        }
        let own = view().own_validator;
        let own = own.map(|own| OwnValidatorView { abstains: Some(Abstention::NoRecord), ..own });
        let silent = told(Some(&FinalityView { own_validator: own, ..view() }));
        assert!(silent.lines().any(|line| line == "validator_signs 0"), "{silent}");
        assert_eq!(told(None), "# EOF\n");
    }
}
