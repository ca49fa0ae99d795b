//! How sure a depth is in an election without validators: the share of the hash rate that replaces so many blocks.
//!
//! This is for people to read, and decides nothing.

/// One try in a thousand.
const CHANCE: f64 = 0.001;
/// Halvings of the interval that holds the share: enough for every digit that anybody is shown.
const HALVINGS: u32 = 40;

/// The share of all hash rate, from 0 to 1/2, with which an attacker who mines in secret replaces a block that lies
/// this deep (itself included) in one of a thousand tries.
///
/// It holds at one difficulty. Where the difficulty follows the times of blocks, luck weighs more.
#[must_use]
pub fn attacker_share(confirmations: u32) -> f64 {
    let (mut least, mut most) = (0.0, 0.5);
    for _ in 0..HALVINGS {
        let share = f64::midpoint(least, most);
        if replacement_chance(share, confirmations) > CHANCE {
            most = share;
        } else {
            least = share;
        }
    }
    least
}

/// The chance that an attacker with this share of all hash rate ever catches up so many blocks (Rosenfeld, "Analysis of
/// hashrate-based double-spending", 2014): by the negative binomial distribution the attacker finds some blocks while
/// the others find theirs, and has to catch up the rest.
fn replacement_chance(share: f64, confirmations: u32) -> f64 {
    let others = 1.0 - share;
    let depth = f64::from(confirmations);
    // In logarithms, since the terms of great depths are smaller than what a number can hold.
    let mut ln_found = depth * others.ln();
    let mut safe = 0.0;
    for found in 0..confirmations {
        let behind = f64::from(confirmations - found);
        let catches_up = (behind * (share / others).ln()).exp();
        safe += ln_found.exp() * (1.0 - catches_up);
        let found = f64::from(found);
        ln_found += share.ln() + ((found + depth) / (found + 1.0)).ln();
    }
    1.0 - safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chance_is_that_of_the_published_table() {
        // Rosenfeld 2014, table 1, in percent.
        for (share, confirmations, percent) in
            [(0.10, 1, 20.0), (0.10, 2, 5.6), (0.10, 4, 0.546), (0.10, 6, 0.059), (0.30, 6, 15.645)]
        {
            let found = 100.0 * replacement_chance(share, confirmations);
            assert!((found - percent).abs() < 0.001, "{share} {confirmations}: {found}");
        }
    }

    #[test]
    fn the_share_errs_in_one_of_a_thousand_and_grows_with_the_depth() {
        let mut before = 0.0;
        for confirmations in [1, 2, 3, 4, 6, 10, 20, 40, 100, 10_000] {
            let share = attacker_share(confirmations);
            assert!(share > before && share < 0.5, "{confirmations}: {share}");
            assert!((replacement_chance(share, confirmations) - CHANCE).abs() < 1e-6);
            before = share;
        }
        // As docs/DECISIONS.md has them, in percent.
        for (confirmations, percent) in [(2, 1.3), (4, 6.4), (6, 11.0), (20, 25.5), (100, 38.5)] {
            let found = 100.0 * attacker_share(confirmations);
            assert!((found - percent).abs() < 0.05, "{confirmations}: {found}");
        }
    }
}
