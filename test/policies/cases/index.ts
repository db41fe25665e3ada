/** The cases of every rule. */
import { plainProperties } from "../../../policies/values.ts";
import type { Resource } from "../../../policies/rule.ts";
import { capacity } from "./capacity.ts";
import type { Cases, Given } from "./case.ts";
import { encryptionCases } from "./encryption.ts";
import { isolation } from "./isolation.ts";
import { lifecycle } from "./lifecycle.ts";
import { names } from "./names.ts";
import { residency } from "./residency.ts";
import { tls } from "./tls.ts";

export const cases: Cases = {
  ...tls,
  ...encryptionCases,
  ...names,
  ...isolation,
  ...lifecycle,
  ...capacity,
  ...residency,
};

/** As the runner and the pack hand a resource to a rule. */
export function resourceOf({ props, provider, ...rest }: Given): Resource {
  return {
    ...rest,
    props: plainProperties(props),
    ...(provider === undefined ? {} : { provider: { type: provider.type, props: plainProperties(provider.props) } }),
  };
}
