"""One module per command of `drs-jobs`. `check_formats` belongs to `check`."""
