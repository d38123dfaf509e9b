"""The rows: kept, looked up, and where they come from. Without torch."""
