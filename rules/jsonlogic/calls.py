"""The common ways in which an operation takes its operands."""

import ast

from rules.jsonlogic.compiler import Compiler, Emitter, Scope
from rules.jsonlogic.quote import constant, quote
from rules.jsonlogic.tree import Operation


def operands(compiler: Compiler, operation: Operation, scope: Scope, *, unwrapped: bool = False) -> ast.expr:
    """The list of operands. One expression that is not in brackets stands for all of them if its value is a list.

    `unwrapped` is for operations on a single value: there, brackets around one expression make no difference.
    """
    only = operation.operands[0] if len(operation.operands) == 1 else None
    if isinstance(only, Operation) and (unwrapped or not operation.listed):
        first, again = compiler.twice(compiler.emit(only, scope))
        return quote("again if first.__class__ is list else [again]", first=first, again=again)
    return ast.List(elts=[compiler.emit(operand, scope) for operand in operation.operands], ctx=ast.Load())


def eager(function: str, *, unwrapped: bool = False, counted: bool = False) -> Emitter:
    """`counted` is for functions that make something as long as they like: they count it."""

    def emit(compiler: Compiler, operation: Operation, scope: Scope) -> ast.expr:
        given = operands(compiler, operation, scope, unwrapped=unwrapped)
        if counted:
            return quote("function(operands, steps)", function=function, operands=given, steps=compiler.steps())
        return quote("function(operands)", function=function, operands=given)

    return emit


def unary(template: str) -> Emitter:
    """Of the first operand, or of null."""

    def emit(compiler: Compiler, operation: Operation, scope: Scope) -> ast.expr:
        value = compiler.emit(operation.operands[0], scope) if operation.operands else constant(None)
        return quote(template, value=value)

    return emit


def refused(operation: Operation, what: str) -> ast.expr:
    return quote("refuse(message)", message=ast.Constant(f'"{operation.name}" takes {what}.'))
