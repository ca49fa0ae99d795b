//! Certificates in archives and data directories: what they make final is told, no forged one passes, and what is final
//! is exported as one and the same file.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use protocol::ballot_file;
use protocol::block::{Block, Header, merkle_root};
use protocol::election::Election;
use protocol::finality::{BlockReference, Certificate, Commit};
use protocol::keys::VoterKey;
use protocol::receipt::{FinalityProof, Receipt};
use protocol::roster::{FinalityRule, Roster, Times, Validator};
use protocol::transaction::HashedTransaction;
use protocol::units::UnixMillis;

use super::scene::worked;
use crate::auditor::audit::audit_source;
use crate::auditor::source::Source;
use crate::auditor::{
    ArchiveError, ArchiveWriter, NotFinal, OfflineError, audit, export, import, verify_receipt,
};
use crate::cli::{AnswerFormat, AuditChain, ExportChain, ExportKind, ImportChain, VerifyReceipt};
use crate::render::Style;
use crate::schema::{AuditReport, Reply};
use crate::store::ChainImporter;
use crate::store::data_directory::DataDirectory;
use crate::voter::receipt;
use chain::fixtures::{self, forged_certificate};
use chain::{CertificateRule, Past, Phase};
use host::clock;
use keys::signing;
use node::SeenCertificate;

/// An election that has closed, and blocks up to some after its closing block.
pub(in crate::auditor) struct Closed {
    directory: tempfile::TempDir,
    pub(in crate::auditor) election: Arc<Election>,
    pub(in crate::auditor) blocks: Vec<Block>,
    /// The place of the closing block among them.
    pub(in crate::auditor) closing: usize,
}

pub(in crate::auditor) fn validator_key(place: u8) -> VoterKey {
    fixtures::key(place + 150)
}

pub(in crate::auditor) fn roster() -> FinalityRule {
    let validator =
        |place: u8| Validator { name: format!("V{place}"), key: validator_key(place).public() };
    let validators = (0..4).map(validator).collect();
    FinalityRule::Roster(Roster { validators, quorum: 3, crash_faults_only: false })
}

fn election(finality: FinalityRule) -> Election {
    let plain = fixtures::election();
    let opens = plain.created;
    let times = Times { opens, closes: UnixMillis(opens.0 + 30_000), finality };
    let election = Election { block_interval_s: Some(2), times: Some(times), ..plain };
    election.check().expect("it can be held");
    election
}

/// The election with validators.
pub(in crate::auditor) fn closed_election() -> Election {
    election(roster())
}

impl Closed {
    pub(in crate::auditor) fn new(finality: FinalityRule) -> Self {
        let election = election(finality);
        let key = fixtures::key(1);
        let bits = election.admission.registration_bits().expect("it is open");
        let registration = signing::registration(&key, &election, bits);
        let vote = signing::vote(&key, &election, vec![vec![1]]);
        let id = election.election_id();
        let mut votes = vec![registration, vote];
        let (mut past, mut blocks, mut closing) = (Past::genesis(&election), Vec::new(), None);
        while closing.is_none_or(|closing| blocks.len() < closing + 4) {
            if past.phase() == Phase::Closed && closing.is_none() {
                closing = Some(blocks.len());
            }
            let transactions: Vec<_> = std::mem::take(&mut votes)
                .into_iter()
                .map(|each| Arc::new(HashedTransaction::new(each, &id)))
                .collect();
            let parent: &Header = past.parent();
            let header = Header {
                previous: parent.hash(),
                merkle_root: merkle_root(&transactions),
                height: parent.height.next(),
                time: UnixMillis(parent.time.0 + 2_000),
                difficulty: past.next_difficulty(),
                nonce: 0,
            };
            let block = worked(Block { header, transactions });
            past.add(&block.header);
            blocks.push(block);
        }
        let directory = tempfile::tempdir().expect("a directory");
        let closing = closing.expect("it closes");
        Self { directory, election: Arc::new(election), blocks, closing }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// A certificate for a block by the validators at these places.
    pub(in crate::auditor) fn certificate(&self, block: usize, places: [u8; 3]) -> Certificate {
        let header = &self.blocks[block].header;
        let block = BlockReference { height: header.height, hash: header.hash() };
        let id = self.election.election_id();
        let sign = |place: u8| {
            let commit = Commit::sign(&id, place.into(), block, &validator_key(place));
            (commit.validator, commit.signature)
        };
        Certificate { block, signatures: places.map(sign).to_vec() }
    }

    /// An archive of some of the blocks, with certificates behind the last of them.
    pub(in crate::auditor) fn archive(
        &self,
        name: &str,
        blocks: usize,
        certificates: &[Certificate],
    ) -> PathBuf {
        let path = self.path(name);
        let mut writer = ArchiveWriter::create(&path, &self.election, true).expect("begun");
        self.blocks[..blocks].iter().for_each(|block| writer.append(block).expect("written"));
        certificates.iter().for_each(|each| writer.certify(each).expect("written"));
        writer.finish().expect("finished");
        path
    }

    /// The data directory of a peer that has some of the blocks and these certificates.
    fn data_directory(&self, name: &str, blocks: usize, certificates: &[Certificate]) -> PathBuf {
        let directory = DataDirectory::open(self.path(name)).expect("a directory");
        let id = self.election.election_id();
        let mut importer = ChainImporter::create(directory.path(), &id).expect("an empty one");
        let blocks: Vec<_> = self.blocks[..blocks].iter().cloned().map(Arc::new).collect();
        importer.append(&blocks).expect("written");
        for certificate in certificates {
            let covers = certificate.block.height.0 > self.closing as u64;
            let seen = SeenCertificate { certificate: certificate.clone(), seen_at: UnixMillis(7) };
            importer.certify(seen, covers).expect("written");
        }
        directory.keep_election(&self.election).expect("written");
        importer.finish().expect("finished");
        self.path(name)
    }

    fn export_final(&self, name: &str, data_dir: &Path) -> Result<Vec<u8>, OfflineError> {
        let file = self.path(name);
        let exported = export(&ExportChain {
            file: file.clone(),
            kind: ExportKind::Archive,
            is_final: true,
            from: None,
            data_dir: Some(data_dir.to_owned()),
            raw_cells: false,
            force: false,
            format: AnswerFormat::default(),
        });
        match exported {
            Ok(()) => Ok(fs::read(file).expect("it was written")),
            Err(error) => {
                assert!(!file.exists(), "nothing is left of {}", file.display());
                Err(error)
            }
        }
    }
}

fn report(path: &Path) -> AuditReport {
    let mut source = Source::open(path).expect("it can be opened");
    audit_source(&mut source, clock::unix_now, |_| Ok(())).expect("it can be read").report
}

fn shown(report: AuditReport) -> String {
    Style::Human { color: false }.answer(&Reply::Audit(Box::new(report)))
}

#[test]
fn an_audit_names_those_whose_certificate_makes_the_result_final() {
    let closed = Closed::new(roster());
    let certified = closed.closing + 2;
    let certificate = closed.certificate(certified, [0, 1, 3]);
    let whole = report(&closed.archive("a", certified + 1, &[certificate]));
    let finality = whole.finality.clone().expect("it has times");
    assert!(whole.passed && finality.is_final && whole.votes == 1);
    assert_eq!(finality.signed_by, ["V0", "V1", "V3"]);
    let text = shown(whole);
    let line = format!("final by 3 of 4 validators: V0, V1, V3; block {}\n", certified + 1);
    assert!(text.contains(&line) && text.ends_with("all holds\n"), "{text}");

    let early = closed.certificate(1, [0, 1, 2]);
    let open = report(&closed.archive("b", 2, &[early]));
    assert!(open.passed && !open.finality.as_ref().expect("it has times").is_final);
    let text = shown(open);
    assert!(text.contains("NOT FINAL: only blocks up to 2 are, by 3 of 4"), "{text}");
    let text = shown(report(&closed.archive("c", closed.blocks.len(), &[])));
    let told =
        format!("NOT FINAL: there is no certificate for the closing block {}", closed.closing + 1);
    assert!(text.contains(&told), "{text}");
}

#[test]
fn no_certificate_that_breaks_a_rule_passes_an_audit_an_import_or_an_export() {
    let closed = Closed::new(roster());
    let good = closed.certificate(closed.closing, [0, 1, 2]);
    for rule in CertificateRule::ALL {
        let Some(forged) = forged_certificate(*rule, &good) else { continue };
        let archive = closed.archive("forged", closed.blocks.len(), std::slice::from_ref(&forged));
        let found = report(&archive);
        let failure = found.failure.clone().expect("a rule is broken");
        assert_eq!((failure.rule.as_str(), found.passed), (rule.name(), false), "{failure:?}");
        let text = shown(found);
        assert!(text.contains(&format!("rule {rule}\n")) && !text.contains("all holds"), "{text}");
        let format = AnswerFormat::default;
        let asked = AuditChain {
            source: archive.clone(),
            against: None,
            ballot: None,
            election: None,
            format: format(),
        };
        assert!(!audit(&asked).expect("it can be read"), "{rule}");
        let data_dir = closed.path(&format!("import-{rule}"));
        let imported = import(&ImportChain { file: archive, data_dir, format: format() });
        let refused = imported.expect_err(rule.name());
        let told = refused.to_string();
        assert!(
            refused.is_refusal() && told.contains(rule.name()) && !told.contains('\n'),
            "{told}"
        );
        if forged.block == good.block {
            let kept =
                closed.data_directory(&format!("kept-{rule}"), closed.blocks.len(), &[forged]);
            let refused = closed.export_final("forged.final", &kept).expect_err(rule.name());
            assert!(refused.to_string().contains(rule.name()), "{refused}");
        }
    }
    // Where there are no validators, nobody's certificate is worth anything.
    let deep = Closed::new(FinalityRule::Depth { confirmations: 2 });
    let found = report(&deep.archive("a", deep.blocks.len(), &[good]));
    assert_eq!(found.failure.expect("no roster").rule, "certificate_without_roster");
}

#[test]
fn what_is_final_is_one_file_whoever_exports_it_and_whenever() {
    let closed = Closed::new(roster());
    let closing = closed.certificate(closed.closing, [0, 1, 2]);
    let lower = closed.certificate(3, [1, 2, 3]);
    let higher = closed.certificate(closed.closing + 2, [0, 2, 3]);
    let early = closed.data_directory("early", closed.closing + 1, &[lower, closing.clone()]);
    let late = closed.data_directory("late", closed.blocks.len(), &[closing.clone(), higher]);
    let first = closed.export_final("first", &early).expect("it is final");
    assert!(closed.export_final("second", &late).expect("it is final") == first);
    let expected = closed.archive("expected", closed.closing + 1, &[closing]);
    assert!(fs::read(&expected).expect("written") == first);
    assert!(report(&closed.path("first")).finality.expect("it has times").is_final);

    let (file, data_dir) = (closed.path("first"), closed.path("imported"));
    let format = AnswerFormat::default();
    import(&ImportChain { file, data_dir: data_dir.clone(), format }).expect("it holds");
    assert!(closed.export_final("third", &data_dir).expect("it is final") == first);
}

fn verified(receipt: &Receipt, path: &Path, ballot: &Path) -> Result<bool, OfflineError> {
    let _ = fs::remove_file(path);
    receipt::write(path, receipt).expect("there is room");
    verify_receipt(&VerifyReceipt {
        file: path.to_owned(),
        source: None,
        ballot: Some(ballot.to_owned()),
        format: AnswerFormat::default(),
    })
}

#[test]
fn a_receipt_with_a_certificate_is_checked_with_the_ballot_alone() {
    let closed = Closed::new(roster());
    let (path, ballot) = (closed.path("receipt.json"), closed.path("ballot.toml"));
    fs::write(&ballot, ballot_file::write(&closed.election)).expect("there is room");
    let plain = Receipt::new(&closed.blocks[0], 1, &closed.election.election_id());
    let plain = plain.expect("it holds the vote");
    let proof = |block: usize| FinalityProof {
        headers: closed.blocks[1..=block].iter().map(|block| block.header).collect(),
        certificate: closed.certificate(block, [0, 2, 3]),
    };
    let with = |finality| Receipt { finality: Some(finality), ..plain.clone() };
    for block in [0, 1, closed.closing] {
        assert!(verified(&with(proof(block)), &path, &ballot).expect("it can be read"));
    }
    let none = verified(&plain, &path, &ballot).expect_err("no certificate");
    assert!(matches!(none, OfflineError::NoCertificate { .. }) && !none.is_refusal(), "{none}");
    let mut gap = proof(4);
    gap.headers.remove(1);
    let mut short = proof(4);
    short.headers.pop();
    for broken in [gap, short] {
        assert!(!verified(&with(broken), &path, &ballot).expect("it can be read"));
    }
    for rule in CertificateRule::ALL {
        let good = proof(4);
        let Some(certificate) = forged_certificate(*rule, &good.certificate) else { continue };
        let forged = with(FinalityProof { certificate, ..good });
        assert!(!verified(&forged, &path, &ballot).expect("it can be read"), "{rule}");
    }
    // It is final with a record as well, which has no certificate of its own.
    let archive = closed.archive("plain", closed.blocks.len(), &[]);
    receipt::write(&closed.path("good.json"), &with(proof(2))).expect("there is room");
    let file = closed.path("good.json");
    let format = AnswerFormat::default();
    let asked = VerifyReceipt { file, source: Some(archive), ballot: None, format };
    assert!(verify_receipt(&asked).expect("it can be read"));
    fs::write(&ballot, ballot_file::write(&fixtures::election())).expect("there is room");
    let other = verified(&with(proof(2)), &path, &ballot).expect_err("another election");
    assert!(matches!(other, OfflineError::OtherElection { .. }), "{other}");
}

#[test]
fn what_is_not_final_is_not_exported_as_such() {
    let closed = Closed::new(roster());
    let reason = |name: &str, kept: &Path| match closed.export_final(name, kept) {
        Err(error @ OfflineError::NotFinal { reason, .. }) => {
            assert!(error.is_refusal() && !error.to_string().contains('\n'), "{error}");
            reason
        }
        other => panic!("{other:?}"),
    };
    let open = closed.data_directory("open", 3, &[closed.certificate(1, [0, 1, 2])]);
    assert_eq!(reason("a", &open), NotFinal::NotClosed);
    let sealing = closed.data_directory("sealing", closed.blocks.len(), &[]);
    let height = closed.blocks[closed.closing].header.height;
    assert_eq!(reason("b", &sealing), NotFinal::NotCertified { closing: height });
    let scene = super::scene::Scene::new();
    let untimed = scene.data_directory("untimed", &scene.line);
    assert_eq!(reason("c", &untimed), NotFinal::Untimed);

    let deep = Closed::new(FinalityRule::Depth { confirmations: 3 });
    let (closing, height) = (deep.closing, deep.blocks[deep.closing].header.height);
    let shallow = deep.data_directory("shallow", closing + 2, &[]);
    let refused = deep.export_final("a", &shallow).expect_err("it is not deep enough");
    let OfflineError::NotFinal { reason, .. } = refused else { panic!("{refused}") };
    assert_eq!(reason, NotFinal::NotDeep { closing: height });
    let enough = deep.data_directory("enough", closing + 3, &[]);
    let more = deep.data_directory("more", closing + 4, &[]);
    let first = deep.export_final("b", &enough).expect("it is deep enough");
    assert!(deep.export_final("c", &more).expect("it is deep enough") == first);
}

#[test]
fn an_archive_has_the_format_of_its_election_and_certificates_in_the_newer_one_alone() {
    let closed = Closed::new(roster());
    let certificate = closed.certificate(0, [0, 1, 2]);
    let timed = fs::read(closed.archive("timed", 1, &[])).expect("written");
    assert_eq!(timed[16..20], 2u32.to_le_bytes());
    let path = closed.path("untimed");
    let mut writer = ArchiveWriter::create(&path, &fixtures::election(), false).expect("begun");
    writer.certify(&certificate).expect("written");
    writer.finish().expect("finished");
    assert_eq!(fs::read(&path).expect("written")[16..20], 1u32.to_le_bytes());
    let mut source = Source::open(&path).expect("its election is good");
    let refused = audit_source(&mut source, clock::unix_now, |_| Ok(()));
    let Err(OfflineError::Archive { reason, .. }) = refused else { panic!("{refused:?}") };
    assert!(matches!(reason, ArchiveError::Damaged { .. }), "{reason}");
}
