use super::*;
use crate::admission::AdmissionRule;
use crate::election::{CREATED_MAX, Election, Question};
use crate::roster::FinalityRule;
use crate::units::UnixMillis;

const GOOD: &str = r#"id = "000102030405060708090a0b0c0d0e0f"
title = "Board"
created = "2026-11-01T09:00:00Z"
difficulty_bits = 8
block_bytes_max = 65_536
admission = "open"
registration_bits = 4

[[question]]
title = "Chair"
options = ["Ada", "Grace", "Hedy"]

[[question]]
title = "Committee"
options = ["Ada", "Grace", "Hedy"]
min = 0
max = 2
"#;

/// The line for a slip, made by replacing a part of the good file that stands in it.
fn slip(good: &str, bad: &str) -> String {
    assert!(GOOD.contains(good), "{good:?} does not stand in the good file");
    let line = parse(&GOOD.replacen(good, bad, 1)).expect_err("a slip").to_string();
    assert_eq!(line.lines().count(), 1, "{line}");
    line
}

fn parsed() -> Election {
    parse(GOOD).expect("the file is good")
}

#[test]
fn a_good_file_gives_its_election_with_defaults() {
    let election = parsed();
    assert_eq!(election.id[15], 15);
    assert_eq!(election.title, "Board");
    assert_eq!(election.created, UnixMillis(1_793_523_600_000));
    assert_eq!(election.difficulty_bits, 8);
    let open = AdmissionRule::Open { registration_bits: 4, max_voters: None };
    assert_eq!(election.admission, open);
    assert_eq!(election.block_bytes_max, 65_536);
    let limits = |question: &Question| (question.choices_min, question.choices_max);
    assert_eq!(election.questions.iter().map(limits).collect::<Vec<_>>(), [(1, 1), (0, 2)]);
    assert_eq!(election.questions[0].options, ["Ada", "Grace", "Hedy"]);
}

#[test]
fn a_time_may_stand_without_quotes() {
    let text = GOOD.replace("\"2026-11-01T09:00:00Z\"", "2026-11-01T09:00:00Z");
    assert_eq!(parse(&text), Ok(parsed()));
}

#[test]
fn what_is_written_reads_back_as_the_equal_election() {
    let mut election = parsed();
    assert_eq!(parse(&write(&election)), Ok(election.clone()));
    election.title = "\"Quoted\" 'and' \\u0041 # käse 🏺 = [x]".into();
    election.questions[1].options[2] = "'''".into();
    for created in [0, 1, 999, 1_000, 1_793_523_600_001, CREATED_MAX.0] {
        election.created = UnixMillis(created);
        assert_eq!(parse(&write(&election)), Ok(election.clone()));
    }
}

#[test]
fn every_key_is_written_below_a_comment() {
    let text = write(&parsed());
    let lines: Vec<_> = text.lines().collect();
    let keys = lines.windows(2).filter(|pair| pair[1].contains(" = ") && !pair[1].starts_with('#'));
    let commented: Vec<_> = keys.map(|pair| (pair[0].starts_with('#'), pair[1])).collect();
    assert_eq!(commented.len(), 7 + 2 * 4);
    let numbers = lines.iter().filter_map(|line| line.strip_prefix("# Question ")?.split_once('.'));
    assert!(numbers.map(|(number, _)| number).eq(["1", "2"]));
    assert!(commented.iter().all(|(is_commented, _)| *is_commented), "{commented:?}");
}

#[test]
fn control_characters_are_written_so_that_the_check_names_them() {
    let mut election = parsed();
    election.title = "two\nlines".into();
    let line = parse(&write(&election)).expect_err("unclean").to_string();
    assert!(line.starts_with("`title` holds control characters"), "{line}");
}

#[test]
fn syntax_errors_name_their_line() {
    let line = slip("\"Board\"", "\"Board");
    assert!(line.starts_with("line 2 is not TOML: "), "{line}");
    let line = slip("difficulty_bits = 8", "difficulty_bits 8");
    assert!(line.starts_with("line 4 is not TOML: "), "{line}");
    let line = slip("[[question]]", "[[question]");
    assert!(line.starts_with("line 9 is not TOML: "), "{line}");
}

#[test]
fn no_syntax_error_speaks_of_the_grammar() {
    for (good, bad, part) in [
        ("\"Board\"", "\"Board", "a quotation mark is missing"),
        ("\"Board\"", "Board", "write \" around texts"),
        ("\"Board\"", "", "the value after = is missing"),
        ("\"Board\"", "\"Bo\\ard\"", "a \\ in a text begins an escape"),
        ("difficulty_bits = 8", "difficulty_bits 8", "write a key, = and its value"),
        ("difficulty_bits = 8", "difficulty bits = 8", "a key is one word"),
        ("[[question]]", "[[question]", "such as [[question]]"),
        ("options = [", "options = ", "line "),
        ("title = \"Board\"", "{", "write a key, = and its value"),
    ] {
        let line = slip(good, bad);
        assert!(line.contains(part), "{bad}: {line}");
        for word in ["expected", "invalid", "unclosed", "-->", "unexpected"] {
            assert!(!line.contains(word), "{bad}: {line}");
        }
    }
}

#[test]
fn keys_that_stand_twice_are_named() {
    let line = slip("created", "title");
    assert_eq!(line, "line 3: `title` stands twice: remove one");
    let line = slip("max = 2", "min = 2");
    assert_eq!(line, "line 17: `min` stands twice: remove one");
    let line = parse(&GOOD.replace("[[question]]", "[question]")).expect_err("twice").to_string();
    assert_eq!(line, "line 13: `question` stands twice: write [[question]] above each");
}

#[test]
fn unknown_keys_come_with_the_nearest_known_one() {
    let line = slip("title =", "titel =");
    assert_eq!(line, "line 2: `titel` is not a key of ballot.toml: did you mean `title`?");
    let line = slip("min =", "minimum =");
    assert!(
        line.ends_with("`question[1].minimum` is not a key of ballot.toml: did you mean `min`?")
    );
    let line = slip("difficulty_bits", "difficulty");
    assert!(line.ends_with("did you mean `difficulty_bits`?"), "{line}");
    let line = slip("[[question]]", "[[questions]]");
    assert!(line.contains("`questions`") && line.ends_with("did you mean `question`?"), "{line}");
    let line = slip("min = 0", "colour = 0");
    assert!(line.ends_with("remove it, or use one of `title`, `options`, `min`, `max`"), "{line}");
}

#[test]
fn keys_in_the_wrong_place_are_sent_to_the_right_one() {
    let line = slip("max = 2", "block_bytes_max = 4096");
    assert!(
        line.ends_with("move it above all [[registrar]], [[validator]] and [[question]]"),
        "{line}"
    );
    let line = slip("title = \"Board\"", "options = [\"Ada\"]");
    assert!(line.ends_with("`options` is not a key of ballot.toml: move it below a [[question]]"));
}

/// The good file with times, and whatever else is written above its tables.
fn timed(keys: &str, tables: &str) -> String {
    let times =
        "block_interval = 10\nopens = 2026-11-02T09:00:00Z\ncloses = \"2026-11-02T10:00:00Z\"\n";
    GOOD.replacen("title = \"Board\"", &format!("{times}{keys}\ntitle = \"Board\""), 1) + tables
}

fn validators(count: u8) -> String {
    let table = |number: u8| {
        let key = crate::keys::VoterKey::from_secret_bytes(&[number; 32]).expect("a secret key");
        format!("\n[[validator]]\nname = \"V{number}\"\nkey = \"{}\"\n", key.public().text())
    };
    (1..=count).map(table).collect()
}

#[test]
fn times_and_validators_are_read_with_their_defaults_and_written_back() {
    let finality = |text: &str| {
        let election = parse(text).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(election.block_interval_s, Some(10));
        assert_eq!(parse(&write(&election)), Ok(election.clone()));
        let times = election.times.expect("it has times");
        assert_eq!(times.opens, UnixMillis(1_793_610_000_000));
        assert_eq!(times.closes, UnixMillis(1_793_613_600_000));
        times.finality
    };
    let depth = |confirmations| FinalityRule::Depth { confirmations };
    assert_eq!(finality(&timed("", "")), depth(6));
    assert_eq!(finality(&timed("confirmations = 20", "")), depth(20));
    let roster = |keys: &str, count| match finality(&timed(keys, &validators(count))) {
        FinalityRule::Roster(roster) => {
            (roster.validators.len(), roster.quorum, roster.crash_faults_only)
        }
        FinalityRule::Depth { .. } => panic!("it has validators"),
    };
    assert_eq!(roster("", 4), (4, 3, false));
    assert_eq!(roster("quorum = 4", 4), (4, 4, false));
    assert_eq!(roster("crash_faults_only = true", 5), (5, 3, true));
    let paced = GOOD.replacen("title", "block_interval = 5\ntitle", 1);
    let election = parse(&paced).expect("it is good");
    assert_eq!((election.block_interval_s, &election.times), (Some(5), &None));
    assert_eq!(parse(&write(&election)), Ok(election));
}

#[test]
fn times_and_validators_that_do_not_go_together_are_named() {
    let line = |text: &str| parse(text).expect_err("a slip").to_string();
    let alone = |key: &str| slip("title = \"Board\"", &format!("{key}\ntitle = \"Board\""));
    let needed = "`confirmations` goes with `opens`: remove it, or write that";
    assert_eq!(alone("confirmations = 6"), format!("line 2: {needed}"));
    assert!(alone("opens = 2026-11-02T09:00:00Z").starts_with("`closes` is missing"));
    assert!(alone("closes = 2026-11-02T09:00:00Z").starts_with("`opens` is missing"));
    assert!(alone("block_interval = 0").contains("`block_interval` is 0: choose 1 to 3600"));
    assert!(line(&timed("quorum = 3", "")).contains("`quorum` goes with `validator`"));
    let both = line(&timed("confirmations = 6", &validators(4)));
    assert_eq!(
        both,
        "line 5: `confirmations` does not go with `[[validator]]`: remove one of them"
    );
    let low = line(&timed("quorum = 2", &validators(4)));
    assert!(low.contains("`quorum` is 2: choose 3 to 4"), "{low}");
    let word = line(&timed("crash_faults_only = \"yes\"", &validators(4)));
    assert!(word.contains("`crash_faults_only` is a text: write true or false"), "{word}");
    let key = line(&timed("", "\n[[validator]]\nname = \"V\"\nkey = \"ostkey1x\"\n"));
    assert!(key.starts_with("line 25: `validator[0].key`"), "{key}");
    let no_interval = timed("", "").replace("block_interval = 10\n", "");
    assert!(line(&no_interval).contains("`opens` goes with `block_interval`"));
    let unknown = line(&timed("", &validators(1).replace("name", "nome")));
    assert!(unknown.contains("`validator[0].nome`") && unknown.contains("`name`"), "{unknown}");
}

#[test]
fn missing_keys_are_named_with_an_example() {
    let missing = |good: &str| slip(good, "");
    let line = missing("title = \"Board\"\n");
    assert_eq!(line, "`title` is missing: add a line such as `title = \"Board 2026\"`");
    let examples = [
        "id = \"000102030405060708090a0b0c0d0e0f\"\n",
        "created = \"2026-11-01T09:00:00Z\"\n",
        "difficulty_bits = 8\n",
        "block_bytes_max = 65_536\n",
        "admission = \"open\"\n",
        "registration_bits = 4\n",
    ];
    for good in examples {
        let key = good.split(' ').next().expect("a key");
        assert!(
            missing(good).starts_with(&format!("`{key}` is missing: add a line such as `{key}"))
        );
    }
    assert!(missing("title = \"Chair\"\n").starts_with("`question[0].title` is missing"));
    let line = missing("options = [\"Ada\", \"Grace\", \"Hedy\"]\n");
    assert!(line.starts_with("`question[0].options` is missing"), "{line}");
}

#[test]
fn every_example_of_a_missing_key_is_itself_good() {
    let needed =
        ["id", "title", "created", "difficulty_bits", "block_bytes_max", "registration_bits"];
    for key in needed {
        let without: String = GOOD
            .lines()
            .filter(|line| !line.starts_with(key))
            .map(|line| format!("{line}\n"))
            .collect();
        let without =
            if key == "title" { GOOD.replacen("title = \"Board\"\n", "", 1) } else { without };
        let Err(BallotFileError::Missing { example, .. }) = parse(&without) else {
            panic!("`{key}` is missing")
        };
        assert!(parse(&format!("{example}\n{without}")).is_ok(), "{example}");
    }
}

#[test]
fn wrong_types_are_named_with_what_to_write() {
    let line = slip("\"Board\"", "7");
    assert_eq!(line, "line 2: `title` is a whole number: write a text in quotes");
    let line = slip("= 8", "= \"8\"");
    assert_eq!(line, "line 4: `difficulty_bits` is a text: write a whole number without quotes");
    let line = slip("= 8", "= 8.0");
    assert!(line.contains("`difficulty_bits` is a number with a point"), "{line}");
    let line = slip("\"2026-11-01T09:00:00Z\"", "true");
    assert!(line.starts_with("line 3: `created` is true or false: write a time"), "{line}");
    let line = slip("[\"Ada\", \"Grace\", \"Hedy\"]", "\"Ada\"");
    assert!(line.starts_with("line 11: `question[0].options` is a text: write a list"), "{line}");
    let line = slip("\"Grace\"", "1");
    assert!(line.contains("`question[0].options[1]` is a whole number: write a name"), "{line}");
    let single = GOOD.split("[[question]]").take(2).collect::<Vec<_>>().join("[question]");
    let line = parse(&single).expect_err("one table").to_string();
    assert!(line.starts_with("line 9: `question` is a table: write each question"), "{line}");
    let numbers =
        GOOD.split("[[question]]").next().expect("the first part").to_owned() + "question = [1]";
    let line = parse(&numbers).expect_err("a number").to_string();
    assert!(line.starts_with("line 9: `question[0]` is a whole number: write each"), "{line}");
}

#[test]
fn ids_and_times_that_do_not_read_are_named() {
    let line = slip("0e0f", "0e");
    assert!(line.starts_with("line 1: `id` is \"000102"), "{line}");
    assert!(line.ends_with("write 32 hexadecimal digits, such as `openssl rand -hex 16` gives"));
    assert!(slip("0e0f", "0eXY").contains("32 hexadecimal digits"));
    for bad in ["tomorrow", "2026-11-01", "2026-13-01T09:00:00Z", "1969-11-01T09:00:00Z"] {
        let line = slip("2026-11-01T09:00:00Z", bad);
        assert!(line.starts_with(&format!("line 3: `created` is {bad:?}: write a time")), "{line}");
    }
    for bad in ["2026-11-01T09:00:00+01:00", "2026-11-01T09:00:00.0001Z"] {
        assert!(slip("2026-11-01T09:00:00Z", bad).contains("`created`"));
    }
}

#[test]
fn impossible_limits_keep_the_words_of_the_election() {
    assert_eq!(slip("= 8", "= 60"), "`difficulty_bits` is 60: choose 0 to 48");
    assert_eq!(slip("= 8", "= 600"), "line 4: `difficulty_bits` is 600: choose 0 to 48");
    assert_eq!(slip("= 4", "= -1"), "line 7: `registration_bits` is -1: choose 0 to 32");
    assert!(slip("= 65_536", "= 1").starts_with("`block_bytes_max` is 1: choose 2048 to"));
    assert_eq!(slip("max = 2", "max = 4"), "`question[1].max` is 4: choose 1 to 3");
    assert_eq!(
        slip("max = 2", "max = 70000"),
        "line 17: `question[1].max` is 70000: choose 1 to 3"
    );
    assert_eq!(slip("min = 0", "min = 3"), "`question[1].min` is 3, above `max` 2: lower it");
    assert!(slip("min = 0", "min = 99999999999999999999").contains("choose 0 to 2"));
    assert_eq!(
        slip("[\"Ada\", \"Grace\", \"Hedy\"]", "[]"),
        "`question[0].options` has 0: list 1 to 512"
    );
    assert!(slip("\"Grace\"", "\"Ada\"").contains("lists \"Ada\" twice"));
    assert!(slip("\"Committee\"", "\"Chair\"").contains("rename one"));
    assert!(slip("\"Chair\"", "\"\"").starts_with("`question[0].title` is empty"));
    let without_questions = GOOD.split("[[question]]").next().expect("the first part");
    let line = parse(without_questions).expect_err("no questions").to_string();
    assert!(line.starts_with("`question` stands 0 times"), "{line}");
}

/// The good file, of an election that registrars admit to. Their keys are those of the secrets 1 and 2.
fn by_registrars() -> String {
    let tables = "\
[[registrar]]
name = \"Secretary\"
key = \"0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798\"

[[registrar]]
name = \"Treasurer\"
key = \"02c6047f9441ed7d6d3045406e95c07cd85c778e4b8cef3ca7abac09b95c709ee5\"

[[question]]";
    let open = "admission = \"open\"\nregistration_bits = 4\n";
    GOOD.replacen(open, "admission = \"registrar\"\nthreshold = 2\n", 1).replacen(
        "[[question]]",
        tables,
        1,
    )
}

/// The line for a slip in that file.
fn registrar_slip(good: &str, bad: &str) -> String {
    let text = by_registrars();
    assert!(text.contains(good), "{good:?} does not stand in the good file");
    let line = parse(&text.replacen(good, bad, 1)).expect_err("a slip").to_string();
    assert_eq!(line.lines().count(), 1, "{line}");
    line
}

#[test]
fn registrars_and_limits_on_voters_read_back_as_written() {
    let election = parse(&by_registrars()).expect("the file is good");
    let AdmissionRule::Registrars { registrars, threshold: 2 } = &election.admission else {
        panic!("{:?}", election.admission)
    };
    let names: Vec<_> = registrars.iter().map(|each| each.name.as_str()).collect();
    assert_eq!(names, ["Secretary", "Treasurer"]);
    assert_eq!(parse(&write(&election)), Ok(election));

    let limited =
        GOOD.replacen("registration_bits = 4", "registration_bits = 4\nmax_voters = 9", 1);
    let election = parse(&limited).expect("the file is good");
    assert_eq!(election.admission.max_voters(), Some(9));
    assert_eq!(parse(&write(&election)), Ok(election));
}

#[test]
fn who_may_vote_has_to_be_said_in_one_way() {
    let line = slip("admission = \"open\"\n", "");
    assert_eq!(line, "`admission` is missing: add a line such as `admission = \"registrar\"`");
    let line = slip("\"open\"", "\"everybody\"");
    assert!(
        line.starts_with("line 6: `admission` is \"everybody\": write \"registrar\" ("),
        "{line}"
    );
    let line = slip("registration_bits", "threshold = 1\nregistration_bits");
    assert_eq!(
        line,
        "line 7: `threshold` goes with `admission = \"registrar\"`: remove it, or write that"
    );
    let line = registrar_slip("threshold", "max_voters = 3\nthreshold");
    assert_eq!(
        line,
        "line 7: `max_voters` goes with `admission = \"open\"`: remove it, or write that"
    );
    let line = slip("registration_bits = 4", "registration_bits = 4\nmax_voters = 0");
    assert_eq!(line, "`max_voters` is 0: choose 1 to 10000000");
}

#[test]
fn slips_in_registrars_are_named() {
    assert_eq!(registrar_slip("threshold = 2", "threshold = 3"), "`threshold` is 3: choose 1 to 2");
    assert_eq!(registrar_slip("threshold = 2", "threshold = 0"), "`threshold` is 0: choose 1 to 2");
    let line = registrar_slip("threshold = 2\n", "");
    assert_eq!(line, "`threshold` is missing: add a line such as `threshold = 1`");
    let line = registrar_slip("Treasurer", "Secretary");
    assert_eq!(line, "`registrar` has the name \"Secretary\" twice: remove one");
    let line = registrar_slip("81798", "81796");
    assert_eq!(
        line,
        "line 11: `registrar[0].key`: the key is no public key of secp256k1: one of its digits may be wrong"
    );
    let line = registrar_slip("name = \"Treasurer\"\n", "");
    assert!(line.starts_with("`registrar[1].name` is missing"), "{line}");
    let line = registrar_slip("name = \"Treasurer\"", "titel = 1");
    assert!(line.ends_with("remove it, or use one of `name`, `key`"), "{line}");
    let line = parse(&by_registrars().replace("[[registrar]]", "[registrar]"));
    let line = line.expect_err("twice").to_string();
    assert_eq!(line, "line 13: `registrar` stands twice: write [[registrar]] above each");
    let open = "admission = \"open\"\nregistration_bits = 4\n";
    let nobody = GOOD.replacen(open, "admission = \"registrar\"\nthreshold = 1\n", 1);
    let line = parse(&nobody).expect_err("nobody admits").to_string();
    assert_eq!(line, "`registrar` stands 0 times: write 1 to 16 [[registrar]] tables");
}

#[test]
fn keys_are_written_with_a_checksum_and_one_in_hex_is_counted() {
    let in_hex = by_registrars();
    let election = parse(&in_hex).expect("the file is good");
    let with_checksum = write(&election);
    assert_eq!((keys_in_hex(&in_hex), keys_in_hex(&with_checksum)), (2, 0));
    assert_eq!(parse(&with_checksum), Ok(election));
    let key = with_checksum.find("ostkey1").expect("a key") + 20;
    let letter = if &with_checksum[key..=key] == "q" { "p" } else { "q" };
    let slip = format!("{}{letter}{}", &with_checksum[..key], &with_checksum[key + 1..]);
    let line = parse(&slip).expect_err("a slip").to_string();
    let told = format!("`registrar[0].key`: the key's letter 21 (`{letter}`) may be wrong:");
    assert!(line.contains(&told), "{line}");
}

#[test]
fn texts_that_mislead_are_refused_with_their_place() {
    const HEAD: &str = "id = \"f876752447052e11c590c593c97bb953\"\ntitle = \"Club\"\ncreated = \"2026-11-01T09:00:00Z\"\n\
        difficulty_bits = 8\nblock_bytes_max = 262144\nadmission = \"open\"\nregistration_bits = 4\n";
    let ballot =
        |options: &str| format!("{HEAD}[[question]]\ntitle = \"Who?\"\noptions = [{options}]\n");
    for (options, part) in [
        (
            "\"Yes\",\n\"yes\"",
            "line 11: `question[0].options[1]` is \"yes\", which looks like `question[0].options[0]`",
        ),
        ("\"Zo\u{eb}\",\"Zoe\u{308}\"", "(character 3 is U+0065 here and U+00EB there)"),
        ("\"Anna Lee\",\"Anna  Lee\"", "looks like"),
        ("\"Anna Lee\",\"Anna\u{a0}Lee\"", "(character 5 is U+00A0 here and U+0020 there)"),
        ("\"Ada\",\"\u{410}da\"", "(character 1 is U+0410 here and U+0041 there)"),
        (
            "\"Yes\",\"Yes\u{200b}\"",
            "`question[0].options[1]`: character 4 is U+200B (zero width space), which can't be seen: remove it",
        ),
        ("\"\u{200b}\",\"\u{2061}\"", "`question[0].options[0]`: character 1 is U+200B"),
        (
            "\"Ann (for)\",\"\u{202e})tsniaga( nnA\u{202c}\"",
            "character 1 is U+202E (right-to-left override), which turns",
        ),
        ("\"Ann\",\"\\u200EBob\"", "line 10: `question[0].options[1]`: character 1 is U+200E"),
        ("\"A\u{3164}\",\"B\"", "U+3164"),
    ] {
        let error = parse_new(&ballot(options)).expect_err(options).to_string();
        assert!(error.contains(part), "{error}");
    }
    let twins =
        format!("{}[[question]]\ntitle = \"Wh\u{43e}?\"\noptions = [\"A\"]\n", ballot("\"A\""));
    let error = parse_new(&twins).expect_err("two titles").to_string();
    assert!(error.contains("line 12: `question[1].title`"), "{error}");
    // An election that runs keeps its texts.
    let election = parse(&ballot("\"Yes\",\"yes\"")).expect("it may run already");
    assert!(check_texts(&election).is_err());
    assert_eq!(Election::from_canonical_bytes(&election.canonical_bytes()), Ok(election));
    let curly = ballot("\"A\"").replace("\"Club\"", "\u{201c}Club\u{201d}");
    let error = parse(&curly).expect_err("no quotation marks").to_string();
    assert_eq!(error, "line 2: \u{201c} is no quotation mark of TOML: write \" around texts");
    parse(&ballot("\"\u{201e}Ada\u{201c}\", \"Grace\u{2019}s\"")).expect("inside they are letters");
}

#[test]
fn a_ballot_file_has_a_mebibyte_at_most() {
    assert_eq!(FILE_BYTES_MAX, 1_048_576);
}
