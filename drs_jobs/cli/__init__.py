"""The command line `drs-jobs`. It needs the extra `cli`.

| module | contents |
|---|---|
| `main` | starts and ends the process: its exit status, closed and full streams |
| `app` | the list of commands, the options before them, and what `--help` shows |
| `commands/` | one module per command, with its options and its work |
| `options` | the options that several commands have |
| `parsers` | how the texts of options are parsed: durations, moments, ids, files |
| `servers` | `--servers` and `--names`: source servers and their names, from a file and from AWS |
| `output` | tables, JSON lines and CSV |
| `logs` | the logs of many jobs, a few at a time |
| `evidence_reader` | what `check` and `report` have in common: their options, what they read, the exit status of the verdict |
| `phase_reader` | the logs of running jobs, for `watch` |
| `exit_status` | exit statuses, the status and the message for each error, and lines on stderr |
"""
