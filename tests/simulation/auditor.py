"""Says from the topics alone whether everything happened exactly once. Shares no code with what it audits.

Rule 1: every stream is gapless and each place in it has one content.
Rule 2: every hand-in has exactly one event, its outcome; only the first content under a request id may be accepted.
Rule 3: every event of the back is joined exactly once, every opened task comes to exactly one end, and every item that
was opened was asked for once.
Rule 4: a state is the fold of the published events, and a kept outcome says what was published.
Rule 5: no dead letters but for what was broken on purpose, and nothing stays parked.
What a bad wire did is no fault of a deployment: a record that was withheld comes after later ones, and one that was
broken on its way stands in no stream.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from onematter.approval.v1.approval_commands_pb2 import ApprovalCommand
from onematter.approval.v1.approval_events_pb2 import ApprovalEvent
from onematter.backbone.v1.ledger_pb2 import Ledger
from onematter.common.v1.outcome_pb2 import CommandRefused, Reason
from onematter.intake.v1.intake_events_pb2 import MatterEvent

if TYPE_CHECKING:
    from tests.simulation.scheduler import Simulation


class Raw(Protocol):
    """A record in the log."""

    @property
    def key(self) -> bytes | None: ...
    @property
    def value(self) -> bytes | None: ...
    @property
    def headers(self) -> Sequence[tuple[str, bytes]]: ...


@dataclass(frozen=True)
class HandIn:
    """A hand-in that the log acknowledged, from outside, in the order of its acknowledgement."""

    deployment: str
    matter_id: str
    principal: str
    request_id: str
    value: bytes
    forwarded: bool


@dataclass
class Evidence:
    """What the auditor is given. Topics by name; events and commands topics by deployment.

    chains: (deployment, matter_id) to the chain in the state's row. kept: (deployment, matter_id, principal,
    request_id, digest, sequence of the telling event, refused) of each kept outcome. broken: values that were made to
    fail; dropped: those of them that an operator dropped; withheld: matters with records that came late; troubled:
    matters in which something of all this was. quiet: a command that changes nothing is kept without an event.
    parked: rows that wait, and what the ledgers say of waiting.
    """

    topics: Mapping[str, Sequence[Sequence[Raw]]]
    handins: Sequence[HandIn]
    kept: Sequence[tuple[str, str, str, str, bytes, int, bool]]
    events: Mapping[str, str] = field(default_factory=dict)
    tasks: str = ""
    dead_letters: Sequence[str] = ()
    chains: dict[tuple[str, str], str] = field(default_factory=dict)
    broken: frozenset[bytes] = frozenset()
    dropped: frozenset[bytes] = frozenset()
    withheld: frozenset[str] = frozenset()
    troubled: frozenset[str] = frozenset()
    parked: int = 0
    quiet: bool = False
    unrest: str = ""
    front: str = "front"
    back: str = "back"
    problems: list[str] = field(default_factory=list)


def common_evidence(simulation: Simulation, unrest: str) -> Evidence:
    """What the log, the ledgers and the clients of any play tell."""
    kept: list[tuple[str, str, str, str, bytes, int, bool]] = []
    parked = 0
    for deployment, database in simulation.databases.items():
        parked += len(database.tables.parked)
        for matter_id, (_, _, row) in database.tables.aggregates.items():
            ledger = Ledger.FromString(row)
            parked += sum(stream.parked for stream in ledger.received)
            for o in ledger.outcomes:
                refused = o.HasField("refused")
                kept.append((deployment, matter_id, o.principal, o.request_id, o.digest, o.told_by.sequence, refused))
    wire = simulation.broker
    return Evidence(
        topics=wire.topics,
        handins=simulation.play.senders.handins,
        kept=kept,
        broken=frozenset(wire.broken),
        dropped=frozenset(simulation.dropped),
        withheld=frozenset(wire.withheld),
        troubled=frozenset(wire.troubled),
        parked=parked,
        unrest=unrest,
    )


def audit(evidence: Evidence) -> list[str]:
    """What is wrong; empty when all is well."""
    found = evidence.problems
    if evidence.unrest:
        found.append(evidence.unrest)
    front = streams(evidence, evidence.events[evidence.front], evidence.front)
    back = streams(evidence, evidence.events[evidence.back], evidence.back)
    tasks = streams(evidence, evidence.tasks, evidence.front)
    fronts = {place: MatterEvent.FromString(value) for place, value in front.items()}
    backs = {place: ApprovalEvent.FromString(value) for place, value in back.items()}
    asked = {place: ApprovalCommand.FromString(value) for place, value in tasks.items()}
    causes(evidence, evidence.front, fronts)
    causes(evidence, evidence.back, backs)
    hand_ins_counted(evidence, {evidence.front: fronts, evidence.back: backs})
    _joins(evidence, fronts, backs, asked)
    _folds(evidence, {evidence.front: front, evidence.back: back})
    outcomes_kept(evidence, {evidence.front: fronts, evidence.back: backs})
    letters_explained(evidence)
    return found


def _entries(evidence: Evidence, topic: str) -> Iterator[Raw]:
    for partition in evidence.topics[topic]:
        yield from partition


def streams(evidence: Evidence, topic: str, writer: str) -> dict[tuple[str, int], bytes]:
    """(matter_id, sequence) to value, of what `writer` wrote to `topic`."""
    found: dict[tuple[str, int], bytes] = {}
    last: dict[str, int] = {}
    wanted = writer.encode()
    for entry in _entries(evidence, topic):
        headers = dict(entry.headers)
        value = entry.value or b""
        if headers.get("ce_stream") != wanted or value in evidence.broken:
            continue
        key, sequence = (entry.key or b"").decode(), int(headers["ce_sequence"])
        before = last.get(key, 0)
        if sequence > before:
            if sequence > before + 1 and key not in evidence.withheld:
                evidence.problems.append(f"{topic} {key[:8]}: {before + 1} is missing before {sequence}")
            last[key] = sequence
        if found.setdefault((key, sequence), value) != value:
            evidence.problems.append(f"{topic} {key[:8]}: two contents of {sequence}")
    for key in evidence.withheld & last.keys():
        missing = [number for number in range(1, last[key]) if (key, number) not in found]
        if missing:
            evidence.problems.append(f"{topic} {key[:8]}: {missing} never came")
    return found


def _cause(event: Any) -> tuple[object, ...]:
    cause = event.cause
    if cause.received:
        return ("request", cause.principal, cause.request_id, cause.digest)
    if cause.position.writer:
        return ("record", cause.position.writer, cause.position.topic, cause.position.sequence)
    return ("timer", cause.id)


def causes(evidence: Evidence, deployment: str, events: Mapping[tuple[str, int], Any]) -> None:
    for (key, *cause), count in Counter((key, *_cause(event)) for (key, _), event in events.items()).items():
        if count > 1:
            evidence.problems.append(f"{deployment} {key[:8]}: {count} events of the cause {cause}")


def refusal_of(event: Any) -> CommandRefused | None:
    return event.command_refused if event.WhichOneof("event") == "command_refused" else None


def _reused(event: Any) -> bool:
    refused = refusal_of(event) if event is not None else None
    return refused is not None and any(v.reason == Reason.REASON_REQUEST_ID_REUSED for v in refused.violations)


def hand_ins_counted(evidence: Evidence, events: Mapping[str, Mapping[tuple[str, int], Any]]) -> None:
    told: dict[tuple[str, str, str, str, bytes], list[Any]] = {}
    for deployment, of in events.items():
        for (key, _), event in of.items():
            if event.cause.received:
                cause = event.cause
                if hashlib.sha256(cause.received).digest() != cause.digest:
                    evidence.problems.append(f"{deployment} {key[:8]}: the evidence is not what the digest says")
                told.setdefault((deployment, key, cause.principal, cause.request_id, cause.digest), []).append(event)
    quiet = {(*place, digest) for *place, digest, sequence, _ in evidence.kept if not sequence and evidence.quiet}
    requests: dict[tuple[str, str, str, str], list[tuple[HandIn, Any]]] = {}
    known: set[tuple[str, str, str, str, bytes]] = set()
    for h in evidence.handins:
        name = (h.deployment, h.matter_id, h.principal, h.request_id)
        digest = hashlib.sha256(h.value).digest()
        if (*name, digest) in known:
            continue
        known.add((*name, digest))
        outcomes = told.get((*name, digest), [])
        if not outcomes and (*name, digest) in quiet:
            outcomes = [None]
        if len(outcomes) != 1:
            evidence.problems.append(f"{h.deployment} {h.matter_id[:8]}: {len(outcomes)} outcomes of {h.request_id}")
        else:
            requests.setdefault(name, []).append((h, outcomes[0]))
    evidence.problems.extend(f"{n[0]} {n[1][:8]}: an outcome of nothing handed in" for n in told if n not in known)
    for (deployment, matter_id, _, request_id), outcomes in requests.items():
        fresh = [h for h, event in outcomes if not _reused(event)]
        first = outcomes[0][0]
        straight = not any(h.forwarded for h, _ in outcomes) and matter_id not in evidence.troubled
        if len(fresh) != 1 or (straight and fresh[0] is not first):
            evidence.problems.append(
                f"{deployment} {matter_id[:8]}: {len(fresh)} of {len(outcomes)} contents of {request_id} counted"
            )


def _joins(
    evidence: Evidence,
    fronts: Mapping[tuple[str, int], MatterEvent],
    backs: Mapping[tuple[str, int], ApprovalEvent],
    asked: Mapping[tuple[str, int], ApprovalCommand],
) -> None:
    joined = Counter(
        (key, event.cause.position.sequence) for (key, _), event in fronts.items() if event.cause.position.writer
    )
    for place, event in backs.items():
        wanted = 0 if refusal_of(event) is not None else 1
        if joined[place] != wanted:
            evidence.problems.append(f"{place[0][:8]}: the back's event {place[1]} was joined {joined[place]} times")
    ends = Counter(
        (key, event.item_id)
        for (key, _), event in backs.items()
        if event.WhichOneof("event") in ("task_decided", "task_recalled")
    )
    opened = Counter((key, c.item_id) for (key, _), c in asked.items() if c.WhichOneof("command") == "open_task")
    wanted = Counter(
        (key, item_id)
        for (key, _), event in fronts.items()
        for item_id in (*event.matter_accepted.opened_items, *event.item_concluded.opened_items)
    )
    if opened != wanted:
        evidence.problems.append(f"tasks asked for and items opened differ: {len(opened)} and {len(wanted)}")
    if ends != wanted or any(count != 1 for count in wanted.values()):
        odd = [key[:8] for key in wanted.keys() | ends.keys() if wanted[key] != 1 or ends[key] != 1]
        evidence.problems.append(f"items without exactly one end: {sorted(odd)[:5]}")
    concluded = Counter(key for (key, _), event in fronts.items() if event.WhichOneof("event") == "matter_completed")
    for (key, _), event in fronts.items():
        if event.WhichOneof("event") == "matter_accepted" and concluded[key] != 1:
            evidence.problems.append(f"{key[:8]}: {concluded[key]} results")


def _folds(evidence: Evidence, values: Mapping[str, Mapping[tuple[str, int], bytes]]) -> None:
    chains: dict[tuple[str, str], str] = {}
    for deployment, of in values.items():
        for (key, _), value in sorted(of.items()):
            previous = chains.get((deployment, key), "")
            # Canonical bytes were published, so the bytes in the log are those that the state has folded.
            chains[deployment, key] = hashlib.sha256(previous.encode() + value).hexdigest()
    kept = {place: chain for place, chain in evidence.chains.items() if chain}
    for place in sorted(chains.keys() | kept.keys()):
        if chains.get(place) != kept.get(place):
            evidence.problems.append(f"{place[0]} {place[1][:8]}: the state is not the fold of the published events")


def outcomes_kept(evidence: Evidence, events: Mapping[str, Mapping[tuple[str, int], Any]]) -> None:
    seen: set[tuple[object, ...]] = set()
    for deployment, key, principal, request_id, digest, sequence, refused in evidence.kept:
        place = f"{deployment} {key[:8]}: the kept outcome of {request_id}"
        if (deployment, key, principal, request_id, digest) in seen:
            evidence.problems.append(f"{place} is kept twice")
        seen.add((deployment, key, principal, request_id, digest))
        event = events[deployment].get((key, sequence))
        if not sequence and evidence.quiet:
            continue
        if event is None or event.cause.digest != digest or event.cause.request_id != request_id:
            evidence.problems.append(f"{place} is told by no event")
        elif (refusal_of(event) is not None) != refused:
            evidence.problems.append(f"{place} says another thing than its event")
    for deployment, of in events.items():
        for (key, _), event in of.items():
            cause = event.cause
            if cause.received and (deployment, key, cause.principal, cause.request_id, cause.digest) not in seen:
                evidence.problems.append(f"{deployment} {key[:8]}: no kept outcome of {cause.request_id}")


def letters_explained(evidence: Evidence) -> None:
    broken = evidence.broken
    letters = [(entry.key or b"", entry.value or b"") for t in evidence.dead_letters for entry in _entries(evidence, t)]
    told = {value for _, value in letters}
    for key, value in letters:
        if value not in broken and key.decode(errors="replace") not in evidence.troubled:
            evidence.problems.append("a dead letter of what nobody broke")
    evidence.problems.extend("what was broken has no dead letter" for value in broken - told - evidence.dropped)
    if evidence.parked:
        evidence.problems.append(f"{evidence.parked} records stay parked")
