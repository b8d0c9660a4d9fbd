"""The fast path: from a fetched batch of records to the open panes; pure."""
