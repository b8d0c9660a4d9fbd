"""The words of the product as immutable values: no input or output, no clock, no chance."""
