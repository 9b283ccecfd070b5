"""An evaluator of the little Python in PET's patterns, which is never run.

Enough for `get_parts` and `verbalize`: assignments, `if` on the pattern's number, lists of parts,
PET's changes of inputs. Anything else is `UnsupportedPython`.
"""

import ast
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

from promptsearch.formats.pet.expression_values import (
    PatternExample,
    PatternRaises,
    PatternString,
    UnsupportedPython,
    added,
    compared,
    constant,
    item,
)
from promptsearch.prompt import Field, Slot

CHANGES = {
    "remove_final_punc": "PET takes the last punctuation off {}",
    "rstrip": "PET takes the last punctuation off {}",
    "lowercase_first": "PET gives {} a small first letter",
}
Names = dict[str, object]


class Classes(Protocol):
    """Lookup of methods and constants, which raises UnsupportedPython if there is none."""

    def method(self, owner: str, name: str, above: bool = False) -> tuple[str, ast.FunctionDef]:
        """Return the class that has the method, and the method.

        With `above`, only among the bases.
        """
        ...

    def constant(self, owner: str, name: str) -> object: ...


@dataclass
class Evaluator:
    """Evaluator of the methods of one class for one pattern."""

    classes: Classes
    owner: str
    pattern: int
    lost: list[str] = field(default_factory=list)

    def call(self, name: str, argument: object, above: str = "") -> object:
        """Return the method's result for its one argument.

        The method is the class's; with `above`, that of the bases of the class `above`.
        """
        home, method = self.classes.method(above or self.owner, name, bool(above))
        parameters = [argument.arg for argument in method.args.args]
        if len(parameters) != 2:
            raise UnsupportedPython(f"{name} with {len(parameters)} arguments")
        return self._run(method.body, {parameters[0]: self, parameters[1]: argument}, home)

    def _run(self, body: Sequence[ast.stmt], names: Names, home: str) -> object:
        """Return the value that the statements return; None if they return nothing."""
        for statement in body:
            match statement:
                case ast.Return(value=value):
                    return None if value is None else self._value(names, home, value)
                case ast.Assign(targets=[ast.Name(id=name)], value=value):
                    names[name] = self._value(names, home, value)
                case ast.If(test=test, body=then, orelse=otherwise):
                    chosen = then if self._value(names, home, test) else otherwise
                    if (returned := self._run(chosen, names, home)) is not None:
                        return returned
                case ast.Raise():
                    raise PatternRaises
                case ast.Expr(value=ast.Constant()) | ast.Assert() | ast.Pass():
                    pass
                case _:
                    raise UnsupportedPython.of(statement)
        return None

    def _value(self, names: Names, home: str, node: ast.expr) -> object:
        of = partial(self._value, names, home)
        match node:
            case ast.Constant(value=value):
                return constant(value)
            case ast.Name(id=name) if name in names:
                return names[name]
            case ast.List(elts=elements):
                return [of(each) for each in elements]
            case ast.Tuple(elts=elements):
                return tuple(of(each) for each in elements)
            case ast.BinOp(left=left, op=ast.Add(), right=right):
                return added(of(left), of(right), node)
            case ast.Compare(left=left, ops=[op], comparators=[right]):
                return compared(type(op), of(left), of(right), node)
            case ast.BoolOp(op=op, values=operands):
                return (any if isinstance(op, ast.Or) else all)(of(each) for each in operands)
            case ast.IfExp(test=test, body=then, orelse=otherwise):
                return of(then) if of(test) else of(otherwise)
            case ast.Attribute(value=ast.Name(id=name), attr=attr):
                return self._attribute(names.get(name), name, attr)
            case ast.Subscript(value=mapping, slice=key):
                return item(of(mapping), of(key), node)
            case ast.Call(
                func=ast.Attribute(value=receiver, attr=attr), args=[argument], keywords=[]
            ):
                return self._called(names, home, receiver, attr, argument)
        raise UnsupportedPython.of(node)

    def _attribute(self, value: object, name: str, attr: str) -> object:
        if isinstance(value, PatternExample):
            return value.attribute(attr)
        if value is self and attr == "mask":
            return PatternString((Slot(),))
        if value is self and attr == "pattern_id":
            return self.pattern
        if value is self or value is None:
            return self.classes.constant(self.owner if value is self else name, attr)
        raise UnsupportedPython(f"{name}.{attr}")

    def _called(
        self, names: Names, home: str, receiver: ast.expr, attr: str, argument: ast.expr
    ) -> object:
        match receiver:
            case ast.Call(func=ast.Name(id="super"), args=[]):
                return self.call(attr, self._value(names, home, argument), above=home)
            case ast.Name(id=name) if names.get(name) is self:
                value = self._value(names, home, argument)
                return value if attr == "shortenable" else self._changed(attr, value)
            case _ if attr == "rstrip":
                return self._changed(attr, self._value(names, home, receiver))
        raise UnsupportedPython(f"{ast.unparse(receiver)}.{attr}"[:60])

    def _changed(self, how: str, value: object) -> object:
        """Note a change that PET makes to an input; return the input as it is."""
        if how not in CHANGES or not isinstance(value, PatternString):
            raise UnsupportedPython(how)
        names = [part.name for part in value.parts if isinstance(part, Field)]
        self.lost += [CHANGES[how].format(name) for name in names]
        return value
