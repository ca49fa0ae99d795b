//! Sends requests to a peer over HTTP. Everything is bounded: the time for connecting, the time for
//! an answer, and the answer's length. Redirects are not followed, so that a request cannot reach
//! any other server. This module stores no token; a caller that has one passes it along with the
//! one request that needs it.

use std::io;
use std::net::ToSocketAddrs;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use ureq::http::Response;
use ureq::http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use ureq::{Agent, Body, Proxy, RequestBuilder};

use super::server::{Server, Token};
use crate::schema::Refusal;
use host::reason;

/// The longest answer. The ballot, a block and 1,000 summaries take only a small part of it.
const ANSWER_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// The statuses by which a peer, or a proxy before it, says that it takes no more for the moment.
const STATUSES_THAT_PASS: [u16; 3] = [408, 429, 503];

const USER_AGENT: &str = concat!("ostrakon-peer/", env!("CARGO_PKG_VERSION"));

/// How long the client waits.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patience {
    pub(crate) connect: Duration,
    /// For a whole answer.
    pub(crate) answer: Duration,
    /// The longest silence between events. Peers send a sign of life every 15 s.
    pub(crate) silence: Duration,
    /// Between two attempts.
    pub(crate) pause: Duration,
}

/// Sends requests to one peer. A copy sends them to the same one.
#[derive(Debug, Clone)]
pub(crate) struct Http {
    pub(super) server: Server,
    pub(super) patience: Patience,
    agent: Agent,
    /// The agent for events, which continue for as long as somebody listens.
    listener: Agent,
}

/// The reason why there is no answer. Each message is one line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum HttpError {
    /// The peer answered, and refuses the request.
    #[error("{}", refusal.message)]
    Refused { status: u16, refusal: Refusal },
    #[error("nobody is reached at {server} ({reason}): does the peer run?")]
    NoContact { server: Server, reason: String },
    #[error("{server} did not answer within {seconds} s")]
    TimedOut { server: Server, seconds: u64 },
    #[error("the connection to {server} was cut ({reason})")]
    Cut { server: Server, reason: String },
    #[error("what is at {server} does not answer as a peer does ({reason}): name another --server")]
    NotAPeer { server: Server, reason: String },
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(3),
            answer: Duration::from_secs(30),
            silence: Duration::from_secs(45),
            pause: Duration::from_secs(1),
        }
    }
}

impl HttpError {
    /// Whether the same question may be answered later: by a peer that is started anew, or has more time.
    pub(crate) fn is_worth_asking_again(&self) -> bool {
        match self {
            Self::NoContact { .. } | Self::TimedOut { .. } | Self::Cut { .. } => true,
            Self::Refused { status, .. } => STATUSES_THAT_PASS.contains(status),
            Self::NotAPeer { .. } => false,
        }
    }

    /// A word for programs that never changes.
    pub(crate) fn kind(&self) -> &str {
        match self {
            Self::Refused { refusal, .. } => &refusal.kind,
            Self::NoContact { .. } => "no_contact",
            Self::TimedOut { .. } => "time_out",
            Self::Cut { .. } => "cut",
            Self::NotAPeer { .. } => "not_a_peer",
        }
    }

    /// Whether the peer may have received the request although its outcome is unknown.
    pub(crate) fn is_answer_lost(&self) -> bool {
        matches!(self, Self::TimedOut { .. } | Self::Cut { .. })
    }
}

impl Http {
    pub(crate) fn new(server: Server, patience: Patience) -> Self {
        // A peer on this machine is asked directly, whatever proxies the environment names.
        let proxy = if server.is_loopback() { None } else { Proxy::try_from_env() };
        let config = || {
            Agent::config_builder()
                .proxy(proxy.clone())
                .http_status_as_error(false)
                .max_redirects(0)
                .max_redirects_will_error(false)
                // A connection that is kept open may have been closed by the peer in the meantime,
                // which would look like a lost answer.
                .max_idle_connections(0)
                .user_agent(USER_AGENT)
                .timeout_resolve(Some(patience.connect))
                .timeout_connect(Some(patience.connect))
        };
        let agent = config().timeout_global(Some(patience.answer)).build().new_agent();
        let listener = config()
            .timeout_recv_response(Some(patience.answer))
            .timeout_per_read(Some(patience.silence))
            .build()
            .new_agent();
        Self { server, patience, agent, listener }
    }

    /// Requests what everybody may know.
    ///
    /// # Errors
    /// See [`HttpError`].
    pub(crate) fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, HttpError> {
        self.get_as(path, None)
    }

    /// Does the same with the token, which allows more to be known.
    ///
    /// # Errors
    /// See [`HttpError`].
    pub(crate) fn get_as<T: DeserializeOwned>(
        &self,
        path: &str,
        token: Option<&Token>,
    ) -> Result<T, HttpError> {
        let request = with_token(self.agent.get(self.url(path)), token);
        self.answer(request.header(ACCEPT, "application/json").call())
    }

    /// Sends what anybody may send.
    ///
    /// # Errors
    /// See [`HttpError`].
    pub(crate) fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, HttpError> {
        let body = serde_json::to_vec(body).expect("all keys are texts");
        let request = self.agent.post(self.url(path)).header(CONTENT_TYPE, "application/json");
        self.answer(request.send(&body))
    }

    /// Gives an order, for which the peer's token is required.
    ///
    /// # Errors
    /// See [`HttpError`].
    pub(crate) fn order<T: DeserializeOwned>(
        &self,
        path: &str,
        token: &Token,
    ) -> Result<T, HttpError> {
        self.answer(with_token(self.agent.post(self.url(path)), Some(token)).send_empty())
    }

    /// Does the same with a body that says what is ordered.
    ///
    /// # Errors
    /// See [`HttpError`].
    pub(crate) fn order_with<T: DeserializeOwned>(
        &self,
        path: &str,
        token: &Token,
        body: &impl Serialize,
    ) -> Result<T, HttpError> {
        let body = serde_json::to_vec(body).expect("all keys are texts");
        let request = with_token(self.agent.post(self.url(path)), Some(token));
        self.answer(request.header(CONTENT_TYPE, "application/json").send(&body))
    }

    /// Opens a stream of events.
    pub(super) fn listen(&self, last_id: Option<&str>) -> Result<Body, HttpError> {
        let request = self.listener.get(self.url("/v1/events"));
        let mut request = request.header(ACCEPT, "text/event-stream");
        if let Some(id) = last_id {
            request = request.header("Last-Event-ID", id);
        }
        let response = request.call().map_err(|error| self.failed(error))?;
        if response.status() != 200 {
            return Err(self.refused(response));
        }
        match response.body().mime_type() {
            Some("text/event-stream") => Ok(response.into_body()),
            Some(_) | None => Err(self.not_a_peer("its events are no stream of them".to_owned())),
        }
    }

    /// Opens the stream of the peer's record, which is an archive. It is as long as the peer makes it, and whoever
    /// reads it checks all of it.
    pub(crate) fn archive(&self) -> Result<Body, HttpError> {
        let request = self.listener.get(self.url("/v1/archive"));
        let response = request.call().map_err(|error| self.failed(error))?;
        if response.status() != 200 {
            return Err(self.refused(response));
        }
        match response.body().mime_type() {
            Some("application/octet-stream") => Ok(response.into_body()),
            Some(_) | None => Err(self.not_a_peer("its record is no archive".to_owned())),
        }
    }

    /// The error of a stream of the peer's that broke off.
    pub(crate) fn broke_off(&self, error: &io::Error) -> HttpError {
        let server = self.server.clone();
        let kind = error.kind();
        if is_time_out(kind) {
            return HttpError::TimedOut { server, seconds: self.patience.silence.as_secs() };
        }
        HttpError::Cut { server, reason: "it ends too early".to_owned() }
    }

    /// The address of the peer, as `http://HOST:PORT`.
    pub(crate) fn base(&self) -> &str {
        self.server.base()
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base())
    }

    fn answer<T: DeserializeOwned>(
        &self,
        outcome: Result<Response<Body>, ureq::Error>,
    ) -> Result<T, HttpError> {
        let response = outcome.map_err(|error| self.failed(error))?;
        if response.status() != 200 {
            return Err(self.refused(response));
        }
        let value = self.json(response)?;
        serde_json::from_value(value)
            .map_err(|error| self.not_a_peer(reason_of_answer(&error.to_string())))
    }

    /// The problem that an answer reports.
    fn refused(&self, response: Response<Body>) -> HttpError {
        let status = response.status();
        if !status.is_client_error() && !status.is_server_error() {
            return self.not_a_peer(format!("its status is {status}"));
        }
        let problem = match self.json(response) {
            Ok(problem) => problem,
            Err(HttpError::NotAPeer { .. }) => {
                return self.not_a_peer(format!("its status is {status}, and no JSON says why"));
            }
            Err(error) => return error,
        };
        match (problem["kind"].as_str(), problem["detail"].as_str()) {
            // A peer has all routes that are requested here, so a missing route shows that this is
            // not a peer but, for instance, a tracker.
            (Some("not_found"), Some(message)) => self.not_a_peer(message.to_owned()),
            (Some(kind), Some(message)) => {
                let refusal = Refusal { kind: kind.to_owned(), message: message.to_owned() };
                HttpError::Refused { status: status.as_u16(), refusal }
            }
            _ => self.not_a_peer(format!("its status is {status}, without a reason")),
        }
    }

    fn json(&self, response: Response<Body>) -> Result<Value, HttpError> {
        // The library refuses a body once it has read as much as its limit, without looking whether there is more.
        let body = response.into_body().into_with_config().limit(ANSWER_BYTES_MAX + 1);
        let bytes = body.read_to_vec().map_err(|error| self.failed(error))?;
        parse(&bytes).map_err(|_| self.not_a_peer("its answer is no JSON".to_owned()))
    }

    pub(super) fn not_a_peer(&self, reason: String) -> HttpError {
        HttpError::NotAPeer { server: self.server.clone(), reason: without_controls(&reason) }
    }

    pub(super) fn failed(&self, error: ureq::Error) -> HttpError {
        use ureq::Error;
        let server = self.server.clone();
        tracing::debug!(%error, "no answer");
        let reason = without_controls(&reason_of(&error));
        let cause = if let Error::Io(error) = &error { Some(error.kind()) } else { None };
        if matches!(error, Error::Timeout(_)) || cause.is_some_and(is_time_out) {
            return HttpError::TimedOut { server, seconds: self.patience.answer.as_secs() };
        }
        let is_unreached = matches!(
            error,
            Error::HostNotFound
                | Error::ConnectionFailed
                | Error::ConnectProxyFailed(_)
                | Error::InvalidProxyUrl
        );
        if is_unreached || cause.is_some_and(|cause| self.is_no_contact(cause)) {
            return HttpError::NoContact { server, reason };
        }
        if let Error::BodyExceedsLimit(_) = error {
            return self.not_a_peer(format!("its answer has over {ANSWER_BYTES_MAX} bytes"));
        }
        match cause {
            Some(_) => HttpError::Cut { server, reason },
            None => self.not_a_peer(reason),
        }
    }

    /// Whether it is certain that nothing was sent.
    fn is_no_contact(&self, cause: io::ErrorKind) -> bool {
        let is_cut = matches!(
            cause,
            io::ErrorKind::ConnectionReset
                | io::ErrorKind::ConnectionAborted
                | io::ErrorKind::BrokenPipe
                | io::ErrorKind::UnexpectedEof
        );
        let is_refused = matches!(
            cause,
            io::ErrorKind::ConnectionRefused
                | io::ErrorKind::HostUnreachable
                | io::ErrorKind::NetworkUnreachable
                | io::ErrorKind::NetworkDown
                | io::ErrorKind::AddrNotAvailable
        );
        // There is no separate kind of error for an unknown host name.
        is_refused || (!is_cut && self.server.host_and_port().to_socket_addrs().is_err())
    }
}

/// Why an answer in JSON is none of a peer's. The library names what is missing between two grave accents.
fn reason_of_answer(error: &str) -> String {
    match error.strip_prefix("missing field `").and_then(|rest| rest.split_once('`')) {
        Some((key, _)) => format!("its answer has no {key:?}"),
        None => "its answer is none of a peer's".to_owned(),
    }
}

/// Why there is no answer, in this program's words.
#[expect(clippy::wildcard_enum_match_arm, reason = "the library's list of errors is open")]
fn reason_of(error: &ureq::Error) -> String {
    use ureq::Error;
    match error {
        // An error without a number is the library's, or says that the connection ended.
        Error::Io(error) if error.raw_os_error().is_none() => match error.kind() {
            io::ErrorKind::UnexpectedEof => "it ends too early".to_owned(),
            _ => "it breaks off".to_owned(),
        },
        Error::Io(error) => reason::of(error),
        Error::HostNotFound => "there is no such name".to_owned(),
        Error::ConnectionFailed => "nobody listens there".to_owned(),
        Error::ConnectProxyFailed(_) => "the proxy that the environment names refuses".to_owned(),
        Error::InvalidProxyUrl => "the environment names a proxy by no good URL".to_owned(),
        _ => "it speaks no HTTP that is known here".to_owned(),
    }
}

fn is_time_out(cause: io::ErrorKind) -> bool {
    matches!(cause, io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock)
}

/// Parses JSON, and removes everything from its texts that a terminal would treat as a control
/// sequence.
pub(super) fn parse(bytes: &[u8]) -> Result<Value, serde_json::Error> {
    let mut value = serde_json::from_slice(bytes)?;
    clean(&mut value);
    Ok(value)
}

/// The recursion is bounded by the depth to which `serde_json` reads.
fn clean(value: &mut Value) {
    match value {
        Value::String(text) if text.contains(char::is_control) => *text = without_controls(text),
        Value::Array(values) => values.iter_mut().for_each(clean),
        Value::Object(members) => members.values_mut().for_each(clean),
        Value::String(_) | Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn without_controls(text: &str) -> String {
    text.replace(char::is_control, " ")
}

fn with_token<B>(request: RequestBuilder<B>, token: Option<&Token>) -> RequestBuilder<B> {
    match token {
        Some(token) => request.header(AUTHORIZATION, token.authorization().as_str()),
        None => request,
    }
}
