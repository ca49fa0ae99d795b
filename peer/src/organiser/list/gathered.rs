//! The keys of a list and the mistakes found in its lines, while they are collected.

use std::collections::HashMap;

use protocol::key_text::{self, KeyForm};
use protocol::keys::PublicKey;
use protocol::text;
use protocol::units::VoterId;
use rayon::prelude::*;

use super::pairs::Pairs;
use super::{KeyList, ListError, Slip, SlipReason, TOLD_MAX, VOTER_DIGITS};

/// The digits that a cell has at least if it is taken for a voter's id with something else in it, and not for a name.
const NEARLY_VOTER_DIGITS: usize = 56;

/// The parts of a line that are used.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) line: u64,
    pub(super) key: String,
    pub(super) id: String,
    /// Whether the line contains a line break. A quotation mark that is never closed includes the lines after it,
    /// together with the voters in them.
    pub(super) has_line_break: bool,
}

/// The voter that a cell names, and perhaps the key by which.
type Named = (VoterId, Option<(PublicKey, KeyForm)>);

/// The forms in which ids are compared.
struct Id {
    folded: Box<str>,
    loose: Vec<Box<str>>,
}

#[derive(Debug, Default)]
pub(super) struct Gathered {
    pub(super) list: KeyList,
    /// The line in which each voter appears first.
    lines: HashMap<VoterId, u64>,
    voters_of_ids: Pairs<Box<str>, VoterId>,
    voters_of_loose_ids: Pairs<Box<str>, VoterId>,
    ids_of_voters: Pairs<VoterId, Box<str>>,
    slips: Vec<Slip>,
    slip_count: u64,
    /// The number of lines with a mistake, or with several.
    lines_with_slips: u64,
}

impl Gathered {
    pub(super) fn take(&mut self, rows: &mut Vec<Row>, holds_voters: bool) {
        let read = |row: &Row| {
            let voter = match row.has_line_break {
                true => Err(SlipReason::SeveralLines),
                false => voter(&row.key, holds_voters),
            };
            let loose = text::loosely_folded(&row.id).into_iter().map(String::into_boxed_str);
            (voter, Id { folded: text::folded(&row.id).into(), loose: loose.collect() })
        };
        let read: Vec<_> = rows.par_iter().map(read).collect();
        for (Row { line, .. }, (read, id)) in rows.drain(..).zip(read) {
            let slips = match read {
                Ok(voter) => self.add(line, id, voter),
                Err(reason) => [Some(reason), None],
            };
            self.lines_with_slips += u64::from(slips.iter().any(Option::is_some));
            for reason in slips.into_iter().flatten() {
                self.slip_count += 1;
                if self.slips.len() < TOLD_MAX {
                    self.slips.push(Slip { line, reason });
                }
            }
        }
    }

    /// Adds a voter, and tells what earlier lines contradict.
    fn add(
        &mut self,
        line: u64,
        Id { folded, loose }: Id,
        (voter, key): Named,
    ) -> [Option<SlipReason>; 2] {
        let is_hex = key.is_some_and(|(_, form)| form == KeyForm::Hex);
        self.list.keys_in_hex += u64::from(is_hex);
        let key = key.map(|(key, _)| key);
        let first = *self.lines.entry(voter).or_insert(line);
        if self.list.voters.insert(voter, key).is_some() {
            self.list.twice_count += 1;
            if self.list.twice.len() < TOLD_MAX {
                self.list.twice.push((voter, [first, line]));
            }
        }
        // A line without an id contradicts nobody.
        if folded.is_empty() {
            self.list.without_id += 1;
            return [None, None];
        }
        let mut like = None;
        for form in loose {
            like = like.or(self.voters_of_loose_ids.note(form, voter, line));
        }
        let one_id = self.voters_of_ids.note(folded.clone(), voter, line);
        if let (Some(like), None) = (like, one_id) {
            self.list.similar_count += 1;
            if self.list.similar.len() < TOLD_MAX {
                self.list.similar.push([like, line]);
            }
        }
        let one_key = self.ids_of_voters.note(voter, folded, line);
        [
            one_id.map(|first| SlipReason::OneIdTwoKeys { first }),
            one_key.map(|first| SlipReason::OneKeyTwoIds { first }),
        ]
    }

    pub(super) fn finish(self) -> Result<KeyList, ListError> {
        match (self.slip_count, self.list.voters.len()) {
            (0, 0) => Err(ListError::NoVoters),
            (0, _) => Ok(self.list),
            (count, _) => Err(ListError::Slips {
                lines: self.lines_with_slips,
                more: count - self.slips.len() as u64,
                slips: self.slips,
            }),
        }
    }
}

/// The voter that a cell names. Spaces and what can't be seen around it do no harm.
fn voter(cell: &str, holds_voters: bool) -> Result<Named, SlipReason> {
    let (text, before) = text::trim(cell);
    if text.is_empty() {
        return Err(SlipReason::NoKey);
    }
    if !holds_voters {
        let (key, form) = key_text::read(text).map_err(SlipReason::Key)?;
        return Ok((key.voter(), Some((key, form))));
    }
    let not_digits = || {
        wrong_character(text, before).unwrap_or(SlipReason::NotDigits {
            found: text.chars().count(),
            expected: VOTER_DIGITS,
        })
    };
    let mut voter = VoterId([0; 32]);
    hex::decode_to_slice(text, &mut voter.0).map_err(|_| not_digits())?;
    Ok((voter, None))
}

/// The first character that is no digit, of what is nearly a voter's id. One that can't be seen is named by its number.
fn wrong_character(text: &str, before: usize) -> Option<SlipReason> {
    let digits = text.chars().filter(char::is_ascii_hexdigit).count();
    if digits < NEARLY_VOTER_DIGITS {
        return None;
    }
    let mut numbered = text.chars().zip(before + 1..);
    let (character, place) = numbered.find(|(character, _)| !character.is_ascii_hexdigit())?;
    Some(match text::first_hidden(text).filter(|hidden| hidden.character == character) {
        Some(hidden) => SlipReason::Hidden(text::Hidden { place, ..hidden }),
        None => SlipReason::NotADigit { character, place },
    })
}
