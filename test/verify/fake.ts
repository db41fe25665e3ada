/** A store probe whose answers a test writes down, and parties that lie on no server. */
import { storageNames, postgresNames, redisNames } from "../../components/naming.ts";
import type { StoreName } from "../../provider/inputs.ts";
import type { Attempt, Form, Outcome, ProbeSession, Residue, StoreProbe } from "../../verify/attempt.ts";
import type { Party } from "../../verify/party.ts";

export const denied: Outcome = { kind: "denied", code: "42501" };
export const allowed: Outcome = { kind: "allowed", evidence: "1 row" };

export function attempt(name: string, over: Partial<Attempt> = {}): Attempt {
  const store = over.store ?? "postgres";
  return {
    id: `${store}/${name}`,
    store,
    aim: "read",
    tries: `do ${name}`,
    how: "SELECT 1 FROM victim.things",
    expected: ["42501"],
    why: "rows of another tenant were read",
    source: "https://www.postgresql.org/docs/current/ddl-priv.html",
    harm: "none",
    control: "victim",
    ...over,
  };
}

export type Answer = (attacker: Party, victim: Party, form: Form) => Outcome;

export interface FakeOptions {
  readonly store?: StoreName;
  readonly attempts?: readonly Attempt[];
  /** What attacks get; controls work where nothing else is said. */
  readonly answers?: Readonly<Record<string, Answer>>;
  readonly controls?: Readonly<Record<string, Outcome>>;
  readonly residue?: readonly Residue[];
  readonly visible?: (attacker: Party, victim: Party) => readonly string[];
  readonly furnish?: (canary: Party) => void;
  /** Throws where a login shall not get in. */
  readonly open?: (attacker: Party) => void;
}

/** What the probe was asked to do, in order. */
export interface Fake extends StoreProbe {
  readonly made: readonly { id: string; attacker: string; victim: string; form: Form }[];
  /** Most sessions that were open at once. */
  readonly mostOpen: () => number;
  readonly open: (attacker: Party) => Promise<ProbeSession>;
  readonly openNow: () => number;
}

export function fakeProbe(options: FakeOptions = {}): Fake {
  const store = options.store ?? "postgres";
  const made: { id: string; attacker: string; victim: string; form: Form }[] = [];
  let open = 0;
  let most = 0;
  const session = (attacker: Party | undefined): ProbeSession => {
    open += 1;
    most = Math.max(most, open);
    return {
      async attempt(one, victim, form) {
        // As a server: the answer comes later, and others run in between.
        await new Promise((resolve) => setImmediate(resolve));
        if (attacker === undefined || attacker.id === victim.id) return options.controls?.[one.id] ?? allowed;
        made.push({ id: one.id, attacker: attacker.id, victim: victim.id, form });
        return options.answers?.[one.id]?.(attacker, victim, form) ?? denied;
      },
      close() {
        open -= 1;
        return Promise.resolve();
      },
    };
  };
  return {
    store,
    attempts: options.attempts ?? [attempt("read-table", { store })],
    residue: options.residue ?? [],
    applies: () => true,
    furnish: (canary) => {
      options.furnish?.(canary);
      return Promise.resolve();
    },
    open: (attacker) => {
      try {
        options.open?.(attacker);
      } catch (error) {
        return Promise.reject(error instanceof Error ? error : new Error(String(error)));
      }
      return Promise.resolve(session(attacker));
    },
    openAdministrator: () => Promise.resolve(session(undefined)),
    visible: (attacker, victim) => Promise.resolve(options.visible?.(attacker, victim) ?? []),
    made,
    mostOpen: () => most,
    openNow: () => open,
  };
}

export interface PartyOptions {
  readonly canary?: boolean;
  readonly embedded?: boolean;
  readonly server?: string;
  readonly stores?: readonly StoreName[];
}

export function party(id: string, options: PartyOptions = {}): Party {
  const {
    canary = false,
    embedded = false,
    server: name = "main",
    stores = ["postgres", "redis", "storage"],
  } = options;
  const prefix = canary ? "canary" : "tenant";
  const login = { user: "provisioner", password: "provisioner-secret" };
  const address = { host: "db.example.com", port: 5432 };
  return {
    id,
    canary,
    ...(stores.includes("postgres") && {
      postgres: {
        name,
        embedded,
        server: { ...address, database: "tenants", provisioner: login },
        names: postgresNames(prefix, id),
        password: `app-secret-of-${id}`,
        readOnlyPassword: `ro-secret-of-${id}`,
      },
    }),
    ...(stores.includes("redis") && {
      redis: {
        name,
        embedded,
        server: {
          nodes: [{ host: "redis.example.com", port: 6379 }],
          username: "admin",
          password: "redis-admin-secret",
        },
        names: redisNames(prefix, id),
        password: `redis-secret-of-${id}`,
      },
    }),
    ...(stores.includes("storage") && {
      storage: {
        name,
        embedded,
        server: { kind: "filesystem", root: "/srv/files" },
        names: storageNames(prefix, id),
        accessKeyId: "",
        secretAccessKey: "",
      },
    }),
  };
}

export const canaryId = "hsx12-0a1b2c3d";
export const canary = (options: PartyOptions = {}): Party => party(canaryId, { ...options, canary: true });
