"""The command line: one module a subject, wired here.

Rule 1: with --json, stdout carries exactly one JSON document, of a result or of an error.
Rule 2: every error says what to do, and ends with the exit code of its kind.
Rule 3: `--help` lists commands by who uses them.
"""

from __future__ import annotations

from onematter.client.cli.app import cli
from onematter.client.cli.catalogue import catalogue, guide
from onematter.client.cli.dead_letters import dead_letters
from onematter.client.cli.deadline import deadline
from onematter.client.cli.explaining import matter
from onematter.client.cli.handling import (
    ask_opinion,
    lift,
    opinion,
    prolong,
    release,
    resume,
    site_visit,
    suspend,
    transfer,
    verify_pledge,
)
from onematter.client.cli.machine import clock, completion, demo, down, status, up
from onematter.client.cli.matters import notices, progress, query, submit, supply, withdraw
from onematter.client.cli.operations import indicators
from onematter.client.cli.records import case, verify
from onematter.client.cli.tasks import claim, decide, inbox
from onematter.client.cli.window import accept, correct, deliver, extend, refuse, visit, void

__all__ = ["cli"]

for _section, _commands in {
    "Apply and follow": (submit, progress, query, supply, withdraw, notices),
    "At the window": (accept, correct, refuse, void, extend, deliver, visit),
    "Decide": (inbox, claim, release, transfer, decide),
    "Before and after a decision": (
        ask_opinion, opinion, site_visit, lift, suspend, resume, prolong, verify_pledge,
    ),
    "Records": (case, verify),
    "Law and catalogue": (catalogue, guide, deadline),
    "Operate": (matter, dead_letters, indicators),
    "On this machine": (up, down, status, clock, demo, completion),
}.items():  # fmt: skip
    for _command in _commands:
        cli.add_to(_section, _command)
