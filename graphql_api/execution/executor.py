"""Owns the seam to graphql-core: plans and runs an operation, or leaves it to graphql-core and says why."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import structlog
from django.conf import settings
from graphql import ExecutionResult
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

from graphql_api.execution.planning import Unplannable
from graphql_api.execution.plans import plans_of
from graphql_api.execution.run import Run
from graphql_api.execution.shapes import Plan

log = structlog.get_logger("pipeyard.graphql")


class BreadthFirst(StrawberryGraphQLCoreExecutionContext):
    """Executes what can be planned breadth-first, in one hop to a thread."""

    def execute_operation(self, serially: bool | None = None) -> Any:
        """The result, or its future. serially: as graphql-core has it; decides nothing here."""
        if not settings.PIPEYARD_BREADTH_FIRST:
            return super().execute_operation(serially)
        try:
            plan = self.planned()
        except Exception as reason:
            # Whatever is wrong with the document, graphql-core says it in its own words.
            log.info("left to graphql-core", operation=_name(self.operation), reason=str(reason))
            return super().execute_operation(serially)
        self.context_value.announce(plan.fields)
        run = Run(self, plan)
        if plan.in_place:
            return self._result(run, run.execute())
        return self._in_thread(run)

    def planned(self) -> Plan:
        """The plan of the operation. Raises Unplannable, and what graphql-core raises of directives."""
        if self.abort_signal is not None or not self.error_propagation:
            raise Unplannable("a way of executing that is not supported")
        if self.middleware_manager is not None and self.middleware_manager.middlewares:
            raise Unplannable("middleware")
        return plans_of(self.schema).of(self)

    async def _in_thread(self, run: Run) -> ExecutionResult:
        try:
            data = await self.context_value.run_in_thread(run.execute)
        except asyncio.CancelledError:
            # The thread cannot be interrupted, but need not begin with what nobody waits for.
            run.stopped = True
            raise
        return self._result(run, data)

    def _result(self, run: Run, data: dict[str, Any] | None) -> ExecutionResult:
        self.collected_errors.errors.extend(run.errors.errors)
        return cast(ExecutionResult, self.build_response(data))


def _name(operation: Any) -> str | None:
    return operation.name.value if operation.name else None
