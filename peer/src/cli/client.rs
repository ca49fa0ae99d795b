//! What can be asked of a running peer from the command line.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::AnswerFormat;
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
    pub wish: Wish,
    pub connection: Connection,
    /// What opens the key that signs, if it is locked; it is asked for unless told.
    pub passphrase: Option<SecretSource>,
}

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wish {
    /// A line as it could be typed at the prompt.
    Line(String),
    /// The proof that a block holds the vote of an own voter, into a file.
    Receipt { voter: Option<VoterName>, file: PathBuf },
    /// What registrars signed, from this file.
    Post(PathBuf),
    /// The admission of an own voter, from a file.
    Admission { voter: Option<VoterName>, file: PathBuf },
    /// The count, again whenever it may have changed.
    WatchResults,
    /// All of the peer on the terminal, as it changes.
    Watch,
    /// A link by which a browser logs in once.
    Login,
}

#[derive(Debug, Subcommand)]
pub(super) enum ClientTask {
    /// Register your voter key with a running peer; the first vote does it by itself
    Register(RegisterTask),
    /// Vote through a running peer, by numbers or names: `peer vote 'Ada; Red, Blue'`; alone it asks
    Vote(VoteTask),
    /// Show where your own vote stands, or write the proof that a block holds it
    Myvote(MyVoteTask),
    /// Show the count on the best chain
    Results(ResultsTask),
    /// Show the newest blocks
    Chain(ChainTask),
    /// Show a block and its transactions
    Block(BlockTask),
    /// Show a running peer's neighbours
    Peers(Connection),
    /// Show a running peer's tip, pool, neighbours and tracker
    Status(Connection),
    /// Watch a running peer on the whole terminal: chain, count, pool, mining, neighbours and events
    Watch(Connection),
    /// Let a running laboratory make an experiment for a class
    #[command(subcommand)]
    Lab(LabTask),
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
pub(super) struct RegisterTask {
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
pub(super) enum LabTask {
    /// Cut the laboratory off from all others, or let it take part again
    Partition(PartitionTask),
    /// Let the laboratory mine a block that breaks a rule, and send it to all neighbours
    BadBlock(BadBlockTask),
    /// Let the laboratory mine a rival of the newest block, of the same height, and send it to all neighbours
    Race(Connection),
    /// Show the rules that `bad-block` can break
    Rules(Connection),
}

#[derive(Debug, Args)]
pub(super) struct PartitionTask {
    /// Whether nothing crosses from now on
    #[arg(value_name = "on|off")]
    switch: String,

    #[command(flatten)]
    connection: Connection,
}

#[derive(Debug, Args)]
pub(super) struct BadBlockTask {
    /// The rule to break: see `peer lab rules`
    rule: String,

    #[command(flatten)]
    connection: Connection,
}

#[derive(Debug, Args)]
pub(super) struct VoteTask {
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
pub(super) struct MyVoteTask {
    /// Write the proof that a block holds your vote into this new file
    #[arg(long, value_name = "FILE")]
    receipt: Option<PathBuf>,

    #[command(flatten)]
    own: OwnVoter,

    #[command(flatten)]
    connection: Connection,
}

#[derive(Debug, Args)]
pub(super) struct ResultsTask {
    /// Show it again whenever it changes, until Ctrl-C or the peer's end
    #[arg(long)]
    watch: bool,

    #[command(flatten)]
    connection: Connection,
}

#[derive(Debug, Args)]
pub(super) struct ChainTask {
    /// How many blocks, 20 unless told
    #[arg(value_name = "N")]
    limit: Option<String>,

    #[command(flatten)]
    connection: Connection,
}

#[derive(Debug, Args)]
pub(super) struct BlockTask {
    /// Its height on the best chain, or its hash
    #[arg(value_name = "HEIGHT|HASH")]
    selector: String,

    #[command(flatten)]
    connection: Connection,
}

impl ClientTask {
    /// The words are joined into the prompt's line, so that mistakes read as they do there.
    pub(super) fn request(self) -> ClientRequest {
        let line = |words: &str| Wish::Line(words.to_owned());
        let mut passphrase = None;
        let (wish, connection) = match self {
            Self::Register(RegisterTask { admission: Some(file), own, connection, .. }) => {
                (Wish::Admission { voter: own.voter, file }, connection)
            }
            Self::Register(register) => {
                passphrase = register.passphrase.source();
                (Wish::Line(format!("register{}", register.own.words())), register.connection)
            }
            Self::Vote(vote) => {
                passphrase = vote.passphrase.source();
                let words = vote.own.words();
                let line = format!("vote{words} {}", vote.choices.join(" "));
                (Wish::Line(line), vote.connection)
            }
            Self::Myvote(MyVoteTask { receipt: Some(file), own, connection }) => {
                (Wish::Receipt { voter: own.voter, file }, connection)
            }
            Self::Myvote(MyVoteTask { receipt: None, own, connection }) => {
                (Wish::Line(format!("myvote{}", own.words())), connection)
            }
            Self::Results(ResultsTask { watch: true, connection }) => {
                (Wish::WatchResults, connection)
            }
            Self::Results(ResultsTask { watch: false, connection }) => {
                (line("results"), connection)
            }
            Self::Chain(chain) => {
                (line(&format!("chain {}", chain.limit.unwrap_or_default())), chain.connection)
            }
            Self::Block(block) => (line(&format!("block {}", block.selector)), block.connection),
            Self::Peers(connection) => (line("peers"), connection),
            Self::Status(connection) => (line("status"), connection),
            Self::Watch(connection) => (Wish::Watch, connection),
            Self::Lab(LabTask::Partition(task)) => {
                (line(&format!("lab partition {}", task.switch)), task.connection)
            }
            Self::Lab(LabTask::BadBlock(task)) => {
                (line(&format!("lab bad-block {}", task.rule)), task.connection)
            }
            Self::Lab(LabTask::Race(connection)) => (line("lab race"), connection),
            Self::Lab(LabTask::Rules(connection)) => (line("lab rules"), connection),
            Self::Mine(connection) => (line("mine"), connection),
            Self::Sync(connection) => (line("sync"), connection),
            Self::Leave(connection) => (line("leave"), connection),
            Self::Login(connection) => (Wish::Login, connection),
        };
        ClientRequest { wish, connection, passphrase }
    }
}

impl OwnVoter {
    /// As the prompt's line names it.
    fn words(&self) -> String {
        self.voter.as_ref().map_or_else(String::new, |name| format!(" --voter {name}"))
    }
}

impl ClientRequest {
    /// The ballot of a running peer.
    pub(super) fn ballot(connection: Connection) -> Self {
        Self { wish: Wish::Line("ballot".to_owned()), connection, passphrase: None }
    }
}
