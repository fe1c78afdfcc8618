"""Pages of lists whose tables grow without bound: what is counted, and in what order."""

from __future__ import annotations

from functools import cached_property
from typing import Any, Final

from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest

from ci_core.admin.unfold import ChangeList

#: Rows that a list counts at most; what lies beyond them is reached by narrowing the list.
COUNTED: Final = 10_000


class BoundedPaginator(Paginator):  # type: ignore[type-arg]
    """Counts COUNTED rows at most, and says in its template when there are more."""

    template_name = "admin/ci_core/pagination.html"

    @cached_property
    def _found(self) -> int:
        rows = self.object_list
        if isinstance(rows, QuerySet):
            return rows.order_by()[: COUNTED + 1].count()
        return len(rows)

    @cached_property
    def count(self) -> int:
        """Rows that the pages hold."""
        return min(self._found, COUNTED)

    @property
    def there_are_more(self) -> bool:
        """Whether the pages do not hold everything."""
        return self._found > COUNTED


class PartitionedChangeList(ChangeList):
    """A list of a partitioned table: in the order of its key, and without joins to another partitioned table.

    The admin says how the list is ordered (`key_order`), which rows it may look at (`within_reach`), and adds what
    a row needs from other partitioned tables once the page is known (`complete`).
    """

    def get_ordering(self, request: HttpRequest, queryset: QuerySet[Any]) -> list[Any]:
        """The key's order, whatever the request asks for: any other would sort whole partitions."""
        return list(self.model_admin.key_order(self.params))  # type: ignore[attr-defined]

    def get_queryset(self, request: HttpRequest, exclude_parameters: Any = None) -> QuerySet[Any]:
        """The rows that filters and search leave, within reach."""
        rows = super().get_queryset(request, exclude_parameters)
        return self.model_admin.within_reach(rows, self.params, self.query)  # type: ignore[attr-defined,no-any-return]

    def get_results(self, request: HttpRequest) -> None:
        """Reads the page, and completes its rows."""
        super().get_results(request)
        self.result_list = list(self.result_list)
        self.model_admin.complete(self.result_list)  # type: ignore[attr-defined]
