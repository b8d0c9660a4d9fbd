"""What would have fired, and been done, on recorded logs."""
