"""The suite's models, and anybody's by name."""

import lottery.models.zoo  # noqa: F401
