import { isOfHost, type Reason, type Verdict } from '../../admit/index.ts';
import { deployFault, type WorkloadStatus } from '../../deploy/index.ts';
import { parseReference } from '../../oci/index.ts';
import type { ScanReport } from '../../scan/index.ts';
import { Fault, type Language, type Text } from '../../system/index.ts';

/** One parameter of a fault has one text; the English one is what logs and scripts know. */
export function said(text: Text): string {
  return text.en;
}

/**
 * The command that shows the image that was refused first, whoever built it; null when none was: a host may be what is refused.
 * @param references the images that would run, each with its digest
 */
export function showRefused(references: readonly string[], verdicts: readonly Verdict[]): string | null {
  const refusing = verdicts.find(({ reasons }) =>
    reasons.some(({ rule, effect }) => effect === 'refuse' && !isOfHost(rule)),
  );
  const image = references.map(parseReference).find(({ digest }) => digest === refusing?.digest);
  return image === undefined || image.digest === null ? null : `darsena image show ${image.repository}@${image.digest}`;
}

/** Braces in a reason are text, not places of a template. */
function escapePlaces(text: string): string {
  return text.replaceAll('{', '(').replaceAll('}', ')');
}

/** The most that is said of one rule in a line. */
const SAID_TOGETHER_MAX = 12;

interface ReasonLine {
  readonly effect: Reason['effect'];
  readonly text: Text;
}

/**
 * The reasons of a verdict as lines: what one rule says of several things, or of several workloads in the same words, is one
 * line. What differs stands after the last colon of a rule's message, as `{subject}` does.
 */
function linesOf(reasons: readonly Reason[]): ReasonLine[] {
  // What is said in the same words of several workloads, first; then what one rule says of one set of workloads.
  const messages = new Map<string, { reason: Reason; workloads: Set<string> }>();
  for (const reason of reasons) {
    const key = JSON.stringify([reason.effect, reason.rule, reason.message.en]);
    const known = messages.get(key) ?? { reason, workloads: new Set<string>() };
    messages.set(key, known);
    // The message names the finding; what it lacks is whose it is.
    const workload = reason.subject?.split(':')[0];
    if (workload !== undefined) known.workloads.add(workload);
  }
  const lines = new Map<string, { effect: Reason['effect']; workloads: string; parts: Text[] }>();
  for (const { reason, workloads } of messages.values()) {
    const names = workloads.size === 0 ? '' : ` [${[...workloads].join(', ')}]`;
    const key = JSON.stringify([reason.effect, reason.rule, headOf(reason.message.en), names]);
    const line = lines.get(key) ?? { effect: reason.effect, workloads: names, parts: [] };
    lines.set(key, line);
    line.parts.push(reason.message);
  }
  return [...lines.values()].map(({ effect, workloads, parts }) => {
    const say = (language: Language): string => {
      const [first = '', ...others] = parts.slice(0, SAID_TOGETHER_MAX).map((part) => part[language]);
      const rest = others.map((message) => message.slice(headOf(message).length));
      const more = parts.length - 1 - rest.length;
      if (more > 0) rest.push(language === 'en' ? `and ${more} more` : `y ${more} más`);
      return [first, ...rest].join('; ') + workloads;
    };
    return { effect, text: { en: say('en'), es: say('es') } };
  });
}

/** The reasons of a verdict as lines, each with what it does. */
export function reasonTexts(reasons: readonly Reason[]): Text[] {
  return linesOf(reasons).map(({ effect, text }) => ({
    en: `${EFFECT[effect].en}: ${text.en}`,
    es: `${EFFECT[effect].es}: ${text.es}`,
  }));
}

/**
 * A refused verdict as a fault, with the way out of each reason.
 * @param show the command that shows more, if there is more to see
 */
export function refusal(project: string, environment: string, reasons: readonly Reason[], show: string | null): Fault {
  const refusing = reasons.filter(({ effect }) => effect === 'refuse');
  const lines = linesOf(refusing);
  const why = (language: Language): string => escapePlaces(lines.map(({ text }) => text[language]).join('; '));
  const remedy = (language: Language): { readonly remedy?: string } => {
    const remedies = [...new Set(refusing.flatMap((reason) => reason.remedy?.[language] ?? []))];
    // Each reason has its own among the details.
    const told = [...remedies.slice(0, SAID_TOGETHER_MAX), ...(show === null ? [] : [show])];
    return told.length === 0 ? {} : { remedy: escapePlaces(told.join('; ')) };
  };
  const { kind, en, es } = deployFault.specs['deploy.refused'];
  // Reasons are sentences in both languages; a fault's parameters are one text each.
  return new Fault(
    'deploy.refused',
    {
      kind,
      en: { what: en.what, why: why('en'), ...remedy('en') },
      es: { what: es.what, why: why('es'), ...remedy('es') },
    },
    { project, environment },
    {
      details: {
        reasons: reasons.map((reason) => ({
          ...reason,
          message: { ...reason.message },
          remedy: reason.remedy === null ? null : { ...reason.remedy },
          exception: null,
        })),
      },
    },
  );
}

const EFFECT: Readonly<Record<Reason['effect'], Text>> = {
  refuse: { en: 'refuses', es: 'rechaza' },
  warn: { en: 'warns', es: 'advierte' },
};

/** What the messages of one rule have in common. */
function headOf(message: string): string {
  const at = message.lastIndexOf(': ');
  return at === -1 ? '' : message.slice(0, at + 2);
}

/** In one line, by which policy. */
export function decisionText(verdict: Verdict): Text {
  const { policy, reasons } = verdict;
  const counts = {
    refuse: reasons.filter((one) => one.effect === 'refuse').length,
    warn: reasons.filter((one) => one.effect === 'warn').length,
  };
  const words = {
    allow: { en: 'allowed', es: 'permitido' },
    warn: { en: `allowed with ${counts.warn} warning(s)`, es: `permitido con ${counts.warn} advertencia(s)` },
    refuse: { en: `refused for ${counts.refuse} reason(s)`, es: `rechazado por ${counts.refuse} motivo(s)` },
  }[verdict.decision];
  return { en: `${words.en} by the policy ${policy.name}`, es: `${words.es} según la política ${policy.name}` };
}

/** What a person wants to know of a scan at once. */
export function scanText(report: ScanReport): Text {
  if (!report.complete) {
    return { en: `incomplete: ${report.incomplete?.en ?? ''}`, es: `incompleto: ${report.incomplete?.es ?? ''}` };
  }
  const { byRisk, state, answered = 0 } = report.summary;
  const en = [
    `${report.packages} packages`,
    `${byRisk['act-now']} act now, ${byRisk.high} high, ${byRisk.medium} medium, ${byRisk.low} low`,
  ];
  const es = [
    `${report.packages} paquetes`,
    `${byRisk['act-now']} urgentes, ${byRisk.high} altos, ${byRisk.medium} medios, ${byRisk.low} bajos`,
  ];
  if (answered > 0) {
    en.push(`${answered} answered for`);
    es.push(`${answered} con respuesta`);
  }
  const { secrets, malware } = report;
  if (secrets.length > 0) {
    en.push(`${secrets.length} credentials`);
    es.push(`${secrets.length} credenciales`);
  }
  if (malware.findings.length > 0) {
    en.push(`MALWARE in ${malware.findings.length} places`);
    es.push(`CÓDIGO MALICIOSO en ${malware.findings.length} lugares`);
  } else if (malware.state === 'not-scanned') {
    en.push('not scanned for malware');
    es.push('sin analizar en busca de código malicioso');
  }
  const silent = Object.entries(report.advisories.coverage)
    .filter(([, coverage]) => coverage === 'no-data')
    .map(([type]) => type);
  if (silent.length > 0 && state !== 'clean') {
    en.push(`unknown, no data for: ${silent.join(', ')}`);
    es.push(`desconocido, sin datos de: ${silent.join(', ')}`);
  }
  return { en: en.join('; '), es: es.join('; ') };
}

/** Why workloads are not ready, each by its name. */
export function troubleText(statuses: readonly WorkloadStatus[]): Text {
  const conditions = statuses.flatMap(({ key, conditions: list }) =>
    list.map((condition) => ({ name: key.name, text: condition.text })),
  );
  if (conditions.length === 0) return { en: 'it did not become ready in time', es: 'no estuvo lista a tiempo' };
  return {
    en: conditions.map(({ name, text }) => `${name}: ${text.en}`).join('; '),
    es: conditions.map(({ name, text }) => `${name}: ${text.es}`).join('; '),
  };
}

/** What may pass by itself. What ends a roll-out is told with its end, and what holds whatever is released is no reason. */
const HOLDS: ReadonlySet<WorkloadStatus['conditions'][number]['type']> = new Set([
  'start-failed',
  'crash-loop',
  'cordoned',
  'engine-away',
  'eviction-waits',
]);

/** Seconds and the ids of containers: another with each try. */
const PASSING = /\b(?:\d+ s|[0-9a-f]{12,64})\b/gu;

/** A reason that comes back after less than this never went: tries that fail in turn each have their own. */
const HOLD_FORGOTTEN_MS = 60_000;

/**
 * Tells why workloads of a release are not ready yet: each time it is asked, what keeps one now and did not before. A reason
 * is the same where it comes again with the next try, in a new container or after another time.
 * @param number of the release; what hosts say of others is of its way only where they cannot say anything of this one
 */
export function createHoldTeller(number: number): (status: WorkloadStatus, nowMs: number) => Text[] {
  const seenMs = new Map<string, number>();
  return ({ key: { name }, generation, conditions }, nowMs) =>
    conditions.flatMap(({ type, text }) => {
      if (!HOLDS.has(type) || (generation !== number && type !== 'engine-away')) return [];
      const key = `${name} ${text.en.replace(PASSING, '')}`;
      const isKnown = nowMs - (seenMs.get(key) ?? Number.NEGATIVE_INFINITY) < HOLD_FORGOTTEN_MS;
      seenMs.set(key, nowMs);
      return isKnown ? [] : [text];
    });
}

export function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}
