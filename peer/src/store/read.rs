//! Reading the database: at the start everything except the blocks' bodies, later single blocks.

use std::cmp::Ordering;

use protocol::codec;
use protocol::units::ElectionId;
use redb::{
    ReadOnlyTable, ReadTransaction, ReadableDatabase, ReadableTable, ReadableTableMetadata,
};

use super::database::StoreFault;
use super::finality;
use super::rows::{
    self, BLOCKS, BlockKey, ELECTION_KEY, FINALITY, FORMAT, FORMAT_KEY, META, NEIGHBOURS_KEY, POOL,
    STATE_KEY, SUMMARIES, State, Table, Tally, bad_row, summary_mark, unseal,
};
use chain::BlockEffects;
use node::Restored;

pub(super) type OpenTable = ReadOnlyTable<&'static [u8], &'static [u8]>;

/// Everything that is needed at the start.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Contents {
    pub(super) state: State,
    pub(super) restored: Restored,
}

/// Reads everything except the bodies, and checks that nothing is missing.
pub(super) fn read_contents(
    redb: &redb::Database,
    election: &ElectionId,
) -> Result<Contents, StoreFault> {
    let transaction = redb.begin_read()?;
    let meta = open_meta(&transaction)?;
    check_identity(&meta, election)?;
    let state = read_state(&meta)?;
    let neighbours = meta_content(&meta, NEIGHBOURS_KEY)?;
    let mut restored =
        Restored { neighbours: rows::decode_neighbours(&neighbours)?, ..Restored::default() };

    let mut found = State { tip: state.tip, ..State::default() };
    each_row(&transaction, SUMMARIES, |key, value| {
        let stored = rows::decode_summary(key, value)?;
        found.bodies += u64::from(stored.has_body);
        found.summaries.add(&summary_mark(&BlockKey::of(&stored.header), stored.has_body));
        restored.blocks.push(stored);
        Ok(())
    })?;
    each_row(&transaction, POOL, |key, value| {
        restored.pool.push(rows::decode_pooled(key, value, election)?);
        found.pool.add(key);
        Ok(())
    })?;
    read_finality(&transaction, |key, value| {
        found.finality.add(&finality::mark(key, value));
        restored.finality.note(finality::decode(key, value)?);
        Ok(())
    })?;
    check_tally("records of finality", state.finality, found.finality)?;
    check_tally("summaries", state.summaries, found.summaries)?;
    check_tally("rows of the pool", state.pool, found.pool)?;
    let bodies = transaction.open_table(BLOCKS)?.len()?;
    if [found.bodies, bodies] != [state.bodies; 2] {
        return Err(StoreFault::Damaged(format!(
            "{bodies} blocks are there, and {} of {} are known",
            found.bodies, state.bodies
        )));
    }
    if let Some((height, hash)) = state.tip {
        let is_tip =
            |header: &protocol::block::Header| BlockKey::of(header) == BlockKey { height, hash };
        if !restored.blocks.iter().rev().any(|block| is_tip(&block.header)) {
            return Err(StoreFault::Damaged(format!("the tip at height {height} is missing")));
        }
        restored.tip = Some(hash);
    }
    Ok(Contents { state, restored })
}

/// Reads the row of a block as it is stored.
pub(super) fn read_block_row(
    redb: &redb::Database,
    key: BlockKey,
) -> Result<Option<Vec<u8>>, StoreFault> {
    let table = redb.begin_read()?.open_table(BLOCKS)?;
    Ok(table.get(key.to_bytes().as_slice())?.map(|value| value.value().to_vec()))
}

/// What a block does to the count, if its summary is intact.
pub(super) fn read_summary(
    redb: &redb::Database,
    key: BlockKey,
) -> Result<Option<BlockEffects>, StoreFault> {
    let (table, key) = (redb.begin_read()?.open_table(SUMMARIES)?, key.to_bytes());
    let row = table.get(key.as_slice())?;
    let stored = row.map(|value| rows::decode_summary(&key, value.value())).transpose()?;
    Ok(stored.map(|stored| stored.summary))
}

pub(super) fn read_state_of(
    redb: &redb::Database,
    election: &ElectionId,
) -> Result<State, StoreFault> {
    let meta = open_meta(&redb.begin_read()?)?;
    check_identity(&meta, election)?;
    read_state(&meta)
}

/// Opens the table of single records, which is missing if the file is not a database of this
/// program.
pub(super) fn open_meta(transaction: &ReadTransaction) -> Result<OpenTable, StoreFault> {
    match transaction.open_table(META) {
        Err(redb::TableError::TableDoesNotExist(name)) => {
            let tables: Vec<_> = transaction.list_tables()?.collect();
            let is_ours = |table: &redb::UntypedTableHandle| {
                let name = redb::TableHandle::name(table);
                [BLOCKS, SUMMARIES, POOL].iter().any(|own| redb::TableHandle::name(own) == name)
            };
            if !tables.is_empty() && !tables.iter().any(is_ours) {
                return Err(StoreFault::NotAChain);
            }
            Err(StoreFault::Damaged(format!("the table {name} is missing")))
        }
        table => Ok(table?),
    }
}

/// Refuses databases that a newer or older version of the program wrote, and those of another
/// election.
pub(super) fn check_identity(meta: &OpenTable, election: &ElectionId) -> Result<(), StoreFault> {
    let format = meta_content(meta, FORMAT_KEY)?;
    let format: u32 =
        codec::decode(&format).map_err(|error| bad_row(META, FORMAT_KEY, &error.to_string()))?;
    match format.cmp(&FORMAT) {
        Ordering::Greater => return Err(StoreFault::NewerFormat { found: format }),
        Ordering::Less => return Err(StoreFault::OlderFormat { found: format }),
        Ordering::Equal => {}
    }
    let found = meta_content(meta, ELECTION_KEY)?;
    let found: ElectionId =
        codec::decode(&found).map_err(|error| bad_row(META, ELECTION_KEY, &error.to_string()))?;
    if found != *election {
        return Err(StoreFault::OtherElection { found });
    }
    Ok(())
}

pub(super) fn read_state(meta: &OpenTable) -> Result<State, StoreFault> {
    State::from_bytes(&meta_content(meta, STATE_KEY)?)
        .map_err(|error| bad_row(META, STATE_KEY, &error.to_string()))
}

pub(super) fn meta_content(meta: &OpenTable, key: &[u8]) -> Result<Vec<u8>, StoreFault> {
    let value = meta.get(key)?.ok_or_else(|| bad_row(META, key, "it is missing"))?;
    unseal(META, key, value.value()).map(<[u8]>::to_vec)
}

/// Visits the rows of finality, of which a database of an earlier program has no table.
fn read_finality(
    transaction: &ReadTransaction,
    visit: impl FnMut(&[u8], &[u8]) -> Result<(), StoreFault>,
) -> Result<(), StoreFault> {
    match transaction.open_table(FINALITY) {
        Err(redb::TableError::TableDoesNotExist(_)) => Ok(()),
        Ok(_) => each_row(transaction, FINALITY, visit),
        Err(error) => Err(error.into()),
    }
}

fn each_row(
    transaction: &ReadTransaction,
    table: Table,
    mut visit: impl FnMut(&[u8], &[u8]) -> Result<(), StoreFault>,
) -> Result<(), StoreFault> {
    let mut last: Option<Vec<u8>> = None;
    for row in transaction.open_table(table)?.iter()? {
        let (key, value) = row?;
        // Damaged pointers may lead in circles, so keys that do not rise end the walk.
        if last.as_deref().is_some_and(|last| last >= key.value()) {
            return Err(bad_row(table, key.value(), "it stands out of order"));
        }
        visit(key.value(), value.value())?;
        last = Some(key.value().to_vec());
    }
    Ok(())
}

fn check_tally(what: &str, expected: Tally, found: Tally) -> Result<(), StoreFault> {
    if expected == found {
        return Ok(());
    }
    let (expected, found) = (expected.rows, found.rows);
    Err(StoreFault::Damaged(if expected == found {
        format!("the {found} {what} are not those that were written")
    } else {
        format!("of {expected} {what}, {found} are there")
    }))
}
