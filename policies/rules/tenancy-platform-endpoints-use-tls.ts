import { type Finding, resourceRule, undecided } from "../rule.ts";
import { platformOf, providerType, schemeOf, serversOf } from "../support/platform.ts";
import { developmentStacks } from "../support/settings.ts";
import { isList, isProperties, unknown, type Properties, type Value } from "../values.ts";

/** Encrypt the connection and check the server's certificate. */
const safeSchemes = ["https", "rediss", "valkeys", "bolt+s", "neo4j+s"];
/** libpq decides by sslmode, which has a check of its own. */
const libpqSchemes = ["postgres", "postgresql"];
const isUrl = /^[a-z][a-z0-9+.-]*:\/\//i;
/** Keys that turn TLS or its verification off when they are true, and when they are false. */
const offWhenTrue =
  /^(insecure|insecureSkipVerify|skipVerify|tlsSkipVerify|trustServerCertificate|allowInsecure|plaintext)$/i;
const offWhenFalse = /^(tls|ssl|rejectUnauthorized|verify|verifyCertificate|encrypted)$/i;

export default resourceRule<{ developmentStacks: readonly string[] }>({
  name: "tenancy-platform-endpoints-use-tls",
  subject: "TLS",
  description: "Every server of the platform is reached over TLS with its certificate verified in full.",
  reason: "Whoever is on the way reads every tenant's data and logins, or answers in the server's place.",
  source: {
    title: "Neo4j operations manual, SSL framework; PostgreSQL manual, 32.19 SSL Support",
    url: "https://www.postgresql.org/docs/current/libpq-ssl.html",
  },
  remediation:
    "Use https, rediss, bolt+s or neo4j+s (not +ssc), sslmode verify-full, and give the server's authority as `ca`",
  severity: "critical",
  enforcement: "mandatory",
  types: [providerType],
  settings: { developmentStacks },
  *check(provider, { stack, settings }) {
    if (settings.developmentStacks.includes(stack)) return;
    const platform = platformOf(provider);
    if (platform === unknown) yield undecided("the platform's configuration");
    if (!isProperties(platform)) return;
    for (const { store, name, settings: server } of serversOf(platform)) yield* walk(server, `${store} server ${name}`);
  },
});

/** Names keys and schemes only: the values may be logins. */
function* walk(value: Properties, place: string): Iterable<Finding> {
  for (const [key, inner] of Object.entries(value)) yield* look(key, inner, place);
}

function* look(key: string, value: Value | undefined, place: string): Iterable<Finding> {
  if (isProperties(value)) yield* walk(value, `${place}, ${key}`);
  else if (isList(value)) for (const item of value) yield* look(key, item, place);
  else if ((offWhenTrue.test(key) && value === true) || (offWhenFalse.test(key) && value === false)) {
    yield { message: `${place}: ${key} is ${String(value)}` };
  } else if (key.toLowerCase() === "sslmode" && value !== "verify-full") {
    yield { message: `${place}: ${key} is not verify-full` };
  } else if (typeof value === "string" && isUrl.test(value)) {
    const scheme = schemeOf(value) ?? "";
    if (libpqSchemes.includes(scheme)) {
      if (!/[?&]sslmode=verify-full(&|$)/.test(value))
        yield { message: `${place}: ${key} does not say sslmode=verify-full` };
    } else if (!safeSchemes.includes(scheme)) yield { message: `${place}: ${key} has the scheme ${scheme}` };
  }
}
