"""`python -m shoal` is the command `shoal`, where that one is not on the path."""

from shoal.cli import run

if __name__ == "__main__":
    run()
