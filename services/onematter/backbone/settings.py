"""Settings of a service's process, from the environment.

ONEMATTER_DEPLOYMENT (default: the service's name), ONEMATTER_GRPC_ADDRESS (127.0.0.1:0), ONEMATTER_METRICS_ADDRESS
(127.0.0.1:0), ONEMATTER_DATA_DIR, ONEMATTER_CATALOGUE_DIR and ONEMATTER_CALENDAR_DIR (what ships with the package when
absent), ONEMATTER_MAX_BATCH (500), ONEMATTER_LOG_LEVEL (INFO; what is logged: logs); Kafka and PostgreSQL:
contracts.connections; traces: otlp.

What a process holds at most, all counts from 1: ONEMATTER_CACHED_AGGREGATES (3000), ONEMATTER_MAX_CALLS (1000),
ONEMATTER_MAX_WATCHERS (1000), ONEMATTER_MAX_WAITING (5000 outcomes that are waited for).
ONEMATTER_GRACE_SECONDS (30): how long the process may take to end after SIGTERM, at least 5; the pod's
terminationGracePeriodSeconds, no more. ONEMATTER_STALLED_SECONDS (120): after how long without a poll /healthz is red.

ONEMATTER_ENVIRONMENT is `production` unless it says `test`. ONEMATTER_TEST_CLOCK, the path of a file with an offset
(backbone.clock), moves the time, and is refused but in a test: what a deadline rests on must not be a file.
ONEMATTER_QUERY_KEY, or ONEMATTER_QUERY_KEY_FILE, is the secret of intake's query codes (查询密码): at least 32 bytes,
the same for every replica. Without it nobody is told a code, and progress cannot be queried by one.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from onematter.backbone.cache import DEFAULT_AGGREGATES
from onematter.backbone.calls import MAX_CALLS, MAX_WATCHERS
from onematter.backbone.clock import PRODUCTION, TEST, Clock, ClockRefused, clock_of
from onematter.backbone.doors import MAX_WAITING
from onematter.contracts.connections import DatabaseConnection, KafkaConnection, setting

MIN_QUERY_KEY_BYTES = 32
MIN_GRACE_SECONDS = 5
MAX_DIGITS = 10
LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")


class SettingWrong(ValueError):
    """A setting is there and cannot be used; the text names it and says what it takes."""


@dataclass(frozen=True, slots=True)
class Settings:
    """See the module."""

    deployment: str
    kafka: KafkaConnection
    database: DatabaseConnection
    grpc_address: str
    metrics_address: str
    data_dir: Path
    catalogue_dir: Path | None
    calendar_dir: Path | None
    max_batch: int
    log_level: str
    environment: str = PRODUCTION
    test_clock: Path | None = None
    query_key: bytes = field(default=b"", repr=False)
    cached_aggregates: int = DEFAULT_AGGREGATES
    max_calls: int = MAX_CALLS
    max_watchers: int = MAX_WATCHERS
    max_waiting: int = MAX_WAITING
    grace_seconds: int = 30
    stalled_seconds: int = 120

    @classmethod
    def from_environment(cls, service: str, environment: Mapping[str, str] = os.environ) -> Settings:
        """Read them. Raises SettingMissing, naming what is absent, and SettingWrong."""
        deployment = environment.get("ONEMATTER_DEPLOYMENT", service)

        def directory(name: str) -> Path | None:
            return Path(environment[name]) if environment.get(name) else None

        return cls(
            deployment=deployment,
            kafka=KafkaConnection.from_environment(environment),
            database=DatabaseConnection.from_environment(environment),
            grpc_address=environment.get("ONEMATTER_GRPC_ADDRESS", "127.0.0.1:0"),
            metrics_address=environment.get("ONEMATTER_METRICS_ADDRESS", "127.0.0.1:0"),
            data_dir=directory("ONEMATTER_DATA_DIR") or Path("data") / deployment,
            catalogue_dir=directory("ONEMATTER_CATALOGUE_DIR"),
            calendar_dir=directory("ONEMATTER_CALENDAR_DIR"),
            max_batch=count(environment, "ONEMATTER_MAX_BATCH", 500),
            log_level=log_level(environment),
            environment=_environment(environment),
            test_clock=directory("ONEMATTER_TEST_CLOCK"),
            query_key=_query_key(environment),
            cached_aggregates=count(environment, "ONEMATTER_CACHED_AGGREGATES", DEFAULT_AGGREGATES),
            max_calls=count(environment, "ONEMATTER_MAX_CALLS", MAX_CALLS),
            max_watchers=count(environment, "ONEMATTER_MAX_WATCHERS", MAX_WATCHERS),
            max_waiting=count(environment, "ONEMATTER_MAX_WAITING", MAX_WAITING),
            grace_seconds=count(environment, "ONEMATTER_GRACE_SECONDS", 30, minimum=MIN_GRACE_SECONDS),
            stalled_seconds=count(environment, "ONEMATTER_STALLED_SECONDS", 120),
        )

    def clock(self) -> Clock:
        """The deployment's clock. Raises SettingWrong for a test clock that may not be, or that cannot be read."""
        try:
            return clock_of(self.test_clock, is_test=self.environment == TEST)
        except ClockRefused as refused:
            raise SettingWrong(str(refused)) from refused


def count(environment: Mapping[str, str], name: str, default: int, *, minimum: int = 1) -> int:
    """Return a whole number from `minimum`, of nine digits at most. Raises SettingWrong."""
    text = environment.get(name) or str(default)
    if not (text.isascii() and text.isdigit() and len(text) < MAX_DIGITS and int(text) >= minimum):
        raise SettingWrong(f"{name} is a whole number from {minimum}, not {text[:MAX_DIGITS]!r}")
    return int(text)


def seconds(
    environment: Mapping[str, str], name: str, default: float, *, minimum: float = 0, below: float = 1e9
) -> float:
    """Return a number of seconds from `minimum`, or above 0 where that is 0, and under `below`. Raises SettingWrong."""
    text = environment.get(name, "")
    try:
        found = float(text) if text else default
    except ValueError:
        found = -1.0
    if not (found > 0 and minimum <= found < below):
        least = f"from {minimum:g}" if minimum else "above 0"
        raise SettingWrong(f"{name} is not a number of seconds {least} and below {below:.0f}; write one, as 60")
    return found


def log_level(environment: Mapping[str, str]) -> str:
    """Return ONEMATTER_LOG_LEVEL, INFO where it is not set. Raises SettingWrong."""
    level = environment.get("ONEMATTER_LOG_LEVEL") or LOG_LEVELS[1]
    if level not in LOG_LEVELS:
        raise SettingWrong(f"ONEMATTER_LOG_LEVEL is one of {', '.join(LOG_LEVELS)}")
    return level


def _environment(environment: Mapping[str, str]) -> str:
    declared = environment.get("ONEMATTER_ENVIRONMENT") or PRODUCTION
    if declared not in (PRODUCTION, TEST):
        raise SettingWrong(f"ONEMATTER_ENVIRONMENT is {PRODUCTION} or {TEST}")
    return declared


def _query_key(environment: Mapping[str, str]) -> bytes:
    key = setting(environment, "ONEMATTER_QUERY_KEY").encode()
    if key and len(key) < MIN_QUERY_KEY_BYTES:
        raise SettingWrong(f"ONEMATTER_QUERY_KEY has {len(key)} bytes; give at least {MIN_QUERY_KEY_BYTES}, at random")
    return key
