//! Opens the TCP socket on which a server listens, and explains in one line why that failed.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::TcpListener;

/// The number of connections that the system may queue until the server accepts them. It is large
/// so that a burst of slow connections does not make the system turn quick ones away. The system
/// may grant less.
const BACKLOG: i32 = 1_024;

/// The reason why the server can't listen at an address.
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

/// Listens on an address; port 0 lets the system choose one. An unspecified IPv6 address accepts
/// IPv4 connections too. Must be called within a tokio runtime.
///
/// # Errors
/// When the address is in use, is not an address of this machine, or may not be used by this user.
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
    // Without this option, connections that remain from the program that had the port before would
    // keep it from being used again. (On Windows the option means something else: that another
    // program may take over the port.)
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
