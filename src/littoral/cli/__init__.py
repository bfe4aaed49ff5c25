"""The command line, derived from the declarations of the verbs: parsing, printing, one sentence for what is wrong."""

from littoral.cli.entry import main

__all__ = ["main"]
