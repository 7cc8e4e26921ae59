"""What the builder's buttons do to the rows."""

import copy
from collections.abc import Mapping
from typing import Any, Final

from rules.forms import MAX_GROUPS_DEEP, MAX_ROWS, Condition, Group, Node, walk

FULL: Final = f"A rule has at most {MAX_ROWS} conditions and groups. Split the rule."
TOO_DEEP: Final = f"Groups are nested at most {MAX_GROUPS_DEEP} levels deep. Split the rule."


class Refused(ValueError):
    """The button asked for something that a rule cannot have."""


def press(root: Group, button: str) -> str:
    """Change the rows as a button says (`add:0`, `group:0`, `copy:3`, `remove:3`, `up:3`, `down:3`, `move:3:0:1`).

    Returns the id of the element to focus. An unknown button, or one of a row that is gone, changes nothing.
    Raises Refused.
    """
    name, *numbers = button.split(":")
    if not all(number.isascii() and number.isdigit() for number in numbers):
        return ""
    rows = {node.ident: (node, parent) for node, parent in walk(root)}
    act, wanted = _BUTTONS.get(name, (None, 0))
    if act is None or len(numbers) != wanted or int(numbers[0]) not in rows:
        return ""
    node, parent = rows[int(numbers[0])]
    focus: str = act(root, node, parent, *map(int, numbers[1:]))
    return focus


def _add(root: Group, node: Node, _parent: Group | None, *, row: Node | None = None) -> str:
    if not isinstance(node, Group):
        return ""
    new = row or Condition(_free(root), operator="==")
    node.children.append(new)
    _check(root)
    first = new.children[0] if isinstance(new, Group) else new
    return f"n{first.ident}-point"


def _add_group(root: Group, node: Node, parent: Group | None) -> str:
    ident = _free(root)
    other = "or" if isinstance(node, Group) and node.join == "and" else "and"
    return _add(root, node, parent, row=Group(ident, other, children=[Condition(ident + 1, operator="==")]))


def _copy(root: Group, node: Node, parent: Group | None) -> str:
    if parent is None:
        return ""
    twin, ident = copy.deepcopy(node), _free(root)
    for one, _above in walk(twin):
        one.ident, ident = ident, ident + 1
    parent.children.insert(parent.children.index(node) + 1, twin)
    _check(root)
    return f"n{twin.ident}-copy"


def _remove(_root: Group, node: Node, parent: Group | None) -> str:
    if parent is None:
        return ""
    place = _place(parent, node)
    del parent.children[place]
    after = parent.children[place : place + 1] or parent.children[place - 1 : place]
    return f"n{after[0].ident}-remove" if after else f"n{parent.ident}-add"


def _up(root: Group, node: Node, parent: Group | None) -> str:
    return _step(root, node, parent, by=-1)


def _down(root: Group, node: Node, parent: Group | None) -> str:
    return _step(root, node, parent, by=1)


def _step(root: Group, node: Node, parent: Group | None, *, by: int) -> str:
    """One place up or down in reading order: past a condition, into a group, or out of one."""
    if parent is None:
        return ""
    place = _place(parent, node)
    beside = parent.children[place + by] if 0 <= place + by < len(parent.children) else None
    del parent.children[place]
    if isinstance(beside, Group):
        beside.children.insert(0 if by > 0 else len(beside.children), node)
    elif beside is not None:
        parent.children.insert(place + by, node)
    else:
        above = next((up for one, up in walk(root) if one is parent), None)
        if above is None:
            parent.children.insert(place, node)
        else:
            above.children.insert(_place(above, parent) + (1 if by > 0 else 0), node)
    _check(root)
    return f"n{node.ident}-{'up' if by < 0 else 'down'}"


def _move(root: Group, node: Node, parent: Group | None, into: int, place: int) -> str:
    """Dragged: to this place among what the group holds without the row itself."""
    target = next((one for one, _up in walk(root) if one.ident == into), None)
    if parent is None or not isinstance(target, Group) or any(one is target for one, _up in walk(node)):
        return ""
    del parent.children[_place(parent, node)]
    target.children.insert(place, node)
    _check(root)
    return f"n{node.ident}-up"


_BUTTONS: Final[Mapping[str, tuple[Any, int]]] = {
    "add": (_add, 1),
    "group": (_add_group, 1),
    "copy": (_copy, 1),
    "remove": (_remove, 1),
    "up": (_up, 1),
    "down": (_down, 1),
    "move": (_move, 3),
}


def _place(parent: Group, node: Node) -> int:
    return next(place for place, child in enumerate(parent.children) if child is node)


def _free(root: Group) -> int:
    return max(node.ident for node, _parent in walk(root)) + 1


def _check(root: Group) -> None:
    if sum(1 for _ in walk(root)) > MAX_ROWS:
        raise Refused(FULL)
    if _depth(root) > MAX_GROUPS_DEEP:
        raise Refused(TOO_DEEP)


def _depth(group: Group) -> int:
    return 1 + max((_depth(child) for child in group.children if isinstance(child, Group)), default=0)
