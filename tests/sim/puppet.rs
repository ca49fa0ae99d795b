//! A host that a test controls directly: it sends exactly what it is told to, and records what it
//! receives.

use std::net::SocketAddr;
use std::time::Duration;

use protocol::datagram::{Datagram, ElectionPrefix, Envelope};
use protocol::token::Token;

use crate::host::Party;
use crate::network::Parcel;
use crate::queue::HostIndex;
use crate::world::World;

/// Long enough for a round trip on a network without faults.
const ROUND_TRIP: Duration = Duration::from_millis(50);

/// The address of a puppet, and the token that it issues.
#[derive(Debug, Clone, Copy)]
pub struct Puppet {
    pub address: SocketAddr,
}

impl Puppet {
    /// Puts a puppet at an address that nobody uses.
    pub fn new(world: &mut World, address: SocketAddr) -> Self {
        world.parties.insert(address, Party::Puppet);
        Self { address }
    }

    /// All datagrams that the puppet was sent, the oldest first.
    #[must_use]
    pub fn inbox(self, world: &World) -> Vec<Datagram> {
        let heard = world.heard.get(&self.address).into_iter().flatten();
        heard
            .filter_map(|parcel| Envelope::decode(&parcel.bytes).ok())
            .map(|envelope| envelope.datagram)
            .collect()
    }

    /// The same, with who sent each.
    #[must_use]
    pub fn heard_from(self, world: &World) -> Vec<(SocketAddr, Datagram)> {
        let heard = world.heard.get(&self.address).into_iter().flatten();
        let decoded = heard.map(|parcel| (parcel.from, Envelope::decode(&parcel.bytes)));
        decoded.filter_map(|(from, envelope)| Some((from, envelope.ok()?.datagram))).collect()
    }

    /// The number of bytes that the puppet was sent.
    #[must_use]
    pub fn bytes_heard(self, world: &World) -> usize {
        world.heard.get(&self.address).into_iter().flatten().map(|parcel| parcel.bytes.len()).sum()
    }

    /// The newest token that `issuer` issued to the puppet.
    #[must_use]
    pub fn token_from(self, world: &World, issuer: SocketAddr) -> Token {
        let heard = world.heard.get(&self.address).into_iter().flatten().rev();
        heard
            .filter(|parcel| parcel.from == issuer)
            .find_map(|parcel| Envelope::decode(&parcel.bytes).ok())
            .map_or(Token::NONE, |envelope| envelope.sender_token)
    }

    /// Sends a datagram in the puppet's own name, with the token that it has.
    pub fn say(self, world: &mut World, to: SocketAddr, datagram: Datagram) {
        let token = self.token_from(world, to);
        self.say_as(world, self.address, to, token, datagram);
    }

    /// Sends a datagram in the name of somebody else.
    pub fn forge(self, world: &mut World, name: SocketAddr, to: SocketAddr, datagram: Datagram) {
        self.say_as(world, name, to, Token([0x5a; 8]), datagram);
    }

    /// Sends bytes that need not be a datagram.
    pub fn send_bytes(self, world: &mut World, to: SocketAddr, bytes: Vec<u8>) {
        let parcel = Parcel { from: self.address, to, bytes, is_genuine: true };
        world.send(self.address, parcel);
    }

    /// Makes the puppet a neighbour of a peer, in the way in which a peer becomes one. Returns
    /// whether it succeeded.
    pub fn meet(self, world: &mut World, host: HostIndex) -> bool {
        let peer = world.peers[host].address;
        for nonce in 0..2 {
            self.say(world, peer, Datagram::Poke { nonce, status: None });
            world.run_until(world.at + ROUND_TRIP);
        }
        world.neighbours(host).contains(&self.address)
    }

    /// Registers the puppet with the tracker, as a peer would that then falls silent.
    pub fn register(self, world: &mut World) {
        let tracker = world.tracker.address;
        for _ in 0..2 {
            self.say(world, tracker, Datagram::RegisterPeer);
            world.run_until(world.at + ROUND_TRIP);
        }
    }

    fn say_as(
        self,
        world: &mut World,
        name: SocketAddr,
        to: SocketAddr,
        receiver_token: Token,
        datagram: Datagram,
    ) {
        let election = ElectionPrefix::from(&world.scenario.election.election_id());
        let sender_token = Token([0x77; 8]);
        let envelope = Envelope { election, receiver_token, sender_token, datagram };
        let is_genuine = name == self.address;
        let parcel = Parcel { from: name, to, bytes: envelope.encode(), is_genuine };
        world.send(self.address, parcel);
    }
}
