"""Who may do what follows from the topics table, and a file of principals that does not fit it is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from onematter.backbone.acls import Client, Principals, Right, read_principals, rights_of
from onematter.contracts.topics import table
from onematter.supervision.provision import Names

EVERYBODY = {name: (f"User:{name}",) for name in table().deployments}


def rights(principal: str, principals: Principals) -> set[tuple[str, str, str]]:
    found = [right for right in rights_of(table(), principals) if right.principal == principal]
    assert not any(right.prefixed for right in found if right.resource == "topic")
    return {(right.resource, right.name, right.operation) for right in found}


def test_a_county_takes_commands_and_tells_events_and_nothing_else() -> None:
    both = ("READ", "WRITE", "DESCRIBE_CONFIGS")
    assert rights("User:approval-county", Principals(EVERYBODY)) == {
        # The owner of its commands writes there too what came to the wrong partition.
        *(("topic", "onematter.approval.county.commands.v1", operation) for operation in both),
        *(("topic", "onematter.approval.county.events.v1", operation) for operation in both),
        ("topic", "onematter.approval.dead-letters.v1", "WRITE"),
        ("group", "onematter-approval-county", "READ"),
    }


def test_dead_letters_are_written_and_read_by_no_service() -> None:
    found = {(right.name, right.operation) for right in rights_of(table(), Principals(EVERYBODY))}
    services = ("intake", "approval", "notification", "archive", "exchange")
    assert {one for one in found if "dead-letters" in one[0]} == {
        (f"onematter.{service}.dead-letters.v1", "WRITE") for service in services
    }


def test_supervision_keeps_its_own_changelog() -> None:
    changelog = Names.of("supervision").changelog
    mine = rights("User:supervision", Principals(EVERYBODY))
    assert {operation for _, name, operation in mine if name == changelog} == {
        "CREATE",
        "DELETE",
        "DESCRIBE_CONFIGS",
        "READ",
        "WRITE",
    }
    assert {name for kind, name, _ in mine if kind == "topic"} == {changelog, "onematter.matter.events.v1"}


def test_clients_may_what_is_open_to_them_or_some_of_it() -> None:
    county = ("onematter.approval.county.events.v1", "onematter.approval.county.commands.v1")
    clients = (Client("User:water", "water-", county), Client("User:news", "news-"))
    principals = Principals(EVERYBODY, clients)
    assert rights("User:water", principals) == {
        ("topic", "onematter.approval.county.commands.v1", "WRITE"),
        ("topic", "onematter.approval.county.events.v1", "READ"),
        ("group", "water-", "READ"),
    }
    news = rights("User:news", principals)
    assert ("topic", "onematter.matter.events.v1", "READ") in news
    assert ("topic", "onematter.intake.submissions.v1", "WRITE") in news
    assert not {one for one in news if "dead-letters" in one[1] or "exchange.commands" in one[1]}
    groups = {right for right in rights_of(table(), principals) if right.prefixed}
    assert groups == {
        Right("User:water", "group", "water-", "READ", True),
        Right("User:news", "group", "news-", "READ", True),
    }


def test_two_deployments_may_share_a_principal() -> None:
    one = dict.fromkeys(table().deployments, ("User:onematter",))
    assert {right.principal for right in rights_of(table(), Principals(one))} == {"User:onematter"}


@pytest.mark.parametrize(
    ("principals", "words"),
    [
        (Principals({**EVERYBODY, "moon": ("User:moon",)}), "no deployment moon in the topics table"),
        (Principals({k: v for k, v in EVERYBODY.items() if k != "archive"}), "archive has none"),
        (
            Principals(EVERYBODY, (Client("User:x", "x-", ("onematter.intake.dead-letters.v1",)),)),
            r"onematter\.intake\.dead-letters\.v1 is not open to clients; there are onematter\.",
        ),
    ],
)
def test_principals_that_do_not_fit_the_table_are_refused(principals: Principals, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        rights_of(table(), principals)


def test_a_file_names_who_logs_in_as_whom(tmp_path: Path) -> None:
    file = tmp_path / "principals.toml"
    file.write_text(
        '[deployments]\nintake = "User:intake"\narchive = ["User:CN=a,O=b", "User:c"]\n'
        '[[client]]\nprincipal = "User:water"\ngroups = "water-"\n',
        encoding="utf-8",
    )
    assert read_principals(file) == Principals(
        {"intake": ("User:intake",), "archive": ("User:CN=a,O=b", "User:c")}, (Client("User:water", "water-"),)
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('intake = "User:intake"\n', "principals.toml: intake means nothing here"),
        ('[deployments]\nintake = "intake"\n', "'intake' is no principal; write it as Kafka does, User:name"),
        ('[[client]]\nprincipal = "User:a"\n', r"a \[\[client\]\] has `principal`, `groups`"),
        (
            '[[client]]\nprincipal = "User:a"\ngroups = "a"\ntopic = "b"\n',
            r"a \[\[client\]\] has `principal`, `groups`",
        ),
    ],
)
def test_a_file_that_says_something_else_is_refused(text: str, words: str, tmp_path: Path) -> None:
    file = tmp_path / "principals.toml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=words):
        read_principals(file)
