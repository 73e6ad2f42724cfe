"""The tables that every deployment has. Called from each service's first migration, with the search_path set."""

from __future__ import annotations

from typing import Any

_STATEMENTS = (
    # State and ledger change at every step and nothing of them is indexed: room in the page keeps updates in place.
    """CREATE TABLE aggregates (
        matter_id text COLLATE "C" PRIMARY KEY,
        lane integer NOT NULL,
        state bytea NOT NULL,
        ledger bytea NOT NULL
    ) WITH (fillfactor = 60, toast_tuple_target = 8160)""",
    "ALTER TABLE aggregates ALTER COLUMN state SET STORAGE EXTERNAL, ALTER COLUMN ledger SET STORAGE EXTERNAL",
    """CREATE TABLE lanes (
        lane integer PRIMARY KEY,
        epoch bigint NOT NULL,
        offsets jsonb NOT NULL,
        next_position bigint NOT NULL,
        sent_position bigint NOT NULL,
        own_offset bigint NOT NULL,
        cluster_id text NOT NULL,
        topic_ids jsonb NOT NULL,
        partitions integer NOT NULL
    ) WITH (fillfactor = 20)""",
    """CREATE TABLE outbox (
        lane integer NOT NULL,
        position bigint NOT NULL,
        records bytea NOT NULL,
        created timestamptz NOT NULL DEFAULT now(),
        PRIMARY KEY (lane, position)
    )""",
    # It comes compressed.
    "ALTER TABLE outbox ALTER COLUMN records SET STORAGE EXTERNAL",
    """CREATE TABLE timers (
        matter_id text COLLATE "C" NOT NULL,
        name text COLLATE "C" NOT NULL,
        lane integer NOT NULL,
        version bigint NOT NULL,
        due_unix_ms bigint NOT NULL,
        PRIMARY KEY (matter_id, name)
    )""",
    "CREATE INDEX timers_due ON timers (lane, due_unix_ms)",
    """CREATE TABLE parked (
        topic text NOT NULL,
        lane integer NOT NULL,
        "offset" bigint NOT NULL,
        matter_id text COLLATE "C" NOT NULL,
        writer text NOT NULL,
        sequence bigint NOT NULL,
        timestamp_unix_ms bigint NOT NULL,
        type text NOT NULL,
        id text NOT NULL,
        traceparent text NOT NULL,
        headers bytea NOT NULL,
        value bytea NOT NULL,
        reason text NOT NULL,
        action text NOT NULL DEFAULT '' CHECK (action IN ('', 'replay')),
        PRIMARY KEY (topic, lane, "offset")
    )""",
    "CREATE INDEX parked_matter ON parked (matter_id)",
    """CREATE INDEX parked_action ON parked (lane) WHERE action <> ''""",
    # What waits for nothing, or no more; statuses are the contract's. A value is kept while somebody may need it.
    """CREATE TABLE dead_letters (
        topic text NOT NULL,
        lane integer NOT NULL,
        "offset" bigint NOT NULL,
        matter_id text COLLATE "C" NOT NULL,
        writer text NOT NULL,
        sequence bigint NOT NULL,
        timestamp_unix_ms bigint NOT NULL,
        type text NOT NULL,
        key bytea NOT NULL,
        headers bytea NOT NULL,
        value bytea,
        size_bytes bigint NOT NULL,
        digest bytea NOT NULL,
        reason text NOT NULL,
        status smallint NOT NULL,
        operation bigint NOT NULL,
        ended timestamptz,
        PRIMARY KEY (topic, lane, "offset")
    )""",
    "CREATE INDEX dead_letters_matter ON dead_letters (matter_id) WHERE matter_id <> ''",
    'CREATE INDEX dead_letters_status ON dead_letters (status, topic, lane, "offset")',
    # What operators asked, and what came of it: never deleted.
    """CREATE TABLE operations (
        number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        principal text NOT NULL,
        request_id text NOT NULL,
        digest bytea NOT NULL,
        actor bytea NOT NULL,
        reason text NOT NULL,
        kind smallint NOT NULL,
        lane integer NOT NULL,
        topic text NOT NULL,
        "offset" bigint NOT NULL,
        matter_id text COLLATE "C" NOT NULL,
        writer text NOT NULL,
        status smallint NOT NULL,
        outcome bytea NOT NULL,
        asked timestamptz NOT NULL DEFAULT now(),
        ended timestamptz,
        UNIQUE (principal, request_id)
    )""",
    "CREATE INDEX operations_pending ON operations (lane, number) WHERE status = 1",
    "CREATE INDEX operations_matter ON operations (matter_id) WHERE matter_id <> ''",
)


def create_backbone_tables(op: Any) -> None:
    """Create them; `op` is Alembic's operations proxy."""
    for statement in _STATEMENTS:
        op.execute(statement)


def drop_backbone_tables(op: Any) -> None:
    """Undo create_backbone_tables."""
    op.execute("DROP TABLE operations, dead_letters, parked, timers, outbox, lanes, aggregates")
