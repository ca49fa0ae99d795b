use std::collections::BTreeMap;

use super::*;

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
    }
}

#[test]
fn canonical_bytes_read_back_and_change_with_every_field() {
    let sample = election();
    assert_eq!(Election::from_canonical_bytes(&sample.canonical_bytes()), Ok(sample.clone()));
    let renamed = Election { id: [2; 16], ..sample.clone() };
    assert_ne!(renamed.election_id(), sample.election_id());
    let mut newer = sample.canonical_bytes();
    newer[0] = 3;
    assert_eq!(
        Election::from_canonical_bytes(&newer),
        Err(CanonicalError::UnknownFormat { found: 3 })
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
