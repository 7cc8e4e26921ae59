"""What would have changed the outcome of an action: the fewest and nearest changes of what was known.

For the staff portal alone: the changes tell thresholds, which must reach no end user.
"""

from rules.counterfactual.change import Change as Change
from rules.counterfactual.change import ChangeSet as ChangeSet
from rules.counterfactual.search import BetterOutcomes as BetterOutcomes
from rules.counterfactual.search import better_outcomes as better_outcomes
