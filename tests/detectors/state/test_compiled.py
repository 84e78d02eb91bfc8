"""Parts of compiled code that Python must not call."""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[3]
FOLDERS = ("detectors", "streams", "alerting", "tests", "benchmarks")
COMPILED = {"compiled", "without_arrays", "unlocked", "part", "inlined"}
PARTS = {"part", "inlined"}


def test_python_calls_no_part_of_compiled_code_since_it_has_no_entry_point() -> None:
    """A call would end the process: there is no address to jump to."""
    texts = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts): path.read_text(encoding="utf-8")
        for folder in FOLDERS
        for path in sorted((ROOT / folder).rglob("*.py"))
    }
    parts = {
        f"{name}.{node.name}"
        for name, text in texts.items()
        if any(f"@{decorator}" in text for decorator in PARTS)
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef) and _decorated(node, PARTS)
    }
    assert len(parts) > 100, "the decorators have other names now"
    defining = {part.rpartition(".")[0] for part in parts}
    modules = {
        name: ast.parse(text)
        for name, text in texts.items()
        if name in defining or any(module in text for module in defining)
    }
    named = {f"{name}: {used}" for name, module in modules.items() for used in _in_python(name, module)}
    assert not {text for text in named if text.partition(": ")[2] in parts}


def _in_python(name: str, module: ast.Module) -> Iterator[str]:
    """Yield the whole names that code which is not compiled uses."""
    imported = {
        alias.asname or alias.name: f"{node.module}.{alias.name}"
        for node in ast.walk(module)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    waiting: list[ast.AST] = [module]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.FunctionDef) and _decorated(node, COMPILED):
            continue
        if isinstance(node, ast.Name):
            yield imported.get(node.id, f"{name}.{node.id}")
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            yield f"{imported.get(node.value.id, node.value.id)}.{node.attr}"
        waiting.extend(ast.iter_child_nodes(node))


def _decorated(function: ast.FunctionDef, makers: set[str]) -> bool:
    return any(isinstance(expr, ast.Name) and expr.id in makers for expr in function.decorator_list)
