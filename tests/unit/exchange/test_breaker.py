"""A source that does not answer is not called for a while."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from onematter.exchange.breaker import Breaker, Circuit, Limits, admit, answered, failed

LIMITS = Limits(threshold=3, open_seconds=5.0, max_open_seconds=20.0, trial_seconds=10.0)


def opened(now: float = 0.0) -> Breaker:
    breaker = Breaker()
    for _ in range(LIMITS.threshold):
        breaker = failed(breaker, now, LIMITS)
    return breaker


def test_closed_lets_every_call_through() -> None:
    breaker = Breaker()
    for _ in range(10):
        breaker, admitted = admit(breaker, 1.0, LIMITS)
        assert admitted


def test_failures_in_a_row_open_it_and_others_do_not() -> None:
    breaker = failed(failed(Breaker(), 0, LIMITS), 0, LIMITS)
    assert breaker.circuit is Circuit.CLOSED
    breaker = answered(breaker)
    breaker = failed(failed(breaker, 0, LIMITS), 0, LIMITS)
    assert breaker.circuit is Circuit.CLOSED
    assert failed(breaker, 0, LIMITS).circuit is Circuit.OPEN


def test_open_lets_no_call_through_until_its_time_is_over() -> None:
    breaker = opened()
    breaker, admitted = admit(breaker, 4.9, LIMITS)
    assert not admitted
    breaker, admitted = admit(breaker, 5.0, LIMITS)
    assert admitted
    assert breaker.circuit is Circuit.HALF_OPEN


def test_half_open_lets_one_call_through() -> None:
    breaker, _ = admit(opened(), 5.0, LIMITS)
    breaker, admitted = admit(breaker, 5.1, LIMITS)
    assert not admitted


def test_a_trial_that_is_answered_closes_it() -> None:
    breaker, _ = admit(opened(), 5.0, LIMITS)
    assert answered(breaker) == Breaker()


def test_a_trial_that_fails_opens_it_for_twice_as_long_up_to_a_bound() -> None:
    breaker, now, waits = opened(), 0.0, []
    for _ in range(4):
        waits.append(breaker.until - now)
        now = breaker.until
        breaker, admitted = admit(breaker, now, LIMITS)
        assert admitted
        breaker = failed(breaker, now, LIMITS)
        assert breaker.circuit is Circuit.OPEN
    assert waits == [5.0, 10.0, 20.0, 20.0]


def test_a_trial_that_never_comes_back_is_followed_by_another() -> None:
    breaker, _ = admit(opened(), 5.0, LIMITS)
    assert not admit(breaker, 14.9, LIMITS)[1]
    assert admit(breaker, 15.0, LIMITS)[1]


def test_a_call_that_was_under_way_when_it_opened_changes_nothing() -> None:
    breaker = opened(0.0)
    assert failed(breaker, 4.0, LIMITS) == breaker


@given(st.lists(st.tuples(st.sampled_from(["call answered", "call failed", "wait"]), st.floats(0, 30)), max_size=60))
def test_whatever_happens_it_can_be_tried_again_in_time(steps: list[tuple[str, float]]) -> None:
    """No history leaves a source uncalled for longer than the longest of its bounds."""
    breaker, now = Breaker(), 0.0
    for what, seconds in steps:
        now += seconds
        breaker, admitted = admit(breaker, now, LIMITS)
        if admitted and what == "call answered":
            breaker = answered(breaker)
        elif admitted and what == "call failed":
            breaker = failed(breaker, now, LIMITS)
    later = now + max(LIMITS.max_open_seconds, LIMITS.trial_seconds)
    assert admit(breaker, later, LIMITS)[1]
