import { PutUserPolicyCommand } from "@aws-sdk/client-iam";
import { Redis } from "ioredis";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { faultsOf } from "../../cli/commands/drift.ts";
import { postgresNames } from "../../components/naming.ts";
import { connectS3 } from "../../provider/storage/client.ts";
import type { DriftReport } from "../../verify/drift.ts";
import { adminQuery } from "../support/admin.ts";
import { query } from "../support/clients.ts";
import { TestProject } from "../support/project.ts";

const project = new TestProject("local");
const id = `a${project.prefix}`;
const names = postgresNames(project.prefix, id);
const { schema, appRole } = names;

/** Damage from outside in every store of the tenant. */
async function damage(): Promise<void> {
  await adminQuery(project, `GRANT SELECT ON "${schema}".graph_entities TO PUBLIC`);
  await adminQuery(project, `ALTER ROLE "${appRole}" CREATEDB`);
  await adminQuery(project, `DROP INDEX "${schema}".graph_entities_type`);
  await adminQuery(project, `ALTER TABLE "${schema}".graph_entities ADD COLUMN extra text`);
  const { main } = project.platform.redis;
  for (const node of main?.nodes ?? []) {
    const redis = new Redis({
      ...node,
      username: main?.username ?? "",
      password: main?.password ?? "",
      tls: main?.ca === undefined ? {} : { ca: main.ca },
    });
    try {
      await redis.call("ACL", "SETUSER", `${project.prefix}:${id}`, "+@all", "~*");
    } finally {
      redis.disconnect();
    }
  }
  const storage = project.platform.storage.main;
  if (storage?.kind !== "s3") throw new Error("the tests have an S3 server");
  const clients = connectS3(storage);
  const PolicyDocument = JSON.stringify({
    Version: "2012-10-17",
    Statement: [{ Effect: "Allow", Action: ["s3:*"], Resource: [`arn:aws:s3:::${storage.bucket}/*`] }],
  });
  await clients.iam.send(
    new PutUserPolicyCommand({ UserName: `${project.prefix}.${id}`, PolicyName: "more", PolicyDocument }),
  );
  clients.close();
}

beforeAll(async () => {
  project.tenants = { [id]: {} };
  const { code, text } = await project.up();
  expect([code, text]).toEqual([0, expect.any(String)]);
  await query(
    await project.credentials(id),
    "INSERT INTO graph_entities (id, entity_type) VALUES ('kept', 't') RETURNING id",
  );
}, 240_000);
afterAll(() => {
  project.remove();
});

describe("tenancy drift", () => {
  test("a new tenant has none, and the exit code says so", async () => {
    const { code, stdout, text } = await project.run(["drift", "--tenant", id]);
    expect([code, text]).toEqual([0, expect.stringContaining("drift: 3 places read, nothing differs, 0 orphans")]);
    expect(stdout).toContain("servers and orphans are looked at only without --tenant");
  }, 120_000);

  test("every store's damage is told field by field, and --repair mends what no person has to decide", async () => {
    await damage();
    const told = await project.run(["drift", "--json"]);
    const report = JSON.parse(told.stdout) as DriftReport;
    const sentences = report.drift.flatMap(({ tenant, findings }) =>
      tenant === id ? findings.map(({ sentence, mend }) => `${mend}: ${sentence}`) : [],
    );
    const nodes = (project.platform.redis.main?.nodes ?? []).map(({ host, port }) => `${host}:${port}`);
    expect(told.code).toBe(1);
    expect(sentences.sort()).toEqual(
      [
        `repair: the role ${appRole} has CREATEDB`,
        "repair: the table graph_entities has other rights than a tenant's for PUBLIC",
        "repair: the index graph_entities_type of the table graph_entities is missing",
        "by hand: the column extra of the table graph_entities is not in the template",
        ...nodes.flatMap((node) => [
          `repair: user ${project.prefix}:${id} has other keys than its rule gives on Redis node ${node}`,
          `repair: user ${project.prefix}:${id} has other commands than its rule gives on Redis node ${node}`,
        ]),
        `repair: IAM user ${project.prefix}.${id} has further policies: more`,
      ].sort(),
    );

    const repaired = await project.run(["drift", "--repair", "--tenant", id]);
    expect(repaired.text).toContain("is:     +@all");
    const after = repaired.stdout.split("after the repair:")[1] ?? "";
    expect(after).toContain("the column extra of the table graph_entities is not in the template");
    expect(after).toContain("drift: 3 places read, 1 thing differs, 0 orphans");
    expect(repaired.code).toBe(1);
    expect(await query(await project.credentials(id), "SELECT id, extra FROM graph_entities")).toEqual([
      { id: "kept", extra: null },
    ]);
    await adminQuery(project, `ALTER TABLE "${schema}".graph_entities DROP COLUMN extra`);
    expect((await project.run(["drift", "--tenant", id, "--json"])).code).toBe(0);
  }, 240_000);

  test("a repair does not carry out what else the registry asks for", async () => {
    await adminQuery(project, `ALTER ROLE "${appRole}" CREATEDB`);
    project.tenants = { [id]: {}, [`b${project.prefix}`]: {} };
    const { code, stderr } = await project.run(["drift", "--repair", "--tenant", id]);
    expect(stderr).toMatch(/nothing was repaired, since the registry asks for \d+ other changes/);
    expect(code).toBe(1);
    project.tenants = { [id]: {} };
  }, 120_000);

  test("a schema that is gone is told and not made anew by a repair", async () => {
    await adminQuery(project, `DROP SCHEMA "${schema}" CASCADE`);
    const { code, stdout, stderr } = await project.run(["drift", "--repair", "--store", "postgres"]);
    expect(stdout).toContain(`${schema} is gone`);
    expect(stderr).toContain(`nothing was repaired, since ${schema} is gone`);
    expect(code).toBe(1);
    expect(
      await adminQuery(project, `SELECT count(*)::int AS n FROM pg_namespace WHERE nspname = '${schema}'`),
    ).toEqual([{ n: 0 }]);
  }, 120_000);

  test("no secret of the tenant was printed", async () => {
    const { postgres, redis, storage } = await project.credentials(id);
    for (const secret of [postgres.password, redis.password, storage.secretAccessKey]) {
      expect(project.printed.join("\n")).not.toContain(secret);
    }
  }, 60_000);

  test("all faults of the flags are told at once", () => {
    expect(faultsOf({ tenant: ["x"], store: ["disk"] }, ["a"])).toEqual([
      '--store "disk" is not known; allowed are postgres, redis, storage, neo4j.',
      '--tenant "x" is not in the stack; it has a.',
    ]);
  });
});
