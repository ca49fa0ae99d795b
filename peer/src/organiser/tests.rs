//! How signatures gather in a file, whoever signs when.

use std::fs;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use protocol::admission::{AdmissionRule, Registrar};
use protocol::ballot_file;
use protocol::election::Election;
use protocol::transaction::HashedTransaction;

use super::list::KeyList;
use super::record::{self, Check, LINE_BYTES_MAX, SignedFile};
use super::*;
use crate::cli::{AnswerFormat, PassphraseOptions, ShowSigned, SignList};
use crate::schema::{ShowReport, SignReport, SignaturesMissing};
use chain::fixtures::{self, key};
use host::progress::Progress;
use keys::Existing;
use keys::{KeyFile, KeyRole};

/// Registrars' keys are those of voters that nobody else is here.
const REGISTRAR: u8 = 100;

fn election(registrars: u8, threshold: u8) -> Election {
    let registrar = |place| Registrar {
        name: format!("Registrar {}", place + 1),
        key: key(REGISTRAR + place).public(),
    };
    let registrars = (0..registrars).map(registrar).collect();
    let admission = AdmissionRule::Registrars { registrars, threshold };
    Election { admission, ..fixtures::election() }
}

/// A directory with a ballot, the registrars' keys and a list of voters.
struct Office {
    directory: tempfile::TempDir,
    election: Election,
}

impl Office {
    fn new() -> Self {
        let office =
            Self { directory: tempfile::tempdir().expect("a directory"), election: election(3, 2) };
        fs::write(office.path("ballot.toml"), ballot_file::write(&office.election)).expect("room");
        for place in 0..4 {
            let secret = key(REGISTRAR + place);
            let path = office.path(&place.to_string());
            KeyFile::create_for(KeyRole::Registrar, &path, secret, None, Existing::Keep)
                .expect("room");
        }
        office.list("keys.csv", &[1, 2, 3, 4, 5]);
        office
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn list(&self, name: &str, voters: &[u8]) {
        let line = |voter: &u8| format!("Member {voter},{}\n", key(*voter).public());
        let lines: String = voters.iter().map(line).collect();
        fs::write(self.path(name), format!("id,voter_key\n{lines}")).expect("room");
    }

    fn sign(
        &self,
        list: &str,
        registrar: u8,
        out: &str,
        kind: RecordKind,
    ) -> Result<SignReport, RegistrarError> {
        sign::sign(&self.task(list, registrar, out), kind)
    }

    fn task(&self, list: &str, registrar: u8, out: &str) -> SignList {
        SignList {
            list: self.path(list),
            ballot: self.path("ballot.toml"),
            key: self.path(&registrar.to_string()),
            passphrase: PassphraseOptions::default(),
            out: Some(self.path(out)),
            id_column: None,
            without_ids: false,
            quiet: crate::cli::Quiet::default(),
            similar_ids: false,
            format: AnswerFormat::default(),
        }
    }

    fn admit(&self, list: &str, registrar: u8, out: &str) -> SignReport {
        self.sign(list, registrar, out, RecordKind::Admissions).expect("signed")
    }

    fn refusal(&self, registrar: u8, out: &str) -> String {
        let refused = self.sign("keys.csv", registrar, out, RecordKind::Admissions);
        refused.expect_err("refused").to_string()
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).expect("a file")
    }

    fn show(&self, file: &str) -> Result<ShowReport, RegistrarError> {
        let (file, ballot) = (self.path(file), self.path("ballot.toml"));
        show::show(&ShowSigned { file, ballot, format: AnswerFormat::default() })
    }
}

fn assert_all_hold(file: &Path, election: &Election, expected: usize) {
    let read = SignedFile::read(file, election, Check::Signatures);
    let read = read.expect("good").expect("it is there");
    let (id, threshold) = (election.election_id(), election.admission.threshold());
    for (voter, entry) in &read.entries {
        let transaction = entry.transaction(read.kind, *voter, &id, threshold).expect("complete");
        let signatures = transaction.registrar_signatures().expect("registrars sign it");
        assert_eq!(signatures.check_structure(&id, &election.admission), Ok(()));
        let hashed = HashedTransaction::new(transaction, &id);
        assert_eq!(hashed.check_signatures(&election.admission), Ok(()));
        assert_eq!(hashed.voter(), *voter);
    }
    assert_eq!(read.entries.len(), expected);
}

#[test]
fn two_of_three_admit_in_any_order_and_a_second_run_changes_nothing() {
    let office = Office::new();
    let first = office.admit("keys.csv", 0, "a.jsonl");
    assert_eq!((first.signed, first.complete, first.voters), (5, 0, 5));
    let second = office.admit("keys.csv", 2, "a.jsonl");
    assert_eq!((second.signed, second.complete, second.registrar), (5, 5, 3));
    let text = office.read("a.jsonl");
    assert!(!text.contains("Member"), "ids go no further: {text}");
    for registrar in [0, 2] {
        let again = office.admit("keys.csv", registrar, "a.jsonl");
        assert_eq!((again.signed, again.signed_before), (0, 5));
        assert_eq!(office.read("a.jsonl"), text);
    }
    office.list("other.csv", &[5, 3, 1, 4, 2]);
    office.admit("other.csv", 2, "b.jsonl");
    office.admit("other.csv", 0, "b.jsonl");
    assert_eq!(office.read("b.jsonl"), text, "the order of signing and of lists shows nowhere");
    assert_all_hold(&office.path("a.jsonl"), &office.election, 5);
}

#[test]
fn of_registrars_who_sign_at_once_each_adds_to_what_the_other_signed() {
    let office = Office::new();
    std::thread::scope(|scope| {
        for registrar in 0..3 {
            let office = &office;
            scope.spawn(move || office.admit("keys.csv", registrar, "a.jsonl"));
        }
    });
    let shown = office.show("a.jsonl").expect("a good file");
    let signed: Vec<_> = shown.registrars.iter().map(|each| each.signed).collect();
    assert_eq!(signed, [5, 5, 5]);
}

#[test]
fn only_those_of_the_own_list_are_signed_for() {
    let office = Office::new();
    office.admit("keys.csv", 0, "a.jsonl");
    office.list("fewer.csv", &[2, 3, 101]);
    let report = office.admit("fewer.csv", 1, "a.jsonl");
    assert_eq!((report.signed, report.voters, report.complete), (3, 6, 2));
    assert_eq!(report.not_listed, 3);
    assert!(report.first_not_listed.contains(&key(1).public().voter()));
    assert!(report.own_key, "a registrar's key may vote, and that is said");
    let shown = office.show("a.jsonl").expect("a good file");
    assert_eq!((shown.voters, shown.complete), (6, 2));
    let signed: Vec<_> = shown.registrars.iter().map(|each| each.signed).collect();
    assert_eq!(signed, [5, 3, 0]);
    assert_eq!(shown.incomplete, [SignaturesMissing { signatures_missing: 1, voters: 4 }]);
}

#[test]
fn what_is_no_good_file_is_refused_and_left_alone() {
    let office = Office::new();
    office.admit("keys.csv", 0, "a.jsonl");
    let good = office.read("a.jsonl");
    let lines: Vec<_> = good.lines().collect();
    let other = Election { id: [9; 16], ..office.election.clone() };
    let foreign =
        good.replace(&office.election.election_id().to_string(), &other.election_id().to_string());
    let digit = good.len() - 20;
    let flipped = if &good[digit..=digit] == "1" { "2" } else { "1" };
    let forged = format!("{}{flipped}{}", &good[..digit], &good[digit + 1..]);
    let swapped = [lines[0], lines[2], lines[1], lines[3], lines[4], lines[5]].join("\n");
    let key_of = |line: &str| line[14..80].to_owned();
    for (text, part) in [
        (String::new(), "no file of admissions"),
        ("my thesis\n".to_owned(), "no file of admissions"),
        (lines[1..].join("\n"), "no file of admissions"),
        (good.replace("\"format\":1", "\"format\":2"), "its format is 2"),
        (good.replace("\"admissions\"", "\"withdrawals\""), "line 2: the signature of registrar 1"),
        (foreign, "is of election"),
        (forged.clone(), "line 6: the signature of registrar 1 (Registrar 1) is not theirs"),
        (good.replace("{\"1\":", "{\"2\":"), "line 2: the signature of registrar 2 (Registrar 2)"),
        (good.replace("{\"1\":", "{\"4\":"), "registrar 4; the election has 3"),
        (good.replace("{\"1\":", "{\"0\":"), "registrar 0; the election has 3"),
        (good[..good.len() - 9].to_owned(), "line 6 is damaged"),
        (
            good.replace("{\"1\":\"", &format!("{{\"1\":\"{}\",\"1\":\"", "0".repeat(130))),
            "line 2 is damaged (registrar 1 stands twice",
        ),
        (good.replace(&key_of(lines[2]), &key_of(lines[1])), "line 3: its voter is not that"),
        (swapped, "line 3 does not follow"),
        (format!("{good}{}", " ".repeat(30_000)), "line 7 has over"),
    ] {
        fs::write(office.path("b.jsonl"), &text).expect("room");
        let error = office.refusal(1, "b.jsonl");
        assert!(error.contains(part), "{part}: {error}");
        assert_eq!(office.read("b.jsonl"), text, "left as it is");
    }
    fs::write(office.path("b.jsonl"), &forged).expect("room");
    let error = office.refusal(0, "b.jsonl");
    assert!(error.contains("(Registrar 1) is not theirs"), "even to itself: {error}");
    let error = office.refusal(3, "a.jsonl");
    assert!(error.contains("(Registrar 1, Registrar 2, Registrar 3)"), "{error}");
    assert_eq!(office.read("a.jsonl"), good);
}

#[test]
fn a_file_is_read_as_mail_programs_leave_it_and_joined_files_are_one() {
    let office = Office::new();
    office.admit("keys.csv", 0, "a.jsonl");
    let alone = office.read("a.jsonl");
    office.list("others.csv", &[4, 5, 6]);
    office.admit("others.csv", 1, "b.jsonl");
    let shown = |text: &[u8]| {
        fs::write(office.path("c.jsonl"), text).expect("room");
        office.show("c.jsonl").map_err(|error| error.to_string())
    };
    let utf16 = |text: &str| {
        format!("\u{feff}{text}").encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>()
    };
    for text in [
        format!("{alone}\n").into_bytes(),
        format!("{alone}\r\n  \r\n").into_bytes(),
        format!("\u{feff}{alone}").into_bytes(),
        alone.replace('\n', "\r\n").into_bytes(),
        format!("\u{feff}{}", alone.replacen('\n', "\n\n", 2)).into_bytes(),
        utf16(&alone),
    ] {
        assert_eq!(shown(&text).expect("it is good").voters, 5, "{text:?}");
    }
    let joined = format!("{alone}\u{feff}{}", office.read("b.jsonl"));
    for text in [joined.clone().into_bytes(), utf16(&joined)] {
        let report = shown(&text).expect("they are good");
        assert_eq!((report.voters, report.complete), (6, 2));
    }
    // The next registrar signs beside both, and one file comes of it.
    assert_eq!(office.admit("keys.csv", 2, "c.jsonl").complete, 5);
    assert_all_lines_rise(&office.read("c.jsonl"));
    // Order still counts inside each, and another kind is not joined.
    let mut lines: Vec<_> = alone.lines().collect();
    lines.swap(1, 2);
    assert!(shown(lines.join("\n").as_bytes()).expect_err("order").contains("does not follow"));
    office.sign("keys.csv", 0, "w.jsonl", RecordKind::Withdrawals).expect("signed");
    let mixed = format!("{alone}{}", office.read("w.jsonl"));
    assert!(shown(mixed.as_bytes()).expect_err("kinds").contains("it holds withdrawals"));
}

#[test]
fn a_voter_has_the_first_line_that_names_them_also_in_joined_files() {
    let office = Office::new();
    office.list("a.csv", &[1, 2]);
    office.admit("a.csv", 0, "a.jsonl");
    office.list("b.csv", &[2, 3]);
    office.admit("b.csv", 1, "b.jsonl");
    let joined = format!("{}\n{}", office.read("a.jsonl"), office.read("b.jsonl"));
    fs::write(office.path("c.jsonl"), &joined).expect("room");
    let read = SignedFile::read(&office.path("c.jsonl"), &office.election, Check::Lines);
    let file = read.expect("it is good").expect("it is there");
    let lines: Vec<&str> = joined.lines().collect();
    for (voter, entry) in &file.entries {
        let names = |line: &&str| line.contains(&voter.to_string());
        let expected = lines.iter().position(names).expect("it stands somewhere") as u64 + 1;
        assert_eq!(entry.line, Some(expected), "{joined}");
    }
}

fn assert_all_lines_rise(text: &str) {
    let header = |line: &&str| line.contains("\"ostrakon\"");
    assert_eq!(text.lines().filter(header).count(), 1, "{text}");
    assert_eq!(text.lines().count(), 7, "{text}");
}

#[test]
fn ids_that_may_be_one_members_are_signed_for_only_if_the_registrar_says_so() {
    let office = Office::new();
    let line = |id: &str, voter: u8| format!("{id},{}\n", key(voter).public());
    let text = format!("id,voter_key\n{}{}", line("007", 1), line("7", 2));
    fs::write(office.path("keys.csv"), text).expect("room");
    let refused = office.refusal(0, "a.jsonl");
    assert!(
        refused.contains("line 3: like line 2") && refused.contains("--similar-ids"),
        "{refused}"
    );
    assert!(!office.path("a.jsonl").exists(), "nothing was signed");
    let task = SignList { similar_ids: true, ..office.task("keys.csv", 0, "a.jsonl") };
    let report = sign::sign(&task, RecordKind::Admissions).expect("signed");
    assert_eq!((report.signed, report.lines_similar), (2, 1));
    // Withdrawing both is no danger.
    let withdrawn = office.sign("keys.csv", 0, "w.jsonl", RecordKind::Withdrawals);
    assert_eq!(withdrawn.expect("signed").signed, 2);
}

#[test]
fn a_file_has_as_many_voters_as_it_may_have_and_no_more() {
    let office = Office::new();
    let sign = |out: &str, voters_max: u32| {
        sign::sign_up_to(&office.task("keys.csv", 0, out), RecordKind::Admissions, voters_max)
    };
    assert_eq!(sign("a.jsonl", 5).expect("there are five").voters, 5);
    let refused = sign("b.jsonl", 4).expect_err("there is one too many").to_string();
    assert!(refused.ends_with("b.jsonl would have over 4 voters"), "{refused}");
    assert!(!office.path("b.jsonl").exists(), "nothing was signed");
    // Those who are there already count too.
    office.list("more.csv", &[6]);
    let before = office.read("a.jsonl");
    let more = office.task("more.csv", 0, "a.jsonl");
    let refused = sign::sign_up_to(&more, RecordKind::Admissions, 5);
    assert!(matches!(refused, Err(RegistrarError::TooManyVoters { max: 5, .. })), "{refused:?}");
    assert_eq!(office.read("a.jsonl"), before);

    let read = |voters_max: usize| {
        let progress = Progress::new("reading", 0);
        record::read_from(before.as_bytes(), &office.election, Check::Lines, &progress, voters_max)
            .expect("memory")
    };
    assert_eq!(read(5).expect("there are five").entries.len(), 5);
    let refused = read(4).expect_err("there is one too many");
    assert!(matches!(refused, RecordError::TooManyVoters), "{refused}");
}

#[test]
fn a_line_of_a_file_is_as_long_as_it_may_be_and_no_longer() {
    let office = Office::new();
    office.admit("keys.csv", 0, "a.jsonl");
    let good = office.read("a.jsonl");
    let mut lines: Vec<_> = good.lines().map(str::to_owned).collect();
    // With the end of the line.
    let width = usize::try_from(LINE_BYTES_MAX).expect("it is small") - 1;
    lines[2] = format!("{:width$}", lines[2]);
    fs::write(office.path("b.jsonl"), lines.join("\n")).expect("room");
    assert_eq!(office.admit("keys.csv", 1, "b.jsonl").signed, 5);
    lines[2].push(' ');
    fs::write(office.path("b.jsonl"), lines.join("\n")).expect("room");
    let error = office.refusal(1, "b.jsonl");
    assert!(error.contains("line 3 has over 24576 bytes"), "{error}");
}

#[test]
fn withdrawals_have_files_of_their_own() {
    let office = Office::new();
    let withdraw =
        |registrar| office.sign("keys.csv", registrar, "w.jsonl", RecordKind::Withdrawals);
    withdraw(0).expect("signed");
    assert_eq!(withdraw(1).expect("signed").complete, 5);
    assert_all_hold(&office.path("w.jsonl"), &office.election, 5);
    let error = office.refusal(0, "w.jsonl");
    assert!(error.contains("it holds withdrawals, not admissions"), "{error}");
}

#[test]
fn an_open_election_has_nothing_to_sign() {
    let office = Office::new();
    fs::write(office.path("ballot.toml"), ballot_file::write(&fixtures::election())).expect("room");
    assert!(office.refusal(0, "a.jsonl").contains("anybody may register"));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, ..ProptestConfig::default() })]

    /// Each registrar signs for some voters, in some order; whoever was signed for by enough is complete, and the
    /// file is the same in whatever order they took turns.
    #[test]
    fn any_partition_of_the_signing_gives_the_same_file(
        turns in proptest::collection::vec((0u8..3, proptest::collection::btree_set(1u8..7, 1..6)), 1..6)
            .prop_flat_map(|turns| (Just(turns.clone()), Just(turns).prop_shuffle())),
    ) {
        let election = election(3, 2);
        let gather = |turns: &[(u8, std::collections::BTreeSet<u8>)]| {
            let mut file = SignedFile::new(RecordKind::Admissions);
            for (registrar, voters) in turns {
                let listed = voters.iter().map(|voter| key(*voter).public());
                let voters = listed.map(|key| (key.voter(), Some(key))).collect();
                let list = KeyList { voters, ..KeyList::default() };
                file.sign(&list, *registrar, &key(REGISTRAR + registrar), &election);
            }
            file
        };
        let (turns, shuffled) = turns;
        let (file, other) = (gather(&turns), gather(&shuffled));
        prop_assert_eq!(&file, &other);
        let mut bytes = Vec::new();
        file.write_to(&mut bytes, &election).expect("memory");
        for (voter, entry) in &file.entries {
            let by = |registrar: &u8| turns.iter().any(|(each, voters)| {
                each == registrar && voters.iter().any(|one| key(*one).public().voter() == *voter)
            });
            let signers = (0..3).filter(by).count();
            prop_assert_eq!(entry.signatures.len(), signers);
            let complete = entry.transaction(file.kind, *voter, &election.election_id(), 2);
            prop_assert_eq!(complete.is_some(), signers >= 2);
        }
    }
}
