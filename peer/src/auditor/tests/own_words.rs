//! What is told of broken files has this program's words, not those of a library or of the system.

use super::scene::{Scene, export_to, verify};
use super::*;
use crate::cli::{AnswerFormat, AuditChain, ExportKind, ImportChain};

/// What libraries and systems say.
const FOREIGN: [&str; 14] = [
    "os error",
    "EOF while",
    "expected value",
    "expected ident",
    "at line 1 column",
    "trailing characters",
    "missing field",
    "invalid type",
    "No such file",
    "Is a directory",
    "Permission denied",
    "UnexpectedEnd",
    "DB corrupted",
    "panicked",
];

#[track_caller]
fn assert_own(case: &str, told: &str) {
    assert_eq!(told.lines().count(), 1, "{case}: {told}");
    for foreign in FOREIGN {
        assert!(!told.contains(foreign), "{case}: {told}");
    }
}

#[test]
fn broken_receipts_are_told_in_own_words() {
    let scene = Scene::new();
    let archive = scene.archive("a.archive", &scene.line);
    let good = fs::read(scene.receipt("good.json", &scene.line[0])).expect("a receipt");
    let path = scene.path("r.json");
    let cut = (0..good.len()).step_by(97).map(|length| good[..length].to_vec());
    let others = [&b"{\"receipt\": 1}"[..], b"[1]", b"{} {}", b"{\"a\" 1}", b"\xff", b"\0"];
    for (number, bytes) in cut.chain(others.map(<[u8]>::to_vec)).enumerate() {
        fs::write(&path, bytes).expect("written");
        let told = verify(&path, &archive).expect_err("it is broken").to_string();
        assert_own(&format!("{number}"), &told);
    }
    for path in [scene.path("nowhere"), scene.path(""), scene.path("a.archive/x")] {
        assert_own("no file", &verify(&path, &archive).expect_err("no file").to_string());
    }
}

#[test]
fn broken_records_are_told_in_own_words() {
    let scene = Scene::new();
    let receipt = scene.receipt("r.json", &scene.line[0]);
    let good = fs::read(scene.archive("good.archive", &scene.line)).expect("an archive");
    let path = scene.path("a.archive");
    let cut = (0..good.len()).step_by(61).map(|length| good[..length].to_vec());
    let flipped = (0..good.len()).step_by(53).map(|place| {
        let mut bytes = good.clone();
        bytes[place] ^= 0x55;
        bytes
    });
    for (number, bytes) in cut.chain(flipped).enumerate() {
        fs::write(&path, bytes).expect("written");
        all_commands(&scene, &number.to_string(), &receipt, &path);
    }
    all_commands(&scene, "no file", &receipt, &scene.path("nowhere"));
    all_commands(&scene, "below a file", &receipt, &scene.path("a.archive/x"));
}

#[test]
fn broken_directories_are_told_in_own_words() {
    let scene = Scene::new();
    let receipt = scene.receipt("r.json", &scene.line[0]);
    all_commands(&scene, "empty", &receipt, &scene.path(""));
    let directory = scene.data_directory("d", &scene.line);
    let (chain, election) = (directory.join("chain.redb"), directory.join("election"));
    let good = fs::read(&chain).expect("a database");
    let cut =
        [0, 1, 100, 4_096, good.len() / 2, good.len() - 1].map(|length| good[..length].to_vec());
    let flipped = (0..good.len()).step_by(good.len() / 12).map(|place| {
        let mut bytes = good.clone();
        let end = (place + 64).min(bytes.len());
        bytes[place..end].iter_mut().for_each(|byte| *byte ^= 0x55);
        bytes
    });
    for (number, bytes) in cut.into_iter().chain(flipped).enumerate() {
        fs::write(&chain, bytes).expect("written");
        all_commands(&scene, &number.to_string(), &receipt, &directory);
    }
    fs::write(&election, b"?").expect("written");
    all_commands(&scene, "no election", &receipt, &directory);
}

fn all_commands(scene: &Scene, case: &str, receipt: &Path, source: &Path) {
    let told = |outcome: Result<bool, OfflineError>| {
        if let Err(refused) = outcome {
            assert_own(case, &refused.to_string());
        }
    };
    told(verify(receipt, source));
    let table = scene.path("t.csv");
    told(export_to(table.clone(), source, ExportKind::Voters).map(|()| true));
    let _ = fs::remove_file(table);
    let (source, format) = (source.to_owned(), AnswerFormat { json: true });
    let data_dir = scene.path("copy");
    told(
        import(&ImportChain { file: source.clone(), data_dir: data_dir.clone(), format })
            .map(|()| true),
    );
    let _ = fs::remove_dir_all(data_dir);
    told(audit(&AuditChain { source, against: None, ballot: None, election: None, format }));
}
