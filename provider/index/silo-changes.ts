/** Settings of a live silo that cannot change in place. Plain data: the Roster holds them beside the tenant's state. */

export interface FixedSilo {
  /** As in `10Gi`. */
  readonly storageSize: string;
  /** Left out: the default of the cluster. */
  readonly storageClass?: string;
  readonly recoverFrom?: { readonly tenant: string; readonly time: string };
}

const mebibytes: Readonly<Record<string, number>> = { Mi: 1, Gi: 1024, Ti: 1024 * 1024 };

/** Each sentence is a refusal: what is wrong, the value received, what is allowed, how to mend it. */
export function siloRefusals(before: FixedSilo, after: FixedSilo): string[] {
  const refusals: string[] = [];
  if (sizeOf(after.storageSize) < sizeOf(before.storageSize)) {
    refusals.push(
      `silo.storageSize is ${after.storageSize} and was ${before.storageSize}: a volume only grows. ` +
        `Write at least ${before.storageSize}.`,
    );
  }
  if (after.storageClass !== before.storageClass) {
    refusals.push(
      `silo.storageClass is ${className(after)} and was ${className(before)}: volumes keep their class. Restore it; to ` +
        `move the data, recover it into a new tenant with silo.recoverFrom and let this one leave.`,
    );
  }
  if (
    after.recoverFrom?.tenant !== before.recoverFrom?.tenant ||
    after.recoverFrom?.time !== before.recoverFrom?.time
  ) {
    refusals.push(
      `silo.recoverFrom is ${recoveryText(after)} and was ${recoveryText(before)}: it is only read while the database ` +
        `is made, and the names inside follow from it. Restore it as it was.`,
    );
  }
  return refusals;
}

function sizeOf(text: string): number {
  const match = /^(\d+)(Mi|Gi|Ti)$/.exec(text);
  // What is no size was refused where the registry was read.
  return match === null ? Number.NaN : Number(match[1]) * (mebibytes[match[2] ?? ""] ?? 1);
}

function className({ storageClass }: FixedSilo): string {
  return storageClass === undefined ? "left out" : JSON.stringify(storageClass);
}

function recoveryText({ recoverFrom }: FixedSilo): string {
  return recoverFrom === undefined ? "left out" : `${recoverFrom.tenant} at ${recoverFrom.time}`;
}
