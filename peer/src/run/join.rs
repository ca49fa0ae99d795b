//! Learns the election from the tracker. This happens before there is a node, because a node needs
//! to know its election.

use std::net::SocketAddr;

use protocol::election::Election;
use protocol::units::ElectionId;

use crate::prompt::screen::Screen;
use crate::render::Style;
use crate::schema::Event;
use host::clock::now;
use host::entropy;
use host::signals::until;
use host::udp::{Udp, receive_buffer};
use node::{JoinError, JoinOutput, Joining};

/// Asks the tracker for its election until it answers.
///
/// # Errors
/// When the tracker serves another election than the expected one, or an invalid ballot.
pub(crate) async fn join(
    udp: &mut Udp,
    tracker: SocketAddr,
    expected: Option<ElectionId>,
    screen: &Screen,
    style: Style,
) -> Result<Election, JoinError> {
    let mut joining = Joining::new(tracker, expected, entropy::random(), now());
    let mut buffer = receive_buffer();
    loop {
        while let Some(output) = joining.poll_output() {
            match output {
                JoinOutput::Transmit { to, bytes } => udp.send(to, &bytes).await,
                JoinOutput::TrackerSilent { tracker } => {
                    let silent = Event::TrackerSilent { tracker };
                    screen.print(style.event(&silent)).await;
                }
                JoinOutput::Refused { error } => return Err(error),
                JoinOutput::Joined { election } => return Ok(*election),
            }
        }
        tokio::select! {
            () = udp.readable() => {
                udp.receive_burst(&mut buffer, |from, bytes| {
                    joining.handle_datagram(from, bytes, now());
                });
            }
            () = until(joining.poll_timeout()) => joining.handle_timeout(now()),
        }
    }
}
