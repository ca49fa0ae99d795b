//! Archives and data directories whose blocks are no single line from the genesis: whoever reads them says so, in the
//! words of an audit, and proves nothing by them.

use protocol::election::Election;
use protocol::units::{BlockHash, Difficulty};

use super::scene::{Scene, assert_told, export_to, verify, worked};
use super::*;
use crate::cli::{AnswerFormat, AuditChain, ExportKind, ImportChain};

/// What is wrong with a sequence of blocks, the blocks, where the first wrong one stands, and the rule that it breaks.
type Case = (&'static str, Vec<Block>, u64, AuditRule);

impl Scene {
    /// Everything that is not one line, or is one of another kind.
    fn cases(&self) -> Vec<Case> {
        use AuditRule::{
            Difficulty as WrongDifficulty, Height as WrongHeight, MerkleRoot, NoWork,
            NotAfterParent, UnknownParent,
        };
        let beside = || self.beside.clone();
        let [first, second, third] = self.line.clone();
        let [one, two, three] = [&first, &second, &third].map(|block| move || block.clone());
        let on_second = |change: fn(&mut Header)| {
            let mut block = mined(&second.header, vec![]);
            change(&mut block.header);
            worked(block)
        };
        let other_body = Block { transactions: vec![registration(0)], ..two() };
        let foreign = Election { id: [9; 16], ..election() };
        let foreign = mined(&Header::genesis(&foreign), vec![]);
        let foreign_second = mined(&foreign.header, vec![]);
        vec![
            ("a block beside the first", vec![beside(), one(), two(), three()], 2, UnknownParent),
            ("a lower block last", vec![one(), two(), three(), beside()], 4, UnknownParent),
            ("the first block again", vec![one(), two(), three(), one()], 4, UnknownParent),
            ("a block twice", vec![one(), two(), two(), three()], 3, UnknownParent),
            ("the middle is missing", vec![one(), three()], 2, UnknownParent),
            ("the beginning is missing", vec![two(), three()], 1, UnknownParent),
            ("two blocks in the wrong order", vec![one(), three(), two()], 2, UnknownParent),
            ("all in the wrong order", vec![three(), two(), one()], 1, UnknownParent),
            ("of another genesis", vec![foreign.clone(), foreign_second], 1, UnknownParent),
            ("a foreign block last", vec![one(), two(), foreign], 3, UnknownParent),
            (
                "of no height",
                vec![one(), two(), on_second(|header| header.height = Height(0))],
                3,
                WrongHeight,
            ),
            (
                "far too high",
                vec![one(), two(), on_second(|header| header.height = Height(u64::MAX))],
                3,
                WrongHeight,
            ),
            (
                "too easy",
                vec![
                    one(),
                    two(),
                    on_second(|header| header.difficulty = Difficulty::from_bits(0)),
                ],
                3,
                WrongDifficulty,
            ),
            (
                "at its parent's time",
                vec![
                    one(),
                    two(),
                    on_second(|header| header.time = Header::genesis(&election()).time),
                ],
                3,
                NotAfterParent,
            ),
            ("without work", vec![one(), two(), without_work(&second.header)], 3, NoWork),
            ("with another body", vec![one(), other_body, three()], 2, MerkleRoot),
        ]
    }
}

fn without_work(parent: &Header) -> Block {
    let mut block = mined(parent, vec![]);
    while block.header.has_work() {
        block.header.nonce += 1;
    }
    block
}

#[test]
fn a_receipt_is_no_proof_on_what_is_not_one_chain() {
    let scene = Scene::new();
    let receipts = [("beside", &scene.beside), ("first", &scene.line[0])]
        .map(|(name, block)| scene.receipt(name, block));
    for (number, (case, blocks, height, rule)) in scene.cases().into_iter().enumerate() {
        let archive = scene.archive(&format!("{number}.archive"), &blocks);
        let failure = audited(&archive).expect("it can be read").failure.expect(case);
        assert_eq!((failure.height, failure.error.rule()), (Height(height), rule), "{case}");
        for receipt in &receipts {
            let refused = verify(receipt, &archive).expect_err(case);
            assert_told(case, refused, height, rule);
        }
    }
}

#[test]
fn a_receipt_of_a_block_beside_the_chain_is_not_on_it() {
    let scene = Scene::new();
    let archive = scene.archive("a.archive", &scene.line);
    let directory = scene.data_directory("a", &scene.line);
    let (on, beside) =
        (scene.receipt("on", &scene.line[0]), scene.receipt("beside", &scene.beside));
    for source in [&archive, &directory] {
        assert!(matches!(verify(&on, source), Ok(true)), "{}", source.display());
        assert!(matches!(verify(&beside, source), Ok(false)), "{}", source.display());
    }
}

#[test]
fn an_archive_that_is_cut_off_proves_nothing_either() {
    let scene = Scene::new();
    let receipt = scene.receipt("r", &scene.line[0]);
    let archive = scene.archive("a.archive", &scene.line);
    let bytes = fs::read(&archive).expect("read");
    for length in [bytes.len() - 1, bytes.len() - 60, bytes.len() / 2] {
        fs::write(&archive, &bytes[..length]).expect("written");
        let refused = verify(&receipt, &archive).expect_err("it is cut off");
        assert!(refused.to_string().contains("cut off at the record at height"), "{refused}");
    }
}

#[test]
fn no_command_takes_what_is_not_one_chain_from_an_archive() {
    let scene = Scene::new();
    for (number, (case, blocks, height, rule)) in scene.cases().into_iter().enumerate() {
        let archive = scene.archive(&format!("{number}.archive"), &blocks);
        for kind in [ExportKind::Votes, ExportKind::Results] {
            let table = scene.path("table.csv");
            let refused = export_to(table.clone(), &archive, kind).expect_err(case);
            assert_told(case, refused, height, rule);
            assert!(!table.exists(), "{case}");
        }
        let data_dir = scene.path(&format!("copy-{number}"));
        let task = ImportChain {
            file: archive.clone(),
            data_dir: data_dir.clone(),
            format: AnswerFormat::default(),
        };
        assert_told(case, import(&task).expect_err(case), height, rule);
        assert!(Source::open(&data_dir).is_err(), "{case}: nothing is there");
        let (source, format) = (archive, AnswerFormat::default());
        let task = AuditChain { source, against: None, ballot: None, election: None, format };
        assert!(matches!(audit(&task), Ok(false)), "{case}");
    }
}

/// A tip's branch is found by its links, so most of what an archive can hold out of order can't stand in a directory.
#[test]
fn no_command_takes_what_is_not_one_chain_from_a_data_directory() {
    let scene = Scene::new();
    let [first, second, _] = scene.line.clone();
    let of_no_parent = {
        let mut block = mined(&first.header, vec![]);
        block.header.previous = BlockHash([7; 32]);
        block.header.height = Height(1);
        worked(block)
    };
    let above = mined(&of_no_parent.header, vec![]);
    let high = {
        let mut block = mined(&second.header, vec![]);
        block.header.height = Height(9);
        worked(block)
    };
    let foreign = mined(&Header::genesis(&Election { id: [9; 16], ..election() }), vec![]);
    let idle = without_work(&first.header);
    let cases: [Case; 4] = [
        ("the lowest has no parent", vec![of_no_parent, above], 1, AuditRule::UnknownParent),
        ("a height is left out", vec![first.clone(), second, high], 3, AuditRule::Height),
        ("of another genesis", vec![foreign], 1, AuditRule::UnknownParent),
        ("without work", vec![first, idle], 2, AuditRule::NoWork),
    ];
    let receipt = scene.receipt("r", &scene.line[0]);
    for (number, (case, blocks, height, rule)) in cases.into_iter().enumerate() {
        let directory = scene.data_directory(&format!("d-{number}"), &blocks);
        let failure = audited(&directory).expect("it can be read").failure.expect(case);
        assert_eq!((failure.height, failure.error.rule()), (Height(height), rule), "{case}");
        assert_told(case, verify(&receipt, &directory).expect_err(case), height, rule);
        for (kind, name) in [(ExportKind::Archive, "a"), (ExportKind::Votes, "v.csv")] {
            let file = scene.path(name);
            let refused = export_to(file.clone(), &directory, kind).expect_err(case);
            assert_told(case, refused, height, rule);
            assert!(!file.exists(), "{case}: nothing unfinished is left");
        }
    }
}
