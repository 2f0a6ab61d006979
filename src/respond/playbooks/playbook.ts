import { z } from 'zod';
import { PRIORITIES, type Priority } from '../../detect/index.ts';
import { matchesGlob } from '../../oci/index.ts';
import type { Fault, Json, Text } from '../../system/index.ts';
import { ACTIONS } from '../actions.ts';
import { priorityRank } from '../alert.ts';
import { respondFault } from '../errors.ts';
import type { ActionKind, Incident } from '../incident.ts';
import { PLAYBOOK_STEPS_MAX, POLICY_PATTERNS_MAX } from '../limits.ts';
import { readShaped } from '../shaped-yaml.ts';

/** One thing to do, if its conditions hold when its turn comes. */
export interface PlaybookStep {
  readonly do: ActionKind;
  /** All that is named has to hold; patterns with `*`. */
  readonly when: {
    readonly projects: readonly string[] | null;
    readonly environments: readonly string[] | null;
    readonly rules: readonly string[] | null;
    /** This or worse. */
    readonly priority: Priority;
  };
  /** Somebody has to agree first: neither who wrote the playbook nor who started it. */
  readonly approve: boolean;
  readonly onFailure: 'stop' | 'go-on';
}

/** Steps that are done one after the other about an incident. Plain JSON. */
export interface Playbook {
  readonly name: string;
  readonly description: string;
  readonly steps: readonly PlaybookStep[];
}

const patterns = z.array(z.string().min(1).max(200)).min(1).max(POLICY_PATTERNS_MAX).nullable().default(null);
const kinds = ACTIONS.map(({ kind }) => kind) as [ActionKind, ...ActionKind[]];

const shape = z.strictObject({
  name: z.string().regex(/^[a-z][a-z0-9-]{0,62}$/),
  description: z.string().max(500).default(''),
  steps: z
    .array(
      z.strictObject({
        do: z.enum(kinds),
        when: z
          .strictObject({
            projects: patterns,
            environments: patterns,
            rules: patterns,
            priority: z.enum(PRIORITIES).default('debug'),
          })
          .default({ projects: null, environments: null, rules: null, priority: 'debug' }),
        approve: z.boolean().default(false),
        onFailure: z.enum(['stop', 'go-on']).default('stop'),
      }),
    )
    .min(1)
    .max(PLAYBOOK_STEPS_MAX),
});

/** @throws Fault respond.playbook-invalid with every mistake and its place in `details` */
export function readPlaybook(source: string): Playbook {
  return readShaped(source, shape, invalid);
}

function invalid(place: string, why: Text, details: Json): Fault {
  return respondFault('respond.playbook-invalid', { place, why }, { details });
}

/** Why a step is not for this incident, or null. */
export function whyNotNow({ when }: PlaybookStep, incident: Incident): Text | null {
  const fits = (wanted: readonly string[] | null, value: string | null): boolean =>
    wanted === null || (value !== null && wanted.some((glob) => matchesGlob(glob, value)));
  if (!fits(when.projects, incident.project)) return { en: 'another project', es: 'otro proyecto' };
  if (!fits(when.environments, incident.environment)) return { en: 'another environment', es: 'otro entorno' };
  if (!fits(when.rules, incident.rule)) return { en: 'another rule', es: 'otra regla' };
  if (priorityRank(incident.priority) > priorityRank(when.priority))
    return { en: `less than ${when.priority}`, es: `menos que ${when.priority}` };
  return null;
}
