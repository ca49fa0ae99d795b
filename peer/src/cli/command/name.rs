//! The names of the commands, and what `help` says of them.

use crate::cli::input_error::InputError;
use crate::cli::suggest::suggest;
use crate::schema::CommandHelp;

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
    Evidence,
    Mine,
    Sync,
    Lab,
    Submit,
    Help,
    Leave,
}

impl CommandName {
    /// All commands, in the order in which `help` shows them.
    pub(crate) const ALL: [Self; 17] = [
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
        Self::Evidence,
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
            Self::Results => (
                "results",
                "results [--final]",
                "show the count on the best chain; --final shows what can't change any more alone",
            ),
            Self::Evidence => {
                ("evidence", "evidence", "show the validators that broke the rules, and the proof")
            }
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
                "lab partition on|off, lab bad-block RULE, lab race, lab sign-twice, lab rules",
                "on a laboratory: cut it off, send a block that breaks a rule, race, sign twice; show the rules",
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
    pub(super) fn takes_voter(self) -> bool {
        match self {
            Self::Register | Self::Vote | Self::MyVote | Self::Key => true,
            Self::Ballot
            | Self::Results
            | Self::Chain
            | Self::Block
            | Self::Peers
            | Self::Status
            | Self::Evidence
            | Self::Mine
            | Self::Sync
            | Self::Lab
            | Self::Submit
            | Self::Help
            | Self::Leave => false,
        }
    }

    /// The command of this name, in lower case.
    pub(super) fn find(word: &str) -> Result<Self, InputError> {
        if LEAVE_WORDS.contains(&word) {
            return Ok(Self::Leave);
        }
        let found = Self::ALL.into_iter().find(|command| command.word() == word);
        found.ok_or_else(|| unknown(word))
    }
}

// A command that is missing from the list could never be typed.
const _: () = assert!(CommandName::ALL.len() == CommandName::Leave as usize + 1);

fn unknown(word: &str) -> InputError {
    let suggestion = match word {
        "bye" | "q" => Some("leave"),
        word => suggest(word, CommandName::ALL.into_iter().map(CommandName::word)),
    };
    InputError::UnknownCommand { word: word.to_owned(), suggestion }
}
