//! What is wrong with a text that is not TOML, in words for who wrote it: the parser's own speak of its grammar.

use super::BallotFileError;

/// The mistake at the place where the parser stopped.
pub(super) fn syntax_error(text: &str, error: &toml::de::Error) -> BallotFileError {
    let span = error.span().unwrap_or(0..0);
    let line = line_at(text, span.start);
    if error.message() == "duplicate key" {
        return match text.get(span).unwrap_or_default().trim() {
            key @ ("question" | "registrar") => {
                BallotFileError::TableTwice { line, key: key.to_owned() }
            }
            key => BallotFileError::Duplicate { line, key: key.to_owned() },
        };
    }
    let at = text.lines().nth(line - 1).unwrap_or_default();
    let is_curly =
        |character: &char| matches!(character, '\u{2018}'..='\u{201f}' | '\u{ab}' | '\u{bb}');
    let value = at.split_once('=').map_or(at, |(_, value)| value);
    if let Some(found) =
        value.chars().find(|character| matches!(character, '"' | '\'') || is_curly(character))
        && is_curly(&found)
    {
        return BallotFileError::CurlyQuotes { line, found };
    }
    BallotFileError::Syntax { line, reason: reason(at) }
}

/// What is most likely wrong with a line.
fn reason(line: &str) -> &'static str {
    let line = line.trim();
    let count = |character: char| line.matches(character).count();
    let quotes = count('"') - line.matches("\\\"").count();
    let Some((key, value)) = line.split_once('=') else {
        return match line.chars().next() {
            Some('[') => "a table begins with its name in brackets, such as [[question]]",
            Some('"' | '\'' | ']') => "a text, a list or the line before it is not closed",
            Some(_) => "write a key, = and its value, or # before a comment",
            None => "the text or list before it is not closed",
        };
    };
    let value = value.trim();
    if line.chars().any(|each| each.is_control() && each != '\t') {
        "it holds a control character: remove it"
    } else if key.trim().contains(char::is_whitespace) || key.trim().is_empty() {
        "a key is one word: write a key, = and its value"
    } else if value.is_empty() || value.starts_with('#') {
        "the value after = is missing"
    } else if quotes % 2 == 1 || (value.starts_with('\'') && count('\'') % 2 == 1) {
        "a quotation mark is missing, or one is too many (inside a text, write \\\")"
    } else if count('[') != count(']') {
        "a bracket of the list is missing, or one is too many"
    } else if value.contains('\\') {
        "a \\ in a text begins an escape: write \\\\ for one"
    } else if value.starts_with(char::is_alphabetic) {
        "write \" around texts"
    } else {
        "write one value after =, texts in quotes, and a comma between those of a list"
    }
}

/// The line, counted from 1, in which a byte stands.
pub(super) fn line_at(text: &str, at: usize) -> usize {
    text.bytes().take(at).filter(|byte| *byte == b'\n').count() + 1
}
