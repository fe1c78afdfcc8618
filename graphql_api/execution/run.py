"""Owns one execution of a plan: wave after wave of batches, until nothing is left to ask for.

A wave calls every batch function that is waiting, once for all parents and places with the same arguments; what the
values lead to is read at once, and asks for the next wave. So the batches are the same as those that graphql-core's
turns of the event loop make of the same document (`graphql_api.batching`).
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from graphql import Undefined
from graphql.execution.values import get_argument_values
from strawberry.schema.schema_converter import get_arguments

from graphql_api.batching import BatchFunction, call_batch
from graphql_api.execution.arguments import Arguments
from graphql_api.execution.completion import Completion
from graphql_api.execution.errors import FieldErrors
from graphql_api.execution.infos import PlannedInfo
from graphql_api.execution.rows import Asked, Rows
from graphql_api.execution.shapes import Plan, Step
from graphql_api.fields import BatchedField, RootedField, refuse_nul

_NO_ARGUMENTS: Final = Arguments({})


@dataclass(slots=True)
class Batch:
    """All that is asked of one function with the same arguments."""

    function: BatchFunction
    info: Any
    arguments: Mapping[str, Any]
    asked: list[Asked]


class Run:
    """One execution. executor: graphql-core's, with the variables and the context."""

    def __init__(self, executor: Any, plan: Plan) -> None:
        self._executor = executor
        self._waiting: list[Asked] = []
        self._serial = executor.operation.operation.value == "mutation"
        self.errors = FieldErrors()
        self.stopped = False
        self._root = Rows(plan.root, [executor.root_value])
        self._completion = Completion(executor, self.errors, self._read)

    def execute(self) -> dict[str, Any] | None:
        """The response's data; once. Runs where the database may be used."""
        try:
            return self._execute()
        finally:
            self._root.let_go()
            del self._completion

    def _execute(self) -> dict[str, Any] | None:
        if self._serial:
            for place in range(len(self._root.shape.steps)):
                self._read_field(self._root, place)
                self._settle()
        else:
            self._read(self._root)
            self._settle()
        if self.errors.no_data or self.stopped:
            return None
        data: dict[str, Any] = self._root.write()[0]
        return data

    def _settle(self) -> None:
        while self._waiting and not self.errors.no_data and not self.stopped:
            asked, self._waiting = self._waiting, []
            for batch in self._batches(asked):
                self._call(batch)

    def _read(self, rows: Rows) -> None:
        """Fills the columns of new rows with what can be read at once, and asks for the rest."""
        whole = self._is_whole(rows)
        for place, step in enumerate(rows.shape.steps):
            column = step.at_once(rows.objects) if whole and step.at_once is not None else None
            if column is not None:
                rows.columns[place] = column
            else:
                self._read_field(rows, place)
                # An error may have put null in the place of a row.
                whole = self._is_whole(rows)

    def _is_whole(self, rows: Rows) -> bool:
        return not self.errors.nulled or rows.is_whole()

    def _read_field(self, rows: Rows, place: int) -> None:
        step = rows.shape.steps[place]
        asked = Asked(rows, place, None if self._is_whole(rows) else rows.standing())
        if step.read is not None:
            self._completion.read(asked, step.read)
        elif step.at_hand is not None and all(map(step.at_hand, asked.parents)):
            assert isinstance(step.definition, BatchedField)
            self._call(Batch(step.definition.batch, PlannedInfo(self._executor, asked), {}, [asked]))
        elif asked.parents:
            self._waiting.append(asked)
        else:
            self._completion.complete(asked, [])

    def _batches(self, waiting: Sequence[Asked]) -> list[Batch]:
        found: dict[Hashable, Batch] = {}
        for asked in waiting:
            if not self._is_whole(asked.rows):
                standing = asked.rows.standing()
                kept = set(standing)
                asked.take([row for row in asked.taken or standing if row in kept])
            info = PlannedInfo(self._executor, asked)
            try:
                arguments = self._arguments(asked.step, info)
            except Exception as error:
                self._completion.complete(asked, [error] * len(asked.parents))
                continue
            definition = asked.step.definition
            if isinstance(definition, RootedField):
                batch = Batch(_once(definition.function), info, arguments.values, [asked])
                found[object()] = batch
                continue
            assert isinstance(definition, BatchedField)
            key = (definition.batch, arguments.frozen)
            if key in found:
                found[key].asked.append(asked)
            else:
                found[key] = Batch(definition.batch, info, arguments.values, [asked])
        return list(found.values())

    def _call(self, batch: Batch) -> None:
        """Calls a function once for all different parents, and gives each place its values."""
        parents = [parent for asked in batch.asked for parent in asked.parents]
        if len(parents) == 1 or len(set(map(id, parents))) == len(parents):
            values = call_batch(batch.function, parents, batch.info, batch.arguments)
        else:
            different = {id(parent): parent for parent in parents}
            found = call_batch(batch.function, list(different.values()), batch.info, batch.arguments)
            by_parent = dict(zip(different, found, strict=True))
            values = [by_parent[id(parent)] for parent in parents]
        if len(batch.asked) == 1:
            self._completion.complete(batch.asked[0], values)
            return
        start = 0
        for asked in batch.asked:
            end = start + len(asked.parents)
            self._completion.complete(asked, values[start:end])
            start = end

    def _arguments(self, step: Step, info: Any) -> Arguments:
        """A field's arguments as its function takes them. Raises GraphQLError and InvalidInput."""
        if not step.definition.arguments:
            return _NO_ARGUMENTS
        key: tuple[Any, ...] = ()
        if step.variables:
            coerced = self._executor.variable_values.coerced
            key = tuple([coerced.get(name, Undefined) for name in step.variables])
        found = step.arguments.recall(key)
        if found is None:
            found = Arguments(self._read_arguments(step, info))
            step.arguments.keep(key, found)
        return found

    def _read_arguments(self, step: Step, info: Any) -> Mapping[str, Any]:
        executor = self._executor
        given = get_argument_values(
            step.field, step.nodes[0], executor.variable_values, None, executor.hide_suggestions
        )
        schema = executor.schema._strawberry_schema
        _, arguments = get_arguments(
            field=step.definition,
            source=None,
            info=info,
            kwargs=given,
            config=schema.config,
            scalar_registry=schema.schema_converter.scalar_registry,
        )
        arguments.pop("info", None)
        refuse_nul(arguments)
        return arguments


def _once(function: Callable[..., Any]) -> BatchFunction:
    """The function of a root field as a batch of one."""

    def batch(parents: list[Any], info: Any, **arguments: Any) -> list[Any]:
        return [function(info, **arguments)]

    return batch
