"""Unknown types and fields: observers pass over them, owners park them, rows keep them."""

from __future__ import annotations

from dataclasses import replace

from tests.simulation import cores
from tests.simulation.bench import MATTER, Bench, open_task, order, put_visit, recall_task, submit
from tests.simulation.cores import BACK, BACK_EVENTS, FRONT

from onematter.approval.v1.approval_events_pb2 import ApprovalEvent
from onematter.intake.v1.intake_state_pb2 import MatterState

# Field 127, which no version has: a string of three bytes.
UNKNOWN_FIELD = b"\xfa\x07\x03new"


def told(item_id: str) -> bytes:
    event = ApprovalEvent(matter_id=MATTER, item_id=item_id)
    event.task_opened.SetInParent()
    return event.SerializeToString()


def test_an_owner_parks_an_unknown_type() -> None:
    bench = Bench(BACK)
    order(bench, 1, UNKNOWN_FIELD)
    order(bench, 2, open_task("01"))
    bench.run()
    assert [reason for reason, _ in bench.parked()] == [
        "unknown type: nothing that this version knows", "behind a parked record",
    ]  # fmt: skip


def test_an_observer_passes_over_an_unknown_type_and_the_stream_goes_on() -> None:
    bench = Bench(aggregate=replace(cores.front_aggregate(), observer=True))
    submit(bench)
    bench.run()
    bench.put(BACK_EVENTS, MATTER, UNKNOWN_FIELD, of=(BACK, 1))
    bench.put(BACK_EVENTS, MATTER, told("01"), of=(BACK, 2))
    bench.run()
    assert bench.kinds(MATTER) == ["matter_accepted", "item_opened"]
    assert bench.received(MATTER, BACK_EVENTS).last_sequence == 2
    assert (bench.parked(), bench.letters()) == ([], [])


def test_an_observer_still_owns_its_own_commands() -> None:
    bench = Bench(aggregate=replace(cores.front_aggregate(), observer=True))
    bench.put(cores.FRONT_COMMANDS, MATTER, UNKNOWN_FIELD)
    bench.run()
    assert len(bench.parked()) == 1


def test_a_row_keeps_the_fields_that_this_version_does_not_know() -> None:
    bench = Bench()
    submit(bench)
    bench.run()
    lane, state, ledger = bench.database.tables.aggregates[MATTER]
    bench.database.tables.aggregates[MATTER] = (lane, state + UNKNOWN_FIELD, ledger + UNKNOWN_FIELD)
    put_visit(bench, "v")
    bench.run()
    _, state, ledger = bench.database.tables.aggregates[MATTER]
    assert MatterState.FromString(state).visits == 1
    assert UNKNOWN_FIELD in state
    assert UNKNOWN_FIELD in ledger


def test_a_field_that_is_unknown_beside_a_known_command_hinders_nothing() -> None:
    bench = Bench(BACK)
    bench.put(cores.BACK_COMMANDS, MATTER, open_task("01") + UNKNOWN_FIELD, of=(FRONT, 1))
    order(bench, 2, recall_task("01"))
    bench.run()
    assert bench.kinds(MATTER) == ["task_opened", "task_recalled"]
