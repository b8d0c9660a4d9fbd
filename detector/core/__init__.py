"""What all rooms share: vocabulary, errors, notices, ports, names of topics; pure."""
