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
const VOTER_COLUMNS: [&str; 17] = [
    "voter",
    "voter_key",
    "voter_key_hex",
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
                key.as_ref().map(PublicKey::text).into(),
                // Lists may have keys in hex, and nothing would be found by the other form.
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
mod tests;
