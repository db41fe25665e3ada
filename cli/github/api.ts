/** The few calls of GitHub's API that the workflows need. No package: what runs with a token that writes is small. */
import { shape } from "./shape.ts";

export interface Api {
  get(path: string): Promise<unknown>;
  /** All pages of a list, at most `limit` entries. */
  list(path: string, limit: number): Promise<unknown[]>;
  send(method: "POST" | "PATCH", path: string, body: object): Promise<unknown>;
}

export interface ApiOptions {
  /** As in `https://api.github.com`. */
  readonly url: string;
  /** As in `octo-org/tenancy`. */
  readonly repository: string;
  readonly token: string;
}

/** @throws Error that says what is missing; the token is never in it. */
export function apiFromEnvironment(env: NodeJS.ProcessEnv = process.env): Api {
  const { GITHUB_API_URL: url = "https://api.github.com", GITHUB_REPOSITORY: repository, GITHUB_TOKEN: token } = env;
  if (repository === undefined || !/^[\w.-]+\/[\w.-]+$/.test(repository)) {
    throw new Error("GITHUB_REPOSITORY is missing: it names the repository, as in octo-org/tenancy");
  }
  if (token === undefined || token === "") throw new Error("GITHUB_TOKEN is missing");
  return createApi({ url, repository, token });
}

export function createApi({ url, repository, token }: ApiOptions): Api {
  const call = async (method: string, path: string, body?: object): Promise<unknown> => {
    const response = await fetch(`${url}/repos/${repository}${path}`, {
      method,
      headers: {
        accept: "application/vnd.github+json",
        authorization: `Bearer ${token}`,
        "x-github-api-version": "2022-11-28",
        "user-agent": "tenancy",
      },
      redirect: "error",
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    if (!response.ok) {
      const said = shape.message(await response.text());
      throw new Error(`GitHub answered ${response.status} to ${method} ${path.split("?")[0] ?? ""}: ${said}`);
    }
    return response.json();
  };
  return {
    get: (path) => call("GET", path),
    async list(path, limit) {
      const entries: unknown[] = [];
      for (let page = 1; entries.length < limit; page += 1) {
        const separator = path.includes("?") ? "&" : "?";
        const found = await call("GET", `${path}${separator}per_page=100&page=${page}`);
        if (!Array.isArray(found)) throw new Error(`GitHub's answer to ${path} is no list`);
        entries.push(...(found as unknown[]));
        if (found.length < 100) break;
      }
      return entries.slice(0, limit);
    },
    send: (method, path, body) => call(method, path, body),
  };
}
