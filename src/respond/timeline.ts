import type { Priority } from '../detect/index.ts';
import { SAID_IN_SPANISH } from '../detect/index.ts';
import { cutText } from '../events/index.ts';
import type { Fact } from '../journal/index.ts';
import type { Json, Text } from '../system/index.ts';
import { describeAction } from './actions.ts';
import {
  type Action,
  type ActionKind,
  type Incident,
  PRIORITY_WORDS,
  ruleTitle,
  type StoredAlert,
} from './incident.ts';
import type { Step } from './store.ts';

/** The stations of the thread, in the order in which software passes them. */
export type Station =
  | 'commit'
  | 'build'
  | 'scan'
  | 'signature'
  | 'verdict'
  | 'deploy'
  | 'session'
  | 'alert'
  | 'action'
  | 'incident';

export interface TimelineEntry {
  readonly at: string;
  /** The kind of the fact that states it: `image.scanned`, `alert.raised`, `action.taken` … */
  readonly kind: string;
  readonly station: Station;
  readonly tone: 'plain' | 'good' | 'warn' | 'bad';
  readonly title: Text;
  readonly actor: string | null;
  /** The fact, alert or action behind it. */
  readonly ref: { readonly kind: 'fact' | 'alert' | 'action' | 'incident'; readonly id: string };
}

interface Parts {
  readonly facts: readonly Fact[];
  readonly steps: readonly Step[];
  readonly alerts: readonly StoredAlert[];
  readonly actions: readonly Action[];
}

/** The whole story in order: how the image came to run, what was noticed, what was done. Pure. */
export function buildTimeline(incident: Incident, { facts, steps, alerts, actions }: Parts): TimelineEntry[] {
  const entries = [
    ...facts.flatMap((fact) => entriesOfFact(fact, incident)),
    ...alerts.map(entryOfAlert),
    ...actions.flatMap(entriesOfAction),
    ...steps.flatMap((step) => entriesOfStep(step, incident)),
    ...entriesWithoutSteps(incident, steps),
  ];
  // Equal times keep the order above: what was noticed before what was done about it.
  return entries.sort((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : 0));
}

/** Facts of other kinds, and those of other environments, are not part of this story. */
function entriesOfFact(fact: Fact, incident: Incident): TimelineEntry[] {
  const { environment } = incident;
  const told = textAt(fact.body, 'environment');
  if (told !== null && environment !== null && told !== environment) return [];
  const say = (station: Station, tone: TimelineEntry['tone'], en: string, es: string): TimelineEntry => ({
    at: fact.at,
    kind: fact.kind,
    station,
    tone,
    title: { en, es },
    actor: fact.actor,
    ref: { kind: 'fact', id: fact.id },
  });
  const { subject } = fact;
  switch (fact.kind) {
    case 'image.built': {
      const commit = textAt(fact.body, 'commit');
      const built = say('build', 'plain', `image ${subject} built`, `imagen ${subject} construida`);
      if (commit === null) return [built];
      const source = say('commit', 'plain', `source at commit ${commit}`, `código fuente en el commit ${commit}`);
      // Where the build began: the image was pushed before it was told as built.
      const began = Date.parse(fact.at) - (numberAt(fact.body, 'durationMs') ?? 0);
      return [{ ...source, at: new Date(began).toISOString() }, built];
    }
    case 'image.pushed':
      return [say('build', 'plain', `image pushed as ${subject}`, `imagen subida como ${subject}`)];
    case 'image.scanned': {
      const findings = numberAt(fact.body, 'findings');
      const count = findings === null ? '' : `: ${findings}`;
      const tone = findings === null ? 'plain' : findings > 0 ? 'warn' : 'good';
      return [say('scan', tone, `image scanned, findings${count}`, `imagen analizada, hallazgos${count}`)];
    }
    case 'image.findings-changed': {
      const [added, removed] = [numberAt(fact.body, 'addedCount') ?? 0, numberAt(fact.body, 'removedCount') ?? 0];
      const tone = added > 0 ? 'warn' : 'good';
      return [
        say(
          'scan',
          tone,
          `advisories: ${added} new, ${removed} gone`,
          `avisos: ${added} nuevos, ${removed} desaparecidos`,
        ),
      ];
    }
    case 'image.signed': {
      const use = textAt(fact.body, 'use') ?? 'image';
      const key = textAt(fact.body, 'key') ?? '?';
      const spanish = SPANISH_USE[use] ?? use;
      return [say('signature', 'good', `signed (${use}) with key ${key}`, `firmada (${spanish}) con la clave ${key}`)];
    }
    case 'workload.judged': {
      const decision = textAt(fact.body, 'decision') ?? '';
      const tone = decision === 'allow' ? 'good' : decision === 'warn' ? 'warn' : 'bad';
      const door = textAt(fact.body, 'door') ?? '';
      const place = DOOR[door] ?? { en: `at ${door}`, es: `en ${door}` };
      const spanish = SPANISH_DECISION[decision] ?? decision;
      return [say('verdict', tone, `verdict ${place.en}: ${decision}`, `veredicto ${place.es}: ${spanish}`)];
    }
    case 'workload.changed': {
      const state = textAt(fact.body, 'state') ?? '';
      const commit = textAt(fact.body, 'commit');
      const source = commit === null ? '' : ` (commit ${commit})`;
      const spanish = SPANISH_STATE[state] ?? state;
      const place = subject.replace(/ release (\d+)$/, ' versión $1');
      return [say('deploy', 'plain', `${subject}: ${state}${source}`, `${place}: ${spanish}${source}`)];
    }
    case 'workload.exec-opened':
    case 'workload.attached':
    case 'workload.debugged':
    case 'workload.port-forwarded': {
      // One in another container of the image is another story.
      const container = textAt(fact.body, 'containerId');
      if (container !== null && incident.containerId !== null && container !== incident.containerId) return [];
      const [en, es] = SESSIONS[fact.kind] ?? ['', ''];
      return [say('session', 'warn', `${en} ${subject}`, `${es} ${subject}`)];
    }
    case 'action.approved': {
      // One of another incident of the image is another story.
      if (numberAt(fact.body, 'incident') !== incident.number) return [];
      const { title } = describeAction(textAt(fact.body, 'kind') as ActionKind);
      const why = textAt(fact.body, 'reason');
      const reason = why === null ? '' : ` (${printable(why)})`;
      return [say('action', 'plain', `agreed to: ${title.en}${reason}`, `aprobado: ${title.es}${reason}`)];
    }
    default:
      return [];
  }
}

/** What became of the incident, each by who it was. */
function entriesOfStep(step: Step, incident: Incident): TimelineEntry[] {
  const ofIncident = (tone: TimelineEntry['tone'], title: Text): TimelineEntry => ({
    ...{ at: step.at, kind: step.kind, station: 'incident', tone, title, actor: step.actor },
    ref: { kind: 'incident', id: incident.id },
  });
  switch (step.kind) {
    case 'incident.acknowledged':
      return [ofIncident('plain', { en: 'incident acknowledged', es: 'incidente reconocido' })];
    case 'incident.assigned': {
      const owner = textAt(step.body, 'owner');
      const en = owner === null ? 'incident with nobody again' : `incident given to ${printable(owner)}`;
      const es = owner === null ? 'incidente otra vez sin nadie a cargo' : `incidente encargado a ${printable(owner)}`;
      return [ofIncident('plain', { en, es })];
    }
    case 'incident.worsened': {
      const priority = PRIORITY_WORDS[textAt(step.body, 'priority') as Priority] ?? { en: '?', es: '?' };
      const rule = ruleTitle(textAt(step.body, 'rule') ?? '?');
      return [
        ofIncident('warn', {
          en: `severity is now ${priority.en}: ${printable(rule.en)}`,
          es: `la gravedad es ahora ${priority.es}: ${printable(rule.es)}`,
        }),
      ];
    }
    case 'incident.closed': {
      const decision = DECISIONS[textAt(step.body, 'decision') ?? ''] ?? { en: '?', es: '?' };
      const why = inBrackets(textAt(step.body, 'reason'));
      return [
        ofIncident('plain', {
          en: `incident closed: ${decision.en}${why}`,
          es: `incidente cerrado: ${decision.es}${why}`,
        }),
      ];
    }
    case 'incident.reopened': {
      if (textAt(step.body, 'alert') !== null)
        return [
          ofIncident('warn', {
            en: 'open again: an alert came after it was contained',
            es: 'abierto de nuevo: llegó una alerta después de contenerlo',
          }),
        ];
      const why = inBrackets(textAt(step.body, 'reason'));
      return [ofIncident('plain', { en: `incident reopened${why}`, es: `incidente reabierto${why}` })];
    }
    default:
      return [];
  }
}

/** Incidents of before steps were kept know that they were taken on and closed, and not by whom. */
function entriesWithoutSteps(incident: Incident, steps: readonly Step[]): TimelineEntry[] {
  const { acknowledgedAt, closedAt, decision, reason } = incident;
  const missing = [
    ['incident.acknowledged', acknowledgedAt, {}],
    ['incident.closed', closedAt, { decision, reason }],
  ] as const;
  return missing.flatMap(([kind, at, body]) =>
    at === null || steps.some((step) => step.kind === kind || step.at <= at)
      ? []
      : entriesOfStep({ id: '', at, kind, actor: '', body }, incident).map((entry) => ({ ...entry, actor: null })),
  );
}

function inBrackets(reason: string | null): string {
  return reason === null ? '' : ` (${printable(reason)})`;
}

/** What people do in a container by the platform itself: an alert of a terminal is often this. */
const SESSIONS: Readonly<Record<string, readonly [en: string, es: string]>> = {
  'workload.exec-opened': ['session opened in', 'sesión abierta en'],
  'workload.attached': ['attached to', 'conexión a la entrada y salida de'],
  'workload.debugged': ['container for debugging opened beside', 'contenedor de depuración abierto junto a'],
  'workload.port-forwarded': ['port forwarded to', 'puerto reenviado a'],
};
const SPANISH_USE: Readonly<Record<string, string>> = {
  image: 'imagen',
  provenance: 'procedencia',
  scan: 'análisis',
  verdict: 'veredicto',
};
const DOOR: Readonly<Record<string, Text>> = {
  ci: { en: 'in the pipeline', es: 'en la integración continua' },
  push: { en: 'at push', es: 'al subir la imagen' },
  pull: { en: 'at pull', es: 'al bajar la imagen' },
  start: { en: 'before the start', es: 'antes de arrancar' },
  promote: { en: 'at promotion', es: 'al promover' },
};
const SPANISH_DECISION: Readonly<Record<string, string>> = { allow: 'permitir', warn: 'advertir', refuse: 'rechazar' };
const SPANISH_STATE: Readonly<Record<string, string>> = {
  judging: 'en juicio',
  'rolling-out': 'desplegando',
  available: 'disponible',
  refused: 'rechazada',
  failed: 'fallida',
  'rolled-back': 'revertida',
  superseded: 'sustituida',
};

function entryOfAlert(alert: StoredAlert): TimelineEntry {
  const rule = ruleTitle(alert.rule);
  const inSpanish = alert.outputFields[SAID_IN_SPANISH];
  // What the platform says of itself is about no process.
  if (typeof inSpanish === 'string' && alert.container === null)
    return alertEntry(alert, {
      en: `${rule.en}: ${printable(alert.output)}`,
      es: `${rule.es}: ${printable(inSpanish)}`,
    });
  const { cmdline, name, uid } = alert.process;
  const { 'container.id': id, 'container.name': called, 'container.image': image } = alert.outputFields;
  const program = printable(cmdline === '' ? name : cmdline);
  // Of a container that is not the platform's, its name says more than its first program; one that is gone has none.
  const foreign = [called, image].filter((one) => typeof one === 'string').join(' ');
  const what =
    alert.container === null && id !== undefined && (foreign !== '' || program === '')
      ? printable(foreign || String(id).slice(0, 16)) + (program === '' ? '' : `: ${program}`)
      : program;
  const process = alert.process.pid === 0 ? '' : ` (uid ${uid}, pid ${alert.process.pid})`;
  return alertEntry(alert, { en: `${rule.en}: ${what}${process}`, es: `${rule.es}: ${what}${process}` });
}

function alertEntry({ at, id }: StoredAlert, title: Text): TimelineEntry {
  return { at, kind: 'alert.raised', station: 'alert', tone: 'bad', title, actor: null, ref: { kind: 'alert', id } };
}

function entriesOfAction(action: Action): TimelineEntry[] {
  const what = wordsOfAction(action);
  const ref = { kind: 'action', id: action.id } as const;
  const { actor } = action;
  const common = { kind: 'action.taken', station: 'action', ref } as const;
  // A policy's reason is the rule that it spoke of.
  const said = action.reason ?? '';
  const why = action.actor.startsWith('policy:') ? ruleTitle(said) : { en: said, es: said };
  const inFull = (language: keyof Text): string => `${what[language]}${inBrackets(why[language] || null)}`;
  const title = { en: inFull('en'), es: inFull('es') };
  const asked: TimelineEntry = { ...common, at: action.at, tone: 'plain', title, actor };
  if (action.endedAt === null || action.outcome === null) return [asked];
  const tone = action.state === 'done' ? 'good' : 'bad';
  return [asked, { ...common, at: action.endedAt, tone, title: action.outcome, actor: null }];
}

const OF_STATE: Partial<Readonly<Record<Action['state'], Text>>> = {
  'dry-run': { en: 'would have been done', es: 'se habría hecho' },
  awaiting: { en: 'waits for approval', es: 'espera aprobación' },
  declined: { en: 'declined', es: 'rechazado' },
};

function wordsOfAction({ kind, target, state, endedAt, outcome }: Action): Text {
  const { title } = describeAction(kind);
  const of = target.kind === 'process' ? ` ${target.pids.join(', ')}` : '';
  // What a policy said when it planned it, such as that its limit holds it back: nobody was asked then.
  const planned = endedAt === null ? outcome : null;
  const known = state === 'declined' && planned !== null ? undefined : OF_STATE[state];
  const more = (language: 'en' | 'es'): string => {
    const how = [known, planned].flatMap((one) => one?.[language] ?? []).join('; ');
    return `${of}${inBrackets(how || null)}`;
  };
  return { en: `${title.en}${more('en')}`, es: `${title.es}${more('es')}` };
}

export const DECISIONS: Readonly<Record<string, Text>> = {
  confirmed: { en: 'confirmed', es: 'confirmado' },
  'false-alarm': { en: 'false alarm', es: 'falsa alarma' },
  accepted: { en: 'accepted behaviour', es: 'comportamiento aceptado' },
  test: { en: 'test or drill', es: 'prueba o simulacro' },
};

/** Program texts may hold anything; control characters would write on the reader's terminal. */
export function printable(text: string): string {
  return cutText(text, 200).replaceAll(
    /[\p{Cc}\p{Cf}\p{Cs}\u2028\u2029]/gu,
    (character) => `\\u${(character.codePointAt(0) ?? 0).toString(16).padStart(4, '0')}`,
  );
}

function textAt(body: Json, member: string): string | null {
  const value = memberOf(body, member);
  return typeof value === 'string' && value !== '' ? value : null;
}

function numberAt(body: Json, member: string): number | null {
  const value = memberOf(body, member);
  return typeof value === 'number' ? value : null;
}

function memberOf(body: Json, member: string): Json | undefined {
  return typeof body === 'object' && body !== null && !Array.isArray(body) && Object.hasOwn(body, member)
    ? body[member]
    : undefined;
}
