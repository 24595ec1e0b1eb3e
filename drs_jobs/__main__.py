"""`python -m drs_jobs`, and the command `drs-jobs`. The command line itself is in `cli/`."""

from drs_jobs.cli import main

__all__ = ["main"]

if __name__ == "__main__":
    main()
