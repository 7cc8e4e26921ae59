"""The events that some rules can tell apart, as a propositional formula.

An *event* gives each data point a value, or none. An *atom* is what one comparison asks of a data point, without
its negation. The values of a data point fall into *cells*, inside which no exact atom changes; an atom whose operator
is in no table here is *opaque*, a free boolean. Each node of a rule becomes two literals, for true and for false, as
the logic has three values; a SAT solver then answers for every event at once, and its answer becomes an event again.

To teach an operator, add its JsonLogic symbol to the table of its kind: `numbers.ASKS`, `addresses.ASKS`,
`countries.ASKS`, `texts.ASKS` or `choices.ASKS`; one that is true or false of a missing value is said in `truth.EMPTY`.
"""
