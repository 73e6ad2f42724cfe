"""Handing in one matter (提交一件事): accepted at once by rule, or received for the window to accept.

Rule 1: what a hand-in must fulfil stands in `checks`, `wishes` and `cross_region`; all that is wrong is told at once.
Rule 2: who accepts stands in the catalogue. What a rule accepts is accepted on the day it comes in.
"""

# pyright: strict

from __future__ import annotations

from onematter.common.v1.outcome_pb2 import CommandRefused
from onematter.contracts.aggregate import Context
from onematter.intake import acceptance
from onematter.intake.acceptance_deadline import set_deadline
from onematter.intake.checks import check_submission
from onematter.intake.cross_region import mode_of, owner_division
from onematter.intake.desk import Answer, Decider, Desk, Evolver, Reactor
from onematter.intake.plans import Prepared
from onematter.intake.v1.intake_commands_pb2 import IntakeCommand, SubmitMatter
from onematter.intake.v1.intake_events_pb2 import AcceptedBy, MatterAccepted, MatterEvent, MatterReceived
from onematter.intake.v1.intake_state_pb2 import MatterState, MatterStatus
from onematter.intake.wishes import outstanding, pledged, way_of
from onematter.law.calendar import legal_date
from onematter.law.identifiers import matter_number

SERIALS = 100_000_000

_UNKNOWN = MatterStatus.MATTER_STATUS_UNSPECIFIED
_RULE = AcceptedBy.ACCEPTED_BY_RULE


def submit_matter(desk: Desk, state: MatterState, command: IntakeCommand, context: Context) -> Answer:
    """Accept or receive the matter, or refuse it with everything that is wrong."""
    assert state.status == _UNKNOWN, "the matter is handed in already"
    day = legal_date(context.now_unix_ms)
    prepared = check_submission(command, desk.catalogue, desk.plans, day)
    if isinstance(prepared, CommandRefused):
        return prepared
    submit = command.submit_matter
    event = MatterEvent()
    event.actor.CopyFrom(command.actor)
    serial = (context.offset * desk.table.partitions + context.partition) % SERIALS
    number = matter_number(day, submit.division, submit.channel, serial)
    if prepared.matter_type.acceptance == "window":
        received = event.matter_received
        received.matter_code = prepared.matter_type.code
        received.catalogue_version = prepared.matter_type.version
        received.name.CopyFrom(prepared.accepted.name)
        _fill(received, submit, prepared, number)
        set_deadline(received, day, desk.calendar)
        return event
    accepted = event.matter_accepted
    accepted.CopyFrom(prepared.accepted)
    assert accepted.opened_items, "a matter without an item to open"
    _fill(accepted, submit, prepared, number)
    if accepted.cross_region:
        accepted.owner_division = owner_division(accepted.cross_region, accepted.division, accepted.receiving_division)
    acceptance.set_accepted(accepted, desk, prepared.matter_type, _RULE, day)
    return event


def _fill(told: MatterAccepted | MatterReceived, submit: SubmitMatter, prepared: Prepared, number: str) -> None:
    """Put into `told` what the hand-in says."""
    told.matter_number = number
    told.division = submit.division
    told.receiving_division = submit.receiving_division or submit.division
    told.channel = submit.channel
    told.language = submit.language or "zh-CN"
    told.application.CopyFrom(submit.application)
    if submit.promised_materials:
        told.outstanding_materials.extend(outstanding(submit))
    if submit.pledged_items:
        told.pledged_items.extend(pledged(submit.pledged_items, [one.instance_id for one in prepared.planned]))
    way = way_of(submit, prepared.matter_type)
    if way:
        told.delivery = way
    if submit.cross_region or submit.receiving_division:
        told.cross_region = mode_of(submit)


DECIDE: dict[str, Decider] = {"submit_matter": submit_matter}
EVOLVE: dict[str, Evolver] = {}
REACT: dict[str, Reactor] = {}
