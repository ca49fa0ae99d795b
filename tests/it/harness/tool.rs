//! Programs of others that some tests need: curl, OpenSSL, a browser, Prometheus, proxies.

use std::path::PathBuf;

/// Set where a missing tool is a failure, as in `.ci/run`, which installs them all.
const REQUIRE_VARIABLE: &str = "OSTRAKON_REQUIRE_TOOLS";

/// Where systems put servers, which is not in everybody's PATH.
const SERVERS: &str = "/usr/sbin";

/// Where a program of the PATH is. Where it is not, the test that needs it can show nothing, and says so.
///
/// # Panics
/// When it is missing and must not be.
pub(crate) fn tool(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let places = std::env::split_paths(&path).chain([PathBuf::from(SERVERS)]);
    let found = places.map(|directory| directory.join(name)).find(|place| place.is_file());
    if found.is_none() {
        lacks(&format!("{name} is not installed"));
    }
    found
}

/// Says that a test can show nothing because the system does not allow something.
///
/// # Panics
/// When it must be allowed.
pub(crate) fn not_allowed(what: &str) {
    lacks(&format!("{what} is not allowed here"));
}

fn lacks(what: &str) {
    let is_required = std::env::var_os(REQUIRE_VARIABLE).is_some_and(|value| value == "1");
    assert!(!is_required, "{what}, and {REQUIRE_VARIABLE}=1");
    eprintln!("{what}: nothing is shown");
}
