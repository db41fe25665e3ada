/** A tenant's database as it is seen from outside: owner, right to connect, limit, settings and mark. */
import type { PostgresServer } from "../config.ts";
import type { DatabaseInputs } from "../inputs.ts";
import { databaseLimit } from "./database-place.ts";
import { type Difference, listed } from "./difference.ts";
import { type Right, rightsOf } from "./live.ts";
import type { Session } from "./pool.ts";
import { identifier, integer } from "./quote.ts";

export interface LiveDatabase {
  readonly owner: string;
  readonly allowsConnections: boolean;
  /** Whether anyone who may create databases may copy it. */
  readonly isTemplate: boolean;
  readonly connectionLimit: number;
  readonly comment: string | null;
  readonly rights: readonly Right[];
  /** Settings that hold in it, but for those of the tenant's logins; role is null for everybody's. */
  readonly settings: readonly { readonly role: string | null; readonly settings: readonly string[] }[];
  /** Whether the provisioner may connect to it. */
  readonly reachable: boolean;
}

const databaseSql = `SELECT json_build_object('owner', pg_get_userbyid(d.datdba), 'allowsConnections', d.datallowconn,
  'isTemplate', d.datistemplate, 'connectionLimit', d.datconnlimit, 'comment', shobj_description(d.oid, 'pg_database'),
  'rights', ${rightsOf("coalesce(d.datacl, acldefault('d', d.datdba))")},
  'settings', (SELECT coalesce(json_agg(json_build_object(
      'role', CASE s.setrole WHEN 0 THEN NULL ELSE pg_get_userbyid(s.setrole) END, 'settings', s.setconfig)), '[]')
    FROM pg_catalog.pg_db_role_setting s
    WHERE s.setdatabase = d.oid AND (s.setrole = 0 OR pg_get_userbyid(s.setrole) <> ALL ($2))),
  'reachable', has_database_privilege(d.oid, 'CONNECT')) AS database
FROM pg_catalog.pg_database d WHERE d.datname = $1`;

/** @param session - of the provisioner in another database of the server; null where there is no such database */
export async function readDatabase(session: Session, inputs: DatabaseInputs): Promise<LiveDatabase | null> {
  const [row] = await session.query<{ database: LiveDatabase }>(databaseSql, [
    inputs.database,
    [inputs.appRole, inputs.readOnlyRole],
  ]);
  return row?.database ?? null;
}

/** What differs, but for the mark and the tenant's own rights. */
export function databaseDifferences(live: LiveDatabase, inputs: DatabaseInputs, server: PostgresServer): Difference[] {
  const provisioner = server.provisioner.user;
  const name = identifier(inputs.database);
  const found: Difference[] = [];
  const tell = (
    aspect: string,
    [is, should]: readonly [string, string],
    sentence: string,
    mends: Pick<Difference, "asProvisioner" | "asAdministrator">,
  ) => found.push({ sentence, field: `database ${inputs.database}: ${aspect}`, is, should, ...mends });

  if (live.owner !== provisioner) {
    tell(
      "owner",
      [live.owner, provisioner],
      `the database ${inputs.database} belongs to ${live.owner}, not to ${provisioner}`,
      { asAdministrator: [`ALTER DATABASE ${name} OWNER TO ${identifier(provisioner)};`] },
    );
    // Who is no owner mends nothing else; what is left is seen at a second look.
    return found;
  }
  if (!live.allowsConnections) {
    tell("connections", ["refused", "allowed"], `the database ${inputs.database} refuses all connections`, {
      asProvisioner: [`ALTER DATABASE ${name} ALLOW_CONNECTIONS true;`],
    });
  }
  if (live.isTemplate) {
    tell(
      "template",
      ["may be copied by others", "no template"],
      `the database ${inputs.database} is a template that others may copy`,
      { asProvisioner: [`ALTER DATABASE ${name} IS_TEMPLATE false;`] },
    );
  }
  const limit = databaseLimit(inputs);
  if (live.connectionLimit !== limit) {
    tell(
      "connection limit",
      [String(live.connectionLimit), String(limit)],
      `the database ${inputs.database} has a connection limit of ${live.connectionLimit}, not ${limit}`,
      { asProvisioner: [`ALTER DATABASE ${name} CONNECTION LIMIT ${integer(limit)};`] },
    );
  }
  found.push(...rightsDifferences(live, inputs, provisioner));
  for (const { role, settings } of live.settings) {
    const names = settings.map((setting) => setting.split("=")[0] ?? "").join(", ");
    const reset =
      role === null
        ? `ALTER DATABASE ${name} RESET ALL;`
        : `ALTER ROLE ${identifier(role)} IN DATABASE ${name} RESET ALL;`;
    const mine = role === null || role === provisioner || role === inputs.ownerRole;
    tell(
      "settings",
      [`${names} for ${role ?? "everybody"}`, "none"],
      `the database ${inputs.database} has settings for ${role ?? "everybody"}: ${names}`,
      mine ? { asProvisioner: [reset] } : { asAdministrator: [reset] },
    );
  }
  return found;
}

/** Rights of others, and those that the provisioner lacks. The tenant's own are told by the look inside. */
function rightsDifferences(live: LiveDatabase, inputs: DatabaseInputs, provisioner: string): Difference[] {
  const name = identifier(inputs.database);
  const own = [provisioner, inputs.ownerRole, inputs.appRole, inputs.readOnlyRole];
  const strangers = [...new Set(live.rights.map(({ grantee }) => grantee))].filter((grantee) => !own.includes(grantee));
  const found = strangers.map((grantee): Difference => {
    const rights = live.rights.filter((right) => right.grantee === grantee);
    const revoke = [
      `REVOKE ALL ON DATABASE ${name} FROM ${grantee === "PUBLIC" ? grantee : identifier(grantee)} CASCADE;`,
    ];
    const is = listed(rights.map(({ privilege, grantor }) => `${privilege} by ${grantor}`));
    return {
      sentence: `${grantee} has ${listed(rights.map(({ privilege }) => privilege))} on the database ${inputs.database}`,
      field: `database ${inputs.database}: rights of ${grantee}`,
      is,
      should: "none",
      ...(rights.every(({ grantor }) => grantor === provisioner)
        ? { asProvisioner: revoke }
        : { asAdministrator: revoke }),
    };
  });
  const held = live.rights.filter(({ grantee }) => grantee === provisioner).map(({ privilege }) => privilege);
  const lacking = ["CONNECT", "CREATE"].filter((privilege) => !held.includes(privilege));
  if (lacking.length === 0) return found;
  return [
    ...found,
    {
      sentence: `the provisioner ${provisioner} has lost ${lacking.join(" and ")} on the database ${inputs.database}`,
      field: `database ${inputs.database}: rights of ${provisioner}`,
      is: listed(held),
      should: "CONNECT and CREATE",
      asProvisioner: [`GRANT CONNECT, CREATE ON DATABASE ${name} TO ${identifier(provisioner)};`],
    },
  ];
}
