"""`python -m drs_jobs`, and the command `drs-jobs`. The command line itself is in `cli/`."""

import sys


def main() -> None:
    """Run the command line, or say in one line which extra it needs."""
    try:
        from drs_jobs.cli import app, run  # noqa: PLC0415  # what they need is an extra
    except ImportError as error:
        print(f"drs-jobs: {error}", file=sys.stderr)  # noqa: T201  # typer may be what is missing
        sys.exit(2)
    run(app)


if __name__ == "__main__":
    main()
