//! Renders keys for people to read, and recovery phrases for people to write down.

use zeroize::Zeroizing;

use keys::KeyRole;

use crate::schema::KeyShown;

/// The number of words of a recovery phrase per line.
const WORDS_IN_LINE: usize = 6;

pub(super) fn human(key: &KeyShown) -> String {
    let passphrase = match key.passphrase {
        true => "yes",
        false if key.role == KeyRole::Voter.word() => {
            "none: whoever can read the file can vote with it"
        }
        false => "none: whoever can read the file can sign with it",
    };
    let whose = match key.role == KeyRole::Voter.word() {
        true => format!("voter:      {}\nvoter key:  {}\n", key.voter, key.voter_key_text),
        false => format!("role:       {}\nkey:        {}\n", key.role, key.voter_key_text),
    };
    format!("{whose}file:       {}\npassphrase: {passphrase}\n", key.file)
}

/// The words with their numbers, to be written on paper.
pub(crate) fn phrase(words: &str) -> Zeroizing<String> {
    // The capacity is enough for the whole text, because a text that grows leaves copies of the
    // secret behind.
    let mut text = Zeroizing::new(String::with_capacity(2 * words.len() + 1_024));
    text.push_str(
        "Recovery phrase: these 24 words are the key. Write them down and keep them to yourself: whoever has them\n\
         can vote with them, and they are not shown again. `peer key import --phrase` takes them.\n\n",
    );
    for (index, word) in words.split(' ').enumerate() {
        let number = (index + 1).to_string();
        text.push_str(&"   "[number.len()..]);
        text.push_str(&number);
        text.push(' ');
        text.push_str(word);
        let is_last = (index + 1) % WORDS_IN_LINE == 0;
        text.push_str(if is_last { "\n" } else { &"         "[word.len().min(8)..] });
    }
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_phrase_stands_in_four_lines() {
        let words = ["abandon"; 24].join(" ");
        let text = phrase(&words);
        let lines: Vec<_> = text.lines().filter(|line| line.contains("abandon")).collect();
        assert_eq!(lines.len(), 4, "{}", text.as_str());
        assert_eq!(lines[3].split_whitespace().nth(10), Some("24"));
        let capacity = text.capacity();
        assert!(capacity >= text.len() && capacity == 2 * words.len() + 1_024, "it grew");
    }
}
