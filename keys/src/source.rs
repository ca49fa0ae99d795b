//! The places from which a secret can be read.

use std::path::PathBuf;

/// The place from which a secret is read, unless somebody is asked for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretSource {
    /// A file of this name.
    File(PathBuf),
    /// A file descriptor that the program was started with.
    Descriptor(u32),
}

impl SecretSource {
    /// The source that the options of a command line name. If there are both, the file is used.
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
