"""The events that some rules can tell apart, as a propositional formula.

An *event* gives each data point a value, or none. An *atom* is what one comparison asks of a data point, without
its negation. The values of a data point fall into *cells*, inside which no exact atom changes; an atom whose operator
is in no table here is *opaque*, a free boolean. Each node of a rule becomes two literals, for true and for false, as
the logic has three values; a SAT solver then answers for every event at once, and its answer becomes an event again.

To teach an operation, add its form, which is its symbol and the shape of its operands, to the table ASKS in the module
of its kind. `truth` alone says what a comparison means, and that one operation, `EMPTY`, is never unknown.
"""
