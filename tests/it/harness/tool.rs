//! Programs of others that some tests need: curl, a browser, Prometheus.

use std::path::PathBuf;

/// Set where a missing tool is a failure, as in `.ci/run`, which installs them all.
const REQUIRE_VARIABLE: &str = "OSTRAKON_REQUIRE_TOOLS";

/// Whether a program is on the PATH. Where it is not, the test that needs it can show nothing, and says so.
///
/// # Panics
/// When it is missing and must not be.
pub(crate) fn has_tool(name: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let is_there = |directory: PathBuf| directory.join(name).is_file();
    if std::env::split_paths(&path).any(is_there) {
        return true;
    }
    let is_required = std::env::var_os(REQUIRE_VARIABLE).is_some_and(|value| value == "1");
    assert!(!is_required, "{name} is not installed, and {REQUIRE_VARIABLE} is set");
    println!("not shown: {name} is not installed");
    false
}
