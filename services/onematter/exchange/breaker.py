"""A circuit breaker for one source (熔断): whoever does not answer is not called for a while. Pure.

Rule 1: closed, every call goes through. After `threshold` failures in a row it opens.
Rule 2: open, none does, for `open_seconds`, which doubles at each failed trial, up to `max_open_seconds`.
Rule 3: then it is half open: one call goes through. It closes the breaker when it is answered, and opens it again when
not. A trial that never comes back is given up after `trial_seconds`.
Rule 4: an answer is an answer: a refusal and a "not found" are no failures. Time comes in with each call, in seconds
of a clock that never goes back.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum


class Circuit(Enum):
    """How a breaker stands."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half open"


@dataclass(frozen=True, slots=True)
class Limits:
    """When a breaker opens and how long it stays so."""

    threshold: int = 5
    open_seconds: float = 5.0
    max_open_seconds: float = 60.0
    trial_seconds: float = 30.0


@dataclass(frozen=True, slots=True)
class Breaker:
    """One source's breaker. `until` is when it may be tried, or when the trial under way counts as lost."""

    circuit: Circuit = Circuit.CLOSED
    failures: int = 0
    trials: int = 0
    until: float = 0.0


def admit(breaker: Breaker, now: float, limits: Limits) -> tuple[Breaker, bool]:
    """Return the breaker after somebody wants to call at `now`, and whether the call goes through."""
    if breaker.circuit is Circuit.CLOSED:
        return breaker, True
    if now < breaker.until:
        return breaker, False
    return replace(breaker, circuit=Circuit.HALF_OPEN, until=now + limits.trial_seconds), True


def answered(breaker: Breaker) -> Breaker:
    """Return the breaker after a call was answered, whatever the answer said."""
    return breaker if breaker == Breaker() else Breaker()


def failed(breaker: Breaker, now: float, limits: Limits) -> Breaker:
    """Return the breaker after a call failed at `now`. A call that was under way when it opened changes nothing."""
    failures = breaker.failures + 1
    if breaker.circuit is Circuit.OPEN:
        return breaker
    if breaker.circuit is Circuit.CLOSED and failures < limits.threshold:
        return replace(breaker, failures=failures)
    wait = min(limits.open_seconds * 2.0**breaker.trials, limits.max_open_seconds)
    return Breaker(Circuit.OPEN, failures, breaker.trials + 1, now + wait)
