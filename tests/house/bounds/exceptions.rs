//! What has no row, or a row without a test, and why. Each is named by its file too, so that another constant of the
//! same name is noticed.

/// Constants with one reason, each as its file and its name.
pub(super) type Group = (&'static str, &'static [(&'static str, &'static str)]);

/// Rows whose bound no test pushes to its limit.
pub(super) const UNTESTED: &[Group] = &[
    (
        "the system keeps it, and may grant less",
        &[
            ("host/src/udp.rs", "BUFFER_BYTES"),
            ("host/src/http/bind.rs", "BACKLOG"),
            ("host/src/http/serve.rs", "SEND_BUFFER_BYTES"),
        ],
    ),
    (
        "the channel keeps it, and both of its ends are this program's",
        &[("peer/src/watch/source.rs", "UPDATES_MAX")],
    ),
];

/// Constants whose names are those of bounds, and that bound nothing a stranger can make grow.
pub(super) const NO_BOUNDS: &[Group] = &[
    (
        "a rule on a value that a block or a ballot bears, and nothing is kept for a higher one",
        &[
            ("chain/src/time/mod.rs", "TIME_AHEAD_MAX"),
            ("chain/src/time/mod.rs", "INTERVALS_AHEAD_MAX"),
            ("chain/src/time/difficulty.rs", "SOLVE_INTERVALS_MAX"),
            ("chain/src/time/difficulty.rs", "RISE_MAX"),
            ("chain/src/check.rs", "CAST_AT_DISTANCE_MAX"),
            ("protocol/src/admission.rs", "REGISTRATION_BITS_MAX"),
            ("protocol/src/election.rs", "DIFFICULTY_BITS_MAX"),
            ("protocol/src/election.rs", "BLOCK_BYTES_MIN"),
            ("protocol/src/election.rs", "CREATED_MAX"),
        ],
    ),
    (
        "the length of one part of a layout",
        &[
            ("peer/src/auditor/archive/mod.rs", "CHECKSUM_BYTES"),
            ("peer/src/auditor/archive/mod.rs", "HEAD_BYTES"),
            ("peer/src/auditor/archive/mod.rs", "PREFIX_BYTES"),
            ("peer/src/store/pages.rs", "PAGE_BYTES"),
            ("peer/src/store/pages.rs", "CHECKSUM_BYTES"),
            ("peer/src/store/pages.rs", "STORED_BYTES"),
            ("peer/src/store/rows.rs", "CHECKSUM_BYTES"),
            ("peer/src/store/rows.rs", "BLOCK_KEY_BYTES"),
            ("peer/src/store/salvage/scan.rs", "END_BYTES"),
            ("peer/src/store/salvage/scan.rs", "POOL_KEY_BYTES"),
            ("peer/src/store/salvage/source.rs", "HEADER_BYTES"),
            ("protocol/src/block.rs", "HEADER_BYTES"),
            ("protocol/src/block.rs", "BODY_OVERHEAD_BYTES"),
            ("protocol/src/datagram.rs", "ENVELOPE_BYTES"),
            ("protocol/src/datagram.rs", "RETRY_BYTES"),
        ],
    ),
    (
        "the length of a name of the standard",
        &[
            ("host/src/http/authority.rs", "NAME_BYTES_MAX"),
            ("protocol/src/address.rs", "HOST_BYTES_MAX"),
        ],
    ),
    (
        "a time, and what is kept meanwhile is bounded by a number",
        &[
            ("host/src/http/limits.rs", "shutdown_wait"),
            ("host/src/http/stream.rs", "LINGER_MAX"),
            ("node/src/given.rs", "LOOK_UP_MAX"),
            ("node/src/join/asked.rs", "WAIT_MAX"),
            ("node/src/ledger/gossip.rs", "REANNOUNCE_MAX"),
            ("node/src/membership/announce.rs", "PAUSE_MAX"),
            ("node/src/membership/names.rs", "TELL_AGAIN_MAX"),
            ("node/src/membership/voices.rs", "DIFFERENCE_MAX_MS"),
            ("node/src/membership/clock.rs", "ROUND_TRIP_MAX"),
            ("node/src/membership/neighbours.rs", "MISSED_MAX"),
            ("node/src/membership/probes.rs", "WAIT_MAX"),
            ("node/src/membership/probes.rs", "WAIT_UNANSWERED_MAX"),
            ("node/src/membership/tracker.rs", "PERIOD_MAX"),
            ("node/src/membership/tracker.rs", "WAIT_MAX"),
            ("node/src/mining.rs", "GATHER_MAX"),
            ("node/src/sync/headers.rs", "FRUITLESS_WAIT_MAX"),
            ("node/src/sync/requests.rs", "LATE_MAX"),
            ("node/src/sync/window.rs", "TIMEOUT_MAX"),
            ("protocol/src/election.rs", "CREATED_AHEAD_MAX"),
            ("tracker/src/registry/peers.rs", "POKES_UNANSWERED_MAX"),
        ],
    ),
    (
        "what this program sends, asks for or tries by itself",
        &[
            ("node/src/join/asked.rs", "FRUITLESS_ROUNDS_MAX"),
            ("node/src/join/asked.rs", "PIECES_AT_ONCE"),
            ("node/src/ledger/gossip.rs", "OWN_AT_LEAVE_MAX"),
            ("node/src/ledger/gossip.rs", "POOL_DATAGRAMS_PER_BATCH"),
            ("node/src/ledger/gossip.rs", "TRANSACTIONS_PER_DATAGRAM"),
            ("node/src/sync/pieces.rs", "PIECES_PER_REQUEST"),
            ("peer/src/addresses.rs", "LOOK_UPS_AT_ONCE"),
            ("peer/src/client/events.rs", "TRIES_MAX"),
            ("peer/src/client/post.rs", "BATCH_DIGITS_MAX"),
            ("peer/src/client/post.rs", "BATCH_MAX"),
            ("peer/src/client/post.rs", "WAITS_MAX"),
            ("peer/src/client/vote.rs", "SUBMISSIONS_MAX"),
            ("peer/src/watch/source.rs", "BLOCKS_SHOWN_MAX"),
        ],
    ),
    (
        "what is looked at, read or closed in one step, out of something that is bounded itself",
        &[
            ("chain/src/paths.rs", "BRANCH_WALK_MAX"),
            ("host/src/http/serve.rs", "CLOSED_FOR_ROOM"),
            ("host/src/http/stream.rs", "LINGER_BUFFER_BYTES"),
            ("node/src/sync/lost.rs", "LOST_AT_A_TIME_MAX"),
            ("node/src/sync/fetching.rs", "PASSED_OVER_MAX"),
            ("peer/src/miner.rs", "ATTEMPTS_PER_LOOK"),
            ("peer/src/organiser/list.rs", "READ_TOGETHER"),
            ("peer/src/organiser/record.rs", "READ_TOGETHER"),
            ("peer/src/organiser/sign.rs", "SIGNED_TOGETHER"),
            ("peer/src/run/verify.rs", "CHECKED_TOGETHER"),
            ("peer/src/store/offline.rs", "IMPORT_BYTES"),
            ("peer/src/store/writer.rs", "SMALL_BYTES"),
            ("tracker/src/registry/updates.rs", "CHANGES_SCANNED_MAX"),
        ],
    ),
    (
        "what is given if nothing was asked",
        &[
            ("peer/src/cli/command.rs", "CHAIN_LIMIT_DEFAULT"),
            ("peer/src/config.rs", "MINING_THREADS_DEFAULT_MAX"),
            ("peer/src/http/routes/questions.rs", "CHAIN_LIMIT_DEFAULT"),
            ("peer/src/http/routes/questions.rs", "POOL_LIMIT_DEFAULT"),
            ("tracker/src/api.rs", "PEERS_PER_PAGE"),
        ],
    ),
    (
        "what the own user types, names or is shown",
        &[
            ("peer/src/organiser/list/columns.rs", "TITLE_LINES_MAX"),
            ("peer/src/organiser/list/columns.rs", "COLUMNS_TOLD_MAX"),
            ("peer/src/organiser/list/columns.rs", "NAME_TOLD_MAX"),
            ("protocol/src/text.rs", "NFC_GROWTH_MAX"),
            ("keys/src/name.rs", "NAME_CHARACTERS_MAX"),
            ("keys/src/passphrase.rs", "PASSPHRASE_BYTES_MAX"),
            ("keys/src/phrase.rs", "PHRASE_BYTES_MAX"),
            ("peer/src/cli/input_error.rs", "LINE_BYTES_MAX"),
            ("peer/src/cli/suggest.rs", "SUGGESTION_CHARACTERS_MAX"),
            ("peer/src/cli/suggest.rs", "TYPING_SLIPS_MAX"),
            ("peer/src/client/post.rs", "TOLD_MAX"),
            ("peer/src/client/server.rs", "FILE_BYTES_MAX"),
            ("peer/src/miner.rs", "THREADS_MAX"),
            ("peer/src/organiser/init.rs", "NAME_BYTES_MAX"),
            ("peer/src/organiser/list.rs", "TOLD_MAX"),
            ("peer/src/prompt/keyboard.rs", "CHUNK_BYTES"),
            ("peer/src/prompt/lines.rs", "LINES_MAX"),
            ("peer/src/prompt/screen.rs", "TEXTS_MAX"),
            ("peer/src/prompt/terminal.rs", "HISTORY_LINES_MAX"),
            ("peer/src/render/event.rs", "LISTED_MAX"),
            ("peer/src/render/text.rs", "WRITABLE_MS_MAX"),
            ("peer/src/watch/draw/text.rs", "GAP_MAX"),
            ("protocol/src/ballot_file/nearest.rs", "TYPING_SLIPS_MAX"),
        ],
    ),
    (
        "how far a damaged file of our own disk is searched while it is mended",
        &[
            ("chain/src/restore.rs", "TRANSACTIONS_MAX"),
            ("peer/src/store/salvage.rs", "GAP_ROWS_MAX"),
            ("peer/src/store/salvage.rs", "MAGIC_BITS_MAX"),
            ("peer/src/store/salvage/scan.rs", "LEAF_BYTES_MAX"),
            ("peer/src/store/salvage/source.rs", "CHUNK_BYTES"),
            ("peer/src/store/salvage/source.rs", "FAILURES_MAX"),
            ("peer/src/store/salvage/source.rs", "REGIONS_MAX"),
        ],
    ),
    (
        "what is read of a refused body and thrown away at once, so that its sender sees the refusal",
        &[("host/src/http/stream.rs", "LINGER_BYTES_MAX")],
    ),
    (
        "the interfaces of the own machine",
        &[
            ("host/src/multicast.rs", "INTERFACES_MAX"),
            ("node/src/own_addresses.rs", "INTERFACES_MAX"),
        ],
    ),
    ("the last of all numbers", &[("chain/src/locations.rs", "MAX")]),
    ("the least that hyper takes", &[("host/src/http/serve.rs", "BUFFER_BYTES_MIN")]),
    (
        "up to which size checks of our own are made",
        &[("node/src/invariants.rs", "CHECKED_SIZE_MAX")],
    ),
    (
        "where another way of telling begins",
        &[("tracker/src/registry/updates.rs", "SMALL_NETWORK_MAX")],
    ),
    ("failures of the system", &[("tracker/src/run.rs", "RECEIVE_ERRORS_MAX")]),
];

/// The reason for which a constant is among these groups.
pub(super) fn reason(groups: &[Group], file: &str, name: &str) -> Option<&'static str> {
    let group = groups.iter().find(|(_, members)| members.contains(&(file, name)));
    group.map(|(reason, _)| *reason)
}
