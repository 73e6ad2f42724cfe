"""Settings that are numbers: named, bounded, and never silently another."""

from __future__ import annotations

import pytest

from onematter.backbone.settings import Settings, SettingWrong, seconds

NEEDED = {"KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:9092", "DATABASE_URL": "postgresql://127.0.0.1/x"}


def test_what_is_not_set_has_its_default() -> None:
    settings = Settings.from_environment("intake", NEEDED)
    assert (settings.max_batch, settings.grace_seconds, settings.stalled_seconds) == (500, 30, 120)
    assert (settings.max_calls, settings.max_watchers, settings.max_waiting) == (1000, 1000, 5000)
    assert settings.cached_aggregates == 3_000


def test_what_is_set_is_taken() -> None:
    settings = Settings.from_environment("intake", {**NEEDED, "ONEMATTER_GRACE_SECONDS": "60"})
    assert settings.grace_seconds == 60


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("ONEMATTER_MAX_CALLS", "0", "ONEMATTER_MAX_CALLS is a whole number from 1, not '0'"),
        ("ONEMATTER_MAX_WATCHERS", "-1", "ONEMATTER_MAX_WATCHERS is a whole number from 1"),
        ("ONEMATTER_MAX_BATCH", "many", "ONEMATTER_MAX_BATCH is a whole number from 1, not 'many'"),
        ("ONEMATTER_CACHED_AGGREGATES", "1e3", "ONEMATTER_CACHED_AGGREGATES is a whole number from 1"),
        ("ONEMATTER_GRACE_SECONDS", "4", "ONEMATTER_GRACE_SECONDS is a whole number from 5, not '4'"),
        ("ONEMATTER_STALLED_SECONDS", "9" * 5000, "ONEMATTER_STALLED_SECONDS is a whole number from 1"),
    ],
)
def test_what_cannot_be_used_is_named(name: str, text: str, says: str) -> None:
    with pytest.raises(SettingWrong, match=says):
        Settings.from_environment("intake", {**NEEDED, name: text})


@pytest.mark.parametrize("text", ["0.5", "1000", "nan", "soon"])
def test_seconds_that_cannot_be_used_are_told_both_bounds(text: str) -> None:
    assert seconds({"PAUSE": "999.5"}, "PAUSE", 60, minimum=1, below=1000) == 999.5
    with pytest.raises(
        SettingWrong, match=r"^PAUSE is not a number of seconds from 1 and below 1000; write one, as 60$"
    ):
        seconds({"PAUSE": text}, "PAUSE", 60, minimum=1, below=1000)
    with pytest.raises(SettingWrong, match="seconds above 0 and below 1000000000;"):
        seconds({"PAUSE": "-1"}, "PAUSE", 60)
