//! The power goes at every call of the disk: what was confirmed is there, whole, and so is each batch.

use super::disk::{Disk, Loss};
use super::model::{Model, random_batches};
use super::*;
use crate::store::open_on;

/// With this set, every call is tried instead of a sample between the syncs.
const EVERY_CALL: &str = "OSTRAKON_STORE_EVERY_CALL";

fn batches() -> Vec<PersistBatch> {
    random_batches(3, 6, 4)
}

/// Runs until the power goes; gives how many batches were confirmed.
fn run(disk: &Disk, batches: &[PersistBatch]) -> usize {
    open_on(disk.volume(), &ELECTION).map_or(0, |opened| write_all(opened.chain, batches))
}

/// The first call of a run, all syncs and what follows them, and some calls in between.
fn moments(calls: u64, syncs: &[u64]) -> Vec<u64> {
    let step = if std::env::var_os(EVERY_CALL).is_some() { 1 } else { 7 };
    let is_near_sync =
        |call: &u64| syncs.iter().any(|sync| (0..2).contains(&call.wrapping_sub(*sync)));
    (1..=calls + 1).filter(|call| call % step == 1 % step || is_near_sync(call)).collect()
}

fn losses(seed: u64) -> [Loss; 4] {
    [Loss::Everything, Loss::Nothing, Loss::Random(seed), Loss::Random(!seed)]
}

/// Opens what is left; gives how many batches it holds, which is to be one of the possible numbers.
fn check(disk: &Disk, batches: &[PersistBatch], confirmed: usize, at: &str) {
    let opened = open_on(disk.volume(), &ELECTION).unwrap_or_else(|error| panic!("{at}: {error}"));
    assert_eq!(opened.damage, None, "{at}");
    let is_held = |count: &usize| Model::of(&batches[..*count]).restored() == opened.restored;
    let held = (confirmed..=batches.len().min(confirmed + 1)).find(is_held);
    let held = held.unwrap_or_else(|| panic!("{at}: {confirmed} were confirmed: {opened:?}"));
    let mut desk = Desk::new(opened.chain);
    for block in Model::of(&batches[..held]).blocks.values() {
        assert_eq!(desk.load(&block.header).as_ref(), Ok(block), "{at}");
    }
}

#[test]
fn what_was_confirmed_survives_a_loss_of_power_at_any_call() {
    let batches = batches();
    let disk = Disk::default();
    assert_eq!(run(&disk, &batches), batches.len());
    for moment in moments(disk.calls(), &disk.syncs()) {
        let disk = Disk::default();
        disk.die_at(moment);
        let confirmed = run(&disk, &batches);
        for loss in losses(moment) {
            check(&disk.after(loss), &batches, confirmed, &format!("call {moment}, {loss:?}"));
        }
    }
}

#[test]
fn a_recovery_that_loses_power_again_loses_nothing() {
    let batches = batches();
    let whole = Disk::default();
    run(&whole, &batches);
    // Commits are cut off in their first half, in their second, and just before they end.
    for moment in whole.syncs().into_iter().flat_map(|sync| [sync, sync + 1]).step_by(3) {
        let disk = Disk::default();
        disk.die_at(moment);
        let confirmed = run(&disk, &batches);
        for loss in losses(moment) {
            let crashed = disk.after(loss);
            let probe = crashed.after(Loss::Nothing);
            run(&probe, &[]);
            for again in moments(probe.calls(), &probe.syncs()) {
                let recovering = crashed.after(Loss::Nothing);
                recovering.die_at(again);
                run(&recovering, &[]);
                let at = format!("call {moment}, {loss:?}, then call {again}");
                check(&recovering.after(Loss::Random(again)), &batches, confirmed, &at);
            }
        }
    }
}
