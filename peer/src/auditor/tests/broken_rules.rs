//! True chains with a block that the rules refuse, mined and linked as by somebody who wants to deceive: none of their
//! readers proves anything by them, passes them on or counts them.

use super::scene::{Scene, assert_told, export_to, verify, worked};
use super::*;
use crate::cli::{AnswerFormat, AuditChain, ExportKind, ImportChain};
use crate::render::Style;
use crate::schema::Reply;
use crate::store::data_directory::DataDirectory;
use chain::{Forgery, Past};

/// A block on top of `parent` that breaks this rule, if this election leaves a way to break it.
fn forged(rule: AuditRule, parent: &Header) -> Option<Block> {
    // The election has no block interval and no times, so nothing but the parent matters.
    let mut past = Past::genesis(&election());
    past.add(parent);
    let now = clock::unix_now();
    let forgery = Forgery::new(rule, &election(), [3; 32], now).ok()?;
    let block = forgery.block(&past, now).ok()?;
    Some(if forgery.needs_work() { worked(block) } else { block })
}

/// What a single block can do wrong on top of the scene's chain: all that a laboratory offers, and what the scene's own
/// voters can do.
fn wrong_blocks(scene: &Scene) -> Vec<(String, AuditRule, Block)> {
    let parent = &scene.line[2].header;
    let offered = Forgery::OFFERED.iter().map(|(rule, _)| *rule);
    // Whether a time has come is told by a clock and not by a rule.
    let offered = offered.filter(|rule| *rule != AuditRule::TooEarly);
    let forged = offered.filter_map(|rule| Some((rule.to_string(), rule, forged(rule, parent)?)));
    let own = [
        (
            "a vote of nobody",
            AuditRule::NotRegistered,
            vec![registration(3), vote(4, vec![vec![0]])],
        ),
        ("a second vote", AuditRule::AlreadyVoted, vec![registration(3), vote(1, vec![vec![1]])]),
        (
            "the same vote again",
            AuditRule::AlreadyVoted,
            vec![registration(3), vote(1, vec![vec![0]])],
        ),
        ("a voter again", AuditRule::AlreadyRegistered, vec![registration(3), registration(1)]),
        (
            "an option too high",
            AuditRule::NoSuchOption,
            vec![registration(3), vote(3, vec![vec![2]])],
        ),
    ];
    let own =
        own.map(|(case, rule, transactions)| (case.to_owned(), rule, mined(parent, transactions)));
    forged.chain(own).collect()
}

#[test]
fn a_receipt_is_no_proof_on_a_chain_with_a_block_that_breaks_a_rule() {
    let scene = Scene::new();
    let cases = wrong_blocks(&scene);
    assert!(cases.len() >= 23, "this election leaves ways to break most rules: {}", cases.len());
    let receipt = scene.receipt("true", &scene.line[0]);
    for (number, (case, rule, wrong)) in cases.into_iter().enumerate() {
        let above = mined(&wrong.header, vec![]);
        let blocks: Vec<Block> = scene.line.iter().cloned().chain([wrong.clone(), above]).collect();
        for (name, length) in [("last", 4), ("with a block above it", 5)] {
            let archive = scene.archive(&format!("{number}-{length}.archive"), &blocks[..length]);
            let failure = audited(&archive).expect("it can be read").failure.expect(&case);
            assert_eq!((failure.height, failure.error.rule()), (Height(4), rule), "{case}, {name}");
            let refused = verify(&receipt, &archive).expect_err(&case);
            assert!(refused.to_string().ends_with("; nothing is proved"), "{case}: {refused}");
            assert_told(&case, refused, 4, rule);
        }
        if wrong.transactions.len() > 1 && rule != AuditRule::MerkleRoot {
            let of_wrong = scene.receipt(&format!("of-{number}"), &wrong);
            let archive = scene.archive("wrong.archive", &blocks[..4]);
            match verify(&of_wrong, &archive) {
                Ok(is_proved) => assert!(!is_proved, "{case}: its own receipt"),
                Err(refused) => assert_told(&case, refused, 4, rule),
            }
        }
    }
}

#[test]
fn a_vote_that_the_rules_refuse_has_no_proof_in_the_first_block_either() {
    let scene = Scene::new();
    let genesis = Header::genesis(&election());
    let first = mined(&genesis, vec![registration(0), vote(1, vec![vec![0]])]);
    let second = mined(&first.header, vec![]);
    let receipt = scene.receipt("r", &first);
    for source in [
        scene.archive("a.archive", &[first.clone(), second.clone()]),
        scene.data_directory("a", &[first, second]),
    ] {
        let refused = verify(&receipt, &source).expect_err("nobody of this key is registered");
        assert_told("a vote of nobody", refused, 1, AuditRule::NotRegistered);
    }
}

#[test]
fn no_command_takes_a_block_that_breaks_a_rule_from_a_data_directory() {
    let scene = Scene::new();
    let receipt = scene.receipt("true", &scene.line[0]);
    for (number, (case, rule, wrong)) in wrong_blocks(&scene).into_iter().enumerate() {
        let of_no_directory = [
            AuditRule::MerkleRoot, // a directory keeps a body with the header that it belongs to
            AuditRule::Height,     // a row stands at its header's height
        ];
        if of_no_directory.contains(&rule) {
            continue;
        }
        let blocks: Vec<Block> = scene.line.iter().cloned().chain([wrong]).collect();
        let directory = scene.data_directory(&format!("d-{number}"), &blocks);
        assert_told(&case, verify(&receipt, &directory).expect_err(&case), 4, rule);
        for (kind, name) in [
            (ExportKind::Archive, "a"),
            (ExportKind::Votes, "v.csv"),
            (ExportKind::Results, "r.jsonl"),
        ] {
            let file = scene.path(name);
            let refused = export_to(file.clone(), &directory, kind).expect_err(&case);
            assert!(refused.to_string().ends_with("; nothing was exported"), "{case}: {refused}");
            assert_told(&case, refused, 4, rule);
            assert!(!file.exists(), "{case}: nothing unfinished is left");
        }
    }
}

#[test]
fn no_command_takes_a_block_that_breaks_a_rule_from_an_archive() {
    let scene = Scene::new();
    for (number, (case, rule, wrong)) in wrong_blocks(&scene).into_iter().enumerate() {
        let blocks: Vec<Block> = scene.line.iter().cloned().chain([wrong]).collect();
        let archive = scene.archive(&format!("{number}.archive"), &blocks);
        for kind in [ExportKind::Votes, ExportKind::Results] {
            let table = scene.path("table.csv");
            assert_told(&case, export_to(table.clone(), &archive, kind).expect_err(&case), 4, rule);
            assert!(!table.exists(), "{case}");
        }
        let data_dir = scene.path(&format!("copy-{number}"));
        let task = ImportChain {
            file: archive,
            data_dir: data_dir.clone(),
            format: AnswerFormat::default(),
        };
        assert_told(&case, import(&task).expect_err(&case), 4, rule);
        assert!(Source::open(&data_dir).is_err(), "{case}: nothing is there");
    }
}

/// True blocks, then one whose time has not come by this machine's clock, and one above it.
fn ahead_of_the_clock(scene: &Scene) -> Vec<Block> {
    let early = forged(AuditRule::TooEarly, &scene.line[2].header).expect("any block can be early");
    let above = mined(&early.header, vec![]);
    scene.line.iter().cloned().chain([early, above]).collect()
}

/// One line that blames the clock and no rule, and says what to do.
#[track_caller]
fn assert_unjudged(case: &str, refused: &OfflineError) {
    let told = refused.to_string();
    assert!(refused.is_unjudged() && !refused.is_refusal(), "{case}: {told}");
    assert_eq!(told.lines().count(), 1, "{case}: {told}");
    let (_, rest) = told.split_once("can't be judged: by this machine's clock ").expect(&told);
    let rest = rest.strip_prefix("block 4's time lies ").expect(&told);
    let (ahead, rest) = rest.split_once(" s ahead; ").expect(&told);
    let ahead: u64 = ahead.parse().expect("seconds");
    assert!((86_000..=86_400).contains(&ahead), "{case}: {told}");
    assert!(rest.starts_with("set the clock and try again"), "{case}: {told}");
    for word in ["rule", "too_early", "hold"] {
        assert!(!told.contains(word), "{case}: {told}");
    }
}

/// A block that is dated ahead of this machine's clock breaks no rule that anything could be judged by, and proves
/// nothing before its time.
#[test]
fn no_command_tells_a_chain_that_is_ahead_of_the_clock_as_one_that_breaks_a_rule() {
    let scene = Scene::new();
    let receipt = scene.receipt("true", &scene.line[0]);
    let blocks = ahead_of_the_clock(&scene);
    let (of_four, of_five) = (&blocks[..4], &blocks[..]);
    for (number, (source, is_archive)) in [
        (scene.archive("four.archive", of_four), true),
        (scene.archive("five.archive", of_five), true),
        (scene.data_directory("four", of_four), false),
        (scene.data_directory("five", of_five), false),
    ]
    .into_iter()
    .enumerate()
    {
        for json in [false, true] {
            let format = AnswerFormat { json };
            let task = AuditChain {
                source: source.clone(),
                against: None,
                ballot: None,
                election: None,
                format,
            };
            assert_unjudged("audit", &audit(&task).expect_err("its time has not come"));
        }
        assert_unjudged("receipt", &verify(&receipt, &source).expect_err("its time has not come"));
        for (kind, name) in [(ExportKind::Votes, "v.csv"), (ExportKind::Results, "r.jsonl")] {
            let table = scene.path(name);
            let refused = export_to(table.clone(), &source, kind).expect_err("not before its time");
            assert_unjudged(name, &refused);
            assert!(!table.exists(), "nothing unfinished is left");
        }
        if is_archive {
            let data_dir = scene.path(&format!("copy-{number}"));
            let task = ImportChain {
                file: source,
                data_dir: data_dir.clone(),
                format: AnswerFormat::default(),
            };
            assert_unjudged("import", &import(&task).expect_err("not before its time"));
            assert!(!data_dir.exists(), "nothing half made is left");
        } else {
            // Whoever writes an archive from a directory judged the times when the blocks arrived.
            let copy = scene.path(&format!("{number}.archive"));
            export_to(copy.clone(), &source, ExportKind::Archive).expect("no rule is broken");
            assert!(copy.is_file());
        }
    }
}

#[test]
fn an_audit_counts_what_comes_before_a_block_that_is_ahead_of_the_clock() {
    let scene = Scene::new();
    let archive = scene.archive("early.archive", &ahead_of_the_clock(&scene));
    let outcome = audited(&archive).expect("it can be read");
    let AuditOutcome { report, .. } = outcome;
    assert!(!report.passed && report.failure.is_none(), "{report:?}");
    assert_eq!((report.blocks, report.registrations, report.votes), (3, 2, 1));
    let answer = Reply::Audit(Box::new(report));
    let shown = Style::Human { color: false }.answer(&answer);
    assert!(shown.contains("can't be judged"), "{shown}");
    for word in ["HOLD", "holds", "too_early", "rule "] {
        assert!(!shown.contains(word), "{shown}");
    }
    let shown: serde_json::Value =
        serde_json::from_str(&Style::Json.answer(&answer)).expect("an object");
    assert_eq!(shown["error"]["kind"], "ahead_of_clock", "{shown}");
    assert_eq!((&shown["passed"], &shown["failure"]), (&false.into(), &serde_json::Value::Null));
}

/// The clock is asked about a block's time alone: what breaks a rule before that is told as such.
#[test]
fn a_broken_rule_is_told_before_a_time_that_has_not_come() {
    let scene = Scene::new();
    let second_vote = mined(&scene.line[2].header, vec![registration(3), vote(1, vec![vec![1]])]);
    let early = forged(AuditRule::TooEarly, &second_vote.header).expect("any block can be early");
    let blocks: Vec<Block> = scene.line.iter().cloned().chain([second_vote, early]).collect();
    let archive = scene.archive("both.archive", &blocks);
    let receipt = scene.receipt("true", &scene.line[0]);
    let refused = verify(&receipt, &archive).expect_err("there is a second vote");
    assert_told("both", refused, 4, AuditRule::AlreadyVoted);
    let task = ImportChain {
        file: archive,
        data_dir: scene.path("copy"),
        format: AnswerFormat::default(),
    };
    assert_told("both", import(&task).expect_err("a second vote"), 4, AuditRule::AlreadyVoted);
    assert!(!scene.path("copy").exists(), "nothing half made is left");
}

/// A block whose time has not come is judged by everything else first.
#[test]
fn a_broken_rule_of_a_block_is_told_before_its_time() {
    let scene = Scene::new();
    let parent = &scene.line[2].header;
    let early = forged(AuditRule::TooEarly, parent).expect("any block can be early").header.time;
    for (number, (case, rule, mut wrong)) in wrong_blocks(&scene).into_iter().enumerate() {
        if rule == AuditRule::NotAfterParent {
            continue;
        }
        wrong.header.time = early;
        let wrong = if rule == AuditRule::NoWork { wrong } else { worked(wrong) };
        if rule == AuditRule::NoWork && wrong.header.has_work() {
            continue;
        }
        let blocks: Vec<Block> = scene.line.iter().cloned().chain([wrong]).collect();
        let archive = scene.archive(&format!("early-{number}.archive"), &blocks);
        let outcome = audited(&archive).expect("it can be read");
        let failure = outcome.failure.expect(&case);
        assert_eq!((failure.height, failure.error.rule()), (Height(4), rule), "{case}");
        assert!(outcome.report.failure.is_some() && outcome.report.error.is_none(), "{case}");
    }
}

/// What was there before an import stays there when it is refused, and nothing else.
#[test]
fn a_refused_import_leaves_a_directory_as_it_found_it() {
    let scene = Scene::new();
    let archive = scene.archive("early.archive", &ahead_of_the_clock(&scene));
    let refused = |data_dir: &Path| {
        let task = ImportChain {
            file: archive.clone(),
            data_dir: data_dir.to_owned(),
            format: AnswerFormat::default(),
        };
        assert_unjudged("import", &import(&task).expect_err("not before its time"));
    };
    let names = |directory: &Path| -> Vec<_> {
        let entries = fs::read_dir(directory).expect("a directory");
        entries.map(|entry| entry.expect("an entry").file_name()).collect()
    };
    let empty = scene.path("empty");
    fs::create_dir(&empty).expect("made");
    refused(&empty);
    assert_eq!(names(&empty), Vec::<std::ffi::OsString>::new());
    let kept = scene.path("kept");
    fs::create_dir(&kept).expect("made");
    fs::write(kept.join("voter.key"), "a key").expect("written");
    refused(&kept);
    assert_eq!(names(&kept), ["voter.key"]);
    fs::create_dir(scene.path("above")).expect("made");
    refused(&scene.path("above/new/newer"));
    assert_eq!(names(&scene.path("above")), Vec::<std::ffi::OsString>::new());
    let used = scene.path("used");
    drop(DataDirectory::open(used.clone()).expect("a new one"));
    refused(&used);
    assert_eq!(names(&used), ["lock"]);
}
