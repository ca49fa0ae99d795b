//! What the system says went wrong, in this project's own words and without the numbers of the system.

use std::io;

/// Why the system did not do something, in this program's own words. What this program put into the error stays as it
/// is.
#[must_use]
pub fn of(error: &io::Error) -> String {
    if let Some(own) = error.get_ref() {
        return own.to_string();
    }
    let known = of_kind(error.kind()).or_else(|| error.raw_os_error().and_then(of_number));
    known.map_or_else(
        || match error.raw_os_error() {
            Some(number) => format!("the system refuses it with its error {number}"),
            None => "the system refuses it".to_owned(),
        },
        str::to_owned,
    )
}

#[expect(clippy::wildcard_enum_match_arm, reason = "the system's list of errors is open")]
fn of_kind(kind: io::ErrorKind) -> Option<&'static str> {
    use io::ErrorKind;
    Some(match kind {
        ErrorKind::NotFound => "there is no such file or directory",
        ErrorKind::PermissionDenied => "this user may not",
        ErrorKind::AlreadyExists => "it is there already",
        ErrorKind::NotADirectory => "a part of its path is no directory",
        ErrorKind::IsADirectory => "it is a directory",
        ErrorKind::DirectoryNotEmpty => "the directory is not empty",
        ErrorKind::ReadOnlyFilesystem => "the file system can only be read",
        ErrorKind::StorageFull => "the disk is full",
        ErrorKind::QuotaExceeded => "this user has no more room on the disk",
        ErrorKind::FileTooLarge => "the file system takes no file of this size",
        ErrorKind::InvalidFilename | ErrorKind::InvalidInput => "it is no name for a file",
        ErrorKind::ResourceBusy => "something else uses it",
        ErrorKind::InvalidData => "its content is not what it has to be",
        ErrorKind::UnexpectedEof => "it ends too early",
        ErrorKind::BrokenPipe => "nobody reads it any more",
        ErrorKind::ConnectionRefused => "nobody listens there",
        ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted => "the other side cut it",
        ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable => "no way leads there",
        ErrorKind::NetworkDown => "the network is down",
        ErrorKind::AddrInUse => "the address is in use",
        ErrorKind::AddrNotAvailable => "this machine does not have the address",
        ErrorKind::TimedOut | ErrorKind::WouldBlock => "it took too long",
        ErrorKind::Unsupported => "the system can't do that here",
        ErrorKind::OutOfMemory => "there is no memory left",
        _ => return None,
    })
}

/// What the standard library has no kind for.
fn of_number(number: i32) -> Option<&'static str> {
    match number {
        #[cfg(unix)]
        5 => Some("the disk or device fails"),
        #[cfg(unix)]
        23 | 24 => Some("too many files are open"),
        #[cfg(target_os = "linux")]
        40 => Some("its links lead in a circle"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_system_is_told_in_own_words() {
        for number in 1..=133 {
            let told = of(&io::Error::from_raw_os_error(number));
            assert!(!told.contains("os error") && told != "the system refuses it", "{told}");
        }
        let own = io::Error::new(io::ErrorKind::InvalidData, "page 3 is damaged");
        assert_eq!(of(&own), "page 3 is damaged");
    }
}
