//! Opens the API's listener, and serves the API until the peer ends.

use std::fs;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use host::http::{BindError, Limits, Site};
use tokio::net::TcpListener;
use tokio::sync::{Notify, oneshot};
use tokio::task::JoinHandle;

use super::access::Access;
use super::context::Context;
use super::metrics::Metrics;
use super::routes;
use crate::actions::Actions;
use crate::addresses::{self, AddressError};
use crate::config::{ApiListen, ApiSettings};
use crate::store::commit_metrics::CommitMetrics;
use crate::store::data_directory::URL_FILE;
use host::whole_file::{self, Existing, FileMode, WholeFileError};
use keys::secret_file::SecretFileError;

/// The reason why there is no API.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    #[error(transparent)]
    Address(#[from] AddressError),
    #[error("the API can't listen: {0}; or say --api off, or --api with another address")]
    Bind(#[from] BindError),
    #[error(transparent)]
    Token(#[from] SecretFileError),
    #[error(transparent)]
    File(#[from] WholeFileError),
}

/// A listening socket, before there is anything to serve.
#[derive(Debug)]
pub(crate) struct Api {
    listener: TcpListener,
    site: Site,
}

/// An API that is being served. It ends when this is dropped or ended.
#[derive(Debug)]
pub(crate) struct Serving {
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
    url_file: PathBuf,
}

impl Api {
    /// Listens as the settings say; `None` if they say that there is no API. `udp` is the address
    /// where datagrams arrive, and `any_port` tells whether the system chose that port.
    ///
    /// # Errors
    /// When the address can't be resolved, or when it can't be listened on.
    pub(crate) async fn bind(
        settings: &ApiSettings,
        udp: SocketAddr,
        any_port: bool,
    ) -> Result<Option<Self>, ApiError> {
        let listener = match &settings.listen {
            ApiListen::Off => return Ok(None),
            ApiListen::At(text) => host::http::bind(addresses::look_up(text).await?[0])?,
            ApiListen::Beside => {
                let beside = |port| host::http::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
                match beside(udp.port()) {
                    Err(BindError::InUse { .. }) if any_port => beside(0)?,
                    bound => bound?,
                }
            }
        };
        let address = listener.local_addr().map_err(|source| {
            let address = udp;
            ApiError::Bind(BindError::Unavailable { address, source })
        })?;
        let site = Site::new(address, settings.hosts.clone(), settings.origins.clone())
            .with_probes(&["/healthz", "/readyz"]);
        Ok(Some(Self { listener, site }))
    }

    pub(crate) fn url(&self) -> String {
        self.site.url()
    }

    /// Serves the API in a task of its own, and writes its address into the data directory. `leave`
    /// is notified when somebody with the token wants the peer to leave.
    ///
    /// # Errors
    /// When the token can't be read or made, or when the disk fails.
    pub(crate) fn serve(
        self,
        actions: Arc<Actions>,
        directory: &Path,
        leave: Arc<Notify>,
        commits: &CommitMetrics,
    ) -> Result<Serving, ApiError> {
        let url = self.url();
        let port = self.listener.local_addr().map_or(0, |address| address.port());
        let access = Access::open(directory, port)?;
        let url_file = directory.join(URL_FILE);
        whole_file::write(
            &url_file,
            format!("{url}\n").as_bytes(),
            Existing::Replace,
            FileMode::Default,
        )?;
        let metrics = Metrics::new(commits);
        let router = routes::router(Context::new(actions, access, url, leave, metrics));
        let (stop, stopped) = oneshot::channel();
        let shutdown = async {
            // The server also ends when the sender is dropped, since nobody could stop it any more.
            let _ = stopped.await;
        };
        let serving =
            host::http::serve(self.listener, self.site, Limits::default(), router, shutdown);
        Ok(Serving { stop: Some(stop), task: tokio::spawn(serving), url_file })
    }
}

impl Serving {
    /// Accepts no more requests, and gives the current ones a moment to finish.
    pub(crate) async fn end(mut self) {
        self.stop.take();
        if let Err(error) = (&mut self.task).await {
            tracing::error!(%error, "the API ended by a panic");
        }
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        match fs::remove_file(&self.url_file) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                tracing::warn!(%error, "{} is still there", self.url_file.display());
            }
            Err(_) | Ok(()) => {}
        }
    }
}
