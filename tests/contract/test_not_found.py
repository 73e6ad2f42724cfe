"""What is said where there is no such thing: whole, in both languages, and with the way out."""

from __future__ import annotations

import re

import pytest

from onematter.contracts.not_found import TEXTS, text


@pytest.mark.parametrize("what", [*TEXTS, "dead letter", "what a later version knows"])
def test_every_kind_is_said_in_its_language(what: str) -> None:
    chinese, english = text(what, "zh-CN"), text(what, "en_US.UTF-8")
    assert re.search(r"[一-鿿]", chinese)
    assert not re.search(r"[一-鿿]", english)
    for said in (chinese, english):
        assert not re.search(r"[{}]", said)
        assert re.search(r"[；;]", said), "no way out"


def test_a_query_does_not_speak_of_an_id() -> None:
    assert "number" in text("query", "en")
    assert "id" not in re.findall(r"\w+", text("query", "en"))


def test_the_catalogue_is_named_where_a_matter_is_sought_in_it() -> None:
    assert "onematter catalogue" in text("matter type", "en")
    assert "onematter catalogue" in text("matter type", "zh-CN")
