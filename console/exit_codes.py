"""The exit codes of every command, and what each says; `docs/commands.md` has the same table."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

DONE: Final = 0
FAILED: Final = 1
USAGE: Final = 2
UNUSABLE: Final = 3
CHANGED: Final = 4
UNREAD: Final = 5
INTERRUPTED: Final = 130
READER_GONE: Final = 141
TERMINATED: Final = 143

MEANINGS: Final[Mapping[int, str]] = MappingProxyType(
    {
        DONE: "done",
        FAILED: "not done, or not as it should be: standard error says what, and the next step",
        USAGE: "the command line is wrong, and nothing was done",
        UNUSABLE: "done, and nothing of it can be used: all was rejected, or no kind of model can learn from it",
        CHANGED: "something is not as the stream file says, and it reads all of it the same",
        UNREAD: "something is not as the stream file says, and it does not read that",
        INTERRUPTED: "interrupted by Ctrl-C (SIGINT)",
        READER_GONE: "whoever read the output has gone, as in `… | head`",
        TERMINATED: "ended by SIGTERM",
    }
)
# What any command may end with; others are a command's own.
OF_EVERY_COMMAND: Final = (DONE, FAILED, USAGE, INTERRUPTED, READER_GONE)
