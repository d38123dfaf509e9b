"""Which cells make which table, running them, and keeping the results."""
