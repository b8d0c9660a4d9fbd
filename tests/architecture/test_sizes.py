"""Every module can be read in one sitting, says what it is, and keeps no state of its own.

A module has at most 400 lines and a function 60 (its docstring not counted), without exceptions.
A module under 40 lines that only one other imports belongs into that one, unless it holds ports or
a vocabulary.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MODULE_LINES = 400
FUNCTION_LINES = 60
THIN_LINES = 40
FILES = {
    str(path.relative_to(ROOT)): path
    for folder in ("detector", "deploy")
    for path in sorted((ROOT / folder).rglob("*.py"))
}
PRODUCT = [name for name in FILES if name.startswith("detector/")]

Function = ast.FunctionDef | ast.AsyncFunctionDef
MUTATORS = {
    *("append", "extend", "insert", "remove", "pop", "clear", "sort", "reverse"),
    *("add", "discard", "update", "popitem", "setdefault", "appendleft", "popleft"),
}
OBJECTS_OF_A_MODULE = {
    "structlog.get_logger",
    "logging.getLogger",
    "typer.Typer",
    "msgspec.msgpack.Encoder",
    "msgspec.msgpack.Decoder",
    "msgspec.json.Encoder",
    "msgspec.json.Decoder",
}
"""What a module may make once under a name in small letters: none of it remembers what passed."""


def tree(name: str) -> ast.Module:
    """Parse a file."""
    return ast.parse(FILES[name].read_text())


def lines_of(function: Function) -> int:
    """Lines of a function from the first statement after its docstring to the last."""
    body = function.body[1:] if ast.get_docstring(function) else function.body
    return (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0


def public(node: ast.Module | ast.ClassDef) -> Iterator[ast.ClassDef | Function]:
    """Every public class and function of a module, and public methods of its classes."""
    for child in node.body:
        if isinstance(child, ast.ClassDef | Function) and not child.name.startswith("_"):
            yield child
            if isinstance(child, ast.ClassDef):
                yield from public(child)


def module_values(module: ast.Module) -> Iterator[tuple[str, ast.expr]]:
    """Names that a module binds to a value, with the value."""
    for node in module.body:
        if isinstance(node, ast.Assign):
            for target in node.targets:
                names = target.elts if isinstance(target, ast.Tuple) else [target]
                yield from ((ast.unparse(each), node.value) for each in names)
        elif isinstance(node, ast.AnnAssign) and node.value is not None:
            yield ast.unparse(node.target), node.value


def maker(value: ast.expr) -> str:
    """Name what made a value, or an object of which the value is a method."""
    if isinstance(value, ast.Attribute):
        return maker(value.value)
    return ast.unparse(value.func if isinstance(value, ast.Call) else value)


def changed_names(module: ast.Module) -> Iterator[str]:
    """Names on which something is done that changes a list, dict or set in place."""
    for node in ast.walk(module):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            if node.func.attr in MUTATORS and isinstance(node.func.value, ast.Name):
                yield node.func.value.id
        elif isinstance(node, ast.Subscript) and not isinstance(node.ctx, ast.Load):
            if isinstance(node.value, ast.Name):
                yield node.value.id
        elif isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
            yield node.target.id


@pytest.mark.parametrize("name", FILES)
def test_a_module_has_at_most_400_lines(name: str) -> None:
    assert len(FILES[name].read_text().splitlines()) <= MODULE_LINES


@pytest.mark.parametrize("name", FILES)
def test_a_function_has_at_most_60_lines(name: str) -> None:
    lines = {
        node.name: lines_of(node) for node in ast.walk(tree(name)) if isinstance(node, Function)
    }
    assert {} == {function: count for function, count in lines.items() if count > FUNCTION_LINES}


def test_a_thin_module_has_several_users_or_holds_ports_or_a_vocabulary() -> None:
    users: dict[str, set[str]] = {name: set() for name in PRODUCT}
    for name in PRODUCT:
        for node in ast.walk(tree(name)):
            if isinstance(node, ast.ImportFrom) and node.module:
                modules = [node.module, *(f"{node.module}.{each.name}" for each in node.names)]
                for path in {f"{module.replace('.', '/')}.py" for module in modules} & users.keys():
                    users[path].add(name)
    thin = {
        name
        for name in PRODUCT
        if len(FILES[name].read_text().splitlines()) < THIN_LINES and len(users[name]) < 2
    }
    kept = {name for name in thin if name.endswith(("__init__.py", "__main__.py", "ports.py"))}
    assert set() == thin - kept


@pytest.mark.parametrize("name", FILES)
def test_a_module_and_all_that_is_public_in_it_say_what_they_are(name: str) -> None:
    module = tree(name)
    assert ast.get_docstring(module)
    assert [] == [node.name for node in public(module) if not ast.get_docstring(node)]


@pytest.mark.parametrize("name", PRODUCT)
def test_what_a_module_holds_is_a_constant(name: str) -> None:
    """Constants are in capitals, types in camel case; ``functools.cache`` keeps the only caches."""
    module = tree(name)
    held = dict(module_values(module))
    small = {each for each in held if each.lstrip("_")[:1].islower()} - {"__all__"}
    made = {each: maker(held[each]) for each in small}
    assert {} == {each: how for each, how in made.items() if how not in OBJECTS_OF_A_MODULE}


@pytest.mark.parametrize("name", PRODUCT)
def test_nothing_that_a_module_holds_is_ever_changed(name: str) -> None:
    module = tree(name)
    held = {each for each, _ in module_values(module)}
    assert set() == held & set(changed_names(module))
    assert [] == [node.names for node in ast.walk(module) if isinstance(node, ast.Global)]
