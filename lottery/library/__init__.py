"""Tickets of networks and data that are not the suite's."""
