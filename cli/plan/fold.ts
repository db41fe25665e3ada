/** Makes a document fit: details are folded away step by step, and each list says how much of it is not shown. */

/** How many entries of each list are shown. */
export type Caps<Name extends string> = Readonly<Record<Name, number>>;

/**
 * @param render - the document with these caps; lists that are cut have to say so with their counts
 * @param order - names of the lists, the one to fold first in front
 * @returns the longest document that fits; with every list cut to nothing where none does
 */
export function fold<Name extends string>(
  render: (caps: Caps<Name>) => string,
  order: readonly Name[],
  limit: number,
): string {
  const most = 1_000_000;
  let caps = Object.fromEntries(order.map((name) => [name, most])) as Record<Name, number>;
  let text = render(caps);
  for (const name of order) {
    if (text.length <= limit) return text;
    const none = render({ ...caps, [name]: 0 });
    if (none.length > limit) {
      caps = { ...caps, [name]: 0 };
      text = none;
      continue;
    }
    // The largest number that still fits: doubled until it does not, so that no document gets much longer than it may.
    let [low, high] = [0, 1];
    text = none;
    const fits = (number: number): boolean => {
      const attempt = render({ ...caps, [name]: number });
      if (attempt.length > limit) return false;
      [low, text] = [number, attempt];
      return true;
    };
    while (high < most && fits(high)) high *= 2;
    while (high - low > 1) {
      const middle = Math.floor((low + high) / 2);
      if (!fits(middle)) high = middle;
    }
    return text;
  }
  return text;
}
