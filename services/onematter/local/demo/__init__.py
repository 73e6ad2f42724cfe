"""`onematter demo`: four real matters through three levels, on a stack of its own, shown live.

Rule 1: the stack lives as long as the demo; whatever ends it, no process stays behind.
Rule 2: exit 0 only if all matters were completed and verified, and if one view of one matter showed tasks of all
three levels open; else 1 with the reason.
"""

from __future__ import annotations

from onematter.local.demo.program import main

__all__ = ["main"]
