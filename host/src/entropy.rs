//! The one place where randomness comes from the operating system. Core modules get a seed as an argument.

use std::io;

use rand::TryRng;
use rand::rngs::SysRng;

/// Random bytes, good enough for secret keys.
///
/// # Errors
/// When the operating system gives none.
pub fn try_random<const N: usize>() -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    SysRng.try_fill_bytes(&mut bytes).map_err(io::Error::other)?;
    Ok(bytes)
}

/// The same, for a program that has begun and can't go on without.
///
/// # Panics
/// When the operating system gives none. Nothing that needs a key or a token would be safe then.
pub fn random<const N: usize>() -> [u8; N] {
    try_random().expect("the operating system gives randomness")
}
