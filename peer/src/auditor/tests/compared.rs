//! Two records held against each other: where they part, what each counts alone, and what comes of it.

use super::scene::{Scene, worked};
use super::*;
use crate::auditor::compare::{Compared, compare_sources};
use crate::cli::{AnswerFormat, AuditChain};
use crate::render::{Style, short};
use crate::schema::{Comparison, Relation, Reply, TransactionKind};

fn compare(a: &Path, b: &Path) -> Compared {
    let mut sources = [a, b].map(|path| Source::open(path).expect("a record"));
    let [a, b] = &mut sources;
    compare_sources([a, b], clock::unix_now()).expect("both can be read")
}

fn audit_against(a: &Path, b: &Path) -> Result<bool, OfflineError> {
    let (source, against) = (a.to_owned(), Some(b.to_owned()));
    let format = AnswerFormat { json: true };
    audit(&AuditChain { source, against, ballot: None, election: None, format })
}

fn shown(compared: Compared) -> String {
    Style::Human { color: false }.answer(&Reply::Comparison(Box::new(compared.report)))
}

/// The scene's chain, and one that parts from it after its first block.
fn parted(scene: &Scene) -> (Vec<Block>, Vec<Block>) {
    let first = scene.line[0].clone();
    let second =
        mined(&first.header, vec![registration(2), registration(3), vote(3, vec![vec![1]])]);
    (scene.line.to_vec(), vec![first, second])
}

#[test]
fn a_record_is_the_same_as_itself_however_it_is_kept() {
    let scene = Scene::new();
    let archive = scene.archive("a.archive", &scene.line);
    let directory = scene.data_directory("d", &scene.line);
    for (a, b) in [(&archive, &archive), (&archive, &directory), (&directory, &archive)] {
        let compared = compare(a, b);
        let Comparison { relation, common, a: first, b: second, .. } = &compared.report;
        assert_eq!((*relation, common.height), (Relation::Same, 3));
        assert!(first.next.is_none() && second.alone.is_empty());
        assert!(shown(compared).ends_with("the same record\n"));
        assert!(matches!(audit_against(a, b), Ok(true)));
    }
}

#[test]
fn where_two_records_part_and_what_each_counts_alone_is_told() {
    let scene = Scene::new();
    let (line, other) = parted(&scene);
    let (a, b) = (scene.archive("a.archive", &line), scene.archive("b.archive", &other));
    let compared = compare(&a, &b);
    let Comparison { relation, common, a: first, b: second, .. } = &compared.report;
    assert_eq!((*relation, common.height), (Relation::Part, 1));
    assert_eq!(common.hash, line[0].header.hash());
    let next = first.next.as_ref().expect("a block");
    assert_eq!((next.height, next.hash), (2, line[1].header.hash()));
    let next = second.next.as_ref().expect("a block");
    assert_eq!((next.hash, next.registrations, next.votes), (other[1].header.hash(), 2, 1));
    assert_eq!(next.time_ms, other[1].header.time.0);
    assert!(first.alone.is_empty(), "the registration stands in both, though in other blocks");
    let alone: Vec<_> = second.alone.iter().map(|each| each.transaction.kind).collect();
    assert_eq!(alone, [TransactionKind::Registration, TransactionKind::Vote]);
    assert_eq!(second.alone[1].transaction.transaction, vote(3, vec![vec![1]]).id());
    let text = shown(compared);
    for part in [
        "the same up to block 1 ",
        "A goes on with block 2 ",
        "B goes on with block 2 ",
        "it counts nothing that B does not",
        "in block 2 (Grace)",
        "answers with different numbers of votes:\n  question 1, Grace: 0 in A, 1 in B\n",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let of = |block: &Block| {
        format!("{} of {}", short(block.header.hash()), crate::render::time(block.header.time.0))
    };
    let told = format!(
        "THEY PART at block 2: A has {} and 0 votes that B has not, B has {} and 1 vote that A has not\n",
        of(&line[1]),
        of(&other[1])
    );
    assert!(text.ends_with(&told), "{text}");
    assert!(matches!(audit_against(&a, &b), Ok(false)));
}

#[test]
fn a_record_that_ends_where_the_other_goes_on_does_not_contradict_it() {
    let scene = Scene::new();
    let (long, short) =
        (scene.archive("l.archive", &scene.line), scene.archive("s.archive", &scene.line[..1]));
    for (a, b, relation, [ends, goes_on]) in [
        (&long, &short, Relation::AGoesOn, ["B", "A"]),
        (&short, &long, Relation::BGoesOn, ["A", "B"]),
    ] {
        let compared = compare(a, b);
        assert_eq!(compared.report.relation, relation);
        assert!(compared.unjudged.is_none());
        let text = shown(compared);
        let told = format!("\n{ends} is counted up to block 1, and {goes_on} goes on to block 3");
        let told = format!("{told}: they don't contradict each other\n");
        assert!(text.ends_with(&told), "{text}");
        assert!(text.contains(&format!("{ends} ends there\n")), "{text}");
        assert!(matches!(audit_against(a, b), Ok(false)));
    }
}

#[test]
fn a_block_that_breaks_a_rule_or_is_early_is_told_of_its_record() {
    let scene = Scene::new();
    let last = scene.line[2].header;
    let second_vote = mined(&last, vec![registration(3), vote(1, vec![vec![1]])]);
    let mut early = mined(&last, vec![]);
    early.header.time = clock::unix_now().plus(Duration::from_secs(86_400));
    let early = worked(early);
    let good = mined(&last, vec![registration(4)]);
    let with =
        |block: &Block| scene.line.iter().cloned().chain([block.clone()]).collect::<Vec<_>>();
    let broken = scene.archive("broken.archive", &with(&second_vote));
    let early = scene.archive("early.archive", &with(&early));
    let good = scene.archive("good.archive", &with(&good));
    let whole = scene.archive("whole.archive", &scene.line);

    let compared = compare(&good, &broken);
    assert_eq!(compared.report.relation, Relation::Part);
    let failure = compared.report.b.failure.as_ref().expect("a second vote");
    assert_eq!((failure.height, failure.rule.as_str()), (4, "already_voted"));
    assert!(shown(compared).contains("IT DOES NOT HOLD: block 4 "));
    assert!(matches!(audit_against(&good, &broken), Ok(false)));
    assert!(matches!(audit_against(&broken, &broken), Ok(false)), "the same, and it is broken");

    assert!(matches!(audit_against(&good, &early), Ok(false)), "they part, whatever the time is");
    let refused = audit_against(&whole, &early).expect_err("its time has not come");
    assert!(refused.is_unjudged() && refused.is_told(), "{refused}");
    assert!(audit_against(&early, &early).expect_err("not judged").is_unjudged());
}

/// One record is damaged in a block that the other has whole: its hash is the same, so that nobody mined another.
#[test]
fn a_block_that_is_damaged_in_one_record_is_no_parting() {
    let scene = Scene::new();
    let mut damaged = scene.line.to_vec();
    damaged[2].transactions = vec![registration(4)];
    let a = scene.archive("a.archive", &scene.line);
    let b = scene.archive("b.archive", &damaged);
    for (a, b, relation, [damaged, whole]) in
        [(&a, &b, Relation::AGoesOn, ["B", "A"]), (&b, &a, Relation::BGoesOn, ["A", "B"])]
    {
        let compared = compare(a, b);
        let Comparison { a: first, b: second, .. } = &compared.report;
        let failures = [first, second].map(|each| each.failure.as_ref().map(|it| it.rule.clone()));
        assert_eq!(compared.report.relation, relation);
        assert!(failures.contains(&Some("merkle_root".to_owned())), "{failures:?}");
        let text = shown(compared);
        let told =
            format!("\n{damaged} is counted up to block 2, and {whole} goes on to block 3\n");
        assert!(text.ends_with(&told), "{text}");
        assert!(text.contains(&format!("{damaged} is counted no further\n")), "{text}");
        assert!(matches!(audit_against(a, b), Ok(false)));
    }
}

/// Both records are judged by one time, so that a block is due for both or for neither.
#[test]
fn a_block_whose_time_has_just_come_is_no_parting() {
    let scene = Scene::new();
    let mut early = mined(&scene.line[2].header, vec![registration(4)]);
    early.header.time = clock::unix_now().plus(Duration::from_secs(86_400));
    let time = early.header.time;
    let blocks: Vec<_> = scene.line.iter().cloned().chain([worked(early)]).collect();
    let path = scene.archive("a.archive", &blocks);
    for (now, judged) in [(clock::unix_now(), false), (time, true)] {
        let mut sources = [&path, &path].map(|path| Source::open(path).expect("a record"));
        let [a, b] = &mut sources;
        let compared = compare_sources([a, b], now).expect("both can be read");
        assert_eq!(compared.report.relation, Relation::Same);
        assert_eq!((compared.unjudged.is_none(), compared.report.a.passed), (judged, judged));
    }
}

/// What stands in a block that is not counted is told as such.
#[test]
fn a_block_that_is_not_counted_is_told_of_the_record_that_goes_on() {
    let scene = Scene::new();
    let broken = mined(&scene.line[2].header, vec![vote(1, vec![vec![1]])]);
    let long: Vec<_> = scene.line.iter().cloned().chain([broken.clone()]).collect();
    let (a, b) = (scene.archive("a.archive", &long), scene.archive("b.archive", &scene.line));
    let compared = compare(&a, &b);
    assert_eq!(compared.report.relation, Relation::AGoesOn);
    let text = shown(compared);
    let hash = broken.header.hash();
    let told = format!("A goes on with block 4 {hash}, which is not counted\n");
    assert!(text.contains(&told) && text.contains("B ends there"), "{text}");
    assert!(text.contains("  it counts nothing that B does not"), "{text}");
    let told = "\nB is counted up to block 3, and A goes on with block 4, which is not counted\n";
    assert!(text.ends_with(told), "{text}");
}

#[test]
fn records_of_two_elections_are_not_compared() {
    let scene = Scene::new();
    let a = scene.archive("a.archive", &scene.line);
    let foreign = protocol::election::Election { id: [9; 16], ..election() };
    let b = scene.path("b.archive");
    ArchiveWriter::create(&b, &foreign, false).expect("begun").finish().expect("finished");
    let refused = audit_against(&a, &b).expect_err("another election");
    assert!(matches!(refused, OfflineError::OtherElection { .. }), "{refused}");
    assert!(refused.to_string().contains("b.archive is of election "), "{refused}");
}

#[test]
fn of_many_differences_people_see_the_first_and_how_many_more() {
    let scene = Scene::new();
    let mut parent = Header::genesis(&election());
    let blocks = [0..8, 8..16, 16..23].map(|voters| {
        let block = mined(&parent, voters.map(registration).collect());
        parent = block.header;
        block
    });
    let a = scene.archive("a.archive", &blocks);
    let b = scene.archive("b.archive", std::slice::from_ref(&scene.beside));
    let mut compared = compare(&a, &b);
    assert_eq!(compared.report.a.alone.len(), 22, "programs get more");
    assert_eq!(compared.report.a.alone_counts.registrations, 22);
    // Programs don't get all, and of votes here no more than people.
    compared.report.a.alone_counts.votes = 7;
    let text = shown(compared);
    assert_eq!(text.matches("    registration ").count(), 20, "{text}");
    assert!(text.contains("    2 more registrations: `--json` shows more\n"), "{text}");
    assert!(text.contains("    7 more votes\n"), "{text}");
}
