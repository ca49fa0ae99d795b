//! From a typed line to a prompt command.

use std::path::PathBuf;

use protocol::units::{BlockHash, Height};

use super::{ActionError, LabCommand, suggest};
use crate::schema::CommandHelp;
use keys::VoterName;
use node::{BlockSelector, CHAIN_LIMIT_MAX};

/// Blocks that `chain` shows unless told: what fits on a screen.
const CHAIN_LIMIT_DEFAULT: u32 = 20;

/// Longest line that is read; a transaction in hexadecimal digits takes far less.
pub(crate) const LINE_BYTES_MAX: usize = 16 * 1024;

const fn help(name: &'static str, usage: &'static str, about: &'static str) -> CommandHelp {
    CommandHelp { name, usage, about }
}

/// All commands, in the order in which `help` shows them.
pub(crate) const COMMANDS: [CommandHelp; 15] = [
    help("ballot", "ballot", "show the questions and their options"),
    help(
        "register",
        "register [--voter NAME]",
        "register your voter key, or that of voters/NAME.key; the first vote does it by itself",
    ),
    help(
        "vote",
        "vote [--voter NAME] [CHOICES]",
        "vote by numbers or names: `vote 2`, `vote Ada`, `vote Ada; Red, Blue`; alone it asks",
    ),
    help("results", "results", "show the count on the best chain"),
    help("chain", "chain [N]", "show the newest N blocks, 20 unless told"),
    help("block", "block HEIGHT|HASH", "show a block and its transactions"),
    help(
        "myvote",
        "myvote [--voter NAME] [--receipt FILE]",
        "show where your own vote stands; --receipt writes the proof that a block holds it",
    ),
    help("peers", "peers", "show the neighbours"),
    help("status", "status", "show this peer's tip, pool, neighbours and tracker"),
    help("mine", "mine", "mine one block now, even an empty one"),
    help("sync", "sync", "ask all neighbours for what this peer lacks"),
    help(
        "lab",
        "lab partition on|off, lab bad-block RULE, lab race, lab rules",
        "on a laboratory: cut it off, send a block that breaks a rule, race; show the rules",
    ),
    help("submit", "submit HEX", "submit a transaction that was signed elsewhere"),
    help("help", "help [COMMAND]", "show the commands, or one of them"),
    help("leave", "leave", "take leave of the others and end"),
];

/// What was typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum PromptCommand {
    Ballot,
    Register {
        voter: Option<VoterName>,
    },
    Vote {
        voter: Option<VoterName>,
        /// The text after `vote`; `None` asks question by question.
        choices: Option<String>,
    },
    Results,
    Chain {
        limit: u32,
    },
    Block(BlockSelector),
    MyVote {
        voter: Option<VoterName>,
        /// The file that a receipt goes into.
        receipt: Option<PathBuf>,
    },
    Peers,
    Status,
    Mine,
    Sync,
    Lab(LabCommand),
    /// A transaction's encoding.
    Submit(Vec<u8>),
    Help(Option<CommandHelp>),
    Leave,
}

impl PromptCommand {
    /// The own voter that it is about, if one is named.
    pub(crate) fn voter(&self) -> Option<&VoterName> {
        let (Self::Register { voter } | Self::Vote { voter, .. } | Self::MyVote { voter, .. }) =
            self
        else {
            return None;
        };
        voter.as_ref()
    }

    /// Whether it signs something, which may take a passphrase.
    pub(crate) fn signs(&self) -> bool {
        matches!(self, Self::Register { .. } | Self::Vote { .. })
    }
}

/// The first word of a line, as the answer's name.
pub(crate) fn first_word(line: &str) -> String {
    line.split_whitespace().next().unwrap_or_default().to_lowercase()
}

/// Reads a line; `None` for an empty one.
///
/// # Errors
/// When it is no command, or the command takes no such argument.
pub(crate) fn parse(line: &str) -> Result<Option<PromptCommand>, ActionError> {
    let line = line.trim();
    let word = first_word(line);
    if word.is_empty() {
        return Ok(None);
    }
    let Some(command) = COMMANDS.iter().find(|command| command.name == word) else {
        return Err(unknown(word));
    };
    let argument = line.split_once(char::is_whitespace).map_or("", |(_, rest)| rest.trim());
    let (voter, argument) = match command.name {
        "register" | "vote" | "myvote" => named_voter(argument).ok_or(ActionError::Argument {
            usage: command.usage,
            found: argument.to_owned(),
            expected: "a voter's name (a-z, 0-9, - and _) after --voter",
        })?,
        _ => (None, argument),
    };
    let wrong = |expected: &'static str| ActionError::Argument {
        usage: command.usage,
        found: argument.to_owned(),
        expected,
    };
    let alone = |parsed: PromptCommand| match argument {
        "" => Ok(parsed),
        _ => Err(wrong("nothing after it")),
    };
    let parsed = match command.name {
        "ballot" => alone(PromptCommand::Ballot)?,
        "register" => alone(PromptCommand::Register { voter })?,
        "vote" => {
            let choices = Some(argument.to_owned()).filter(|text| !text.is_empty());
            PromptCommand::Vote { voter, choices }
        }
        "results" => alone(PromptCommand::Results)?,
        "chain" => PromptCommand::Chain {
            limit: limit(argument).ok_or_else(|| wrong("a number from 1 to 1000"))?,
        },
        "block" => PromptCommand::Block(
            selector(argument).ok_or_else(|| wrong("a height or a hash of 64 digits"))?,
        ),
        "myvote" => PromptCommand::MyVote {
            voter,
            receipt: receipt_file(argument)
                .ok_or_else(|| wrong("--receipt FILE, or nothing, after the voter"))?,
        },
        "peers" => alone(PromptCommand::Peers)?,
        "status" => alone(PromptCommand::Status)?,
        "mine" => alone(PromptCommand::Mine)?,
        "sync" => alone(PromptCommand::Sync)?,
        "lab" => PromptCommand::Lab(
            LabCommand::parse(argument)?.ok_or_else(|| wrong("one of these experiments"))?,
        ),
        "submit" => match hex::decode(argument) {
            Ok(bytes) if !bytes.is_empty() => PromptCommand::Submit(bytes),
            _ => return Err(wrong("a transaction in hexadecimal digits")),
        },
        "help" if argument.is_empty() => PromptCommand::Help(None),
        "help" => {
            let wanted = argument.to_lowercase();
            let found = COMMANDS.iter().find(|command| command.name == wanted);
            PromptCommand::Help(Some(*found.ok_or_else(|| unknown(wanted))?))
        }
        _ => alone(PromptCommand::Leave)?,
    };
    Ok(Some(parsed))
}

fn unknown(word: String) -> ActionError {
    let suggestion = match word.as_str() {
        "quit" | "exit" | "bye" => Some("leave"),
        word => suggest(word, COMMANDS.iter().map(|command| command.name)),
    };
    ActionError::UnknownCommand { word, suggestion }
}

fn limit(argument: &str) -> Option<u32> {
    match argument {
        "" => Some(CHAIN_LIMIT_DEFAULT),
        text => text.parse().ok().filter(|limit| (1..=CHAIN_LIMIT_MAX).contains(limit)),
    }
}

/// The voter that `--voter NAME` names at the beginning, and what follows; `None` if that is no name.
fn named_voter(argument: &str) -> Option<(Option<VoterName>, &str)> {
    let after = argument.strip_prefix("--voter");
    let Some(after) = after.filter(|rest| rest.is_empty() || rest.starts_with([' ', '=', '\t']))
    else {
        return Some((None, argument));
    };
    let after = after.get(1..)?.trim_start();
    let (name, rest) = after.split_once(char::is_whitespace).unwrap_or((after, ""));
    Some((Some(name.parse().ok()?), rest.trim_start()))
}

fn receipt_file(argument: &str) -> Option<Option<PathBuf>> {
    if argument.is_empty() {
        return Some(None);
    }
    let file = argument.strip_prefix("--receipt")?;
    let file = file.strip_prefix([' ', '=', '\t'])?.trim();
    (!file.is_empty()).then(|| Some(PathBuf::from(file)))
}

fn selector(argument: &str) -> Option<BlockSelector> {
    if let Ok(hash) = argument.parse::<BlockHash>() {
        return Some(BlockSelector::Hash(hash));
    }
    let height = argument.parse().ok()?;
    Some(BlockSelector::Height(Height(height)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_of_the_list_is_read() {
        for command in COMMANDS {
            let line = match command.name {
                "block" => "block 3".to_owned(),
                "submit" => "submit 00ff".to_owned(),
                "lab" => "lab race".to_owned(),
                name => format!("  {name} "),
            };
            assert!(matches!(parse(&line), Ok(Some(_))), "{line}");
            let help = parse(&format!("help {}", command.name)).expect("help");
            assert_eq!(help, Some(PromptCommand::Help(Some(command))));
        }
        let read = |line: &str| parse(line).expect(line);
        assert_eq!(read("   "), None);
        let vote = PromptCommand::Vote { voter: None, choices: Some("Ada; Red,  Blue".into()) };
        assert_eq!(read("VOTE   Ada; Red,  Blue "), Some(vote));
        assert_eq!(read("chain 1000"), Some(PromptCommand::Chain { limit: 1_000 }));
        let voter: VoterName = "ada-2".parse().expect("a name");
        let named = Some(voter.clone());
        for line in ["vote --voter ada-2 Ada; Red", "vote --voter=ada-2   Ada; Red "] {
            let choices = Some("Ada; Red".into());
            assert_eq!(read(line), Some(PromptCommand::Vote { voter: named.clone(), choices }));
        }
        let asked = PromptCommand::Vote { voter: named.clone(), choices: None };
        assert_eq!(read("vote --voter ada-2"), Some(asked));
        let register = PromptCommand::Register { voter: named.clone() };
        assert_eq!(read("register --voter ada-2"), Some(register));
        let receipt = Some("a.json".into());
        let mine = PromptCommand::MyVote { voter: named, receipt };
        assert_eq!(read("myvote --voter ada-2 --receipt a.json"), Some(mine));
        let receipt =
            PromptCommand::MyVote { voter: None, receipt: Some("my receipt.json".into()) };
        assert_eq!(read("myvote --receipt my receipt.json"), Some(receipt));
        let hash = "ab".repeat(32);
        let block = PromptCommand::Block(BlockSelector::Hash(BlockHash([0xab; 32])));
        assert_eq!(read(&format!("block {hash}")), Some(block));
    }

    #[test]
    fn slips_are_answered_in_one_line_with_the_mend() {
        for (line, message) in [
            ("resluts", "there is no command \"resluts\": did you mean `results`?"),
            ("quit", "there is no command \"quit\": did you mean `leave`?"),
            ("frobnicate", "there is no command \"frobnicate\": see `help`"),
            ("help frobnicate", "there is no command \"frobnicate\": see `help`"),
            ("status 5", "`status` takes nothing after it, and here is \"5\""),
            (
                "block",
                "`block HEIGHT|HASH` takes a height or a hash of 64 digits, and here is \"\"",
            ),
            (
                "myvote --receipt",
                "`myvote [--voter NAME] [--receipt FILE]` takes --receipt FILE, or nothing, after the voter, and here is \"--receipt\"",
            ),
            (
                "vote --voter ../ada 1",
                "`vote [--voter NAME] [CHOICES]` takes a voter's name (a-z, 0-9, - and _) after --voter, and here is \"--voter ../ada 1\"",
            ),
            ("chain 0", "`chain [N]` takes a number from 1 to 1000, and here is \"0\""),
            (
                "submit xyz",
                "`submit HEX` takes a transaction in hexadecimal digits, and here is \"xyz\"",
            ),
        ] {
            assert_eq!(parse(line).expect_err(line).to_string(), message);
        }
    }
}
