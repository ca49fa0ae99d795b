//! Whatever breaks an invariant of a chain is noticed.

use protocol::finality::BlockReference;
use protocol::units::{Difficulty, Height, Work};

use super::*;

/// A chain with a tip of two blocks, a worse branch of two, a header without its body, and one above the tip.
struct Scene {
    chain: Chain,
    first: BlockHash,
    tip: BlockHash,
    other: BlockHash,
    other_tip: BlockHash,
    bodiless: BlockHash,
    best_header: BlockHash,
}

impl Scene {
    fn new() -> Self {
        let genesis = Header::genesis(&election());
        let first = mine(&genesis, &[registration(0), vote(0, vec![vec![1]])], 0);
        let second = mine(&first.header, &[registration(1)], 0);
        let other = mine(&genesis, &[registration(2)], 0);
        // Of two branches with equal work that of the smaller hash is the best one.
        let mut salts = (0..).map(|salt| mine(&other.header, &[], salt));
        let other_tip = salts.find(|block| block.header.hash() > second.header.hash());
        let other_tip = other_tip.expect("half of all hashes are greater");
        let bodiless = mine(&genesis, &[registration(3)], 0).header;
        let above = mine(&second.header, &[registration(3)], 0).header;
        let mut chain = chain();
        for block in [&first, &second, &other, &other_tip] {
            add(&mut chain, block).expect("it keeps the rules");
            chain.advance();
        }
        for header in [bodiless, above] {
            chain.insert_header(header, NOW).expect("it keeps the rules");
        }
        let [first, tip, other, other_tip] =
            [&first, &second, &other, &other_tip].map(|block| block.header.hash());
        assert_eq!(chain.tip().hash, tip);
        let (bodiless, best_header) = (bodiless.hash(), above.hash());
        Self { chain, first, tip, other, other_tip, bodiless, best_header }
    }

    fn genesis(&self) -> BlockHash {
        self.chain.best[0]
    }

    fn settle(&mut self, hash: BlockHash) {
        let height = self.entry(hash).header.height;
        self.chain.set_final(BlockReference { height, hash }).expect("nothing else is final");
    }

    fn entry(&mut self, hash: BlockHash) -> &mut Entry {
        self.chain.tree.entry_mut(&hash)
    }
}

/// One way to break a chain, and a part of what the check says about it.
type Breakage = (fn(&mut Scene), &'static str);

const TREE: [Breakage; 13] = [
    (
        |it| {
            let tip = it.tip;
            it.entry(it.first).children.push(tip)
        },
        "a child has another parent",
    ),
    (
        |it| {
            it.entry(it.first).children.clear();
            let (genesis, tip) = (it.genesis(), it.tip);
            it.entry(genesis).children.push(tip);
        },
        "a child has another parent",
    ),
    (
        |it| {
            it.chain = chain();
            it.entry(it.genesis()).complete = false;
        },
        "is not the root",
    ),
    (
        |it| {
            it.chain = chain();
            it.entry(it.genesis()).work = Work(1);
        },
        "is not the root",
    ),
    (|it| it.entry(it.other_tip).header.height = Height(7), "the height of"),
    (|it| it.entry(it.bodiless).work = Work(77), "the work of"),
    (|it| it.entry(it.bodiless).complete = true, "is complete"),
    (|it| it.entry(it.other_tip).complete = false, "is complete"),
    (|it| it.entry(it.other).withheld = true, "or one before it is withheld"),
    (
        |it| {
            let other_tip = it.other_tip;
            for hash in [it.other, other_tip] {
                it.entry(hash).complete = false;
            }
            it.entry(it.other).body = Body::Invalid;
        },
        "follows an invalid block",
    ),
    (|it| it.entry(it.other).children.clear(), "blocks that their parents do not know"),
    (|it| it.entry(it.bodiless).body = Body::Invalid, "headers without a body"),
    (|it| it.chain.headers_without_body_max = 1, "2 headers have no body"),
];

const CHOICE: [Breakage; 11] = [
    (|it| it.chain.best.swap(1, 2), "left: Height(2)"),
    (
        |it| {
            it.chain.best = vec![it.genesis(), it.bodiless];
        },
        "of the best chain is not complete",
    ),
    (|it| it.chain.best[2] = it.other_tip, "entry.header.previous == previous"),
    (
        |it| {
            let candidate = it.chain.candidate(it.bodiless);
            it.chain.candidates.insert(candidate);
        },
        "is not complete",
    ),
    (
        |it| {
            let candidate = it.chain.candidate(it.tip);
            it.chain.candidates.insert(Candidate { work: Work(77), ..candidate });
        },
        "a candidate",
    ),
    (
        |it| {
            it.chain.tree.set_withheld(&it.best_header, true);
        },
        "the best header is useless",
    ),
    (
        |it| {
            it.chain.best_header = it.chain.candidate(it.best_header);
            it.chain.tree.set_body(&it.best_header, Body::Invalid);
        },
        "the best header is useless",
    ),
    (|it| it.chain.best_header = it.chain.tip(), "there is a better header"),
    (
        |it| {
            it.chain.best_header = it.chain.candidate(it.bodiless);
        },
        "there is a better header",
    ),
    (
        |it| {
            it.chain.closing = Some(BlockReference { height: Height(1), hash: it.first });
        },
        "the closing block",
    ),
    (|it| it.chain.timing.floor = Difficulty::from_bits(7), "the tip's difficulty"),
];

const COUNTS: [Breakage; 6] = [
    (|it| it.entry(it.first).registrations = 2, "registrations"),
    (|it| it.entry(it.first).votes = 2, "votes"),
    (
        |it| {
            it.entry(it.first).votes = 0;
            it.entry(it.tip).votes = 1;
        },
        "heights of blocks with votes",
    ),
    (
        |it| {
            it.chain.branch = Branch::new(&election(), Rules::ALL);
            for hash in [it.first, it.tip] {
                it.chain.tree.set_counts(&hash, 0, 0);
            }
        },
        "the tip's transaction has no place",
    ),
    (|it| it.entry(it.first).body = Body::Lost(None), "lost bodies"),
    (|it| it.chain.best.truncate(2), "is known from a block above the tip"),
];

const SETTLED: [Breakage; 6] = [
    (|it| it.entry(it.other).standing = Standing::Final, "stands to what is settled"),
    (|it| it.chain.settled.last_final.height = Height(7), "is settled and not known"),
    (
        |it| {
            it.settle(it.tip);
            let hash = it.other_tip;
            it.chain.settled.justified = BlockReference { height: Height(2), hash };
        },
        "the justified block conflicts with the final one",
    ),
    (
        |it| {
            it.settle(it.other_tip);
            it.chain.candidates.clear();
        },
        "nothing leads to the final block",
    ),
    (|it| it.chain.final_tally.tally.votes = 1, "final votes"),
    (|it| it.chain.final_tally.counted = Height(3), "more is final than there is"),
];

#[test]
fn each_breakage_of_a_chain_is_noticed() {
    Scene::new().chain.check_invariants();
    let breakages = TREE.iter().chain(&CHOICE).chain(&COUNTS).chain(&SETTLED);
    for (number, (breaks, expected)) in breakages.enumerate() {
        let mut scene = Scene::new();
        breaks(&mut scene);
        let said = panic_message(|| scene.chain.check_invariants());
        assert!(said.contains(expected), "breakage {number}: {said}, not {expected}");
    }
}
