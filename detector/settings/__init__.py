"""The settings: what can be set, where it is read from, and what is said when it is wrong.

Reading order: ``model`` (the whole), ``detecting``, ``acting``, ``running`` (the sections),
``sources`` and ``loading`` (file and environment), ``example`` (the commented file).
"""

from detector.settings.loading import every_setting, load
from detector.settings.model import Settings

__all__ = ["Settings", "every_setting", "load"]
