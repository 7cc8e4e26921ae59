"""What should happen: the pure rules engine, and the rows and pages around it."""

# Importing any module of this package fills the registry, so that no caller can meet it half full.
from rules import data_points as data_points
