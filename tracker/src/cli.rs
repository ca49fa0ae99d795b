//! The tracker's command line and environment variables.

use std::ffi::OsString;
use std::path::PathBuf;
use std::str::FromStr;

use clap::builder::{FalseyValueParser, TypedValueParser};
use clap::{CommandFactory, Parser, ValueEnum};
use host::http::HostName;
use host::variables::List;
use protocol::address::{AddressText, AddressTextError};

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

    /// Where the API listens (TCP): a port of 127.0.0.1 or host:port; off for none [default: 127.0.0.1 and the port
    /// of LISTEN]
    #[arg(long, value_name = "ADDR:PORT|off", env = "OSTRAKON_API")]
    pub(crate) api: Option<Api>,

    /// Further names under which the API is reached, as through a proxy; without a port, on that of the API or
    /// the usual one
    #[arg(long, value_name = "NAME[:PORT]", env = "OSTRAKON_API_HOST")]
    pub(crate) api_host: Vec<List<HostName>>,

    /// How log lines on stderr look; RUST_LOG says which there are (info, tracker=debug)
    #[arg(long, value_name = "FORMAT", env = "OSTRAKON_LOG_FORMAT", default_value = "text")]
    pub(crate) log_format: LogFormat,

    /// The line on stdout as a JSON object, and an error as one too
    #[arg(long, env = "OSTRAKON_JSON", value_parser = FalseyValueParser::new())]
    pub(crate) json: bool,
}

/// Whether a program reads what the tracker says, though its arguments may be wrong.
pub(crate) fn wants_json(mut arguments: impl Iterator<Item = OsString>) -> bool {
    let variable = std::env::var_os("OSTRAKON_JSON");
    let is_set = |value: OsString| {
        let parser = FalseyValueParser::new();
        parser.parse_ref(&Arguments::command(), None, &value).unwrap_or(false)
    };
    arguments.any(|argument| argument == "--json") || variable.is_some_and(is_set)
}

/// Whether and where the API listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Api {
    Off,
    At(AddressText),
}

impl From<LogFormat> for host::log::LogFormat {
    fn from(format: LogFormat) -> Self {
        match format {
            LogFormat::Text => Self::Text,
            LogFormat::Json => Self::Json,
        }
    }
}

impl FromStr for Api {
    type Err = AddressTextError;

    fn from_str(text: &str) -> Result<Self, AddressTextError> {
        if text == "off" { Ok(Self::Off) } else { text.parse().map(Self::At) }
    }
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum LogFormat {
    Text,
    Json,
}

#[cfg(test)]
mod tests {
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

    #[test]
    fn the_api_has_an_address_or_is_off() {
        let parse = |api| Arguments::try_parse_from(["tracker", "5000", "--api", api]);
        assert_eq!(parse("off").expect("no API").api, Some(Api::Off));
        let at = parse("0.0.0.0:80").expect("an address").api;
        assert_eq!(at, Some(Api::At("0.0.0.0:80".parse().expect("an address"))));
        let error = parse("on").expect_err("no address");
        assert!(error.to_string().contains("write host:port"));
        let arguments = ["tracker", "5000", "--api-host", "a.example,b.example:80"];
        let arguments = Arguments::try_parse_from(arguments).expect("two names");
        assert_eq!(List::joined(arguments.api_host).len(), 2);
    }
}
