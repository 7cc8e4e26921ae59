"""The product, broken on purpose: each break must turn its test red. Run as `python -m tests.mutants [word ...]`."""
