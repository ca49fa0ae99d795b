//! What the command line and the environment say.

use std::path::PathBuf;

use clap::{Parser, ValueEnum};
use protocol::address::AddressText;

/// Ostrakon's tracker: introduces the peers of one election to each other and serves its ballot.
#[derive(Debug, Parser)]
#[command(name = "tracker", version)]
pub(crate) struct Arguments {
    /// Where to listen: a port of 127.0.0.1 (5000), or host:port (0.0.0.0:5000 for every network); port 0
    /// lets the system choose
    #[arg(value_name = "LISTEN", env = "OSTRAKON_LISTEN")]
    pub(crate) listen: AddressText,

    /// The election
    #[arg(long, value_name = "FILE", env = "OSTRAKON_BALLOT", default_value = "ballot.toml")]
    pub(crate) ballot: PathBuf,

    /// How log lines on stderr look; RUST_LOG says which there are (info, tracker=debug)
    #[arg(long, value_name = "FORMAT", env = "OSTRAKON_LOG_FORMAT", default_value = "text")]
    pub(crate) log_format: LogFormat,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum LogFormat {
    Text,
    Json,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn a_port_is_enough() {
        let arguments = Arguments::try_parse_from(["tracker", "5000"]).expect("a port");
        assert_eq!(arguments.listen, AddressText::Port(5_000));
        let error = Arguments::try_parse_from(["tracker", "somewhere"]).expect_err("no port");
        assert!(error.to_string().contains("write host:port"));
    }
}
