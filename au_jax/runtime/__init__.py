"""Services for all programs: command line, console, signals, files, devices."""
