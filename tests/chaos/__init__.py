"""What may go wrong, tried many times: see docs/guarantees.md."""
