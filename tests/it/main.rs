//! The real programs on loopback, as their users meet them: processes, sockets, files, signals, a terminal.
//!
//! Nothing here sleeps until something has probably happened: every test waits for a condition and has a
//! deadline for it. What does not need real processes is tested in the simulated world, in virtual time.
//!
//! `OSTRAKON_TEST_ROUNDS` lowers how often the test of simultaneous votes is repeated (20 times by default).
//! `OSTRAKON_KILLS=1000 cargo test -p tests --test it kills` kills a peer that often (see `kills`), and
//! `OSTRAKON_KILL_SEED` repeats the moments of a run. Where a tool is not installed (curl, chromium, haproxy, nginx,
//! openssl, prometheus, schemathesis), or network namespaces are not allowed, the test that needs them passes, unless
//! `OSTRAKON_REQUIRE_TOOLS=1`.

#![cfg(unix)]
#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "real processes need real clocks, threads, sockets and files"
)]

mod harness;

mod admissions;
mod alone;
// What a process takes of memory and files is read as Linux shows it.
#[cfg(target_os = "linux")]
mod api;
mod audit;
mod closed_pipe;
mod completions;
mod contract;
mod crash;
mod demo;
mod documents;
mod finality;
mod forgeries;
mod full_disk;
mod identity;
mod interrupted;
mod joining;
mod json_errors;
mod keys;
mod kills;
mod laboratory;
mod leaving;
mod names;
mod observer;
mod peer_names;
mod prometheus;
mod prompt;
mod proxies;
mod records;
mod refusals;
mod registrars;
mod running_record;
mod service;
mod signing;
mod starting;
mod stopping;
mod terminal;
mod tracker_loss;
mod trackers;
mod voters_full;
mod votes;
mod watch;
mod width;

// Network namespaces are Linux's.
#[cfg(target_os = "linux")]
mod namespaces;
