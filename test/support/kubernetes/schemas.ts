/**
 * Holds rendered objects against published schemas: CloudNativePG's and its plugin's CustomResourceDefinitions by ajv,
 * the rest by the validators of the packages `kubernetes-models`. A field that a schema does not know is a fault.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { Ajv, type ValidateFunction } from "ajv";
import addFormats from "ajv-formats";
import { parse } from "yaml";

type Json = Record<string, unknown>;

export interface Rendered {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
}

/** The folder TENANCY_TEST_CRDS, or the first `shared/crds` beside a parent of this project. */
export function crdFolder(): string | undefined {
  const named = process.env.TENANCY_TEST_CRDS;
  if (named !== undefined && named !== "") return resolve(named);
  for (let folder = import.meta.dirname; folder !== dirname(folder); folder = dirname(folder)) {
    const found = join(folder, "shared", "crds");
    if (existsSync(found)) return found;
  }
  return undefined;
}

const namePattern = { type: "string", maxLength: 253, pattern: "^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$" };
const texts = { type: "object", additionalProperties: { type: "string" } };
/** A CustomResourceDefinition says of metadata only that it is an object. */
const metadata = {
  type: "object",
  properties: { name: namePattern, namespace: namePattern, labels: texts, annotations: texts },
  required: ["name", "namespace"],
  additionalProperties: false,
};

/** Refuses unknown fields everywhere but where the schema says that it keeps them. */
function closed(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(closed);
  if (typeof schema !== "object" || schema === null) return schema;
  const copy = Object.fromEntries(Object.entries(schema).map(([key, value]) => [key, closed(value)]));
  const isOpen = copy["x-kubernetes-preserve-unknown-fields"] === true || "additionalProperties" in copy;
  return copy.type === "object" && "properties" in copy && !isOpen ? { ...copy, additionalProperties: false } : copy;
}

let loaded: Map<string, ValidateFunction> | undefined;

function crdValidators(): Map<string, ValidateFunction> {
  if (loaded !== undefined) return loaded;
  const folder = crdFolder();
  loaded = new Map();
  if (folder === undefined) return loaded;
  const ajv = new Ajv({ allErrors: true, strict: false });
  (addFormats as unknown as (ajv: Ajv) => void)(ajv);
  for (const file of readdirSync(folder).filter((name) => name.endsWith(".yaml"))) {
    const { spec } = parse(readFileSync(join(folder, file), "utf8")) as {
      spec: {
        group: string;
        names: { kind: string };
        versions: { name: string; schema: { openAPIV3Schema: Json & { properties: Json } } }[];
      };
    };
    for (const { name, schema } of spec.versions) {
      const whole = schema.openAPIV3Schema;
      const narrowed = { ...whole, properties: { ...whole.properties, metadata } };
      // Compiled when it is first asked for: the poolers' schema alone takes longer than the rest together.
      loaded.set(
        `${spec.group}/${name} ${spec.names.kind}`,
        lazily(() => ajv.compile(closed(narrowed) as Json)),
      );
    }
  }
  return loaded;
}

function lazily(compile: () => ValidateFunction): ValidateFunction {
  let compiled: ValidateFunction | undefined;
  const validate = (data: unknown): boolean => {
    compiled ??= compile();
    const valid = compiled(data);
    (validate as ValidateFunction).errors = compiled.errors;
    return valid;
  };
  return validate as ValidateFunction;
}

const nodeModules = join(import.meta.dirname, "..", "..", "..", "node_modules");
const kubernetes = "kubernetes-models/_schemas/IoK8sApi";

/** Module of each kind's validator; the packages export some of them only by their path. */
const modules: Record<string, string> = {
  "v1 Namespace": `${kubernetes}CoreV1Namespace`,
  "v1 ResourceQuota": `${kubernetes}CoreV1ResourceQuota`,
  "v1 LimitRange": `${kubernetes}CoreV1LimitRange`,
  "v1 ServiceAccount": `${kubernetes}CoreV1ServiceAccount`,
  "v1 Secret": `${kubernetes}CoreV1Secret`,
  "v1 ConfigMap": `${kubernetes}CoreV1ConfigMap`,
  "v1 Service": `${kubernetes}CoreV1Service`,
  "v1 PersistentVolumeClaim": `${kubernetes}CoreV1PersistentVolumeClaim`,
  "networking.k8s.io/v1 NetworkPolicy": `${kubernetes}NetworkingV1NetworkPolicy`,
  "batch/v1 Job": `${kubernetes}BatchV1Job`,
  "apps/v1 StatefulSet": `${kubernetes}AppsV1StatefulSet`,
  "cert-manager.io/v1 Certificate":
    "@kubernetes-models/cert-manager/_schemas/ComGithubCertManagerCertManagerPkgApisCertmanagerV1Certificate",
  "monitoring.coreos.com/v1 PodMonitor":
    "@kubernetes-models/prometheus-operator/_schemas/ComGithubPrometheusOperatorPrometheusOperatorPkgApisMonitoringV1PodMonitor",
};

/**
 * Follows which fields a validator asks for. It asks for every field that it knows, whether it is there or not: one that
 * is there and was not asked for is unknown to the schema.
 */
function followed(value: unknown, path: string, unknown: Map<string, true>): unknown {
  if (typeof value !== "object" || value === null) return value;
  const keys = Array.isArray(value) ? [] : Object.keys(value);
  for (const key of keys) unknown.set(`${path}/${key}`, true);
  const inside = new Map<string | symbol, unknown>();
  return new Proxy(value, {
    get(target, key) {
      const found: unknown = Reflect.get(target, key);
      if (typeof key !== "string" || !Object.hasOwn(target, key)) return found;
      unknown.delete(`${path}/${key}`);
      if (!inside.has(key)) inside.set(key, followed(found, `${path}/${key}`, unknown));
      return inside.get(key);
    },
  });
}

/** Whether a schema is there: CloudNativePG's lie beside the project, and may be absent. */
export function hasSchema({ apiVersion, kind }: Rendered): boolean {
  const key = `${apiVersion} ${kind}`;
  return key in modules || crdValidators().has(key);
}

/** What is wrong with an object; empty for a good one. */
export async function faultsOf(object: Rendered): Promise<string[]> {
  const key = `${object.apiVersion} ${object.kind}`;
  // As an API server would get it: without what is undefined.
  const plain = JSON.parse(JSON.stringify(object)) as Rendered;
  const crd = crdValidators().get(key);
  if (crd !== undefined) return crd(plain) ? [] : texted(crd.errors, key);
  const module = modules[key];
  if (module === undefined) return [`${key}: no schema is known`];
  const { href } = pathToFileURL(join(nodeModules, `${module}.js`));
  const { validate } = (await import(href)) as { validate: ValidateFunction };
  const unknown = new Map<string, true>();
  const valid = validate(followed(plain, "", unknown));
  return [
    ...(valid ? [] : texted(validate.errors, key)),
    ...[...unknown.keys()].map((at) => `${key}${at}: unknown field`),
  ];
}

function texted(errors: ValidateFunction["errors"], key: string): string[] {
  return (errors ?? []).map(
    ({ instancePath, message, params }) => `${key}${instancePath}: ${message ?? "invalid"} ${JSON.stringify(params)}`,
  );
}
