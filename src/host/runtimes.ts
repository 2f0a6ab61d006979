import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { type AdvisoryDatabase, orderingOf } from '../advisories/index.ts';
import type { Text } from '../system/index.ts';
import type { MachineFacts } from './facts.ts';

interface RuntimeIssue {
  readonly cve: string;
  readonly program: string;
  /** First version that has it. */
  readonly introduced: string;
  /** First free version of each branch. */
  readonly fixed: readonly string[];
  readonly title: Text;
  readonly source: string;
}

export interface RuntimeTruth {
  readonly program: string;
  readonly version: string;
  /** The distribution's package with its version; null: it came by hand. */
  readonly package: string | null;
  readonly issues: readonly {
    readonly cve: string;
    readonly title: Text;
    readonly state: 'exposed' | 'not-affected' | 'unknown';
    readonly evidence: Text;
    readonly source: string;
  }[];
}

/** A run-time of a host with the escapes that are open in it, or of which nothing is known. */
export interface OpenRuntime {
  readonly program: string;
  readonly version: string;
  /** The distribution's package with its version; null: it came by hand. */
  readonly package: string | null;
  readonly cves: readonly RuntimeTruth['issues'][number][];
}

export interface HostRuntimes {
  readonly host: string;
  /** When the host last said what it runs, RFC 3339. */
  readonly seenAt: string;
  /** Empty: none of its run-times has an open CVE that is known. */
  readonly open: readonly OpenRuntime[];
}

/** Of what was judged, only what is open: `exposed`, and `unknown`, which is no reason to believe otherwise. */
export function openRuntimes(truths: readonly RuntimeTruth[]): OpenRuntime[] {
  return truths.flatMap(({ program, version, package: own, issues }) => {
    const cves = issues.filter(({ state }) => state !== 'not-affected');
    return cves.length === 0 ? [] : [{ program, version, package: own, cves }];
  });
}

const FILE = join(resolve(import.meta.dirname, '../../rules/host'), 'runtimes.json');
let issues: readonly RuntimeIssue[] | null = null;

/**
 * Engines and run-times with the escapes that are known of them. The distribution's package decides, by its changelog
 * and by what its advisories say; the version alone only where it lies behind the fix, or nothing of a package is known.
 */
export function judgeRuntimes(facts: MachineFacts, database: AdvisoryDatabase | null): RuntimeTruth[] {
  issues ??= JSON.parse(readFileSync(FILE, 'utf8')) as readonly RuntimeIssue[];
  const known = issues;
  return facts.programs.map((program) => {
    const said = statementsOf(facts, program, database);
    return {
      program: program.name,
      version: program.version,
      package: program.package === null ? null : `${program.package.name} ${program.package.version}`,
      issues: known
        .filter((issue) => issue.program === program.name)
        .map((issue) => ({ cve: issue.cve, title: issue.title, source: issue.source, ...judge(program, issue, said) })),
    };
  });
}

type Program = MachineFacts['programs'][number];

function statementsOf(facts: MachineFacts, { package: own }: Program, database: AdvisoryDatabase | null) {
  if (own === null || database === null || facts.distribution === null) return null;
  return database.statements({
    type: 'deb',
    name: own.name,
    version: own.version,
    source: { name: own.name, version: own.version.replace(/\+b\d+$/, '') },
    distribution: facts.distribution,
  });
}

function judge(
  { version, package: own, fixes }: Program,
  { cve, introduced, fixed }: RuntimeIssue,
  said: ReturnType<typeof statementsOf>,
): { state: 'exposed' | 'not-affected' | 'unknown'; evidence: Text } {
  const entry = fixes[cve];
  if (entry !== undefined) {
    const text = {
      en: `the changelog of ${own?.name} ${own?.version} names its fix in ${entry}`,
      es: `el changelog de ${own?.name} ${own?.version} nombra su corrección en ${entry}`,
    };
    return { state: 'not-affected', evidence: text };
  }
  const statement = said?.get(cve);
  if (statement !== undefined && !statement.affected) {
    const text = {
      en: `${statement.source} says that it is fixed in ${statement.fixedVersion ?? 'all versions'}`,
      es: `${statement.source} dice que está corregida en ${statement.fixedVersion ?? 'todas las versiones'}`,
    };
    return { state: 'not-affected', evidence: text };
  }
  if (version === '') {
    return {
      state: 'unknown',
      evidence: { en: 'its version cannot be told', es: 'no se puede saber su versión' },
    };
  }
  const compare = (a: string, b: string): number => orderingOf('npm')?.compare(plain(a), plain(b)) ?? 0;
  if (introduced !== '0' && compare(version, introduced) < 0) {
    const text = {
      en: `${version} is older than ${introduced}, with which it came`,
      es: `${version} es anterior a ${introduced}, con la que llegó`,
    };
    return { state: 'not-affected', evidence: text };
  }
  const branch = fixed.find((one) => branchOf(one) === branchOf(version));
  const last = fixed.at(-1) ?? '';
  const isFixed = branch === undefined ? compare(version, last) >= 0 : compare(version, branch) >= 0;
  if (isFixed) {
    const text = {
      en: `${version} has the fix, which came with ${branch ?? last}`,
      es: `${version} tiene la corrección, que llegó con ${branch ?? last}`,
    };
    return { state: 'not-affected', evidence: text };
  }
  const where = fixed.join(', ');
  return {
    state: 'exposed',
    evidence:
      own === null
        ? {
            en: `${version} lies before the fixes (${where})`,
            es: `${version} es anterior a las correcciones (${where})`,
          }
        : {
            en: `${version} lies before the fixes (${where}), and the changelog of ${own.name} ${own.version} does not name it`,
            es: `${version} es anterior a las correcciones (${where}), y el changelog de ${own.name} ${own.version} no la nombra`,
          },
  };
}

/** rc95 comes after rc7 only as a number of its own. */
function plain(version: string): string {
  const [main = '0', ...rest] = version.replace(/^v/, '').split('-');
  const numbers = main.split('.');
  while (numbers.length < 3) numbers.push('0');
  const candidate = rest.join('-').replace(/^rc\.?(\d+)/, 'rc.$1');
  return candidate === '' ? numbers.slice(0, 3).join('.') : `${numbers.slice(0, 3).join('.')}-${candidate}`;
}

function branchOf(version: string): string {
  return version.split('.').slice(0, 2).join('.');
}
