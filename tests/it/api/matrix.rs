//! Every combination of what a request says of itself: which host it names, which page made it, and what it shows
//! to be let in. What has to come of it is said by a model of a few lines, not by the code under test.

use crate::harness::http::{HttpAnswer, HttpConnection, request};
use crate::harness::{Network, PATIENCE, Peer, Voter, new_election, until};

use super::{bearer, log_in, start_quiet_peer, state, submission};

/// An origin whose pages may read.
const READER: &str = "http://pages.example";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Host {
    Right,
    Localhost,
    UpperCase,
    AbsoluteToo,
    WrongName,
    RightInFrontOfWrong,
    WrongPort,
    NoPort,
    Missing,
    Twice,
    AbsoluteElsewhere,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Origin {
    None,
    Own,
    Null,
    Foreign,
    OtherPort,
    Https,
    OtherNameOfOurs,
    OwnTwice,
    Reader,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shown {
    Nothing,
    WrongToken,
    Token,
    Cookie,
    WrongCookie,
    CookieAndWrongToken,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Route {
    Status,
    Submit,
    Vote,
}

const HOSTS: [Host; 11] = [
    Host::Right,
    Host::Localhost,
    Host::UpperCase,
    Host::AbsoluteToo,
    Host::WrongName,
    Host::RightInFrontOfWrong,
    Host::WrongPort,
    Host::NoPort,
    Host::Missing,
    Host::Twice,
    Host::AbsoluteElsewhere,
];
const ORIGINS: [Origin; 9] = [
    Origin::None,
    Origin::Own,
    Origin::Null,
    Origin::Foreign,
    Origin::OtherPort,
    Origin::Https,
    Origin::OtherNameOfOurs,
    Origin::OwnTwice,
    Origin::Reader,
];
const SITES: [Option<&str>; 5] =
    [None, Some("same-origin"), Some("same-site"), Some("cross-site"), Some("none")];
const SHOWN: [Shown; 6] = [
    Shown::Nothing,
    Shown::WrongToken,
    Shown::Token,
    Shown::Cookie,
    Shown::WrongCookie,
    Shown::CookieAndWrongToken,
];
const ROUTES: [Route; 3] = [Route::Status, Route::Submit, Route::Vote];

#[derive(Debug, Clone, Copy)]
struct Case {
    host: Host,
    origin: Origin,
    site: Option<&'static str>,
    shown: Shown,
    route: Route,
}

/// What has to come of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Refused(u16),
    /// Answered as anybody's would be.
    Open,
    /// Answered as the peer's user's.
    LetIn,
}

/// The secrets of one peer, and a transaction for it.
struct Props {
    port: u16,
    token: String,
    cookie: String,
    registration: String,
}

#[test]
fn every_combination_of_headers_gets_what_it_should_and_refusals_change_nothing() {
    let mut network = Network::without_tracker(new_election(8));
    let mut peer = start_quiet_peer(&mut network, &["--api-cors", READER]);
    let voter = Voter::new(&network.election, 1);
    let props = Props {
        port: peer.api.port(),
        token: peer.token(),
        cookie: log_in(&peer),
        registration: voter.registration(),
    };
    let before = state(&peer);
    let (through, refused): (Vec<_>, Vec<_>) = cases().partition(|case| {
        case.route != Route::Status && !matches!(expected(case), Outcome::Refused(_))
    });
    assert!(through.len() > 100 && refused.len() > 5_000, "{} {}", through.len(), refused.len());

    let mut connection = HttpConnection::open(peer.api);
    for case in &refused {
        check(&mut connection, &peer, &props, case, &[]);
    }
    assert_eq!(state(&peer), before, "a refused request changed something");

    // The peer's user votes once; who is let in after that is told so by the rules.
    let mut votes = Vec::new();
    for case in &through {
        check(&mut connection, &peer, &props, case, &votes);
        if case.route == Route::Vote {
            votes.push(*case);
        }
    }
    let status = peer.ask("status");
    assert_eq!(status["pool"], 3, "a registration of each voter, and one vote: {status}");
}

fn check(
    connection: &mut HttpConnection,
    peer: &Peer,
    props: &Props,
    case: &Case,
    votes_before: &[Case],
) {
    let answer = until("the server takes another request", PATIENCE, || {
        let answer = ask(connection, peer, props, case);
        // There are more of them than it takes at once.
        (answer.status != 429).then_some(answer)
    });
    let status = match expected(case) {
        Outcome::Refused(status) => status,
        Outcome::Open | Outcome::LetIn if case.route != Route::Vote || votes_before.is_empty() => {
            200
        }
        Outcome::Open | Outcome::LetIn => 409,
    };
    assert_eq!(answer.status, status, "{case:?}: {}", answer.text());
    let text = answer.text();
    for secret in [&props.token, &props.cookie] {
        assert!(!text.contains(secret.as_str()), "{case:?}: {text}");
    }
    let reader = (status != 421 && case.origin == Origin::Reader).then_some(READER);
    assert_eq!(answer.header("access-control-allow-origin"), reader, "{case:?}: {text}");
    assert_eq!(answer.header("access-control-allow-credentials"), None, "{case:?}: {text}");
    if status != 200 {
        answer.problem();
    } else if case.route == Route::Status {
        let shows_all = expected(case) == Outcome::LetIn;
        assert_eq!(answer.json()["voter"].is_string(), shows_all, "{case:?}: {text}");
        assert_eq!(answer.json()["data_dir"].is_string(), shows_all, "{case:?}: {text}");
    }
}

/// The model: hosts first, then pages, then who is let in.
fn expected(case: &Case) -> Outcome {
    use Host::{AbsoluteToo, Localhost, Right, UpperCase};
    if !matches!(case.host, Right | Localhost | UpperCase | AbsoluteToo) {
        return Outcome::Refused(421);
    }
    let says_own = case.site == Some("same-origin");
    match case.origin {
        Origin::None | Origin::Own if matches!(case.site, Some("same-site" | "cross-site")) => {
            return Outcome::Refused(403);
        }
        Origin::None | Origin::Own | Origin::Reader => {}
        Origin::Null
        | Origin::Foreign
        | Origin::OtherPort
        | Origin::Https
        | Origin::OtherNameOfOurs
        | Origin::OwnTwice => return Outcome::Refused(403),
    }
    let let_in = match case.shown {
        Shown::Token => Ok(()),
        Shown::Nothing | Shown::WrongToken | Shown::WrongCookie | Shown::CookieAndWrongToken => {
            Err(401)
        }
        // A browser sends it by itself, so it counts for pages of the peer's own alone.
        Shown::Cookie if says_own || case.origin == Origin::Own => Ok(()),
        Shown::Cookie => Err(403),
    };
    match (case.route, let_in) {
        (Route::Submit, _) | (Route::Status, Err(_)) => Outcome::Open,
        (Route::Status | Route::Vote, Ok(())) => Outcome::LetIn,
        (Route::Vote, Err(status)) => Outcome::Refused(status),
    }
}

fn ask(connection: &mut HttpConnection, peer: &Peer, props: &Props, case: &Case) -> HttpAnswer {
    let (method, path, body) = match case.route {
        Route::Status => ("GET", "/v1/status", Vec::new()),
        Route::Submit => {
            ("POST", "/v1/transactions", submission(std::slice::from_ref(&props.registration)))
        }
        Route::Vote => ("POST", "/v1/vote", br#"{"choices":[["Ada"]]}"#.to_vec()),
    };
    let port = props.port;
    let named = host_name(case.host, port);
    let absolute = |host: &str| format!("http://{host}:{port}{path}");
    let target = if case.host == Host::AbsoluteToo {
        absolute("127.0.0.1")
    } else if case.host == Host::AbsoluteElsewhere {
        absolute("evil.example")
    } else {
        path.to_owned()
    };
    let mut headers: Vec<(&str, String)> = Vec::new();
    // None, one or two.
    let times = 1 + usize::from(case.host == Host::Twice) - usize::from(case.host == Host::Missing);
    headers.extend(std::iter::repeat_n(("Host", named.clone()), times));
    let origins = origins(case.origin, &named, port);
    headers.extend(origins.into_iter().map(|origin| ("Origin", origin)));
    headers.extend(case.site.map(|site| ("Sec-Fetch-Site", site.to_owned())));
    headers.extend(shown(case.shown, props));
    let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let bytes = request(method, &target, &headers, &body);
    let answer = connection.send(&bytes).and_then(|()| connection.answer(method));
    let answer = answer.unwrap_or_else(|error| panic!("{case:?}: {error}"));
    if answer.header("connection") == Some("close") {
        // It had not read the refused body.
        *connection = HttpConnection::open(peer.api);
    }
    answer
}

fn host_name(host: Host, port: u16) -> String {
    match host {
        Host::Localhost => format!("localhost:{port}"),
        Host::UpperCase => format!("LOCALHOST:{port}"),
        Host::WrongName => format!("evil.example:{port}"),
        Host::RightInFrontOfWrong => format!("127.0.0.1.evil.example:{port}"),
        Host::WrongPort => format!("127.0.0.1:{}", other_port(port)),
        Host::NoPort => "127.0.0.1".to_owned(),
        Host::Right | Host::AbsoluteToo | Host::AbsoluteElsewhere | Host::Missing | Host::Twice => {
            format!("127.0.0.1:{port}")
        }
    }
}

fn origins(origin: Origin, named: &str, port: u16) -> Vec<String> {
    let own = format!("http://{}", named.to_ascii_lowercase());
    match origin {
        Origin::None => Vec::new(),
        Origin::Own => vec![own],
        Origin::Null => vec!["null".to_owned()],
        Origin::Foreign => vec!["http://evil.example".to_owned()],
        Origin::OtherPort => vec![format!("http://127.0.0.1:{}", other_port(port))],
        Origin::Https => vec![own.replace("http:", "https:")],
        // The one address is not the other's own page, though both lead here.
        Origin::OtherNameOfOurs => vec![format!("http://[::1]:{port}")],
        Origin::OwnTwice => vec![own.clone(), own],
        Origin::Reader => vec![READER.to_owned()],
    }
}

fn shown(shown: Shown, props: &Props) -> Vec<(&'static str, String)> {
    let wrong_token = || ("Authorization", bearer(&"5".repeat(64)));
    let cookie = || ("Cookie", format!("other=1; {}", props.cookie));
    match shown {
        Shown::Nothing => Vec::new(),
        Shown::WrongToken => vec![wrong_token()],
        Shown::Token => vec![("Authorization", bearer(&props.token))],
        Shown::Cookie => vec![cookie()],
        Shown::WrongCookie => {
            let (name, _) = props.cookie.split_once('=').expect("a name and a value");
            vec![("Cookie", format!("{name}={}", "5".repeat(64)))]
        }
        Shown::CookieAndWrongToken => vec![wrong_token(), cookie()],
    }
}

fn other_port(port: u16) -> u16 {
    if port == u16::MAX { 1_024 } else { port + 1 }
}

fn cases() -> impl Iterator<Item = Case> {
    HOSTS.into_iter().flat_map(|host| {
        ORIGINS.into_iter().flat_map(move |origin| {
            SITES.into_iter().flat_map(move |site| {
                SHOWN.into_iter().flat_map(move |shown| {
                    let case = move |route| Case { host, origin, site, shown, route };
                    ROUTES.into_iter().map(case)
                })
            })
        })
    })
}
