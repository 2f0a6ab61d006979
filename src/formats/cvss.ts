import { FormatError } from './errors.ts';

const WEIGHTS = {
  AV: { N: 0.85, A: 0.62, L: 0.55, P: 0.2 },
  AC: { L: 0.77, H: 0.44 },
  UI: { N: 0.85, R: 0.62 },
  C: { H: 0.56, L: 0.22, N: 0 },
  I: { H: 0.56, L: 0.22, N: 0 },
  A: { H: 0.56, L: 0.22, N: 0 },
} as const;
const PRIVILEGES = { U: { N: 0.85, L: 0.62, H: 0.27 }, C: { N: 0.85, L: 0.68, H: 0.5 } } as const;

/**
 * The base score, 0 to 10 with one decimal, of a CVSS 3.0 or 3.1 vector ("CVSS:3.1/AV:N/…", with or without the prefix),
 * by the equations of CVSS v3.1 section 7.1. Temporal and environmental metrics are not counted.
 *
 * @throws FormatError `cvss.vector`
 */
export function scoreCvss3(vector: string): number {
  const metrics = new Map<string, string>();
  for (const part of vector
    .replace(/^CVSS:3\.[01]\//, '')
    .replace(/^CVSS:3\.[01]\//, '')
    .split('/')) {
    const [name, value] = part.split(':');
    if (name && value) metrics.set(name, value);
  }
  const pick = <T extends Record<string, number>>(table: T, name: string): number => {
    const value = table[metrics.get(name) ?? ''];
    if (value === undefined) {
      throw new FormatError(
        'cvss.vector',
        `the CVSS vector ${JSON.stringify(vector.slice(0, 100))} has no valid ${name}`,
      );
    }
    return value;
  };
  const isChanged = pick({ U: 0, C: 1 }, 'S') === 1;
  const exposure = 1 - (1 - pick(WEIGHTS.C, 'C')) * (1 - pick(WEIGHTS.I, 'I')) * (1 - pick(WEIGHTS.A, 'A'));
  const impact = isChanged ? 7.52 * (exposure - 0.029) - 3.25 * (exposure - 0.02) ** 15 : 6.42 * exposure;
  const ease =
    8.22 *
    pick(WEIGHTS.AV, 'AV') *
    pick(WEIGHTS.AC, 'AC') *
    pick(isChanged ? PRIVILEGES.C : PRIVILEGES.U, 'PR') *
    pick(WEIGHTS.UI, 'UI');
  if (impact <= 0) return 0;
  return roundUp(Math.min(isChanged ? 1.08 * (impact + ease) : impact + ease, 10));
}

/** Appendix A of the specification: up to one decimal, in whole numbers so that 4.02 does not become 4.1 by accident. */
function roundUp(value: number): number {
  const whole = Math.round(value * 100_000);
  return whole % 10_000 === 0 ? whole / 100_000 : (Math.floor(whole / 10_000) + 1) / 10;
}
