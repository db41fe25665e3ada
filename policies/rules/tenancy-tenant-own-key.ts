import { shown, stackRule } from "../rule.ts";
import { kmsKey, rdsCluster, rdsInstance } from "../support/aws-types.ts";
import { names } from "../support/settings.ts";
import { nativeTypes, rosterType, Tenants } from "../support/tenants.ts";

export default stackRule<{ tiers: readonly string[] }>({
  name: "tenancy-tenant-own-key",
  subject: "encryption",
  description: "A tenant whose record asks for a key of its own has one, and shares it with nobody.",
  reason: "Only with a key of its own can a tenant's data be made unreadable without touching another's.",
  source: {
    title: "AWS KMS Developer Guide, key policies; NIST SP 800-57, key separation",
    url: "https://docs.aws.amazon.com/kms/latest/developerguide/key-policies.html",
  },
  remediation: "Write encryptionKey: own into the tenant's record, which makes an aws.kms.Key of the tenant",
  severity: "high",
  enforcement: "mandatory",
  types: [rosterType, kmsKey, rdsInstance, rdsCluster, ...nativeTypes],
  settings: { tiers: names("Tiers whose tenants must have a key, whatever their records say.") },
  *check(resources, context) {
    const { settings } = context;
    const tenants = new Tenants(resources, context);
    const keyed = new Set(resources.filter(({ type }) => type === kmsKey).map((key) => tenants.of(key)));
    const users = new Map<string, string>();
    const told = new Set<string>();
    for (const resource of resources) {
      const id = tenants.of(resource);
      if (id === undefined) continue;
      const asks = resource.props.encryptionKey === "own" || settings.tiers.includes(tenants.get(id)?.tier ?? "");
      if (asks && !keyed.has(id) && !told.has(id)) {
        told.add(id);
        yield { urn: resource.urn, message: `tenant ${id}: must have a key of its own, and the stack has none for it` };
      }
      const key = resource.props.kmsKeyId;
      if (typeof key !== "string" || !keyed.has(id)) continue;
      const other = users.get(key);
      if (other === undefined) users.set(key, id);
      else if (other !== id)
        yield { urn: resource.urn, message: `tenant ${id}: its key ${shown(key)} is tenant ${other}'s, too` };
    }
  },
});
