"""How often a task may go round: bounds of what its state keeps, in one place.

Rule 1: a bound lies far above what handling ever needs and refuses what would go on for ever: everything is told at
once (一次性告知, 行政许可法 §32), and only what the law names stops a period (§45). What is left is to decide.
"""

from __future__ import annotations

# Rounds of correction (补正) of one task.
MAX_CORRECTIONS = 10
# Special procedures (特别程序) of one task.
MAX_SPECIAL_PROCEDURES = 10
# Questions to other departments (征求意见) of one task, each department's counted.
MAX_OPINIONS = 60
