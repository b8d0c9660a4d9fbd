"""The actuator: admission of actions, their executors, and the journal of outcomes."""
