import { FormatError } from './errors.ts';

/**
 * Scores of the macro-vectors (CVSS v4.0 specification, section 8.2), by their first three digits; the rest in the order
 * of the digits EQ4, EQ5, EQ6. EQ3 = 2 goes only with EQ6 = 1.
 */
const SCORES: Readonly<Record<string, string>> = {
  '000': '10 9.9 9.8 9.5 9.5 9.2 10 9.6 9.3 8.7 9.1 8.1 9.3 9 8.9 8 8.1 6.8',
  '001': '9.8 9.5 9.5 9.2 9 8.4 9.3 9.2 8.9 8.1 8.1 6.5 8.8 8 7.8 7 6.9 4.8',
  '002': '9.2 8.2 7.2 7.9 6.9 5 6.9 5.5 2.7',
  '010': '9.9 9.7 9.5 9.2 9.2 8.5 9.5 9.1 9 8.3 8.4 7.1 9.2 8.1 8.2 7.1 7.2 5.3',
  '011': '9.5 9.3 9.2 8.5 8.5 7.3 9.2 8.2 8 7.2 7 5.9 8.4 7 7.1 5.2 5 3',
  '012': '8.6 7.5 5.2 7.1 5.2 2.9 6.3 2.9 1.7',
  '100': '9.8 9.5 9.4 8.7 9.1 8.1 9.4 8.9 8.6 7.4 7.7 6.4 8.7 7.5 7.4 6.3 6.3 4.9',
  '101': '9.4 8.9 8.8 7.7 7.6 6.7 8.6 7.6 7.4 5.8 5.9 5 7.2 5.7 5.7 5.2 5.2 2.5',
  '102': '8.3 7 5.4 6.5 5.8 2.6 5.3 2.1 1.3',
  '110': '9.5 9 8.8 7.6 7.6 7 9 7.7 7.5 6.2 6.1 5.3 7.7 6.6 6.8 5.9 5.2 3',
  '111': '8.9 7.8 7.6 6.7 6.2 5.8 7.4 5.9 5.7 5.7 4.7 2.3 6.1 5.2 5.7 2.9 2.4 1.6',
  '112': '7.1 5.9 3 5.8 2.6 1.5 2.3 1.3 0.6',
  '200': '9.3 8.7 8.6 7.2 7.5 5.8 8.6 7.4 7.4 6.1 5.6 3.4 7 5.4 5.2 4 4 2.2',
  '201': '8.5 7.5 7.4 5.5 6.2 5.1 7.2 5.7 5.5 4.1 4.6 1.9 5.3 3.6 3.4 1.9 1.9 0.8',
  '202': '6.4 5.1 2 4.7 2.1 1.1 2.4 0.9 0.4',
  '210': '8.8 7.5 7.3 5.3 6 5 7.3 5.5 5.9 4 4.1 2 5.4 4.3 4.5 2.2 2 1.1',
  '211': '7.5 5.5 5.8 4.5 4 2.1 6.1 5.1 4.8 1.8 2 0.9 4.6 1.8 1.7 0.7 0.8 0.2',
  '212': '5.3 2.4 1.4 2.4 1.2 0.5 1 0.3 0.1',
};

const scoreOf = new Map(
  Object.entries(SCORES).flatMap(([first, scores]) => {
    const sixths = first.endsWith('2') ? ['1'] : ['0', '1'];
    const rest = ['0', '1', '2'].flatMap((four) =>
      ['0', '1', '2'].flatMap((five) => sixths.map((six) => four + five + six)),
    );
    return scores.split(' ').map((score, index) => [first + rest[index], Number(score)] as const);
  }),
);

/** Values of each metric from the worst to the least; the first eleven must be there. */
const VALUES: Readonly<Record<string, string>> = {
  AV: 'NALP',
  AC: 'LH',
  AT: 'NP',
  PR: 'NLH',
  UI: 'NPA',
  VC: 'HLN',
  VI: 'HLN',
  VA: 'HLN',
  SC: 'SHLN',
  SI: 'SHLN',
  SA: 'SHLN',
  E: 'APU',
  CR: 'HML',
  IR: 'HML',
  AR: 'HML',
};
const MANDATORY = ['AV', 'AC', 'AT', 'PR', 'UI', 'VC', 'VI', 'VA', 'SC', 'SI', 'SA'] as const;

/** The highest vectors of each equivalence set (section 8.2, tables 24 to 29); of EQ3 with EQ6 by both digits. */
const HIGHEST: Readonly<Record<string, readonly string[]>> = {
  '1=0': ['AV:N/PR:N/UI:N'],
  '1=1': ['AV:A/PR:N/UI:N', 'AV:N/PR:L/UI:N', 'AV:N/PR:N/UI:P'],
  '1=2': ['AV:P/PR:N/UI:N', 'AV:A/PR:L/UI:P'],
  '2=0': ['AC:L/AT:N'],
  '2=1': ['AC:H/AT:N', 'AC:L/AT:P'],
  '3=00': ['VC:H/VI:H/VA:H/CR:H/IR:H/AR:H'],
  '3=01': ['VC:H/VI:H/VA:L/CR:M/IR:M/AR:H', 'VC:H/VI:H/VA:H/CR:M/IR:M/AR:M'],
  '3=10': ['VC:L/VI:H/VA:H/CR:H/IR:H/AR:H', 'VC:H/VI:L/VA:H/CR:H/IR:H/AR:H'],
  '3=11': [
    'VC:L/VI:H/VA:L/CR:H/IR:M/AR:H',
    'VC:L/VI:H/VA:H/CR:H/IR:M/AR:M',
    'VC:H/VI:L/VA:H/CR:M/IR:H/AR:M',
    'VC:H/VI:L/VA:L/CR:M/IR:H/AR:H',
    'VC:L/VI:L/VA:H/CR:H/IR:H/AR:M',
  ],
  '3=21': ['VC:L/VI:L/VA:L/CR:H/IR:H/AR:H'],
  '4=0': ['SC:H/SI:S/SA:S'],
  '4=1': ['SC:H/SI:H/SA:H'],
  '4=2': ['SC:L/SI:L/SA:L'],
};

/** Steps from the highest to the lowest vector of a set, plus one. */
const DEPTHS: Readonly<Record<string, number>> = {
  '1=0': 1,
  '1=1': 4,
  '1=2': 5,
  '2=0': 1,
  '2=1': 2,
  '3=00': 7,
  '3=01': 6,
  '3=10': 8,
  '3=11': 8,
  '3=21': 10,
  '4=0': 6,
  '4=1': 5,
  '4=2': 4,
};

/**
 * The score, 0 to 10 with one decimal, of a CVSS 4.0 vector ("CVSS:4.0/AV:N/…"), by the macro-vectors of the
 * specification's section 8. Threat and environmental metrics that the vector carries are counted.
 *
 * @throws FormatError `cvss.vector`
 */
export function scoreCvss4(vector: string): number {
  const metrics = readMetrics(vector);
  const of = (name: string): string => metrics.get(name) ?? '';
  if (['VC', 'VI', 'VA', 'SC', 'SI', 'SA'].every((name) => of(name) === 'N')) return 0;

  const [one, two, three, four, five, six] = equivalenceSets(of);
  const value = scoreOf.get(`${one}${two}${three}${four}${five}${six}`) ?? 0;
  const lower = [
    scoreOf.get(`${one + 1}${two}${three}${four}${five}${six}`),
    scoreOf.get(`${one}${two + 1}${three}${four}${five}${six}`),
    lowerImpact(`${one}${two}`, three, `${four}${five}`, six),
    scoreOf.get(`${one}${two}${three}${four + 1}${five}${six}`),
  ];
  const sets = [`1=${one}`, `2=${two}`, `3=${three}${six}`, `4=${four}`];
  let sum = 0;
  let existing = scoreOf.has(`${one}${two}${three}${four}${five + 1}${six}`) ? 1 : 0;
  for (const [index, set] of sets.entries()) {
    const next = lower[index];
    if (next === undefined) continue;
    existing++;
    sum += (value - next) * (distance(set, of) / (DEPTHS[set] ?? 1));
  }
  const score = existing === 0 ? value : value - sum / existing;
  // A grain more than half, because 8.45 is 8.449… in binary.
  return Math.round(Math.min(10, Math.max(0, score)) * 10 + 1e-6) / 10;
}

function readMetrics(vector: string): Map<string, string> {
  const fail = (why: string): FormatError =>
    new FormatError('cvss.vector', `the CVSS vector ${JSON.stringify(vector.slice(0, 200))} ${why}`);
  const [prefix, ...parts] = vector.split('/');
  if (prefix !== 'CVSS:4.0') throw fail('does not begin with CVSS:4.0');
  const stated = new Map<string, string>();
  for (const part of parts) {
    const [name = '', value = ''] = part.split(':');
    if (stated.has(name)) throw fail(`has ${name} twice`);
    stated.set(name, value);
  }
  const metrics = new Map<string, string>();
  for (const [name, values] of Object.entries(VALUES)) {
    const base = stated.get(name);
    const isMandatory = (MANDATORY as readonly string[]).includes(name);
    // "Safety" is a value of the modified metrics only.
    const allowed = isMandatory ? values.replace('S', '') : `${values}X`;
    if (base === undefined ? isMandatory : base.length !== 1 || !allowed.includes(base)) {
      throw fail(`has no valid ${name}`);
    }
    const modified = stated.get(`M${name}`);
    if (modified !== undefined && (modified.length !== 1 || !`${values}X`.includes(modified))) {
      throw fail(`has no valid M${name}`);
    }
    const stands = modified === undefined || modified === 'X' ? base : modified;
    // What is not defined counts as the worst (section 3.1 of threat and environmental metrics).
    metrics.set(name, stands === undefined || stands === 'X' ? values.charAt(0) : stands);
  }
  return metrics;
}

function equivalenceSets(of: (name: string) => string): [number, number, number, number, number, number] {
  const entry = [of('AV'), of('PR'), of('UI')];
  const easy = entry.filter((value) => value === 'N').length;
  const isConfidential = of('VC') === 'H';
  const isIntegral = of('VI') === 'H';
  return [
    easy === 3 ? 0 : easy > 0 && of('AV') !== 'P' ? 1 : 2,
    of('AC') === 'L' && of('AT') === 'N' ? 0 : 1,
    isConfidential && isIntegral ? 0 : isConfidential || isIntegral || of('VA') === 'H' ? 1 : 2,
    of('SI') === 'S' || of('SA') === 'S' ? 0 : ['SC', 'SI', 'SA'].some((name) => of(name) === 'H') ? 1 : 2,
    'APU'.indexOf(of('E')),
    ['C', 'I', 'A'].some((side) => of(`${side}R`) === 'H' && of(`V${side}`) === 'H') ? 0 : 1,
  ];
}

/** EQ3 and EQ6 go down together; from 00 there are two ways, and the higher score counts. */
function lowerImpact(first: string, three: number, middle: string, six: number): number | undefined {
  const bySix = six === 0 ? scoreOf.get(`${first}${three}${middle}1`) : undefined;
  const byThree =
    three < 2 && (six === 1 || three === 0) ? scoreOf.get(`${first}${three + 1}${middle}${six}`) : undefined;
  if (bySix === undefined || byThree === undefined) return bySix ?? byThree;
  return Math.max(bySix, byThree);
}

/** Steps down from the first of the highest vectors that is nowhere below this one. */
function distance(set: string, of: (name: string) => string): number {
  for (const highest of HIGHEST[set] ?? []) {
    const steps = highest.split('/').map((part) => {
      const [name = '', value = ''] = part.split(':');
      const values = VALUES[name] ?? '';
      return values.indexOf(of(name)) - values.indexOf(value);
    });
    if (steps.every((step) => step >= 0)) return steps.reduce((sum, step) => sum + step, 0);
  }
  return 0;
}
