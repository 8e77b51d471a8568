"""Benchmarks: ratios of CPU time measured in one run, never timed tests."""
