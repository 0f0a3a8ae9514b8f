"""The command line: one thin function per job of the workflow, and a few commands for people."""
