"""From the bytes of a record to log events: envelopes, fields, units, time; pure."""
