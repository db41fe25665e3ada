/** `tenancy:redis:AclUser`: a tenant's user on every node of a Redis or Valkey server, limited to its key prefix. */
import type { Platform } from "../config.ts";
import { type Finding, repairable, tellAll } from "../finding.ts";
import { type CallContext, type CheckFailure, type Handler, isUnknown, ProviderError } from "../handler.ts";
import type { AclUserInputs, AclUserOutputs } from "../inputs.ts";
import { assertAdoptable, isInstance, type Mark, newMark, parseMark } from "../mark.ts";
import { closedRule, isUsername, openRule } from "./acl-rule.ts";
import { type Command, type ConnectOptions, connectNode, type RedisNode } from "./client.ts";
import { DriftFinder } from "./drift.ts";
import { deleteKeys, KeyIndex } from "./keys.ts";
import { AclSaver, onAll } from "./save.ts";

export interface AclUserDependencies {
  readonly platform: Platform;
  readonly connect?: typeof connectNode;
  readonly connection?: ConnectOptions;
}

interface Store {
  readonly nodes: readonly RedisNode[];
  readonly primary: RedisNode;
  readonly saver: AclSaver;
  readonly index: KeyIndex;
}

/** Outside of every tenant's prefix; eviction or FLUSHALL of the server takes it, and the next update restores it. */
const markKey = (username: string) => `tenancy:mark:${username}`;

export function aclUserHandler({
  platform,
  connect = connectNode,
  connection,
}: AclUserDependencies): Handler<AclUserInputs, AclUserOutputs> {
  const stores = new Map<string, Store>();
  const driftFinder = new DriftFinder();

  function store({ server, tenant }: AclUserInputs): Store {
    const known = stores.get(server);
    if (known !== undefined) return known;
    const config = platform.redis[server];
    if (config === undefined) throw new ProviderError(`tenant ${tenant}: ${unknownServer(server, platform)}`);
    const nodes = config.nodes.map((node) => connect(config, node, connection));
    const [primary] = nodes;
    if (primary === undefined) throw new ProviderError(`Redis server ${server} has no nodes.`);
    const made = { nodes, primary, saver: new AclSaver(nodes), index: new KeyIndex(primary) };
    stores.set(server, made);
    return made;
  }

  /** Sets the user on every node as its state asks; ends the sessions of one that is closed or has a new password. */
  async function apply(context: CallContext, inputs: AclUserInputs, endSessions: boolean): Promise<void> {
    const { nodes, saver } = store(inputs);
    const active = inputs.state === "active";
    await onAll(nodes, async (node) => {
      const info = await node.info(context.signal);
      if (info.cluster) {
        throw new ProviderError(
          `Redis node ${node.address} runs in cluster mode, where a tenant's keys would need a hash tag. Use a server without cluster mode.`,
        );
      }
      const rule = active ? openRule(inputs, inputs.password, info) : closedRule(inputs, info);
      await node.run("ACL SETUSER", [["ACL", "SETUSER", inputs.username, ...rule]], context.signal);
      if (!active || endSessions) await killSessions(node, inputs.username, context.signal);
    });
    await saver.save();
  }

  async function describeLive(context: CallContext, inputs: AclUserInputs) {
    const { nodes, primary } = store(inputs);
    const command: Command = ["ACL", "GETUSER", inputs.username];
    const users = await onAll(nodes, async (node) => {
      const replies = await node.run(
        "ACL GETUSER",
        node === primary ? [command, ["GET", markKey(inputs.username)]] : [command],
        context.signal,
      );
      return { node, user: replies[0], mark: replies[1] };
    });
    const markText = users.find(({ node }) => node === primary)?.mark;
    return {
      users,
      mark: parseMark(typeof markText === "string" ? markText : undefined),
      exists: users.some(({ user }) => user !== null),
    };
  }

  function writeMark(context: CallContext, inputs: AclUserInputs, mark: Mark): Promise<unknown> {
    return store(inputs).primary.run(
      "SET of the mark",
      [["SET", markKey(inputs.username), JSON.stringify(mark)]],
      context.signal,
    );
  }

  return {
    type: "tenancy:redis:AclUser",
    replaceOn: ["server", "tenant", "username", "keyPrefix"],
    secrets: ["password"],

    check: (_context, _olds, news) => Promise.resolve(checkInputs(news, platform)),

    preview: (inputs) => ({ ...inputs }),

    create: (context, inputs) =>
      forTenant(inputs, async () => {
        const { index } = store(inputs);
        const live = await describeLive(context, inputs);
        const found = live.exists || live.mark !== undefined;
        const keys = found ? await index.hasNow(inputs.username) : await index.has(inputs.username);
        if (found || keys) {
          assertAdoptable(
            {
              what: live.exists ? `Redis user "${inputs.username}"` : `Redis namespace "${inputs.keyPrefix}*"`,
              mark: live.mark,
              data: keys ? `keys under ${inputs.keyPrefix}` : undefined,
            },
            context.urn,
            inputs.tenant,
            context.adopt,
          );
        }
        const mark = newMark(context.urn, inputs.tenant);
        await writeMark(context, inputs, mark);
        await apply(context, inputs, found);
        return {
          id: `${inputs.server}/${inputs.username}`,
          outputs: { ...inputs, markUrn: context.urn, instanceToken: mark.token },
        };
      }),

    read: (context, _id, inputs, outputs) =>
      forTenant(inputs, async () => {
        const live = await describeLive(context, inputs);
        const found: Finding[] = [];
        const mark = `mark ${markKey(inputs.username)}`;
        if (!live.exists && live.mark === undefined) {
          if (!(await store(inputs).index.hasNow(inputs.username))) return undefined;
          const sentence = `keys under ${inputs.keyPrefix} are there, and neither user nor mark`;
          found.push(repairable(`ACL user ${inputs.username}`, "missing", "there", sentence));
        }
        if (live.mark === undefined) {
          found.push(repairable(mark, "missing", "there", `the mark ${markKey(inputs.username)} is missing`));
        } else if (!isInstance(live.mark, outputs)) {
          const sentence = `user ${inputs.username} is marked as another instance's, of ${live.mark.urn}`;
          const statements = [`-- if this stack's state is the right one: npm run tenancy -- adopt ${inputs.tenant}`];
          found.push({
            field: mark,
            is: live.mark.urn,
            should: outputs.markUrn,
            sentence,
            mend: "by hand",
            statements,
          });
        }
        const password = inputs.state === "active" ? inputs.password : undefined;
        for (const { node, user } of live.users) {
          found.push(...(await driftFinder.find(node, inputs, password, user)));
        }
        const drift = tellAll(context, found);
        return { inputs: drift.length === 0 ? inputs : { ...inputs, drift }, outputs: { ...outputs, ...inputs } };
      }),

    update: (context, _id, outputs, news) =>
      forTenant(news, async () => {
        const { mark } = await describeLive(context, news);
        if (mark !== undefined && !isInstance(mark, outputs) && !context.adopt.has(news.tenant)) {
          throw new ProviderError(
            `Redis user "${news.username}" is marked as another instance's, of ${mark.urn}. ` +
              `If this stack's state is the right one, take the user over with \`tenancy adopt ${news.tenant}\`.`,
          );
        }
        if (mark?.urn !== context.urn || !isInstance(mark, outputs)) {
          await writeMark(context, news, { urn: context.urn, tenant: news.tenant, token: outputs.instanceToken });
        }
        await apply(context, news, outputs.password !== news.password);
        return { ...news, markUrn: context.urn, instanceToken: outputs.instanceToken };
      }),

    delete: (context, _id, outputs) =>
      forTenant(outputs, async () => {
        const { nodes, primary, saver } = store(outputs);
        const { username, keyPrefix, tenant } = outputs;
        if (!isUsername(username) || keyPrefix !== `${username}:`) {
          throw new ProviderError(`nothing is deleted: ${JSON.stringify(keyPrefix)} is no tenant's key prefix.`);
        }
        const live = await describeLive(context, outputs);
        if (!isInstance(live.mark, outputs)) {
          if (live.mark === undefined && !live.exists && !(await store(outputs).index.hasNow(username))) return;
          context.warn(
            `tenant ${tenant}: Redis user "${username}" is left alone: its mark is ` +
              (live.mark === undefined ? "missing." : `another instance's, of ${live.mark.urn}.`),
          );
          return;
        }
        if (outputs.state !== "offboarding" || outputs.backupWaiver === undefined) {
          throw new ProviderError(
            `Redis user "${username}" is not deleted: record \`state: offboarding\` and a \`backupWaiver\` with reason and name by an update of their own first.`,
          );
        }
        await onAll(nodes, async (node) => {
          await node.run("ACL DELUSER", [["ACL", "DELUSER", username]], context.signal);
          await killSessions(node, username, context.signal);
        });
        await deleteKeys(primary, keyPrefix, context.status, context.signal);
        await saver.save();
        // Last: until here a run that was cut off knows by it that all of this is its own.
        await primary.run("DEL of the mark", [["DEL", markKey(username)]], context.signal);
      }),

    close() {
      for (const { nodes } of stores.values()) for (const node of nodes) node.close();
      stores.clear();
      return Promise.resolve();
    },
  };
}

async function killSessions(node: RedisNode, username: string, signal: AbortSignal): Promise<void> {
  const [reply] = await node.tryRun("CLIENT KILL USER", [["CLIENT", "KILL", "USER", username]], signal);
  // A user that is gone has no sessions left: DELUSER closes them.
  if (reply?.error !== undefined && !/No such user/i.test(reply.error.message)) {
    throw new ProviderError(`Redis node ${node.address}: CLIENT KILL USER failed: ${reply.error.message}`);
  }
}

async function forTenant<T>({ tenant, server }: AclUserInputs, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof ProviderError) || error.message.startsWith(`tenant ${tenant}:`)) throw error;
    throw new ProviderError(`tenant ${tenant}: Redis server "${server}": ${error.message}`, { cause: error });
  }
}

function unknownServer(server: string, platform: Platform): string {
  const known = Object.keys(platform.redis).join(", ");
  return `Redis server ${JSON.stringify(server)} is not in the platform's configuration; known are: ${known === "" ? "none" : known}.`;
}

function checkInputs(news: AclUserInputs, platform: Platform): readonly CheckFailure[] {
  const failures: CheckFailure[] = [];
  const fail = (property: string, reason: string) =>
    failures.push({ property, reason: `tenant ${news.tenant}: ${reason}` });
  if (!isUnknown(news.server) && platform.redis[news.server] === undefined) {
    fail("server", unknownServer(news.server, platform));
  }
  if (!isUnknown(news.username) && !isUsername(news.username)) {
    fail(
      "username",
      `${JSON.stringify(news.username)} is no legal user; allowed is <prefix>:<id>, where the prefix has lower-case letters, digits and single "_", and the id also "-".`,
    );
  }
  if (!isUnknown(news.keyPrefix) && !isUnknown(news.username) && news.keyPrefix !== `${news.username}:`) {
    fail("keyPrefix", `${JSON.stringify(news.keyPrefix)} must be the username and a colon.`);
  }
  if (!isUnknown(news.password) && (typeof news.password !== "string" || news.password.length < 16)) {
    fail("password", "it must have at least 16 characters; the received one is not shown.");
  }
  return failures;
}
