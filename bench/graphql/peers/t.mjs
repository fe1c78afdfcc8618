import pg from "pg";
const p = new pg.Pool({ host: process.env.PGHOST, port: 5432, user: "postgres", database: "pipeyard" });
const r = await p.query("select count(*) from ci_core_job"); console.log(r.rows); 
const c = await p.connect();
const q = await c.query({text: "select id::text, name from ci_core_stage limit 2", rowMode: "array"}); console.log(q.rows);
p.end();
