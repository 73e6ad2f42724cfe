"""Jars are the pinned bytes or an error that says the way out; an interrupted fetch is taken up again."""

from __future__ import annotations

import hashlib
import http.server
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from onematter.local import maven
from onematter.local.errors import Cancelled, DownloadFailed

PATHS = {"org/example/one/1.0/one-1.0.jar": b"the first jar", "org/example/two/2.0/two-2.0.jar": b"the second jar"}


class Repository:
    """A Maven repository on the loopback interface; `served` counts the requests for each path."""

    def __init__(self) -> None:
        self.files = dict(PATHS)
        self.served: list[str] = []
        repository = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                path = self.path.lstrip("/")
                repository.served.append(path)
                body = repository.files.get(path)
                self.send_response(404 if body is None else 200)
                self.send_header("Content-Length", str(len(body or b"")))
                self.end_headers()
                self.wfile.write(body or b"")

            def log_message(self, format: str, *args: object) -> None:
                del format, args

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"


@pytest.fixture
def repository(monkeypatch: pytest.MonkeyPatch) -> Iterator[Repository]:
    repository = Repository()
    thread = threading.Thread(target=repository.server.serve_forever)
    thread.start()
    monkeypatch.setenv("ONEMATTER_MAVEN_URL", repository.url)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    yield repository
    repository.server.shutdown()
    repository.server.server_close()
    thread.join()


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    lock = tmp_path / "kafka.lock"
    first, second = (hashlib.sha256(body).hexdigest() for body in PATHS.values())
    lock.write_text(f"# renewed by hand\n{first}  org.example:one:1.0\n{second}  org.example:two:2.0\n")
    return lock


def fetch(lock: Path, cache: Path) -> dict[str, bytes]:
    folder = maven.fetch("parts", lock, cache, progress=lambda line: None)
    return {jar.name: jar.read_bytes() for jar in folder.iterdir()}


WHOLE = {"one-1.0.jar": b"the first jar", "two-2.0.jar": b"the second jar"}


def test_the_second_run_asks_nobody(repository: Repository, lock: Path, tmp_path: Path) -> None:
    assert fetch(lock, tmp_path / "cache") == WHOLE
    repository.served.clear()
    assert fetch(lock, tmp_path / "cache") == WHOLE
    assert repository.served == []


def test_what_an_interrupted_run_left_is_checked_and_completed(
    repository: Repository, lock: Path, tmp_path: Path
) -> None:
    repository.files["org/example/two/2.0/two-2.0.jar"] = b"the sec"
    with pytest.raises(DownloadFailed):
        fetch(lock, tmp_path / "cache")
    (half,) = (tmp_path / "cache").glob("*.part")
    for path, content in {"one/1.0/one-1.0.jar": b"the first jar", "two/2.0/two-2.0.jar": b"the sec"}.items():
        file = half / "repository" / "org" / "example" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    repository.files = dict(PATHS)
    repository.served.clear()
    assert fetch(lock, tmp_path / "cache") == WHOLE
    assert [path for path in repository.served if path.endswith(".jar")] == ["org/example/two/2.0/two-2.0.jar"]
    assert not half.exists()


def test_other_bytes_than_the_pinned_are_refused(repository: Repository, lock: Path, tmp_path: Path) -> None:
    repository.files["org/example/one/1.0/one-1.0.jar"] = b"something else"
    with pytest.raises(DownloadFailed, match=r"org\.example:one:1\.0.*SHA-256"):
        fetch(lock, tmp_path / "cache")
    assert not [path for path in (tmp_path / "cache").iterdir() if path.is_dir() and path.suffix != ".part"]


def test_without_a_network_the_error_names_the_part_and_the_way_out(
    monkeypatch: pytest.MonkeyPatch, lock: Path, tmp_path: Path
) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        monkeypatch.setenv("ONEMATTER_MAVEN_URL", f"http://127.0.0.1:{unused.getsockname()[1]}")
        with pytest.raises(DownloadFailed, match=r"org\.example:\w+:\d.*KAFKA_BOOTSTRAP_SERVERS"):
            fetch(lock, tmp_path / "cache")


@pytest.mark.usefixtures("repository")
def test_a_start_that_is_given_up_ends_the_fetch(lock: Path, tmp_path: Path) -> None:
    def give_up() -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        maven.fetch("parts", lock, tmp_path / "cache", lambda line: None, give_up)
    assert fetch(lock, tmp_path / "cache") == WHOLE
