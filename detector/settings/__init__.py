"""The settings: what can be set, where it is read from, and how faults are reported.

Read in this order: ``model`` (all settings), ``detecting``, ``acting``, ``running`` (the sections),
``sources`` and ``loading`` (file and environment), ``example`` (the commented file).
"""

from detector.settings.loading import every_setting, load
from detector.settings.model import Settings

__all__ = ["Settings", "every_setting", "load"]
