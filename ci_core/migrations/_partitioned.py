"""The migration operation that creates a partitioned table for a model."""

from __future__ import annotations

from typing import Any

from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor


class CreatePartitionedModel(migrations.CreateModel):
    """Creates a model's table partitioned by `pipeline_id`, with the key `(pipeline_id, id)`.

    The columns are those that Django would make; only the key and the partitioning differ. Django itself goes on
    believing that `id` is the primary key, which it is in fact, since the id carries the pipeline's.
    """

    def database_forwards(self, app_label: str, schema_editor: BaseDatabaseSchemaEditor, from_state: Any, to_state: Any) -> None:
        model = to_state.apps.get_model(app_label, self.name)
        sql, params = schema_editor.table_sql(model)
        if " PRIMARY KEY" not in sql:
            raise ValueError(f"{self.name}: no primary key in {sql!r}")
        sql = sql.replace(" PRIMARY KEY", "", 1).rstrip()
        sql = f'{sql[:-1]}, PRIMARY KEY ("pipeline_id", "id")) PARTITION BY RANGE ("pipeline_id")'
        schema_editor.execute(sql, params or None)
        schema_editor.deferred_sql.extend(schema_editor._model_indexes_sql(model))
