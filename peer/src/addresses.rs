//! Resolves the addresses that people typed to socket addresses, and makes sure that those of one
//! peer fit together.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use protocol::address::{AddressText, AddressTextError};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::timeout;

use node::Given;

/// How long a start waits for names. A name server that is away must not keep a peer from starting: what is not found
/// by then is looked up later.
const START_PATIENCE: Duration = Duration::from_secs(3);
/// How many names are looked up at one time, each of which holds a thread.
pub(crate) const LOOK_UPS_AT_ONCE: usize = 8;

/// The addresses of one peer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Addresses {
    /// Where to listen: all addresses of one name, of which the first of each IP version is meant.
    pub(crate) listen: Vec<SocketAddr>,
    pub(crate) trackers: Vec<Given>,
    pub(crate) neighbours: Vec<Given>,
}

/// What can be written to from the addresses that a peer listens on.
#[derive(Debug, Clone)]
pub(crate) struct Reach(Vec<SocketAddr>);

/// The reason why addresses can't be used.
#[derive(Debug, thiserror::Error)]
pub enum AddressError {
    #[error("can't find the host of {text}: {source}")]
    Unresolved { text: AddressText, source: io::Error },
    #[error("the host of {text} has no address")]
    NoAddress { text: AddressText },
    #[error("can't send to port 0 of {role} {text}: name its port")]
    PortZero { role: &'static str, text: AddressText },
    #[error(
        "LISTEN is {listen} and {role} {text} has no such address: listen on {wanted} of this machine instead, such as {example}"
    )]
    OtherFamily {
        listen: SocketAddr,
        role: &'static str,
        text: AddressText,
        wanted: &'static str,
        example: String,
    },
    #[error(
        "LISTEN is {listen}, which is this machine alone, and {role} {other} is elsewhere: name the interface to listen on, such as {example}"
    )]
    Loopback { listen: SocketAddr, role: &'static str, other: SocketAddr, example: String },
}

impl Reach {
    pub(crate) fn from(listen: impl IntoIterator<Item = SocketAddr>) -> Self {
        Self(listen.into_iter().collect())
    }

    fn covers(&self, other: &SocketAddr) -> bool {
        self.0.iter().any(|listen| {
            let is_any = listen.ip().is_unspecified() && listen.is_ipv6();
            let is_elsewhere = listen.ip().is_loopback() && !other.ip().is_loopback();
            (is_any || listen.is_ipv4() == other.is_ipv4()) && !is_elsewhere
        })
    }

    /// The addresses of a name that can be written to.
    ///
    /// # Errors
    /// Why there are none, in a few words.
    pub(crate) async fn look_up(&self, name: &str) -> Result<Vec<SocketAddr>, String> {
        let text: AddressText =
            name.parse().map_err(|error: AddressTextError| error.to_string())?;
        match look_up(&text).await {
            Ok(found) => {
                let found: Vec<_> = found.into_iter().filter(|each| self.covers(each)).collect();
                let none = || "none of its addresses can be reached from LISTEN".to_owned();
                if found.is_empty() { Err(none()) } else { Ok(found) }
            }
            Err(AddressError::Unresolved { source, .. }) => Err(reason(&source)),
            Err(error) => Err(error.to_string()),
        }
    }
}

/// Looks names up. What can't be found in time is left out, and has no addresses yet.
///
/// # Errors
/// See [`AddressError`]. Each message says what to type instead.
pub(crate) async fn resolve(
    listen: &AddressText,
    trackers: &[AddressText],
    neighbours: &[AddressText],
) -> Result<Addresses, AddressError> {
    let listen = look_up(listen).await?;
    let others: Vec<_> = trackers.iter().chain(neighbours).cloned().collect();
    let found = look_up_all(&others).await;
    let roles =
        trackers.iter().map(|_| "the tracker").chain(neighbours.iter().map(|_| "the neighbour"));
    let mut given = Vec::with_capacity(others.len());
    for ((role, text), found) in roles.zip(&others).zip(found) {
        given.push(usable(&listen, role, text, found)?);
    }
    let neighbours = given.split_off(trackers.len());
    Ok(Addresses { listen, trackers: given, neighbours })
}

/// Looks all of them up at the same time; `None` where nothing was found in time.
async fn look_up_all(texts: &[AddressText]) -> Vec<Option<Vec<SocketAddr>>> {
    let permits = Arc::new(Semaphore::new(LOOK_UPS_AT_ONCE));
    let mut looking = JoinSet::new();
    for (place, text) in texts.iter().cloned().enumerate() {
        let permits = Arc::clone(&permits);
        looking.spawn(async move {
            let _permit = permits.acquire().await;
            (place, look_up(&text).await.ok())
        });
    }
    let mut found = vec![None; texts.len()];
    let collecting = async {
        while let Some(looked_up) = looking.join_next().await {
            let Ok((place, addresses)) = looked_up else { continue };
            found[place] = addresses;
        }
    };
    // Whoever takes longer is asked again by the node.
    let _ = timeout(START_PATIENCE, collecting).await;
    found
}

/// The addresses that can be written to, of those that were found.
fn usable(
    listen: &[SocketAddr],
    role: &'static str,
    text: &AddressText,
    found: Option<Vec<SocketAddr>>,
) -> Result<Given, AddressError> {
    if text.port() == 0 {
        return Err(AddressError::PortZero { role, text: text.clone() });
    }
    let name = is_name(text).then(|| text.to_string().into());
    let Some(others) = found else { return Ok(Given { name, addresses: Vec::new() }) };
    let reach = Reach::from(listen.iter().copied());
    let addresses: Vec<_> = others.iter().copied().filter(|each| reach.covers(each)).collect();
    if !addresses.is_empty() {
        return Ok(Given { name, addresses });
    }
    let of_version =
        |other: &&SocketAddr| listen.iter().any(|listen| listen.is_ipv4() == other.is_ipv4());
    let Some(&other) = others.iter().find(of_version) else {
        let (listen, other) = (listen[0], others[0]);
        let wanted = if other.is_ipv4() { "an IPv4 address" } else { "an IPv6 address" };
        let example = example(other.ip(), listen.port());
        let text = text.clone();
        return Err(AddressError::OtherFamily { listen, role, text, wanted, example });
    };
    let fits = listen.iter().find(|listen| listen.is_ipv4() == other.is_ipv4());
    let listen = *fits.expect("it was chosen by that");
    let any = match other.ip() {
        IpAddr::V4(_) => format!("0.0.0.0:{}", listen.port()),
        IpAddr::V6(_) => format!("[::]:{}", listen.port()),
    };
    Err(AddressError::Loopback { listen, role, other, example: any })
}

/// Whether a host is a name, whose addresses may change.
fn is_name(text: &AddressText) -> bool {
    let (ip, _zone) = text.host().split_once('%').unwrap_or((text.host(), ""));
    ip.parse::<IpAddr>().is_err()
}

/// What the system says of a name that it can't find, without what every such message begins with.
fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    let (_, reason) = text.rsplit_once(": ").unwrap_or(("", &text));
    reason.to_owned()
}

/// An address of this machine from which `other` can be reached.
fn example(other: IpAddr, port: u16) -> String {
    match (other, other.is_loopback()) {
        (IpAddr::V4(_), true) => format!("127.0.0.1:{port}"),
        (IpAddr::V4(_), false) => format!("0.0.0.0:{port}"),
        (IpAddr::V6(_), true) => format!("[::1]:{port}"),
        (IpAddr::V6(_), false) => format!("[::]:{port}"),
    }
}

/// All addresses of a host, of which there is at least one.
pub(crate) async fn look_up(text: &AddressText) -> Result<Vec<SocketAddr>, AddressError> {
    match tokio::net::lookup_host((text.host(), text.port())).await {
        Ok(found) => {
            let found: Vec<_> = found.collect();
            if found.is_empty() {
                return Err(AddressError::NoAddress { text: text.clone() });
            }
            Ok(found)
        }
        Err(source) => Err(AddressError::Unresolved { text: text.clone(), source }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn resolved(
        listen: &str,
        tracker: &str,
        neighbours: &[&str],
    ) -> Result<Addresses, String> {
        let parse = |text: &str| text.parse::<AddressText>().expect("an address");
        let neighbours: Vec<_> = neighbours.iter().map(|text| parse(text)).collect();
        let trackers: Vec<_> =
            Some(tracker).filter(|text| !text.is_empty()).into_iter().map(parse).collect();
        resolve(&parse(listen), &trackers, &neighbours).await.map_err(|error| error.to_string())
    }

    #[tokio::test]
    async fn ports_are_of_this_machine() {
        let addresses = resolved("6001", "5000", &["6002"]).await.expect("addresses");
        let local = |port: u16| SocketAddr::from(([127, 0, 0, 1], port));
        assert_eq!(addresses.listen, [local(6001)]);
        assert_eq!(addresses.trackers, [Given::from(local(5000))]);
        assert_eq!(addresses.neighbours, [Given::from(local(6002))]);
        assert_eq!(resolved("0", "", &[]).await.expect("addresses").trackers, []);
    }

    #[tokio::test]
    async fn a_name_that_is_not_found_has_no_addresses_yet() {
        let addresses = resolved("6001", "nowhere.invalid:5000", &["localhost:6002"]).await;
        let addresses = addresses.expect("it is looked up again");
        let name = Some("nowhere.invalid:5000".into());
        assert_eq!(addresses.trackers, [Given { name, addresses: vec![] }]);
        let local = SocketAddr::from(([127, 0, 0, 1], 6002));
        assert_eq!(addresses.neighbours[0].addresses, [local], "no other can be written to");
        assert_eq!(addresses.neighbours[0].name.as_deref(), Some("localhost:6002"));
        let reach = Reach::from(addresses.listen);
        assert!(reach.look_up("nowhere.invalid:5000").await.is_err());
        let elsewhere = reach.look_up("192.0.2.1:5000").await.expect_err("from loopback");
        assert!(elsewhere.contains("LISTEN"), "{elsewhere}");
    }

    #[tokio::test]
    async fn what_can_not_work_is_said_with_a_mend() {
        let error = resolved("6001", "192.0.2.1:5000", &[]).await.expect_err("another machine");
        assert!(error.ends_with("such as 0.0.0.0:6001"), "{error}");
        let error = resolved("6001", "[::1]:5000", &[]).await.expect_err("another family");
        assert!(error.ends_with("such as [::1]:6001"), "{error}");
        let error = resolved("6001", "5000", &["[::1]:6002"]).await.expect_err("another family");
        assert!(error.contains("the neighbour [::1]:6002"), "{error}");
        let error = resolved("6001", "0", &[]).await.expect_err("port 0");
        assert!(error.contains("name its port"), "{error}");
    }

    #[tokio::test]
    async fn any_interface_reaches_both() {
        assert!(resolved("0.0.0.0:6001", "192.0.2.1:5000", &["127.0.0.1:1"]).await.is_ok());
        assert!(resolved("0.0.0.0:6001", "5000", &[]).await.is_ok());
        let both = resolved("[::]:6001", "192.0.2.1:5000", &["[2001:db8::1]:1"]).await;
        assert!(both.is_ok(), "{both:?}");
    }
}
