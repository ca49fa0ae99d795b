//! The bodies that arrived and are not at the end of their way yet: their signatures are being checked, or a body below
//! them is missing. They are counted in bytes, because a block may have a hundred bytes or a million.
//!
//! What is checked and not on the way to the best header is not counted, and neither is what is checked like all below
//! it: the disk has it, and it waits for no body.

use std::collections::BTreeMap;

use protocol::units::BlockHash;

#[derive(Debug)]
struct Arrived {
    bytes: usize,
    is_checked: bool,
}

#[derive(Debug, Default)]
pub(super) struct Ahead {
    bodies: BTreeMap<BlockHash, Arrived>,
    bytes: usize,
}

impl Ahead {
    /// Checks that the bytes are those of the bodies.
    ///
    /// # Panics
    /// When an invariant does not hold.
    pub(super) fn check_invariants(&self) {
        let bytes: usize = self.bodies.values().map(|body| body.bytes).sum();
        assert_eq!(self.bytes, bytes, "bytes of bodies ahead");
    }

    /// Those whose signatures are being checked.
    pub(super) fn unchecked(&self) -> impl Iterator<Item = &BlockHash> {
        self.bodies.iter().filter(|(_, body)| !body.is_checked).map(|(hash, _)| hash)
    }

    /// Those that were checked.
    pub(super) fn waiting(&self) -> impl Iterator<Item = &BlockHash> {
        self.bodies.iter().filter(|(_, body)| body.is_checked).map(|(hash, _)| hash)
    }

    /// The bytes of all of them.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Adds a body whose signatures are yet to be checked.
    pub(super) fn arrive(&mut self, hash: BlockHash, bytes: usize) {
        self.remove(&hash);
        self.bodies.insert(hash, Arrived { bytes, is_checked: false });
        self.bytes += bytes;
    }

    /// Notes that a body was checked. It counts on only if it `is_planned`, because it is needed once those below it
    /// have arrived.
    pub(super) fn check(&mut self, hash: &BlockHash, is_planned: bool) {
        match self.bodies.get_mut(hash) {
            Some(body) if is_planned => body.is_checked = true,
            Some(_) | None => self.remove(hash),
        }
    }

    /// Ends the count of a body.
    pub(super) fn remove(&mut self, hash: &BlockHash) {
        if let Some(body) = self.bodies.remove(hash) {
            self.bytes -= body.bytes;
        }
    }

    /// Ends the count of checked bodies that are not on the way to the best header any more.
    pub(super) fn retain(&mut self, is_planned: impl Fn(&BlockHash) -> bool) {
        self.bodies.retain(|hash, body| !body.is_checked || is_planned(hash));
        self.bytes = self.bodies.values().map(|body| body.bytes).sum();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_planned_counts_until_it_waits_for_nothing() {
        let hash = |number: u8| BlockHash([number; 32]);
        let mut ahead = Ahead::default();
        (1..=4).for_each(|number| ahead.arrive(hash(number), 10 * usize::from(number)));
        ahead.arrive(hash(4), 1);
        assert_eq!(ahead.bytes(), 61);
        ahead.check(&hash(1), true);
        ahead.check(&hash(2), false);
        ahead.check(&hash(9), true);
        assert_eq!(ahead.bytes(), 41);
        ahead.remove(&hash(3));
        ahead.remove(&hash(3));
        assert_eq!(ahead.bytes(), 11);
        ahead.retain(|planned| *planned == hash(1));
        assert_eq!(ahead.bytes(), 11);
        ahead.retain(|_| false);
        assert_eq!(ahead.bytes(), 1);
    }
}
