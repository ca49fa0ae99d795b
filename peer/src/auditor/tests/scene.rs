//! A small chain and its archives, data directories and receipts, and the commands that read them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use protocol::block::{Block, Header};
use protocol::receipt::Receipt;

use super::mined;
use crate::auditor::{ArchiveWriter, OfflineError, export, verify_receipt};
use crate::cli::{AnswerFormat, ExportChain, ExportKind, VerifyReceipt};
use crate::store::ChainImporter;
use crate::store::data_directory::DataDirectory;
use crate::voter::receipt;
use chain::AuditRule;
use chain::fixtures::{election, registration, vote};

/// A chain of three blocks, and a block beside its first.
pub(super) struct Scene {
    directory: tempfile::TempDir,
    pub(super) beside: Block,
    pub(super) line: [Block; 3],
}

impl Scene {
    pub(super) fn new() -> Self {
        let genesis = Header::genesis(&election());
        let beside = mined(&genesis, vec![registration(0), vote(0, vec![vec![1]])]);
        let first = mined(&genesis, vec![registration(1), vote(1, vec![vec![0]])]);
        let second = mined(&first.header, vec![]);
        let third = mined(&second.header, vec![registration(2)]);
        let directory = tempfile::tempdir().expect("a directory");
        Self { directory, beside, line: [first, second, third] }
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// An archive that holds these blocks in this order, whatever they are.
    pub(super) fn archive(&self, name: &str, blocks: &[Block]) -> PathBuf {
        let path = self.path(name);
        let mut writer = ArchiveWriter::create(&path, &election(), true).expect("begun");
        blocks.iter().for_each(|block| writer.append(block).expect("written"));
        writer.finish().expect("finished");
        path
    }

    /// A data directory whose rows are these blocks, of which the last is the tip.
    pub(super) fn data_directory(&self, name: &str, blocks: &[Block]) -> PathBuf {
        let directory = DataDirectory::open(self.path(name)).expect("a directory");
        let id = election().election_id();
        let mut importer = ChainImporter::create(directory.path(), &id).expect("an empty one");
        let blocks: Vec<_> = blocks.iter().cloned().map(Arc::new).collect();
        importer.append(&blocks).expect("written");
        directory.keep_election(&election()).expect("written");
        importer.finish().expect("finished");
        self.path(name)
    }

    /// The receipt of the second transaction of a block.
    pub(super) fn receipt(&self, name: &str, block: &Block) -> PathBuf {
        let receipt = Receipt::new(block, 1, &election().election_id()).expect("there are two");
        receipt::write(&self.path(name), &receipt).expect("written");
        self.path(name)
    }
}

/// The same block with a nonce that gives it work.
pub(super) fn worked(mut block: Block) -> Block {
    while !block.header.has_work() {
        block.header.nonce += 1;
    }
    block
}

pub(super) fn verify(receipt: &Path, source: &Path) -> Result<bool, OfflineError> {
    let (file, source) = (receipt.to_owned(), Some(source.to_owned()));
    verify_receipt(&VerifyReceipt { file, source, ballot: None, format: AnswerFormat::default() })
}

pub(super) fn export_to(
    file: PathBuf,
    source: &Path,
    kind: ExportKind,
) -> Result<(), OfflineError> {
    let source = Some(source.to_owned());
    let (from, data_dir) =
        if kind == ExportKind::Archive { (None, source) } else { (source, None) };
    export(&ExportChain {
        file,
        kind,
        from,
        data_dir,
        is_final: false,
        raw_cells: false,
        force: false,
        format: AnswerFormat::default(),
    })
}

/// One line that names the block and the rule as an audit does.
#[track_caller]
pub(super) fn assert_told(case: &str, refused: OfflineError, height: u64, rule: AuditRule) {
    let told = refused.to_string();
    assert!(refused.is_refusal(), "{case}: {told}");
    assert_eq!(told.lines().count(), 1, "{case}: {told}");
    let part = format!("block {height} ");
    assert!(told.contains(&part), "{case}: {told}");
    assert!(told.contains(&format!(" breaks the rule {rule}: ")), "{case}: {told}");
}
