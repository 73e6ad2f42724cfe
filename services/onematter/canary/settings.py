"""The canary's settings, from the environment.

ONEMATTER_CANARY_DIVISIONS: where its matters are handled, division codes separated by commas; each takes its turn, so
name one of each county, city or province that has deployments of its own. ONEMATTER_PEERS: a JSON object with the gRPC
addresses (host:port) of `intake` and `archive`. ONEMATTER_METRICS_ADDRESS (127.0.0.1:0).
ONEMATTER_CANARY_INTERVAL_SECONDS (120): from the beginning of one run to that of the next; a run's records stay for
ever, like every matter's. ONEMATTER_CANARY_TIMEOUT_SECONDS (60): how long a run may take. ONEMATTER_DEPLOYMENT
(canary): in whose name it hands in. ONEMATTER_LOG_LEVEL (INFO).
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass

from onematter.backbone.settings import SettingWrong, log_level, seconds
from onematter.contracts.connections import SettingMissing
from onematter.law.divisions import level_of

CALLED = ("intake", "archive")
MAX_DIVISIONS = 200


@dataclass(frozen=True, slots=True)
class CanarySettings:
    """See the module."""

    divisions: tuple[str, ...]
    addresses: Mapping[str, str]
    metrics_address: str
    interval_seconds: float
    timeout_seconds: float
    deployment: str
    log_level: str

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> CanarySettings:
        """Read them. Raises SettingMissing and SettingWrong, naming the setting."""
        return cls(
            _divisions(environment.get("ONEMATTER_CANARY_DIVISIONS", "")),
            _addresses(environment.get("ONEMATTER_PEERS", "")),
            environment.get("ONEMATTER_METRICS_ADDRESS", "127.0.0.1:0"),
            seconds(environment, "ONEMATTER_CANARY_INTERVAL_SECONDS", 120, minimum=1, below=1e6),
            seconds(environment, "ONEMATTER_CANARY_TIMEOUT_SECONDS", 60, minimum=1, below=1e6),
            environment.get("ONEMATTER_DEPLOYMENT", "canary"),
            log_level(environment),
        )


def _divisions(text: str) -> tuple[str, ...]:
    divisions = tuple(dict.fromkeys(one.strip() for one in text.split(",") if one.strip()))
    if not divisions:
        raise SettingMissing("ONEMATTER_CANARY_DIVISIONS is not set; give division codes, as 330106,330206")
    if len(divisions) > MAX_DIVISIONS:
        raise SettingWrong(f"ONEMATTER_CANARY_DIVISIONS has {len(divisions)} divisions; give at most {MAX_DIVISIONS}")
    for division in divisions:
        try:
            level_of(division)
        except ValueError:
            raise SettingWrong(
                f"ONEMATTER_CANARY_DIVISIONS: {division[:12]!r} is no division code; give six digits or more, as 330106"
            ) from None
    return divisions


def _addresses(text: str) -> Mapping[str, str]:
    try:
        peers = json.loads(text or "{}")
    except ValueError:
        peers = None
    if not isinstance(peers, dict):
        raise SettingWrong('ONEMATTER_PEERS is a JSON object, as {"intake": "host:port", "archive": "host:port"}')
    missing = [name for name in CALLED if not peers.get(name)]
    if missing:
        raise SettingMissing(f"ONEMATTER_PEERS lacks {' and '.join(missing)}; give the gRPC address of each")
    return {name: str(peers[name]) for name in CALLED}
