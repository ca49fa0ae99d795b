use protocol::address::AddressText;

use super::command::CommandName;
use super::*;
use crate::config::Mining;
use node::Role;

fn read(line: &str) -> Result<Invocation, String> {
    let words = std::iter::once("peer").chain(line.split_whitespace());
    parse(words.map(Into::into), 8, None).map_err(|error| error.message)
}

fn settings(line: &str) -> Settings {
    match read(line) {
        Ok(Invocation::Run { settings, .. }) => *settings,
        other => panic!("{line}: {other:?}"),
    }
}

#[test]
fn the_command_line_is_well_formed() {
    Arguments::command().debug_assert();
}

#[test]
fn one_address_listens_and_two_join() {
    let alone = settings("6001");
    assert_eq!((alone.listen, alone.trackers), (AddressText::Port(6001), vec![]));
    let joined = settings("example.org:5000 6001 --neighbour 6002 --neighbour 6003,6004");
    assert_eq!(joined.listen, AddressText::Port(6001));
    assert_eq!(joined.trackers, ["example.org:5000".parse().expect("an address")]);
    assert_eq!(joined.neighbours, [6002, 6003, 6004].map(AddressText::Port));
    assert_eq!(joined.mining, Mining::Threads(4));
    assert_eq!(settings("6001 --tracker 5000").trackers, [AddressText::Port(5000)]);
    let turned = settings("5000 --listen 6001");
    assert_eq!(turned.listen, AddressText::Port(6001));
    assert_eq!(turned.trackers, [AddressText::Port(5000)]);
    let several = [AddressText::Port(5000), "b.example:5001".parse().expect("an address")];
    assert_eq!(settings("5000,b.example:5001,5000 6001").trackers, several);
    assert_eq!(settings("6001 --tracker 5000 --tracker b.example:5001").trackers, several);
    assert_eq!(settings("5000,b.example:5001 --listen 6001").trackers, several);
    assert_eq!(settings("6001 --no-mining --mining-threads 2").mining, Mining::Off);
    assert_eq!(settings("6001 --mining-threads 2").mining, Mining::Threads(2));
    assert_eq!(settings("6001").role, Role::Ordinary);
    assert_eq!(settings("6001 --lab").role, Role::Laboratory);
    let observer = settings("6001 --observe --mining-threads 2");
    assert_eq!((observer.role, observer.mining), (Role::Observer, Mining::Off));
}

#[test]
fn mistakes_are_told_in_one_line() {
    for (line, part) in [
        ("", "where to listen is missing"),
        ("localhost", "write host:port"),
        ("statsu --json", "there is no command \"statsu\": did you mean `peer status`?"),
        ("frobnicate", "\"frobnicate\" is no command, and no address"),
        ("example.org 6001", "\"example.org\" has no port"),
        ("5000 6001 6002", "'6002'"),
        ("5000 6001,6002", "LISTEN is one address, and 2 stand there"),
        ("1,2,3,4,5,6,7,8,9 6001", "9 trackers are too many: name at most 8"),
        ("6001 --ballto x", "tip: a similar argument exists: '--ballot'"),
        ("6001 --mining-threads 0", "--mining-threads"),
        ("6001 --election 12", "64 hexadecimal digits"),
        ("ballot new --difficulty-bits 60", "60 is not in 0..=48"),
        ("ballot", "write `peer ballot new`, `peer"),
        ("lab", "write `peer lab partition on|off`"),
        ("lab partion on", "tip: a similar subcommand exists: 'partition'"),
        ("lab bad-block", "<RULE>"),
        ("6001 --observe --lab", "--observe and --lab don't go together"),
        ("import a.archive", "--data-dir <DIR>"),
        ("audit", "<SOURCE>"),
        ("key", "write `peer key new`, `peer key show`"),
        ("key import", "<FILE|--phrase|--phrase-file <FILE>|--phrase-fd <N>>"),
        ("key import a.pem --phrase", "cannot be used with"),
        ("key show --voter ../ada", "a voter's name has 1 to 32 of a-z, 0-9, - and _"),
        ("key show --voter ada --key a.key", "cannot be used with"),
        ("key new --passphrase secret", "unexpected argument '--passphrase'"),
        ("vote 1 --passphrase-file a --passphrase-fd 3", "cannot be used with"),
        ("6001 --passphrase-fd x", "--passphrase-fd <N>"),
        ("audit a.archive --ballot b.toml --election 12", "64 hexadecimal digits"),
        ("block", "<HEIGHT|HASH>"),
        ("chain 5 6", "'6'"),
        ("mine --sever x", "tip: a similar argument exists: '--server'"),
        ("completions tcsh", "[possible values: bash"),
        ("man --force", "<DIR>"),
        ("ballot chekc x", "tip: a similar subcommand exists: 'check'"),
        ("5000 6001 --tracker 5001", "--tracker says again"),
        ("5000 6001 --listen 6002", "--listen says again"),
        ("6001 --tracker 5000 --listen 6002", "--listen says again"),
    ] {
        let message = read(line).expect_err(line);
        assert!(message.contains(part), "{line}: {message}");
        assert!(!message.contains('\n'), "{message}");
        assert!(!message.contains("Usage"), "{message}");
    }
}

#[test]
fn help_and_ballots_are_understood() {
    assert!(
        matches!(read("--help"), Ok(Invocation::Show(text)) if text.contains("[TRACKER] LISTEN"))
    );
    assert!(matches!(read("ballot check a.toml"), Ok(Invocation::CheckBallot(_))));
    let Ok(Invocation::NewBallot(new)) = read("ballot new --title Board --force") else {
        panic!("a new ballot")
    };
    assert_eq!((new.title.as_deref(), new.force), (Some("Board"), true));
    let Ok(Invocation::Export(export)) = read("export a.archive --data-dir data") else {
        panic!("an export")
    };
    assert_eq!((export.data_dir, export.force), (Some("data".into()), false));
    assert!(matches!(read("audit data --json"), Ok(Invocation::Audit(audit)) if audit.format.json));
}

fn request(line: &str) -> (ClientTask, Connection) {
    match read(line) {
        Ok(Invocation::Client(ClientRequest { task, connection, .. })) => (task, connection),
        other => panic!("{line}: {other:?}"),
    }
}

#[test]
fn commands_for_a_running_peer_are_those_of_the_prompt() {
    for (line, prompt_line) in [
        ("register", "register"),
        ("vote Ada; Tuesday, Red --json", "vote Ada; Tuesday, Red"),
        ("vote", "vote"),
        ("register --voter ada", "register --voter ada"),
        ("vote --voter ada --json Ada", "vote --voter ada Ada"),
        ("myvote --voter ada", "myvote --voter ada"),
        ("myvote", "myvote"),
        ("results", "results"),
        ("chain", "chain"),
        ("chain 5", "chain 5"),
        ("block 7 --server http://a.org", "block 7"),
        ("ballot show", "ballot"),
        ("leave --data-dir d", "leave"),
    ] {
        let typed = TypedCommand::of_line(prompt_line).expect(prompt_line).expect("a command");
        assert_eq!(request(line).0, ClientTask::Command(typed), "{line}");
    }
    assert_eq!(request("results --watch").0, ClientTask::WatchResults);
    assert_eq!(request("login").0, ClientTask::Login);
    let receipt = |voter| ClientTask::Receipt { voter, file: "a.json".into() };
    assert_eq!(request("myvote --receipt a.json").0, receipt(None));
    let ada = Some("ada".parse().expect("a name"));
    assert_eq!(request("myvote --voter ada --receipt a.json").0, receipt(ada));
    let (_, connection) = request("mine --server http://a.org --data-dir d --token-file t --json");
    let expected = Connection {
        server: Some("http://a.org".to_owned()),
        data_dir: Some("d".into()),
        token_file: Some("t".into()),
        format: AnswerFormat { json: true },
    };
    assert_eq!(connection, expected);
}

#[test]
fn every_command_of_the_prompt_stands_on_the_command_line_with_its_options() {
    let arguments = Arguments::command();
    for command in CommandName::ALL {
        let (word, usage) = (command.word(), command.help().usage);
        let described = match command {
            // The peer's own `--help` stands for `help`; programs submit over HTTP.
            CommandName::Help | CommandName::Submit | CommandName::Key => continue,
            CommandName::Ballot => arguments
                .find_subcommand("ballot")
                .and_then(|ballot| ballot.find_subcommand("show")),
            CommandName::Register
            | CommandName::Vote
            | CommandName::Results
            | CommandName::Chain
            | CommandName::Block
            | CommandName::MyVote
            | CommandName::Peers
            | CommandName::Status
            | CommandName::Evidence
            | CommandName::Mine
            | CommandName::Sync
            | CommandName::Lab
            | CommandName::Leave => arguments.find_subcommand(word),
        };
        let described = described.unwrap_or_else(|| panic!("`peer {word}` is missing"));
        for option in usage.split([' ', '[', ']']).filter_map(|part| part.strip_prefix("--")) {
            let has_option = described.get_arguments().any(|each| each.get_long() == Some(option));
            assert!(has_option, "`peer {word} --{option}` is missing");
        }
    }
    let lab = arguments.find_subcommand("lab").expect("laboratories");
    let experiments: Vec<_> = lab.get_subcommands().map(clap::Command::get_name).collect();
    assert_eq!(experiments, laboratory::EXPERIMENTS);
}

#[test]
fn shells_and_manuals_know_the_commands() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let Ok(Invocation::Show(script)) = read(&format!("completions {shell}")) else {
            panic!("{shell}")
        };
        assert!(script.contains("myvote") && script.contains("token-file"), "{shell}: {script}");
    }
    let Ok(Invocation::Show(page)) = read("man") else { panic!("the main page") };
    assert!(page.contains(".TH peer 1"), "{page}");
    let asked = read("man pages --force");
    assert!(matches!(asked, Ok(Invocation::WriteManPages { force: true, .. })), "{asked:?}");
}
