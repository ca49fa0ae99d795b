//! The arguments of the commands that ask something of a running peer.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::command::{CommandName, TypedCommand};
use super::format::AnswerFormat;
use super::key::PassphraseOptions;
use keys::SecretSource;
use keys::VoterName;

/// Which peer is asked, by what right, and how its answer looks.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct Connection {
    /// The peer, as http://HOST:PORT; the one that runs on the data directory unless told
    #[arg(long, value_name = "URL", env = "OSTRAKON_SERVER", hide_env_values = true)]
    pub server: Option<String>,

    /// Where voter.key, api.token and api.url lie; the only one where peers keep them unless told
    #[arg(long, value_name = "DIR", env = "OSTRAKON_DATA_DIR", hide_env_values = true)]
    pub data_dir: Option<PathBuf>,

    /// The peer's token, if it is not the data directory's api.token
    #[arg(long, value_name = "FILE", env = "OSTRAKON_TOKEN_FILE", hide_env_values = true)]
    pub token_file: Option<PathBuf>,

    #[command(flatten)]
    pub format: AnswerFormat,
}

/// One question or order to a running peer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientRequest {
    pub task: ClientTask,
    pub connection: Connection,
    /// What opens the key that signs, if it is locked; it is asked for unless told.
    pub passphrase: Option<SecretSource>,
}

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClientTask {
    /// What could be typed at the prompt as well.
    Command(TypedCommand),
    /// The proof that a block holds the vote of an own voter, into a file.
    Receipt { voter: Option<VoterName>, file: PathBuf },
    /// What registrars signed, from this file.
    Post(PathBuf),
    /// The admission of an own voter, from a file.
    Admission { voter: Option<VoterName>, file: PathBuf },
    /// The count, again whenever it may have changed.
    WatchResults,
    /// A link by which a browser logs in once.
    Login,
}

/// How the program is to use a running peer.
#[derive(Debug)]
pub(super) enum ClientMode {
    /// For one answer, or for the count whenever it changes.
    Ask(ClientRequest),
    /// All the time, on the whole terminal.
    Watch(Connection),
}

#[derive(Debug, Subcommand)]
pub(super) enum ClientCommand {
    /// Register your voter key with a running peer; the first vote does it by itself
    Register(RegisterArguments),
    /// Vote through a running peer, by numbers or names: `peer vote 'Ada; Red, Blue'`; alone it asks
    Vote(VoteArguments),
    /// Show where your own vote stands, or write the proof that a block holds it
    Myvote(MyVoteArguments),
    /// Show the count on the best chain
    Results(ResultsArguments),
    /// Show the validators that broke the rules, and the proof of it
    Evidence(Connection),
    /// Show the newest blocks
    Chain(ChainArguments),
    /// Show a block and its transactions
    Block(BlockArguments),
    /// Show a running peer's neighbours
    Peers(Connection),
    /// Show a running peer's tip, pool, neighbours and tracker
    Status(Connection),
    /// Watch a running peer on the whole terminal: chain, count, pool, mining, neighbours and events
    Watch(Connection),
    /// Let a running laboratory make an experiment for a class
    #[command(subcommand)]
    Lab(LabCommand),
    /// Let a running peer mine one block now, even an empty one
    Mine(Connection),
    /// Let a running peer ask all neighbours for what it lacks
    Sync(Connection),
    /// Let a running peer take leave of the others, and wait until it has ended
    Leave(Connection),
    /// Print a link by which a browser logs in to a running peer, once and within a minute
    Login(Connection),
}

/// Which voter of the data directory it is about.
#[derive(Debug, Args)]
struct OwnVoter {
    /// The voter of this name, whose key is voters/NAME.key in the data directory, instead of voter.key
    #[arg(long, value_name = "NAME")]
    voter: Option<VoterName>,
}

#[derive(Debug, Args)]
pub(super) struct RegisterArguments {
    /// Where registrars admit: their file with your key in it, of which yours alone is handed in
    #[arg(long, value_name = "FILE")]
    admission: Option<PathBuf>,

    #[command(flatten)]
    own: OwnVoter,

    #[command(flatten)]
    passphrase: PassphraseOptions,

    #[command(flatten)]
    connection: Connection,
}

#[derive(Debug, Subcommand)]
pub(super) enum LabCommand {
    /// Cut the laboratory off from all others, or let it take part again
    Partition(PartitionArguments),
    /// Let the laboratory mine a block that breaks a rule, and send it to all neighbours
    BadBlock(BadBlockArguments),
    /// Let the laboratory mine a rival of the newest block, of the same height, and send it to all neighbours
    Race(Connection),
    /// Let the laboratory's validator sign a second block of one height, so that others have evidence against it
    SignTwice(Connection),
    /// Show the rules that `bad-block` can break
    Rules(Connection),
}

#[derive(Debug, Args)]
pub(super) struct PartitionArguments {
    /// Whether nothing crosses from now on
    #[arg(value_name = "on|off")]
    switch: String,

    #[command(flatten)]
    connection: Connection,
}

#[derive(Debug, Args)]
pub(super) struct BadBlockArguments {
    /// The rule to break: see `peer lab rules`
    rule: String,

    #[command(flatten)]
    connection: Connection,
}

#[derive(Debug, Args)]
pub(super) struct VoteArguments {
    /// Numbers or names; `;` stands between questions, `,` between choices
    #[arg(value_name = "CHOICES")]
    choices: Vec<String>,

    #[command(flatten)]
    own: OwnVoter,

    #[command(flatten)]
    passphrase: PassphraseOptions,

    #[command(flatten)]
    connection: Connection,
}

#[derive(Debug, Args)]
pub(super) struct MyVoteArguments {
    /// Write the proof that a block holds your vote into this new file
    #[arg(long, value_name = "FILE")]
    receipt: Option<PathBuf>,

    #[command(flatten)]
    own: OwnVoter,

    #[command(flatten)]
    connection: Connection,
}

#[derive(Debug, Args)]
pub(super) struct ResultsArguments {
    /// Show it again whenever it changes, until Ctrl-C or the peer's end
    #[arg(long)]
    watch: bool,

    /// Show the count at the final block alone, which can't change any more
    #[arg(long = "final", conflicts_with = "watch")]
    only_final: bool,

    #[command(flatten)]
    connection: Connection,
}

#[derive(Debug, Args)]
pub(super) struct ChainArguments {
    /// How many blocks, 20 unless told
    #[arg(value_name = "N")]
    limit: Option<String>,

    #[command(flatten)]
    connection: Connection,
}

#[derive(Debug, Args)]
pub(super) struct BlockArguments {
    /// Its height on the best chain, or its hash
    #[arg(value_name = "HEIGHT|HASH")]
    selector: String,

    #[command(flatten)]
    connection: Connection,
}

impl ClientCommand {
    /// What it asks of a running peer. Arguments are read later, by the code that reads the prompt's, so that mistakes
    /// read as they do there.
    pub(super) fn mode(self) -> ClientMode {
        let typed =
            |name, argument: &str| ClientTask::Command(TypedCommand::new(name, None, argument));
        let own = |name, own: OwnVoter, argument: &str| {
            ClientTask::Command(TypedCommand::new(name, own.voter, argument))
        };
        let mut passphrase = None;
        let (task, connection) = match self {
            Self::Register(RegisterArguments {
                admission: Some(file), own, connection, ..
            }) => (ClientTask::Admission { voter: own.voter, file }, connection),
            Self::Register(register) => {
                passphrase = register.passphrase.source();
                (own(CommandName::Register, register.own, ""), register.connection)
            }
            Self::Vote(vote) => {
                passphrase = vote.passphrase.source();
                (own(CommandName::Vote, vote.own, &vote.choices.join(" ")), vote.connection)
            }
            Self::Myvote(MyVoteArguments { receipt: Some(file), own, connection }) => {
                (ClientTask::Receipt { voter: own.voter, file }, connection)
            }
            Self::Myvote(MyVoteArguments { receipt: None, own: voter, connection }) => {
                (own(CommandName::MyVote, voter, ""), connection)
            }
            Self::Results(ResultsArguments { watch: true, connection, .. }) => {
                (ClientTask::WatchResults, connection)
            }
            Self::Results(ResultsArguments { watch: false, only_final, connection }) => {
                let argument = if only_final { "--final" } else { "" };
                (typed(CommandName::Results, argument), connection)
            }
            Self::Chain(chain) => {
                (typed(CommandName::Chain, &chain.limit.unwrap_or_default()), chain.connection)
            }
            Self::Block(block) => (typed(CommandName::Block, &block.selector), block.connection),
            Self::Peers(connection) => (typed(CommandName::Peers, ""), connection),
            Self::Status(connection) => (typed(CommandName::Status, ""), connection),
            Self::Evidence(connection) => (typed(CommandName::Evidence, ""), connection),
            Self::Watch(connection) => return ClientMode::Watch(connection),
            Self::Lab(LabCommand::Partition(task)) => {
                let experiment = format!("partition {}", task.switch);
                (typed(CommandName::Lab, &experiment), task.connection)
            }
            Self::Lab(LabCommand::BadBlock(task)) => {
                let experiment = format!("bad-block {}", task.rule);
                (typed(CommandName::Lab, &experiment), task.connection)
            }
            Self::Lab(LabCommand::Race(connection)) => {
                (typed(CommandName::Lab, "race"), connection)
            }
            Self::Lab(LabCommand::SignTwice(connection)) => {
                (typed(CommandName::Lab, "sign-twice"), connection)
            }
            Self::Lab(LabCommand::Rules(connection)) => {
                (typed(CommandName::Lab, "rules"), connection)
            }
            Self::Mine(connection) => (typed(CommandName::Mine, ""), connection),
            Self::Sync(connection) => (typed(CommandName::Sync, ""), connection),
            Self::Leave(connection) => (typed(CommandName::Leave, ""), connection),
            Self::Login(connection) => (ClientTask::Login, connection),
        };
        ClientMode::Ask(ClientRequest { task, connection, passphrase })
    }
}

impl ClientRequest {
    /// The ballot of a running peer.
    pub(super) fn ballot(connection: Connection) -> Self {
        let task = ClientTask::Command(TypedCommand::new(CommandName::Ballot, None, ""));
        Self { task, connection, passphrase: None }
    }
}
