"""What the sides of `benchmark.py` share: cases, the line between processes, a tally of products, the report."""
