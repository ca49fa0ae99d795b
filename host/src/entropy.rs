//! The one place where a peer takes randomness from the operating system.

use rand::TryRng;
use rand::rngs::SysRng;

/// Random bytes.
///
/// # Panics
/// When the operating system gives none: nothing that a peer does is safe then.
pub fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    SysRng.try_fill_bytes(&mut bytes).expect("the operating system gives randomness");
    bytes
}
