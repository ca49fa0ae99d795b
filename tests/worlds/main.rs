//! Tests on the simulated world.
