//! The one place where randomness comes from the operating system. Core modules get a seed as an argument.

use rand::TryRng;
use rand::rngs::SysRng;

/// Random bytes, good enough for secret keys.
///
/// # Panics
/// When the operating system gives none. Nothing that needs a key or a token would be safe then.
pub fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    SysRng.try_fill_bytes(&mut bytes).expect("the operating system gives randomness");
    bytes
}
