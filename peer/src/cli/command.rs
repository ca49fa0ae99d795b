//! The commands that a running peer takes, at its prompt and as `peer NAME` on the command line: their names, what
//! `help` says of them, and how the words after a name are read.
//!
//! A line of the prompt is cut by hand into a [`TypedCommand`], because what follows `vote` is free text that no shell
//! has split or unquoted. On the command line clap makes the same [`TypedCommand`]. From there on both are read by
//! [`TypedCommand::read`], so that a command means the same, and a mistake reads the same, wherever it is typed.

mod name;

use std::path::PathBuf;

use protocol::units::{BlockHash, Height};

use super::input_error::InputError;
use super::laboratory::LabCommand;
use keys::VoterName;
pub(crate) use name::CommandName;
use node::{BlockSelector, CHAIN_LIMIT_MAX};

/// Blocks that `chain` shows unless told: what fits on a screen.
const CHAIN_LIMIT_DEFAULT: u32 = 20;

/// A command as it was typed, cut into its parts but not read yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TypedCommand {
    name: CommandName,
    /// The own voter that `--voter` names.
    voter: Option<VoterName>,
    /// All that stands after the name and the voter, without spaces around it.
    argument: String,
}

/// A command that was understood.
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
    Results {
        /// Whether it is the count at the final block alone.
        only_final: bool,
    },
    Evidence,
    Chain {
        limit: u32,
    },
    Block(BlockSelector),
    MyVote {
        voter: Option<VoterName>,
        /// The file that a receipt goes into.
        receipt: Option<PathBuf>,
    },
    Key {
        voter: Option<VoterName>,
    },
    Peers,
    Status,
    Mine,
    Sync,
    Lab(LabCommand),
    /// A transaction's encoding.
    Submit(Vec<u8>),
    Help(Option<CommandName>),
    Leave,
}

impl TypedCommand {
    /// A command whose parts were typed apart.
    pub(super) fn new(name: CommandName, voter: Option<VoterName>, argument: &str) -> Self {
        Self { name, voter, argument: argument.trim().to_owned() }
    }

    /// Cuts a line of the prompt; `None` for an empty one.
    ///
    /// # Errors
    /// When its first word is no command, or what follows `--voter` is no name.
    pub(crate) fn of_line(line: &str) -> Result<Option<Self>, InputError> {
        let line = line.trim();
        let word = first_word(line);
        if word.is_empty() {
            return Ok(None);
        }
        let name = CommandName::find(&word)?;
        let argument = line.split_once(char::is_whitespace).map_or("", |(_, rest)| rest.trim());
        if !name.takes_voter() {
            return Ok(Some(Self::new(name, None, argument)));
        }
        let expected = "a voter's name (a-z, 0-9, - and _) after --voter";
        let (voter, argument) =
            named_voter(argument).ok_or_else(|| wrong(name, argument, expected))?;
        Ok(Some(Self::new(name, voter, argument)))
    }

    /// The word by which it was called.
    pub(crate) fn word(&self) -> &'static str {
        self.name.word()
    }

    /// Reads what stands after the name.
    ///
    /// # Errors
    /// When the command takes no such argument.
    pub(crate) fn read(self) -> Result<PromptCommand, InputError> {
        let Self { name, voter, argument } = self;
        let argument = argument.as_str();
        let wrong = |expected| wrong(name, argument, expected);
        let alone = |command| match argument {
            "" => Ok(command),
            _ => Err(wrong("nothing after it")),
        };
        Ok(match name {
            CommandName::Ballot => alone(PromptCommand::Ballot)?,
            CommandName::Register => alone(PromptCommand::Register { voter })?,
            CommandName::Vote => {
                let choices = Some(argument.to_owned()).filter(|text| !text.is_empty());
                PromptCommand::Vote { voter, choices }
            }
            CommandName::Results => match argument {
                "" => PromptCommand::Results { only_final: false },
                "--final" => PromptCommand::Results { only_final: true },
                _ => return Err(wrong("--final, or nothing, after it")),
            },
            CommandName::Evidence => alone(PromptCommand::Evidence)?,
            CommandName::Chain => {
                let limit = limit(argument).ok_or_else(|| wrong("a number from 1 to 1000"))?;
                PromptCommand::Chain { limit }
            }
            CommandName::Block => PromptCommand::Block(
                selector(argument).ok_or_else(|| wrong("a height or a hash of 64 digits"))?,
            ),
            CommandName::MyVote => {
                let receipt = receipt_file(argument)
                    .ok_or_else(|| wrong("--receipt FILE, or nothing, after the voter"))?;
                PromptCommand::MyVote { voter, receipt }
            }
            CommandName::Key => alone(PromptCommand::Key { voter })?,
            CommandName::Peers => alone(PromptCommand::Peers)?,
            CommandName::Status => alone(PromptCommand::Status)?,
            CommandName::Mine => alone(PromptCommand::Mine)?,
            CommandName::Sync => alone(PromptCommand::Sync)?,
            CommandName::Lab => PromptCommand::Lab(
                LabCommand::parse(argument)?.ok_or_else(|| wrong("one of these experiments"))?,
            ),
            CommandName::Submit => match hex::decode(argument) {
                Ok(bytes) if !bytes.is_empty() => PromptCommand::Submit(bytes),
                Ok(_) | Err(_) => return Err(wrong("a transaction in hexadecimal digits")),
            },
            CommandName::Help if argument.is_empty() => PromptCommand::Help(None),
            CommandName::Help => {
                PromptCommand::Help(Some(CommandName::find(&argument.to_lowercase())?))
            }
            CommandName::Leave => alone(PromptCommand::Leave)?,
        })
    }
}

impl PromptCommand {
    /// The own voter that it is about, if one is named.
    pub(crate) fn voter(&self) -> Option<&VoterName> {
        let (Self::Register { voter }
        | Self::Vote { voter, .. }
        | Self::MyVote { voter, .. }
        | Self::Key { voter }) = self
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

/// Reads a line of the prompt; `None` for an empty one.
///
/// # Errors
/// When it is no command, or the command takes no such argument.
pub(crate) fn parse(line: &str) -> Result<Option<PromptCommand>, InputError> {
    TypedCommand::of_line(line)?.map(TypedCommand::read).transpose()
}

fn wrong(name: CommandName, found: &str, expected: &'static str) -> InputError {
    InputError::Argument { usage: name.help().usage, found: found.to_owned(), expected }
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
        for command in CommandName::ALL {
            let line = match command.word() {
                "block" => "block 3".to_owned(),
                "submit" => "submit 00ff".to_owned(),
                "lab" => "lab race".to_owned(),
                name => format!("  {name} "),
            };
            assert!(matches!(parse(&line), Ok(Some(_))), "{line}");
            let help = parse(&format!("help {}", command.word())).expect("help");
            assert_eq!(help, Some(PromptCommand::Help(Some(command))));
        }
        let read = |line: &str| parse(line).expect(line);
        assert_eq!(read("   "), None);
        let vote = PromptCommand::Vote { voter: None, choices: Some("Ada; Red,  Blue".into()) };
        assert_eq!(read("VOTE   Ada; Red,  Blue "), Some(vote));
        for (line, only_final) in [("results", false), ("results  --final ", true)] {
            assert_eq!(read(line), Some(PromptCommand::Results { only_final }));
        }
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
        let key = PromptCommand::Key { voter: named.clone() };
        assert_eq!(read("key --voter ada-2"), Some(key));
        for line in ["leave", "exit", "quit", " QUIT "] {
            assert_eq!(read(line), Some(PromptCommand::Leave), "{line}");
        }
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
            ("bye", "there is no command \"bye\": did you mean `leave`?"),
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
