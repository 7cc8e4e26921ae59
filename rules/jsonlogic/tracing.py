"""What came of every operation in an evaluation: a tree in the shape of the rule."""

import ast
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from inspect import cleandoc
from typing import Any, Final, NamedTuple

from rules.jsonlogic.compiler import ROOT, Compiler, Emitter, Scope, arguments, lambda_of
from rules.jsonlogic.errors import JsonLogicError
from rules.jsonlogic.flow import forgotten
from rules.jsonlogic.functions import FILENAME, function_of
from rules.jsonlogic.quote import name, quote, quote_statements
from rules.jsonlogic.tree import Array, Literal, Node, Operation


class _Skipped:
    """The operation was not evaluated, or not to its end."""

    def __repr__(self) -> str:
        return "SKIPPED"


SKIPPED: Final = _Skipped()
# The name of a list with an operation somewhere in it.
LIST: Final = "[]"


# Operations that often leave out operands.
_SKIPPING: Final = frozenset({"and", "or", "if", "?:", "??"})

# Evaluations of an item that a trace can have, in all of its iterations together.
MAX_RUNS: Final = 1_000


class Trace(NamedTuple):
    """One operation. `value` is SKIPPED where there is none, and then `error` says why if it is why.

    Children are the operations among the operands, evaluated or not. What an iteration evaluates stands there once
    for each item (of the first MAX_RUNS), and what `try` evaluates once it did.
    """

    path: str
    operation: str
    value: Any
    error: JsonLogicError | None
    children: tuple["Trace", ...]


# What a trace is made of most of the time: faster than the class's own constructor.
_node: Final[Callable[[tuple[Any, ...]], Trace]] = partial(tuple.__new__, Trace)


class Room:
    """For the traces of what is evaluated again and again; once it is full, they are not kept."""

    __slots__ = ("left",)

    def __init__(self) -> None:
        self.left = MAX_RUNS

    def keep(self, runs: list[Trace], run: Trace) -> None:
        if self.left > 0:
            self.left -= 1
            runs.append(run)


@dataclass(slots=True)
class _Shape:
    """An operation of a function. A child that is text is the list of the traces of a function within it."""

    path: str
    operation: str
    slot: str
    children: list["_Shape | str"] = field(default_factory=list)

    def expression(self, skipped: dict[str, Trace] | None = None) -> ast.expr:
        """Makes the Trace. Given `skipped`, what was not evaluated at all is put there once, and not made each time."""
        children = [self._child(child, skipped) for child in self.children]
        return quote(
            "node((path, operation, slot, None, children))",
            path=ast.Constant(self.path),
            operation=ast.Constant(self.operation),
            slot=self.slot,
            children=ast.Tuple(elts=children, ctx=ast.Load()),
        )

    def _child(self, child: "_Shape | str", skipped: dict[str, Trace] | None) -> ast.expr:
        if isinstance(child, str):
            return ast.Starred(value=name(child), ctx=ast.Load())
        made = child.expression(skipped)
        if skipped is None or self.operation not in _SKIPPING:
            return made
        before = f"z{child.slot[1:]}"
        skipped[before] = child.skipped()
        return quote("before if slot is SKIPPED else made", before=before, slot=child.slot, made=made)

    def skipped(self) -> Trace:
        children = tuple(child.skipped() for child in self.children if isinstance(child, _Shape))
        return Trace(self.path, self.operation, SKIPPED, None, children)


@dataclass(slots=True)
class _Frame:
    """A function being made: the slots of its operations, the functions within it and the lists of their traces."""

    slots: list[str] = field(default_factory=list)
    runs: list[str] = field(default_factory=list)
    functions: list[ast.stmt] = field(default_factory=list)

    def before(self) -> list[ast.stmt]:
        statements: list[ast.stmt] = []
        for runs in self.runs:
            statements += quote_statements("runs = []", runs=runs)
        slots: list[ast.expr] = [ast.Name(id=slot, ctx=ast.Store()) for slot in self.slots]
        return statements + quote_statements("slots = SKIPPED", slots=slots) + self.functions


class TracingCompiler(Compiler):
    """Keeps the value of every operation in a variable, its slot; a function ends by making a tree of its slots."""

    def __init__(self, emitters: Mapping[str, Emitter]) -> None:
        super().__init__(emitters)
        self._frame = _Frame()
        self._shapes: list[_Shape | str] = []
        self._room: str | None = None
        self.skipped: dict[str, Trace] = {}

    def emit(self, node: Node, scope: Scope) -> ast.expr:
        if isinstance(node, Literal):
            return super().emit(node, scope)
        shape = _Shape(node.path, node.name if isinstance(node, Operation) else LIST, self.new_name("t"))
        self._frame.slots.append(shape.slot)
        self._shapes.append(shape)
        siblings, self._shapes = self._shapes, shape.children
        value = super().emit(node, scope)
        self._shapes = siblings
        return ast.NamedExpr(target=ast.Name(id=shape.slot, ctx=ast.Store()), value=value)

    def body(self, node: Node, scope: Scope, *parameters: str) -> ast.expr:
        if isinstance(node, Literal):
            return lambda_of(parameters, self.emit(node, scope))
        runs, function = self.new_name("r"), self.new_name("f")
        self._frame.runs.append(runs)
        self._shapes.append(runs)
        self._room = self._room or self.new_name("k")
        template = """
            def function():
                before
                try:
                    value
                except JsonLogicError as error:
                    room.keep(runs, failed(unfinished, error))
                    raise
                room.keep(runs, tree)
                return slot
        """
        [made] = self._framed(node, scope, template, function=function, runs=runs, room=self._room)
        assert isinstance(made, ast.FunctionDef)
        made.args = arguments(parameters)
        self._frame.functions.append(made)
        return name(function)

    def whole(self, node: Array | Operation) -> list[ast.stmt]:
        """The body of the function that evaluates and traces a rule."""
        template = """
            before
            try:
                value
            except JsonLogicError as error:
                return ended(unfinished, error)
            return tree
        """
        statements = self._framed(node, Scope(ROOT), template)
        room = quote_statements("room = Room()", room=self._room) if self._room else []
        return [*self.take_steps(), *room, *statements]

    def _framed(self, node: Node, scope: Scope, template: str, **names: str) -> list[ast.stmt]:
        outside, self._frame, self._shapes = (self._frame, self._shapes), _Frame(), []
        value = self.emit(node, scope)
        frame, [shape] = self._frame, self._shapes
        self._frame, self._shapes = outside
        assert isinstance(shape, _Shape)
        return quote_statements(
            cleandoc(template),
            before=frame.before(),
            value=[ast.Expr(value=value)],
            tree=shape.expression(self.skipped),
            unfinished=shape.expression(),
            slot=shape.slot,
            **names,
        )


def traced(tree: Array | Operation, emitters: Mapping[str, Emitter]) -> Callable[[Any], Trace]:
    """A function that evaluates a rule and traces how; it never raises JsonLogicError, for the trace has it."""
    compiler = TracingCompiler(emitters)
    body = [*compiler.read_ahead([tree]), *compiler.whole(tree)]
    own: dict[str, Any] = {"node": _node, "SKIPPED": SKIPPED, "Room": Room}
    own |= compiler.skipped
    own |= {"failed": partial(_failed, compiler.lines), "ended": partial(_ended, compiler.lines)}
    return function_of(body, ROOT, own)


def _failed(lines: list[str], trace: Trace, error: JsonLogicError) -> Trace:
    return _with_error(trace, error, _path(lines, error))


def _ended(lines: list[str], trace: Trace, error: JsonLogicError) -> Trace:
    failed = _failed(lines, trace, error)
    forgotten(error)
    return failed


def _path(lines: list[str], error: JsonLogicError) -> str:
    """Where an evaluation failed: the innermost line of what was compiled says which operation it was."""
    line, step = 1, error.__traceback__
    while step is not None:
        if step.tb_frame.f_code.co_filename == FILENAME:
            line = step.tb_lineno
        step = step.tb_next
    return lines[line - 1]


def _with_error(trace: Trace, error: JsonLogicError, path: str) -> Trace:
    """The error belongs to the operation at the path and to all around it."""
    if trace.value is not SKIPPED or not path.startswith(trace.path):
        return trace
    children = tuple(_with_error(child, error, path) for child in trace.children)
    return trace._replace(error=error, children=children)
