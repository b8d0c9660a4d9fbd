"""Decodes the bytes of a record into log events: envelopes, fields, units, time; pure."""
