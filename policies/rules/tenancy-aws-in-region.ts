import { shown, stackRule, undecided } from "../rule.ts";
import {
  accessPoint,
  bucket,
  cacheUser,
  kmsKey,
  memorydbCluster,
  memorydbUser,
  rdsCluster,
  rdsInstance,
  replicationGroup,
  secret,
  serverlessCache,
} from "../support/aws-types.ts";
import { awsRegion } from "../support/platform.ts";
import { rosterType, Tenants } from "../support/tenants.ts";
import { subjectOf } from "../support/verdict.ts";
import { Unknown } from "../values.ts";

export default stackRule<{ aliases: Readonly<Record<string, string>> }>({
  name: "tenancy-aws-in-region",
  subject: "residency",
  description: "A tenant's databases, keys, secrets and buckets in AWS are made in the tenant's region.",
  reason: "The region is a promise to the tenant, and often to its authorities.",
  source: {
    title: "GDPR, chapter V: transfers of personal data to third countries",
    url: "https://eur-lex.europa.eu/eli/reg/2016/679/oj",
  },
  remediation: "Give the resource the provider or the `region` of the tenant's region",
  severity: "critical",
  enforcement: "mandatory",
  types: [
    rosterType,
    accessPoint,
    ...bucket,
    cacheUser,
    kmsKey,
    memorydbCluster,
    memorydbUser,
    rdsCluster,
    rdsInstance,
    replicationGroup,
    secret,
    serverlessCache,
  ],
  settings: {
    aliases: {
      description: "Regions of AWS by name, with the registry's name for each.",
      schema: { type: "object", additionalProperties: { type: "string" } },
      fallback: {},
    },
  },
  *check(resources, context) {
    const { settings } = context;
    const tenants = new Tenants(resources, context);
    for (const resource of resources) {
      if (!resource.type.startsWith("aws:")) continue;
      const wanted = tenants.factsOf(resource)?.region;
      if (wanted === undefined) continue;
      const found = awsRegion(resource);
      if (found instanceof Unknown) yield undecided(`${subjectOf(resource)}: region`, resource.urn);
      else if (found !== undefined && (settings.aliases[found] ?? found) !== wanted) {
        yield {
          urn: resource.urn,
          message: `${subjectOf(resource)} lies in ${shown(found)} and not in ${shown(wanted)}`,
        };
      }
    }
  },
});
