"""One module per command of `drs-jobs`. `phase_reader` belongs to `watch`, and `sweep_targets` to `sweep`."""
