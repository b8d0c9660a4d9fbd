"""The demo: a simulated fleet, a worker and an actuator on an embedded broker, shown live."""
