//! Follows what happens at a peer, as server-sent events. When the connection breaks, the stream
//! resumes on a new one: the client tells the peer which event it received last, and the peer says
//! so if it no longer has the events after that one.

use std::io::{BufRead, BufReader, Read};
use std::thread;

use serde_json::Value;
use ureq::BodyReader;

use super::http::{Http, HttpError, parse};
use crate::schema::Event;

/// The longest line, and the longest event. An event takes about 250 bytes.
const EVENT_BYTES_MAX: usize = 64 * 1024;

/// The longest id that is sent back to the peer.
const ID_BYTES_MAX: usize = 256;

/// The number of connections in a row without any event after which the peer is given up. A restart
/// takes a few seconds.
const TRIES_MAX: u32 = 5;

/// The events of one peer, each with the id by which the stream can be resumed after it. Ends after [`Event::Left`], or
/// with an error.
#[derive(Debug)]
pub(crate) struct Events {
    http: Http,
    lines: Option<Lines<BodyReader<'static>>>,
    last_id: Option<String>,
    /// The number of connections in a row that delivered nothing.
    barren: u32,
    is_over: bool,
}

/// Reads events from a stream of bytes.
struct Lines<R> {
    reader: BufReader<R>,
}

/// One event of the stream, as it was sent.
#[derive(Debug, PartialEq, Eq)]
struct Message {
    id: Option<String>,
    data: String,
}

/// The reason why a stream does not continue.
#[derive(Debug)]
enum StreamEnd {
    /// The stream ended or broke.
    Cut,
    TooLong,
}

impl Events {
    /// Listens from now on, or from after the event with this id. It connects at once, and connects
    /// again when the connection breaks.
    ///
    /// # Errors
    /// When the first connection can't be made.
    pub(crate) fn connect(http: Http, last_id: Option<String>) -> Result<Self, HttpError> {
        let mut events = Self { http, lines: None, last_id, barren: 0, is_over: false };
        events.open()?;
        Ok(events)
    }

    fn open(&mut self) -> Result<(), HttpError> {
        let body = self.http.listen(self.last_id.as_deref())?;
        self.lines = Some(Lines::new(body.into_reader()));
        Ok(())
    }

    fn resume(&mut self) -> Result<(), HttpError> {
        loop {
            thread::sleep(self.http.patience.pause);
            match self.open() {
                Err(_) if self.barren < TRIES_MAX => self.barren += 1,
                opened => return opened,
            }
        }
    }

    /// The next event; `None` for an event that this program does not know.
    fn step(&mut self) -> Result<Option<(Option<String>, Event)>, HttpError> {
        let Some(lines) = &mut self.lines else {
            self.resume()?;
            // Without an id the peer can't tell what happened in between.
            let missed = || (None, Event::Missed { events: 0 });
            return Ok(self.last_id.is_none().then(missed));
        };
        match lines.message() {
            Ok(message) => {
                self.barren = 0;
                let Some(Message { id, data }) = message else { return Ok(None) };
                let event = self.event(&data)?;
                if id.is_some() {
                    self.last_id.clone_from(&id);
                }
                Ok(event.map(|event| (id, event)))
            }
            Err(StreamEnd::Cut) if self.barren < TRIES_MAX => {
                self.barren += 1;
                self.lines = None;
                Ok(None)
            }
            Err(StreamEnd::Cut) => {
                let reason = "again and again".to_owned();
                Err(HttpError::Cut { server: self.http.server.clone(), reason })
            }
            Err(StreamEnd::TooLong) => {
                Err(self.http.not_a_peer(format!("an event has over {EVENT_BYTES_MAX} bytes")))
            }
        }
    }

    fn event(&self, data: &str) -> Result<Option<Event>, HttpError> {
        let value = parse(data.as_bytes()).ok().filter(|value| value["event"].is_string());
        let value: Value =
            value.ok_or_else(|| self.http.not_a_peer("something is no event".to_owned()))?;
        Ok(serde_json::from_value(value).ok())
    }
}

impl Iterator for Events {
    type Item = Result<(Option<String>, Event), HttpError>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.is_over {
            let stepped = self.step();
            self.is_over = matches!(stepped, Err(_) | Ok(Some((_, Event::Left))));
            if let Some(item) = stepped.transpose() {
                return Some(item);
            }
        }
        None
    }
}

impl<R: Read> Lines<R> {
    fn new(stream: R) -> Self {
        Self { reader: BufReader::new(stream) }
    }

    /// Reads up to the empty line that ends an event, or to the end of a comment; `None` if there
    /// was nothing to report.
    fn message(&mut self) -> Result<Option<Message>, StreamEnd> {
        let mut id = None;
        let mut data: Option<String> = None;
        loop {
            let line = self.line()?;
            let (field, value) = line.split_once(':').unwrap_or((&line, ""));
            let value = value.strip_prefix(' ').unwrap_or(value);
            match field {
                "" if line.is_empty() => return Ok(data.map(|data| Message { id, data })),
                "id" if value.len() <= ID_BYTES_MAX && !value.contains(char::is_control) => {
                    id = Some(value.to_owned());
                }
                "data" => {
                    let text = data.take().map_or_else(String::new, |text| text + "\n") + value;
                    if text.len() > EVENT_BYTES_MAX {
                        return Err(StreamEnd::TooLong);
                    }
                    data = Some(text);
                }
                // Comments, the name of the event, which its data contains as well, and unknown
                // fields are ignored.
                _ => {}
            }
        }
    }

    /// Reads a line without its line end. A line that is cut off by the end of the stream is not
    /// accepted.
    fn line(&mut self) -> Result<String, StreamEnd> {
        let mut bytes = Vec::new();
        let mut bounded = self.reader.by_ref().take(EVENT_BYTES_MAX as u64);
        bounded.read_until(b'\n', &mut bytes).map_err(|_| StreamEnd::Cut)?;
        match bytes.pop() {
            Some(b'\n') => {}
            Some(_) if bytes.len() + 1 == EVENT_BYTES_MAX => return Err(StreamEnd::TooLong),
            Some(_) | None => return Err(StreamEnd::Cut),
        }
        if bytes.last() == Some(&b'\r') {
            bytes.pop();
        }
        String::from_utf8(bytes).map_err(|_| StreamEnd::Cut)
    }
}

impl<R> std::fmt::Debug for Lines<R> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Lines")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages(stream: &str) -> Vec<Message> {
        let mut lines = Lines::new(stream.as_bytes());
        let mut found = Vec::new();
        while let Ok(message) = lines.message() {
            found.extend(message);
        }
        found
    }

    #[test]
    fn streams_are_read_as_the_standard_has_it() {
        let message = |id: Option<&str>, data: &str| Message {
            id: id.map(str::to_owned),
            data: data.to_owned(),
        };
        assert_eq!(
            messages(
                ": hello\n\nid: 1-1\nevent: block\ndata: {\"a\":1}\n\ndata:b\r\ndata:  c\r\n\r\nid\nretry: 9\n\ndata: cut off"
            ),
            [message(Some("1-1"), "{\"a\":1}"), message(None, "b\n c")]
        );
        let longest = "1".repeat(ID_BYTES_MAX);
        let named = messages(&format!("id: {longest}\ndata: x\n\n"));
        assert_eq!(named, [message(Some(&longest), "x")]);
        assert_eq!(messages(&format!("id: {longest}1\ndata: x\n\n")), [message(None, "x")]);
    }

    #[test]
    fn lines_and_events_are_bounded() {
        // Its end counts as a part of a line.
        let longest = "x".repeat(EVENT_BYTES_MAX - 1);
        let mut lines = Lines::new(longest.as_bytes());
        assert!(matches!(lines.message(), Err(StreamEnd::Cut)));
        let line = longest.clone() + "\n";
        assert_eq!(Lines::new(line.as_bytes()).line().ok(), Some(longest.clone()));
        let long = longest + "x\n";
        let mut lines = Lines::new(long.as_bytes());
        assert!(matches!(lines.message(), Err(StreamEnd::TooLong)));
        // Two lines of data are joined by a line end.
        let half = "x".repeat(EVENT_BYTES_MAX / 2);
        let event = |second: &str| format!("data:{half}\ndata:{second}\n\n");
        let found = messages(&event(&half[1..]));
        assert_eq!(found.first().map(|message| message.data.len()), Some(EVENT_BYTES_MAX));
        let long = event(&half);
        let mut lines = Lines::new(long.as_bytes());
        assert!(matches!(lines.message(), Err(StreamEnd::TooLong)));
        let many = format!("data: {}\n", "x".repeat(1_000)).repeat(100);
        let mut lines = Lines::new(many.as_bytes());
        assert!(matches!(lines.message(), Err(StreamEnd::TooLong)));
        let ended = "x".repeat(100);
        assert!(matches!(Lines::new(ended.as_bytes()).message(), Err(StreamEnd::Cut)));
    }
}
