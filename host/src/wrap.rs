//! Breaks lines between words where a terminal would break them inside of one.
//!
//! This is for terminals alone: what goes into a pipe or a file keeps its lines.

use textwrap::core::display_width;
use textwrap::{Options, WordSeparator, WordSplitter, WrapAlgorithm};

/// The text with no line longer than this, but for words that are longer themselves. What follows in the next line
/// stands below the column in which the text of the line begins, be it behind spaces, a time or a name.
#[must_use]
pub fn wrap(text: &str, columns: usize) -> String {
    text.split_inclusive('\n').map(|line| wrap_line(line, columns)).collect()
}

fn wrap_line(line: &str, columns: usize) -> String {
    let (line, end) = line.strip_suffix('\n').map_or((line, ""), |line| (line, "\n"));
    if display_width(line) <= columns {
        return format!("{line}{end}");
    }
    let indent = " ".repeat(hanging_indent(line, columns));
    let options = Options::new(columns)
        .subsequent_indent(&indent)
        .break_words(false)
        .word_splitter(WordSplitter::NoHyphenation)
        .word_separator(WordSeparator::AsciiSpace)
        .wrap_algorithm(WrapAlgorithm::FirstFit);
    textwrap::wrap(line, options).join("\n") + end
}

/// The column behind the first gap of two spaces or more, if that leaves room enough, or else that of the first word.
fn hanging_indent(line: &str, columns: usize) -> usize {
    let first = line.len() - line.trim_start_matches(' ').len();
    let gap = line[first..].find("  ").map(|place| first + place);
    let column = gap.map(|gap| {
        let rest = line[gap..].trim_start_matches(' ');
        display_width(&line[..line.len() - rest.len()])
    });
    let fitting = [column, Some(first)].into_iter().flatten().find(|column| *column <= columns / 2);
    fitting.unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_break_between_words_and_go_on_below_their_text() {
        for (text, expected) in [
            ("short\n", "short\n"),
            ("one two three four\n", "one two\nthree four\n"),
            ("a  one two three\n", "a  one two\n   three\n"),
            ("  one two three\nx", "  one two\n  three\nx"),
            ("\x1b[2ma\x1b[0m  one two three\n", "\x1b[2ma\x1b[0m  one two\n   three\n"),
            ("0123456789abcdef is\n", "0123456789abcdef\nis\n"),
            ("投票所 投票所 a\n", "投票所\n投票所 a\n"),
        ] {
            assert_eq!(wrap(text, 10), expected, "{text:?}");
        }
    }
}
