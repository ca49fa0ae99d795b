//! `cargo run --release -p tests --bin benchmark -- generate --voters N FILE`: makes a large election, for
//! measuring what opens, replays, checks or exports one.
#![allow(clippy::disallowed_methods, reason = "the benchmark reads the clock")]

mod generate;

use std::env;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use peer::ArchiveWriter;
use protocol::transaction::Transaction;

use generate::Blocks;

const VOTERS_DEFAULT: u64 = 1_000_000;
/// A file of some 25 GB; nobody has waited for that yet.
const VOTERS_MAX: u64 = 100_000_000;

/// What `peer ballot new` proposes too.
const BLOCK_BYTES_MAX: u32 = 256 * 1024;

/// Between two words on how far it has come.
const PROGRESS_PERIOD: Duration = Duration::from_secs(3);

const USAGE: &str = "usage: benchmark generate [--voters N] [--seed N] FILE

  --voters N   how many register and vote, 1 to 100000000; 1000000 unless told
  --seed N     another number, another election; 1 unless told
  FILE         the archive to write";

#[derive(Debug, PartialEq, Eq)]
struct Arguments {
    voters: u64,
    seed: u64,
    file: PathBuf,
}

fn main() -> ExitCode {
    let arguments = match read_arguments(env::args().skip(1)) {
        Ok(Some(arguments)) => arguments,
        Ok(None) => {
            println!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            eprintln!("benchmark: {error}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    match write_election(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("benchmark: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// `None` asks for help.
fn read_arguments(words: impl Iterator<Item = String>) -> anyhow::Result<Option<Arguments>> {
    let (mut voters, mut seed, mut file) = (VOTERS_DEFAULT, 1, None);
    let mut words = words;
    match words.next().as_deref() {
        Some("generate") => {}
        Some("--help" | "-h") | None => return Ok(None),
        Some(other) => bail!("there is no command {other:?}"),
    }
    while let Some(word) = words.next() {
        match word.as_str() {
            "--help" | "-h" => return Ok(None),
            "--voters" => {
                let number = words.next().and_then(|number| number.parse().ok());
                let number = number.filter(|number| (1..=VOTERS_MAX).contains(number));
                voters = number.context("`--voters` takes a number from 1 to 100000000")?;
            }
            "--seed" => {
                let number = words.next().and_then(|number| number.parse().ok());
                seed = number.context("`--seed` takes a number")?;
            }
            option if option.starts_with('-') => bail!("there is no option {option:?}"),
            _ => {
                ensure!(file.is_none(), "one FILE is written, and {word:?} is another");
                file = Some(PathBuf::from(word));
            }
        }
    }
    let file = file.context("the FILE to write is missing")?;
    Ok(Some(Arguments { voters, seed, file }))
}

/// Writes the archive, and prints what whoever reads it has to find there.
fn write_election(arguments: &Arguments) -> anyhow::Result<()> {
    let began = Instant::now();
    let election = generate::election(arguments.seed, BLOCK_BYTES_MAX);
    let mut tally: Vec<_> =
        election.questions.iter().map(|question| vec![0_u64; question.options.len()]).collect();
    let mut archive = ArchiveWriter::create(&arguments.file, &election, true)?;
    let mut blocks = Blocks::new(&election, arguments.seed, arguments.voters);
    let (mut tip, mut told_at) = (None, began);
    while let Some(block) = blocks.next() {
        for transaction in &block.transactions {
            let Transaction::Vote { vote, .. } = transaction.transaction() else { continue };
            for (votes, chosen) in tally.iter_mut().zip(&vote.choices) {
                chosen.iter().for_each(|&option| votes[usize::from(option)] += 1);
            }
        }
        archive.append(&block)?;
        tip = Some((block.header.height, block.header.hash()));
        if told_at.elapsed() >= PROGRESS_PERIOD {
            told_at = Instant::now();
            let (signed, seconds) = (blocks.voters_signed(), began.elapsed().as_secs());
            eprintln!("{signed} of {} voters signed, {seconds} s", arguments.voters);
        }
    }
    archive.finish()?;
    let (height, hash) = tip.context("an election without voters has no blocks")?;
    println!("election {}, {} voters", election.election_id(), arguments.voters);
    println!("tip {height} {hash}");
    println!("tally {tally:?}");
    eprintln!("{:.1} s", began.elapsed().as_secs_f64());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> anyhow::Result<Option<Arguments>> {
        read_arguments(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn arguments_are_read_and_slips_are_named() {
        let file = PathBuf::from("x.ostrakon");
        let all = Arguments { voters: 7, seed: 3, file };
        let read_all = read("generate --voters 7 --seed 3 x.ostrakon");
        assert_eq!(read_all.expect("good arguments"), Some(all));
        assert_eq!(read("generate --help").expect("help"), None);
        for (line, part) in [
            ("generate", "FILE"),
            ("generate --voters 0 x", "--voters"),
            ("generate --voters", "--voters"),
            ("generate --seed x y", "--seed"),
            ("generate x y", "\"y\""),
            ("generate --votres 7 x", "--votres"),
            ("degenerate", "degenerate"),
        ] {
            let error = read(line).expect_err(line).to_string();
            assert!(error.contains(part), "{line}: {error}");
        }
    }
}
