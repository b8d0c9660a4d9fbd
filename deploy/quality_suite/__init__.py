"""The parts of the quality benchmark that are simulated: hosts, zones, and the null."""
