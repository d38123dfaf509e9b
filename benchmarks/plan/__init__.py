"""What is to be run: cells, suites, presets, comparisons. Without torch."""
