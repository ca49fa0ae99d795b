//! A real Prometheus watches over a tracker and a peer.

use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::harness::http::HttpConnection;
use crate::harness::{Network, PATIENCE, Program, tool, until};

fn host_of(url: &str) -> &str {
    url.strip_prefix("http://").expect("an address")
}

/// The body of an answer that says 200.
fn get(address: &str, path: &str) -> Option<String> {
    let mut connection = HttpConnection::try_open(address.parse().expect("an address")).ok()?;
    let answer = connection.try_ask("GET", path, &[], b"").ok()?;
    (answer.status == 200).then(|| String::from_utf8(answer.body).expect("UTF-8"))
}

/// The value of a query's only series, as Prometheus writes it.
fn query(prometheus: &str, query: &str) -> Option<String> {
    let encoded: String = query.bytes().map(|byte| format!("%{byte:02X}")).collect();
    let answer = get(prometheus, &format!("/api/v1/query?query={encoded}"))?;
    let answer: Value = serde_json::from_str(&answer).expect("JSON");
    assert_eq!(answer["status"], "success", "{answer}");
    Some(answer["data"]["result"][0]["value"][1].as_str()?.to_owned())
}

fn wait_for(prometheus: &str, text: &str, value: &str) {
    until(&format!("{text} is {value}"), PATIENCE, || {
        query(prometheus, text).filter(|found| found == value)
    });
}

/// Starts it on a port of its own choice; gives where it listens.
fn start_prometheus(tool: PathBuf, network: &Network) -> (Program, String) {
    let directory = network.directory.path();
    let tracker = network.tracker.as_ref().expect("there is one");
    let (peer, tracker) = (network.peers[0].api, host_of(&tracker.api));
    let config = directory.join("prometheus.yml");
    let text = format!(
        "global: {{scrape_interval: 1s, scrape_timeout: 1s}}
scrape_configs:
- {{job_name: peer, static_configs: [{{targets: ['{peer}']}}]}}
- {{job_name: tracker, static_configs: [{{targets: ['{tracker}']}}]}}
"
    );
    fs::write(&config, text).expect("a file");
    let mut command = Command::new(tool);
    command.arg("--config.file").arg(config).arg("--web.listen-address=127.0.0.1:0");
    command.arg("--storage.tsdb.path").arg(directory.join("prometheus"));
    let program = Program::start("prometheus", command);
    let address = until("Prometheus listens", PATIENCE, || {
        let log = program.stderr();
        let mut words = log.split_whitespace();
        let address = words.find_map(|word| {
            let port = word.strip_prefix("address=127.0.0.1:")?.parse::<u16>().ok()?;
            (port != 0).then(|| format!("127.0.0.1:{port}"))
        })?;
        get(&address, "/-/ready").map(|_| address)
    });
    (program, address)
}

#[test]
fn prometheus_sees_a_peer_and_a_tracker_and_a_vote_that_is_cast_meanwhile() {
    let Some(tool) = tool("prometheus") else { return };
    let mut network = Network::start(1, 12);
    let (_prometheus, address) = start_prometheus(tool, &network);
    for job in ["peer", "tracker"] {
        wait_for(&address, &format!("up{{job=\"{job}\"}}"), "1");
    }
    wait_for(&address, "ostrakon_votes", "0");
    wait_for(&address, "ostrakon_tracker_peers{standing=\"listed\"}", "1");
    network.peers[0].vote("1");
    wait_for(&address, "ostrakon_votes", "1");
    wait_for(&address, "ostrakon_submissions_total{outcome=\"accepted\"}", "2");
    // By now it has answered several times.
    wait_for(
        &address,
        "ostrakon_http_requests_total{route=\"/metrics\",status=\"2xx\"} > bool 1",
        "1",
    );
    wait_for(&address, "ostrakon_store_commit_duration_seconds_count > bool 0", "1");
}

#[test]
fn the_metrics_are_as_prometheus_wants_them() {
    let Some(tool) = tool("promtool") else { return };
    let network = Network::start(1, 12);
    let tracker = network.tracker.as_ref().expect("there is one");
    let peer = network.peers[0].api.to_string();
    for (whose, api) in [("peer", peer.as_str()), ("tracker", host_of(&tracker.api))] {
        // What is counted by route is there from the second time on.
        get(api, "/metrics").expect("an answer");
        let text = get(api, "/metrics").expect("an answer");
        assert!(text.contains("# TYPE ostrakon_"), "{whose}: {text}");
        let mut command = Command::new(&tool);
        command.args(["check", "metrics"]).stdin(Stdio::piped());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("it starts");
        // Closed at once, so that it sees the end.
        child.stdin.take().expect("it is piped").write_all(text.as_bytes()).expect("it reads");
        let output = child.wait_with_output().expect("it ends");
        let said = [output.stdout, output.stderr].concat();
        assert!(output.status.success(), "{whose}: {}", String::from_utf8_lossy(&said));
    }
}
