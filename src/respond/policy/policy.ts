import { z } from 'zod';
import { type Alert, PRIORITIES, type Priority } from '../../detect/index.ts';
import { matchesGlob } from '../../oci/index.ts';
import { expected, type Fault, type Json, type Text } from '../../system/index.ts';
import { ACTIONS, reachOf } from '../actions.ts';
import { priorityRank } from '../alert.ts';
import { respondFault } from '../errors.ts';
import type { ActionKind } from '../incident.ts';
import { POLICY_ACTIONS_MAX, POLICY_PATTERNS_MAX } from '../limits.ts';
import { readShaped } from '../shaped-yaml.ts';

/** What is done by itself when alerts of a kind come. Plain JSON. */
export interface ResponsePolicy {
  readonly name: string;
  /** `dry-run`: it only says what it would do. */
  readonly mode: 'dry-run' | 'enforce';
  /** All that is named has to hold; patterns with `*`. */
  readonly match: {
    readonly rules: readonly string[] | null;
    /** One of them is enough. */
    readonly tags: readonly string[] | null;
    /** This or worse. */
    readonly priority: Priority;
    readonly projects: readonly string[] | null;
    readonly environments: readonly string[] | null;
  };
  /** In this order; each once an incident. */
  readonly do: readonly ActionKind[];
  /** Names of playbooks, each begun once an incident. */
  readonly run: readonly string[];
  /** Environments in which somebody else than the author has to agree first; patterns. */
  readonly approve: readonly string[];
  readonly limit: { readonly actions: number; readonly minutes: number };
}

/** With a policy goes the word of who wrote it: else its author could take it away and agree alone. */
export const POLICY_GONE: Text = {
  en: 'the policy that asked for it is no longer in force',
  es: 'la política que lo pidió ya no está en vigor',
};

const pattern = z.string().min(1).max(200);
const patterns = z.array(pattern).min(1).max(POLICY_PATTERNS_MAX).nullable().default(null);
const kinds = ACTIONS.filter(({ undoes }) => undoes === null).map(({ kind }) => kind) as [ActionKind, ...ActionKind[]];

const shape = z
  .strictObject({
    name: z.string().regex(/^[a-z][a-z0-9-]{0,62}$/),
    mode: z.enum(['dry-run', 'enforce']).default('dry-run'),
    match: z
      .strictObject({
        rules: patterns,
        tags: patterns,
        priority: z.enum(PRIORITIES).default('debug'),
        projects: patterns,
        environments: patterns,
      })
      // What matches everything is a slip of the pen: something of an alert has to be named.
      .refine(
        ({ rules, tags, priority }) => rules !== null || tags !== null || priority !== 'debug',
        expected('rules, tags or priority', 'rules, tags o priority'),
      ),
    do: z.array(z.enum(kinds)).max(POLICY_ACTIONS_MAX).default([]),
    run: z
      .array(z.string().regex(/^[a-z][a-z0-9-]{0,62}$/))
      .max(POLICY_ACTIONS_MAX)
      .default([]),
    approve: z.array(pattern).max(POLICY_PATTERNS_MAX).default([]),
    limit: z
      .strictObject({ actions: z.number().int().min(1).max(1_000), minutes: z.number().int().min(1).max(1_440) })
      .default({ actions: 10, minutes: 60 }),
  })
  .refine((policy) => policy.do.length + policy.run.length > 0, { ...expected('do or run', 'do o run'), path: ['do'] });

/** @throws Fault respond.policy-invalid with every mistake and its place in `details` */
export function readResponsePolicy(source: string): ResponsePolicy {
  return readShaped(source, shape, invalid);
}

function invalid(place: string, why: Text, details: Json): Fault {
  return respondFault('respond.policy-invalid', { place, why }, { details });
}

/** Whether a policy speaks of an alert. Pure: what it would have done is asked of old alerts in the same way. */
export function speaksOf({ match }: ResponsePolicy, alert: Alert): boolean {
  const { container } = alert;
  const one = (wanted: readonly string[] | null, value: string | null | undefined): boolean =>
    wanted === null || (typeof value === 'string' && wanted.some((glob) => matchesGlob(glob, value)));
  return (
    one(match.rules, alert.rule) &&
    (match.tags === null || alert.tags.some((tag) => one(match.tags, tag))) &&
    priorityRank(alert.priority) <= priorityRank(match.priority) &&
    one(match.projects, container?.project) &&
    one(match.environments, container?.environment)
  );
}

/** Whether somebody has to agree before it acts there. */
export function asksFirst({ approve }: ResponsePolicy, environment: string | null): boolean {
  return approve.some((glob) => matchesGlob(glob, environment ?? ''));
}

/** Whether it is done once more about an incident: each alert names processes of its own, and what ends them is no lasting state. */
export function actsAgain(kind: string, mode: ResponsePolicy['mode']): boolean {
  return kind === 'kill-process' && mode === 'enforce';
}

export interface WouldDo {
  readonly incident: number;
  readonly alert: string;
  readonly at: string;
  readonly rule: string;
  readonly place: string;
  /** Of a playbook `run NAME`. */
  readonly action: string;
  readonly how: 'act' | 'ask' | 'limit';
}

/** A stored alert, as far as a policy looks at it. */
type PastAlert = Alert & { readonly incident: number; readonly host: string };

/** What a policy would have done about alerts that were stored: each action and playbook once an incident, held back by its limit. */
export class PolicyReplay {
  readonly found: WouldDo[] = [];
  readonly #policy: ResponsePolicy;
  readonly #done = new Set<string>();
  /** When it acted, within the limit's time: older ones are forgotten. */
  readonly #acted: number[] = [];
  readonly #begun: number[] = [];
  /** By what it reached, when it last did. */
  readonly #reached = new Map<string, number>();

  constructor(policy: ResponsePolicy) {
    this.#policy = policy;
  }

  /** @param alerts oldest first, after those that were taken before */
  take(alerts: readonly PastAlert[]): void {
    for (const alert of alerts) if (speaksOf(this.#policy, alert)) this.#judge(alert);
  }

  #judge(alert: PastAlert): void {
    const { container } = alert;
    const { limit, do: actions, run } = this.#policy;
    const [project, environment] = [container?.project ?? null, container?.environment ?? null];
    const place = [project, environment, container?.workload].filter(Boolean).join('/');
    const atMs = Date.parse(alert.at);
    const since = atMs - limit.minutes * 60_000;
    for (const times of [this.#acted, this.#begun]) while (times[0] !== undefined && times[0] <= since) times.shift();
    const tell = (action: string, isOver: boolean): void => {
      const { incident, id, at, rule } = alert;
      const how = isOver ? 'limit' : asksFirst(this.#policy, environment) ? 'ask' : 'act';
      this.found.push({ incident, alert: id, at, rule, place, action, how });
    };
    for (const action of actions) {
      if (!this.#isFirst(alert.incident, action) && !actsAgain(action, this.#policy.mode)) continue;
      const reach = reachOf(action, { project, environment, digest: container?.digest ?? null, host: alert.host });
      const isAgain = reach !== null && (this.#reached.get(reach) ?? Number.NEGATIVE_INFINITY) > since;
      const isOver = isAgain || this.#acted.length >= limit.actions;
      if (!isOver) this.#acted.push(atMs);
      if (!isOver && reach !== null) this.#reached.set(reach, atMs);
      tell(action, isOver);
    }
    for (const name of run) {
      const action = `run ${name}`;
      if (!this.#isFirst(alert.incident, action)) continue;
      const isOver = this.#acted.length + this.#begun.length >= limit.actions;
      if (!isOver) this.#begun.push(atMs);
      tell(action, isOver);
    }
  }

  /** Whether this was not yet asked about that incident. */
  #isFirst(incident: number, action: string): boolean {
    const key = `${incident} ${action}`;
    const isFirst = !this.#done.has(key);
    this.#done.add(key);
    return isFirst;
  }
}
