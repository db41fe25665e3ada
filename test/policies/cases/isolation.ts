import { canary, type Cases, given, policy, provider, roster, unknownText } from "./case.ts";

const bucket = given("aws:s3/bucket:Bucket", "objects", { bucket: "objects" });
const bucketPolicy = (text: unknown) => [
  given("aws:s3/bucketPolicy:BucketPolicy", "objects", { bucket: "objects", policy: text }),
];
const block = (props: object) =>
  given("aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock", "objects", {
    bucket: "objects",
    ...{
      blockPublicAcls: true,
      blockPublicPolicy: true,
      ignorePublicAcls: true,
      restrictPublicBuckets: true,
      ...props,
    },
  });
const get = (...resources: readonly string[]) => ({ Effect: "Allow", Action: ["s3:GetObject"], Resource: resources });
const iamPolicy = (text: unknown) => [given("aws:iam/policy:Policy", "tenants", { policy: text })];
const trust = (statement: object) =>
  given("aws:iam/role:Role", "tenants", {
    assumeRolePolicy: policy({ Effect: "Allow", Action: "sts:AssumeRole", ...statement }),
  });
const cacheUser = (accessString: unknown, more: object = {}) =>
  given("aws:elasticache/user:User", "acme-user", { accessString, passwords: [canary], ...more }, { tenant: "acme" });
const memoryUser = (accessString: unknown) =>
  given(
    "aws:memorydb/user:User",
    "acme-user",
    { accessString, authenticationMode: { passwords: [canary] } },
    { tenant: "acme" },
  );
const tight = "on ~t:acme:* resetchannels &t:acme:* -@all +@string +get";
const role = (props: object) => [
  given("postgresql:index/role:Role", "acme-app", { name: "t_acme_app", password: canary, ...props }),
];
const cluster = (spec: object) => [
  given("kubernetes:postgresql.cnpg.io/v1:Cluster", "acme-db", { spec }, { tenant: "acme" }),
];
const namespace = given(
  "kubernetes:core/v1:Namespace",
  "acme-namespace",
  { metadata: { name: "t-acme" } },
  { tenant: "acme" },
);
const network = (name: string, spec: unknown) =>
  given(
    "kubernetes:networking.k8s.io/v1:NetworkPolicy",
    name,
    { metadata: { namespace: "t-acme" }, spec },
    { tenant: "acme" },
  );
const quota = (hard: unknown) =>
  given(
    "kubernetes:core/v1:ResourceQuota",
    "acme-quota",
    { metadata: { namespace: "t-acme" }, spec: { hard } },
    { tenant: "acme" },
  );
const limits = { "requests.cpu": "2", "requests.memory": "4Gi", "limits.cpu": "4", "limits.memory": "8Gi" };
const labelled = (level: unknown) =>
  given(
    "kubernetes:core/v1:Namespace",
    "acme-namespace",
    { metadata: { labels: { "pod-security.kubernetes.io/enforce": level } } },
    { tenant: "acme" },
  );
const rbac = (kind: string, props: object, tenant?: string) =>
  given(`kubernetes:rbac.authorization.k8s.io/v1:${kind}`, "acme-rights", props, { tenant });
const service = (spec: object, annotations: object = {}) =>
  given("kubernetes:core/v1:Service", "acme-db", { metadata: { annotations }, spec }, { tenant: "acme" });
const group = (ingress: unknown) => [given("aws:ec2/securityGroup:SecurityGroup", "db", { ingress })];
const graph = (id: string, props: object) =>
  given("tenancy:neo4j:Database", `${id}-graph`, { tenant: id, server: "main", password: canary, ...props });
const named = { namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": "apps" } } };
const tenants = roster({ acme: {} });

export const isolation: Cases = {
  "tenancy-bucket-policy-no-wildcard-principal": {
    pass: {
      resources: bucketPolicy(
        policy(
          { Effect: "Allow", Principal: { AWS: "arn:aws:iam::1:role/tenants" }, Action: "s3:GetObject" },
          { Effect: "Allow", Principal: "*", Condition: { StringEquals: { "aws:PrincipalOrgID": "o-1" } } },
          { Effect: "Deny", Principal: "*", Action: "s3:*" },
        ),
      ),
      says: [],
    },
    fail: {
      resources: bucketPolicy(
        policy(
          { Sid: "Open", Effect: "Allow", Principal: { AWS: ["*"] }, Action: "s3:GetObject" },
          { Effect: "Allow", Principal: "*", Condition: { StringLike: { "aws:PrincipalArn": "*" } } },
          { Effect: "Allow", NotPrincipal: { AWS: "arn:aws:iam::1:root" }, Action: "s3:GetObject" },
        ),
      ),
      says: [
        "BucketPolicy objects: statement Open allows everybody",
        "BucketPolicy objects: Allow statement 2 allows everybody",
        "BucketPolicy objects: Allow statement 3 allows everybody",
      ],
    },
    unknown: {
      resources: bucketPolicy(unknownText),
      says: ["undecided: BucketPolicy objects: policy is not known before the update, which checks it again"],
    },
  },
  "tenancy-bucket-not-public": {
    pass: { resources: [bucket, block({})], says: [] },
    fail: {
      resources: [
        bucket,
        block({ ignorePublicAcls: false }),
        given("aws:s3/bucket:Bucket", "others", { bucket: "others" }),
        given("aws:s3/bucketAcl:BucketAcl", "others", { bucket: "others", acl: "public-read" }),
      ],
      says: [
        "Bucket others does not block public access",
        "BucketPublicAccessBlock objects: ignorePublicAcls is not true",
        "BucketAcl others is public: its acl is public-read",
      ],
    },
    unknown: {
      resources: [bucket, block({ blockPublicAcls: unknownText, blockPublicPolicy: false })],
      says: [
        "undecided: BucketPublicAccessBlock objects: blockPublicAcls is not known before the update, which checks it again",
        "BucketPublicAccessBlock objects: blockPublicPolicy is not true",
      ],
    },
  },
  "tenancy-iam-policy-ends-at-tenant": {
    pass: {
      resources: iamPolicy(
        policy(
          get("arn:aws:s3:::objects/tenants/${aws:PrincipalTag/tenant}/*", "arn:aws:s3:::objects/ts/acme/*"),
          { Effect: "Allow", Action: "s3:ListBucket", Resource: "arn:aws:s3:::objects" },
          { Effect: "Allow", Action: ["s3:ListAllMyBuckets"], Resource: "*" },
          { Effect: "Deny", Action: "s3:*", Resource: "*" },
        ),
      ),
      says: [],
    },
    fail: {
      resources: iamPolicy(
        policy(
          get("*", "arn:aws:s3:::objects/*", "arn:aws:s3:::objects/ts/acme*", "arn:aws:s3:::*/x"),
          get("arn:aws:s3:::objects/tenants/${aws:PrincipalTag/tenant}*"),
          { Sid: "All", Effect: "Allow", Action: "s3:*", Resource: "arn:aws:s3:::objects/ts/acme/*" },
          { Effect: "Allow", NotAction: "iam:*", Resource: "arn:aws:s3:::objects/ts/acme/*" },
        ),
      ),
      says: [
        "Policy tenants: Allow statement 1 reaches every resource: *",
        "Policy tenants: Allow statement 1 reaches every tenant's objects: arn:aws:s3:::objects/*",
        "Policy tenants: Allow statement 1 reaches names that only begin alike: arn:aws:s3:::objects/ts/acme*",
        "Policy tenants: Allow statement 1 reaches more than one bucket: arn:aws:s3:::*/x",
        "Policy tenants: Allow statement 2 reaches names that only begin alike: arn:aws:s3:::objects/tenants/${aws:PrincipalTag/tenant}*",
        "Policy tenants: statement All allows the actions s3:*",
        "Policy tenants: Allow statement 4 allows everything but what it names",
      ],
    },
    unknown: {
      resources: iamPolicy({ Statement: [{ Sid: "Part", Effect: "Allow", Action: "s3:*", Resource: [unknownText] }] }),
      says: [
        "Policy tenants: statement Part allows the actions s3:*",
        "undecided: Policy tenants: statement Part: a part of it is not known before the update, which checks it again",
      ],
    },
  },
  "tenancy-iam-trust-names-principals": {
    pass: {
      resources: [
        trust({ Principal: { AWS: "arn:aws:iam::1:role/app" } }),
        trust({
          Action: "sts:AssumeRoleWithWebIdentity",
          Principal: { Federated: "arn:aws:iam::1:oidc-provider/oidc.example" },
          Condition: { StringEquals: { "oidc.example:sub": "system:serviceaccount:t-acme:app" } },
        }),
      ],
      says: [],
    },
    fail: {
      resources: [
        trust({ Principal: "*" }),
        trust({
          Action: "sts:AssumeRoleWithWebIdentity",
          Principal: { Federated: "arn:aws:iam::1:oidc-provider/oidc.example" },
        }),
        given("aws:kms/key:Key", "acme-key", {
          policy: policy({ Sid: "Use", Effect: "Allow", Principal: { AWS: "*" }, Action: "kms:Decrypt" }),
        }),
      ],
      says: [
        "Role tenants: Allow statement 1 lets everybody in",
        "Role tenants: Allow statement 1 lets every identity of the provider in: no condition on its subject",
        "Key acme-key: statement Use lets everybody in",
      ],
    },
    unknown: {
      resources: [given("aws:iam/role:Role", "tenants", { assumeRolePolicy: unknownText })],
      says: ["undecided: Role tenants: assumeRolePolicy is not known before the update, which checks it again"],
    },
  },
  "tenancy-elasticache-user-no-wildcard": {
    pass: {
      resources: [
        cacheUser(tight),
        given("aws:elasticache/user:User", "default", { accessString: "off ~* +@all", noPasswordRequired: true }),
      ],
      says: [],
    },
    fail: {
      resources: [cacheUser("on ~* &* +@all +scan", { noPasswordRequired: true })],
      says: [
        "tenant acme: User acme-user may reach every tenant: its access string has ~*",
        "tenant acme: User acme-user may reach every tenant: its access string has &*",
        "tenant acme: User acme-user may reach every tenant: its access string has +@all",
        "tenant acme: User acme-user may reach other tenants' keys: its access string has +scan",
        "tenant acme: User acme-user logs in without a password",
      ],
    },
    unknown: {
      resources: [cacheUser(unknownText, { noPasswordRequired: true })],
      says: [
        "undecided: tenant acme: User acme-user: accessString is not known before the update, which checks it again",
      ],
    },
  },
  "tenancy-memorydb-user-no-wildcard": {
    pass: { resources: [memoryUser(tight)], says: [] },
    fail: {
      resources: [memoryUser("on %R~* allchannels ~t:acme:* +@read +eval_ro")],
      says: [
        "tenant acme: User acme-user may reach every tenant: its access string has %R~*",
        "tenant acme: User acme-user may reach every tenant: its access string has allchannels",
        "tenant acme: User acme-user may reach other tenants' keys: its access string has +@read",
        "tenant acme: User acme-user may reach other tenants' keys: its access string has +eval_ro",
      ],
    },
    unknown: {
      resources: [memoryUser(unknownText)],
      says: [
        "undecided: tenant acme: User acme-user: accessString is not known before the update, which checks it again",
      ],
    },
  },
  "tenancy-cache-user-own-keys": {
    pass: { resources: [tenants, cacheUser(tight), memoryUser("on ~t:{acme}:* +get")], says: [] },
    fail: {
      resources: [tenants, cacheUser("on ~t:acme* %R~t:globex:* &t:acme:* +get")],
      says: [
        'tenant acme: User acme-user reaches "t:acme*", which is not "t:acme:*"',
        'tenant acme: User acme-user reaches "t:globex:*", which is not "t:acme:*"',
      ],
    },
    unknown: {
      resources: [tenants, cacheUser(unknownText)],
      says: [
        "undecided: tenant acme: User acme-user: accessString is not known before the update, which checks it again",
      ],
    },
  },
  "tenancy-role-attributes": {
    pass: {
      resources: [
        ...role({ login: true }),
        given("postgresql:index/role:Role", "p", { name: "tenancy_provisioner", createRole: true }),
      ],
      says: [],
    },
    fail: {
      resources: [
        ...role({ superuser: true, bypassRowLevelSecurity: true, createRole: true }),
        given("postgresql:index/role:Role", "p", { name: "tenancy_provisioner", createRole: true, superuser: true }),
      ],
      says: [
        "Role acme-app has SUPERUSER",
        "Role acme-app has BYPASSRLS",
        "Role acme-app has CREATEROLE",
        "Role p has SUPERUSER",
      ],
    },
    unknown: {
      resources: role({ name: unknownText, superuser: true }),
      says: [
        "Role acme-app has SUPERUSER",
        "undecided: Role acme-app: name is not known before the update, which checks it again",
      ],
    },
  },
  "tenancy-grant-not-public": {
    pass: {
      resources: [
        given("postgresql:index/grant:Grant", "use", { role: "t_acme_app", privileges: ["USAGE"] }),
        given("postgresql:index/grant:Grant", "revoke", { role: "public", privileges: [] }),
      ],
      says: [],
    },
    fail: {
      resources: [
        given("postgresql:index/grant:Grant", "use", { role: "PUBLIC", privileges: ["USAGE"] }),
        given("postgresql:index/defaultPrivileges:DefaultPrivileges", "later", {
          role: "t_acme_app",
          withGrantOption: true,
        }),
      ],
      says: ["DefaultPrivileges later has the grant option", "Grant use grants to PUBLIC"],
    },
    unknown: {
      resources: [given("postgresql:index/grant:Grant", "use", { role: unknownText, withGrantOption: true })],
      says: [
        "Grant use has the grant option",
        "undecided: Grant use: role is not known before the update, which checks it again",
      ],
    },
  },
  "tenancy-grant-role-no-administrator": {
    pass: {
      resources: [
        given("postgresql:index/grantRole:GrantRole", "join", { role: "t_acme_app", grantRole: "t_shared" }),
        given("postgresql:index/role:Role", "p", { name: "tenancy_provisioner", roles: ["rds_superuser"] }),
      ],
      says: [],
    },
    fail: {
      resources: [
        given("postgresql:index/grantRole:GrantRole", "join", {
          role: "t_acme_app",
          grantRole: "pg_read_all_data",
          withAdminOption: true,
        }),
        ...role({ roles: ["pg_read_server_files", "t_shared"] }),
      ],
      says: [
        "GrantRole join makes t_acme_app a member of pg_read_all_data",
        "GrantRole join has the admin option",
        "Role acme-app makes t_acme_app a member of pg_read_server_files",
      ],
    },
    unknown: {
      resources: [
        given("postgresql:index/grantRole:GrantRole", "join", { role: unknownText, grantRole: "rds_superuser" }),
      ],
      says: ["undecided: GrantRole join: role is not known before the update, which checks it again"],
    },
  },
  "tenancy-cnpg-no-superuser": {
    pass: {
      resources: cluster({
        enableSuperuserAccess: false,
        managed: {
          roles: [
            { name: "tenancy_provisioner", createrole: true },
            { name: "old", ensure: "absent", superuser: true },
          ],
        },
      }),
      says: [],
    },
    fail: {
      resources: cluster({
        enableSuperuserAccess: true,
        managed: { roles: [{ name: "app", bypassrls: true, createrole: true }] },
      }),
      says: [
        "tenant acme: Cluster acme-db: enableSuperuserAccess is true",
        'tenant acme: Cluster acme-db: the role "app" has bypassrls',
        'tenant acme: Cluster acme-db: the role "app" has createrole',
      ],
    },
    unknown: {
      resources: cluster({ enableSuperuserAccess: true, managed: { roles: unknownText } }),
      says: [
        "tenant acme: Cluster acme-db: enableSuperuserAccess is true",
        "undecided: tenant acme: Cluster acme-db: spec.managed.roles is not known before the update, which checks it again",
      ],
    },
  },
  "tenancy-namespace-default-deny": {
    pass: {
      resources: [
        tenants,
        namespace,
        network("deny", { podSelector: {}, policyTypes: ["Ingress", "Egress"] }),
        network("allow", { podSelector: {}, policyTypes: ["Ingress"], ingress: [{ from: [named] }] }),
      ],
      says: [],
    },
    fail: {
      resources: [
        tenants,
        namespace,
        network("deny", { podSelector: {}, policyTypes: ["Ingress"] }),
        network("deny-some", { podSelector: { matchLabels: { app: "db" } }, policyTypes: ["Egress"] }),
      ],
      says: ["tenant acme: Namespace acme-namespace has no policy that denies all egress"],
    },
    unknown: {
      resources: [
        tenants,
        namespace,
        given(
          "kubernetes:networking.k8s.io/v1:NetworkPolicy",
          "deny",
          { metadata: unknownText, spec: { podSelector: {}, policyTypes: ["Ingress", "Egress"] } },
          { tenant: "acme", references: { metadata: [namespace.urn] } },
        ),
      ],
      says: [],
    },
  },
  "tenancy-networkpolicy-no-wildcard": {
    pass: {
      resources: [
        network("allow", { ingress: [{ from: [named] }], egress: [{ to: [{ ipBlock: { cidr: "10.0.0.0/16" } }] }] }),
        network("internet", { egress: [{ to: [{ ipBlock: { cidr: "0.0.0.0/0" } }] }] }),
      ],
      settings: { openEgress: ["internet"] },
      says: [],
    },
    fail: {
      resources: [
        network("allow", {
          ingress: [
            { ports: [{ port: 5432 }] },
            { from: [{ namespaceSelector: {} }] },
            { from: [{ namespaceSelector: { matchLabels: { team: "a" } } }] },
          ],
          egress: [{ to: [{ ipBlock: { cidr: "::/0" } }] }],
        }),
      ],
      says: [
        "tenant acme: NetworkPolicy allow: an ingress rule has no `from`, which is everybody",
        "tenant acme: NetworkPolicy allow: an ingress rule chooses namespaces without kubernetes.io/metadata.name",
        "tenant acme: NetworkPolicy allow: an ingress rule chooses namespaces without kubernetes.io/metadata.name",
        "tenant acme: NetworkPolicy allow: an egress rule reaches ::/0",
      ],
    },
    unknown: {
      resources: [network("allow", { ingress: [{ from: unknownText }, {}] })],
      says: [
        "tenant acme: NetworkPolicy allow: an ingress rule has no `from`, which is everybody",
        "undecided: tenant acme: NetworkPolicy allow: spec.ingress.0.from is not known before the update, which checks it again",
      ],
    },
  },
  "tenancy-namespace-quota": {
    pass: { resources: [tenants, namespace, quota({ ...limits, persistentvolumeclaims: "5" })], says: [] },
    fail: {
      resources: [
        roster({ acme: {}, globex: {} }),
        namespace,
        quota(limits),
        given(
          "kubernetes:core/v1:Namespace",
          "globex-namespace",
          { metadata: { name: "t-globex" } },
          { tenant: "globex" },
        ),
      ],
      says: [
        "tenant acme: Namespace acme-namespace has a quota without persistentvolumeclaims",
        "tenant globex: Namespace globex-namespace has no quota",
      ],
    },
    unknown: {
      resources: [tenants, namespace, quota(unknownText)],
      says: [
        "undecided: tenant acme: Namespace acme-namespace: spec.hard is not known before the update, which checks it again",
      ],
    },
  },
  "tenancy-namespace-pod-security": {
    pass: { resources: [labelled("restricted"), given("kubernetes:core/v1:Namespace", "platform", {})], says: [] },
    fail: {
      resources: [labelled("baseline")],
      says: ['tenant acme: Namespace acme-namespace: the label pod-security.kubernetes.io/enforce is "baseline"'],
    },
    unknown: {
      resources: [labelled(unknownText)],
      says: [
        "undecided: tenant acme: Namespace acme-namespace: the label pod-security.kubernetes.io/enforce is not known before the update, which checks it again",
      ],
    },
  },
  "tenancy-rbac-no-wildcard": {
    pass: {
      resources: [
        rbac("Role", { rules: [{ verbs: ["get"], resources: ["pods"] }] }, "acme"),
        rbac("ClusterRoleBinding", { subjects: [{ name: "operator" }] }),
      ],
      says: [],
    },
    fail: {
      resources: [
        rbac("Role", { rules: [{ verbs: ["*"], resources: ["secrets"] }] }, "acme"),
        rbac("ClusterRoleBinding", { subjects: [{ name: "system:authenticated" }] }, "acme"),
      ],
      says: [
        "tenant acme: ClusterRoleBinding acme-rights reaches every namespace",
        "tenant acme: ClusterRoleBinding acme-rights binds system:authenticated",
        "tenant acme: Role acme-rights: a rule has the verbs *",
      ],
    },
    unknown: {
      resources: [rbac("ClusterRole", { rules: [{ verbs: unknownText, resources: ["*"] }] })],
      says: [
        "ClusterRole acme-rights: a rule has the resources *",
        "undecided: ClusterRole acme-rights: rules.0.verbs is not known before the update, which checks it again",
      ],
    },
  },
  "tenancy-service-not-public": {
    pass: {
      resources: [
        service({ type: "ClusterIP" }),
        service({ type: "LoadBalancer" }, { "service.beta.kubernetes.io/aws-load-balancer-scheme": "internal" }),
      ],
      says: [],
    },
    fail: {
      resources: [
        service({ type: "NodePort" }),
        service({ type: "LoadBalancer", loadBalancerSourceRanges: ["0.0.0.0/0"] }),
      ],
      says: [
        "tenant acme: Service acme-db is of the type NodePort",
        "tenant acme: Service acme-db is a load balancer for everybody",
      ],
    },
    unknown: {
      resources: [service({ type: unknownText })],
      says: [
        "undecided: tenant acme: Service acme-db: spec.type is not known before the update, which checks it again",
      ],
    },
  },
  "tenancy-rds-not-public": {
    pass: {
      resources: [given("aws:rds/instance:Instance", "acme-db", { password: canary }, { tenant: "acme" })],
      says: [],
    },
    fail: {
      resources: [
        given(
          "aws:rds/instance:Instance",
          "acme-db",
          { publiclyAccessible: true, password: canary },
          { tenant: "acme" },
        ),
      ],
      says: ["tenant acme: Instance acme-db has a public address: publiclyAccessible is true"],
    },
    unknown: {
      resources: [
        given("aws:rds/instance:Instance", "acme-db", { publiclyAccessible: unknownText }, { tenant: "acme" }),
      ],
      says: [
        "undecided: tenant acme: Instance acme-db: publiclyAccessible is not known before the update, which checks it again",
      ],
    },
  },
  "tenancy-security-group-not-open": {
    pass: {
      resources: [
        ...group([{ cidrBlocks: ["10.0.0.0/8"] }]),
        given("aws:ec2/securityGroupRule:SecurityGroupRule", "out", { type: "egress", cidrBlocks: ["0.0.0.0/0"] }),
      ],
      says: [],
    },
    fail: {
      resources: [
        ...group([{ cidrBlocks: ["10.0.0.0/8", "0.0.0.0/0"] }]),
        given("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule", "in", { cidrIpv6: "::/0" }),
      ],
      says: ["SecurityGroup db lets 0.0.0.0/0 in", "SecurityGroupIngressRule in lets ::/0 in"],
    },
    unknown: {
      resources: group([{ cidrBlocks: [unknownText, "0.0.0.0/0"] }]),
      says: [
        "SecurityGroup db lets 0.0.0.0/0 in",
        "undecided: SecurityGroup db: ingress.0.cidrBlocks.0 is not known before the update, which checks it again",
      ],
    },
  },
  "tenancy-neo4j-community-not-shared": {
    pass: {
      resources: [
        provider({ neo4j: { main: { kind: "instances" } } }),
        graph("acme", { uri: "bolt+s://127.0.0.1:1" }),
        graph("globex", { uri: "bolt+s://127.0.0.1:2" }),
      ],
      says: [],
    },
    fail: {
      resources: [
        provider({ neo4j: { main: { edition: "community", password: canary } } }),
        graph("acme", {}),
        graph("globex", {}),
      ],
      says: ["tenant globex: shares the server main, a Neo4j Community, with tenant acme"],
    },
    unknown: {
      resources: [
        provider({ neo4j: { main: { kind: "instances" } } }),
        graph("acme", { uri: unknownText }),
        graph("globex", { uri: unknownText }),
      ],
      says: [],
    },
  },
};
