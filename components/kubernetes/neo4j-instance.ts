import * as pulumi from "@pulumi/pulumi";
import { passwordOutput } from "../secrets.ts";
import type { TenantLoginArgs } from "../tenant-args.ts";
import { certificateAuthority } from "./ca.ts";
import { apply, type ApplyOptions, type ClusterOptions } from "./apply.ts";
import {
  graphCertificate,
  graphClaim,
  graphHost,
  graphNames,
  graphRotationJob,
  graphServices,
  graphStatefulSet,
  graphTlsSecret,
  graphUser,
  type GraphSettings,
} from "./neo4j.ts";
import { graphPolicies, ports } from "./network-policies.ts";
import { bytes } from "./quantities.ts";
import { opaqueSecret } from "./secret.ts";
import { KubernetesError, type KubernetesPlatform } from "./settings.ts";
import type { TenantNamespace } from "./tenant-namespace.ts";
import { validateQuantities } from "./validate.ts";

export interface Neo4jInstanceArgs extends TenantLoginArgs {
  /** The Kubernetes cluster. **Replaces.** */
  readonly platform: KubernetesPlatform;
  /** The tenant's namespace on it. */
  readonly namespace: TenantNamespace;
  readonly graph: GraphSettings;
}

/**
 * A Neo4j Community instance of the tenant's own, in its namespace, over Bolt with TLS. See docs/kubernetes.md.
 *
 * @example
 * new Neo4jInstance("acme", { tenant: "acme", prefix: "tenant", namespace, graph, … }, { provider });
 */
export class Neo4jInstance extends pulumi.ComponentResource {
  /** `bolt+s://…`, which verifies the server's certificate. */
  readonly uri: pulumi.Output<string>;
  readonly database: pulumi.Output<string>;
  readonly username: pulumi.Output<string>;
  /** Secret. */
  readonly password: pulumi.Output<string>;
  /** PEM text of the authority that signed the server's certificate. */
  readonly ca: pulumi.Output<string>;

  constructor(name: string, args: Neo4jInstanceArgs, options: ClusterOptions) {
    const { platform, graph } = args;
    const { place } = args.namespace;
    const image = validateGraph(args.tenant, graph, platform);
    const running = args.state === "active";
    const tlsSecret = graphTlsSecret(place, platform);
    super("tenancy:index:Neo4jInstance", name, {}, options);

    const rotation = args.rotation ?? 0;
    const passwordAt = (counter: number): pulumi.Output<string> =>
      passwordOutput(args.secret, args.tenant, "neo4j", counter);
    this.password = passwordAt(rotation);
    const earlier = Array.from({ length: rotation }, (_, index) => passwordAt(rotation - 1 - index));

    const inNamespace: ApplyOptions = { parent: this, dependsOn: [args.namespace, ...(args.dependsOn ?? [])] };
    const auth = apply(
      `${name}-graph-auth`,
      opaqueSecret(place, graphNames(place).auth, {
        initial: pulumi.secret(pulumi.interpolate`${graphUser}/${this.password}`),
        password: this.password,
        previous: pulumi.secret(pulumi.all(earlier).apply((passwords) => passwords.join(" "))),
      }),
      inNamespace,
    );
    const before = [
      ...graphPolicies(place, platform, running).map((policy) =>
        apply(`${name}-policy-${policy.metadata.name}`, policy, inNamespace),
      ),
      ...[graphCertificate(place, platform)]
        .filter((certificate) => certificate !== undefined)
        .map((certificate) => apply(`${name}-graph-certificate`, certificate, inNamespace)),
    ];
    const claim = apply(`${name}-graph-claim`, unwaited(graphClaim(place, graph)), {
      ...inNamespace,
      protect: args.state !== "offboarding",
    });
    const services = graphServices(place);
    // It waits for pods, which wait for the instance.
    apply(`${name}-graph-headless`, unwaited(services.headless), inNamespace);
    const instance = apply(`${name}-graph`, graphStatefulSet(place, graph, platform, image, running), {
      parent: this,
      dependsOn: [args.namespace, auth, claim, ...before],
    });
    apply(`${name}-graph-service`, unwaited(services.client), { parent: this, dependsOn: [instance] });
    if (running && rotation > 0) {
      const job = graphRotationJob(place, platform, image, rotation);
      apply(`${name}-graph-password`, job, { parent: this, dependsOn: [instance] });
    }

    this.uri = pulumi.output(`bolt+s://${graphHost(place)}:${ports.bolt}`);
    this.database = pulumi.output("neo4j");
    this.username = pulumi.output(graphUser);
    this.ca = certificateAuthority(`${name}-graph-ca`, place, tlsSecret, platform, instance);
    this.registerOutputs({
      uri: this.uri,
      database: this.database,
      username: this.username,
      password: this.password,
      ca: this.ca,
    });
  }
}

/** A claim is bound, and a service has pods, only once something runs: not for as long as a tenant is suspended. */
function unwaited<M extends { readonly metadata: { readonly annotations?: Readonly<Record<string, string>> } }>(
  manifest: M,
): M {
  const annotations = { ...manifest.metadata.annotations, "pulumi.com/skipAwait": "true" };
  return { ...manifest, metadata: { ...manifest.metadata, annotations } };
}

/** @throws KubernetesError */
function validateGraph(tenant: string, graph: GraphSettings, { neo4jImage }: KubernetesPlatform): string {
  validateQuantities(tenant, {
    "neo4j.memory": [graph.memory, bytes],
    "neo4j.storageSize": [graph.storageSize, bytes],
  });
  // Below, Java's own share leaves nothing for heap and pages.
  if (bytes(graph.memory) < bytes("1Gi")) {
    throw new KubernetesError(tenant, `neo4j.memory is ${graph.memory}; an instance needs at least 1Gi.`);
  }
  if (neo4jImage === undefined) {
    throw new KubernetesError(
      tenant,
      "its graph needs an image of Neo4j Community: name one as neo4jImage of the Kubernetes cluster.",
    );
  }
  return neo4jImage;
}
