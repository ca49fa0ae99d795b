//! Starts a peer from its settings, runs it, and shuts it down.

mod error;
mod join;
mod laboratory;
mod lan;
mod look_up;
mod task;
mod validator;
mod verifier;
mod verify;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use protocol::election::Election;
use tokio::sync::{Mutex, Notify};
use tokio::time::timeout;

use crate::actions::{Actions, tell_final_votes};
use crate::addresses::{self, Reach};
use crate::config::{Mining, Settings};
use crate::handle::PeerHandle;
use crate::http::Api;
use crate::prompt::{self, Console, ServeEnd};
use crate::schema::Reply;
use crate::schema::{Event, Left};
use crate::store::commit_metrics::CommitMetrics;
use crate::store::data_directory::DataDirectory;
use crate::store::default_places::Place;
use crate::store::local_election::{default_place, local_election};
use crate::store::{self, Opened};
use crate::voter::OwnVoters;
use chain::rules::Rules;
pub use error::PeerError;
use host::clock;
use host::output::LAST_WORDS_PATIENCE;
use host::signals::{EndSignals, Hangup};
use host::udp::Udp;
use join::join;
use keys::passphrase;
use lan::Lan;
use look_up::LookUps;
use node::{Given, Limits, NodeConfig, RESIDENT_BYTES_MAX, Role};
use task::NodeTask;
use validator::{Signer, Unlocked};
use verify::Verified;

/// Runs a peer until it has left.
///
/// # Errors
/// See [`PeerError`].
pub fn run(settings: &Settings) -> Result<(), PeerError> {
    // A passphrase is asked for before the prompt begins to read what is typed.
    let validator = settings.validator.as_ref().map(validator::unlock).transpose()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let outcome = runtime.block_on(run_peer(settings, validator));
    // A search for a stamp that is still running must not delay the end.
    runtime.shutdown_background();
    outcome
}

/// Everything that is known before the node starts.
#[derive(Debug)]
struct Start {
    udp: Udp,
    look_ups: LookUps,
    lan: Lan,
    api: Option<Api>,
    address: SocketAddr,
    trackers: Vec<Given>,
    neighbours: Vec<Given>,
    election: Arc<Election>,
    directory: DataDirectory,
    /// Whether the directory was chosen because this voter listened at another port before.
    is_of_other_port: bool,
    /// `None` for an observer.
    voters: Option<OwnVoters>,
    /// The validator that this peer is.
    signer: Option<Signer>,
    opened: Opened,
    verified: Option<Verified>,
}

async fn run_peer(settings: &Settings, validator: Option<Unlocked>) -> Result<(), PeerError> {
    let signals = EndSignals::start(Hangup::Ends)?;
    let mut console = Console::start(settings.json, settings.service, signals.clone());
    tokio::select! {
        outcome = run_and_leave(settings, validator, &mut console, &signals) => return outcome,
        () = signals.end_at_once() => {}
    }
    console.give_back();
    Err(PeerError::Interrupted)
}

async fn run_and_leave(
    settings: &Settings,
    validator: Option<Unlocked>,
    console: &mut Console,
    signals: &EndSignals,
) -> Result<(), PeerError> {
    let start = tokio::select! {
        start = prepare(settings, validator, console) => start.map(Some),
        () = signals.leave() => Ok(None),
    };
    let outcome = match start {
        Ok(Some(start)) => run_node(settings, start, console, signals).await,
        // The user ended the program before the tracker answered.
        Ok(None) => Ok(()),
        Err(error) => Err(error),
    };
    match &outcome {
        Ok(())
        | Err(PeerError::TrackerRefused { .. } | PeerError::NoInput | PeerError::Input { .. }) => {
            console.end(Some(&Event::Left)).await
        }
        Err(_) => console.end(None).await,
    }
    outcome
}

async fn prepare(
    settings: &Settings,
    validator: Option<Unlocked>,
    console: &mut Console,
) -> Result<Start, PeerError> {
    let mut addresses =
        addresses::resolve(&settings.listen, &settings.trackers, &settings.neighbours).await?;
    let mut udp = Udp::bind(&addresses.listen)?;
    let address = udp.local_address();
    let mut look_ups = LookUps::new(Reach::from(udp.local_addresses()));
    let listens: Vec<_> = udp.local_addresses().collect();
    let lan = Lan::start(settings.multicast, &listens)?;
    let api = Api::bind(&settings.api, address, settings.listen.port() == 0).await?;
    // The data directory is locked before anything is asked of the network.
    let locked = settings.data_dir.clone().map(DataDirectory::open).transpose()?;
    let election = match local_election(settings, address.port())? {
        Some(election) => election,
        None => {
            // The console is only asked whether anybody is still there; it keeps what it reads in
            // the meantime.
            let (screen, style) = (console.screen.clone(), console.style);
            tokio::select! {
                joined = join(
                    &mut udp,
                    &mut look_ups,
                    &addresses.trackers,
                    settings.election,
                    &screen,
                    style,
                ) => {
                    let (election, trackers) = joined?;
                    election.check_created(clock::unix_now())?;
                    addresses.trackers = trackers;
                    election
                }
                end = console.abandoned() => return Err(PeerError::of_input(end)),
            }
        }
    };
    if settings.role == Role::Laboratory {
        laboratory::check(&election)?;
    }
    let signer = validator.map(|unlocked| unlocked.of(&election)).transpose()?;
    let election_id = election.election_id();
    let (directory, is_of_other_port) = match locked {
        Some(directory) => (directory, false),
        None => {
            let Place { path, is_of_other_port } =
                default_place(settings, &election_id, address.port())?;
            (DataDirectory::open(path)?, is_of_other_port)
        }
    };
    directory.keep_election(&election)?;
    let election = Arc::new(election);
    let voters = match settings.role {
        Role::Observer => None,
        Role::Ordinary | Role::Laboratory => {
            Some(own_voters(settings, directory.path(), Arc::clone(&election)).await?)
        }
    };
    let (opened, verified) =
        open_chain(directory.path().to_owned(), Arc::clone(&election), settings.verify).await?;
    Ok(Start {
        udp,
        look_ups,
        lan,
        api,
        address,
        trackers: addresses.trackers,
        neighbours: addresses.neighbours,
        election,
        directory,
        is_of_other_port,
        voters,
        signer,
        opened,
        verified,
    })
}

/// The voters of a data directory. If a source of the passphrase was named, it is read once, at the
/// start: the passphrase is forgotten after it has unlocked the directory's own key, and the
/// unlocked key is kept.
async fn own_voters(
    settings: &Settings,
    directory: &Path,
    election: Arc<Election>,
) -> Result<OwnVoters, PeerError> {
    let (directory, source) = (directory.to_owned(), settings.passphrase.clone());
    let open = move || {
        let file = keys::read_or_make(&directory)?;
        let key = match source {
            _ if !file.is_locked() => Some(file.unlock(None)?),
            Some(source) => Some(file.unlock(Some(&passphrase::read(&source)?))?),
            None => None,
        };
        Ok(OwnVoters::new(directory, &file, key, election)?)
    };
    tokio::task::spawn_blocking(open)
        .await
        .unwrap_or_else(|error| Err(PeerError::Crashed { reason: Some(error.to_string()) }))
}

/// Opens the chain and, if the user wants it, checks all of it. This happens on a thread of its
/// own, because either may take long.
async fn open_chain(
    directory: PathBuf,
    election: Arc<Election>,
    verifies: bool,
) -> Result<(Opened, Option<Verified>), PeerError> {
    let open = move || {
        let mut opened = store::open(&directory, &election.election_id())?;
        let verified = verifies.then(|| verify::verify(&mut opened, &election)).transpose()?;
        Ok((opened, verified))
    };
    tokio::task::spawn_blocking(open)
        .await
        .unwrap_or_else(|error| Err(PeerError::Crashed { reason: Some(error.to_string()) }))
}

async fn run_node(
    settings: &Settings,
    start: Start,
    console: &mut Console,
    signals: &EndSignals,
) -> Result<(), PeerError> {
    let Start {
        udp,
        look_ups,
        lan,
        api,
        address,
        trackers,
        neighbours,
        election,
        directory,
        is_of_other_port,
        voters,
        signer,
        opened,
        verified,
    } = start;
    let Opened { chain, restored, damage } = opened;
    let (handle, requests) = PeerHandle::new();
    let events = handle.events().expect("the node's end is still here");
    let mining = settings.mining != Mining::Off;
    let resident_bytes_max = RESIDENT_BYTES_MAX;
    let (role, limits, rules) = (settings.role, Limits::default(), Rules::ALL);
    let name = settings.name.clone();
    let config = NodeConfig {
        name,
        trackers,
        neighbours,
        mining,
        role,
        validator: signer.as_ref().map(Signer::own),
        resident_bytes_max,
        limits,
        rules,
    };
    let commits = CommitMetrics::default();
    let mut task = NodeTask::new(
        config,
        Arc::clone(&election),
        (chain, restored),
        (udp, look_ups, lan),
        (settings.mining, signer),
        requests,
        commits.clone(),
    )?;
    let actions = Arc::new(Actions {
        handle,
        election_id: election.election_id(),
        voters,
        role,
        forging: Mutex::default(),
        election,
        address,
        data_directory: directory.path().to_owned(),
        miner: task.miner_view(),
        multicast: task.multicast_view(),
    });
    let api_url = api.as_ref().map(Api::url);
    let leave_order = Arc::new(Notify::new());
    let serving = api
        .map(|api| {
            api.serve(Arc::clone(&actions), directory.path(), Arc::clone(&leave_order), &commits)
        })
        .transpose()?;
    let name = settings.name.as_ref().map(ToString::to_string);
    console.greet(&listening(&actions, name, api_url), &actions).await;
    let goes_on = actions.voters.as_ref().filter(|_| is_of_other_port).map(|voters| {
        let data_dir = actions.data_directory.display().to_string();
        Event::GoesOn { voter: voters.id(), data_dir }
    });
    let mended = damage.map(|damage| Event::Mended { message: damage.to_string() });
    for event in goes_on.into_iter().chain(mended).chain(verified.map(Event::from)) {
        actions.handle.publish(event);
    }
    let refused = task.refused();
    let printing = prompt::print_events(
        events,
        console.screen.clone(),
        console.style,
        task.miner_view(),
        (console.is_terminal(), actions.election.times.is_some()),
    );
    let printing = tokio::spawn(printing);
    tokio::spawn(tell_final_votes(Arc::clone(&actions)));
    let mut node = tokio::spawn(task.run());
    let mut early_end = None;
    let mut is_command = false;
    let asks = console.is_terminal();
    // At a terminal the prompt asks about signals.
    let told_to_leave = async {
        match asks {
            true => signals.hung_up().await,
            false => signals.leave().await,
        }
    };
    tokio::select! {
        // A terminal that goes away sends a signal as well, which says what happened.
        biased;
        () = told_to_leave => {}
        () = leave_order.notified() => {}
        Ok(message) = refused => {
            early_end = Some(PeerError::TrackerRefused { message });
        }
        end = console.serve(&actions) => match end {
            ServeEnd::Command => is_command = true,
            ServeEnd::Input => {}
            ServeEnd::NoInput => early_end = Some(PeerError::NoInput),
            ServeEnd::Failed(reason) => early_end = Some(PeerError::Input { reason }),
        },
        crash = &mut node => {
            // The node ended although nobody told it to leave.
            return Err(PeerError::Crashed { reason: crash.err().map(|error| error.to_string()) });
        }
    }
    tracing::info!("taking leave of the others");
    let standing = prompt::leave(&actions, &mut node)
        .await
        .map_err(|error| PeerError::Crashed { reason: Some(error.to_string()) })?;
    if let Some(serving) = serving {
        serving.end().await;
    }
    // Everything that happened is printed before the last words, unless stdout cannot be written.
    let told = async {
        // This task ends together with the node.
        let _ = printing.await;
        if is_command {
            console.answer("leave", &Ok(Reply::Leave(Left { own_vote: standing }))).await;
        }
    };
    let _ = timeout(LAST_WORDS_PATIENCE, told).await;
    early_end.map_or(Ok(()), Err)
}

fn listening(actions: &Actions, name: Option<String>, api: Option<String>) -> Event {
    Event::Listening {
        address: actions.address,
        name,
        api,
        election: actions.election_id,
        title: actions.election.title.clone(),
        role: actions.role.into(),
        voter: actions.voters.as_ref().map(OwnVoters::id),
        data_dir: actions.data_directory.display().to_string(),
    }
}
