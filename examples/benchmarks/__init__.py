"""For both sides of `benchmark.py`: cases, the line between processes, a tally of products, the report."""
