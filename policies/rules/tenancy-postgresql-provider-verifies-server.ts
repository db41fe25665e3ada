import { resourceRule } from "../rule.ts";
import { developmentStacks } from "../support/settings.ts";
import { mustBe } from "../support/verdict.ts";

export default resourceRule<{ developmentStacks: readonly string[] }>({
  name: "tenancy-postgresql-provider-verifies-server",
  subject: "TLS",
  description: "A provider of PostgreSQL connects with sslmode verify-full.",
  reason: "Its default is `require`, which takes any certificate: an administrator's password goes to whoever answers.",
  source: {
    title: "PostgreSQL manual, 32.19.3 Protection Provided in Different Modes",
    url: "https://www.postgresql.org/docs/current/libpq-ssl.html#LIBPQ-SSL-PROTECTION",
  },
  remediation: "Set sslmode: verify-full and sslrootcert",
  severity: "critical",
  enforcement: "mandatory",
  types: ["pulumi:providers:postgresql"],
  settings: { developmentStacks },
  *check(provider, { stack, settings }) {
    if (settings.developmentStacks.includes(stack)) return;
    yield* mustBe(provider, "sslmode", (value) => value === "verify-full", "does not verify the server");
  },
});
