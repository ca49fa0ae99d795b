//! Decides who may change something through the API: whoever has the token that is stored in the
//! data directory, and browsers that logged in with a one-time link which such a person asked for.
//! Secrets are compared in constant time and must never appear in a message.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::http::header::{AUTHORIZATION, COOKIE};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use host::http::{OwnPage, Problem};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::store::data_directory::TOKEN_FILE;
use host::entropy;
use keys::secret_file::{self, SecretFileError};

/// How long a one-time link is valid, which is as long as it takes to copy it into a browser.
pub(super) const LINK_LIFETIME: Duration = Duration::from_secs(60);
/// The most links that are valid at the same time. A new one replaces the oldest.
const LINKS_MAX: usize = 16;
/// How long a browser stays logged in, which covers a day of an election's work.
pub(super) const SESSION_LIFETIME: Duration = Duration::from_secs(12 * 3_600);
/// The most browsers that are logged in at the same time. A new one replaces the oldest.
const SESSIONS_MAX: usize = 64;

/// 32 random bytes, written as 64 hexadecimal digits.
#[derive(Clone, Copy)]
pub(super) struct Secret([u8; 32]);

/// The token, and the secrets that were derived from it.
#[derive(Debug)]
pub(crate) struct Access {
    token: Secret,
    /// The cookie's name contains the port, because browsers store cookies by host alone, and one
    /// machine may run many peers.
    cookie_name: String,
    given: Mutex<Given>,
}

/// The secrets that were given out. They are compared one by one, because a search that ends early
/// would tell by its time how much of a guess was right.
#[derive(Debug, Default)]
struct Given {
    links: Secrets,
    sessions: Secrets,
}

/// Secrets of one kind with the moment at which each expires, in the order in which they were given out, which is also
/// that in which they expire.
#[derive(Debug, Default)]
struct Secrets(VecDeque<(Secret, Instant)>);

impl Access {
    /// Reads the token of a data directory, or makes it.
    ///
    /// # Errors
    /// When others can read the file, when it holds no token, or when the disk fails.
    pub(crate) fn open(directory: &Path, port: u16) -> Result<Self, SecretFileError> {
        let token = secret_file::read_or_make(&directory.join(TOKEN_FILE), || {
            Zeroizing::new(entropy::random())
        })?;
        Ok(Self {
            token: Secret(*token),
            cookie_name: format!("ostrakon_{port}"),
            given: Mutex::default(),
        })
    }

    /// Checks whether a request comes from somebody who has the token or a session.
    ///
    /// # Errors
    /// 401 if it does not; 403 if a browser's request does not say that it comes from this server's
    /// own page.
    pub(super) fn check(
        &self,
        headers: &HeaderMap,
        OwnPage(is_own_page): OwnPage,
        now: Instant,
    ) -> Result<(), Problem> {
        if headers.contains_key(AUTHORIZATION) {
            // RFC 9110, section 11.1: the names of schemes are case-insensitive.
            let bearer = only(headers, &AUTHORIZATION)
                .and_then(|value| value.split_once(' '))
                .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("Bearer"));
            return match bearer.and_then(|(_, token)| Secret::parse(token)) {
                Some(token) if token == self.token => Ok(()),
                Some(_) | None => Err(unauthorized("wrong_token", "that is not this peer's token")),
            };
        }
        let Some(cookie) = self.cookie(headers) else {
            let detail = "this takes the peer's token: send `Authorization: Bearer TOKEN`, with the digits in api.token of its data directory";
            return Err(unauthorized("no_token", detail));
        };
        let session =
            Secret::parse(cookie).and_then(|session| self.given().sessions.find(&session, now));
        if session.is_none() {
            return Err(unauthorized("no_session", "log in again: `peer login` prints a link"));
        }
        // A browser attaches the cookie automatically, even to requests by a page from another port
        // of this machine or by a page that is only allowed to read. The request must therefore
        // show that one of this server's own pages made it.
        match is_own_page {
            true => Ok(()),
            false => Err(Problem::cross_origin("a browser has to say that this peer's page asks")),
        }
    }

    /// The name of the session cookie.
    pub(super) fn cookie_name(&self) -> &str {
        &self.cookie_name
    }

    /// Makes the secret of a link, which is valid for one use.
    pub(super) fn new_link(&self, now: Instant) -> Secret {
        let secret = Secret(entropy::random());
        self.given().links.insert(secret, now + LINK_LIFETIME, LINKS_MAX);
        secret
    }

    /// Exchanges a link's secret for a session cookie; `None` if it was used already or has
    /// expired.
    pub(super) fn use_link(&self, code: &str, now: Instant) -> Option<HeaderValue> {
        let code = Secret::parse(code)?;
        let mut given = self.given();
        given.links.remove(&code, now)?;
        let session = Secret(entropy::random());
        given.sessions.insert(session, now + SESSION_LIFETIME, SESSIONS_MAX);
        let (name, value, age) = (&self.cookie_name, session.digits(), SESSION_LIFETIME.as_secs());
        let cookie = format!("{name}={value}; Max-Age={age}; Path=/; HttpOnly; SameSite=Strict");
        Some(HeaderValue::try_from(cookie).expect("letters, digits and signs of a cookie"))
    }

    fn cookie<'h>(&self, headers: &'h HeaderMap) -> Option<&'h str> {
        let cookies = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
        let mut pairs = cookies
            .flat_map(|value| value.split(';'))
            .filter_map(|pair| pair.trim().split_once('='));
        pairs.find(|(name, _)| *name == self.cookie_name).map(|(_, value)| value)
    }

    fn given(&self) -> MutexGuard<'_, Given> {
        // What was given out is consistent even after a panic.
        self.given.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Secrets {
    /// Adds a secret. If there are `max` already, the oldest gives way.
    fn insert(&mut self, secret: Secret, end: Instant, max: usize) {
        while self.0.len() >= max {
            self.0.pop_front();
        }
        self.0.push_back((secret, end));
    }

    /// Where a secret is that has not expired. Those that have are forgotten.
    fn find(&mut self, secret: &Secret, now: Instant) -> Option<usize> {
        self.0.retain(|(_, end)| now < *end);
        let mut places = self.0.iter().enumerate().filter(|(_, (known, _))| known == secret);
        // All are compared, wherever the right one is.
        let place = places.next().map(|(place, _)| place);
        places.for_each(drop);
        place
    }

    /// Takes a secret that has not expired out.
    fn remove(&mut self, secret: &Secret, now: Instant) -> Option<()> {
        let place = self.find(secret, now)?;
        self.0.remove(place).map(drop)
    }
}

impl Secret {
    fn parse(digits: &str) -> Option<Self> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(digits, &mut bytes).ok()?;
        Some(Self(bytes))
    }

    pub(super) fn digits(&self) -> String {
        hex::encode(self.0)
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Secret(…)")
    }
}

/// The header's value, if the header is present exactly once.
fn only<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    let mut values = headers.get_all(name).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return None };
    value.to_str().ok()
}

fn unauthorized(kind: &str, detail: &str) -> Problem {
    Problem::new(StatusCode::UNAUTHORIZED, kind, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn access() -> Access {
        let token = Secret([7; 32]);
        Access { token, cookie_name: "ostrakon_6001".to_owned(), given: Mutex::default() }
    }

    fn log_in(access: &Access, now: Instant) -> HeaderMap {
        let code = access.new_link(now).digits();
        let cookie = access.use_link(&code, now).expect("it is good");
        HeaderMap::from_iter([(COOKIE, cookie)])
    }

    #[test]
    fn the_token_lets_in_and_nothing_like_it_does() {
        let (access, now) = (access(), Instant::now());
        let token = access.token.digits();
        let check = |value: String| {
            let value = HeaderValue::try_from(value).expect("plain text");
            let headers = HeaderMap::from_iter([(AUTHORIZATION, value)]);
            access.check(&headers, OwnPage(false), now).map_err(|problem| problem.kind)
        };
        for scheme in ["Bearer", "bearer"] {
            assert_eq!(check(format!("{scheme} {token}")), Ok(()));
        }
        for wrong in [
            token.clone(),
            format!("Basic {token}"),
            format!("Bearer{token}"),
            format!("Bearer  {token}"),
            format!("Bearer {token}0"),
            format!("Bearer {}", "08".repeat(32)),
        ] {
            assert_eq!(check(wrong.clone()), Err("wrong_token".to_owned()), "{wrong}");
        }
    }

    #[test]
    fn a_link_is_good_once_and_for_a_minute() {
        let (access, start) = (access(), Instant::now());
        let (first, second) = (access.new_link(start).digits(), access.new_link(start).digits());
        let just_in_time = start + LINK_LIFETIME - Duration::from_millis(1);
        assert!(access.use_link(&first, just_in_time).is_some());
        assert!(access.use_link(&first, just_in_time).is_none());
        assert!(access.use_link(&second, start + LINK_LIFETIME).is_none());
        assert!(access.use_link("", start).is_none());
    }

    #[test]
    fn a_session_ends_and_acts_for_own_pages_alone() {
        let (access, start) = (access(), Instant::now());
        let headers = log_in(&access, start);
        let just_in_time = start + SESSION_LIFETIME - Duration::from_millis(1);
        assert_eq!(access.check(&headers, OwnPage(true), just_in_time), Ok(()));
        let foreign = access.check(&headers, OwnPage(false), start).expect_err("not its own page");
        assert_eq!(foreign.kind, "cross_origin");
        let late = access.check(&headers, OwnPage(true), start + SESSION_LIFETIME);
        assert_eq!(late.expect_err("it has ended").kind, "no_session");
    }

    #[test]
    fn links_and_sessions_are_bounded_and_the_oldest_go_first() {
        let (access, start) = (access(), Instant::now());
        let later = |number: usize| start + Duration::from_millis(number as u64);
        let first = log_in(&access, start);
        let sessions: Vec<_> =
            (1..=SESSIONS_MAX).map(|number| log_in(&access, later(number))).collect();
        assert!(access.check(&first, OwnPage(true), start).is_err());
        assert_eq!(access.check(&sessions[0], OwnPage(true), start), Ok(()));
        let links: Vec<_> = (0..=LINKS_MAX).map(|number| access.new_link(later(number))).collect();
        assert!(access.use_link(&links[0].digits(), start).is_none());
        assert!(access.use_link(&links[1].digits(), start).is_some());
    }
}
