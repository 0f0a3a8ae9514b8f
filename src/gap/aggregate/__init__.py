"""From item scores to tidy tables, named policies, estimates and the numbers that DVC compares."""
