"""How far a light is seen."""

import math


def visible_from(height: float) -> float:
    """Return from how many kilometres a light at `height` metres above the sea is seen by an eye at the waterline."""
    return math.sqrt(2 * 6371.0 * height / 1000)
