//! Resolves the addresses that people typed to socket addresses, and makes sure that those of one
//! peer fit together.

use std::io;
use std::net::{IpAddr, SocketAddr};

use protocol::address::AddressText;

/// The addresses of one peer, which all belong to the same IP version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Addresses {
    pub(crate) listen: SocketAddr,
    pub(crate) tracker: Option<SocketAddr>,
    pub(crate) neighbours: Vec<SocketAddr>,
}

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

/// Resolves names, and chooses addresses of one IP version. If the address to listen on leaves a
/// choice, it is the tracker's version.
///
/// # Errors
/// See [`AddressError`]. Each message says what to type instead.
pub(crate) async fn resolve(
    listen: &AddressText,
    tracker: Option<&AddressText>,
    neighbours: &[AddressText],
) -> Result<Addresses, AddressError> {
    let candidates = look_up(listen).await?;
    let (listen, tracker) = match tracker {
        None => (candidates[0], None),
        Some(text) => {
            let (listen, tracker) = choose(&candidates, "the tracker", text).await?;
            (listen, Some(tracker))
        }
    };
    let mut resolved = Vec::with_capacity(neighbours.len());
    for text in neighbours {
        resolved.push(choose(&[listen], "the neighbour", text).await?.1);
    }
    Ok(Addresses { listen, tracker, neighbours: resolved })
}

/// Chooses two addresses of one IP version: where to listen, and the other's address.
async fn choose(
    listen: &[SocketAddr],
    role: &'static str,
    text: &AddressText,
) -> Result<(SocketAddr, SocketAddr), AddressError> {
    if text.port() == 0 {
        return Err(AddressError::PortZero { role, text: text.clone() });
    }
    let others = look_up(text).await?;
    let fits = |other: &SocketAddr| {
        listen.iter().find(|listen| listen.is_ipv4() == other.is_ipv4()).map(|fit| (*fit, *other))
    };
    let Some((listen, other)) = others.iter().find_map(fits) else {
        let (listen, other) = (listen[0], others[0]);
        let wanted = if other.is_ipv4() { "an IPv4 address" } else { "an IPv6 address" };
        let example = example(other.ip(), listen.port());
        return Err(AddressError::OtherFamily {
            listen,
            role,
            text: text.clone(),
            wanted,
            example,
        });
    };
    if listen.ip().is_loopback() && !other.ip().is_loopback() {
        let any = match other.ip() {
            IpAddr::V4(_) => format!("0.0.0.0:{}", listen.port()),
            IpAddr::V6(_) => format!("[::]:{}", listen.port()),
        };
        return Err(AddressError::Loopback { listen, role, other, example: any });
    }
    Ok((listen, other))
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
        let tracker = Some(tracker).filter(|text| !text.is_empty()).map(parse);
        resolve(&parse(listen), tracker.as_ref(), &neighbours)
            .await
            .map_err(|error| error.to_string())
    }

    #[tokio::test]
    async fn ports_are_of_this_machine() {
        let addresses = resolved("6001", "5000", &["6002"]).await.expect("addresses");
        let local = |port: u16| SocketAddr::from(([127, 0, 0, 1], port));
        assert_eq!(addresses.listen, local(6001));
        assert_eq!(addresses.tracker, Some(local(5000)));
        assert_eq!(addresses.neighbours, [local(6002)]);
        assert_eq!(resolved("0", "", &[]).await.expect("addresses").tracker, None);
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
    }
}
