//! Learns the election from the trackers. This happens before there is a node, because a node needs
//! to know its election.

use protocol::election::Election;
use protocol::units::ElectionId;

use super::look_up::{LookUps, LookedUp};
use crate::prompt::logs::log_event;
use crate::prompt::screen::Screen;
use crate::render::Style;
use crate::schema::Event;
use host::clock::{now, unix_now};
use host::entropy;
use host::signals::until;
use host::udp::{Udp, receive_buffer};
use node::{Given, JoinError, JoinOutput, Joining};

/// Asks the trackers for their election until one answers. Gives it, and where the trackers are.
///
/// # Errors
/// When all serve another election than the expected one, or an invalid ballot, or two serve different ones.
pub(crate) async fn join(
    udp: &mut Udp,
    look_ups: &mut LookUps,
    trackers: &[Given],
    expected: Option<ElectionId>,
    screen: &Screen,
    style: Style,
) -> Result<(Election, Vec<Given>), JoinError> {
    tracing::info!("asking the trackers for their election");
    let mut joining = Joining::new(trackers, expected, entropy::random(), now());
    let mut buffer = receive_buffer();
    loop {
        while let Some(output) = joining.poll_output() {
            match output {
                JoinOutput::Transmit { to, bytes } => udp.send(to, &bytes).await,
                JoinOutput::LookUp(name) => look_ups.start(name),
                JoinOutput::Event(event) => {
                    let event = Event::from(event);
                    log_event(&event);
                    screen.print(style.event(&event, unix_now().0)).await;
                }
                JoinOutput::Refused { error } => return Err(error),
                JoinOutput::Joined { election } => return Ok((*election, joining.trackers())),
            }
        }
        tokio::select! {
            () = udp.readable() => {
                udp.receive_burst(&mut buffer, |from, bytes| {
                    joining.handle_datagram(from, bytes, now());
                });
            }
            LookedUp { name, found } = look_ups.next() => {
                joining.handle_looked_up(&name, found, now());
            }
            () = until(joining.poll_timeout()) => joining.handle_timeout(now()),
        }
    }
}
