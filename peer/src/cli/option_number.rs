//! How choices are written: the numbers of options, what stands between choices, and what stands for none.

/// Separates the answers to two questions.
pub(crate) const QUESTION_SEPARATOR: char = ';';
/// Separates two choices of one answer.
pub(crate) const CHOICE_SEPARATOR: char = ',';
/// The word for an answer that chooses nothing.
pub(crate) const BLANK: &str = "blank";
/// The same in one character.
pub(crate) const BLANK_SIGN: &str = "-";

/// The number that these digits are, counted from 1 as voters do. Nothing but digits is a number.
pub(crate) fn option_number(digits: &str) -> Option<usize> {
    digits.bytes().all(|digit| digit.is_ascii_digit()).then(|| digits.parse().ok()).flatten()
}

/// The number as which a name reads, with or without the `#` before it.
pub(crate) fn number_read_from(name: &str) -> Option<usize> {
    option_number(name.strip_prefix('#').unwrap_or(name))
}
