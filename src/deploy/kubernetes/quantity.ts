const SUFFIX: Readonly<Record<string, number>> = {
  '': 1,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  P: 1e15,
  E: 1e18,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
  Pi: 2 ** 50,
  Ei: 2 ** 60,
  m: 1e-3,
  u: 1e-6,
  n: 1e-9,
};

/**
 * A Kubernetes resource quantity as a plain number: `500m` is 0.5, `64Mi` is 67108864, `1e3` is 1000.
 * What is beyond a number's whole range (8 Pi) is the end of it, which no machine has either. Null when it is none, or negative.
 */
export function parseQuantity(written: string | number): number | null {
  const parts = /^\+?(\d+(?:\.\d*)?|\.\d+)(?:([eE][+-]?\d{1,2})|([kMGTPE]|[KMGTPE]i|m|u|n))?$/.exec(String(written));
  if (parts === null) return null;
  const [, digits, exponent, suffix = ''] = parts;
  const value = Number(`${digits}${exponent ?? ''}`) * (SUFFIX[suffix] ?? Number.NaN);
  return Number.isFinite(value) ? Math.min(value, Number.MAX_SAFE_INTEGER) : null;
}
