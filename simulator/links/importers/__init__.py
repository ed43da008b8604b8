"""Importers of measured traces: one file per format, chosen by the content of a file."""

from simulator.links.importers.recognise import FORMATS, import_trace

__all__ = ["FORMATS", "import_trace"]
