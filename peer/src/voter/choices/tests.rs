//! What a text means, and what is asked about.

use protocol::units::UnixMillis;

use protocol::admission::AdmissionRule;

use super::*;

fn question(title: &str, options: &[&str], min: u16, max: u16) -> Question {
    Question {
        title: title.into(),
        options: options.iter().map(|option| (*option).to_owned()).collect(),
        choices_min: min,
        choices_max: max,
    }
}

fn election(questions: Vec<Question>) -> Election {
    Election {
        id: [1; 16],
        title: "Board".into(),
        created: UnixMillis(0),
        difficulty_bits: 8,
        admission: AdmissionRule::Open { registration_bits: 4, max_voters: None },
        block_bytes_max: 64 * 1024,
        questions,
        block_interval_s: None,
        times: None,
    }
}

pub(super) fn two_questions() -> Election {
    election(vec![
        question("Chair", &["Ada", "Grace", "Hedy"], 1, 1),
        question("Evenings", &["Tuesday", "Thursday", "Wednesday"], 0, 2),
    ])
}

#[test]
fn numbers_and_names_choose_the_same() {
    let election = two_questions();
    for text in ["2; -", "Grace;-", "grace ; -", " #2 ; -", "2; blank", "Grace ; BLANK"] {
        assert_eq!(parse(text, &election), Ok(vec![vec![1], vec![]]), "{text}");
    }
    for text in ["1;3,1", "ada; wednesday, tuesday", "Ada;TUESDAY,3"] {
        assert_eq!(parse(text, &election), Ok(vec![vec![0], vec![0, 2]]), "{text}");
    }
}

/// A choice that was forgotten, or that a script left empty, is nobody's wish to leave it out.
#[test]
fn a_comma_with_nothing_beside_it_is_a_doubt() {
    let election = two_questions();
    for text in ["1; ,", "1; Tuesday,", "1; Tuesday,,3", "1;,2"] {
        assert!(parse(text, &election).expect_err(text).is_doubt(), "{text}");
    }
}

#[test]
fn mistakes_are_named() {
    let election = two_questions();
    for (text, kind, part) in [
        ("4;-", "no_such_option", "question 1 (Chair) has no option \"4\""),
        ("0;-", "no_such_option", "\"0\""),
        ("Grece;-", "no_such_option", "did you mean \"Grace\"?"),
        ("1;T", "ambiguous_option", "could be \"Tuesday\" or \"Thursday\""),
        ("1;1,tuesday", "option_twice", "names \"Tuesday\" twice"),
        ("1,2;-", "wrong_number_of_choices", "takes one choice, and here are 2"),
        ("blank", "wrong_number_of_choices", "and here are 0"),
        ("-;1", "wrong_number_of_choices", "question 1"),
        ("1;1,2,3", "wrong_number_of_choices", "takes up to 2 choices, and here are 3"),
        ("1;1;1", "wrong_number_of_questions", "asks 2 questions, and here are 3 answers"),
    ] {
        let error = parse(text, &election).expect_err(text);
        assert_eq!(error.kind(), kind, "{text}");
        assert!(error.to_string().contains(part), "{text}: {error}");
    }
}

#[test]
fn a_question_that_is_left_out_is_not_left_blank() {
    let mut election = two_questions();
    for text in ["Grace", "2;", " ; Tuesday", "", ";", "grace ;  "] {
        let error = parse(text, &election).expect_err(text);
        let is_first = text.trim_start().is_empty() || text.trim_start().starts_with(';');
        let kinds = ["wrong_number_of_questions", "wrong_number_of_choices"];
        assert_eq!(error.kind(), kinds[usize::from(is_first)], "{text}");
        assert!(error.is_doubt(), "{text}: {error}");
    }
    let told = parse("Grace", &election).expect_err("one is open").to_string();
    assert_eq!(
        told,
        "question 2 (Evenings) is not answered: write its choices after a `;`, or `-` to leave it blank"
    );
    election.questions[1].choices_min = 1;
    let told = parse("2", &election).expect_err("one is open").to_string();
    assert!(told.ends_with("write its choices after a `;`"), "{told}");
    let names = |lists: &[&[&str]]| -> Vec<Vec<String>> {
        lists.iter().map(|list| list.iter().map(ToString::to_string).collect()).collect()
    };
    let election = two_questions();
    let error = of_names(&names(&[&["Ada"]]), &election).expect_err("one is open");
    assert_eq!(error.kind(), "wrong_number_of_questions");
    assert!(error.to_string().ends_with("or `[]` to leave it blank"), "{error}");
    assert_eq!(of_names(&names(&[&["Ada"], &[]]), &election), Ok(vec![vec![0], vec![]]));
    let error = of_names(&names(&[&["ada"], &[]]), &election).expect_err("near is not it");
    assert!(error.to_string().ends_with("did you mean \"Ada\"?"), "{error}");
}

#[test]
fn what_is_only_near_to_a_name_is_a_doubt_with_what_may_be_meant() {
    let election = two_questions();
    for (text, chosen) in [
        ("Gr; -", vec![1]),
        ("g;-", vec![1]),
        ("Grece; Tuesday", vec![1]),
        ("\u{410}da; -", vec![0]),
    ] {
        let error = parse(text, &election).expect_err(text);
        assert!(error.is_doubt(), "{text}: {error}");
        let option = &election.questions[0].options[usize::from(chosen[0])];
        assert!(error.to_string().ends_with(&format!("did you mean {option:?}?")), "{error}");
        let answers = read(text, &election).expect(text);
        let Answer::Doubtful { supposed, .. } = &answers[0] else { panic!("{answers:?}") };
        assert_eq!(*supposed, Some(chosen), "{text}");
    }
    let answers = read("Ada; T", &election).expect("it may be asked about");
    assert_eq!(answers[0], Answer::Given(vec![0]));
    assert!(matches!(answers[1], Answer::Doubtful { supposed: None, .. }), "{answers:?}");
    let answers = read("Ada; Wed, Thu", &election).expect("it may be asked about");
    assert!(
        matches!(&answers[1], Answer::Doubtful { supposed: Some(chosen), .. } if *chosen == [1, 2])
    );
    // Nobody meant anything that the ballot has.
    assert!(!parse("Nobody; -", &election).expect_err("no such option").is_doubt());
}

#[test]
fn the_exact_name_comes_before_every_number() {
    let hashes = election(vec![question("Who?", &["#3", "#1", "#2"], 1, 1)]);
    for (text, index) in [("#3", 0), ("#1", 1), ("#2", 2)] {
        assert_eq!(parse(text, &hashes), Ok(vec![vec![index]]), "{text}");
    }
    for text in ["1", "2", "3"] {
        let error = parse(text, &hashes).expect_err(text);
        assert_eq!(error.kind(), "ambiguous_option", "{text}: {error}");
    }
    let digits = election(vec![question("When?", &["3", "1", "2", "2 euros"], 1, 1)]);
    for (text, index) in [("3", 0), ("1", 1), ("2", 2), ("#1", 0), ("#4", 3), ("2 EUROS", 3)] {
        assert_eq!(parse(text, &digits), Ok(vec![vec![index]]), "{text}");
    }
    let prices = election(vec![question("How much?", &["2 euros", "1 euro"], 1, 1)]);
    for text in ["1", "2"] {
        assert_eq!(parse(text, &prices).expect_err(text).kind(), "ambiguous_option", "{text}");
    }
    assert_eq!(parse("#2", &prices), Ok(vec![vec![1]]));
    let years = election(vec![question("Since?", &["2024", "2025"], 1, 1)]);
    assert_eq!(parse("2025", &years), Ok(vec![vec![1]]));
    let signs = election(vec![question("Odd", &["-", "Ada"], 0, 1)]);
    assert_eq!(parse("-", &signs), Ok(vec![vec![0]]));
    assert_eq!(parse("blank", &signs), Ok(vec![vec![]]));
}

#[test]
fn a_name_is_the_same_however_a_keyboard_composes_it() {
    let people = election(vec![question("Who?", &["Zo\u{eb}", "Am\u{e9}lie Roux"], 1, 1)]);
    for (text, index) in
        [("Zoe\u{308}", 0), ("ZOE\u{308}", 0), ("Ame\u{301}lie Roux", 1), ("amélie  roux", 1)]
    {
        assert_eq!(parse(text, &people), Ok(vec![vec![index]]), "{text}");
    }
    assert!(parse("Zoe", &people).expect_err("near").is_doubt());
    let twins = election(vec![question("Who?", &["Zo\u{eb}", "Zoe\u{308}"], 1, 1)]);
    assert_eq!(parse("Zoe\u{308}", &twins), Ok(vec![vec![1]]));
    assert_eq!(parse("ZOE\u{308}", &twins).expect_err("either").kind(), "ambiguous_option");
}

#[test]
fn a_separator_in_a_name_is_no_separator_by_chance() {
    let pairs = question("Who?", &["Ada", "Grace", "Ada, Grace"], 0, 2);
    let one = election(vec![pairs.clone()]);
    assert_eq!(parse("Ada, Grace", &one), Ok(vec![vec![2]]));
    assert_eq!(parse("1, 2", &one), Ok(vec![vec![0, 1]]));
    // One space is too little to tell two people from one.
    for text in ["Ada,Grace", "Ada ,Grace", "ada, grace", "Ada, Grace, Ada", "grace, ada, grace"] {
        assert_eq!(parse(text, &one).expect_err(text).kind(), "ambiguous_option", "{text}");
    }
    for (text, chosen) in [
        ("\"Ada, Grace\"", vec![2]),
        ("\"Ada\", \"Grace\"", vec![0, 1]),
        ("Ada,\"Ada, Grace\"", vec![0, 2]),
    ] {
        assert_eq!(parse(text, &one), Ok(vec![chosen]), "{text}");
    }
    // What is quoted is exact, or a doubt.
    assert!(parse("\"ada\"", &one).expect_err("near").is_doubt());
    assert_eq!(parse("\"#1\"", &one).expect_err("no name").kind(), "no_such_option");
    let quoted = election(vec![question("Who?", &["\"Ada\"", "Ada", "\"", "6\""], 0, 2)]);
    for (text, chosen) in [
        ("\"Ada\"", vec![0]),
        ("Ada", vec![1]),
        ("6\", Ada", vec![1, 3]),
        ("\"Ada\", Ada", vec![0, 1]),
    ] {
        assert_eq!(parse(text, &quoted), Ok(vec![chosen]), "{text}");
    }
    let chair = question("Chair", &["Red; Blue", "Red"], 1, 1);
    let two = election(vec![chair, question("Colour", &["Blue", "Green"], 0, 1)]);
    assert_eq!(parse("Red; Blue", &two).expect_err("either").kind(), "ambiguous_option");
    assert_eq!(parse("Red; Green", &two), Ok(vec![vec![1], vec![1]]));
    assert_eq!(parse("1; -", &two), Ok(vec![vec![0], vec![]]));
    assert_eq!(parse("\"Red; Blue\"; Blue", &two), Ok(vec![vec![0], vec![0]]));
    for text in ["Red;Blue", "red ;blue"] {
        assert_eq!(parse(text, &two).expect_err("either").kind(), "ambiguous_option", "{text}");
    }
}

#[test]
fn names_that_look_like_something_else_are_never_guessed() {
    let odd = election(vec![question("Odd", &["2", "1", "a, b; c", "Blank"], 0, 1)]);
    assert_eq!(parse("1", &odd), Ok(vec![vec![1]]));
    assert_eq!(parse("#1", &odd), Ok(vec![vec![0]]));
    assert_eq!(parse("3", &odd), Ok(vec![vec![2]]));
    assert_eq!(parse("a, b; c", &odd), Ok(vec![vec![2]]));
    assert_eq!(parse("blank", &odd), Ok(vec![vec![3]]));
    assert_eq!(parse("-", &odd), Ok(vec![vec![]]));
    let cases = election(vec![question("Case", &["ada", "Ada"], 0, 1)]);
    assert_eq!(parse("Ada", &cases), Ok(vec![vec![1]]));
    assert!(matches!(parse("ADA", &cases), Err(ChoicesError::Ambiguous { .. })));
}
