"""For all tests: a strict stand-in for GPU arrays, and checks that read the package's syntax trees."""
