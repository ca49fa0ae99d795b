//! The one way in which all commands here read a chain that somebody wrote down. Checks that need only a single block
//! run on all cores; checks that need the blocks before it run in order.

use std::collections::VecDeque;
use std::sync::{Arc, mpsc};

use protocol::block::Block;
use protocol::election::Election;
use protocol::finality::Certificate;
use protocol::units::{ElectionId, UnixMillis};
use rayon::{ThreadPool, ThreadPoolBuilder};

use super::OfflineError;
use super::finality::BadCertificate;
use super::report::{AuditOutcome, Stopped};
use super::source::{Read, Source, Unchecked};
use super::sums::Sums;
use chain::{Audit, CheckedBlock};
use host::progress::Progress;

/// The most bytes of blocks that have been read and not counted yet. They take about four times as
/// much memory. This allows some blocks of the largest size for each of many cores.
const AHEAD_BYTES_MAX: u64 = 32 * 1024 * 1024;

/// The most blocks that have been read and not counted yet, however small they are.
pub(super) const AHEAD_BLOCKS_MAX: usize = 4_096;

/// Audits all blocks of a source, or those up to the first that breaks a rule or is ahead of the clock. `visit` is
/// called with each valid one before it.
///
/// # Errors
/// When the source can't be read to its end, or when `visit` fails.
pub(super) fn audit_source(
    source: &mut Source,
    clock: fn() -> UnixMillis,
    mut visit: impl FnMut(Visited<'_>) -> Result<(), OfflineError>,
) -> Result<AuditOutcome, OfflineError> {
    let progress = Progress::new("auditing", source.steps());
    let mut auditing = Auditing::new(source);
    loop {
        match auditing.next(clock())? {
            Step::Block(block, steps) => {
                visit(Visited::Block(&block))?;
                progress.advance(steps);
            }
            Step::Certificate(certificate, steps) => {
                visit(Visited::Certificate(&certificate, auditing.audit()))?;
                progress.advance(steps);
            }
            Step::End(outcome) => return Ok(*outcome),
        }
    }
}

/// What an audit found to be good.
#[derive(Debug, Clone, Copy)]
pub(super) enum Visited<'a> {
    Block(&'a Arc<Block>),
    /// With the audit that it holds for.
    Certificate(&'a Certificate, &'a Audit),
}

impl Visited<'_> {
    /// The block, if it is one.
    pub(super) fn block(&self) -> Option<&Arc<Block>> {
        match self {
            Self::Block(block) => Some(block),
            Self::Certificate(..) => None,
        }
    }
}

/// An audit that goes on block by block.
#[derive(Debug)]
pub(super) struct Auditing<'source> {
    source: &'source mut Source,
    audit: Audit,
    sums: Sums,
    ahead: ReadAhead,
    /// The certificate of the highest final block.
    certificate: Option<Box<Certificate>>,
}

/// How far an audit came.
#[derive(Debug)]
pub(super) enum Step {
    /// A block that follows all rules, and the number of its steps.
    Block(Arc<Block>, u64),
    /// A certificate that holds for a block before it, and the number of its steps.
    Certificate(Box<Certificate>, u64),
    /// Nothing comes after it that could be counted.
    End(Box<AuditOutcome>),
}

impl<'source> Auditing<'source> {
    pub(super) fn new(source: &'source mut Source) -> Self {
        let audit = Audit::new(Arc::clone(source.election()));
        let sums = Sums::new(source.election());
        let ahead = ReadAhead::new(&audit, AHEAD_BYTES_MAX);
        Self { source, audit, sums, ahead, certificate: None }
    }

    /// What was found up to now.
    pub(super) fn audit(&self) -> &Audit {
        &self.audit
    }

    /// The outcome, if nothing more is to be audited.
    pub(super) fn outcome(&self) -> AuditOutcome {
        self.ended(None)
    }

    fn ended(&self, stopped: Option<Stopped>) -> AuditOutcome {
        AuditOutcome::new(&self.audit, &self.sums, self.certificate.as_deref(), stopped)
    }

    /// Audits the next block, at this time.
    ///
    /// # Errors
    /// When the source can't be read.
    pub(super) fn next(&mut self, now: UnixMillis) -> Result<Step, OfflineError> {
        let (item, steps) = match self.ahead.next(self.source)? {
            None => return Ok(Step::End(Box::new(self.ended(None)))),
            Some(next) => next,
        };
        let stopped = match item {
            Checked::Block(checked) => match self.audit.extend(&checked, now) {
                Ok(()) => {
                    self.sums.add(checked.block());
                    return Ok(Step::Block(Arc::clone(checked.block()), steps));
                }
                Err(failure) => Stopped::Block(failure, Arc::clone(checked.block())),
            },
            Checked::Certificate(certificate) => match self.audit.certify(&certificate) {
                Ok(()) => {
                    if self.audit.final_block() == Some(certificate.block) {
                        self.certificate = Some(certificate.clone());
                    }
                    return Ok(Step::Certificate(certificate, steps));
                }
                Err(error) => {
                    Stopped::Certificate(BadCertificate { block: certificate.block, error })
                }
            },
        };
        Ok(Step::End(Box::new(self.ended(Some(stopped)))))
    }
}

/// The blocks that have been read and are being checked, in their order.
#[derive(Debug)]
struct ReadAhead {
    pool: ThreadPool,
    election: Arc<Election>,
    election_id: ElectionId,
    blocks: VecDeque<Pending>,
    bytes: u64,
    bytes_max: u64,
    /// The reason why nothing more is read: the end of the source, or an error. It is reported only
    /// after the blocks before it.
    end: Option<Result<(), OfflineError>>,
}

#[derive(Debug)]
struct Pending {
    bytes: u64,
    steps: u64,
    item: PendingItem,
}

#[derive(Debug)]
enum PendingItem {
    Block(mpsc::Receiver<Result<CheckedBlock, OfflineError>>),
    /// It needs the blocks before it, and so is checked in order.
    Certificate(Box<Certificate>),
}

/// A block with the outcome of its own checks, or a certificate.
#[derive(Debug)]
enum Checked {
    Block(CheckedBlock),
    Certificate(Box<Certificate>),
}

impl ReadAhead {
    fn new(audit: &Audit, bytes_max: u64) -> Self {
        let pool = ThreadPoolBuilder::new()
            .thread_name(|number| format!("auditor-{number}"))
            .build()
            .expect("the system starts threads");
        let election = Arc::clone(audit.election());
        let election_id = election.election_id();
        Self {
            pool,
            election,
            election_id,
            blocks: VecDeque::new(),
            bytes: 0,
            bytes_max,
            end: None,
        }
    }

    /// The next block with the outcome of its check, or the next certificate, and the number of its steps. In the
    /// meantime further ones are read, as far as there is room.
    fn next(&mut self, source: &mut Source) -> Result<Option<(Checked, u64)>, OfflineError> {
        while self.end.is_none()
            && self.bytes < self.bytes_max
            && self.blocks.len() < AHEAD_BLOCKS_MAX
        {
            match source.next_unchecked() {
                Ok(Some((Read::Block(block), steps))) => self.check(block, steps),
                Ok(Some((Read::Certificate(certificate), steps))) => {
                    let item = PendingItem::Certificate(certificate);
                    self.blocks.push_back(Pending { bytes: 0, steps, item });
                }
                Ok(None) => self.end = Some(Ok(())),
                Err(error) => self.end = Some(Err(error)),
            }
        }
        let Some(first) = self.blocks.pop_front() else {
            return self.end.take().unwrap_or(Ok(())).map(|()| None);
        };
        self.bytes -= first.bytes;
        let checked = match first.item {
            PendingItem::Block(outcome) => {
                Checked::Block(outcome.recv().expect("whoever checks a block sends what it found")?)
            }
            PendingItem::Certificate(certificate) => Checked::Certificate(certificate),
        };
        Ok(Some((checked, first.steps)))
    }

    fn check(&mut self, block: Unchecked, steps: u64) {
        let (sender, outcome) = mpsc::channel();
        let bytes = block.bytes();
        self.bytes += bytes;
        self.blocks.push_back(Pending { bytes, steps, item: PendingItem::Block(outcome) });
        let (election, id) = (Arc::clone(&self.election), self.election_id);
        self.pool.spawn(move || {
            let block = block.decode(&id);
            let checked = block.map(|block| CheckedBlock::new(Arc::new(block), &election, &id));
            // If an earlier block broke a rule, nobody waits for this result any more.
            let _ = sender.send(checked);
        });
    }
}

#[cfg(test)]
mod tests {
    use protocol::block::Header;

    use super::*;
    use crate::auditor::ArchiveWriter;
    use chain::fixtures::election;

    #[test]
    fn no_more_blocks_are_read_ahead_than_is_said() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("a");
        let block = Block { header: Header::genesis(&election()), transactions: Vec::new() };
        let mut writer = ArchiveWriter::create(&path, &election(), false).expect("begun");
        (0..AHEAD_BLOCKS_MAX + 2).for_each(|_| writer.append(&block).expect("written"));
        writer.finish().expect("finished");
        let mut source = Source::open(&path).expect("an archive");
        let mut ahead = ReadAhead::new(&Audit::new(Arc::new(election())), u64::MAX);
        for _ in 0..2 {
            // The one that is given was read ahead as well.
            ahead.next(&mut source).expect("whole").expect("a block");
            assert_eq!(ahead.blocks.len(), AHEAD_BLOCKS_MAX - 1);
        }
    }

    #[test]
    fn no_more_is_read_ahead_than_there_is_room_for() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("a");
        let block = Block { header: Header::genesis(&election()), transactions: Vec::new() };
        let mut writer = ArchiveWriter::create(&path, &election(), false).expect("begun");
        (0..5).for_each(|_| writer.append(&block).expect("written"));
        writer.finish().expect("finished");
        let audit = Audit::new(Arc::new(election()));
        let record = {
            let mut source = Source::open(&path).expect("an archive");
            let next = source.next_unchecked().expect("whole");
            let Some((Read::Block(block), _)) = next else { panic!("a block") };
            block.bytes()
        };
        for (bytes_max, ahead_at_once) in [(1, 1), (record, 1), (record + 1, 2), (2 * record, 2)] {
            let mut source = Source::open(&path).expect("an archive");
            let mut ahead = ReadAhead::new(&audit, bytes_max);
            ahead.next(&mut source).expect("whole").expect("a block");
            assert_eq!(ahead.blocks.len() + 1, ahead_at_once, "{bytes_max}");
            let mut rest = 0;
            while ahead.next(&mut source).expect("whole").is_some() {
                rest += 1;
            }
            assert_eq!((rest, ahead.bytes), (4, 0));
        }
    }
}
