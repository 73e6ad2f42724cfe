"""The words of one matter's notices: its language, the names of what events tell by code, and phrases. Pure.

Rule 1: names of items come with the matter; those of materials, departments and certificates from the catalogue's
version that the matter began with. What stands nowhere is told by its code, never left out.
Rule 2: a clause in square brackets stands only when everything that it names is there. What is put in is never read as
a template.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache

from google.protobuf.timestamp_pb2 import Timestamp

from onematter.common.v1.names_pb2 import LocalizedText
from onematter.contracts.times import unix_ms
from onematter.law.calendar import legal_date
from onematter.law.catalogue import Catalogue, UnknownMatter
from onematter.law.matters import Names
from onematter.notification import wording_en, wording_zh
from onematter.notification.v1.notification_state_pb2 import NoticesState

DEFAULT_LANGUAGE = "zh-CN"
# The languages that notices are written in.
LANGUAGES = (DEFAULT_LANGUAGE, "en")

_CLAUSE = re.compile(r"\[([^\[\]]*)\]")
_PLACEHOLDER = re.compile(r"\{([a-z_]+)\}")


class Given(dict[str, str]):
    """An absent parameter reads as nothing: a notice with a blank in it is better than none."""

    def __missing__(self, key: str) -> str:
        return ""


class Template:
    """A text with placeholders in braces and optional clauses in square brackets, taken apart once."""

    def __init__(self, text: str) -> None:
        self.text = text
        # Every second part is a clause.
        self._parts = _CLAUSE.split(text)
        self._clauses = [tuple(_PLACEHOLDER.findall(clause)) for clause in self._parts[1::2]]
        self._made: dict[tuple[bool, ...], str] = {}

    def fill(self, parameters: Mapping[str, str]) -> str:
        """Return the text with `parameters` in it. Never raises."""
        given = parameters if isinstance(parameters, Given) else Given(parameters)
        if not self._clauses:
            return self.text.format_map(given)
        stands = tuple([all(map(given.get, names)) for names in self._clauses])
        made = self._made.get(stands)
        if made is None:
            kept = [part for n, part in enumerate(self._parts) if n % 2 == 0 or stands[n // 2]]
            made = self._made[stands] = "".join(kept)
        return made.format_map(given)


_PHRASES = {
    language: {name: Template(text) for name, text in phrases.items()}
    for language, phrases in ((DEFAULT_LANGUAGE, wording_zh.PHRASES), ("en", wording_en.PHRASES))
}


class Voice:
    """What a matter's notices call things. `state` has absorbed the event that is told."""

    def __init__(self, state: NoticesState, catalogue: Catalogue) -> None:
        self.state = state
        self.catalogue = catalogue
        self.language = language_of(state.language)

    def phrase(self, phrase: str, /, **parameters: str) -> str:
        """Return a phrase of the wording, filled in. Raises KeyError for one that is not written."""
        return _PHRASES[self.language][phrase].fill(parameters)

    def listed(self, parts: Iterable[str]) -> str:
        """Return what is there, one after the other."""
        return self.phrase("list").join(part for part in parts if part)

    def clauses(self, parts: Iterable[str]) -> str:
        """Return statements that belong together, those that are empty left out."""
        return self.phrase("clauses").join(part for part in parts if part)

    def item(self, item_id: str) -> str:
        """Return an item's name."""
        return self.state.item_names.get(item_id, "") or item_id

    def items(self, item_ids: Iterable[str]) -> str:
        """Return names of items."""
        return self.listed(self.item(one) for one in item_ids)

    def material(self, material_id: str) -> str:
        """Return a material's name."""
        return self._pick(self._material_names().get(material_id)) or material_id

    def materials(self, material_ids: Iterable[str]) -> str:
        """Return names of materials."""
        return self.listed(self.material(one) for one in material_ids)

    def used_by(self, item_id: str) -> frozenset[str]:
        """Return the ids of the materials that an item uses; of an instance, those of its item."""
        try:
            matter_type = self.catalogue.get(self.state.matter_code, self.state.catalogue_version)
            item_type = matter_type.item(item_id.partition("@")[0])
        except (UnknownMatter, KeyError):
            return frozenset()
        return frozenset(material.material_id for material in item_type.materials)

    def department(self, code: str) -> str:
        """Return a department's name; empty for none."""
        return self._pick(self.catalogue.department_names(code)) if code else ""

    def certificate(self, certificate_type: str) -> str:
        """Return a certificate's name."""
        return self._pick(self.catalogue.certificate_names(certificate_type))

    def _material_names(self) -> Mapping[str, Names]:
        try:
            matter_type = self.catalogue.get(self.state.matter_code, self.state.catalogue_version)
        except UnknownMatter:
            return {}
        return {material.material_id: material.names for material in matter_type.materials}

    def _pick(self, names: Names | None) -> str:
        if names is None:
            return ""
        return names.get(self.language) or names.get(DEFAULT_LANGUAGE, "")


@lru_cache(maxsize=1024)
def language_of(tag: str) -> str:
    """Return the one of LANGUAGES that serves a BCP 47 tag: by its first subtag, zh-CN for what is not written here."""
    first = tag.partition("-")[0].lower()
    return next((known for known in LANGUAGES if known.partition("-")[0] == first), DEFAULT_LANGUAGE)


def text_in(name: LocalizedText, language: str) -> str:
    """Return the name in a language, in zh-CN when it has no other; empty when it has neither."""
    texts = name.texts
    return texts[language] if language in texts else texts.get(DEFAULT_LANGUAGE, "")


def said(text: str) -> str:
    """Return what somebody wrote, fit to stand inside a sentence: without the full stop at its end."""
    return text.strip().rstrip("。.；;，,")


def last_day(deadline: Timestamp) -> str:
    """Return the China day that ends with `deadline`, as 2026-11-23; empty for none.

    A deadline is the 24:00 of its last day, and so the first instant of the next.
    """
    return legal_date(unix_ms(deadline) - 1).isoformat() if deadline.seconds else ""


def day_of(instant: Timestamp) -> str:
    """Return the China day in which `instant` lies; empty for none."""
    return legal_date(unix_ms(instant)).isoformat() if instant.seconds else ""
