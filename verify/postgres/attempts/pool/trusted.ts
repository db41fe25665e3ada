/** Attempts with the trusted login, whose tenant is the context of its transaction and nothing else. */
import { identifier } from "../../../../provider/postgres/quote.ts";
import { manual, type Recipe } from "../../recipe.ts";
import type { Scene } from "../../scene.ts";
import {
  attackerId,
  forVictim,
  inPool,
  insertRow,
  mainRow,
  placeOf,
  rowSecurity,
  seesVictim,
  setContext,
  victimId,
} from "./statements.ts";

const asGroup = ({ victim }: Scene): string => `SET LOCAL ROLE ${identifier(placeOf(victim).appGroup)}`;

/** Each control is the same statement in the victim's context. */
function trusted(
  recipe: Omit<Recipe, "between" | "login" | "control" | "source"> & Partial<Pick<Recipe, "source">>,
): Recipe {
  return { source: rowSecurity, ...recipe, between: "pool", login: "application", control: "administrator" };
}

const unset = "An application that forgets the context, or a pooler that drops it, must get nothing.";

export const poolTrustedRecipes: readonly Recipe[] = [
  trusted({
    id: "pool-trusted-unset",
    aim: "read",
    tries: "read with the trusted login where no context is set",
    why: unset,
    asks: true,
    sql: (scene) => `${asGroup(scene)}; ${seesVictim(scene)}`,
    prelude: forVictim,
  }),
  trusted({
    id: "pool-trusted-unset-write",
    aim: "write",
    tries: "write with the trusted login where no context is set",
    why: unset,
    harm: "victim",
    leakCode: "23",
    sql: (scene) => `${asGroup(scene)}; ${insertRow(scene, mainRow(scene), victimId(scene))}`,
    prelude: forVictim,
  }),
  trusted({
    id: "pool-trusted-malformed",
    aim: "read",
    tries: "read with the trusted login in a context that is no uuid",
    why: "A condition that fails open shows the rows of everybody.",
    asks: true,
    sql: (scene) => `${asGroup(scene)}; SET LOCAL app.tenant_id = 'not-a-uuid'; ${seesVictim(scene)}`,
    controlSql: (scene) => `${asGroup(scene)}; ${seesVictim(scene)}`,
    prelude: forVictim,
  }),
  trusted({
    id: "pool-trusted-carried-over",
    aim: "read",
    tries: "find the last transaction's context on a connection that was used for another member",
    why: "Behind a pooler the next transaction is another customer's.",
    source: manual("functions-admin"),
    asks: true,
    sql: (scene) =>
      `BEGIN; ${asGroup(scene)}; ${setContext(scene, victimId(scene))}; COMMIT; BEGIN; ${asGroup(scene)}; ${seesVictim(scene)}`,
    // Before the end of the transaction that set it.
    controlSql: (scene) => `${asGroup(scene)}; ${seesVictim(scene)}`,
    prelude: forVictim,
  }),
  trusted({
    id: "pool-trusted-other",
    aim: "read",
    tries: "read another member's rows with the trusted login in its own context",
    why: "The context is one tenant's, whatever a statement asks for.",
    asks: true,
    sql: (scene) => `${asGroup(scene)}; ${setContext(scene, attackerId(scene))}; ${seesVictim(scene)}`,
    prelude: forVictim,
  }),
  trusted({
    id: "pool-trusted-other-write",
    aim: "write",
    tries: "write another member's row with the trusted login in its own context",
    why: "The context is one tenant's, whatever a statement asks for.",
    harm: "victim",
    leakCode: "23",
    sql: (scene) =>
      `${asGroup(scene)}; ${setContext(scene, attackerId(scene))}; ${insertRow(scene, mainRow(scene), victimId(scene))}`,
    prelude: forVictim,
  }),
  trusted({
    id: "pool-trusted-stranger",
    aim: "escape",
    tries: "set a context for a tenant that is no active member of the pool",
    why: "A tenant that was suspended or removed must not be worked for.",
    sql: (scene) => `${asGroup(scene)}; ${setContext(scene, "gen_random_uuid()")}`,
    controlSql: (scene) => `${asGroup(scene)}; ${setContext(scene, victimId(scene))}`,
    prelude: forVictim,
  }),
  trusted({
    id: "pool-trusted-no-role",
    aim: "read",
    tries: "read with the trusted login without taking the pool's role",
    why: "It holds no right of its own, so that a forgotten role shows nothing of any pool.",
    asks: true,
    expected: ["42501"],
    sql: seesVictim,
  }),
  trusted({
    id: "pool-trusted-owner",
    aim: "escape",
    tries: "become the owner of the pool with the trusted login",
    why: "An application that is broken into must not be able to drop policies.",
    source: manual("sql-set-role"),
    sql: ({ victim }) => `SET LOCAL ROLE ${identifier(victim.names.ownerRole)}`,
  }),
  trusted({
    id: "pool-trusted-members",
    aim: "observe",
    tries: "list the members of the pool with the trusted login",
    why: "Which tenants there are is the registry's to tell.",
    sql: (scene) => `${asGroup(scene)}; SELECT FROM ${inPool(scene, "tenancy_members")} LIMIT 0`,
    controlSql: (scene) => `SELECT FROM ${inPool(scene, "tenancy_members")} LIMIT 0`,
  }),
];
