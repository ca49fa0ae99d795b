//! `cargo run --release -p tests --bin benchmark -- generate --voters N FILE`: makes a large election, for
//! measuring what opens, replays, checks or exports one. `benchmark finality` measures how soon real peers make a
//! block and a vote final.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "the benchmark reads the clock, and starts processes"
)]

mod finality;
mod generate;

use std::env;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use peer::ArchiveWriter;
use protocol::transaction::Transaction;

use finality::FinalityArguments;
use generate::Blocks;

const VOTERS_DEFAULT: u64 = 1_000_000;
/// A file of some 25 GB; nobody has waited for that yet.
const VOTERS_MAX: u64 = 100_000_000;

/// What `peer ballot new` proposes too.
const BLOCK_BYTES_MAX: u32 = 256 * 1024;

/// Between two words on how far it has come.
const PROGRESS_PERIOD: Duration = Duration::from_secs(3);

/// How many vote, and how many blocks are timed, where it is measured how soon they are final.
const FINAL_VOTERS_DEFAULT: u64 = 1_000;
const FINAL_BLOCKS_DEFAULT: u64 = 100;
/// More than fits into a minute or two.
const FINAL_NUMBER_MAX: u64 = 100_000;

const USAGE: &str = "usage: benchmark generate [--voters N] [--seed N] FILE
       benchmark finality [--voters N] [--blocks N] [--programs DIR]

  --voters N   how many register and vote, 1 to 100000000; 1000000 unless told
  --seed N     another number, another election; 1 unless told
  FILE         the archive to write

  finality: a tracker, four validators' peers and one more on loopback
  --voters N   how many vote at once, 1 to 100000; 1000 unless told
  --blocks N   how many blocks are timed after that, 1 to 100000; 100 unless told
  --programs DIR
               where tracker and peer lie; beside this program unless told";

#[derive(Debug, PartialEq, Eq)]
enum Task {
    Generate(Arguments),
    Finality(FinalityArguments),
}

#[derive(Debug, PartialEq, Eq)]
struct Arguments {
    voters: u64,
    seed: u64,
    file: PathBuf,
}

fn main() -> ExitCode {
    let task = match read_arguments(env::args().skip(1)) {
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
    let done = match &task {
        Task::Generate(arguments) => write_election(arguments),
        Task::Finality(arguments) => finality::measure(arguments),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("benchmark: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// `None` asks for help.
fn read_arguments(mut words: impl Iterator<Item = String>) -> anyhow::Result<Option<Task>> {
    match words.next().as_deref() {
        Some("generate") => Ok(read_generate(words)?.map(Task::Generate)),
        Some("finality") => Ok(read_finality(words)?.map(Task::Finality)),
        Some("--help" | "-h") | None => Ok(None),
        Some(other) => bail!("there is no command {other:?}"),
    }
}

fn read_generate(mut words: impl Iterator<Item = String>) -> anyhow::Result<Option<Arguments>> {
    let (mut voters, mut seed, mut file) = (VOTERS_DEFAULT, 1, None);
    while let Some(word) = words.next() {
        match word.as_str() {
            "--help" | "-h" => return Ok(None),
            "--voters" => voters = read_number(&mut words, &word, VOTERS_MAX)?,
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

fn read_finality(
    mut words: impl Iterator<Item = String>,
) -> anyhow::Result<Option<FinalityArguments>> {
    let (mut voters, mut blocks, mut programs) = (FINAL_VOTERS_DEFAULT, FINAL_BLOCKS_DEFAULT, None);
    while let Some(word) = words.next() {
        match word.as_str() {
            "--help" | "-h" => return Ok(None),
            "--voters" => voters = read_number(&mut words, &word, FINAL_NUMBER_MAX)?,
            "--blocks" => blocks = read_number(&mut words, &word, FINAL_NUMBER_MAX)?,
            "--programs" => {
                let directory = words.next().context("`--programs` takes a directory")?;
                programs = Some(PathBuf::from(directory));
            }
            other => bail!("there is no option {other:?}"),
        }
    }
    Ok(Some(FinalityArguments { voters, blocks, programs }))
}

fn read_number(
    words: &mut impl Iterator<Item = String>,
    option: &str,
    most: u64,
) -> anyhow::Result<u64> {
    let number = words.next().and_then(|number| number.parse().ok());
    let number = number.filter(|number| (1..=most).contains(number));
    number.with_context(|| format!("`{option}` takes a number from 1 to {most}"))
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

    fn read(line: &str) -> anyhow::Result<Option<Task>> {
        read_arguments(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn arguments_are_read_and_slips_are_named() {
        let file = PathBuf::from("x.ostrakon");
        let all = Task::Generate(Arguments { voters: 7, seed: 3, file });
        let read_all = read("generate --voters 7 --seed 3 x.ostrakon");
        assert_eq!(read_all.expect("good arguments"), Some(all));
        assert_eq!(read("generate --help").expect("help"), None);
        let measured = |voters, blocks, programs| {
            Some(Task::Finality(FinalityArguments { voters, blocks, programs }))
        };
        assert_eq!(read("finality").expect("defaults"), measured(1_000, 100, None));
        let told = read("finality --blocks 5 --programs bin --voters 9").expect("good arguments");
        assert_eq!(told, measured(9, 5, Some(PathBuf::from("bin"))));
        for (line, part) in [
            ("generate", "FILE"),
            ("generate --voters 0 x", "--voters"),
            ("generate --voters", "--voters"),
            ("generate --seed x y", "--seed"),
            ("generate x y", "\"y\""),
            ("generate --votres 7 x", "--votres"),
            ("degenerate", "degenerate"),
            ("finality x", "\"x\""),
            ("finality --blocks 0", "--blocks"),
            ("finality --programs", "--programs"),
        ] {
            let error = read(line).expect_err(line).to_string();
            assert!(error.contains(part), "{line}: {error}");
        }
    }
}
