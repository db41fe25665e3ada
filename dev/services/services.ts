/** Which servers a folder of services has. */
import { postgres } from "./postgres.ts";
import { seaweedfs } from "./seaweedfs.ts";
import type { Service } from "./service.ts";
import type { State } from "./state.ts";
import { valkey } from "./valkey.ts";

export function serviceList(state: Pick<State, "services">): readonly Service[] {
  return [postgres, valkey(1), valkey(2), seaweedfs].filter((service) => state.services.includes(service.name));
}

/** Removes what ended servers left outside of their folder. */
export async function cleanUp(state: State): Promise<void> {
  for (const service of serviceList(state)) await service.clean?.({ state });
}
