"""One module per command of `drs-jobs`. `check_formats` belongs to `check`, and `sweep_targets` to `sweep`."""
