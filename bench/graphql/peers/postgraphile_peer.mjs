// PostGraphile 5 on the same tables. Answers lines of JSON as answering.py does, and over HTTP if PEER_PORT is set.
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { createInterface } from "node:readline";
import { postgraphile } from "postgraphile";
import { makePgService } from "postgraphile/adaptors/pg";
import { grafast } from "postgraphile/grafast";
import { grafserv } from "postgraphile/grafserv/node";
import { PostGraphileAmberPreset } from "postgraphile/presets/amber";
import { makeJSONPgSmartTagsPlugin } from "postgraphile/utils";

const { PGHOST, PGPORT, PGUSER, PGPASSWORD, PGDATABASE, PEER_PORT } = process.env;

// The tables have no foreign keys that PostgreSQL checks: partitioned rows of a pipeline come and go together.
const toPipeline = "(pipeline_id) references public.ci_core_pipeline (id)";
const within = (column, table) => `(pipeline_id, ${column}) references public.ci_core_${table} (pipeline_id, id)`;
const tags = {
  ci_core_pipeline: { name: "pipeline" },
  ci_core_stage: { name: "stage", foreignKey: `${toPipeline}|@foreignFieldName stages` },
  ci_core_job: {
    name: "job",
    foreignKey: [
      `${within("stage_id", "stage")}|@foreignFieldName jobs`,
      `${toPipeline}|@fieldName pipeline`,
      "(runner_id) references public.ci_core_runner (id)|@fieldName runner",
    ],
  },
  ci_core_need: { name: "need", foreignKey: `${within("job_id", "job")}|@foreignFieldName needs` },
  ci_core_artifact: { name: "artifact", foreignKey: `${within("job_id", "job")}|@foreignFieldName artifacts` },
  ci_core_runner: { name: "runner" },
  ci_core_environment: { name: "environment" },
  ci_core_deployment: { name: "deployment" },
};
const tagged = Object.fromEntries(Object.entries(tags).map(([table, given]) => [table, { tags: given }]));

const documents = JSON.parse(readFileSync(new URL("postgraphile_documents.json", import.meta.url), "utf8"));

const preset = {
  extends: [PostGraphileAmberPreset],
  plugins: [makeJSONPgSmartTagsPlugin({ version: 1, config: { class: tagged } })],
  pgServices: [
    makePgService({
      poolConfig: { host: PGHOST, port: Number(PGPORT), user: PGUSER, password: PGPASSWORD, database: PGDATABASE },
      schemas: ["public"],
    }),
  ],
  grafserv: { graphqlPath: "/graphql", watch: false },
};
const instance = postgraphile(preset);
const { schema, resolvedPreset } = await instance.getSchemaResult();

if (PEER_PORT) {
  const server = createServer();
  // A client that waits for its turn keeps its connection.
  server.keepAliveTimeout = 600_000;
  await instance.createServ(grafserv).addTo(server);
  await new Promise((listening) => server.listen(Number(PEER_PORT), "127.0.0.1", listening));
}

console.log(JSON.stringify({ ready: true }));
for await (const line of createInterface({ input: process.stdin })) {
  const { kind, parameters } = JSON.parse(line);
  const started = performance.now();
  const result = await grafast({
    schema,
    resolvedPreset,
    source: documents[kind],
    variableValues: parameters,
    requestContext: {},
  });
  const answer = JSON.stringify(result.data);
  const ms = performance.now() - started;
  if (result.errors) throw new Error(JSON.stringify(result.errors));
  console.log(JSON.stringify({ ms, bytes: Buffer.byteLength(answer), ids: answer.split('"id"').length - 1 }));
}
process.exit(0);
