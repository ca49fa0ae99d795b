//! Writes votes and results as tables for spreadsheets, pandas and DuckDB. The same rows are
//! available as CSV (RFC 4180) and as JSON Lines, with one object per line.

use std::io::{self, Write};

use protocol::block::Block;
use protocol::election::Election;
use protocol::keys::PublicKey;
use protocol::transaction::{HashedTransaction, Transaction};
use serde_json::{Map, Value};

use super::voters::{BlockPlace, VoterHistory, Voters};
use crate::render::iso_8601;
use crate::schema::{OptionTally, QuestionTally, Results};

/// What a formula begins with in a spreadsheet: also the wide forms, which those of East Asia take for the same.
const FORMULA_BEGINS: [char; 8] =
    ['=', '+', '-', '@', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}'];
/// What ends a cell where a spreadsheet does not take commas for that.
const CELL_ENDS: [char; 4] = [';', '\t', '\r', '\n'];

/// There is one row for each option that a vote chose, and one with an empty option for each
/// question that a vote left blank.
const VOTE_COLUMNS: [&str; 13] = [
    "height",
    "block",
    "time_ms",
    "time",
    "place",
    "transaction",
    "voter",
    "cast_at_ms",
    "cast_at",
    "question",
    "title",
    "option",
    "choice",
];

/// There is one row per option, and for each question one row without an option for the blank
/// answers. What is said of all votes stands in every row.
const RESULT_COLUMNS: [&str; 8] = [
    "question",
    "title",
    "option",
    "choice",
    "votes",
    "votes_cast",
    "registered_voters",
    "turnout_percent",
];

/// There is one row for each voter who was ever registered or withdrawn.
const VOTER_COLUMNS: [&str; 16] = [
    "voter",
    "voter_key",
    "state",
    "voted",
    "registered_height",
    "registered_block",
    "registered_time_ms",
    "registered_time",
    "withdrawn_height",
    "withdrawn_block",
    "withdrawn_time_ms",
    "withdrawn_time",
    "voted_height",
    "voted_block",
    "voted_time_ms",
    "voted_time",
];

/// How rows are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TableFormat {
    Csv { cells: Cells },
    JsonLines,
}

/// What is done with a text that a spreadsheet would take for a formula.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cells {
    /// An apostrophe goes before it, by which spreadsheets know a text.
    Guarded,
    Raw,
}

/// Writes rows as they arrive, and keeps none of them in memory.
pub(super) struct TableWriter<W: Write> {
    columns: &'static [&'static str],
    rows: Rows<W>,
}

enum Rows<W: Write> {
    Csv(Box<csv::Writer<W>>, Cells),
    JsonLines(W),
}

impl<W: Write> TableWriter<W> {
    /// Starts a table of votes.
    ///
    /// # Errors
    /// When the disk fails.
    pub(super) fn votes(output: W, format: TableFormat) -> io::Result<Self> {
        Self::new(output, format, &VOTE_COLUMNS)
    }

    /// Starts a table of results.
    ///
    /// # Errors
    /// When the disk fails.
    pub(super) fn results(output: W, format: TableFormat) -> io::Result<Self> {
        Self::new(output, format, &RESULT_COLUMNS)
    }

    /// Starts a table of voters.
    ///
    /// # Errors
    /// When the disk fails.
    pub(super) fn voters(output: W, format: TableFormat) -> io::Result<Self> {
        Self::new(output, format, &VOTER_COLUMNS)
    }

    fn new(output: W, format: TableFormat, columns: &'static [&'static str]) -> io::Result<Self> {
        let rows = match format {
            TableFormat::Csv { cells } => {
                let mut rows = csv::Writer::from_writer(output);
                rows.write_record(columns)?;
                Rows::Csv(Box::new(rows), cells)
            }
            TableFormat::JsonLines => Rows::JsonLines(output),
        };
        Ok(Self { columns, rows })
    }

    /// Writes the votes of a block.
    ///
    /// # Errors
    /// When the disk fails.
    pub(super) fn write_votes(&mut self, block: &Block, election: &Election) -> io::Result<()> {
        for (place, transaction) in block.transactions.iter().enumerate() {
            self.write_vote(block, place, transaction, election)?;
        }
        Ok(())
    }

    /// Writes the count of each question.
    ///
    /// # Errors
    /// When the disk fails.
    pub(super) fn write_results(&mut self, results: &Results) -> io::Result<()> {
        let Results { votes: cast, registered_voters, turnout_percent, .. } = results;
        let turnout = turnout_percent.map(f64::from);
        for (number, QuestionTally { title, options, blank }) in (1u64..).zip(&results.questions) {
            let mut write = |option: Value, choice: Value, votes: u64| {
                self.write_row([
                    number.into(),
                    title.as_str().into(),
                    option,
                    choice,
                    votes.into(),
                    (*cast).into(),
                    (*registered_voters).into(),
                    turnout.into(),
                ])
            };
            for (option, OptionTally { name, votes }) in (1u64..).zip(options) {
                write(option.into(), name.as_str().into(), *votes)?;
            }
            write(Value::Null, Value::Null, *blank)?;
        }
        Ok(())
    }

    /// Writes what is known of each voter.
    ///
    /// # Errors
    /// When the disk fails.
    pub(super) fn write_voters(&mut self, voters: &Voters) -> io::Result<()> {
        for (voter, VoterHistory { key, registered, withdrawn, voted }) in voters.in_order() {
            let state = if withdrawn.is_some() { "withdrawn" } else { "registered" };
            let head = [
                voter.to_string().into(),
                key.as_ref().map(PublicKey::to_string).into(),
                state.into(),
                voted.is_some().into(),
            ];
            let [registered, withdrawn, voted] = [registered, withdrawn, voted].map(place_cells);
            let cells = head.into_iter().chain(registered).chain(withdrawn).chain(voted);
            self.write_cells(cells)?;
        }
        Ok(())
    }

    /// Returns the output after everything has been written to it.
    ///
    /// # Errors
    /// When the disk fails.
    pub(super) fn finish(self) -> io::Result<W> {
        match self.rows {
            Rows::Csv(rows, _) => rows.into_inner().map_err(|error| error.into_error()),
            Rows::JsonLines(mut output) => output.flush().map(|()| output),
        }
    }

    fn write_vote(
        &mut self,
        block: &Block,
        place: usize,
        transaction: &HashedTransaction,
        election: &Election,
    ) -> io::Result<()> {
        let Transaction::Vote { vote, .. } = transaction.transaction() else { return Ok(()) };
        let questions = election.questions.iter().zip(&vote.choices);
        for (number, (question, chosen)) in (1u64..).zip(questions) {
            let chosen = chosen.iter().map(|option| Some(usize::from(*option)));
            let blank = (chosen.len() == 0).then_some(None);
            for option in chosen.chain(blank) {
                let choice = option.and_then(|option| question.options.get(option));
                self.write_row([
                    block.header.height.0.into(),
                    block.header.hash().to_string().into(),
                    block.header.time.0.into(),
                    iso_8601(block.header.time.0).into(),
                    place.into(),
                    transaction.id().to_string().into(),
                    vote.voter.to_string().into(),
                    vote.cast_at.0.into(),
                    iso_8601(vote.cast_at.0).into(),
                    number.into(),
                    question.title.as_str().into(),
                    option.map(|option| option + 1).into(),
                    choice.map(String::as_str).into(),
                ])?;
            }
        }
        Ok(())
    }

    fn write_row<const COLUMNS: usize>(&mut self, cells: [Value; COLUMNS]) -> io::Result<()> {
        self.write_cells(cells.into_iter())
    }

    fn write_cells(&mut self, cells: impl Iterator<Item = Value>) -> io::Result<()> {
        match &mut self.rows {
            Rows::Csv(rows, guard) => Ok(rows.write_record(cells.map(|cell| match cell {
                Value::Null => String::new(),
                Value::String(text) if *guard == Cells::Guarded => guarded(text),
                Value::String(text) => text,
                Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
                    cell.to_string()
                }
            }))?),
            Rows::JsonLines(output) => {
                let columns = self.columns.iter().map(|column| (*column).to_owned());
                let row: Map<String, Value> = columns.zip(cells).collect();
                serde_json::to_writer(&mut *output, &row)?;
                output.write_all(b"\n")
            }
        }
    }
}

/// Where a transaction stands: the height, hash and time of its block; all empty if it stands nowhere.
fn place_cells(place: &Option<BlockPlace>) -> [Value; 4] {
    let Some(BlockPlace { height, hash, time }) = place else { return [const { Value::Null }; 4] };
    [height.0.into(), hash.to_string().into(), time.0.into(), iso_8601(time.0).into()]
}

/// Puts an apostrophe before what a spreadsheet would run instead of showing it. A cell begins also behind what some
/// spreadsheets separate cells by, although commas separate them here.
fn guarded(text: String) -> String {
    let begins = |rest: &str| {
        let rest = rest.trim_start_matches(|letter: char| {
            letter.is_whitespace() || letter.is_control() || matches!(letter, '\'' | '"')
        });
        rest.starts_with(FORMULA_BEGINS)
    };
    let mut shown = String::with_capacity(text.len() + 1);
    for cell in text.split_inclusive(CELL_ENDS) {
        if begins(cell) || cell.starts_with(['\t', '\r']) {
            shown.push('\'');
        }
        shown += cell;
    }
    shown
}

#[cfg(test)]
mod tests {
    use protocol::block::Header;

    use super::*;
    use chain::fixtures::{election, registration, vote};

    fn block() -> Block {
        let transactions = vec![registration(0), vote(0, vec![vec![1]]), vote(1, vec![vec![]])];
        let header =
            Header { time: protocol::units::UnixMillis(7), ..Header::genesis(&election()) };
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
            format!(
                "0,{hash},7,{time},{place},{id},{voter},1700000100000,{cast_at},1,Chair,{rest}\n"
            )
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
        assert_eq!(rows[1][2..5], ["registered", "true", "0"]);
        assert_eq!(rows[1][6..8], ["7", "1970-01-01T00:00:00.007Z"]);
        assert_eq!((rows[1][8], rows[1][12]), ("", "0"), "not withdrawn; voted");
        assert_eq!(rows[2][0], registration(1).voter().to_string());
        assert_eq!((rows[2][1].len(), rows[2][4], rows[2][12]), (66, "1", "1"));
        assert_eq!(rows.len(), 3);
    }
}
