"""Questions that need many traces, or both rivers."""
