//! Completions for shells and man pages. Both are generated from the description that also parses
//! the arguments, so they cannot disagree with the program.

use std::io;

use clap::{Command, CommandFactory};
use clap_complete::Shell;
use clap_mangen::Man;

use super::arguments::Arguments;

/// Section of the manual for programs that users run.
const SECTION: &str = "1";

/// One page of the manual.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManPage {
    /// The file's name, such as `peer-vote.1`.
    pub name: String,
    /// What it holds, as `man` reads it.
    pub text: String,
}

/// The script by which a shell completes the command line.
pub(super) fn completions(shell: Shell) -> String {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut completed_command(), "peer", &mut script);
    String::from_utf8(script).expect("commands, options and their help are texts")
}

/// The command line without the addresses. A shell would take the first word for one of them, which it can't complete,
/// and would not complete the names of commands then.
fn completed_command() -> Command {
    let full = Arguments::command();
    let options = full.get_arguments().filter(|argument| !argument.is_positional()).cloned();
    Command::new("peer").args(options).subcommands(full.get_subcommands().cloned())
}

/// All pages, the main one first.
#[must_use]
pub fn man_pages() -> Vec<ManPage> {
    let mut command = Arguments::command();
    command.build();
    let mut pages = Vec::new();
    add_pages(&command, "peer", &mut pages);
    pages
}

fn add_pages(command: &Command, name: &str, pages: &mut Vec<ManPage>) {
    let page = command.clone().display_name(name.to_owned());
    let text = render(page).expect("a vector takes all that is written");
    let text = String::from_utf8(text).expect("commands, options and their help are texts");
    pages.push(ManPage { name: format!("{name}.{SECTION}"), text });
    for inner in command.get_subcommands() {
        // `help` says again what the other pages say.
        if inner.get_name() != "help" {
            add_pages(inner, &format!("{name}-{}", inner.get_name()), pages);
        }
    }
}

fn render(command: Command) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    let source = concat!("Ostrakon ", env!("CARGO_PKG_VERSION"));
    Man::new(command).section(SECTION).source(source).render(&mut text)?;
    Ok(text)
}
