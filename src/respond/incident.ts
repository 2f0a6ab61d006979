import { type Alert, type Priority, readRulePages } from '../detect/index.ts';
import type { Text } from '../system/index.ts';

export type IncidentState = 'open' | 'acknowledged' | 'contained' | 'closed';

/** What it turned out to be. */
export type Decision = 'confirmed' | 'false-alarm' | 'accepted' | 'test';

/** Alerts that are one story, and what people made of it. */
export interface Incident {
  /** UUIDv7; people use the number. */
  readonly id: string;
  /** 1, 2, 3 … for the whole platform. */
  readonly number: number;
  readonly state: IncidentState;
  readonly title: Text;
  /** The rule of the first of its worst alerts: what it is called after. */
  readonly rule: string;
  /** The worst of its alerts. */
  readonly priority: Priority;
  /** Null for what happened on a host outside any container of ours. */
  readonly project: string | null;
  readonly environment: string | null;
  readonly workload: string | null;
  readonly container: string | null;
  readonly containerId: string | null;
  readonly host: string;
  /** The image that the container runs: the thread to build, scan, signatures and verdicts. */
  readonly digest: string | null;
  readonly alertCount: number;
  /** How many of them are kept whole; the rest is a number. */
  readonly keptCount: number;
  readonly openedAt: string;
  readonly lastAlertAt: string;
  readonly acknowledgedAt: string | null;
  readonly containedAt: string | null;
  readonly closedAt: string | null;
  readonly owner: string | null;
  readonly decision: Decision | null;
  readonly reason: string | null;
}

/** An alert with its place. */
export interface StoredAlert extends Alert {
  readonly incident: number;
  readonly host: string;
}

/** `process`: the processes that the alerts name, with everything below them; `container`: the whole container. */
export type KillTarget =
  | { readonly kind: 'process'; readonly containerId: string; readonly pids: readonly number[] }
  | { readonly kind: 'container'; readonly containerId: string };

/** What is done by whoever can do it; see actions.ts for what each means. */
export type DeedKind =
  | 'notify'
  | 'evidence'
  | 'pause'
  | 'unpause'
  | 'isolate'
  | 'unisolate'
  | 'quarantine'
  | 'unquarantine'
  | 'roll-back'
  | 'revoke-tokens'
  | 'cordon'
  | 'uncordon'
  | 'drain'
  | 'undrain'
  | 'snapshot';

export type ActionKind = DeedKind | 'kill-process' | 'kill-container';

/** `subject`: what a deed was asked of, in words. */
export type ActionTarget = KillTarget | { readonly kind: 'subject'; readonly subject: string };

export interface Action {
  readonly id: string;
  readonly incident: number;
  readonly kind: ActionKind;
  readonly target: ActionTarget;
  /**
   * `unknown`: nobody can say whether it happened, because the host did not answer or control stopped meanwhile.
   * `awaiting`: a policy asks for it and a person has to approve. `queued`: about to be done.
   * `dry-run`: a policy would have done it. `declined`: whoever was asked said no.
   */
  readonly state: 'awaiting' | 'queued' | 'running' | 'done' | 'failed' | 'unknown' | 'dry-run' | 'declined';
  readonly actor: string;
  readonly reason: string | null;
  readonly at: string;
  readonly endedAt: string | null;
  /** What happened, in words. */
  readonly outcome: Text | null;
}

export const PRIORITY_WORDS: Readonly<Record<Priority, Text>> = {
  emergency: { en: 'emergency', es: 'emergencia' },
  alert: { en: 'alert', es: 'alerta' },
  critical: { en: 'critical', es: 'crítica' },
  error: { en: 'error', es: 'error' },
  warning: { en: 'warning', es: 'advertencia' },
  notice: { en: 'notice', es: 'aviso' },
  informational: { en: 'informational', es: 'informativa' },
  debug: { en: 'debug', es: 'depuración' },
};

/** Names of what has no page of a rule: Falco's own files, and what the platform says by itself. */
const RULE_TITLES: Readonly<Record<string, Text>> = {
  'Terminal shell in container': { en: 'Terminal shell in container', es: 'Terminal interactiva en un contenedor' },
  'Read sensitive file untrusted': { en: 'Sensitive file read', es: 'Lectura de un archivo sensible' },
  'Container not started by the platform': {
    en: 'Container not started by the platform',
    es: 'Contenedor que la plataforma no inició',
  },
  'Program that is not in the image': {
    en: 'Program that is not in the image',
    es: 'Programa que no está en la imagen',
  },
  'Sensor ended from outside': { en: 'Sensor ended from outside', es: 'Sensor terminado desde fuera' },
  'Sensor replaced': { en: 'Sensor replaced', es: 'Sensor sustituido' },
  'Sensor lags': { en: 'Sensor lags behind', es: 'Sensor con retraso' },
  'Sensor does not answer': { en: 'Sensor does not answer', es: 'El sensor no responde' },
  'Sensor does not run': { en: 'Sensor does not run', es: 'El sensor no está en marcha' },
  'Sensor does not see everything': { en: 'Sensor does not see everything', es: 'El sensor no lo ve todo' },
  'Program of 32 bits is not seen': {
    en: 'Program of 32 bits whose calls are not seen',
    es: 'Programa de 32 bits cuyas llamadas no se ven',
  },
  'Control group named like a container': {
    en: 'Control group of the host named like a container',
    es: 'Grupo de control del host con nombre de contenedor',
  },
  'Sensor lost events': { en: 'Sensor lost events', es: 'El sensor perdió eventos' },
  'Drill not seen': { en: 'Drill not seen', es: 'Simulacro no visto' },
  'Rule failed': { en: 'Rule failed', es: 'Regla que falló' },
  'Sensor detached': { en: 'Sensor detached', es: 'Sensor desconectado del núcleo' },
  'Denied command': { en: 'Denied command', es: 'Orden prohibida' },
  'Denied file': { en: 'Denied file', es: 'Archivo prohibido' },
  'Denied package': { en: 'Denied package', es: 'Paquete prohibido' },
  'Denied component': { en: 'Denied component', es: 'Componente prohibido' },
};

let pageTitles: ReadonlyMap<string, Text> | null = null;

/** The names that the pages of shipped rules give; read when the first incident is told. */
function titlesOfPages(): ReadonlyMap<string, Text> {
  if (pageTitles !== null) return pageTitles;
  const [en, es] = [readRulePages('en'), readRulePages('es')];
  pageTitles = new Map(
    [...en].map(([rule, { title }]) => [rule, { en: title, es: es.get(rule)?.title ?? title }] as const),
  );
  return pageTitles;
}

/** The words for a rule in lists; rules of one's own keep the name that their author gave. */
export function ruleTitle(rule: string): Text {
  const known = Object.hasOwn(RULE_TITLES, rule) ? RULE_TITLES[rule] : undefined;
  return known ?? titlesOfPages().get(rule) ?? { en: rule, es: rule };
}

/** Rules in whose name, in either language, a word stands. */
export function rulesCalled(word: string): string[] {
  const wanted = word.toLowerCase();
  return [...Object.entries(RULE_TITLES), ...titlesOfPages()].flatMap(([rule, { en, es }]) =>
    `${en}\n${es}`.toLowerCase().includes(wanted) ? [rule] : [],
  );
}

/** Where it happened, as people name it: `tienda/dev/web`, else the host. */
export function placeOf(
  incident: Pick<Incident, 'project' | 'environment' | 'workload' | 'container' | 'host'>,
): string {
  const { project, environment, workload, container, host } = incident;
  if (project === null) return container === null ? host : `${host}: ${container}`;
  return [project, environment, workload].filter((part) => part !== null).join('/');
}

/** What it is called in lists. */
export function titleOf(
  incident: Pick<Incident, 'rule' | 'project' | 'environment' | 'workload' | 'container' | 'host'>,
): Text {
  const { en, es } = ruleTitle(incident.rule);
  const place = placeOf(incident);
  return { en: `${en}: ${place}`, es: `${es}: ${place}` };
}
