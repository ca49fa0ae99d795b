//! The tree of the headers of all branches that this peer knows, with the bodies that are in
//! memory. It records how far each block was checked, and never decides by itself which branch is
//! the best one.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use protocol::block::{Block, Header};
use protocol::units::{BlockHash, Height, Work};

use super::fork_choice::Standing;
use super::summary::BlockEffects;

/// How far a block has been checked, and where its body is.
#[derive(Debug, Clone)]
pub(super) enum Body {
    /// Only the header is known.
    Missing,
    /// The body is here and matches its header, but its signatures are still being checked.
    Unchecked(Arc<Block>),
    /// Everything that can be checked without the state of the branch is valid.
    Checked(Arc<Block>),
    /// Everything was checked as for `Checked`, and the body is only on the disk.
    Stored,
    /// The same, but the disk has lost the body: it is to be fetched again. The summary, where the disk still
    /// has it, lets the chain leave the block all the same.
    Lost(Option<Arc<BlockEffects>>),
    /// Breaks a rule, or follows a block that does.
    Invalid,
}

impl Body {
    /// Whether everything that can be checked without the state of the branch is valid.
    pub(super) fn is_checked(&self) -> bool {
        match self {
            Self::Checked(_) | Self::Stored | Self::Lost(_) => true,
            Self::Missing | Self::Unchecked(_) | Self::Invalid => false,
        }
    }
}

#[derive(Debug)]
pub(super) struct Entry {
    pub(super) header: Header,
    /// The work of the chain that ends with this block.
    pub(super) work: Work,
    pub(super) body: Body,
    /// The numbers of registrations and votes in the body, known once the body has been here.
    pub(super) registrations: u32,
    pub(super) votes: u32,
    /// Whether this body and all bodies before it are checked.
    pub(super) complete: bool,
    /// Whether this body is withheld, or one before it: see [`Tree::withheld`].
    pub(super) withheld: bool,
    /// How the block stands to what is final and justified: its parent tells when it comes, and [`Tree::stand`] when
    /// that changes.
    pub(super) standing: Standing,
    pub(super) children: Vec<BlockHash>,
}

/// The entries by their hashes. The genesis block is the root.
#[derive(Debug)]
pub(super) struct Tree {
    entries: BTreeMap<BlockHash, Entry>,
    /// The number of entries whose body is missing. Strangers can make it grow with nothing but
    /// proof of work, so it is limited.
    without_body: usize,
    /// The blocks whose bodies nobody is expected to give. A header that was pruned meanwhile is marked again when it
    /// comes back.
    withheld: BTreeSet<BlockHash>,
}

impl Tree {
    pub(super) fn new(genesis: Header) -> Self {
        let block = Arc::new(Block { header: genesis, transactions: Vec::new() });
        let entry = Entry {
            header: genesis,
            work: Work(0),
            body: Body::Checked(block),
            registrations: 0,
            votes: 0,
            complete: true,
            withheld: false,
            standing: Standing::Justified,
            children: Vec::new(),
        };
        let entries = BTreeMap::from([(genesis.hash(), entry)]);
        Self { entries, without_body: 0, withheld: BTreeSet::new() }
    }

    pub(super) fn get(&self, hash: &BlockHash) -> Option<&Entry> {
        self.entries.get(hash)
    }

    /// The header of a block, and those of its ancestors down to the genesis block.
    pub(super) fn headers_down_from(&self, hash: &BlockHash) -> impl Iterator<Item = &Header> {
        let parent = |header: &&Header| self.get(&header.previous).map(|entry| &entry.header);
        std::iter::successors(self.get(hash).map(|entry| &entry.header), parent)
    }

    /// For tests that break what must always be true, to see that it is noticed.
    #[cfg(test)]
    pub(super) fn entry_mut(&mut self, hash: &BlockHash) -> &mut Entry {
        self.entries.get_mut(hash).expect("the test added it")
    }

    pub(super) fn without_body(&self) -> usize {
        self.without_body
    }

    /// The blocks whose own bodies are withheld.
    pub(super) fn withheld(&self) -> &BTreeSet<BlockHash> {
        &self.withheld
    }

    /// Adds a header as a child of its parent, which must be in the tree.
    pub(super) fn insert(&mut self, hash: BlockHash, header: Header) {
        let parent = self.entries.get_mut(&header.previous).expect("the caller found the parent");
        parent.children.push(hash);
        let work = parent.work.plus(header.difficulty);
        let entry = Entry {
            header,
            work,
            body: Body::Missing,
            registrations: 0,
            votes: 0,
            complete: false,
            withheld: parent.withheld || self.withheld.contains(&hash),
            standing: parent.standing.of_child(),
            children: Vec::new(),
        };
        self.entries.insert(hash, entry);
        self.without_body += 1;
    }

    /// Replaces what is known about a body.
    ///
    /// # Panics
    /// When `body` is [`Body::Missing`]: a body that was here once may be lost or invalid, but never unheard of.
    pub(super) fn set_body(&mut self, hash: &BlockHash, body: Body) {
        assert!(!matches!(body, Body::Missing), "{hash} had a body");
        let entry = self.entries.get_mut(hash).expect("the caller found the entry");
        self.without_body -= usize::from(matches!(entry.body, Body::Missing));
        entry.body = body;
    }

    /// Remembers how many registrations and votes a body contains.
    pub(super) fn set_counts(&mut self, hash: &BlockHash, registrations: u32, votes: u32) {
        let entry = self.entries.get_mut(hash).expect("the caller found the entry");
        (entry.registrations, entry.votes) = (registrations, votes);
    }

    /// Marks `hash` and its descendants as complete, as far as bodies are checked without a gap.
    /// Returns the blocks that became complete.
    pub(super) fn complete_from(&mut self, hash: BlockHash) -> Vec<BlockHash> {
        let mut completed = Vec::new();
        let mut open = vec![hash];
        while let Some(hash) = open.pop() {
            let Some(entry) = self.entries.get(&hash) else { continue };
            let parent_complete =
                self.entries.get(&entry.header.previous).is_some_and(|parent| parent.complete);
            if entry.complete || !parent_complete || !entry.body.is_checked() {
                continue;
            }
            let entry = self.entries.get_mut(&hash).expect("found above");
            entry.complete = true;
            open.extend(&entry.children);
            completed.push(hash);
        }
        completed
    }

    /// Marks a block and all its descendants as invalid, and drops their bodies.
    pub(super) fn invalidate(&mut self, hash: &BlockHash) {
        let mut open = vec![*hash];
        while let Some(hash) = open.pop() {
            let Some(entry) = self.entries.get_mut(&hash) else { continue };
            entry.complete = false;
            open.extend(&entry.children);
            self.set_body(&hash, Body::Invalid);
        }
    }

    /// Notes whether anybody can be expected to give a body. Returns false if nothing changes by that.
    pub(super) fn set_withheld(&mut self, hash: &BlockHash, withheld: bool) -> bool {
        let is_new = match withheld {
            true => self.withheld.insert(*hash),
            false => self.withheld.remove(hash),
        };
        if !is_new {
            return false;
        }
        // Descendants may be withheld for a reason of their own.
        let mut open = vec![*hash];
        while let Some(hash) = open.pop() {
            let Some(entry) = self.entries.get(&hash) else { continue };
            let parent = self.entries.get(&entry.header.previous);
            let follows_withheld = parent.is_some_and(|parent| parent.withheld);
            let is_withheld = follows_withheld || self.withheld.contains(&hash);
            if entry.withheld != is_withheld {
                open.extend(&entry.children);
                self.entries.get_mut(&hash).expect("found above").withheld = is_withheld;
            }
        }
        true
    }

    /// Tells `root` and all its descendants how they stand, each by its hash and its parent's standing.
    pub(super) fn stand(
        &mut self,
        root: BlockHash,
        standing_of: impl Fn(&BlockHash, Option<Standing>) -> Standing,
    ) {
        let mut open = vec![root];
        while let Some(hash) = open.pop() {
            let previous = self.entries[&hash].header.previous;
            let parent = self.entries.get(&previous).map(|parent| parent.standing);
            let entry = self.entries.get_mut(&hash).expect("roots and children are in the tree");
            entry.standing = standing_of(&hash, parent);
            open.extend(&entry.children);
        }
    }

    /// A block and all its descendants.
    pub(super) fn descendants(&self, root: BlockHash) -> impl Iterator<Item = (BlockHash, &Entry)> {
        let mut open = vec![root];
        std::iter::from_fn(move || {
            let hash = open.pop()?;
            let entry = &self.entries[&hash];
            open.extend(&entry.children);
            Some((hash, entry))
        })
    }

    /// Removes headers that have no body and no descendant with a body, except those in `keep`.
    /// This makes room after strangers filled the tree with headers alone. Costs a walk over the whole tree, however
    /// many headers follow the same one.
    pub(super) fn prune_headers(&mut self, keep: &BTreeSet<BlockHash>) {
        let mut headers: Vec<(Height, BlockHash)> = self
            .entries
            .iter()
            .filter(|(hash, entry)| matches!(entry.body, Body::Missing) && !keep.contains(*hash))
            .map(|(hash, entry)| (entry.header.height, *hash))
            .collect();
        headers.sort_unstable();
        // From the highest downwards, so that a header is looked at after all its descendants.
        let mut removed = BTreeSet::new();
        for (_, hash) in headers.iter().rev() {
            if self.entries[hash].children.iter().all(|child| removed.contains(child)) {
                removed.insert(*hash);
            }
        }
        // One pass for all of them: strangers choose how many children a block has, and a search among its children
        // for each one that leaves would stop the peer for half a minute.
        self.entries.retain(|hash, entry| {
            entry.children.retain(|child| !removed.contains(child));
            !removed.contains(hash)
        });
        self.without_body -= removed.len();
    }

    /// All entries, in the order of their hashes.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&BlockHash, &Entry)> {
        self.entries.iter()
    }
}
