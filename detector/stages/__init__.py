"""Verbs: one file per step of an event's way, in this order; stages never import each other.

==========  =============  ======================================  ===========================
step        module         in -> out                               state it owns
==========  =============  ======================================  ===========================
1 decode    ``decode``     record -> LogEvents or Unreadable       none
2 match     ``match``      LogEvent + rule -> Contribution         none
1 to 3      ``fast_path``  records of known layouts -> open panes  none; generated, see there
3 tally     ``tally``      contributions -> PaneRecords            open panes, watermark
4 merge     ``merge``      PaneRecords of all sources -> Slides    ring of panes, progress
5 evaluate  ``evaluate``   Slide -> Reports, AlarmChanges          standing per alarm
6 decide    ``decide``     AlarmChanges + now + control -> Ruling  budgets, shifts, candidates
==========  =============  ======================================  ===========================

Where loss or refusal shows: decode says ``Unreadable`` with a reason, tally counts ``late``,
``future`` and ``duplicate``, merge names missing partitions, evaluate knows ``insufficient_data``,
decide refuses with a reason.
"""
