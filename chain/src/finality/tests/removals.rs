use super::blocks::Blocks;
use super::search::{Rule, Search};

#[test]
fn measure() {
    let trees: [(&str, &[u8]); 6] = [
        ("two branches", &[0, 0, 1, 2, 3, 4]),
        ("three leaves", &[0, 0, 1, 2, 3, 4, 1]),
        ("three leaves, 8", &[0, 0, 1, 2, 3, 4, 1, 7]),
        ("four leaves at 2", &[0, 0, 1, 1, 2, 2, 3, 4, 5, 6]),
        ("full but one", &[0, 0, 1, 1, 2, 2, 3, 3, 4, 5, 6]),
        ("full", &[0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6]),
    ];
    let last: usize = std::env::var("LAST").map_or(3, |v| v.parse().unwrap());
    for (name, tree) in &trees[..last] {
        let started = std::time::Instant::now();
        let outcome = Search::over(Blocks::above_genesis(tree)).exhaust();
        eprintln!("{name}: {outcome:?} {:?}", started.elapsed());
    }
    let _ = Rule::PrepareLock;
}
