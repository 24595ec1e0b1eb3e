"""The command line `drs-jobs`. It needs the extra `cli`."""
