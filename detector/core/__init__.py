"""The vocabulary that every room shares: words, errors, notices, ports, names of topics; pure."""
