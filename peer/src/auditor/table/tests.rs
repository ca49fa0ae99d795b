//! Tables as they are read by people, spreadsheets and programs.

use protocol::block::Header;

use super::*;
use chain::fixtures::{election, registration, vote};

fn block() -> Block {
    let transactions = vec![registration(0), vote(0, vec![vec![1]]), vote(1, vec![vec![]])];
    let header = Header { time: protocol::units::UnixMillis(7), ..Header::genesis(&election()) };
    Block { header, transactions }
}

const CSV: TableFormat = TableFormat::Csv { cells: Cells::Guarded };

fn votes(format: TableFormat) -> String {
    let mut table = TableWriter::votes(Vec::new(), format).expect("memory takes all");
    table.write_votes(&block(), &election()).expect("memory takes all");
    String::from_utf8(table.finish().expect("memory takes all")).expect("text")
}

#[test]
fn a_vote_has_a_row_per_choice_and_a_blank_one_has_one_too() {
    let (block, first, second) = (block(), vote(0, vec![vec![1]]), vote(1, vec![vec![]]));
    let row = |place: u8, vote: &HashedTransaction, rest: &str| {
        let (hash, id, voter) = (block.header.hash(), vote.id(), vote.voter());
        let (time, cast_at) = ("1970-01-01T00:00:00.007Z", "2023-11-14T22:15:00.000Z");
        format!("0,{hash},7,{time},{place},{id},{voter},1700000100000,{cast_at},1,Chair,{rest}\n")
    };
    let expected =
        "height,block,time_ms,time,place,transaction,voter,cast_at_ms,cast_at,question,title,option,choice\n"
            .to_owned()
            + &row(1, &first, "2,Grace") + &row(2, &second, ",");
    assert_eq!(votes(CSV), expected);

    let lines = votes(TableFormat::JsonLines);
    let rows: Vec<Value> =
        lines.lines().map(|line| serde_json::from_str(line).expect("an object")).collect();
    assert_eq!(rows.len(), 2);
    assert_eq!((&rows[0]["option"], &rows[0]["choice"]), (&2.into(), &"Grace".into()));
    assert_eq!((&rows[1]["place"], &rows[1]["option"]), (&2.into(), &Value::Null));
}

#[test]
fn results_are_quoted_where_csv_needs_it() {
    let mut question = election().questions.remove(0);
    question.title = "Chair, \"first\"".into();
    let expected = "question,title,option,choice,votes,votes_cast,registered_voters,turnout_percent\n\
        1,\"Chair, \"\"first\"\"\",1,Ada,2,3,7,42.9\n\
        1,\"Chair, \"\"first\"\"\",2,Grace,0,3,7,42.9\n\
        1,\"Chair, \"\"first\"\"\",,,1,3,7,42.9\n";
    assert_eq!(written(&results(question), CSV), expected);
}

fn results(question: protocol::election::Question) -> Results {
    let tally = node::QuestionTally { question, votes: vec![2, 0], blank: 1 };
    Results {
        tip: crate::schema::Tip { height: 0, hash: block().header.hash() },
        votes: 3,
        registered_voters: 7,
        turnout_percent: crate::schema::Percent::of(3, 7),
        admitted: crate::schema::Admitted::Anybody,
        blocks_deep: 1,
        questions: vec![QuestionTally::from(&tally)],
        tip_held_by: None,
        unready: Vec::new(),
        waiting: crate::schema::Waiting::default(),
        finality: None,
    }
}

fn written(results: &Results, format: TableFormat) -> String {
    let mut table = TableWriter::results(Vec::new(), format).expect("memory");
    table.write_results(results).expect("memory takes all");
    String::from_utf8(table.finish().expect("memory takes all")).expect("text")
}

#[test]
fn no_cell_is_a_formula_to_a_spreadsheet() {
    for (text, shown) in [
        (
            "=HYPERLINK(\"http://evil.example\",\"Ada\")",
            "'=HYPERLINK(\"http://evil.example\",\"Ada\")",
        ),
        ("+1", "'+1"),
        ("-", "'-"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\t'=1"),
        ("\r=1", "'\r'=1"),
        ("\tAda", "'\tAda"),
        (" \u{a0}=1", "' \u{a0}=1"),
        ("\u{ff1d}1", "'\u{ff1d}1"),
        ("Ada;=1", "Ada;'=1"),
        ("\"=1", "'\"=1"),
        ("'=1", "''=1"),
        ("Ada", "Ada"),
        ("'tis", "'tis"),
        ("Ada - or Grace; 2 = 2", "Ada - or Grace; 2 = 2"),
        ("", ""),
    ] {
        assert_eq!(guarded(text.to_owned()), shown, "{text:?}");
    }
    let mut question = election().questions.remove(0);
    question.options[0] = "=HYPERLINK(\"http://evil.example\")".into();
    let results = results(question);
    let guarded = "1,Chair,1,\"'=HYPERLINK(\"\"http://evil.example\"\")\",2,";
    assert!(written(&results, CSV).contains(guarded));
    let raw = "1,Chair,1,\"=HYPERLINK(\"\"http://evil.example\"\")\",2,";
    assert!(written(&results, TableFormat::Csv { cells: Cells::Raw }).contains(raw));
    let line = "\"choice\":\"=HYPERLINK(\\\"http://evil.example\\\")\"";
    assert!(written(&results, TableFormat::JsonLines).contains(line));
}

#[test]
fn each_voter_has_a_row_with_what_became_of_them() {
    let mut voters = Voters::default();
    let transactions = vec![registration(0), vote(0, vec![vec![1]])];
    voters.add(&Block { transactions, ..block() });
    let later = Header { height: protocol::units::Height(1), ..block().header };
    let transactions = vec![registration(1), vote(1, vec![vec![0]])];
    voters.add(&Block { header: later, transactions });
    let mut table = TableWriter::voters(Vec::new(), CSV).expect("memory");
    table.write_voters(&voters).expect("memory takes all");
    let text = String::from_utf8(table.finish().expect("memory takes all")).expect("text");
    let rows: Vec<Vec<&str>> = text.lines().map(|line| line.split(',').collect()).collect();
    assert_eq!(rows[0], VOTER_COLUMNS);
    let id = registration(0).voter().to_string();
    assert_eq!(rows[1][..1], [id.as_str()]);
    assert_eq!(rows[1][3..6], ["registered", "true", "0"]);
    assert_eq!(rows[1][7..9], ["7", "1970-01-01T00:00:00.007Z"]);
    assert_eq!((rows[1][9], rows[1][13]), ("", "0"), "not withdrawn; voted");
    assert_eq!(rows[2][0], registration(1).voter().to_string());
    // A key is written as members hand it in, by which the table and their list are joined.
    let key = chain::fixtures::key(1).public();
    assert_eq!(rows[2][1..3], [key.text(), key.to_string()]);
    assert_eq!((rows[2][5], rows[2][13]), ("1", "1"));
    assert_eq!(rows.len(), 3);
}
