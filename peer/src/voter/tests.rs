//! Unlocking and registering the keys of a directory.

use std::time::Duration;

use tokio::time::timeout;

use std::path::Path;

use super::*;
use crate::actions::ActionError;
use crate::handle::Request;
use chain::fixtures;
use keys::Existing;

fn voters(directory: &Path) -> OwnVoters {
    let file = keys::read_or_make(directory).expect("a key");
    let key = (!file.is_locked()).then(|| file.unlock(None).expect("it is not locked"));
    let election = Arc::new(fixtures::election());
    OwnVoters::new(directory.to_owned(), &file, key, election).expect("it says whose it is")
}

fn passphrase(text: &str) -> Option<Passphrase> {
    Passphrase::new(text.as_bytes().to_vec().into()).expect("short")
}

fn actor(voter: Option<&str>, text: &str) -> Actor {
    let voter = voter.map(|name| name.parse().expect("a name"));
    Actor { voter, passphrase: passphrase(text) }
}

#[tokio::test]
async fn a_locked_key_acts_by_its_passphrase_alone() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = keys::path_of(directory.path(), None);
    let locked = passphrase("open");
    KeyFile::create(&path, fixtures::key(3), locked.as_ref(), Existing::Keep).expect("made");
    let voters = voters(directory.path());
    assert_eq!(voters.id(), fixtures::key(3).public().voter());
    assert!(voters.is_locked(None).expect("readable"));
    let kind = async |actor| {
        let unlocked = voters.unlock(actor).await;
        unlocked.map(|_| ()).map_err(|error| ActionError::from(error).kind())
    };
    assert_eq!(kind(actor(None, "")).await, Err("locked"));
    assert_eq!(kind(actor(None, "shut")).await, Err("wrong_passphrase"));
    assert_eq!(kind(actor(Some("ada"), "open")).await, Err("no_key"));
    assert_eq!(kind(actor(None, "open")).await, Ok(()));
}

#[tokio::test]
async fn two_keys_are_unlocked_at_once_and_the_third_waits() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = keys::path_of(directory.path(), None);
    let locked = passphrase("open");
    KeyFile::create(&path, fixtures::key(3), locked.as_ref(), Existing::Keep).expect("made");
    let voters = voters(directory.path());
    let unlocking = || Arc::clone(&voters.unlocks).try_acquire_owned();
    let (first, second) = (unlocking().expect("a place"), unlocking().expect("a place"));
    assert!(unlocking().is_err(), "two are under way");
    let mut third = Box::pin(voters.unlock(actor(None, "open")));
    // It gives the runtime its turn, so whatever it could do without a place is done then.
    let outcome = timeout(Duration::ZERO, &mut third).await;
    assert!(outcome.is_err(), "it waits");
    assert_eq!(voters.unlocks.available_permits(), 0);
    drop(first);
    // Now it has the place, which it keeps while the key is unlocked.
    let outcome = timeout(Duration::ZERO, &mut third).await;
    assert!(outcome.is_err(), "unlocking takes longer");
    assert_eq!(voters.unlocks.available_permits(), 0);
    assert!(third.await.is_ok());
    drop(second);
    assert_eq!(voters.unlocks.available_permits(), 2);
}

#[tokio::test]
async fn voters_of_one_peer_register_side_by_side() {
    let directory = tempfile::tempdir().expect("a directory");
    let name: VoterName = "ada".parse().expect("a name");
    let path = keys::path_of(directory.path(), Some(&name));
    std::fs::create_dir(path.parent().expect("it has one")).expect("made");
    let made = KeyFile::create(&path, fixtures::key(4), None, Existing::Keep);
    let ada = made.and_then(|file| file.public()).expect("a key").voter();
    let voters = Arc::new(voters(directory.path()));
    assert_eq!(voters.id_of(Some(&name)).expect("a key"), ada);
    let (handle, mut requests) = PeerHandle::new();
    let tasks: Vec<_> = [None, Some("ada")]
        .map(|voter| {
            let (voters, handle) = (Arc::clone(&voters), handle.clone());
            tokio::spawn(async move { voters.register(&handle, actor(voter, "")).await })
        })
        .into();
    // Both ask before either is answered, and both submit.
    let mut asked = Vec::new();
    while asked.len() < 2 {
        let next = timeout(Duration::from_secs(60), requests.requests.recv()).await;
        asked.push(next.expect("in time").expect("a handle is here"));
    }
    for Request { command, reply } in asked {
        let Command::Voter(voter) = command else { panic!("not {command:?}") };
        let unknown = VoterView {
            voter,
            registration: None,
            registration_fate: None,
            withdrawal: None,
            vote: None,
        };
        reply.send(Ok(Answer::Voter(Box::new(unknown)))).expect("somebody asked");
    }
    for number in 0..2 {
        let next = timeout(Duration::from_secs(60), requests.requests.recv()).await;
        let Request { reply, .. } = next.expect("in time").expect("a handle is here");
        let id = TransactionId([number; 32]);
        reply.send(Ok(Answer::Accepted { id, is_late: false })).expect("it waits");
    }
    let mut registered = Vec::new();
    for task in tasks {
        registered.push(task.await.expect("no panic").expect("registered").1);
    }
    assert_eq!(registered, [voters.id(), ada]);
    assert!(voters.registering.lock().expect("whole").len() <= 2);
}

#[tokio::test]
async fn a_registration_goes_on_when_nobody_waits_for_it_any_more() {
    let directory = tempfile::tempdir().expect("a directory");
    let voter = voters(directory.path());
    let (handle, mut requests) = PeerHandle::new();
    let mut events = handle.events().expect("the node's end is here");
    let mut registering = Box::pin(voter.register(&handle, Actor::default()));
    tokio::select! {
        _ = &mut registering => unreachable!("nobody has answered yet"),
        asked = requests.requests.recv() => {
            let Request { reply, .. } = asked.expect("a handle is here");
            let unknown = VoterView {
                voter: voter.id(),
                registration_fate: None,
                registration: None,
                withdrawal: None,
                vote: None,
            };
            reply.send(Ok(Answer::Voter(Box::new(unknown)))).expect("somebody asked");
        }
    }
    tokio::select! {
        _ = &mut registering => unreachable!("nobody has answered yet"),
        event = events.recv() => {
            assert!(matches!(event, Ok(Event::Registering { .. })), "{event:?}");
        }
    }
    drop(registering);
    let submitted = timeout(Duration::from_secs(60), requests.requests.recv()).await;
    let Request { command, .. } = submitted.expect("in time").expect("a handle is here");
    assert!(matches!(command, Command::Submit(_)), "{command:?}");
}
