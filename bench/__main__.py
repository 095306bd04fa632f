"""The `bench` command, as `python -m bench`."""

from bench.cli import program

if __name__ == "__main__":
    program()
