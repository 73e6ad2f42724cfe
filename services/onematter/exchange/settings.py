"""The exchange's own settings, from the environment, beside backbone.settings.

ONEMATTER_DATASHARE_ADDRESS: host:port of the data-exchange platform (onematter.datashare.v1.ResolverService); without
it everything is told as away at once, so that the applicant is asked. ONEMATTER_INTAKE_ADDRESS: host:port of intake,
which keeps contents; absent, what `intake` is in ONEMATTER_PEERS.
ONEMATTER_DATASHARE_TIMEOUT_SECONDS (5): how long one call may take. ONEMATTER_SHARING_GIVE_UP_SECONDS (30): after how
long the applicant is asked. ONEMATTER_SHARING_LATE_SECONDS (7 days): how long what was announced for later is waited
for.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass

from onematter.backbone.settings import seconds
from onematter.contracts.connections import SettingMissing
from onematter.exchange.core import Policy


@dataclass(frozen=True, slots=True)
class ExchangeSettings:
    """See the module. `platform_address` is empty when no platform is connected."""

    platform_address: str
    intake_address: str
    timeout_seconds: float
    policy: Policy

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> ExchangeSettings:
        """Read them. Raises SettingMissing and SettingWrong, naming the setting."""
        platform = environment.get("ONEMATTER_DATASHARE_ADDRESS", "")
        intake = environment.get("ONEMATTER_INTAKE_ADDRESS", "")
        if not intake:
            intake = json.loads(environment.get("ONEMATTER_PEERS", "{}")).get("intake", "")
        if platform and not intake:
            raise SettingMissing("ONEMATTER_INTAKE_ADDRESS is not set; give host:port; it keeps what is found")
        defaults = Policy()
        policy = Policy(
            seconds(environment, "ONEMATTER_SHARING_GIVE_UP_SECONDS", defaults.give_up_seconds),
            seconds(environment, "ONEMATTER_SHARING_LATE_SECONDS", defaults.late_seconds),
        )
        timeout_seconds = seconds(environment, "ONEMATTER_DATASHARE_TIMEOUT_SECONDS", 5.0)
        return cls(platform, intake, timeout_seconds, policy)
