use std::collections::BTreeMap;

use super::*;
use crate::roster::{FinalityRule, Roster, Validator, quorum_min};

fn election() -> Election {
    Election {
        id: [1; 16],
        title: "Board".into(),
        created: UnixMillis(1_700_000_000_000),
        difficulty_bits: 8,
        admission: AdmissionRule::Open { registration_bits: 4, max_voters: None },
        block_bytes_max: 64 * 1024,
        questions: vec![Question {
            title: "Chair".into(),
            options: vec!["Ada".into(), "Grace".into(), "Hedy".into()],
            choices_min: 0,
            choices_max: 2,
        }],
        block_interval_s: None,
        times: None,
    }
}

#[test]
fn canonical_bytes_read_back_and_change_with_every_field() {
    let sample = election();
    assert_eq!(Election::from_canonical_bytes(&sample.canonical_bytes()), Ok(sample.clone()));
    let renamed = Election { id: [2; 16], ..sample.clone() };
    assert_ne!(renamed.election_id(), sample.election_id());
    let mut newer = sample.canonical_bytes();
    newer[0] = 4;
    assert_eq!(
        Election::from_canonical_bytes(&newer),
        Err(CanonicalError::UnknownFormat { found: 4 })
    );
}

#[test]
fn impossible_limits_are_named() {
    let broken = |change: fn(&mut Election)| {
        let mut sample = election();
        change(&mut sample);
        sample.check().expect_err("the election is broken").to_string()
    };
    assert!(broken(|e| e.title.clear()).contains("`title`"));
    assert!(broken(|e| e.created.0 = CREATED_MAX.0 + 1).contains("`created`"));
    assert!(broken(|e| e.difficulty_bits = 60).contains("`difficulty_bits` is 60"));
    assert!(broken(|e| e.questions.clear()).contains("`question`"));
    assert!(broken(|e| e.questions[0].choices_min = 3).contains("`question[0].min`"));
    assert!(broken(|e| e.questions[0].choices_max = 4).contains("`question[0].max`"));
    assert!(broken(|e| e.questions[0].options[1] = "Ada".into()).contains("twice"));
    assert!(broken(|e| e.questions[0].options[1] = " Ada".into()).contains("spaces"));
    assert!(broken(|e| e.questions.push(e.questions[0].clone())).contains("rename"));
    assert!(
        broken(|e| {
            e.questions[0].options = (0..500).map(|number| number.to_string()).collect();
            e.questions[0].choices_max = 500;
        })
        .contains("lower `max`")
    );
}

#[test]
fn each_text_and_list_of_a_ballot_holds_up_to_its_limit() {
    let allows = |change: &dyn Fn(&mut Election)| {
        let mut sample = election();
        change(&mut sample);
        sample.check().is_ok()
    };
    let text = |bytes: usize| "x".repeat(bytes);
    for change in [
        (|sample, text| sample.title = text) as fn(&mut Election, String),
        |sample, text| sample.questions[0].title = text,
        |sample, text| sample.questions[0].options[1] = text,
    ] {
        assert!(allows(&|sample| change(sample, text(TEXT_BYTES_MAX))));
        assert!(!allows(&|sample| change(sample, text(TEXT_BYTES_MAX + 1))));
    }
    let options = |count: usize| {
        allows(&|sample| {
            sample.questions[0].options = (0..count).map(|number| number.to_string()).collect();
        })
    };
    assert!(options(OPTIONS_MAX) && !options(OPTIONS_MAX + 1));
    let questions = |count: usize| {
        allows(&|sample| {
            let first = sample.questions[0].clone();
            let question =
                |number: usize| Question { title: format!("Question {number}"), ..first.clone() };
            sample.questions = (0..count).map(question).collect();
        })
    };
    assert!(questions(QUESTIONS_MAX) && !questions(QUESTIONS_MAX + 1));
}

#[test]
fn choices_have_to_fit_the_ballot() {
    let sample = election();
    assert_eq!(sample.check_choices(&vec![vec![]]), Ok(()));
    assert_eq!(sample.check_choices(&vec![vec![0, 2]]), Ok(()));
    assert!(matches!(
        sample.check_choices(&vec![]),
        Err(ChoiceError::QuestionCount { found: 0, expected: 1 })
    ));
    assert!(matches!(
        sample.check_choices(&vec![vec![0, 1, 2]]),
        Err(ChoiceError::Count { found: 3, .. })
    ));
    assert!(matches!(
        sample.check_choices(&vec![vec![3]]),
        Err(ChoiceError::NoSuchOption { option: 4, .. })
    ));
    for twisted in [vec![1, 0], vec![1, 1]] {
        assert!(matches!(
            sample.check_choices(&vec![twisted]),
            Err(ChoiceError::NotRising { question: 1 })
        ));
    }
}

#[test]
fn each_limit_of_a_ballot_holds_and_one_past_it_does_not() {
    let allows = |change: &dyn Fn(&mut Election)| {
        let mut sample = election();
        change(&mut sample);
        sample.check().is_ok()
    };
    let block = |bytes: u32| allows(&|sample| sample.block_bytes_max = bytes);
    assert!(block(BLOCK_BYTES_MAX) && !block(BLOCK_BYTES_MAX + 1));
    assert!(block(BLOCK_BYTES_MIN) && !block(BLOCK_BYTES_MIN - 1));

    let voters = |most: u32| {
        allows(&|sample| {
            sample.admission = AdmissionRule::Open { registration_bits: 2, max_voters: Some(most) };
        })
    };
    assert!(voters(VOTERS_MAX) && !voters(VOTERS_MAX + 1));
    assert!(voters(1) && !voters(0));

    let registrars = |count: usize| {
        let registrar = |number: usize| {
            let secret = [u8::try_from(number + 1).expect("few"); 32];
            let key = crate::keys::VoterKey::from_secret_bytes(&secret).expect("a secret key");
            Registrar { name: format!("Registrar {number}"), key: key.public() }
        };
        let registrars = (0..count).map(registrar).collect();
        allows(&|sample: &mut Election| {
            sample.admission =
                AdmissionRule::Registrars { registrars: Vec::clone(&registrars), threshold: 1 };
        })
    };
    assert!(registrars(REGISTRARS_MAX) && !registrars(REGISTRARS_MAX + 1));
    assert!(registrars(1) && !registrars(0));

    let title = |bytes: usize| allows(&|sample| sample.title = "T".repeat(bytes));
    assert!(title(TEXT_BYTES_MAX) && !title(TEXT_BYTES_MAX + 1));

    // A vote takes an odd number of bytes, two for each option that may be chosen.
    let with_choices = |choices: u16| {
        let mut sample = election();
        sample.questions[0].options = (0..choices).map(|number| number.to_string()).collect();
        sample.questions[0].choices_max = choices;
        (sample.vote_bytes_max(), sample.check())
    };
    let checked: BTreeMap<_, _> = (400..500).map(with_choices).collect();
    assert_eq!(checked[&(TRANSACTION_BYTES_MAX - 1)], Ok(()));
    let bytes = TRANSACTION_BYTES_MAX + 1;
    assert_eq!(checked[&bytes], Err(ElectionError::VoteTooLarge { bytes }));

    // Options of 100 bytes fill the ballot, and the title what is left.
    let mut longest = election();
    longest.title = "T".into();
    let question = |number: usize| Question {
        title: format!("Question {number}"),
        options: (0..200).map(|option| format!("{option:0>100}")).collect(),
        choices_min: 0,
        choices_max: 1,
    };
    longest.questions = (0..3).map(question).collect();
    let before = longest.canonical_bytes().len();
    longest.questions[0].options.push("0".repeat(100));
    let option_bytes = longest.canonical_bytes().len() - before;
    longest.questions[0].options.pop();
    while longest.canonical_bytes().len() + option_bytes <= ELECTION_BYTES_MAX {
        let question = longest.questions.last_mut().expect("there are three");
        let option = format!("{:0>100}", question.options.len());
        question.options.push(option);
    }
    let left = ELECTION_BYTES_MAX - longest.canonical_bytes().len();
    longest.title = "T".repeat(1 + left);
    assert_eq!(longest.canonical_bytes().len(), ELECTION_BYTES_MAX);
    assert_eq!(longest.check(), Ok(()));
    longest.title.push('T');
    assert_eq!(longest.check(), Err(ElectionError::TooLarge { bytes: ELECTION_BYTES_MAX + 1 }));
}

#[test]
fn an_election_begins_when_the_clock_says_so_or_a_little_earlier() {
    let election = election();
    let at = |behind: u64| UnixMillis(election.created.0 - behind);
    assert_eq!(election.check_created(at(0)), Ok(()));
    assert_eq!(election.check_created(at(120_000)), Ok(()));
    for (behind, told) in [(120_001, "120 s"), (3 * 3_600_000, "10800 s")] {
        let error = election.check_created(at(behind)).expect_err("ahead").to_string();
        assert!(error.contains(told) && error.contains("set the clock"), "{error}");
    }
}

fn roster(validators: u8) -> Roster {
    let validator = |number: u8| {
        let key =
            crate::keys::VoterKey::from_secret_bytes(&[number + 50; 32]).expect("a secret key");
        Validator { name: format!("Validator {number}"), key: key.public() }
    };
    let quorum = quorum_min(validators.into(), false).try_into().expect("a few validators");
    let validators = (0..validators).map(validator).collect();
    Roster { validators, quorum, crash_faults_only: false }
}

fn timed(finality: FinalityRule) -> Election {
    let opens = UnixMillis(1_700_000_100_000);
    let times = Times { opens, closes: opens.plus(Duration::from_secs(121)), finality };
    Election { block_interval_s: Some(10), times: Some(times), ..election() }
}

#[test]
fn times_and_validators_read_back_and_without_them_an_election_keeps_its_bytes() {
    for sample in [
        timed(FinalityRule::Roster(roster(4))),
        timed(FinalityRule::Depth { confirmations: 6 }),
        Election { block_interval_s: Some(1), ..election() },
    ] {
        assert_eq!(sample.check(), Ok(()));
        assert_eq!(sample.canonical_bytes()[..2], [3, 0]);
        assert_eq!(Election::from_canonical_bytes(&sample.canonical_bytes()), Ok(sample.clone()));
        let untimed = Election { block_interval_s: None, times: None, ..sample };
        assert_eq!(untimed.canonical_bytes(), election().canonical_bytes());
    }
    assert_eq!(election().canonical_bytes()[..2], [2, 0]);
}

#[test]
fn the_margin_is_twelve_intervals() {
    let sample = timed(FinalityRule::Depth { confirmations: 6 });
    let (opens, closes) = (sample.opens().expect("timed"), sample.closes().expect("timed"));
    assert_eq!(sample.mining_starts(), Some(UnixMillis(opens.0 - 120_000)));
    assert_eq!(sample.vote_by(), Some(UnixMillis(closes.0 - 120_000)));
    assert_eq!((election().mining_starts(), election().vote_by()), (None, None));
}

#[test]
fn times_and_validators_that_cannot_work_are_named() {
    let broken = |change: &dyn Fn(&mut Election)| {
        let mut sample = timed(FinalityRule::Roster(roster(4)));
        change(&mut sample);
        sample.check().expect_err("the election is broken").to_string()
    };
    let times = |change: fn(&mut Times)| {
        broken(&|sample: &mut Election| change(sample.times.as_mut().expect("timed")))
    };
    let validators = |change: fn(&mut Roster)| {
        broken(&|sample: &mut Election| {
            let mut roster = sample.roster().expect("it has one").clone();
            change(&mut roster);
            sample.times.as_mut().expect("timed").finality = FinalityRule::Roster(roster);
        })
    };
    assert!(broken(&|sample| sample.block_interval_s = None).contains("need `block_interval`"));
    assert!(broken(&|sample| sample.block_interval_s = Some(1)).contains("choose 2 to 3600"));
    assert!(
        times(|times| times.opens = UnixMillis(1_600_000_000_000)).contains("before `created`")
    );
    assert!(times(|times| times.closes.0 -= 1_000).contains("leave more than 120 s"));
    assert!(times(|times| times.closes = UnixMillis(0)).contains("`closes` is 0 s"));
    assert!(times(|times| times.closes.0 = CREATED_MAX.0 + 1).contains("`closes`"));
    let depth = |confirmations| FinalityRule::Depth { confirmations };
    assert!(broken(&|sample| *sample = timed(depth(0))).contains("`confirmations` is 0"));
    assert!(broken(&|sample| *sample = timed(depth(10_001))).contains("choose 1 to 10000"));
    assert!(validators(|roster| roster.quorum = 2).contains("`quorum` is 2: choose 3 to 4"));
    assert!(validators(|roster| roster.quorum = 5).contains("`quorum` is 5: choose 3 to 4"));
    assert!(validators(|roster| roster.validators.clear()).contains("`validator` stands 0 times"));
    assert!(validators(|roster| roster.validators[1].name.clear()).contains("`validator[1].name`"));
    assert!(validators(|roster| roster.validators[3].key.0[0] = 9).contains("no public key"));
    let twice = |roster: &mut Roster| roster.validators[3].key = roster.validators[0].key;
    assert!(validators(twice).contains("`validator` has the key"));
    let twice = |roster: &mut Roster| roster.validators[3].name = roster.validators[0].name.clone();
    assert!(validators(twice).contains("`validator` has the name"));
    let in_two_roles = broken(&|sample| {
        let key = sample.roster().expect("it has one").validators[2].key;
        let registrars = vec![Registrar { name: "Secretary".into(), key }];
        sample.admission = AdmissionRule::Registrars { registrars, threshold: 1 };
    });
    assert!(in_two_roles.contains("`validator[2].key` is the key of registrar \"Secretary\""));

    let of = |count: u8| timed(FinalityRule::Roster(roster(count))).check().is_ok();
    assert!(of(1) && of(16) && !of(17));
    let crash_faults_only = |quorum| {
        let roster = Roster { quorum, crash_faults_only: true, ..roster(5) };
        timed(FinalityRule::Roster(roster)).check().is_ok()
    };
    assert!(crash_faults_only(3) && !crash_faults_only(2));
}
