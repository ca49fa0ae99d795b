//! Decides which peer is asked, where its token is stored, and whose key signs. A token belongs to
//! one server: it is read only when an order needs it, and it must never be sent to a server for
//! which it was not named.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use ureq::http::Uri;
use zeroize::Zeroizing;

use crate::cli::Connection;
use crate::store::data_directory::{self, DataDirectoryError, TOKEN_FILE, URL_FILE};
use crate::store::default_places;
use host::files::{self, FileError, ReadError};
use keys::secret_file::{self, SecretFileError};

/// The most bytes that are read from a file with a URL. A host name has at most 253.
const FILE_BYTES_MAX: u64 = 1_024;

/// The API of a peer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Server {
    /// `http://HOST:PORT`, without a slash at its end.
    base: String,
    host: String,
    port: u16,
    /// The file that names the server, unless the user named it.
    pub(super) named_in: Option<PathBuf>,
}

/// The secret that authorises orders to a peer. It is wiped after use, and appears in no message.
pub(crate) struct Token(Zeroizing<String>);

/// A server, and what belongs to it on this machine.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    pub(crate) server: Server,
    token_file: Option<PathBuf>,
    /// The data directory, which was either given or found while the server was looked for.
    directory: Option<PathBuf>,
    /// Whether a key may be made if there is none.
    pub(crate) may_make_key: bool,
}

/// The reason why no peer can be asked. Each message is one line.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TargetError {
    #[error(
        "{url:?} needs TLS, which this program leaves to others: put a tunnel or a proxy on this machine, and name its http://127.0.0.1:PORT"
    )]
    Https { url: String },
    #[error("{url:?} is no peer's address: write http://HOST:PORT")]
    Url { url: String },
    #[error("there is no directory {path}: name another --data-dir", path = path.display())]
    NoDirectory { path: PathBuf },
    #[error("no peer runs on {path}, or its API is off", path = path.display())]
    NotRunning { path: PathBuf },
    #[error(transparent)]
    DataDirectory(#[from] DataDirectoryError),
    #[error(transparent)]
    File(#[from] FileError),
    #[error("{path} names no peer: start the peer again, or name a --server", path = path.display())]
    UrlFile { path: PathBuf },
    #[error("this takes the peer's token: name its --data-dir, or a --token-file")]
    NoToken,
    #[error("there is no token in {path}: name another --token-file", path = path.display())]
    NoTokenFile { path: PathBuf },
    #[error(transparent)]
    Token(#[from] SecretFileError),
}

impl TargetError {
    /// A word for programs that never changes.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Https { .. } | Self::Url { .. } | Self::UrlFile { .. } => "bad_server",
            Self::NotRunning { .. } => "no_contact",
            Self::NoDirectory { .. } | Self::DataDirectory(_) => "data_directory",
            Self::File(_) => "file",
            Self::NoToken | Self::NoTokenFile { .. } => "no_token",
            Self::Token(_) => "bad_token",
        }
    }
}

impl Server {
    /// Reads `http://HOST:PORT`.
    ///
    /// # Errors
    /// When the text is anything else, such as another scheme, or has a path, a user name or a
    /// password.
    pub(crate) fn parse(url: &str) -> Result<Self, TargetError> {
        let url = url.trim();
        let refused = || TargetError::Url { url: url.to_owned() };
        let uri: Uri = url.parse().map_err(|_| refused())?;
        match uri.scheme_str() {
            Some("http") => {}
            Some("https") => return Err(TargetError::Https { url: url.to_owned() }),
            Some(_) | None => return Err(refused()),
        }
        let authority = uri.authority().filter(|authority| !authority.as_str().contains('@'));
        let authority = authority.ok_or_else(refused)?;
        if uri.path() != "/" || uri.query().is_some() || authority.host().is_empty() {
            return Err(refused());
        }
        let port = match authority.port() {
            Some(port) => port.as_u16(),
            None if authority.as_str() == authority.host() => 80,
            None => return Err(refused()),
        };
        Ok(Self {
            base: format!("http://{authority}"),
            host: authority.host().trim_matches(['[', ']']).to_owned(),
            port,
            named_in: None,
        })
    }

    pub(crate) fn base(&self) -> &str {
        &self.base
    }

    /// The host and port to connect to.
    pub(crate) fn host_and_port(&self) -> (&str, u16) {
        (&self.host, self.port)
    }

    /// Whether the server is on this machine, so that no proxy is used.
    pub(crate) fn is_loopback(&self) -> bool {
        let address = self.host.parse::<std::net::IpAddr>();
        address.map_or(self.host.eq_ignore_ascii_case("localhost"), |address| address.is_loopback())
    }
}

impl fmt::Display for Server {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.base)?;
        match &self.named_in {
            Some(file) => write!(formatter, " (named in {})", file.display()),
            None => Ok(()),
        }
    }
}

impl Token {
    fn read(path: &Path) -> Result<Self, TargetError> {
        let secret = secret_file::read_existing(path)?;
        let secret = secret.ok_or_else(|| TargetError::NoTokenFile { path: path.to_owned() })?;
        Ok(Self(Zeroizing::new(hex::encode(secret.as_slice()))))
    }

    /// The value of the header `Authorization`.
    pub(super) fn authorization(&self) -> Zeroizing<String> {
        Zeroizing::new(format!("Bearer {}", self.0.as_str()))
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Token")
    }
}

impl Target {
    /// Finds the server that was named, or else the one of the data directory. The directory is not
    /// locked, because a peer is using it.
    ///
    /// # Errors
    /// See [`TargetError`].
    pub(crate) fn find(connection: &Connection) -> Result<Self, TargetError> {
        let Connection { server, data_dir, token_file, .. } = connection;
        let token_in = |directory: &PathBuf| directory.join(TOKEN_FILE);
        if let Some(url) = server {
            return Ok(Self {
                server: Server::parse(url)?,
                token_file: token_file.clone().or_else(|| data_dir.as_ref().map(token_in)),
                directory: data_dir.clone(),
                may_make_key: data_dir.is_some(),
            });
        }
        let directory = match data_dir {
            Some(path) if !path.is_dir() => {
                return Err(TargetError::NoDirectory { path: path.clone() });
            }
            Some(path) => path.clone(),
            None => default_places::running_default()?,
        };
        Ok(Self {
            server: server_of(&directory)?,
            token_file: token_file.clone().or_else(|| Some(token_in(&directory))),
            directory: Some(directory),
            may_make_key: false,
        })
    }

    /// The server's token.
    ///
    /// # Errors
    /// When there is none, or when it can't be read.
    pub(crate) fn token(&self) -> Result<Token, TargetError> {
        let path = self.token_file.as_ref().ok_or(TargetError::NoToken)?;
        Token::read(path)
    }

    /// The data directory with the voter's key.
    ///
    /// # Errors
    /// When none was named, and there is not exactly one in the place where peers store them.
    pub(crate) fn directory(&self) -> Result<PathBuf, TargetError> {
        match &self.directory {
            Some(path) => Ok(path.clone()),
            None => Ok(default_places::only_default()?),
        }
    }

    /// The data directory, if it is known without looking for it.
    pub(crate) fn known_directory(&self) -> Option<&Path> {
        self.directory.as_deref()
    }
}

fn server_of(directory: &Path) -> Result<Server, TargetError> {
    let path = directory.join(URL_FILE);
    let not_running = || TargetError::NotRunning { path: directory.to_owned() };
    if data_directory::read_election(directory)?.is_none() {
        return Err(DataDirectoryError::NoElection { path: directory.to_owned() }.into());
    }
    // Without this check, another program could listen at that address by now, and would be sent
    // the token.
    if !data_directory::is_in_use(directory) {
        return Err(not_running());
    }
    match files::read_text(&path, FILE_BYTES_MAX) {
        Ok(url) => match Server::parse(&url) {
            Ok(server) => Ok(Server { named_in: Some(path), ..server }),
            Err(_) => Err(TargetError::UrlFile { path }),
        },
        Err(ReadError::TooLong { .. }) => Err(TargetError::UrlFile { path }),
        Err(ReadError::File(error)) if error.source.kind() == io::ErrorKind::NotFound => {
            Err(not_running())
        }
        Err(ReadError::File(error)) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::AnswerFormat;
    use crate::store::data_directory::DataDirectory;
    use chain::fixtures::election;

    fn connection(server: Option<&str>, data_dir: Option<&Path>) -> Connection {
        Connection {
            server: server.map(str::to_owned),
            data_dir: data_dir.map(Path::to_owned),
            token_file: None,
            format: AnswerFormat::default(),
        }
    }

    #[test]
    fn only_plain_addresses_are_taken() {
        let server = Server::parse("http://127.0.0.1:6001/\n").expect("as api.url has it");
        assert_eq!((server.base(), server.is_loopback()), ("http://127.0.0.1:6001", true));
        for (url, is_loopback, port) in [
            ("http://[::1]:7", true, 7),
            ("http://LOCALHOST", true, 80),
            ("http://a.org:9", false, 9),
        ] {
            let server = Server::parse(url).expect(url);
            assert_eq!(
                (server.is_loopback(), server.host_and_port().1),
                (is_loopback, port),
                "{url}"
            );
        }
        assert_eq!(
            Server::parse("http://[::1]:7").expect("an address").host_and_port(),
            ("::1", 7)
        );
        let refused = Server::parse("https://a.org").expect_err("TLS").to_string();
        assert!(refused.contains("a tunnel or a proxy on this machine"), "{refused}");
        for url in [
            "",
            "6001",
            "127.0.0.1:6001",
            "ftp://a.org",
            "http://",
            "http://a:b@c.org",
            "http://a.org/x",
            "http://a.org?x",
            "http://a.org:99999",
        ] {
            assert!(matches!(Server::parse(url), Err(TargetError::Url { .. })), "{url}");
        }
    }

    #[test]
    fn the_data_directory_names_its_peer_while_that_runs() {
        let parent = tempfile::tempdir().expect("a directory");
        let path = parent.path().join("data");
        let refused = |part: &str| {
            let error = Target::find(&connection(None, Some(&path))).expect_err(part).to_string();
            assert!(error.contains(part), "{error}");
        };
        refused("there is no directory");
        let running = DataDirectory::open(path.clone()).expect("a new directory");
        refused("no election is kept there");
        running.keep_election(&election()).expect("kept");
        refused("no peer runs on");
        std::fs::write(path.join(URL_FILE), "nowhere\n").expect("written");
        refused("names no peer");
        std::fs::write(path.join(URL_FILE), "http://127.0.0.1:6001\n").expect("written");
        let target = Target::find(&connection(None, Some(&path))).expect("a peer runs");
        assert!(target.server.to_string().contains("named in"), "{}", target.server);
        assert!(matches!(target.token(), Err(TargetError::NoTokenFile { .. })));
        let made = secret_file::read_or_make(&path.join(TOKEN_FILE), || Zeroizing::new([0xab; 32]));
        made.expect("there is room");
        let token = target.token().expect("a token");
        assert_eq!(token.authorization().as_str(), format!("Bearer {}", "ab".repeat(32)));
        assert_eq!(format!("{token:?}"), "Token");
        drop(running);
        refused("no peer runs on");
    }

    #[test]
    fn a_file_that_is_too_long_names_no_peer_whatever_it_begins_with() {
        let parent = tempfile::tempdir().expect("a directory");
        let running = DataDirectory::open(parent.path().join("data")).expect("a new directory");
        running.keep_election(&election()).expect("kept");
        let find = |bytes: usize| {
            let text = format!("{:bytes$}", "http://127.0.0.1:6001");
            std::fs::write(running.path().join(URL_FILE), text).expect("written");
            Target::find(&connection(None, Some(running.path())))
        };
        let longest = usize::try_from(FILE_BYTES_MAX).expect("it is small");
        let target = find(longest).expect("it is as long as it may be");
        assert_eq!(target.server.base(), "http://127.0.0.1:6001");
        let refused = find(longest + 1).expect_err("what stands behind was not read");
        assert!(matches!(refused, TargetError::UrlFile { .. }), "{refused}");
    }

    #[test]
    fn a_named_server_gets_a_token_that_was_named_with_it_alone() {
        let directory = tempfile::tempdir().expect("a directory");
        let server = Some("http://127.0.0.1:1");
        let target = Target::find(&connection(server, None)).expect("a server");
        assert!(matches!(target.token(), Err(TargetError::NoToken)));
        assert!(!target.may_make_key);
        let target = Target::find(&connection(server, Some(directory.path()))).expect("a server");
        assert_eq!(target.token_file, Some(directory.path().join(TOKEN_FILE)));
        assert!(target.may_make_key);
    }
}
