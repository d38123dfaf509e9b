"""The throughput suite: how fast each kind of step runs, and what limits it."""
