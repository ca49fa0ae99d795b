//! Builds the programs once per run: `cargo test` of one package does not build another's binaries.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The directory of the workspace's Cargo.toml.
pub(crate) fn workspace_directory() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the package is in the workspace")
}

/// The path of a program of the workspace, built with the profile of this test.
///
/// # Panics
/// When it does not build.
pub(crate) fn binary(name: &str) -> PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    let path = BUILT.get_or_init(build).join(name);
    assert!(path.is_file(), "{} was not built", path.display());
    path
}

/// Where this test was built, and so where the programs are.
fn target_directory() -> &'static Path {
    // Cargo makes it inside its target directory, wherever that is.
    let temporary = Path::new(env!("CARGO_TARGET_TMPDIR"));
    temporary.parent().expect("it is inside the target directory")
}

fn build() -> PathBuf {
    let target = target_directory();
    let is_release = !cfg!(debug_assertions);
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    // The whole workspace, so that its features are those of `cargo test --workspace`, which has built it all. So these
    // programs could be told to lack a rule, but no program asks for that.
    command.args(["build", "--quiet", "--locked", "--workspace", "--bins"]);
    command.arg("--target-dir").arg(target).current_dir(workspace_directory());
    if is_release {
        command.arg("--release");
    }
    let status = command.status().expect("cargo runs");
    assert!(status.success(), "the programs do not build");
    target.join(if is_release { "release" } else { "debug" })
}
