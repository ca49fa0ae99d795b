//! What `peer vote` and `peer register` say when they are ended while something is under way.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use crate::harness::{Network, PATIENCE, Peer, end_task, new_election, run_task, start_task};
use crate::service::Shell;
use crate::terminal::Terminal;

/// What is between a program and its peer. It passes on all questions and their answers, and keeps back the answer to
/// what is handed in; or it keeps that back itself.
struct Relay {
    listener: TcpListener,
    hands_on: bool,
}

impl Relay {
    fn bind(hands_on: bool) -> Self {
        Self { listener: TcpListener::bind("127.0.0.1:0").expect("a port"), hands_on }
    }

    fn host(&self) -> String {
        self.listener.local_addr().expect("it is bound").to_string()
    }

    /// Tells of everything that was handed in, once the peer has answered it, if it gets that.
    fn start(self, peer: SocketAddr) -> Receiver<()> {
        let (sender, handed_in) = channel();
        thread::spawn(move || {
            while let Ok((stream, _)) = self.listener.accept() {
                let sender = sender.clone();
                thread::spawn(move || pass_on(&stream, peer, self.hands_on, &sender));
            }
        });
        handed_in
    }
}

fn pass_on(client: &TcpStream, peer: SocketAddr, hands_on: bool, handed_in: &Sender<()>) {
    let request = read_request(client);
    let is_order = request.starts_with(b"POST");
    let mut peer = TcpStream::connect(peer).expect("the peer listens");
    if hands_on || !is_order {
        peer.write_all(&request).expect("the peer reads");
    }
    let mut client = client;
    if is_order {
        if hands_on {
            peer.read_exact(&mut [0]).expect("the peer answers");
        }
        // Whoever waits for this may have had enough.
        let _ = handed_in.send(());
        let _ = client.read(&mut [0]);
    } else {
        let _ = std::io::copy(&mut peer, &mut client);
    }
}

/// A request with its body.
fn read_request(stream: &TcpStream) -> Vec<u8> {
    let mut reader = BufReader::new(stream);
    let (mut request, mut length) = (Vec::new(), 0);
    loop {
        let before = request.len();
        reader.read_until(b'\n', &mut request).expect("a header");
        let header = String::from_utf8_lossy(&request[before..]).to_lowercase();
        if let Some(found) = header.strip_prefix("content-length:") {
            length = found.trim().parse().expect("a number");
        }
        if header.trim().is_empty() {
            break;
        }
    }
    let before = request.len();
    request.resize(before + length, 0);
    reader.read_exact(&mut request[before..]).expect("the body");
    request
}

/// A peer behind a relay, the arguments that name it, and what tells of what was handed in.
fn behind(relay: Relay, network: &mut Network) -> (Peer, Vec<String>, Receiver<()>) {
    let host = relay.host();
    let peer = network.start_alone(&["--no-mining", "--api-host", &host]);
    let directory = peer.data_directory.display().to_string();
    let arguments = ["--server", &format!("http://{host}"), "--data-dir", &directory];
    let arguments = arguments.map(str::to_owned).to_vec();
    let handed_in = relay.start(peer.api);
    (peer, arguments, handed_in)
}

#[test]
fn a_vote_that_was_sent_before_a_signal_may_have_been_taken_and_is_told_so() {
    let mut network = Network::without_tracker(new_election(12));
    for (signal, hands_on) in [("INT", true), ("TERM", false)] {
        let (mut peer, server, handed_in) = behind(Relay::bind(hands_on), &mut network);
        let mut arguments = vec!["vote", "Ada"];
        arguments.extend(server.iter().map(String::as_str));
        let voting = start_task(network.directory.path(), &arguments);
        handed_in.recv_timeout(PATIENCE).expect("the vote is handed in");
        voting.signal(signal);
        let (code, told) = end_task(voting);
        assert_eq!(
            (code, told["error"]["kind"].as_str()),
            (Some(3), Some("answer_lost")),
            "{told}"
        );
        assert!(told.get("accepted").is_none(), "{told}");
        let message = told["error"]["message"].as_str().expect("a message");
        assert_eq!(
            message,
            "ended by a signal after your vote was sent; whether the peer took it is not known yet: ask with `peer myvote`"
        );
        // That tells what happened.
        let directory = peer.data_directory.to_str().expect("UTF-8").to_owned();
        let asked = ["myvote", "--data-dir", &directory];
        let (_, own) = run_task(network.directory.path(), &asked);
        assert_eq!(own["vote"].is_object(), hands_on, "{own}");
        // What was not taken can be cast again.
        if !hands_on {
            assert_eq!(peer.vote("Ada")["accepted"], true);
        }
    }
}

/// Whoever changes a terminal from its background is stopped by the system, and says nothing.
#[test]
fn a_vote_in_the_background_of_a_shell_ends_at_a_signal_and_says_what_became_of_it() {
    let mut network = Network::without_tracker(new_election(12));
    let (_peer, server, handed_in) = behind(Relay::bind(false), &mut network);
    let Some(mut shell) = Shell::start(network.directory.path()) else { return };
    shell.types(&format!("\"$PEER\" vote Ada {} &\r", server.join(" ")));
    handed_in.recv_timeout(PATIENCE).expect("the vote is handed in");
    shell.types("kill %1; wait %1; echo code $?\r");
    shell.sees("ended by a signal after your vote was sent");
    shell.sees("code 3");
}

#[test]
fn a_vote_that_was_not_sent_before_a_signal_can_be_tried_again() {
    let mut network = Network::without_tracker(new_election(12));
    let mut peer = network.start_alone(&["--no-mining"]);
    for (arguments, question) in
        [(&["vote"][..], "Your choice"), (&["vote", "Gr"], "Cast this vote?")]
    {
        let mut terminal = Terminal::run(arguments, &peer.data_directory, false);
        terminal.sees(question);
        terminal.signal("TERM");
        terminal.sees("ended by a signal before your vote was sent: nothing was done, and it can be tried again");
        terminal.ends_with(1);
    }
    assert_eq!(peer.ask("status")["pool"], 0);
}
