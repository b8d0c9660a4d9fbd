"""Everything that starts, watches and measures the product."""
