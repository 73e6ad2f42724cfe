"""Whole matters, told as stories: every service in memory, one process, a clock that the test moves."""
