"""What tracing costs the loop: CPU of a record in memory, as `python -m tests.benchmark.tracing`.

The same hand-ins go through the unit of work and the worker over a log and a store in memory, in turns, so that a
machine that changes its speed changes it for all: without tracing, with a sampler that records nothing, one that
records a hundredth, and one that records everything into a queue that a thread empties. Without tracing nothing of it
runs; what is left of it there are a few tests for None. The export itself, in a thread of its own, is told by itself.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from tests.simulation.bench import Bench, Watching, submit

from onematter.backbone.otlp import SpanQueue
from onematter.backbone.spans import Recorder, Span
from onematter.backbone.step import Step
from onematter.backbone.tracing import TracedUnit
from onematter.contracts.traces import TraceContext

RECORDS, ROUNDS, LIMIT = 2_000, 7, 1_000_000
SHARES = {"off": None, "records none": 0.0, "records 1 %": 0.01, "records all": 1.0}


def samples(share: float) -> Callable[[TraceContext | None, str, str], bool]:
    """By the trace's id, as TraceIdRatioBased does."""
    bound = int(share * 2**64)
    return lambda parent, trace_id, _: parent.sampled if parent is not None else int(trace_id[16:], 16) < bound


def run(share: float | None) -> float:
    """CPU of one record, in µs."""
    bench = Bench()
    taken: list[int] = []

    def take(spans: Sequence[Span]) -> bool:
        taken.append(len(spans))
        return True

    queue: SpanQueue | None = None
    if share is not None:
        queue = SpanQueue(take, lambda *_: None, limit=LIMIT)
        queue.start()
        recorder = Recorder(queue.put, samples(share))
        bench.unit = TracedUnit(bench.unit.aggregate, bench.deployment, bench.table, recorder)

        class Commits(Watching):
            def committed(self, step: Step[Any, Any], records: int) -> None:
                super().committed(step, records)
                if step.spans:
                    recorder.commit(step.spans, "step", {"records": records})

        bench.watching = Commits()
    for number in range(RECORDS):
        submit(bench, f"r{number}", modes="auto")
    began = time.process_time()
    bench.run()
    took = time.process_time() - began
    if queue is not None:
        queue.close(30)
    return took / RECORDS * 1e6


def main() -> None:
    """Print the least of each, and its ratio to that without tracing."""
    found: dict[str, list[float]] = {name: [] for name in SHARES}
    for _ in range(ROUNDS):
        for name, share in SHARES.items():
            found[name].append(run(share))
    base = min(found["off"])
    for name, times in found.items():
        print(f"{name:14} {min(times):8.1f} µs a record {min(times) / base:6.3f}")


if __name__ == "__main__":
    main()
