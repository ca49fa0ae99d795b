//! Tests on the simulated world.

mod chaos;
mod sabotage;
