/** What a tenant's schema takes with @pulumi/postgresql, without tables: for comparison. */
import * as postgresql from "@pulumi/postgresql";

const server = JSON.parse(process.env.BENCH_SERVER ?? "{}") as postgresql.ProviderArgs & { database: string };
const { database } = server;
const provider = new postgresql.Provider("server", { ...server, sslmode: "verify-full", superuser: true });

for (const tenant of (process.env.BENCH_TENANTS ?? "").split(",").filter((id) => id !== "")) {
  const name = `bench_${tenant}`;
  const owner = new postgresql.Role(`${tenant}-owner`, { name: `${name}_owner`, login: false }, { provider });
  const login = { login: true, password: `password-of-${name}` };
  const app = new postgresql.Role(`${tenant}-app`, { name: `${name}_app`, ...login }, { provider, dependsOn: owner });
  const schema = new postgresql.Schema(
    `${tenant}-schema`,
    { name, database, owner: owner.name, dropCascade: true },
    { provider, dependsOn: app },
  );
  const grant = new postgresql.Grant(
    `${tenant}-usage`,
    { database, schema: schema.name, role: app.name, objectType: "schema", privileges: ["USAGE"] },
    { provider },
  );
  new postgresql.DefaultPrivileges(
    `${tenant}-tables`,
    {
      database,
      schema: schema.name,
      role: app.name,
      owner: owner.name,
      objectType: "table",
      privileges: ["SELECT", "INSERT", "UPDATE", "DELETE"],
    },
    { provider, dependsOn: grant },
  );
}
