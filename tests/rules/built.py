"""Rows of the builder, and what a tenant has of its own, for tests."""

from collections.abc import Iterator
from typing import Any

from django.http import QueryDict
from django.template.loader import render_to_string

from rules.builder import Builder, Row
from rules.forms import Condition, Group, Node, fields, walk
from rules.own import Own
from rules.registry import CustomPoint
from rules.sentence import catalogue
from rules.types import MULTISELECT, NUMBER, TEXT
from tests.portal.form import Form

POINTS = [
    CustomPoint("amount", NUMBER, "action"),
    CustomPoint("note", TEXT, "action"),
    CustomPoint("tags", MULTISELECT, "action"),
    CustomPoint("plan", TEXT, "user"),
]
OWN = Own(tuple(POINTS), {"blocked-emails": TEXT, "codes": NUMBER}, ("signIn", "withdraw"))
KEYS = [entry["key"] for entry in catalogue(POINTS)]


def sent(root: Group) -> QueryDict:
    form = QueryDict(mutable=True)
    for name, value in fields(root):
        form.appendlist(name, value)
    return form


def shape(node: Node) -> Any:
    """A tree without the numbers of its nodes."""
    if isinstance(node, Group):
        return (node.join, node.negated, [shape(child) for child in node.children])
    return (node.point, node.operator, node.value, node.high, node.alone)


def rows(*children: Node, join: str = "and") -> Group:
    root = Group(0, join, False, list(children))
    for number, (node, _parent) in enumerate(walk(root)):
        node.ident = number
    return root


def condition(point: str = "custom.amount", operator: str = ">", value: str = "10", **more: Any) -> Condition:
    return Condition(0, point, operator, value, **more)


def children(root: Group) -> Iterator[Condition]:
    return (child for child in root.children if isinstance(child, Condition))


def through_the_page(root: Group) -> QueryDict:
    """What a browser sends back of the rows as they are drawn, each in its typed input."""
    html = render_to_string("portal/builder.html", {"builder": Builder(root, own=OWN, demand=True)})
    form = QueryDict(mutable=True)
    for name, value in Form(html, "").fields:
        form.appendlist(name, value)
    return form


def only_row(row: Condition, **more: Any) -> Row:
    return Builder(rows(row), own=OWN, **more).top.children[0]
