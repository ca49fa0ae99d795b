//! How the numbers of options are written.

/// The number that these digits are, counted from 1 as voters do. Nothing but digits is a number.
pub(crate) fn option_number(digits: &str) -> Option<usize> {
    digits.bytes().all(|digit| digit.is_ascii_digit()).then(|| digits.parse().ok()).flatten()
}

/// The number as which a name reads, with or without the `#` before it.
pub(crate) fn number_read_from(name: &str) -> Option<usize> {
    option_number(name.strip_prefix('#').unwrap_or(name))
}
