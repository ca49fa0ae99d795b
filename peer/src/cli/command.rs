//! The commands that a running peer takes, at its prompt and as `peer NAME` on the command line: their names, what
//! `help` says of them, and how the words after a name are read.
//!
//! A line of the prompt is cut by hand into a [`TypedCommand`], because what follows `vote` is free text that no shell
//! has split or unquoted. On the command line clap makes the same [`TypedCommand`]. From there on both are read by
//! [`TypedCommand::read`], so that a command means the same, and a mistake reads the same, wherever it is typed.

use std::path::PathBuf;

use protocol::units::{BlockHash, Height};

use super::input_error::InputError;
use super::laboratory::LabCommand;
use super::suggest::suggest;
use crate::schema::CommandHelp;
use keys::VoterName;
use node::{BlockSelector, CHAIN_LIMIT_MAX};

/// Blocks that `chain` shows unless told: what fits on a screen.
const CHAIN_LIMIT_DEFAULT: u32 = 20;

/// Other words for `leave`, which people know from other programs.
const LEAVE_WORDS: [&str; 2] = ["exit", "quit"];

/// Which command was typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CommandName {
    Ballot,
    Register,
    Vote,
    Results,
    Chain,
    Block,
    MyVote,
    Key,
    Peers,
    Status,
    Mine,
    Sync,
    Lab,
    Submit,
    Help,
    Leave,
}

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

impl CommandName {
    /// All commands, in the order in which `help` shows them.
    pub(crate) const ALL: [Self; 16] = [
        Self::Ballot,
        Self::Register,
        Self::Vote,
        Self::Results,
        Self::Chain,
        Self::Block,
        Self::MyVote,
        Self::Key,
        Self::Peers,
        Self::Status,
        Self::Mine,
        Self::Sync,
        Self::Lab,
        Self::Submit,
        Self::Help,
        Self::Leave,
    ];

    /// What `help` says of the command.
    pub(crate) const fn help(self) -> CommandHelp {
        let (name, usage, about) = match self {
            Self::Ballot => ("ballot", "ballot", "show the questions and their options"),
            Self::Register => (
                "register",
                "register [--voter NAME]",
                "register your voter key, or that of voters/NAME.key; the first vote does it by itself",
            ),
            Self::Vote => (
                "vote",
                "vote [--voter NAME] [CHOICES]",
                "vote by numbers or names, `-` for none: `vote 2`, `vote Ada; Red, Blue`, `vote Ada; -`; alone it asks",
            ),
            Self::Results => ("results", "results", "show the count on the best chain"),
            Self::Chain => ("chain", "chain [N]", "show the newest N blocks, 20 unless told"),
            Self::Block => ("block", "block HEIGHT|HASH", "show a block and its transactions"),
            Self::MyVote => (
                "myvote",
                "myvote [--voter NAME] [--receipt FILE]",
                "show where your own vote stands; --receipt writes the proof that a block holds it",
            ),
            Self::Key => (
                "key",
                "key [--voter NAME]",
                "show your public key, which registrars admit, and where the secret one lies",
            ),
            Self::Peers => ("peers", "peers", "show the neighbours"),
            Self::Status => {
                ("status", "status", "show this peer's tip, pool, neighbours and tracker")
            }
            Self::Mine => ("mine", "mine", "mine one block now, even an empty one"),
            Self::Sync => ("sync", "sync", "ask all neighbours for what this peer lacks"),
            Self::Lab => (
                "lab",
                "lab partition on|off, lab bad-block RULE, lab race, lab rules",
                "on a laboratory: cut it off, send a block that breaks a rule, race; show the rules",
            ),
            Self::Submit => {
                ("submit", "submit HEX", "submit a transaction that was signed elsewhere")
            }
            Self::Help => ("help", "help [COMMAND]", "show the commands, or one of them"),
            Self::Leave => (
                "leave",
                "leave",
                "take leave of the others and end; `exit` and `quit` do the same",
            ),
        };
        CommandHelp { name, usage, about }
    }

    /// The word by which it is called.
    pub(crate) const fn word(self) -> &'static str {
        self.help().name
    }

    /// Whether it is about one of the voters of this machine, so that `--voter NAME` may follow it.
    fn takes_voter(self) -> bool {
        match self {
            Self::Register | Self::Vote | Self::MyVote | Self::Key => true,
            Self::Ballot
            | Self::Results
            | Self::Chain
            | Self::Block
            | Self::Peers
            | Self::Status
            | Self::Mine
            | Self::Sync
            | Self::Lab
            | Self::Submit
            | Self::Help
            | Self::Leave => false,
        }
    }

    /// The command of this name, in lower case.
    fn find(word: &str) -> Result<Self, InputError> {
        if LEAVE_WORDS.contains(&word) {
            return Ok(Self::Leave);
        }
        let found = Self::ALL.into_iter().find(|command| command.word() == word);
        found.ok_or_else(|| unknown(word))
    }
}

// A command that is missing from the list could never be typed.
const _: () = assert!(CommandName::ALL.len() == CommandName::Leave as usize + 1);

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
            CommandName::Results => alone(PromptCommand::Results)?,
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

fn unknown(word: &str) -> InputError {
    let suggestion = match word {
        "bye" | "q" => Some("leave"),
        word => suggest(word, CommandName::ALL.into_iter().map(CommandName::word)),
    };
    InputError::UnknownCommand { word: word.to_owned(), suggestion }
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
