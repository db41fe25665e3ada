/** The pack that `pulumi preview --policy-pack policies` starts. */
import { PolicyPack } from "@pulumi/policy";
import { rules } from "./catalogue.ts";
import { policyOf } from "./pack.ts";

new PolicyPack("tenancy", {
  description: "Isolation, encryption, lifecycle, capacity and residency of a platform's tenants.",
  policies: rules.map(policyOf),
});
