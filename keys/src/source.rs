//! The places from which a secret can be read.

use std::path::PathBuf;

/// Where a secret is read from, if nobody is asked for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretSource {
    /// A file of this name.
    File(PathBuf),
    /// A file descriptor that the program was started with.
    Descriptor(u32),
}

impl SecretSource {
    /// What the options of a command line name, the file first.
    #[must_use]
    pub fn of(file: Option<PathBuf>, descriptor: Option<u32>) -> Option<Self> {
        file.map(Self::File).or(descriptor.map(Self::Descriptor))
    }

    /// The file that it is.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        match self {
            Self::File(path) => path.clone(),
            Self::Descriptor(number) => PathBuf::from(format!("/dev/fd/{number}")),
        }
    }
}
