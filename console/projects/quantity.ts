const UNITS = ['', 'Ki', 'Mi', 'Gi', 'Ti', 'Pi'];

/** A size as manifests say it, so that what was asked for is found again: `64Mi`, `1.5Gi`. */
export function quantity(bytes: number): string {
  let unit = 0;
  let rest = bytes;
  while (rest >= 1024 && unit < UNITS.length - 1) {
    rest /= 1024;
    unit += 1;
  }
  return `${Number.isInteger(rest) ? rest : rest.toFixed(1)}${UNITS[unit]}`;
}

/** The bytes of `500Mi`, `20Gi` or `20G`; null: it is no size. */
export function readQuantity(text: string): number | null {
  const found = /^(\d{1,15}(?:\.\d{1,6})?)\s*(?:(Ki|Mi|Gi|Ti|Pi)|([kKMGTP]))?$/.exec(text.trim());
  if (found === null) return null;
  const [, amount, binary = '', decimal = ''] = found;
  const scale =
    binary === ''
      ? decimal === ''
        ? 1
        : 1000 ** ('KMGTP'.indexOf(decimal.toUpperCase()) + 1)
      : 1024 ** UNITS.indexOf(binary);
  const bytes = Math.round(Number(amount) * scale);
  return bytes >= 1 && Number.isSafeInteger(bytes) ? bytes : null;
}
