"""From a checked tree to Python expressions: names, scopes, and how data is read. Operations are in their own table."""

import ast
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import count

from rules.jsonlogic.paths import MAX_INLINE, Keys, Place, reads
from rules.jsonlogic.quote import collection, constant, is_simple, locate, name, quote, quote_statements
from rules.jsonlogic.tree import Array, Literal, Node, Operation

# The data that a rule is given.
ROOT = "d0"


@dataclass(frozen=True, slots=True)
class Scope:
    """Where a part of a rule is evaluated: the variables of its data and, within an iteration, of its index and of
    what is gone through.
    """

    data: str
    index: str | None = None
    source: ast.expr | None = None
    outer: "Scope | None" = None

    def up(self, levels: int) -> "Scope | None":
        scope: Scope | None = self
        while scope is not None and levels > 0:
            scope, levels = scope.outer, levels - 1
        return scope

    def iteration(self) -> ast.expr:
        """What stands between two scopes of data: the iteration, as an object; MISSING where there is none."""
        if self.index is None or self.source is None:
            return name("MISSING")
        return quote("{'index': index, 'iterator': source}", index=self.index, source=self.source)

    def chain(self) -> ast.expr:
        """All scopes from here on, for a path that is known only when it is read."""
        levels: list[ast.expr] = []
        scope: Scope | None = self
        while scope is not None:
            levels += [name(scope.data), scope.iteration()]
            scope = scope.outer
        return ast.Tuple(elts=levels, ctx=ast.Load())


class Compiler:
    """Makes the expressions of one function.

    `lines` has the path of the node for each line of the function, from line 1 on.
    """

    def __init__(self, emitters: Mapping[str, "Emitter"]) -> None:
        self.emitters = emitters
        self.lines: list[str] = []
        self._numbers = count(1)
        self._steps: str | None = None
        self._values: dict[Keys, str] = {}
        self._getters: dict[Keys, str] = {}

    def new_name(self, letter: str) -> str:
        return f"{letter}{next(self._numbers)}"

    def emit(self, node: Node, scope: Scope) -> ast.expr:
        if isinstance(node, Literal):
            return constant(node.value)
        self.lines.append(node.path)
        line = len(self.lines)
        if isinstance(node, Array):
            expression: ast.expr = ast.List(elts=[self.emit(item, scope) for item in node.items], ctx=ast.Load())
        else:
            expression = self.emitters[node.name](self, node, scope)
        locate(expression, line)
        return expression

    def body(self, node: Node, scope: Scope, *parameters: str) -> ast.expr:
        """A function that evaluates the node: again and again, or only after an error."""
        return lambda_of(parameters, self.emit(node, scope))

    def twice(self, expression: ast.expr) -> tuple[ast.expr, ast.expr]:
        """An expression to evaluate first, and one that gives the same value again."""
        if is_simple(expression):
            return expression, expression
        kept = self.new_name("x")
        return ast.NamedExpr(target=ast.Name(id=kept, ctx=ast.Store()), value=expression), name(kept)

    def steps(self) -> ast.expr:
        """The count of the items that an evaluation goes through."""
        self._steps = self._steps or self.new_name("s")
        return name(self._steps)

    def take_steps(self) -> list[ast.stmt]:
        """What has to stand before the expressions made since the last call."""
        taken, self._steps = self._steps, None
        return quote_statements("steps = Steps()", steps=taken) if taken else []

    # -- data ----------------------------------------------------------------------------------------------------

    def read_ahead(self, trees: Iterable[Node]) -> list[ast.stmt]:
        """Statements that read what the rules read several times. Reading is cheap, and never an error."""
        found, statements = reads(trees), list[ast.stmt]()
        shared = found.shared()
        for keys in sorted({*shared, *found.repeated()}, key=lambda keys: (len(keys), keys)):
            value = ROOT
            if keys:
                value = self.new_name("v")
                statements += quote_statements("kept = value", kept=value, value=self.read_keys(ROOT, keys))
                self._values[keys] = value
            if keys in shared:
                get = self.new_name("g")
                template = "get = value.get if value.__class__ is dict else getter(value)"
                statements += quote_statements(template, get=get, value=value)
                self._getters[keys] = get
        return statements

    def read(self, scope: Scope, place: Place) -> ast.expr:
        """Null where nothing is."""
        there = scope.up(place.jump // 2)
        if there is None or place.keys is None:
            return constant(None)
        if place.jump % 2 == 0:
            return self.read_keys(there.data, place.keys)
        if there.index is None:
            return constant(None)
        if place.keys == ("index",):
            return name(there.index)
        base = there.iteration()
        return quote("follow(base, keys)", base=base, keys=collection(place.keys)) if place.keys else base

    def read_keys(self, data: str, keys: Keys) -> ast.expr:
        if not keys:
            return name(data)
        if data == ROOT and keys in self._values:
            return name(self._values[keys])
        if data == ROOT and keys[:-1] in self._getters:
            return quote("get(key)", get=self._getters[keys[:-1]], key=ast.Constant(keys[-1]))
        if len(keys) > MAX_INLINE:
            return quote("follow(data, keys)", data=data, keys=collection(keys))
        first, again = self.twice(self.read_keys(data, keys[:-1]))
        template = "again.get(key) if first.__class__ is dict else step(again, key)"
        return quote(template, first=first, again=again, key=ast.Constant(keys[-1]))

    def find(self, scope: Scope, place: Place) -> ast.expr:
        """MISSING where nothing is."""
        there = scope.up(place.jump // 2)
        if there is None or place.keys is None:
            return name("MISSING")
        base = there.iteration() if place.jump % 2 else name(there.data)
        return quote("reach(base, keys)", base=base, keys=collection(place.keys)) if place.keys else base


Emitter = Callable[[Compiler, Operation, Scope], ast.expr]


def lambda_of(parameters: Iterable[str], body: ast.expr) -> ast.expr:
    return ast.Lambda(args=arguments(parameters), body=body)


def arguments(names: Iterable[str]) -> ast.arguments:
    parameters = [ast.arg(arg=one) for one in names]
    return ast.arguments(posonlyargs=[], args=parameters, kwonlyargs=[], kw_defaults=[], defaults=[])
