"""What every program stands on: command line, console, signals, files, devices."""
