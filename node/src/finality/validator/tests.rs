//! What a validator takes for its own, and what for another's with its key.

use protocol::finality::FinalityVote;
use protocol::keys::Signature;
use protocol::units::BlockHash;

use super::*;

const OWN_RUN: RunNumber = RunNumber([1; 8]);
const RUN_BEFORE: RunNumber = RunNumber([2; 8]);
const SIGNATURE: Signature = Signature([0; 65]);
const STARTS: UnixMillis = UnixMillis(1_000);

fn block(height: u64, number: u8) -> BlockReference {
    BlockReference { height: Height(height), hash: BlockHash([number; 32]) }
}

fn prepare(target: BlockReference, source: BlockReference) -> FinalityVote {
    FinalityVote::Prepare(Prepare { validator: 0, target, source, signature: SIGNATURE })
}

fn commit(block: BlockReference) -> FinalityVote {
    FinalityVote::Commit(Commit { validator: 0, block, signature: SIGNATURE })
}

fn at(unix: u64) -> Now {
    #[expect(clippy::disallowed_methods, reason = "virtual time needs a moment to start from")]
    Now { instant: Instant::now(), unix: UnixMillis(unix) }
}

fn record() -> ValidatorRecord {
    let prepared = Some((block(9, 1), block(7, 1)));
    ValidatorRecord { prepared, committed: Some(block(7, 1)), run: RUN_BEFORE }
}

fn signer(restored: Option<ValidatorRecord>, trusts_empty_store: bool, unix: u64) -> OwnSigner {
    let config = OwnValidator { place: 0, trusts_empty_store };
    OwnSigner::new(config, restored, (OWN_RUN, STARTS), at(unix)).0
}

#[test]
fn what_it_signed_before_and_older_votes_are_its_own() {
    let mut own = signer(Some(record()), false, 5_000);
    let own_votes = [
        prepare(block(9, 1), block(7, 1)),
        commit(block(7, 1)),
        prepare(block(8, 3), block(6, 1)),
        commit(block(5, 2)),
    ];
    for vote in own_votes {
        assert_eq!(own.meet_vote(&vote), None, "{vote:?}");
    }
}

#[test]
fn what_it_did_not_sign_is_by_another_peer_with_its_key() {
    let foreign = [
        (prepare(block(9, 2), block(7, 1)), TwinSign::Prepare { target: block(9, 2) }),
        (prepare(block(9, 1), block(6, 1)), TwinSign::Prepare { target: block(9, 1) }),
        (prepare(block(10, 1), block(7, 1)), TwinSign::Prepare { target: block(10, 1) }),
        (commit(block(7, 2)), TwinSign::Commit { block: block(7, 2) }),
        (commit(block(8, 1)), TwinSign::Commit { block: block(8, 1) }),
    ];
    for (vote, sign) in foreign {
        let mut own = signer(Some(record()), false, 5_000);
        assert_eq!(own.meet_vote(&vote), Some(sign));
        assert_eq!(own.meet_vote(&vote), None, "it is told once");
        assert!(own.votes_to_send(Height(0)).is_empty());
    }
}

#[test]
fn one_that_trusts_an_empty_store_takes_over_what_others_show_of_it() {
    let mut own = signer(None, true, 5_000);
    assert_eq!(own.meet_vote(&commit(block(7, 1))), None);
    assert_eq!(own.meet_vote(&prepare(block(9, 1), block(7, 1))), None);
    let taken = own.record().map(|record| (record.prepared, record.committed));
    assert_eq!(taken, Some((record().prepared, record().committed)));
}

#[test]
fn only_another_run_that_lives_now_is_a_twin() {
    let presence =
        |run, time| Presence { validator: 0, run, time: UnixMillis(time), signature: SIGNATURE };
    let mut own = signer(Some(record()), false, 5_000);
    let other = RunNumber([3; 8]);
    for old in [presence(OWN_RUN, 6_000), presence(RUN_BEFORE, 6_000), presence(other, 5_000)] {
        assert_eq!(own.meet_presence(&old), None, "{old:?}");
    }
    let time = UnixMillis(5_001);
    let sign = TwinSign::Presence { run: other, time };
    assert_eq!(own.meet_presence(&presence(other, 5_001)), Some(sign));
    // The other may not have heard of this one, so this one goes on to say that it runs.
    let said = ToSign::Presence { run: OWN_RUN, time: UnixMillis(6_000) };
    assert_eq!(own.presence(at(6_000)), said);
}

#[test]
fn an_empty_store_is_no_lost_one_before_it_starts() {
    for (trusts, unix, may_sign) in [(false, 999, true), (false, 1_000, false), (true, 1_000, true)]
    {
        assert_eq!(signer(None, trusts, unix).record().is_some(), may_sign, "{trusts} {unix}");
    }
}
