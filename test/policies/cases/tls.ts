import { canary, type Cases, given, policy, provider, unknownText } from "./case.ts";

const everybody = { Principal: "*", Action: "s3:*", Resource: "*", Effect: "Deny" };
const noPlain = { ...everybody, Condition: { Bool: { "aws:SecureTransport": "false" } } };
const noOld = { ...everybody, Condition: { NumericLessThan: { "s3:TlsVersion": "1.2" } } };
const bucketPolicy = (text: unknown) => [
  given("aws:s3/bucketPolicy:BucketPolicy", "objects", { bucket: "objects", policy: text }),
];
const kubeconfig = (server: string, more: string) => [
  given("pulumi:providers:kubernetes", "cluster", {
    kubeconfig: `clusters:\n- cluster:\n    server: ${server}\n${more}users:\n- user: {token: ${canary}}\n`,
  }),
];
const group = (props: object) => [
  given("aws:elasticache/replicationGroup:ReplicationGroup", "cache", { authToken: canary, ...props }),
];
const parameters = (family: unknown, list: unknown) => [
  given("aws:rds/parameterGroup:ParameterGroup", "pg", { family, parameters: list }),
];
const cluster = (hba: unknown) => [
  given(
    "kubernetes:postgresql.cnpg.io/v1:Cluster",
    "acme-db",
    { spec: { postgresql: { pg_hba: hba } } },
    { tenant: "acme" },
  ),
];
const store = (endpointURL: unknown) => [
  given(
    "kubernetes:barmancloud.cnpg.io/v1:ObjectStore",
    "acme-store",
    { spec: { configuration: { endpointURL } } },
    { tenant: "acme" },
  ),
];

export const tls: Cases = {
  "tenancy-platform-endpoints-use-tls": {
    pass: {
      resources: [
        provider({
          postgres: { main: { host: "db", sslmode: "verify-full", provisioner: { user: "p", password: canary } } },
          storage: { main: { kind: "s3", endpoint: "https://s3.example", secretAccessKey: canary } },
          neo4j: { main: { kind: "server", uri: `neo4j+s://neo4j:${canary}@graph.example`, password: canary } },
        }),
      ],
      says: [],
    },
    fail: {
      resources: [
        provider({
          postgres: {
            main: { sslmode: "require", replica: `postgresql://p:${canary}@db/x?sslmode=prefer`, password: canary },
          },
          redis: { main: { nodes: [{ url: `redis://admin:${canary}@cache` }], tls: false } },
          storage: { main: { endpoint: `http://${canary}@s3.example`, insecureSkipVerify: true } },
          neo4j: { main: { uri: `bolt+ssc://neo4j:${canary}@graph.example` } },
        }),
      ],
      says: [
        "postgres server main: sslmode is not verify-full",
        "postgres server main: replica does not say sslmode=verify-full",
        "redis server main, nodes: url has the scheme redis",
        "redis server main: tls is false",
        "storage server main: endpoint has the scheme http",
        "storage server main: insecureSkipVerify is true",
        "neo4j server main: uri has the scheme bolt+ssc",
      ],
    },
    unknown: {
      resources: [given("pulumi:providers:tenancy", "platform", { config: unknownText })],
      says: ["undecided: the platform's configuration is not known before the update, which checks it again"],
    },
  },
  "tenancy-postgresql-provider-verifies-server": {
    pass: {
      resources: [given("pulumi:providers:postgresql", "pg", { sslmode: "verify-full", password: canary })],
      says: [],
    },
    fail: {
      resources: [given("pulumi:providers:postgresql", "pg", { sslmode: "require", password: canary })],
      says: ['postgresql pg does not verify the server: sslmode is "require"'],
    },
    unknown: {
      resources: [given("pulumi:providers:postgresql", "pg", { sslmode: unknownText })],
      says: ["undecided: postgresql pg: sslmode is not known before the update, which checks it again"],
    },
  },
  "tenancy-aws-provider-uses-tls": {
    pass: {
      resources: [given("pulumi:providers:aws", "aws", { region: "eu-central-1", secretKey: canary })],
      says: [],
    },
    fail: {
      resources: [
        given("pulumi:providers:aws", "aws", {
          insecure: "true",
          endpoints: JSON.stringify([{ s3: `http://${canary}@127.0.0.1:4566`, sts: "https://sts.example" }]),
        }),
      ],
      says: ["aws aws: insecure is true", "aws aws: the endpoint of s3 has the scheme http"],
    },
    unknown: {
      resources: [given("pulumi:providers:aws", "aws", { endpoints: unknownText, insecure: true })],
      says: [
        "aws aws: insecure is true",
        "undecided: aws aws: endpoints is not known before the update, which checks it again",
      ],
    },
  },
  "tenancy-kubernetes-provider-verifies-server": {
    pass: { resources: kubeconfig("https://k8s.example", "    certificate-authority-data: YQ==\n"), says: [] },
    fail: {
      resources: kubeconfig("http://k8s.example", "    insecure-skip-tls-verify: true\n"),
      says: [
        "kubernetes cluster does not verify the server: insecure-skip-tls-verify is true",
        "kubernetes cluster does not use TLS: its server has the scheme http",
      ],
    },
    unknown: {
      resources: [given("pulumi:providers:kubernetes", "cluster", { kubeconfig: unknownText })],
      says: ["undecided: kubernetes cluster: kubeconfig is not known before the update, which checks it again"],
    },
  },
  "tenancy-rds-forces-tls": {
    pass: { resources: parameters("postgres14", [{ name: "rds.force_ssl", value: "1" }]), says: [] },
    fail: {
      resources: [
        ...parameters("postgres17", [{ name: "rds.force_ssl", value: "0" }]),
        given("aws:rds/clusterParameterGroup:ClusterParameterGroup", "aurora", { family: "aurora-postgresql14" }),
      ],
      says: [
        "ClusterParameterGroup aurora lets clients in without TLS: rds.force_ssl is left out, and 0 before PostgreSQL 15",
        "ParameterGroup pg lets clients in without TLS: rds.force_ssl is not 1",
      ],
    },
    unknown: { resources: parameters("postgres17", [{ name: "work_mem", value: unknownText }]), says: [] },
  },
  "tenancy-elasticache-transit-encryption": {
    pass: { resources: group({ transitEncryptionEnabled: true, transitEncryptionMode: "required" }), says: [] },
    fail: {
      resources: group({ transitEncryptionMode: "preferred" }),
      says: [
        "ReplicationGroup cache does not encrypt connections: transitEncryptionEnabled is not set",
        'ReplicationGroup cache also takes plain connections: transitEncryptionMode is "preferred"',
      ],
    },
    unknown: {
      resources: group({ transitEncryptionEnabled: unknownText }),
      says: [
        "undecided: ReplicationGroup cache: transitEncryptionEnabled is not known before the update, which checks it again",
      ],
    },
  },
  "tenancy-memorydb-tls": {
    pass: { resources: [given("aws:memorydb/cluster:Cluster", "mem", { aclName: "tenants" })], says: [] },
    fail: {
      resources: [given("aws:memorydb/cluster:Cluster", "mem", { tlsEnabled: false, aclName: "open-access" })],
      says: [
        "Cluster mem does not encrypt connections: tlsEnabled is false",
        'Cluster mem has no access control: aclName is "open-access"',
      ],
    },
    unknown: {
      resources: [given("aws:memorydb/cluster:Cluster", "mem", { tlsEnabled: false, aclName: unknownText })],
      says: [
        "Cluster mem does not encrypt connections: tlsEnabled is false",
        "undecided: Cluster mem: aclName is not known before the update, which checks it again",
      ],
    },
  },
  "tenancy-bucket-policy-tls-only": {
    pass: { resources: bucketPolicy(policy(noPlain, noOld)), says: [] },
    fail: {
      resources: bucketPolicy(policy({ ...noPlain, Principal: { AWS: "arn:aws:iam::1:root" } })),
      says: [
        "BucketPolicy objects does not deny requests without TLS",
        "BucketPolicy objects does not deny TLS before 1.2",
      ],
    },
    unknown: {
      resources: bucketPolicy(unknownText),
      says: ["undecided: BucketPolicy objects: policy is not known before the update, which checks it again"],
    },
  },
  "tenancy-bucket-has-policy": {
    pass: {
      resources: [given("aws:s3/bucket:Bucket", "objects", { bucket: "objects" }), ...bucketPolicy(policy())],
      says: [],
    },
    fail: {
      resources: [
        given("aws:s3/bucket:Bucket", "objects", { bucket: "objects" }),
        given("aws:s3/bucket:Bucket", "others", { bucket: "others" }),
        ...bucketPolicy(policy()),
      ],
      says: ["Bucket others has no bucket policy"],
    },
    unknown: {
      resources: [
        given("aws:s3/bucket:Bucket", "objects", { bucket: unknownText }),
        given(
          "aws:s3/bucketPolicy:BucketPolicy",
          "objects",
          { bucket: unknownText },
          { references: { bucket: [given("aws:s3/bucket:Bucket", "objects").urn] } },
        ),
      ],
      says: [],
    },
  },
  "tenancy-cnpg-tls-only": {
    pass: { resources: cluster(["hostssl app app all scram-sha-256", "hostnossl all all all reject"]), says: [] },
    fail: {
      resources: cluster(["host all app all scram-sha-256", "hostssl all all 10.0.0.0/8 trust"]),
      says: [
        "tenant acme: Cluster acme-db: pg_hba has a line host … scram-sha-256",
        "tenant acme: Cluster acme-db: pg_hba has a line hostssl … trust",
        "tenant acme: Cluster acme-db: no line of pg_hba rejects plain connections",
      ],
    },
    unknown: {
      resources: cluster(unknownText),
      says: [
        "undecided: tenant acme: Cluster acme-db: spec.postgresql.pg_hba is not known before the update, which checks it again",
      ],
    },
  },
  "tenancy-cnpg-objectstore-uses-tls": {
    pass: { resources: [...store("https://s3.example"), ...store(undefined)], says: [] },
    fail: {
      resources: store(`http://${canary}@minio:9000`),
      says: ["tenant acme: ObjectStore acme-store is reached without TLS: the scheme of its endpoint is http"],
    },
    unknown: {
      resources: store(unknownText),
      says: [
        "undecided: tenant acme: ObjectStore acme-store: spec.configuration.endpointURL is not known before the update, which checks it again",
      ],
    },
  },
};
