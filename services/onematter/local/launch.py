"""Become another program, bound to the life of the process that started us.

Run as a script with a bare interpreter (`python -I -S launch.py OPTIONS COMMAND…`), and therefore imports the standard
library alone. It stands between fork and exec, where a process with threads must not run Python code of its own
(`subprocess`' preexec_fn). OPTIONS is one JSON object:

- `parent`: process id of the starter
- `death_signal`: signal that the kernel sends us when the thread that started us ends; 0 for none. Linux only.
- `account`: `[uid, gid]` to run as, or null. PostgreSQL refuses to run as root.
- `keep_search`: keep, as that account, the right to pass through directories that only root may enter (Linux).

The order matters: a change of user clears the death signal, so that comes last.
"""

from __future__ import annotations

import ctypes
import json
import os
import sys

PR_SET_PDEATHSIG = 1
PR_SET_SECUREBITS = 28
PR_CAP_AMBIENT = 47
PR_CAP_AMBIENT_RAISE = 2
# access(2) judges by the real user and drops capabilities unless this bit is set; PostgreSQL checks its own
# binaries with access(2).
SECBIT_NO_SETUID_FIXUP = 1 << 2
LINUX_CAPABILITY_VERSION_3 = 0x20080522
CAP_DAC_OVERRIDE = 1
CAP_DAC_READ_SEARCH = 2


class _Header(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _Data(ctypes.Structure):
    _fields_ = (("effective", ctypes.c_uint32), ("permitted", ctypes.c_uint32), ("inheritable", ctypes.c_uint32))


def _check(result: int, what: str) -> None:
    if result != 0:
        raise OSError(ctypes.get_errno(), f"{what}: {os.strerror(ctypes.get_errno())}")


def _permitted_capabilities() -> int:
    with open("/proc/self/status", encoding="ascii") as status:
        return next(int(line.split()[1], 16) for line in status if line.startswith("CapPrm:"))


def become(uid: int, gid: int, keep_search: bool) -> None:
    """Become an unprivileged account; with `keep_search`, keep the smallest capability that passes directories."""
    libc = ctypes.CDLL(None, use_errno=True)
    if keep_search:
        _check(libc.prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP, 0, 0, 0), "securebits")
    os.setgroups([])
    os.setgid(gid)
    os.setuid(uid)
    if keep_search:
        # Containers commonly keep DAC_OVERRIDE and drop DAC_READ_SEARCH.
        wanted = CAP_DAC_READ_SEARCH
        if not _permitted_capabilities() >> wanted & 1:
            wanted = CAP_DAC_OVERRIDE
        data = (_Data * 2)()
        data[0].effective = data[0].permitted = data[0].inheritable = 1 << wanted
        _check(libc.capset(ctypes.byref(_Header(LINUX_CAPABILITY_VERSION_3, 0)), data), "capset")
        _check(libc.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, wanted, 0, 0), "ambient capability")


def main(arguments: list[str]) -> None:
    """Apply OPTIONS and exec COMMAND; exits 127 when that cannot be done."""
    options, command = json.loads(arguments[0]), arguments[1:]
    try:
        if options["account"]:
            become(*options["account"], keep_search=options["keep_search"])
        if options["death_signal"] and sys.platform == "linux":
            libc = ctypes.CDLL(None, use_errno=True)
            _check(libc.prctl(PR_SET_PDEATHSIG, options["death_signal"], 0, 0, 0), "death signal")
            if os.getppid() != options["parent"]:
                sys.exit(127)
        os.execvp(command[0], command)
    except OSError as error:
        print(f"cannot run {command[0]}: {error}", file=sys.stderr)
        sys.exit(127)


if __name__ == "__main__":
    main(sys.argv[1:])
