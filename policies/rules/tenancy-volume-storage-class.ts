import { resourceRule, shown, undecided } from "../rule.ts";
import { cnpgCluster, statefulSet, volumeClaim } from "../support/kubernetes-types.ts";
import { names } from "../support/settings.ts";
import { subjectOf } from "../support/verdict.ts";
import { at, isProperties, list, type Properties, unknown, type Value } from "../values.ts";

export default resourceRule<{ encryptedClasses: readonly string[] }>({
  name: "tenancy-volume-storage-class",
  subject: "encryption",
  description: "Volumes of tenants are of a storage class that the security team knows to encrypt.",
  reason: "Nothing in a volume's claim tells whether its disk is encrypted; the class decides it.",
  source: {
    title: "Kubernetes, Storage Classes",
    url: "https://kubernetes.io/docs/concepts/storage/storage-classes/",
  },
  remediation: "Name one of the classes of the setting encryptedClasses; without a list the rule says nothing",
  severity: "high",
  enforcement: "mandatory",
  types: [cnpgCluster, volumeClaim, statefulSet],
  settings: { encryptedClasses: names("Names of storage classes whose volumes are encrypted.") },
  *check(resource, { settings }) {
    if (settings.encryptedClasses.length === 0) return;
    for (const found of classesOf(resource.props, resource.type)) {
      if (found === unknown) yield undecided(`${subjectOf(resource)}: its storage class`);
      else if (typeof found !== "string" || !settings.encryptedClasses.includes(found)) {
        yield { message: `${subjectOf(resource)}: its storage class is ${shown(found)}` };
      }
    }
  },
});

function classesOf(props: Properties, type: string): (Value | undefined)[] {
  if (type === volumeClaim) return [at(props, "spec", "storageClassName")];
  if (type === statefulSet) {
    return list(at(props, "spec", "volumeClaimTemplates")).map((claim) => at(claim, "spec", "storageClassName"));
  }
  const parts = [at(props, "spec", "storage"), at(props, "spec", "walStorage")].filter((part) => isProperties(part));
  return parts.map((part) => at(part, "storageClass"));
}
