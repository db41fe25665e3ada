import type { Clouds, CloudsArgs } from "./clouds.ts";

/** Loads the code of the clouds where the platform has a server of theirs: it takes half a second, and memory. */
export async function loadClouds(args: CloudsArgs): Promise<Clouds | undefined> {
  const { clouds, delivery } = args.platform;
  const none = Object.values(clouds).every((servers) => Object.keys(servers).length === 0);
  if (none && delivery?.kind !== "kubernetes") return undefined;
  const code = await import("./clouds.ts");
  return new code.Clouds(args);
}
