"""The code of an experiment as a page shows it: what runs, with all that it needs to run alone."""

from __future__ import annotations
import __future__

import ast
import builtins
import dis
import inspect
from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from types import CodeType
from typing import Any

FUTURE = "from __future__ import annotations"
LOADS = {"LOAD_NAME", "LOAD_GLOBAL", "LOAD_FROM_DICT_OR_GLOBALS"}


def snippet(code: Callable[..., Any]) -> str:
    """The source of a function, below the imports, constants and helpers of its file that it uses.

    All stands as in the file; only what nothing here uses is left out. What comes from another file
    of the book stands there too, in place of its import. Names that occur in type annotations alone
    are not looked up: a line at the top leaves annotations unevaluated.

    >>> from shoal.book.experiments.derivative import slope
    >>> print(snippet(slope).partition("def")[0].strip())
    import numpy as np
    <BLANKLINE>
    import shoal
    """
    module = inspect.getmodule(code)
    assert module is not None
    texts = {module.__name__: inspect.getsource(module)}
    nodes = _nodes(module.__name__, texts)
    wanted, found = [code.__name__], set[str]()
    while wanted:
        name = wanted.pop()
        if name in nodes and name not in found:
            other = _shared(nodes[name][1])
            if other:
                texts.setdefault(other, inspect.getsource(import_module(other)))
                theirs = _nodes(other, texts)
                nodes = theirs | nodes | {name: theirs[name]}
            found.add(name)
            if not isinstance(nodes[name][1], ast.Import | ast.ImportFrom):
                wanted.extend(_uses(nodes[name][1]))
    pieces: dict[tuple[int, int], str] = {}
    files = list(texts)
    for name in found:
        file, node = nodes[name]
        pieces[-files.index(file), _first_line(node)] = _piece(node, found, texts[file])
    parts = [pieces[place] for place in sorted(pieces)]
    imports = [part for part in parts if part.startswith(("import ", "from "))]
    others = [part for part in imports if "shoal" not in part]
    ours = [part for part in imports if "shoal" in part]
    plain = [part for part in parts if part not in imports and not _is_block(part)]
    blocks = [part for part in parts if part not in imports and _is_block(part)]
    known = found | set(dir(builtins))
    named = {n for f in found for n in _annotations(nodes[f][1])}
    groups = [[FUTURE] if named - known else [], others, ours, plain]
    return "\n\n".join(["\n".join(group) for group in groups if group] + blocks)


def _nodes(file: str, texts: Mapping[str, str]) -> dict[str, tuple[str, ast.stmt]]:
    """What a file defines: by name, the file and the statement."""
    return {name: (file, node) for node in ast.parse(texts[file]).body for name in _defines(node)}


def _shared(node: ast.stmt) -> str | None:
    """The file of the book that a statement imports from, if it does."""
    if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("shoal.book."):
        return node.module
    return None


def _defines(node: ast.stmt) -> Iterator[str]:
    """The names that a statement of a file defines."""
    match node:
        case ast.FunctionDef() | ast.ClassDef():
            yield node.name
        case ast.Import() | ast.ImportFrom():
            for alias in node.names:
                yield alias.asname or alias.name
        case ast.Assign() | ast.AnnAssign():
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            for target in targets:
                yield from (n.id for n in ast.walk(target) if isinstance(n, ast.Name))


def _annotations(node: ast.AST) -> set[str]:
    """The names in the type annotations of a statement."""
    annotations = [
        annotation
        for each in ast.walk(node)
        for annotation in (getattr(each, "returns", None), getattr(each, "annotation", None))
        if annotation is not None
    ]
    return {n.id for a in annotations for n in ast.walk(a) if isinstance(n, ast.Name)}


def _uses(node: ast.stmt) -> set[str]:
    """The global names that a statement uses when it runs."""
    unevaluated = __future__.annotations.compiler_flag
    return _globals(compile(ast.Module([node], []), "", "exec", unevaluated, True))


def _globals(code: CodeType) -> set[str]:
    """The global names in byte code, also of functions inside."""
    names = {str(i.argval) for i in dis.get_instructions(code) if i.opname in LOADS}
    return names.union(*(_globals(c) for c in code.co_consts if isinstance(c, CodeType)))


def _first_line(node: ast.stmt) -> int:
    """Where a statement begins, with its decorators."""
    decorators: list[ast.expr] = getattr(node, "decorator_list", [])
    return min([node.lineno, *(d.lineno for d in decorators)])


def _piece(node: ast.stmt, found: set[str], text: str) -> str:
    """The text of a statement; of an import only what is used."""
    if isinstance(node, ast.Import | ast.ImportFrom):
        names = [alias for alias in node.names if (alias.asname or alias.name) in found]
        kept = ast.Import(names)
        return ast.unparse(
            kept if isinstance(node, ast.Import) else ast.ImportFrom(node.module, names, node.level)
        )
    return "\n".join(text.splitlines()[_first_line(node) - 1 : node.end_lineno])


def _is_block(part: str) -> bool:
    return part.startswith(("def ", "class ", "@"))
