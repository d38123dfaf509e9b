"""How a ticket is searched: relaxation, pressure, objective; CTS and CRBG."""
