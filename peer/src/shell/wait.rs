//! Waiting for a core's timer, and for the system's wish that the peer ends.

use std::future::Future;
use std::io;
use std::time::Instant;

/// Completes at a moment, or never.
pub(crate) async fn until(moment: Option<Instant>) {
    match moment {
        Some(moment) => tokio::time::sleep_until(moment.into()).await,
        None => std::future::pending().await,
    }
}

/// Completes when the system asks the peer to end. The handlers stand when this returns.
///
/// # Errors
/// When the system lets no handler stand.
#[cfg(unix)]
pub(crate) fn end_signal() -> io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hangup = signal(SignalKind::hangup())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
        }
    })
}

/// Completes when the user asks the peer to end.
///
/// # Errors
/// When the system lets no handler stand.
#[cfg(not(unix))]
pub(crate) fn end_signal() -> io::Result<impl Future<Output = ()>> {
    Ok(async {
        // Without a handler only the prompt ends the peer.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    })
}
