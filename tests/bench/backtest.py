"""Measure the backtest of 20 rules over a million stored actions, and check a sample of it against the live engine.

`python -m tests.bench.backtest --actions 1000000` fills a PostgreSQL of its own below var/bench/backtest, runs the
backtest in a fresh process as the worker does, and prints seconds of wall time and the highest resident memory.
"""

ACTIONS = 1_000_000
USERS = 300_000
DAYS = 30
RULES = 20
SAMPLE = 10_000
