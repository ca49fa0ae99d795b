//! `peer ballot new` and `peer ballot check`: making a ballot file, and checking one.

mod signers;
mod times;

use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};

use host::output::{be_quiet, print};
use host::whole_file::{self, Existing, FileMode, WholeFileError};
use inquire::{Confirm, InquireError, Select, Text};
use protocol::admission::{AdmissionRule, Registrar};
use protocol::ballot_file::{self, TextError};
use protocol::election::{Election, ElectionError, Question};
use protocol::units::UnixMillis;

use self::signers::{ask_for, signer, tell_of_hex, warn_of_hex};
use super::option_names::{self, OptionNameError};
use crate::cli::{CheckBallot, NewBallot};
use crate::render::{Style, wants_color};
use crate::schema::{Ballot, Reply};
use crate::store::local_election::{LocalElectionError, NewBallotFile, read_new_ballot};
use host::files::FileError;
use host::{clock, entropy};
use keys::KeyRole as Role;

/// Separates a question and its options.
const OPTION_SEPARATOR: char = '|';
/// Finding such a stamp takes one core some hundredths of a second.
const REGISTRATION_BITS_DEFAULT: u8 = 16;

/// The reason why no ballot was made or found to be valid. Each message is one line.
#[derive(Debug, thiserror::Error)]
pub enum BallotCommandError {
    #[error("{path} is there already: name another --output, or replace it by --force", path = .0.display())]
    Exists(PathBuf),
    #[error("`{flag}` is missing: write {example}")]
    Missing { flag: &'static str, example: &'static str },
    #[error("`--question {text}`: {mend}")]
    Question { text: String, mend: &'static str },
    #[error("the questions were not all answered, and nothing was written")]
    NotAnswered(InquireError),
    #[error(
        "`--{role} {text}`: write 'NAME: KEY', as `{}` prints it ({reason})", role.made_by()
    )]
    Signer { role: Role, text: String, reason: String },
    #[error(transparent)]
    Election(#[from] ElectionError),
    #[error("{}{error}", file.as_ref().map(|path| format!("{}: ", path.display())).unwrap_or_default())]
    OptionName { file: Option<PathBuf>, error: OptionNameError },
    #[error(transparent)]
    Ballot(#[from] LocalElectionError),
    #[error(transparent)]
    Text(#[from] TextError),
    #[error(transparent)]
    File(#[from] FileError),
    #[error("can't write to stdout: {}", host::reason::of(.0))]
    Stdout(#[from] io::Error),
}

/// Says whether a ballot file is valid, and shows its election.
///
/// # Errors
/// When the file can't be read, and for the first mistake in it.
pub fn check_ballot(check: &CheckBallot) -> Result<(), BallotCommandError> {
    be_quiet(check.quiet.quiet);
    let NewBallotFile { election, keys_in_hex } = read_new_ballot(&check.file)?;
    let file = || Some(check.file.clone());
    option_names::check(&election)
        .map_err(|error| BallotCommandError::OptionName { file: file(), error })?;
    if keys_in_hex > 0 {
        tell_of_hex("those who hold them");
    }
    let color = io::stdout().is_terminal() && wants_color();
    let style = Style::of(check.format.json, color);
    Ok(style.print(&Reply::Ballot(Ballot::of(&election)))?)
}

/// Writes a ballot file with a new random id.
///
/// # Errors
/// When an answer is missing, when such an election can't be held, or when the file exists already.
pub fn new_ballot(new: &NewBallot) -> Result<(), BallotCommandError> {
    be_quiet(new.quiet.quiet);
    if !new.force && new.output.try_exists().unwrap_or(false) {
        return Err(BallotCommandError::Exists(new.output.clone()));
    }
    let is_terminal = io::stdin().is_terminal() && io::stdout().is_terminal();
    let created = whole_second(clock::unix_now());
    let title = title(new, is_terminal)?;
    let admission = admission(new, is_terminal)?;
    let schedule = times::schedule(new, created, is_terminal && says_little(new))?;
    let election = Election {
        id: entropy::random(),
        title,
        created,
        difficulty_bits: new.difficulty_bits,
        admission,
        block_bytes_max: new.block_bytes_max,
        questions: match new.question.as_slice() {
            [] if is_terminal => ask_questions()?,
            [] => {
                let example = "--question 'Who takes the chair? | Ada | Grace'";
                return Err(BallotCommandError::Missing { flag: "--question", example });
            }
            texts => texts.iter().map(|text| question(text)).collect::<Result<_, _>>()?,
        },
        block_interval_s: schedule.block_interval_s,
        times: schedule.times,
    };
    election.check()?;
    ballot_file::check_texts(&election)?;
    option_names::check(&election)
        .map_err(|error| BallotCommandError::OptionName { file: None, error })?;
    write_file(&new.output, &ballot_file::write(&election), new.force)?;
    print(&format!("wrote {}, election {}\n", new.output.display(), election.election_id()))?;
    Ok(())
}

fn title(new: &NewBallot, may_ask: bool) -> Result<String, BallotCommandError> {
    match &new.title {
        Some(title) => Ok(title.clone()),
        None if may_ask => ask("What is the election called?"),
        None => {
            let example = "--title 'Board 2026'";
            Err(BallotCommandError::Missing { flag: "--title", example })
        }
    }
}

/// Whether the options leave the title or the questions open, so that whoever typed them expects to be asked.
fn says_little(new: &NewBallot) -> bool {
    new.title.is_none() || new.question.is_empty()
}

/// Who may vote: as the options say, or as is said when asked at a terminal.
fn admission(new: &NewBallot, may_ask: bool) -> Result<AdmissionRule, BallotCommandError> {
    let says_nothing = new.registrar.is_empty()
        && !new.open
        && new.registration_bits.is_none()
        && new.max_voters.is_none();
    let asked = if says_nothing && may_ask { ask_admission()? } else { Vec::new() };
    let registrars = if asked.is_empty() { &new.registrar } else { &asked };
    let read = registrars.iter().map(|text| signer(Role::Registrar, text));
    let read: Vec<_> = read.collect::<Result<_, _>>()?;
    warn_of_hex(&read, Role::Registrar);
    let registrars =
        read.into_iter().map(|signer| Registrar { name: signer.name, key: signer.key });
    let registrars: Vec<_> = registrars.collect();
    if registrars.is_empty() {
        let registration_bits = new.registration_bits.unwrap_or(REGISTRATION_BITS_DEFAULT);
        return Ok(AdmissionRule::Open { registration_bits, max_voters: new.max_voters });
    }
    // If there are too many, the check of the election has a clearer message than this one.
    let most = u8::try_from(registrars.len()).unwrap_or(u8::MAX);
    let threshold = new.threshold.unwrap_or(most / 2 + 1);
    Ok(AdmissionRule::Registrars { registrars, threshold })
}

/// Whole seconds are precise enough, and easier for people to read.
fn whole_second(moment: UnixMillis) -> UnixMillis {
    UnixMillis(moment.0 - moment.0 % 1_000)
}

/// Reads `[0-2] Which evenings? | Tuesday | Thursday`.
fn question(text: &str) -> Result<Question, BallotCommandError> {
    let wrong = |mend| BallotCommandError::Question { text: text.to_owned(), mend };
    let (counts, rest) = match text.trim().strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        None => (Some((1, 1)), text),
        Some((counts, rest)) => (parse_counts(counts), rest),
    };
    let (choices_min, choices_max) =
        counts.ok_or_else(|| wrong("write how many to choose as [1], [2] or [0-2]"))?;
    let mut parts = rest.split(OPTION_SEPARATOR).map(|part| part.trim().to_owned());
    let title = parts.next().unwrap_or_default();
    let options: Vec<_> = parts.collect();
    if options.is_empty() {
        return Err(wrong("put its options after it, each after a |"));
    }
    Ok(Question { title, options, choices_min, choices_max })
}

/// `2` or `0-2`.
fn parse_counts(text: &str) -> Option<(u16, u16)> {
    let (min, max) = text.split_once('-').unwrap_or((text, text));
    Some((min.trim().parse().ok()?, max.trim().parse().ok()?))
}

fn ask(question: &str) -> Result<String, BallotCommandError> {
    let answer = Text::new(question).prompt().map_err(BallotCommandError::NotAnswered)?;
    Ok(answer.trim().to_owned())
}

/// Asks who may vote, and for the registrars if they say who; none of them if anybody may.
fn ask_admission() -> Result<Vec<String>, BallotCommandError> {
    const REGISTRARS: &str = "whom registrars admit: for elections that matter";
    const OPEN: &str = "anybody, any number of times: for demos and classes";
    let who = Select::new("Who may vote?", vec![REGISTRARS, OPEN]).prompt();
    if who.map_err(BallotCommandError::NotAnswered)? == OPEN {
        return Ok(Vec::new());
    }
    ask_for(Role::Registrar)
}

fn ask_questions() -> Result<Vec<Question>, BallotCommandError> {
    let mut questions = Vec::new();
    loop {
        let title = ask("What is asked?")?;
        let options = ask("Which options are there, separated by | ?")?;
        let counts = Text::new("How many can be chosen?")
            .with_help_message("1, 2, or a range as 0-2; 0 allows a blank answer")
            .with_default("1")
            .prompt()
            .map_err(BallotCommandError::NotAnswered)?;
        questions.push(question(&format!("[{counts}] {title} | {options}"))?);
        let more = Confirm::new("Another question?").with_default(false).prompt();
        if !more.map_err(BallotCommandError::NotAnswered)? {
            return Ok(questions);
        }
    }
}

fn write_file(path: &Path, text: &str, force: bool) -> Result<(), BallotCommandError> {
    match whole_file::write(path, text.as_bytes(), Existing::replace_if(force), FileMode::Default) {
        Err(WholeFileError::Exists { path }) => Err(BallotCommandError::Exists(path)),
        Err(WholeFileError::File(error)) => Err(error.into()),
        Ok(()) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::cli::{AnswerFormat, Quiet};
    use crate::store::local_election::read_ballot;

    pub(super) fn flags(output: PathBuf) -> NewBallot {
        NewBallot {
            title: Some("Board".into()),
            question: vec![
                "Who takes the chair? | Ada | Grace".into(),
                "[0-2] Which evenings? | Tuesday | Thursday".into(),
            ],
            difficulty_bits: 10,
            registrar: Vec::new(),
            open: false,
            threshold: None,
            registration_bits: Some(4),
            max_voters: None,
            opens: None,
            closes: None,
            block_interval: None,
            validator: Vec::new(),
            quorum: None,
            crash_faults_only: false,
            confirmations: None,
            block_bytes_max: 4_096,
            output,
            force: false,
            quiet: Quiet::default(),
        }
    }

    #[test]
    fn a_new_ballot_reads_back_and_is_not_overwritten() {
        let directory = tempfile::tempdir().expect("a directory");
        let new = flags(directory.path().join("b.toml"));
        new_ballot(&new).expect("written");
        let election = read_ballot(&new.output).expect("a ballot");
        assert_eq!(election.title, "Board");
        let counts = |index: usize| {
            (election.questions[index].choices_min, election.questions[index].choices_max)
        };
        assert_eq!((counts(0), counts(1)), ((1, 1), (0, 2)));
        assert_eq!(election.questions[1].options, ["Tuesday", "Thursday"]);
        let refused = new_ballot(&new).expect_err("it is there").to_string();
        assert!(refused.contains("--force"), "{refused}");
        new_ballot(&NewBallot { force: true, ..new.clone() }).expect("replaced");
        let replaced = read_ballot(&new.output).expect("a ballot");
        assert_ne!(replaced.id, election.id, "every ballot is another election");
    }

    #[test]
    fn registrars_are_read_and_a_majority_of_them_admits() {
        const FIRST: &str = "0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798";
        const SECOND: &str = "02c6047f9441ed7d6d3045406e95c07cd85c778e4b8cef3ca7abac09b95c709ee5";
        let mut new = flags(PathBuf::new());
        new.registrar = vec![format!("Secretary: {FIRST}"), format!("Treasurer:{SECOND}")];
        let rule = admission(&new, false).expect("two registrars");
        assert_eq!((rule.registrars().len(), rule.threshold()), (2, 2));
        assert_eq!(rule.registrars()[1].name, "Treasurer");
        new.threshold = Some(1);
        assert_eq!(admission(&new, false).expect("two registrars").threshold(), 1);
        for text in ["Secretary", "Secretary: 02", FIRST] {
            let error = signer(Role::Registrar, text).expect_err(text).to_string();
            assert!(error.contains("`peer registrar init`"), "{error}");
        }
    }

    #[test]
    fn questions_that_make_no_sense_are_told() {
        for (text, part) in [
            ("Who?", "put its options after it"),
            ("[x] Who? | Ada", "how many to choose"),
            ("[1-] Who? | Ada", "how many to choose"),
        ] {
            let error = question(text).expect_err(text).to_string();
            assert!(error.contains(part), "{error}");
        }
        let directory = tempfile::tempdir().expect("a directory");
        let mut new = flags(directory.path().join("b.toml"));
        new.question = vec!["Who? | #2 | Ada".into()];
        let error = new_ballot(&new).expect_err("a twisted number").to_string();
        assert!(error.starts_with("`question[0].options[0]`"), "{error}");
        new.question = vec!["[3] Who? | Ada".into()];
        let error = new_ballot(&new).expect_err("impossible").to_string();
        assert!(error.contains("`question[0].max`"), "{error}");
        for (text, part) in [
            ("Who? | Ada | \u{410}da", "`question[0].options[1]`"),
            ("Who? | Yes | YES", "looks like `question[0].options[0]`"),
            ("Who\u{200b}? | Yes | No", "`question[0].title`: character 4 is U+200B"),
        ] {
            new.question = vec![text.into()];
            let error = new_ballot(&new).expect_err(text).to_string();
            assert!(error.contains(part), "{error}");
        }
        assert!(!new.output.exists());
    }

    #[test]
    fn a_ballot_with_times_reads_back_and_one_that_makes_no_sense_is_told() {
        const KEY: &str = "0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798";
        let directory = tempfile::tempdir().expect("a directory");
        let now = clock::unix_now();
        let mut new = flags(directory.path().join("b.toml"));
        new.closes = Some(whole_second(now.plus(Duration::from_secs(3_600))));
        new.validator = vec![format!("North: {KEY}")];
        new_ballot(&new).expect("written");
        let election = read_ballot(&new.output).expect("a ballot");
        assert_eq!((election.closes(), election.block_interval_s), (new.closes, Some(10)));
        assert_eq!(election.roster().expect("it has one").validators[0].name, "North");
        let shown = Ballot::of(&election);
        assert_eq!(shown.to_election(), Ok(election));
        new.force = true;
        for (change, part) in [
            (NewBallot { quorum: Some(2), ..new.clone() }, "`quorum`"),
            (NewBallot { closes: Some(now), ..new.clone() }, "`closes`"),
            (NewBallot { opens: Some(UnixMillis(0)), ..new.clone() }, "`opens`"),
            (NewBallot { block_interval: Some(1), ..new.clone() }, "`block_interval`"),
            (
                NewBallot { registrar: new.validator.clone(), ..new.clone() },
                "one key for each role",
            ),
        ] {
            let error = new_ballot(&change).expect_err(part).to_string();
            assert!(error.contains(part) && !error.contains('\n'), "{error}");
        }
    }

    #[test]
    fn a_ballot_of_the_future_is_refused_with_how_far_it_is_ahead() {
        let directory = tempfile::tempdir().expect("a directory");
        let file = directory.path().join("ballot.toml");
        for (ahead, told) in [("3h", "s ahead of this machine's clock"), ("3days", "259")] {
            let ahead = humantime::parse_duration(ahead).expect("a span");
            let election = Election {
                created: whole_second(clock::unix_now().plus(ahead)),
                ..chain::fixtures::election()
            };
            std::fs::write(&file, ballot_file::write(&election)).expect("a file");
            let check = CheckBallot {
                file: file.clone(),
                quiet: Quiet::default(),
                format: AnswerFormat { json: false },
            };
            let error = check_ballot(&check).expect_err("it is ahead").to_string();
            assert!(error.contains(told) && !error.contains('\n'), "{error}");
        }
    }
}
