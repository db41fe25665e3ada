/** Everything that differs in a tenant's own database: seen from outside, its hardening, and its schema. */
import { type Finding, repairable, tellAll } from "../finding.ts";
import type { CallContext } from "../handler.ts";
import type { DatabaseOutputs } from "../inputs.ts";
import { isInstance, parseMark } from "../mark.ts";
import { catalogueFaults, missingOf, readFacts } from "./baseline-rules.ts";
import { DatabaseCatalogue } from "./database-catalogue.ts";
import { databaseDifferences, type LiveDatabase } from "./database-live.ts";
import { demandsOf } from "./database-make.ts";
import { innerOf, type Place } from "./database-place.ts";
import type { PostgresDependencies } from "./dependencies.ts";
import { toFinding } from "./difference.ts";
import type { Task } from "./faults.ts";
import { type Live, readLive } from "./live.ts";
import { findDrift, recordActivity } from "./schema-read.ts";

export async function findDatabaseDrift(
  dependencies: PostgresDependencies,
  context: CallContext,
  place: Place,
  wanted: DatabaseOutputs,
  live: LiveDatabase,
): Promise<string[]> {
  const { pools } = dependencies;
  const { server } = place;
  const outside = [
    ...databaseDifferences(live, wanted, server).map((difference) => toFinding(difference, server)),
    ...markFindings(live, wanted),
  ];
  // Nobody, or not the provisioner, gets in: what is inside is seen once that is mended.
  if (!live.allowsConnections || !live.reachable) return tellAll(context, outside);

  const catalogue = new DatabaseCatalogue(pools, place, wanted);
  if (!(await catalogue.has())) {
    const sentence = `the catalogue has no entry of the tenant ${wanted.tenant}`;
    outside.push(repairable(`catalogue entry ${wanted.tenant}`, "missing", "there", sentence));
  }
  const task: Task = { subject: `tenant ${wanted.tenant}`, doing: `reading the database ${wanted.database}` };
  const facts = await pools.run(place.inside, task, (session) => readFacts(session, server));
  const field = `database ${wanted.database}`;
  const faults = catalogueFaults(facts, server);
  outside.push(
    ...missingOf(facts, server, demandsOf(wanted, place))
      // Told with its rights by the look from outside.
      .filter(({ missing }) => missing !== publicText(wanted))
      .map(({ missing, sql, asOwner }): Finding => {
        const mine = asOwner || server.admin !== undefined;
        const told = { field: `${field}: hardening`, is: "not so", should: missing, sentence: missing };
        return { ...told, mend: mine ? "repair" : "administrator", statements: mine ? [] : [sql] };
      }),
    ...faults.map((fault) => repairable(`${field}: schema platform`, fault, "as it was made", fault)),
  );
  if (faults.length > 0) return tellAll(context, outside);

  const inner = innerOf(wanted, place);
  const inside: Live = await pools.run(place.inside, task, async (session) => {
    const seen = await readLive(session, inner, "full");
    if (seen.schema !== null) await recordActivity(session, inner);
    return seen;
  });
  if (inside.schema === null) {
    outside.push({
      field: `${field}: schema ${wanted.schema}`,
      is: "missing",
      should: "there",
      sentence: `the schema ${wanted.schema} is gone from the database ${wanted.database}`,
      mend: "by hand",
      statements: [`-- restore it from a backup, or have an empty one made: tenancy adopt ${wanted.tenant}`],
    });
    return tellAll(context, outside);
  }
  await catalogue.recordActivity();
  return [...tellAll(context, outside), ...(await findDrift(dependencies, context, inner, inner, inside))];
}

function publicText({ database }: DatabaseOutputs): string {
  return `PUBLIC has rights on the database ${database}`;
}

function markFindings(live: LiveDatabase, wanted: DatabaseOutputs): Finding[] {
  const mark = parseMark(live.comment);
  const field = `database ${wanted.database}: mark`;
  const should = `the mark of ${wanted.markUrn}`;
  if (mark === undefined) {
    return [repairable(field, "none", should, `the database ${wanted.database} has lost its mark`)];
  }
  if (isInstance(mark, wanted)) return [];
  return [
    {
      field,
      is: `the mark of ${mark.urn}`,
      should,
      sentence: `the database ${wanted.database} carries another instance's mark`,
      mend: "by hand",
      statements: ["-- two stacks may not share a database: find out which state is the right one"],
    },
  ];
}
