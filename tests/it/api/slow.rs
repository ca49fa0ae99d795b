//! A thousand clients that never finish a request, while everybody else votes.

use std::io::{ErrorKind, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Resource, Rlimit, getrlimit, prlimit, setrlimit};

use crate::harness::http::HttpConnection;
use crate::harness::{Network, PATIENCE, Peer, Voter, agree, until};

use super::{memory_of, submission};

const SLOW: usize = 1_000;
/// Between two bytes of a slow client.
const PERIOD: Duration = Duration::from_millis(50);
/// What the test needs besides: programs, pipes, and other tests.
const OTHER_FILES: u64 = 2_000;
/// What a system commonly grants a program, and so less than there are slow clients.
const PEER_FILES: u64 = 512;

/// Voters of each peer, over HTTP and by the prompt.
const VOTERS_EACH: u64 = 50;

/// What a peer may grow by: 256 connections with a head of 16 KiB each, and the votes; 17 MiB were measured.
const GROWTH_BYTES_MAX: u64 = 32 * 1024 * 1024;

#[test]
fn votes_flow_while_a_thousand_sockets_are_slow() {
    let mut network = Network::start(3, 12);
    let victim = network.peers[0].program.id();
    limit_files(victim);
    allow_files(SLOW as u64 + OTHER_FILES);
    let election = network.election.clone();
    let voter = |number| {
        let voter = Voter::new(&election, number);
        [voter.registration(), voter.vote(1)]
    };
    let by_http: Vec<Vec<_>> = (0..3).map(|peer| voters(peer * 2, voter)).collect();
    let by_prompt: Vec<Vec<_>> = (0..3).map(|peer| voters(peer * 2 + 1, voter)).collect();
    let memory = memory_of(victim);
    let (stop, opened) = (AtomicBool::new(false), AtomicUsize::new(0));
    let api = network.peers[0].api;
    let resent = thread::scope(|scope| {
        let _end = SetAtEnd(&stop);
        scope.spawn(|| be_slow(api, &stop, &opened));
        until("slow clients were sent away, and came back", PATIENCE, || {
            (opened.load(Ordering::Relaxed) >= 2 * SLOW).then_some(())
        });
        let clients: Vec<_> = network
            .peers
            .iter_mut()
            .zip(by_http.iter().zip(&by_prompt))
            .map(|(peer, (by_http, by_prompt))| {
                let api = peer.api;
                scope.spawn(move || type_in(peer, by_prompt));
                scope.spawn(move || by_http.iter().map(|voter| post(api, voter)).sum::<usize>())
            })
            .collect();
        clients.into_iter().map(|client| client.join().expect("all were taken")).sum::<usize>()
    });
    let grown = memory_of(victim).saturating_sub(memory);
    let opened = opened.into_inner();
    eprintln!("{opened} slow connections, {resent} posts sent again, {grown} bytes more memory");
    assert!(grown < GROWTH_BYTES_MAX, "{grown} bytes more");
    assert_eq!(files_of(victim), Some(PEER_FILES), "it took more than it was given");
    agree(&mut network.peers, 6 * VOTERS_EACH, PATIENCE);
}

fn voters(load: u64, voter: impl Fn(u64) -> [String; 2]) -> Vec<[String; 2]> {
    (load * VOTERS_EACH..(load + 1) * VOTERS_EACH).map(voter).collect()
}

fn type_in(peer: &mut Peer, voters: &[[String; 2]]) {
    for [registration, vote] in voters {
        peer.submit(registration);
        peer.submit(vote);
    }
}

/// Registers and votes in one request; gives how often it had to be sent again.
fn post(api: SocketAddr, voter: &[String; 2]) -> usize {
    let body = submission(voter);
    let mut attempts = 0;
    let answer = until("a post is answered", PATIENCE, || {
        attempts += 1;
        let mut connection = HttpConnection::try_open(api).ok()?;
        connection.try_ask("POST", "/v1/transactions", &[], &body).ok()
    });
    assert_eq!(answer.status, 200, "{}", answer.text());
    for outcome in answer.json()["outcomes"].as_array().expect("a list") {
        assert_eq!(outcome["accepted"], true, "{outcome}");
    }
    attempts - 1
}

/// Keeps all sockets open with a byte of an endless head now and then; who is sent away comes back.
fn be_slow(to: SocketAddr, stop: &AtomicBool, opened: &AtomicUsize) {
    const HEAD: &[u8] =
        b"POST /v1/transactions HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: aaaaaaaaaaaaaaaaaaaaaa";
    let open = || {
        let mut stream = TcpStream::connect_timeout(&to, PATIENCE).ok()?;
        stream.set_nonblocking(true).ok()?;
        stream.write_all(&HEAD[..1]).ok()?;
        opened.fetch_add(1, Ordering::Relaxed);
        Some((stream, 1))
    };
    let mut sockets: Vec<Option<(TcpStream, usize)>> = (0..SLOW).map(|_| open()).collect();
    while !stop.load(Ordering::Relaxed) {
        for socket in &mut sockets {
            let is_open = socket.as_mut().is_some_and(|(stream, sent)| {
                let byte = HEAD.get(*sent).copied().unwrap_or(b'a');
                *sent += 1;
                match stream.write_all(&[byte]) {
                    Ok(()) => true,
                    Err(error) => error.kind() == ErrorKind::WouldBlock,
                }
            });
            if !is_open {
                *socket = open();
            }
        }
        // Keeps the rate; nothing is assumed to have happened meanwhile.
        thread::sleep(PERIOD);
    }
}

/// Ends the slow clients, also when the test fails meanwhile.
struct SetAtEnd<'b>(&'b AtomicBool);

impl Drop for SetAtEnd<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Lets this process open so many files, if it may not yet.
fn allow_files(files: u64) {
    let limit = getrlimit(Resource::Nofile);
    if limit.current.is_none_or(|current| current >= files) {
        return;
    }
    let current = Some(limit.maximum.map_or(files, |maximum| maximum.min(files)));
    setrlimit(Resource::Nofile, Rlimit { current, ..limit }).expect("it is not over the maximum");
}

fn limit_files(process: u32) {
    let limit = Rlimit { current: Some(PEER_FILES), maximum: Some(PEER_FILES) };
    prlimit(pid(process), Resource::Nofile, limit).expect("it is our child");
}

/// How many files a process may open.
fn files_of(process: u32) -> Option<u64> {
    let text = std::fs::read_to_string(format!("/proc/{process}/limits")).expect("it runs");
    let line = text.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

fn pid(process: u32) -> Option<Pid> {
    Pid::from_raw(i32::try_from(process).expect("it is a process"))
}
