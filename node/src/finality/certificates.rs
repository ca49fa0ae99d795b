//! The certificates that are known, and which of them say the most: the one of the highest final block, and the one of
//! the lowest final block at or above the closing block, which is the same on all peers in the end.
//!
//! Whoever puts a certificate in here has checked it.

use std::collections::BTreeMap;

use protocol::finality::{BlockReference, Certificate};
use protocol::units::{Height, UnixMillis};

use super::records::{FinalityRecord, SeenCertificate};

/// The most certificates that are kept. Two are needed; the others may be for blocks that are not here yet, and only a
/// quorum of validators could make more of them.
pub(super) const CERTIFICATES_MAX: usize = 16;

#[derive(Debug, Default)]
pub(super) struct Certificates {
    known: BTreeMap<BlockReference, SeenCertificate>,
    highest: Option<BlockReference>,
    closing: Option<BlockReference>,
    /// The highest one and the closing one, as they are on the disk.
    written: [Option<SeenCertificate>; 2],
}

impl Certificates {
    /// Takes in a certificate, whose signatures join those that are known of the block: the ones by the lowest
    /// validators remain. Returns whether anything is different now.
    pub(super) fn merge(&mut self, certificate: Certificate, seen_at: UnixMillis) -> bool {
        let quorum = certificate.signatures.len();
        if let Some(known) = self.known.get_mut(&certificate.block) {
            let mut all: BTreeMap<_, _> = certificate.signatures.into_iter().collect();
            all.extend(known.certificate.signatures.iter().copied());
            let signatures: Vec<_> = all.into_iter().take(quorum).collect();
            let is_news = known.certificate.signatures != signatures;
            known.certificate.signatures = signatures;
            return is_news;
        }
        self.known.insert(certificate.block, SeenCertificate { certificate, seen_at });
        if self.known.len() > CERTIFICATES_MAX {
            let needed = [self.highest, self.closing];
            let gives_way =
                self.known.keys().find(|block| !needed.contains(&Some(**block))).copied();
            gives_way.map(|block| self.known.remove(&block));
        }
        true
    }

    /// Puts back what was remembered: the highest one, and the closing one.
    pub(super) fn restore(&mut self, written: [Option<SeenCertificate>; 2]) {
        for seen in written.iter().flatten() {
            self.known.insert(seen.certificate.block, seen.clone());
        }
        self.written = written;
    }

    /// What is to be written: the highest one and the closing one, as far as the disk has others.
    pub(super) fn pop_news(&mut self) -> impl Iterator<Item = FinalityRecord> + use<> {
        let [highest, closing] = [self.highest().cloned(), self.closing().cloned()];
        let is_news = [highest != self.written[0], closing != self.written[1]];
        self.written = [highest.clone(), closing.clone()];
        let highest = highest.filter(|_| is_news[0]).map(FinalityRecord::Certificate);
        let closing = closing.filter(|_| is_news[1]).map(FinalityRecord::ClosingCertificate);
        [highest, closing].into_iter().flatten()
    }

    pub(super) fn get(&self, block: &BlockReference) -> Option<&SeenCertificate> {
        self.known.get(block)
    }

    /// The blocks of all that are known, in ascending order.
    pub(super) fn blocks(&self) -> Vec<BlockReference> {
        self.known.keys().copied().collect()
    }

    /// Another certificate for the height of this block: both can't be final.
    pub(super) fn rival(&self, block: &BlockReference) -> Option<&Certificate> {
        let rival =
            self.known.iter().find(|(each, _)| each.height == block.height && *each != block);
        rival.map(|(_, seen)| &seen.certificate)
    }

    /// The certificate of the highest final block.
    pub(super) fn highest(&self) -> Option<&SeenCertificate> {
        self.known.get(&self.highest?)
    }

    /// The certificate of the lowest final block at or above the closing block.
    pub(super) fn closing(&self) -> Option<&SeenCertificate> {
        self.known.get(&self.closing?)
    }

    /// This block of a known certificate is final. Returns whether it is higher than those before.
    pub(super) fn note_final(&mut self, block: BlockReference) -> bool {
        let is_higher = self.highest.is_none_or(|highest| block.height > highest.height);
        if is_higher {
            self.highest = Some(block);
        }
        is_higher
    }

    /// The closing block is at this height.
    pub(super) fn note_closing(&mut self, height: Height) {
        let highest = self.highest.map_or(Height(0), |highest| highest.height);
        let mut covering = self.known.keys().filter(|block| block.height >= height);
        let lowest = covering.find(|block| block.height <= highest).copied();
        self.closing = lowest.or(self.closing);
    }

    /// # Panics
    /// When an invariant does not hold.
    pub(super) fn check_invariants(&self) {
        assert!(self.known.len() <= CERTIFICATES_MAX, "{} certificates", self.known.len());
        assert!(self.highest.is_none_or(|block| self.known.contains_key(&block)));
        assert!(self.closing.is_none_or(|block| self.known.contains_key(&block)));
        assert!(self.known.iter().all(|(block, seen)| seen.certificate.block == *block));
    }
}
