//! All arguments and options of the program `peer`, and how the settings of a peer follow from
//! them.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::builder::FalseyValueParser;
use clap::parser::ValueSource;
use clap::{ArgMatches, Args, FromArgMatches, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use host::http::{HostName, Origin};
use host::variables::List;
use protocol::address::AddressText;
use protocol::peer_name::PeerName;
use protocol::units::ElectionId;

use super::ballot::{BallotCommand, Calibrate};
use super::client::ClientCommand;
use super::key::{KeyTask, PassphraseOptions};
use super::offline::{AuditChain, CheckEvidence, ExportChain, ImportChain, VerifyReceipt};
use super::registrar::RegistrarCommand;
use super::sign::SignTask;
use super::usage_error::UsageError;
use super::validator::{ValidatorOptions, ValidatorTask};
use crate::config::{ApiListen, ApiSettings, Mining, MulticastSetting, Settings};
use node::{NEIGHBOURS_BY_HAND_MAX, Role, TRACKERS_MAX};

const USAGE: &str = "peer [OPTIONS] [TRACKER] LISTEN
       peer register|vote|myvote|results [OPTIONS]
       peer chain|block|peers|status|watch [OPTIONS]
       peer mine|sync|leave|login [OPTIONS]
       peer ballot new|check|show [OPTIONS]
       peer calibrate [--peers N]
       peer registrar init|admit|withdraw|show|post [OPTIONS]
       peer validator init [OPTIONS]
       peer key new|show|export|import|passwd [OPTIONS]
       peer sign vote CHOICES|register [OPTIONS]
       peer lab partition|bad-block|race|rules [OPTIONS]
       peer export FILE [OPTIONS]
       peer audit FILE|DATA-DIR [--json]
       peer import FILE --data-dir DIR
       peer verify-receipt FILE [ARCHIVE|DATA-DIR]
       peer check-evidence FILE --ballot FILE
       peer completions SHELL
       peer man [DIR]";

const AFTER_HELP: &str = "\
An address is a port (6001, of 127.0.0.1) or host:port (example.org:5000, 0.0.0.0:6001, [::1]:6001).
With one address the peer listens there without a tracker, on the election of ./ballot.toml.
Once it runs, `help` shows its commands; `peer status` and the like ask it from elsewhere. RUST_LOG says which log lines appear on stderr (warn).";

/// Ostrakon's peer: keeps the chain of votes, checks it, mines, and counts.
#[derive(Debug, Parser)]
#[command(name = "peer", version, override_usage = USAGE, after_help = AFTER_HELP)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct Arguments {
    #[command(subcommand)]
    pub(super) task: Option<Task>,

    /// The tracker to register with, or several of them (5000,backup.example:5000), and where to listen; LISTEN 0 lets
    /// the system choose a port
    #[arg(value_name = "ADDRESS", num_args = 0..=2, hide_possible_values = true)]
    addresses: Vec<List<AddressText>>,

    /// The tracker or trackers, if they are not the first of two addresses
    #[arg(long, value_name = "ADDRESS", env = "OSTRAKON_TRACKER", hide_env_values = true)]
    tracker: Vec<List<AddressText>>,

    /// Where to listen, if it is not the last address
    #[arg(long, value_name = "ADDRESS", env = "OSTRAKON_LISTEN", hide_env_values = true)]
    listen: Option<AddressText>,

    /// The election, as a file; a tracker that serves another one is refused
    #[arg(long, value_name = "FILE", env = "OSTRAKON_BALLOT", hide_env_values = true)]
    ballot: Option<PathBuf>,

    /// The election, as its 64 digits; a tracker that serves another one is refused
    #[arg(long, value_name = "ID", env = "OSTRAKON_ELECTION", hide_env_values = true)]
    election: Option<ElectionId>,

    /// Where the key, the chain and the pool are kept, instead of a directory by election and port
    #[arg(long, value_name = "DIR", env = "OSTRAKON_DATA_DIR", hide_env_values = true)]
    data_dir: Option<PathBuf>,

    #[command(flatten)]
    passphrase: PassphraseOptions,

    #[command(flatten)]
    validator: ValidatorOptions,

    /// What others see beside this peer's address, in at most 32 bytes: "Ada's laptop". It proves nothing
    #[arg(long, value_name = "NAME", env = "OSTRAKON_NAME", hide_env_values = true)]
    name: Option<PeerName>,

    /// Another peer to exchange datagrams with; may stand several times
    #[arg(long, value_name = "ADDRESS", env = "OSTRAKON_NEIGHBOUR", hide_env_values = true)]
    neighbour: Vec<List<AddressText>>,

    /// Meet peers of the election on the local network, by multicast, in this group (239.255.79.83:6487 unless told),
    /// or `off`; on unless told, where LISTEN is not of this machine alone
    #[arg(
        long,
        value_name = "GROUP",
        env = "OSTRAKON_MULTICAST",
        hide_env_values = true,
        num_args = 0..=1,
        default_missing_value = "on"
    )]
    multicast: Option<MulticastSetting>,

    /// Check all that is remembered again before starting: every signature of every block, and more
    #[arg(
        long,
        env = "OSTRAKON_VERIFY",
        hide_env_values = true,
        value_parser = FalseyValueParser::new()
    )]
    verify: bool,

    /// Answers and events as one JSON object a line
    #[arg(
        long,
        env = "OSTRAKON_JSON",
        hide_env_values = true,
        value_parser = FalseyValueParser::new()
    )]
    json: bool,

    /// Read no commands and run until a signal, as under systemd or in a container
    #[arg(
        long,
        env = "OSTRAKON_SERVICE",
        hide_env_values = true,
        value_parser = FalseyValueParser::new()
    )]
    service: bool,

    /// How log lines on stderr look
    #[arg(
        long,
        value_name = "FORMAT",
        env = "OSTRAKON_LOG_FORMAT",
        hide_env_values = true,
        default_value = "text"
    )]
    pub(super) log_format: LogFormat,

    /// Never search for blocks
    #[arg(
        long,
        env = "OSTRAKON_NO_MINING",
        hide_env_values = true,
        value_parser = FalseyValueParser::new()
    )]
    no_mining: bool,

    /// Threads that search for blocks; all cores but one, and at most 4, unless told
    #[arg(long, value_name = "N", env = "OSTRAKON_MINING_THREADS", hide_env_values = true)]
    mining_threads: Option<NonZeroUsize>,

    /// Keep, check, pass on and serve the chain, and neither vote nor mine; no voter's key is made or read
    #[arg(
        long,
        env = "OSTRAKON_OBSERVE",
        hide_env_values = true,
        value_parser = FalseyValueParser::new()
    )]
    observe: bool,

    /// Be a laboratory for teaching: `lab` cuts this peer off, races others, and sends blocks that break a rule
    #[arg(
        long,
        env = "OSTRAKON_LAB",
        hide_env_values = true,
        value_parser = FalseyValueParser::new()
    )]
    lab: bool,

    /// Where programs, browsers and the commands below reach this peer over HTTP, or `off`; on 127.0.0.1 and the
    /// port of LISTEN unless told. Whoever can reach it can read the chain, which is public
    #[arg(long, value_name = "ADDRESS|off", env = "OSTRAKON_API", hide_env_values = true)]
    api: Option<ApiListen>,

    /// Another name under which the API is reached, as of a proxy in front; may stand several times
    #[arg(long, value_name = "NAME[:PORT]", env = "OSTRAKON_API_HOST", hide_env_values = true)]
    api_host: Vec<List<HostName>>,

    /// Pages of this origin may read what the API shows to everybody; may stand several times
    #[arg(long, value_name = "ORIGIN", env = "OSTRAKON_API_CORS", hide_env_values = true)]
    api_cors: Vec<List<Origin>>,

    /// Whether `--tracker` and `--listen` were typed, rather than set by a variable.
    #[arg(skip)]
    typed: Typed,
}

#[derive(Debug, Default, Clone, Copy)]
struct Typed {
    tracker: bool,
    listen: bool,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    Text,
    Json,
}

#[derive(Debug, Subcommand)]
pub(super) enum Task {
    /// Make, check or show what defines an election
    #[command(subcommand)]
    Ballot(BallotCommand),
    /// Make, show, move or lock secret keys
    #[command(subcommand)]
    Key(KeyTask),
    /// Sign a vote or a registration without a peer, for `submit` and `POST /v1/transactions`
    #[command(subcommand)]
    Sign(SignTask),
    #[command(flatten)]
    Client(ClientCommand),
    /// Admit voters to an election and withdraw them, as one of its registrars
    #[command(subcommand)]
    Registrar(RegistrarCommand),
    /// Make the key of a validator, whose signatures make blocks final
    #[command(subcommand)]
    Validator(ValidatorTask),
    /// Write the chain of an election, its votes, voters or results into a file
    Export(ExportChain),
    /// Check all of a chain and count it anew, trusting nobody; ends with code 0 only if all holds
    Audit(AuditChain),
    /// Begin a data directory with an archive, once all of it was checked
    Import(ImportChain),
    /// Say in one line whether the vote of a receipt is on the best chain, and how deep
    VerifyReceipt(VerifyReceipt),
    /// Say what two signed votes prove against a validator; the ballot is enough
    CheckEvidence(CheckEvidence),
    /// Measure this machine, and propose a difficulty and a block interval for a new ballot
    Calibrate(Calibrate),
    /// Print the script by which a shell completes this command line
    Completions(CompletionsCommand),
    /// Print the manual's main page, or write all pages into a directory
    Man(ManCommand),
}

/// Which shell is to complete.
#[derive(Debug, Args)]
pub(super) struct CompletionsCommand {
    /// The shell
    pub(super) shell: Shell,
}

/// Where man pages go.
#[derive(Debug, Args)]
pub(super) struct ManCommand {
    /// A directory for one page per command; the main page goes to stdout without it
    #[arg(value_name = "DIR")]
    pub(super) directory: Option<PathBuf>,

    /// Replace pages that are there
    #[arg(long, requires = "directory")]
    pub(super) force: bool,
}

impl Arguments {
    /// Reads what clap found, and remembers what was typed rather than set by a variable.
    pub(super) fn of_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let is_typed = |name| matches.value_source(name) == Some(ValueSource::CommandLine);
        let typed = Typed { tracker: is_typed("tracker"), listen: is_typed("listen") };
        Ok(Self { typed, ..Self::from_arg_matches(matches)? })
    }

    /// How the peer is to run, on a machine with so many cores.
    pub(super) fn settings(self, cores: usize) -> Result<Settings, UsageError> {
        let usage = |message: String| UsageError { message };
        let twice = |option: &str| {
            usage(format!("{option} says again what the addresses say: leave one of them out"))
        };
        let mut addresses = self.addresses.into_iter();
        let by_option = List::joined(self.tracker);
        let (trackers, listen) = match (addresses.next(), addresses.next()) {
            (Some(_), Some(_)) if self.typed.tracker => return Err(twice("--tracker")),
            (Some(_), Some(_)) if self.typed.listen => return Err(twice("--listen")),
            (Some(trackers), Some(listen)) => (trackers.0, Some(only(listen)?)),
            (Some(_), None) if self.typed.tracker && self.typed.listen => {
                return Err(twice("--listen"));
            }
            (Some(trackers), None) if self.typed.listen => (trackers.0, self.listen),
            (Some(listen), None) => (by_option, Some(only(listen)?)),
            (None, _) => (by_option, self.listen),
        };
        let trackers = different(trackers);
        if trackers.len() > TRACKERS_MAX {
            let found = trackers.len();
            return Err(usage(format!(
                "{found} trackers are too many: name at most {TRACKERS_MAX}"
            )));
        }
        let neighbours = different(List::joined(self.neighbour));
        if neighbours.len() > NEIGHBOURS_BY_HAND_MAX {
            let found = neighbours.len();
            return Err(usage(format!(
                "--neighbour stands {found} times: name at most {NEIGHBOURS_BY_HAND_MAX}, and they tell of others"
            )));
        }
        let listen = listen.ok_or_else(|| UsageError {
            message: "where to listen is missing: write `peer 5000 6001` (TRACKER and LISTEN), or see --help"
                .to_owned(),
        })?;
        let validator = self.validator.settings()?;
        if self.observe && validator.is_some() {
            let message = "--observe and --validator don't go together: an observer signs nothing";
            return Err(UsageError { message: message.to_owned() });
        }
        let role = match (self.observe, self.lab) {
            (true, true) => {
                let message = "--observe and --lab don't go together: an observer takes no part in experiments";
                return Err(UsageError { message: message.to_owned() });
            }
            (true, false) => Role::Observer,
            (false, true) => Role::Laboratory,
            (false, false) => Role::Ordinary,
        };
        let mining = match self.mining_threads {
            _ if self.no_mining || self.observe => Mining::Off,
            Some(threads) => Mining::Threads(threads.get()),
            None => Mining::on_cores(cores),
        };
        Ok(Settings {
            name: self.name,
            listen,
            trackers,
            neighbours,
            ballot: self.ballot,
            election: self.election,
            data_dir: self.data_dir,
            passphrase: self.passphrase.source(),
            validator,
            verify: self.verify,
            json: self.json,
            service: self.service,
            mining,
            role,
            multicast: self.multicast.unwrap_or_default(),
            api: ApiSettings {
                listen: self.api.unwrap_or_default(),
                hosts: List::joined(self.api_host),
                origins: List::joined(self.api_cors),
            },
        })
    }
}

/// The one address to listen on.
fn only(mut listen: List<AddressText>) -> Result<AddressText, UsageError> {
    match listen.0.len() {
        1 => Ok(listen.0.remove(0)),
        found => Err(UsageError {
            message: format!(
                "LISTEN is one address, and {found} stand there: several trackers stand before it (peer 5000,5001 6001)"
            ),
        }),
    }
}

/// Each address once.
fn different(addresses: Vec<AddressText>) -> Vec<AddressText> {
    let mut kept = Vec::with_capacity(addresses.len());
    for address in addresses {
        if !kept.contains(&address) {
            kept.push(address);
        }
    }
    kept
}
