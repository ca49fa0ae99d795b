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
