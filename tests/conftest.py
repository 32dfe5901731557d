"""What all tests stand on: Ctrl-C is heard, however the tests were started."""

from __future__ import annotations

import signal

# started in the background of a shell, a process ignores it, and so do all that it starts
signal.signal(signal.SIGINT, signal.default_int_handler)
