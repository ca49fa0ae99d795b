//! The local network: which addresses this machine has, told to the node whenever they change, and the multicast group
//! by which peers there meet.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::{Duration, Instant};

use host::clock::now;
use host::multicast::{Interface, Multicast, interfaces};
use host::signals::until;
use node::{InterfaceAddress, Node, OwnAddresses};
use tokio::sync::watch;

use crate::config::MulticastSetting;
use crate::schema;

/// The groups by default. That of IPv4 is one of the local scope (RFC 2365), which its TTL keeps to one link: those of
/// 224.0.0.0/24 are assigned to protocols of the network itself. That of IPv6 is link-local and free for any use.
pub(crate) const GROUP_V4: Ipv4Addr = Ipv4Addr::new(239, 255, 79, 83);
pub(crate) const GROUP_V6: Ipv6Addr = Ipv6Addr::new(0xff12, 0, 0, 0, 0, 0, 0, 0x4f53);
/// The port of both, which peers share. (In 487 BC the first Athenian was ostracised.)
pub(crate) const GROUP_PORT: u16 = 6_487;
/// How often the machine is asked for its addresses. Who goes to another Wi-Fi meets others there this much later.
const RENEW_PERIOD: Duration = Duration::from_secs(3);

/// The reason why a peer does not announce itself though it was told to.
#[derive(Debug, thiserror::Error)]
pub enum LanError {
    #[error(
        "--multicast reaches other machines, and LISTEN is {listen}, which is this machine alone: listen on {example}, or leave --multicast out"
    )]
    Loopback { listen: SocketAddr, example: String },
    #[error(
        "LISTEN is {listen} and --multicast {group} is of the other IP version: choose a group as {example}"
    )]
    OtherFamily { listen: SocketAddr, group: SocketAddr, example: SocketAddr },
    #[error("can't listen to --multicast {group}: {source}")]
    Open { group: SocketAddr, source: io::Error },
}

/// The local network as this peer sees it.
#[derive(Debug)]
pub(super) struct Lan {
    /// Where the peer listens: an address of each IP version at most, on one port.
    listens: Vec<SocketAddr>,
    /// One for each IP version; none if announcements are neither sent nor heard.
    multicasts: Vec<Multicast>,
    /// When the addresses are looked at again; `None` for a peer of this machine alone.
    renew_at: Option<Instant>,
    told: watch::Sender<schema::Multicast>,
}

impl Lan {
    /// Opens the sockets within a tokio runtime. Nothing is sent yet.
    ///
    /// # Errors
    /// When multicast was asked for and can't be had.
    pub(super) fn start(
        setting: MulticastSetting,
        listens: &[SocketAddr],
    ) -> Result<Self, LanError> {
        let reached = listens.iter().filter(|listen| !listen.ip().is_loopback());
        let listens_outside: Vec<_> = reached.copied().collect();
        let (mut multicasts, mut off) = (Vec::new(), None);
        match setting {
            MulticastSetting::Off => off = Some("by --multicast off".to_owned()),
            MulticastSetting::On(group) => multicasts = open_as_told(group, listens)?,
            MulticastSetting::Usual if listens_outside.is_empty() => {
                off = Some("LISTEN is this machine alone".to_owned());
            }
            MulticastSetting::Usual => {
                for listen in &listens_outside {
                    let group = usual_group(listen);
                    match Multicast::open(group, listen.ip()) {
                        Ok(multicast) => multicasts.push(multicast),
                        Err(error) => off = Some(format!("{group} can't be listened to: {error}")),
                    }
                }
            }
        }
        let groups = multicasts.iter().map(Multicast::group).collect();
        let (told, _) = watch::channel(schema::Multicast { groups, interfaces: 0, off });
        let renew_at = (!listens_outside.is_empty()).then(|| now().instant);
        Ok(Self { listens: listens_outside, multicasts, renew_at, told })
    }

    /// What users are told of multicast, which changes.
    pub(super) fn view(&self) -> watch::Receiver<schema::Multicast> {
        self.told.subscribe()
    }

    /// Completes when [`step`](Self::step) has something to do.
    pub(super) async fn ready(&self) {
        let heard = |place: usize| async move {
            match self.multicasts.get(place) {
                Some(multicast) => multicast.readable().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = heard(0) => {}
            () = heard(1) => {}
            () = until(self.renew_at) => {}
        }
    }

    /// Hands over what was heard, and tells the node of the machine's addresses when it is time to look at them.
    pub(super) fn step(&mut self, node: &mut Node, buffer: &mut [u8]) {
        let at = now();
        if self.renew_at.is_some_and(|renew_at| renew_at <= at.instant) {
            self.renew_at = Some(at.instant + RENEW_PERIOD);
            match interfaces() {
                Ok(all) => self.renew(&all, node),
                Err(error) => {
                    tracing::debug!(%error, "the addresses of this machine are not known")
                }
            }
        }
        for multicast in &self.multicasts {
            multicast.receive_burst(buffer, |from, bytes| {
                node.handle_announcement(from, bytes, now());
            });
        }
    }

    /// Announces on each interface by one IP version alone, so that a peer of both is not met twice. Who has only the
    /// other one there announces itself by that, which is heard here.
    pub(super) fn announce(&self, bytes: &[u8]) {
        let by_ipv4 = self.multicasts.iter().find(|multicast| multicast.group().is_ipv4());
        for multicast in &self.multicasts {
            multicast.send(bytes, by_ipv4.filter(|_| multicast.group().is_ipv6()));
        }
    }

    fn renew(&mut self, all: &[Interface], node: &mut Node) {
        let serves = |interface: &&Interface| {
            self.listens.iter().any(|listen| match listen.ip() {
                ip if ip.is_unspecified() => interface.ip.is_ipv4() == ip.is_ipv4(),
                ip => interface.ip == ip,
            })
        };
        let served: Vec<_> = all.iter().filter(serves).copied().collect();
        for multicast in &mut self.multicasts {
            multicast.follow(&served);
        }
        let joined = self.multicasts.iter().map(Multicast::interface_count).sum();
        self.told
            .send_if_modified(|told| std::mem::replace(&mut told.interfaces, joined) != joined);
        let address =
            |interface: &Interface| InterfaceAddress { ip: interface.ip, prefix: interface.prefix };
        let interfaces = served.iter().map(address).collect();
        let port = self.listens.first().map_or(0, SocketAddr::port);
        let own = OwnAddresses { port, interfaces, announces: joined > 0 };
        node.set_own_addresses(own, now());
    }
}

fn usual_group(listen: &SocketAddr) -> SocketAddr {
    match listen.ip() {
        IpAddr::V4(_) => SocketAddr::from((GROUP_V4, GROUP_PORT)),
        IpAddr::V6(_) => SocketAddr::from((GROUP_V6, GROUP_PORT)),
    }
}

fn open_as_told(
    group: Option<SocketAddr>,
    listens: &[SocketAddr],
) -> Result<Vec<Multicast>, LanError> {
    let first = listens[0];
    let outside = listens.iter().filter(|listen| !listen.ip().is_loopback());
    let outside: Vec<_> = outside.copied().collect();
    if outside.is_empty() {
        let example = match first.ip() {
            IpAddr::V4(_) => format!("0.0.0.0:{}", first.port()),
            IpAddr::V6(_) => format!("[::]:{}", first.port()),
        };
        return Err(LanError::Loopback { listen: first, example });
    }
    let open = |group, listen: &SocketAddr| {
        Multicast::open(group, listen.ip()).map_err(|source| LanError::Open { group, source })
    };
    let Some(group) = group else {
        return outside.iter().map(|listen| open(usual_group(listen), listen)).collect();
    };
    match outside.iter().find(|listen| listen.is_ipv4() == group.is_ipv4()) {
        Some(listen) => Ok(vec![open(group, listen)?]),
        None => {
            let example = usual_group(&outside[0]);
            Err(LanError::OtherFamily { listen: outside[0], group, example })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Nothing is bound that other machines can reach: that is for tests in networks of their own.
    #[tokio::test]
    async fn on_loopback_there_is_no_multicast_and_who_asks_for_it_is_refused() {
        let at = |text: &str| text.parse::<SocketAddr>().expect("an address");
        let lan = Lan::start(MulticastSetting::Usual, &[at("127.0.0.1:6001")]).expect("it is off");
        let off = Some("LISTEN is this machine alone".to_owned());
        assert_eq!(*lan.view().borrow(), schema::Multicast { groups: vec![], interfaces: 0, off });
        assert!(lan.renew_at.is_none());
        let off = Lan::start(MulticastSetting::Off, &[at("0.0.0.0:6001")]).expect("it is off");
        assert_eq!(off.view().borrow().off.as_deref(), Some("by --multicast off"));
        for (listen, group, message) in [
            ("127.0.0.1:6001", None, "listen on 0.0.0.0:6001, or leave --multicast out"),
            ("[::1]:6001", None, "listen on [::]:6001, or leave --multicast out"),
            ("[::]:1", Some("239.255.1.1:6487"), "choose a group as [ff12::4f53]:6487"),
            ("0.0.0.0:1", Some("[ff12::1]:6487"), "choose a group as 239.255.79.83:6487"),
        ] {
            let setting = MulticastSetting::On(group.map(at));
            let error = Lan::start(setting, &[at(listen)]).expect_err("refused").to_string();
            assert!(error.ends_with(message), "{error}");
        }
    }
}
