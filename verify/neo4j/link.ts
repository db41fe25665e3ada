/**
 * Drivers that sessions share: one for each login, until the last session of it is closed. A login that is known to
 * work needs no further one, which others' wrong passwords may have locked for some seconds.
 */
import type { Driver, Session, SessionConfig } from "neo4j-driver";
import { openDriver } from "../../provider/neo4j/client.ts";

export interface Login {
  readonly uri: string;
  /** Left out: nobody is logged in. */
  readonly user?: string;
  readonly password: string;
  readonly ca: string | undefined;
}

export type SessionOptions = Pick<SessionConfig, "database" | "defaultAccessMode" | "impersonatedUser">;

export interface Lease {
  session(config: SessionOptions): Session;
  release(): Promise<void>;
}

interface Link {
  readonly driver: Driver;
  readonly remove: () => void;
  users: number;
}

export class Links {
  readonly #links = new Map<string, Link>();

  lease(login: Login): Lease {
    const key = JSON.stringify([login.uri, login.user, login.password]);
    const link = this.#links.get(key) ?? { ...openDriver(login), users: 0 };
    link.users += 1;
    this.#links.set(key, link);
    let held = true;
    return {
      session: (config) => link.driver.session(config),
      release: async () => {
        if (!held) return;
        held = false;
        link.users -= 1;
        if (link.users > 0) return;
        this.#links.delete(key);
        await link.driver.close();
        link.remove();
      },
    };
  }
}
