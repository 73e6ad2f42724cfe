"""Hand a matter in, grant what no rule decides, and wait until it is archived and its receipt verified.

Run: python hand_in.py SUBMISSION.json TIMEOUT_SECONDS, with the addresses of the services in the environment, as
`onematter` takes them. Every step is a command of `onematter`, which an operator can repeat by hand. Exit code 0 when
all came true.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from typing import Any

UNAVAILABLE, REFUSED = 3, 1


def onematter(*arguments: str) -> tuple[int, Any]:
    """Exit code and the one document of a command."""
    done = subprocess.run(
        [sys.executable, "-m", "onematter.client", *arguments, "--json"],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    try:
        return done.returncode, json.loads(done.stdout)
    except ValueError:
        sys.exit(f"onematter {arguments[0]}: {done.stdout}{done.stderr}")


class Deadline:
    """The time that is left, and the end when none is."""

    def __init__(self, seconds: float) -> None:
        self._until = time.monotonic() + seconds

    def wait(self, for_what: str, seen: Any) -> None:
        """Wait a moment; end the process when the time is over."""
        if time.monotonic() > self._until:
            sys.exit(f"in vain: {for_what}; last seen: {json.dumps(seen, ensure_ascii=False)[:2000]}")
        time.sleep(0.5)


def main(submission: str, seconds: float) -> None:
    """Do it."""
    deadline = Deadline(seconds)
    request_id = f"helm-test-{time.time_ns()}"
    while True:
        code, answer = onematter("submit", submission, "--request-id", request_id)
        if code == 0:
            break
        if code == REFUSED:
            sys.exit(f"refused: {json.dumps(answer, ensure_ascii=False)}")
        deadline.wait("hand the matter in", answer)
    matter_id = answer["matter_id"]
    print(f"handed in: {matter_id} as {answer['matter_number']}", flush=True)
    while True:
        code, matter = onematter("progress", matter_id)
        if code == 0 and matter["status"] == "MATTER_STATUS_COMPLETED":
            break
        for item in matter.get("items", []):
            if item["status"] == "ITEM_STATUS_OPEN":
                onematter("decide", matter_id, item["item_id"], "--grant", "--opinion", "helm test")
        deadline.wait("see the matter completed", matter)
    print(f"completed: {matter['outcome']}", flush=True)
    while True:
        code, verified = onematter("verify", matter_id)
        if code == 0:
            break
        deadline.wait("see it archived and verified", verified)
    print(f"archived and verified: root {verified['root']}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]))
