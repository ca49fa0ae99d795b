//! Who gets in, by what, and for how long; and that no secret is anywhere but where it was given.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use crate::harness::http::HttpConnection;
use crate::harness::{Network, PATIENCE, Peer, Program, binary, new_election};

use super::{bearer, get, log_in, new_link, order, start_quiet_peer, state};

#[test]
fn the_token_is_for_its_owner_alone() {
    let mut network = Network::without_tracker(new_election(8));
    let peer = start_quiet_peer(&mut network, &[]);
    let (file, directory) = (peer.data_directory.join("api.token"), peer.data_directory.clone());
    let mode = fs::metadata(&file).expect("it is there").permissions().mode();
    assert_eq!(mode & 0o7777, 0o600);
    let token = peer.token();
    assert!(token.len() == 64 && token.bytes().all(|digit| digit.is_ascii_hexdigit()), "{token}");
    let url = fs::read_to_string(directory.join("api.url")).expect("it listens");
    assert_eq!(url, format!("http://{}\n", peer.api));
    drop(peer);

    for mode in [0o640, 0o604, 0o644] {
        fs::set_permissions(&file, Permissions::from_mode(mode)).expect("it is ours");
        let program = Program::start("refused peer", Peer::command(&["0"], &directory));
        let (code, text) = program.finish(PATIENCE);
        assert_eq!(code, Some(2), "{text}");
        assert_eq!(text.trim_end().lines().count(), 1, "{text}");
        assert!(text.starts_with("peer: ") && text.contains("chmod 600"), "{text}");
        assert!(text.contains("api.token") && text.contains(&format!("{mode:o}")), "{text}");
        assert!(!text.contains(&token), "{text}");
    }
    fs::set_permissions(&file, Permissions::from_mode(0o600)).expect("it is ours");
    let peer = Peer::start("peer again", &["0"], &directory);
    assert_eq!(peer.token(), token, "it stays, for programs that have it");
}

#[test]
fn who_is_not_let_in_is_told_what_to_show() {
    let mut network = Network::without_tracker(new_election(8));
    let peer = start_quiet_peer(&mut network, &[]);
    let token = peer.token();
    let before = state(&peer);
    let mut connection = HttpConnection::open(peer.api);
    let long = format!("Bearer {token}0");
    let spaces = format!("Bearer  {token}");
    let wrong = [
        vec![],
        vec![("Authorization", "")],
        vec![("Authorization", "Bearer")],
        vec![("Authorization", "Bearer ")],
        vec![("Authorization", token.as_str())],
        vec![("Authorization", long.as_str())],
        vec![("Authorization", spaces.as_str())],
        vec![("Authorization", "Basic OjEyMw==")],
        vec![("Authorization", "Bearer \u{e9}")],
        vec![("Authorization", &long[..long.len() - 1]), ("Authorization", "Bearer 1")],
        vec![("Cookie", "=; ;;= ; ostrakon_=; a")],
    ];
    for headers in &wrong {
        for target in ["/v1/mine", "/v1/sync", "/v1/leave", "/v1/logins", "/v1/vote", "/v1/peers"] {
            let answer = connection.ask("POST", target, headers, b"");
            assert_eq!(answer.status, 401, "{target} {headers:?}: {answer:?}");
            let scheme = answer.header("www-authenticate").unwrap_or_default();
            assert!(scheme.starts_with("Bearer"), "{answer:?}");
            answer.problem();
        }
    }
    assert_eq!(state(&peer), before);
    let answer = order(&peer, "/v1/mine", b"");
    assert_eq!((answer.status, answer.problem().as_str()), (409, "mining_off"), "the right one");
}

#[test]
fn a_link_logs_in_once_and_its_cookie_acts_for_own_pages_alone() {
    let mut network = Network::without_tracker(new_election(8));
    let peer = start_quiet_peer(&mut network, &[]);
    let (path, code) = new_link(&peer);
    let answer = get(peer.api, &path);
    assert_eq!((answer.status, answer.header("location")), (303, Some("../")), "{answer:?}");
    let set = answer.header("set-cookie").expect("a cookie").to_owned();
    for attribute in ["; HttpOnly", "; SameSite=Strict", "; Path=/"] {
        assert!(set.contains(attribute), "{set}");
    }
    assert!(!set.contains("Domain") && !set.contains(&code), "{set}");
    assert!(!set.contains(&peer.token()), "{set}");
    assert_eq!(answer.body, b"", "what is in a body may be kept");

    // Once, and not in another spelling either.
    let upper = path.replace(&code, &code.to_uppercase());
    for again in [&path, &upper, "/login/", "/login/0", &format!("{path}/"), &format!("{path}?a=1")]
    {
        let answer = get(peer.api, again);
        assert!(matches!(answer.status, 403 | 404), "{again}: {answer:?}");
        assert_eq!(answer.header("set-cookie"), None, "{answer:?}");
        answer.problem();
    }

    let cookie = set.split(';').next().expect("a name and a value");
    let own = format!("http://{}", peer.api);
    let ask = |headers: &[(&str, &str)]| {
        let headers: Vec<_> = [("Cookie", cookie)].iter().chain(headers).copied().collect();
        HttpConnection::open(peer.api).ask("POST", "/v1/mine", &headers, b"").status
    };
    assert_eq!(ask(&[("Origin", &own)]), 409, "let in: it does not mine");
    assert_eq!(ask(&[("Sec-Fetch-Site", "same-origin")]), 409);
    assert_eq!(ask(&[]), 403);
    assert_eq!(ask(&[("Sec-Fetch-Site", "none")]), 403);
    assert_eq!(ask(&[("Sec-Fetch-Site", "cross-site")]), 403);
    assert_eq!(ask(&[("Origin", "null")]), 403);
}

#[test]
fn sessions_and_links_end_with_the_peer() {
    let mut network = Network::without_tracker(new_election(8));
    let mut peer = start_quiet_peer(&mut network, &[]);
    let (address, directory) = (peer.address.to_string(), peer.data_directory.clone());
    let cookie = log_in(&peer);
    let (unused, _) = new_link(&peer);
    let token = peer.token();
    let status = |peer: &Peer, header: (&str, &str)| {
        let headers = [header, ("Sec-Fetch-Site", "same-origin")];
        HttpConnection::open(peer.api).ask("POST", "/v1/mine", &headers, b"").status
    };
    assert_eq!(status(&peer, ("Cookie", &cookie)), 409);
    assert_eq!(peer.ask("leave")["own_vote"], "not_cast");
    assert_eq!(peer.wait_end(PATIENCE).code(), Some(0));
    assert!(!directory.join("api.url").exists(), "nobody listens there any more");

    let peer = Peer::start("peer again", &[&address, "--no-mining"], &directory);
    assert_eq!(status(&peer, ("Cookie", &cookie)), 401);
    assert_eq!(get(peer.api, &unused).status, 403);
    assert_eq!(status(&peer, ("Authorization", &bearer(&token))), 409);
}

#[test]
fn no_secret_is_logged_or_answered() {
    let network = Network::without_tracker(new_election(8));
    let directory = network.directory.path().join("traced");
    let log = network.directory.path().join("trace.log");
    let ballot = network.ballot();
    let mut command = Command::new("sh");
    command.args(["-c", "log=$1; shift; exec \"$@\" 2>\"$log\"", "sh"]).arg(&log);
    command.arg(binary("peer")).args(["0", "--no-mining", "--json", "--ballot"]).arg(&ballot);
    command.arg("--data-dir").arg(&directory).env_clear().env("RUST_LOG", "trace");
    command.env("PATH", "/usr/bin:/bin").current_dir(network.directory.path());
    let mut peer = Peer::run("traced peer", command, &directory);

    let (token, link) = (peer.token(), new_link(&peer));
    let cookie = get(peer.api, &link.0).header("set-cookie").expect("a cookie").to_owned();
    let cookie = cookie.split(';').next().expect("a name and a value").to_owned();
    let (unused, _) = new_link(&peer);
    let session = cookie.split_once('=').expect("a name and a value").1.to_owned();
    let key = fs::read_to_string(directory.join("voter.key")).expect("it has a voter");
    // The first lines of its PEM have the secret number in them.
    let key = key.lines().find(|line| line.len() == 64 && !line.contains(' '));
    let key = key.expect("a whole line of PEM");
    let code_of = |path: &str| path.trim_start_matches("/login/").to_owned();
    let secrets = [token.clone(), session, link.1, code_of(&unused), key.to_owned()];

    let bearer = bearer(&token);
    let own = format!("http://{}", peer.api);
    let sessions = [("Cookie", cookie.as_str()), ("Origin", own.as_str())];
    let tokens = [("Authorization", bearer.as_str())];
    let wrong = [("Authorization", token.as_str()), ("Origin", token.as_str())];
    let mut answers = Vec::new();
    for headers in [&sessions[..], &tokens[..], &wrong[..], &[]] {
        for (method, target) in [
            ("GET", "/"),
            ("GET", "/v1/openapi.json"),
            ("GET", "/v1/status"),
            ("GET", "/v1/ballot"),
            ("GET", "/v1/peers"),
            ("GET", "/v1/nowhere"),
            ("GET", &link.0),
            ("PUT", "/v1/mine"),
            ("POST", "/v1/mine"),
            ("POST", "/v1/vote"),
        ] {
            let body = if method == "POST" { &br#"{"choices":[["Ada"]]}"#[..] } else { b"" };
            answers.push(HttpConnection::open(peer.api).ask(method, target, headers, body));
        }
    }
    assert!(answers.iter().any(|answer| answer.status == 200));
    let votes = peer.ask("status")["pool"].clone();
    assert_eq!(votes, 2, "its vote was cast");
    assert_eq!(peer.ask("leave")["answer"], "leave");
    assert_eq!(peer.wait_end(PATIENCE).code(), Some(0));
    let trace = fs::read_to_string(&log).expect("it wrote");
    assert!(trace.contains("TRACE") || trace.contains("DEBUG"), "{trace}");
    for secret in &secrets {
        assert_eq!(secret.len(), 64, "{secret}");
        let lower = secret.to_lowercase();
        assert!(!trace.to_lowercase().contains(&lower), "a secret is logged: {secret}\n{trace}");
        for answer in answers.iter().filter(|answer| answer.header("set-cookie").is_none()) {
            assert!(!answer.text().contains(secret.as_str()), "{secret}: {}", answer.text());
        }
    }
}
