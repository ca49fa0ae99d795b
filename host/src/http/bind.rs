//! Opens the TCP socket on which a server listens, and explains in one line why that failed.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::TcpListener;

/// Connections that the system may hold until they are taken: a burst of slow ones must not make it turn quick
/// ones away meanwhile. It may grant less.
const BACKLOG: i32 = 1_024;

/// Why nothing listens there.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    #[error("{address} (TCP) is in use: stop the program that has it, or choose another address")]
    InUse { address: SocketAddr },
    #[error("{address} (TCP) is not an address of this machine: choose one that is")]
    NotHere { address: SocketAddr },
    #[error("{address} (TCP) may not be used by this user: choose a port from 1024 on")]
    Forbidden { address: SocketAddr },
    #[error("can't listen on {address} (TCP)")]
    Unavailable { address: SocketAddr, source: io::Error },
}

/// Listens on an address; port 0 lets the system choose. An unspecified IPv6 address takes IPv4 too. Must be
/// called within a runtime.
///
/// # Errors
/// When the address is in use, not this machine's, or not for this user.
pub fn bind(address: SocketAddr) -> Result<TcpListener, BindError> {
    open(address).map_err(|source| {
        let kind = source.kind();
        if kind == ErrorKind::AddrInUse {
            return BindError::InUse { address };
        }
        if kind == ErrorKind::AddrNotAvailable {
            return BindError::NotHere { address };
        }
        if kind == ErrorKind::PermissionDenied {
            return BindError::Forbidden { address };
        }
        BindError::Unavailable { address, source }
    })
}

fn open(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        socket.set_only_v6(false)?;
    }
    // Connections of the program that had the port before must not keep it from being used again. (On
    // Windows the option means another thing: that somebody else may take the port.)
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_port_in_use_and_a_foreign_address_are_one_line_each() {
        let first = bind(SocketAddr::from(([127, 0, 0, 1], 0))).expect("a free port");
        let address = first.local_addr().expect("it is bound");
        let error = bind(address).expect_err("it is taken");
        let expected = format!(
            "{address} (TCP) is in use: stop the program that has it, or choose another address"
        );
        assert_eq!(error.to_string(), expected);

        // An address that is set aside for documents.
        let error = bind(SocketAddr::from(([192, 0, 2, 1], 0))).expect_err("it is not here");
        assert!(matches!(error, BindError::NotHere { .. }), "{error:?}");
    }
}
