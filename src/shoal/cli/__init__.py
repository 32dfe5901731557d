"""The command line: the same nouns and verbs as the library, one file for each verb.

Exit status 0; 2 with one line on standard error for what the user got wrong; 130 after Ctrl-C.
Results go to standard output, everything else to standard error.
"""

from shoal.cli.main import app, main, run

__all__ = ["app", "main", "run"]
