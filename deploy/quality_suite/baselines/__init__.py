"""What others do, for comparison only: nothing in here ever raises an alarm or leads to an action.

Each follows its source, also where that is known to be wrong; the quality benchmark shows what it
costs. ``deploy/quality`` is the only caller.
"""
