"""A matter that two provinces share (跨省通办, 国办发〔2020〕35号).

Rule 1: where it was taken (收件地) and where it is handled (办理地) stand apart in the matter, since each answers for
its own part: the one for form and identity, the other for the decision. Items go by the handling division.
Rule 2: of the three modes of 国办发〔2020〕35号 the matter is the handling province's in two: in 全程网办 it does all
of it from afar, and in 异地代收代办 the other province's window takes and passes on (收受分离), and accepts nothing
itself. In 多地联办 one place accepts for all, so the matter belongs to the province that took it. The document names
the modes; that ownership follows from who accepts is this file's reading of it.
Rule 3: a mode is used only where the catalogue offers it for the matter. Without one the channel tells: at a window it
is taken for another province, elsewhere the applicant came to the handling province from afar.
"""

# pyright: strict

from __future__ import annotations

from onematter.common.v1.actor_pb2 import Channel
from onematter.common.v1.outcome_pb2 import Reason
from onematter.contracts.aggregate import Refusal
from onematter.intake.v1.intake_commands_pb2 import CrossRegionMode, SubmitMatter
from onematter.law.divisions import Level, ancestor
from onematter.law.matters import CrossRegionMode as Offered
from onematter.law.matters import MatterType

_ONE_PLACE = CrossRegionMode.CROSS_REGION_MODE_UNSPECIFIED
_JOINT = CrossRegionMode.CROSS_REGION_MODE_JOINT
_RELAYED = CrossRegionMode.CROSS_REGION_MODE_RELAYED
_REMOTE = CrossRegionMode.CROSS_REGION_MODE_REMOTE
# As the catalogue calls them.
_NAMES: dict[int, Offered] = {_REMOTE: "remote", _RELAYED: "relayed", _JOINT: "joint"}
_WINDOWS = frozenset({Channel.CHANNEL_WINDOW, Channel.CHANNEL_OTHER_REGION})
_FIELD = "submit_matter.cross_region"


def mode_of(submit: SubmitMatter) -> CrossRegionMode:
    """Return the mode of a hand-in: its own, or what its two divisions and its channel tell (Rule 3)."""
    if submit.cross_region:
        return submit.cross_region
    if not _differ(submit):
        return _ONE_PLACE
    return _RELAYED if submit.channel in _WINDOWS else _REMOTE


def check_mode(submit: SubmitMatter, matter_type: MatterType, refusal: Refusal) -> None:
    """Note a mode that is none, that the matter does not offer, or that has no second province to be for.

    Both divisions are well formed, or their own violations are told.
    """
    mode = mode_of(submit)
    if mode == _ONE_PLACE:
        return
    if mode not in _NAMES:
        refusal.add(_FIELD, Reason.REASON_FIELD_MALFORMED, {"rule": "cross_region"})
    elif _NAMES[mode] not in matter_type.cross_region:
        offered = {"offered": ", ".join(matter_type.cross_region)} if matter_type.cross_region else {}
        refusal.add(_FIELD, Reason.REASON_CROSS_REGION_NOT_OFFERED, offered)
    elif mode != _REMOTE and not _differ(submit):
        # Only from afar may it have been taken where it is handled.
        refusal.add("submit_matter.receiving_division", Reason.REASON_FIELD_MALFORMED, {"rule": "another province"})


def owner_division(mode: CrossRegionMode, division: str, receiving_division: str) -> str:
    """Return the province whose matter it is (Rule 2); empty where one place does all."""
    if mode == _ONE_PLACE:
        return ""
    return ancestor(receiving_division if mode == _JOINT else division, Level.PROVINCE)


def _differ(submit: SubmitMatter) -> bool:
    received = submit.receiving_division
    return bool(received) and received[:2] != submit.division[:2]
