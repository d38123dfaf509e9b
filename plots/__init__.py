"""Figures from result files: CSV in; PNG, PDF and SVG out. Imports neither torch nor the suite."""
