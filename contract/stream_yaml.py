"""A stream file's YAML as a tree that knows its lines: bounded, each key once, and no word guessed at."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

import yaml

from contract.errors import StreamFileError
from contract.plain_values import is_text

LONGEST_BYTES = 2**20
# Aliases counted as what they stand for: ten lines of them can mean a billion nodes.
MOST_NODES = 50_000

_TEXT = "tag:yaml.org,2002:str"
_MERGE = "tag:yaml.org,2002:merge"
# What YAML 1.1 takes for a number, and no person: 1:30 is ninety, 010 is eight.
_ODD_NUMBER = re.compile(r"[-+]?(\d[\d_]*(:[0-5]?\d)+(\.\d*)?|0[0-7_]+)")


class _BoundedLoader(yaml.SafeLoader):
    """Counts nodes while it composes them, and refuses the one that is too many."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._nodes = 0
        self._sizes: dict[int, int] = {}

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        before = self._nodes
        mark = self.peek_event().start_mark  # type: ignore[no-untyped-call] # the stubs leave it bare
        is_alias = self.check_event(yaml.AliasEvent)
        node = super().compose_node(parent, index)
        if is_alias and id(node) not in self._sizes:
            raise yaml.MarkedYAMLError(problem="an alias stands for what holds it", problem_mark=mark)
        self._nodes += self._sizes[id(node)] if is_alias else 1
        if self._nodes > MOST_NODES:
            problem = f"more than {MOST_NODES:,} values, each alias counted as what it stands for"
            raise yaml.MarkedYAMLError(problem=problem, problem_mark=mark)
        if isinstance(node, yaml.ScalarNode) and not is_text(node.value):
            raise yaml.MarkedYAMLError(
                problem=f"{node.value[:80]!a} has half a letter, and is no text", problem_mark=mark
            )
        if not is_alias:
            self._sizes[id(node)] = self._nodes - before
        return node


def compose(text: str, source: str) -> tuple[yaml.MappingNode, dict[str, Any]]:
    """Return the file's tree and what it means; ``source`` is its name in messages.

    Raises
    ------
    StreamFileError: not YAML, not a mapping, too large, a key that stands twice, or a key that YAML takes for no text.
    """
    if len(text) > LONGEST_BYTES:
        raise too_long(source)
    try:
        loader = _BoundedLoader(text)
        try:
            node = loader.get_single_node()
            if not isinstance(node, yaml.MappingNode):
                raise StreamFileError(source, 1, "a stream file is a mapping of `name`, `topic`, `columns` and so on")
            _refuse_keys(node, source)
            given: dict[str, Any] = loader.construct_document(node)
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        raise StreamFileError(source, mark.line + 1 if mark else None, f"not YAML: {error.problem}") from error
    except (yaml.YAMLError, ValueError, TypeError) as error:
        raise StreamFileError(source, None, f"not YAML: {error}"[:300]) from error
    except RecursionError as error:
        raise StreamFileError(source, None, "not a stream file: it is nested too deeply, or holds itself") from error
    return node, given


def too_long(source: str) -> StreamFileError:
    """Return the error for a file that is longer than any stream file."""
    return StreamFileError(source, None, f"longer than {LONGEST_BYTES:,} bytes: this is no stream file")


def line_of(node: yaml.Node, path: Sequence[str]) -> tuple[int, int]:
    """Return the 1-based line of the deepest part of ``path`` that is in the file, and how deep that is."""
    steps = list(_steps(node, path))
    return (steps[-1][0] if steps else node.start_mark.line + 1), len(steps)


def quoting_hint(node: yaml.Node, path: Sequence[str]) -> str:
    """Return what to write at ``path``, where a text is meant and YAML takes a bare word for something else."""
    steps = list(_steps(node, path))
    found = steps[-1][1] if steps else node
    if len(steps) < len(path) or not isinstance(found, yaml.ScalarNode) or not _is_bare(found) or found.tag == _TEXT:
        return ""
    return f"; {_taken_for(found)}, so write it in quotes: {_quoted(found)}"


def _steps(node: yaml.Node, path: Sequence[str]) -> Iterator[tuple[int, yaml.Node]]:
    """Yield the line and the node of each part of ``path``, as far as the file has them."""
    for part in path:
        if isinstance(node, yaml.MappingNode):
            found = next(((k, v) for k, v in node.value if k.value == part), None)
            if found is None:
                return
            line, node = found[0].start_mark.line + 1, found[1]
        elif isinstance(node, yaml.SequenceNode) and part.isdigit() and int(part) < len(node.value):
            node = node.value[int(part)]
            line = node.start_mark.line + 1
        else:
            return
        yield line, node


def _refuse_keys(root: yaml.Node, source: str) -> None:
    """Refuse keys that stand twice or are no text, and odd numbers; each node is looked at once, aliases or not."""
    faults: list[tuple[int, str]] = []
    seen_nodes: set[int] = set()
    waiting = [root]
    while waiting:
        node = waiting.pop()
        if id(node) in seen_nodes:
            continue
        seen_nodes.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            waiting.extend(node.value)
        elif isinstance(node, yaml.MappingNode):
            waiting.extend(value for _, value in node.value)
            faults.extend(_key_faults(node))
        elif (
            isinstance(node, yaml.ScalarNode)
            and _is_bare(node)
            and node.tag != _TEXT
            and _ODD_NUMBER.fullmatch(node.value)
        ):
            problem = f"{_taken_for(node)}; write the number that is meant, or put it in quotes"
            faults.append((node.start_mark.line + 1, problem))
    if faults:
        (line, first), *others = sorted(faults)
        raise StreamFileError(source, line, "\n".join([first, *(f"{source}:{at}: {more}" for at, more in others)]))


def _key_faults(node: yaml.MappingNode) -> Iterator[tuple[int, str]]:
    seen: set[str] = set()
    for key, _ in node.value:
        line = key.start_mark.line + 1
        if not isinstance(key, yaml.ScalarNode):
            yield line, "a key has to be a word"
            continue
        if key.value in seen:
            yield line, f"key {key.value!r} stands twice"
        elif _is_bare(key) and key.tag not in {_TEXT, _MERGE}:
            yield line, f"key {key.value!r}: {_taken_for(key)}, so write it in quotes: {_quoted(key)}"
        seen.add(key.value)


def _is_bare(node: yaml.ScalarNode) -> bool:
    return node.style is None


def _taken_for(node: yaml.ScalarNode) -> str:
    kinds = {"bool": "true or false", "null": "nothing", "int": "a number", "float": "a number", "timestamp": "a date"}
    kind = kinds.get(node.tag.rsplit(":", 1)[-1], "no text")
    return f"YAML takes a bare {node.value or 'blank'} for {kind}"


def _quoted(node: yaml.ScalarNode) -> str:
    return f'"{node.value}"'
