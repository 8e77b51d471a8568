"""A packet through a ruleset: every outcome with its exact odds."""
