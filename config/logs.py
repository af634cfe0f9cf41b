"""No log line shows a personal number, whoever wrote it, and no line looks like another one."""

import logging

from archive.privacy import mask_text


class Masked(logging.Formatter):
    """The whole line masked, its traceback too: an exception quotes the value that it could not take."""

    def format(self, record: logging.LogRecord) -> str:
        return mask_text(super().format(record))

    def formatMessage(self, record: logging.LogRecord) -> str:
        """One line, without control characters: a name with a line break in it cannot write a line of its own."""
        line = super().formatMessage(record)
        return "".join(c if c.isprintable() or c == "\t" else f"\\x{ord(c):02x}" for c in line)
