"""How a ticket is trained and judged."""
