"""Panes, windows and contributor tables: counting, merging, ranking; pure."""
