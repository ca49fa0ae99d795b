//! Starting the log, which each program does once, before anything else.

use std::io::{self, IsTerminal};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt::MakeWriter;

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people; in colour if stderr is a terminal.
    Text,
    /// One JSON object per line, for programs.
    Json,
}

/// The least severe lines that are written where `RUST_LOG` does not say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DefaultLevel {
    Info,
    Warn,
}

/// Starts writing log lines to `writer`, which stands for stderr.
///
/// # Panics
/// When the log was started before.
pub fn start<W>(format: LogFormat, level: DefaultLevel, writer: W)
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let level = match level {
        DefaultLevel::Info => LevelFilter::INFO,
        DefaultLevel::Warn => LevelFilter::WARN,
    };
    let filter = EnvFilter::builder().with_default_directive(level.into()).from_env_lossy();
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(writer);
    match format {
        LogFormat::Text => log.with_ansi(io::stderr().is_terminal()).init(),
        LogFormat::Json => log.json().init(),
    }
}
