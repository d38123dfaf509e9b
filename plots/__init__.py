"""Figures from result files: CSV in, PNG and PDF out. Imports neither torch nor the suite."""
