"""What a ticket is made of: layout, mask, network, and what a search returns."""
