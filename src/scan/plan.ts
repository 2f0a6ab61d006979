import { createRequire } from 'node:module';
import type * as Orderings from '../advisories/orderings/index.ts';
import type { Digest } from '../oci/index.ts';
import type { Decision, Finding, FixPlan, FixStep, ScanReport } from './report.ts';

/** A newer build of the image that this one stands on. */
export interface NewerBase {
  /** `base/debian-12`. */
  readonly name: string;
  /** Days (YYYY-MM-DD) of the two builds. */
  readonly from: string;
  readonly to: string;
  /** The layers that the base brought. */
  readonly layers: ReadonlySet<Digest>;
  /** What is still wrong in the newer one: `ID|package`. */
  readonly remaining: ReadonlySet<string>;
}

/** How a finding in the base is found again in another build of it, whatever its version. */
export function baseKey(finding: Pick<Finding, 'id'> & { readonly package: { readonly name: string } }): string {
  return `${finding.id}|${finding.package.name}`;
}

/** How plans name findings. */
export function findingKey(finding: Pick<Finding, 'id'> & { readonly package: { readonly purl: string } }): string {
  return `${finding.id}|${finding.package.purl}`;
}

/** One more urgent finding outweighs any handful of less urgent ones. */
const WEIGHTS: Readonly<Record<Decision, number>> = { act: 100, attend: 20, 'track*': 4, track: 1 };

/** A person does not read more; the rest is noise behind it. */
const STEPS_MAX = 200;

interface Candidate {
  readonly step: Omit<FixStep, 'title' | 'findings' | 'removes' | 'share'>;
  readonly names: readonly string[];
  readonly fixes: readonly Finding[];
}

/**
 * The fewest upgrades that remove the most risk, by greedy cover: each step is the one that takes away most of what the
 * steps before it left. An upgrade of a package goes to the highest fix that any of its findings names. Findings that a
 * VEX statement takes away need no upgrade.
 */
export function planUpgrades(
  report: Pick<ScanReport, 'findings' | 'layers' | 'distribution'>,
  base: NewerBase | null,
): FixPlan {
  const counted = report.findings.filter(({ vex }) => vex?.status !== 'not_affected' && vex?.status !== 'fixed');
  const total = counted.reduce((sum, { decision }) => sum + WEIGHTS[decision], 0);
  const lines = new Map(report.layers.map(({ digest, createdBy }) => [digest, createdBy]));
  let candidates = [...packageCandidates(counted, lines), ...baseCandidates(counted, base)];
  const open = new Set(counted);
  const steps: FixStep[] = [];
  while (steps.length < STEPS_MAX) {
    let best: { candidate: Candidate; gone: Finding[]; weight: number } | null = null;
    const useful: Candidate[] = [];
    for (const candidate of candidates) {
      const gone = candidate.fixes.filter((finding) => open.has(finding));
      if (gone.length === 0) continue;
      useful.push(candidate);
      const weight = gone.reduce((sum, { decision }) => sum + WEIGHTS[decision], 0);
      if (best === null || weight > best.weight) best = { candidate, gone, weight };
    }
    if (best === null) break;
    for (const finding of best.gone) open.delete(finding);
    steps.push(toStep(best.candidate, best.gone, total === 0 ? 0 : best.weight / total));
    candidates = useful.filter((candidate) => candidate !== best.candidate);
  }
  return { steps, removes: steps.reduce((sum, { removes }) => sum + removes.findings, 0), of: counted.length };
}

/** What one command upgrades together: packages of a distribution from one source, or one package in one place. */
function packageCandidates(findings: readonly Finding[], lines: ReadonlyMap<Digest, string | null>): Candidate[] {
  const places = new Map<string, { fixes: Finding[]; fixed: string }>();
  for (const finding of findings) {
    const { package: one, fixedVersion } = finding;
    if (fixedVersion === null) continue;
    const key = JSON.stringify([one.type, one.name, one.version, isSystem(one.type) ? '' : one.path, one.layer]);
    const place = places.get(key);
    if (place === undefined) places.set(key, { fixes: [finding], fixed: fixedVersion });
    else {
      place.fixes.push(finding);
      if (compareVersions(one.type, fixedVersion, place.fixed) > 0) place.fixed = fixedVersion;
    }
  }
  // libssl3 and openssl of one source have the same versions: one upgrade.
  const together = new Map<string, { names: string[]; fixes: Finding[]; fixed: string }>();
  for (const { fixes, fixed } of places.values()) {
    const one = fixes[0]?.package;
    if (one === undefined) continue;
    const key = isSystem(one.type)
      ? JSON.stringify([one.type, one.version, fixed, one.layer])
      : JSON.stringify([one.type, one.name, one.version, one.path, one.layer]);
    const group = together.get(key) ?? { names: [], fixes: [], fixed };
    together.set(key, group);
    if (!group.names.includes(one.name)) group.names.push(one.name);
    group.fixes.push(...fixes);
  }
  return [...together.values()].flatMap(({ names, fixes, fixed }) => {
    const one = fixes[0]?.package;
    if (one === undefined) return [];
    return {
      names: names.sort(),
      fixes,
      step: {
        kind: 'package' as const,
        name: names[0] ?? one.name,
        type: one.type,
        from: one.version,
        to: fixed,
        path: isSystem(one.type) ? null : one.path,
        layer: one.layer,
        line: one.layer === null ? null : (lines.get(one.layer) ?? null),
      },
    };
  });
}

function baseCandidates(findings: readonly Finding[], base: NewerBase | null): Candidate[] {
  if (base === null) return [];
  const fixes = findings.filter(
    (finding) =>
      finding.package.layer !== null && base.layers.has(finding.package.layer) && !base.remaining.has(baseKey(finding)),
  );
  if (fixes.length === 0) return [];
  const { name, from, to } = base;
  const step = { kind: 'base' as const, name, type: null, from, to, path: null, layer: null, line: null };
  return [{ names: [name], fixes, step }];
}

function toStep({ step, names }: Candidate, gone: readonly Finding[], share: number): FixStep {
  const byDecision: Record<Decision, number> = { act: 0, attend: 0, 'track*': 0, track: 0 };
  for (const { decision } of gone) byDecision[decision] += 1;
  const where = step.path === null ? { en: '', es: '' } : { en: ` in /${step.path}`, es: ` en /${step.path}` };
  const list = names.length > 4 ? [...names.slice(0, 3), `… (${names.length})`].join(', ') : names.join(', ');
  const title =
    step.kind === 'base'
      ? {
          en: `build on the base ${step.name} of ${step.to} instead of that of ${step.from}`,
          es: `construir sobre la base ${step.name} del ${step.to} en vez de la del ${step.from}`,
        }
      : {
          en: `upgrade ${list} ${step.from} → ${step.to}${where.en}`,
          es: `actualizar ${list} ${step.from} → ${step.to}${where.es}`,
        };
  return {
    ...step,
    title,
    findings: gone.map(findingKey),
    removes: { findings: gone.length, kev: gone.filter(({ kev }) => kev).length, byDecision },
    share: Math.round(share * 1000) / 1000,
  };
}

/** Installed by the package manager of the distribution: the place says nothing that a person needs. */
function isSystem(type: string): boolean {
  return type === 'deb' || type === 'rpm' || type === 'apk' || type === 'alpm';
}

/** Versions are compared of what has a fix: who has no findings need not load how. */
let orderings: typeof Orderings | null = null;

/** Advisories order versions by ecosystem; here a purl type stands for its best known one. */
const ECOSYSTEMS: Readonly<Record<string, string>> = {
  ...{ deb: 'Debian', rpm: 'AlmaLinux', apk: 'Alpine', npm: 'npm', pypi: 'PyPI', golang: 'Go', cargo: 'crates.io' },
  ...{ gem: 'RubyGems', maven: 'Maven', nuget: 'NuGet', composer: 'Packagist' },
};

function compareVersions(type: string, a: string, b: string): number {
  orderings ??= createRequire(import.meta.url)('../advisories/orderings/index.ts') as typeof Orderings;
  const ordering = orderings.orderingOf(ECOSYSTEMS[type] ?? '');
  return ordering?.compare(a, b) ?? a.localeCompare(b, 'en', { numeric: true });
}
