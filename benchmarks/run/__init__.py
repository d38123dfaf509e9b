"""A cell becomes a row."""
