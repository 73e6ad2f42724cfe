"""How large may be what a person or a system asks. One place, for services and clients alike."""

from __future__ import annotations

# Characters of a request_id, of a principal and of a matter's id.
MAX_REQUEST_ID_LENGTH = 64
MAX_PRINCIPAL_LENGTH = 128
MAX_MATTER_ID_LENGTH = 128
# Bytes of a command: an event carries the one that caused it.
MAX_COMMAND_BYTES = 262_144
# Bytes of a command on a task: a task's state keeps what its commands say.
MAX_TASK_COMMAND_BYTES = 65_536
# Characters of the reason that an operator gives.
MAX_OPERATION_REASON_LENGTH = 500
