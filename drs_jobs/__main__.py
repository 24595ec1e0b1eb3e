"""Entry point of `python -m drs_jobs` and of the command `drs-jobs`. The command line is implemented in `cli/`."""

from drs_jobs.cli.main import main

__all__ = ["main"]

if __name__ == "__main__":
    main()
