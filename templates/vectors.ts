/** The columns of vectors of a template, as the values of its variables make them. */
import type { TemplateVariables } from "../provider/inputs.ts";
import type { Manifest, VectorColumn } from "./manifest.ts";

export const distances = ["cosine", "l2", "ip"] as const;
export type Distance = (typeof distances)[number];

export interface VectorSettings {
  readonly table: string;
  readonly column: string;
  readonly distance: Distance;
  /** Rows of one tenant from which an index is built. */
  readonly threshold: number;
  /** Connections of a node in each layer of the index. */
  readonly m: number;
  /** Candidates that are looked at while the index is built. */
  readonly efConstruction: number;
  /** The values of the variables give the column a type that has no index: every search is exact. */
  readonly exact: boolean;
}

/** What pgvector takes: https://github.com/pgvector/pgvector#index-options */
const limits = { m: [2, 100], efConstruction: [4, 1000] } as const;

/** What is wrong with `vectors` of a manifest, a sentence each. */
export function vectorFaults({ vectors, variables }: Manifest): string[] {
  return vectors.flatMap((vector, index) => {
    const place = `template.yaml: vectors.${index}`;
    const faults: string[] = [];
    const twin = vectors.findIndex(({ table, column }) => table === vector.table && column === vector.column);
    if (twin < index) faults.push(`${place} names ${vector.table}.${vector.column} again`);
    for (const key of ["distance", "m", "efConstruction"] as const) {
      const name = variableOf(vector[key]);
      if (name === undefined) continue;
      const variable = variables[name];
      if (variable === undefined || variable.type === "choice") {
        faults.push(`${place}.${key}: {{${name}}} is no plain variable of the template`);
      } else if (key !== "distance") {
        const [least, most] = limits[key];
        const inside = (variable.minimum ?? -Infinity) >= least && (variable.maximum ?? Infinity) <= most;
        if (variable.type !== "integer" || !inside) {
          faults.push(`${place}.${key}: the variable ${name} has to be an integer from ${least} to ${most}`);
        }
      } else if (variable.allowed?.every((value) => distances.some((distance) => distance === value)) !== true) {
        faults.push(`${place}.distance: the variable ${name} has to have allowed values of ${distances.join(", ")}`);
      }
    }
    for (const [name, choice] of Object.entries(vector.exactWhere ?? {})) {
      const variable = variables[name];
      if (variable?.type !== "choice" || !Object.hasOwn(variable.choices, choice)) {
        faults.push(`${place}.exactWhere: the template has no choice ${name}: ${choice}`);
      }
    }
    return faults;
  });
}

/**
 * @param values - of the template's variables, with their defaults
 * @throws RangeError where a value is missing or efConstruction is below twice m, which pgvector refuses
 */
export function vectorSettings(
  template: { readonly vectors: readonly VectorColumn[] },
  values: TemplateVariables,
): readonly VectorSettings[] {
  return template.vectors.map(({ table, column, threshold, exactWhere, ...given }) => {
    const place = `${table}.${column}`;
    const read = (key: "distance" | "m" | "efConstruction"): unknown => {
      const name = variableOf(given[key]);
      return name === undefined ? given[key] : values[name];
    };
    const distance = distances.find((one) => one === read("distance"));
    const [m, efConstruction] = [read("m"), read("efConstruction")];
    if (distance === undefined || typeof m !== "number" || typeof efConstruction !== "number") {
      throw new RangeError(`${place}: distance, m or efConstruction has no value`);
    }
    if (efConstruction < 2 * m) {
      throw new RangeError(
        `${place}: ef_construction is ${efConstruction} with m ${m}; allowed is at least twice m: ` +
          `give the tenant a variable of at least ${2 * m}`,
      );
    }
    const exact = Object.entries(exactWhere ?? {}).some(([name, choice]) => values[name] === choice);
    return { table, column, distance, threshold, m, efConstruction, exact };
  });
}

function variableOf(value: string | number): string | undefined {
  return /^\{\{(.+)\}\}$/.exec(String(value))?.[1];
}
