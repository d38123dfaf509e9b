"""Rows become tables and verdicts. Without torch."""
