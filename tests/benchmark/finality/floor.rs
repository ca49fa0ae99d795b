//! What no peer can do without: writes that last, and datagrams that travel.

use std::fs::File;
use std::io::Write;
use std::net::UdpSocket;
use std::path::Path;
use std::thread;
use std::time::Duration;

use anyhow::Context;

use super::{Quantiles, timed};

/// A page of the store, which is the least that it writes.
const WRITE_BYTES: usize = 4_096;
const WRITES: usize = 200;
/// About as long as a PREPARE with its envelope.
const DATAGRAM_BYTES: usize = 200;
const TRIPS: usize = 2_000;
const TRIP_PATIENCE: Duration = Duration::from_secs(5);

/// The least that this machine takes for each.
#[derive(Debug, Clone, Copy)]
pub(super) struct Floor {
    /// A page appended to a file, and synced.
    pub(super) write: Quantiles,
    /// One way between two threads on loopback: half of there and back.
    pub(super) trip: Quantiles,
}

impl Floor {
    /// Measures on the disk of a directory, and on loopback.
    ///
    /// # Errors
    /// When the disk or the network fails.
    pub(super) fn measure(directory: &Path) -> anyhow::Result<Self> {
        let mut file = File::create(directory.join("floor")).context("a file to time writes by")?;
        let page = [7; WRITE_BYTES];
        let mut write = || {
            timed(|| {
                file.write_all(&page)?;
                Ok(file.sync_data()?)
            })
        };
        Ok(Self { write: Quantiles::time(WRITES, &mut write)?, trip: trips()? })
    }
}

fn trips() -> anyhow::Result<Quantiles> {
    let bind = || -> anyhow::Result<UdpSocket> {
        let socket = UdpSocket::bind("127.0.0.1:0")?;
        socket.set_read_timeout(Some(TRIP_PATIENCE))?;
        Ok(socket)
    };
    let (here, there) = (bind()?, bind()?);
    here.connect(there.local_addr()?)?;
    there.connect(here.local_addr()?)?;
    let echo = thread::spawn(move || -> anyhow::Result<()> {
        let mut buffer = [0; DATAGRAM_BYTES];
        for _ in 0..TRIPS {
            let length = there.recv(&mut buffer)?;
            there.send(&buffer[..length])?;
        }
        Ok(())
    });
    let mut buffer = [7; DATAGRAM_BYTES];
    let there_and_back = Quantiles::time(TRIPS, || {
        timed(|| {
            here.send(&buffer)?;
            here.recv(&mut buffer)?;
            Ok(())
        })
    })?;
    echo.join().map_err(|_| anyhow::anyhow!("the echo panicked"))??;
    Ok(Quantiles { p50: there_and_back.p50 / 2, p99: there_and_back.p99 / 2 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_take_time() {
        let directory = tempfile::tempdir().expect("a directory");
        let floor = Floor::measure(directory.path()).expect("a disk and loopback");
        for Quantiles { p50, p99 } in [floor.write, floor.trip] {
            assert!(Duration::ZERO < p50 && p50 <= p99, "{floor:?}");
        }
    }
}
