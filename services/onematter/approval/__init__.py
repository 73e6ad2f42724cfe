"""Approval (审批): the departments of one level or one division, and their tasks (办件).

Intake opens a task here; a rule decides it at once, or it waits in a department's inbox for an official or
for the department's own system. One deployment serves a level, or a division with a centre of its own.
"""
