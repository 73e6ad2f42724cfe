"""The command line: one module a subject, wired here.

Rule 1: with --json, stdout carries exactly one JSON document, of a result or of an error.
Rule 2: every error says what to do, and ends with the exit code of its kind.
"""

from __future__ import annotations

from onematter.client.cli.app import cli
from onematter.client.cli.catalogue import catalogue, guide
from onematter.client.cli.deadline import deadline
from onematter.client.cli.machine import completion, demo, down, status, up
from onematter.client.cli.matters import notices, progress, submit, visit, withdraw
from onematter.client.cli.operations import indicators, parked
from onematter.client.cli.records import case, verify
from onematter.client.cli.tasks import claim, decide, inbox

__all__ = ["cli"]

for _command in (
    submit,
    progress,
    withdraw,
    visit,
    notices,
    inbox,
    claim,
    decide,
    case,
    verify,
    catalogue,
    guide,
    deadline,
    indicators,
    parked,
    up,
    down,
    status,
    demo,
    completion,
):
    cli.add_command(_command)
