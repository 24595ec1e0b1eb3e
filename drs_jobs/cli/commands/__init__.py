"""One module per command of `drs-jobs`.

`evidence_reader` belongs to `check` and `report`, `check_formats` to `check`, `phase_reader` to `watch`, and `sweep_targets` to
`sweep`.
"""
