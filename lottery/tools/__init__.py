"""Commands for ticket files."""
