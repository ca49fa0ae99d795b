//! A client of the API that has every byte in its hands, for requests that no library would send.

use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};

use serde_json::Value;

use super::PATIENCE;

/// A connection to a peer's API; what it reads has a deadline of [`PATIENCE`] for each piece.
#[derive(Debug)]
pub(crate) struct HttpConnection {
    stream: BufReader<TcpStream>,
    to: SocketAddr,
}

/// An answer, whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HttpAnswer {
    pub(crate) status: u16,
    /// Names in lower case.
    headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl HttpConnection {
    /// # Panics
    /// When nobody takes the connection.
    pub(crate) fn open(to: SocketAddr) -> Self {
        Self::try_open(to).unwrap_or_else(|error| panic!("no connection to {to}: {error}"))
    }

    pub(crate) fn try_open(to: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect_timeout(&to, PATIENCE)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        stream.set_nodelay(true)?;
        Ok(Self { stream: BufReader::new(stream), to })
    }

    /// Opens it from one of this machine's addresses, with a small buffer for what comes back.
    ///
    /// # Panics
    /// When nobody takes the connection.
    pub(crate) fn open_from(from: [u8; 4], to: SocketAddr) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build();
        let connected = runtime.expect("a runtime").block_on(async {
            let socket = tokio::net::TcpSocket::new_v4()?;
            socket.set_recv_buffer_size(8 * 1024)?;
            socket.bind(SocketAddr::from((from, 0)))?;
            socket.connect(to).await?.into_std()
        });
        let stream = connected.unwrap_or_else(|error| panic!("no connection to {to}: {error}"));
        stream.set_nonblocking(false).expect("it is ours");
        for set in [TcpStream::set_read_timeout, TcpStream::set_write_timeout] {
            set(&stream, Some(PATIENCE)).expect("it is ours");
        }
        Self { stream: BufReader::new(stream), to }
    }

    /// The socket, to write to while somebody else reads.
    pub(crate) fn stream(&self) -> &TcpStream {
        self.stream.get_ref()
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.get_mut().write_all(bytes)
    }

    /// Sends a request that names the host as it should, and reads the answer.
    pub(crate) fn try_ask(
        &mut self,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> io::Result<HttpAnswer> {
        let host = self.to.to_string();
        let all: Vec<_> = [("Host", host.as_str())].iter().chain(headers).copied().collect();
        self.send(&request(method, target, &all, body))?;
        self.answer(method)
    }

    /// As [`try_ask`](Self::try_ask).
    ///
    /// # Panics
    /// When the connection breaks.
    pub(crate) fn ask(
        &mut self,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> HttpAnswer {
        self.try_ask(method, target, headers, body)
            .unwrap_or_else(|error| panic!("{method} {target}: {error}"))
    }

    /// Reads the next answer, which is to a request of this method; interim ones (1xx) are passed over.
    pub(crate) fn answer(&mut self, method: &str) -> io::Result<HttpAnswer> {
        loop {
            let mut answer = self.head()?;
            if answer.status >= 200 {
                if method != "HEAD" && answer.status != 204 {
                    answer.body = self.body(&answer)?;
                }
                return Ok(answer);
            }
        }
    }

    /// The next answer without its body, interim ones too.
    pub(crate) fn head(&mut self) -> io::Result<HttpAnswer> {
        let line = self.line()?;
        let status = line.split(' ').nth(1).and_then(|status| status.parse().ok());
        let status = status.ok_or_else(|| malformed(&line))?;
        let mut headers = Vec::new();
        loop {
            let line = self.line()?;
            if line.is_empty() {
                return Ok(HttpAnswer { status, headers, body: Vec::new() });
            }
            let (name, value) = line.split_once(':').ok_or_else(|| malformed(&line))?;
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
    }

    /// The next line of a body that has no end, without what ends it; how the body is framed shows among the lines.
    pub(crate) fn raw_line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        match self.stream.read_line(&mut line)? {
            0 => Err(ErrorKind::UnexpectedEof.into()),
            _ => Ok(line.trim_end().to_owned()),
        }
    }

    /// Whether the server has closed its side, and nothing is left to be read.
    pub(crate) fn has_ended(&mut self) -> bool {
        match self.stream.fill_buf() {
            Ok(bytes) => bytes.is_empty(),
            Err(error) => error.kind() == ErrorKind::ConnectionReset,
        }
    }

    fn body(&mut self, answer: &HttpAnswer) -> io::Result<Vec<u8>> {
        let mut body = Vec::new();
        if answer.header("transfer-encoding") == Some("chunked") {
            loop {
                let line = self.line()?;
                let length = u64::from_str_radix(&line, 16).map_err(|_| malformed(&line))?;
                self.stream.by_ref().take(length).read_to_end(&mut body)?;
                self.line()?;
                if length == 0 {
                    return Ok(body);
                }
            }
        }
        let Some(length) = answer.header("content-length") else {
            self.stream.read_to_end(&mut body)?;
            return Ok(body);
        };
        body.resize(length.parse().map_err(|_| malformed(length))?, 0);
        self.stream.read_exact(&mut body)?;
        Ok(body)
    }

    fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        self.stream.read_line(&mut line)?;
        let whole = line.strip_suffix("\r\n").ok_or(ErrorKind::UnexpectedEof)?;
        Ok(whole.to_owned())
    }
}

impl HttpAnswer {
    /// The value of a header, named in lower case, if it stands there once.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.iter().filter(|(header, _)| header == name);
        let (Some((_, value)), None) = (values.next(), values.next()) else { return None };
        Some(value)
    }

    /// # Panics
    /// When the body is no JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The `kind` of a problem.
    ///
    /// # Panics
    /// When this is no problem as RFC 9457 has it, or one of another status.
    pub(crate) fn problem(&self) -> String {
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{self:?}");
        let problem = self.json();
        assert_eq!(problem["type"], "about:blank", "{problem}");
        assert_eq!(problem["status"], self.status, "{problem}");
        for key in ["title", "detail"] {
            assert!(problem[key].as_str().is_some_and(|text| !text.is_empty()), "{problem}");
        }
        problem["kind"].as_str().expect("a word").to_owned()
    }

    /// All that was received, as text.
    pub(crate) fn text(&self) -> String {
        format!("{:?}\n{}", self.headers, String::from_utf8_lossy(&self.body))
    }
}

/// A request's bytes; a body gets its length and is said to be JSON.
pub(crate) fn request(
    method: &str,
    target: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Vec<u8> {
    let mut bytes = format!("{method} {target} HTTP/1.1\r\n").into_bytes();
    for (name, value) in headers {
        bytes.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
    }
    if !body.is_empty() {
        let length = body.len();
        let about = format!("Content-Type: application/json\r\nContent-Length: {length}\r\n");
        bytes.extend_from_slice(about.as_bytes());
    }
    bytes.extend_from_slice(b"\r\n");
    bytes.extend_from_slice(body);
    bytes
}

fn malformed(line: &str) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, format!("no HTTP: {line:?}"))
}
