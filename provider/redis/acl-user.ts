/** `tenancy:redis:AclUser`: a tenant's user on every node of a Redis or Valkey server, limited to its key prefix. */
import type { Platform } from "../config.ts";
import { type Finding, repairable, tellAll } from "../finding.ts";
import { type CallContext, type Handler, ProviderError } from "../handler.ts";
import type { AclUserInputs, AclUserOutputs } from "../inputs.ts";
import { assertAdoptable, isInstance, type Mark, newMark, parseMark } from "../mark.ts";
import { checkInputs, unknownServer } from "./acl-user-check.ts";
import { closedRule, isUsername, keyPrefixOf, openRule } from "./acl-rule.ts";
import type { Command, ConnectOptions, connectNode, RedisNode } from "./client.ts";
import { DriftFinder } from "./drift.ts";
import { deleteKeys, KeyIndex } from "./keys.ts";
import { AclSaver, onAll } from "./save.ts";
import { RedisTopology } from "./topology.ts";

export interface AclUserDependencies {
  readonly platform: Platform;
  readonly connect?: typeof connectNode;
  readonly connection?: ConnectOptions;
}

interface Store {
  readonly topology: RedisTopology;
  readonly saver: AclSaver;
  readonly index: KeyIndex;
}

/** Outside of every tenant's prefix; eviction or FLUSHALL of the server takes it, and the next update restores it. */
const markKey = (username: string) => `tenancy:mark:${username}`;

export function aclUserHandler({
  platform,
  connect,
  connection,
}: AclUserDependencies): Handler<AclUserInputs, AclUserOutputs> {
  const stores = new Map<string, Store>();
  const driftFinder = new DriftFinder();

  function store({ server, tenant }: AclUserInputs): Store {
    const known = stores.get(server);
    if (known !== undefined) return known;
    const config = platform.redis[server];
    if (config === undefined) throw new ProviderError(`tenant ${tenant}: ${unknownServer(server, platform)}`);
    const topology = new RedisTopology(server, config, connect, connection);
    const made = {
      topology,
      saver: new AclSaver(async () => (await topology.layout()).nodes),
      index: new KeyIndex(async () => (await topology.layout()).primaries),
    };
    stores.set(server, made);
    return made;
  }

  /** Whether another service keeps the users. */
  function isExternal({ server }: AclUserInputs): boolean {
    return platform.redis[server]?.users === "external";
  }

  /** Sets the user on every node as its state asks; ends the sessions of one that is closed or has a new password. */
  async function apply(context: CallContext, inputs: AclUserInputs, endSessions: boolean): Promise<void> {
    if (isExternal(inputs)) return;
    const { topology, saver } = store(inputs);
    const active = inputs.state === "active";
    const isCluster = platform.redis[inputs.server]?.topology === "cluster";
    const setOn = async (node: RedisNode): Promise<void> => {
      const info = await node.info(context.signal);
      if (info.cluster !== isCluster) {
        throw new ProviderError(
          info.cluster
            ? `Redis node ${node.address} runs in cluster mode, where a tenant's keys need a hash tag. Set \`topology: cluster\` of this server, or use one without cluster mode.`
            : `Redis node ${node.address} does not run in cluster mode. Correct \`topology\` of this server.`,
        );
      }
      const rule = active ? openRule(inputs, inputs.password, info) : closedRule(inputs, info);
      await node.run("ACL SETUSER", [["ACL", "SETUSER", inputs.username, ...rule]], context.signal);
      if (!active || endSessions) await killSessions(node, inputs.username, context.signal);
    };
    await topology.onEvery((nodes) => onAll(nodes, setOn), context.signal);
    await saver.save();
  }

  async function describeLive(context: CallContext, inputs: AclUserInputs) {
    const { topology } = store(inputs);
    const key = markKey(inputs.username);
    const { nodes } = isExternal(inputs) ? { nodes: [] } : await topology.layout(false, context.signal);
    const command: Command = ["ACL", "GETUSER", inputs.username];
    const [users, [markText]] = await Promise.all([
      onAll(nodes, async (node) => {
        const [user] = await node.run("ACL GETUSER", [command], context.signal);
        return { node, user };
      }),
      topology.onOwner(key, "GET of the mark", [["GET", key]], context.signal),
    ]);
    return {
      users,
      mark: parseMark(typeof markText === "string" ? markText : undefined),
      exists: users.some(({ user }) => user !== null),
    };
  }

  function writeMark(context: CallContext, inputs: AclUserInputs, mark: Mark): Promise<unknown> {
    const key = markKey(inputs.username);
    const { topology } = store(inputs);
    return topology.onOwner(key, "SET of the mark", [["SET", key, JSON.stringify(mark)]], context.signal);
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
        const { topology, saver } = store(outputs);
        const { username, keyPrefix, tenant, server } = outputs;
        const isCluster = platform.redis[server]?.topology === "cluster";
        if (!isUsername(username) || keyPrefix !== keyPrefixOf(username, isCluster)) {
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
        const removeFrom = async (node: RedisNode): Promise<void> => {
          await node.run("ACL DELUSER", [["ACL", "DELUSER", username]], context.signal);
          await killSessions(node, username, context.signal);
        };
        if (!isExternal(outputs)) await topology.onEvery((nodes) => onAll(nodes, removeFrom), context.signal);
        // In a cluster all of them lie on the owner of one slot; the others are asked, too, so that it is proven.
        for (const primary of (await topology.layout(true, context.signal)).primaries) {
          await deleteKeys(primary, keyPrefix, context.status, context.signal);
        }
        if (!isExternal(outputs)) await saver.save();
        // Last: until here a run that was cut off knows by it that all of this is its own.
        const key = markKey(username);
        await topology.onOwner(key, "DEL of the mark", [["DEL", key]], context.signal);
      }),

    close() {
      for (const { topology } of stores.values()) topology.close();
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
