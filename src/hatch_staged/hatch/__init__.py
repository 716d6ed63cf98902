"""Thin adapters between Hatch's plugin hooks and the rest: they translate and stop."""
