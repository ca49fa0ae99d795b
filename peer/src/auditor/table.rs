//! Writes votes and results as tables for spreadsheets, pandas and DuckDB. The same rows are
//! available as CSV (RFC 4180) and as JSON Lines, with one object per line.

use std::io::{self, Write};

use protocol::block::Block;
use protocol::election::Election;
use protocol::transaction::{HashedTransaction, Transaction};
use serde_json::{Map, Value};

use crate::schema::{OptionTally, QuestionTally};

/// There is one row for each option that a vote chose, and one with an empty option for each
/// question that a vote left blank.
const VOTE_COLUMNS: [&str; 11] = [
    "height",
    "block",
    "time_ms",
    "place",
    "transaction",
    "voter",
    "cast_at_ms",
    "question",
    "title",
    "option",
    "choice",
];

/// There is one row per option, and for each question one row without an option for the blank
/// answers.
const RESULT_COLUMNS: [&str; 5] = ["question", "title", "option", "choice", "votes"];

/// How rows are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TableFormat {
    Csv,
    JsonLines,
}

/// Writes rows as they arrive, and keeps none of them in memory.
pub(super) struct TableWriter<W: Write> {
    columns: &'static [&'static str],
    rows: Rows<W>,
}

enum Rows<W: Write> {
    Csv(Box<csv::Writer<W>>),
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

    fn new(output: W, format: TableFormat, columns: &'static [&'static str]) -> io::Result<Self> {
        let rows = match format {
            TableFormat::Csv => {
                let mut rows = csv::Writer::from_writer(output);
                rows.write_record(columns)?;
                Rows::Csv(Box::new(rows))
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
    pub(super) fn write_results(&mut self, tally: &[QuestionTally]) -> io::Result<()> {
        for (number, QuestionTally { title, options, blank }) in (1u64..).zip(tally) {
            let title = || Value::from(title.as_str());
            for (option, OptionTally { name, votes }) in (1u64..).zip(options) {
                let choice = name.as_str().into();
                self.write_row([number.into(), title(), option.into(), choice, (*votes).into()])?;
            }
            let blank = (*blank).into();
            self.write_row([number.into(), title(), Value::Null, Value::Null, blank])?;
        }
        Ok(())
    }

    /// Returns the output after everything has been written to it.
    ///
    /// # Errors
    /// When the disk fails.
    pub(super) fn finish(self) -> io::Result<W> {
        match self.rows {
            Rows::Csv(rows) => rows.into_inner().map_err(|error| error.into_error()),
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
                    place.into(),
                    transaction.id().to_string().into(),
                    vote.voter.to_string().into(),
                    vote.cast_at.0.into(),
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
        match &mut self.rows {
            Rows::Csv(rows) => Ok(rows.write_record(cells.map(|cell| match cell {
                Value::Null => String::new(),
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
            format!("0,{hash},7,{place},{id},{voter},1700000100000,1,Chair,{rest}\n")
        };
        let expected =
            "height,block,time_ms,place,transaction,voter,cast_at_ms,question,title,option,choice\n"
                .to_owned()
                + &row(1, &first, "2,Grace") + &row(2, &second, ",");
        assert_eq!(votes(TableFormat::Csv), expected);

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
        let tally = node::QuestionTally { question, votes: vec![2, 0], blank: 1 };
        let tally = [QuestionTally::from(&tally)];
        let mut table = TableWriter::results(Vec::new(), TableFormat::Csv).expect("memory");
        table.write_results(&tally).expect("memory takes all");
        let text = String::from_utf8(table.finish().expect("memory takes all")).expect("text");
        let expected = "question,title,option,choice,votes\n\
            1,\"Chair, \"\"first\"\"\",1,Ada,2\n\
            1,\"Chair, \"\"first\"\"\",2,Grace,0\n\
            1,\"Chair, \"\"first\"\"\",,,1\n";
        assert_eq!(text, expected);
    }
}
