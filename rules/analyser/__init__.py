"""What is wrong with the rules of an action, before they act.

Every finding holds for all events, as a solver has proved it; it comes with a *witness*, one event on which the rules
themselves, evaluated again, show what the finding says. What cannot be proved or shown is not said.
"""

from rules.analyser.analysis import Analysis as Analysis
from rules.analyser.analysis import analyse as analyse
from rules.analyser.finding import Finding as Finding
from rules.analyser.finding import FindingKind as FindingKind
