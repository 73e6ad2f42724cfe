"""The canary's settings name what is missing or wrong."""

from __future__ import annotations

import pytest

from onematter.backbone.settings import SettingWrong
from onematter.canary.settings import CanarySettings
from onematter.contracts.connections import SettingMissing

PEERS = '{"intake": "a:1", "archive": "b:2", "approval-city": "c:3"}'
RIGHT = {"ONEMATTER_CANARY_DIVISIONS": "330106, 330206,330106", "ONEMATTER_PEERS": PEERS}


def test_what_is_not_given_has_its_default() -> None:
    settings = CanarySettings.from_environment(RIGHT)
    assert settings.divisions == ("330106", "330206")
    assert settings.addresses == {"intake": "a:1", "archive": "b:2"}
    assert (settings.interval_seconds, settings.timeout_seconds, settings.deployment) == (120, 60, "canary")


@pytest.mark.parametrize(
    ("name", "value", "error"),
    [
        ("ONEMATTER_CANARY_DIVISIONS", "", SettingMissing),
        ("ONEMATTER_CANARY_DIVISIONS", "hangzhou", SettingWrong),
        ("ONEMATTER_CANARY_DIVISIONS", ",".join(f"33{number:04}" for number in range(300)), SettingWrong),
        ("ONEMATTER_PEERS", "", SettingMissing),
        ("ONEMATTER_PEERS", '{"intake": "a:1"}', SettingMissing),
        ("ONEMATTER_PEERS", "[]", SettingWrong),
        ("ONEMATTER_PEERS", "a:1", SettingWrong),
        ("ONEMATTER_CANARY_INTERVAL_SECONDS", "0", SettingWrong),
        ("ONEMATTER_CANARY_INTERVAL_SECONDS", "1000000", SettingWrong),
        ("ONEMATTER_CANARY_TIMEOUT_SECONDS", "soon", SettingWrong),
        ("ONEMATTER_LOG_LEVEL", "loud", SettingWrong),
    ],
)
def test_what_is_missing_or_wrong_is_named(name: str, value: str, error: type[Exception]) -> None:
    with pytest.raises(error, match=name):
        CanarySettings.from_environment({**RIGHT, name: value})
