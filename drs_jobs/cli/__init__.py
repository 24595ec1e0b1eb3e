"""The command line `drs-jobs`. It needs the extra `cli`.

| module | contents |
|---|---|
| `main` | starts and ends the process: its exit status, closed and full streams |
| `app` | the list of commands, the options before them, and what `--help` shows |
| `commands/` | one module per command, with its options and its work |
| `options` | the options that several commands have, and how their texts are parsed |
| `names` | host names from a file and from AWS |
| `output` | tables, JSON lines, CSV, JUnit and Prometheus |
| `logs` | the logs of many jobs, a few at a time |
| `exit_status` | exit statuses, the status and the message for each error, and lines on stderr |
"""
