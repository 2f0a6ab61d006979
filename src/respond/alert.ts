import { z } from 'zod';
import { type Alert, PRIORITIES, type Priority } from '../detect/index.ts';
import { respondFault } from './errors.ts';
import { ALERT_TEXT_MAX } from './limits.ts';

/** Texts of an alert are written by the program that raised it: they are cut, never believed. */
const text = z.string().transform((value) => value.slice(0, ALERT_TEXT_MAX));
const name = z.string().max(300);
const pid = z.number().int().min(0).max(0x7fff_ffff);
const ancestor = z.object({ pid, name: text, exe: text, cmdline: text });
const alertShape = z.object({
  id: z.uuid(),
  at: z.iso.datetime(),
  kernelTimeNs: z.number(),
  rule: name,
  priority: z.string().refine((value): value is Priority => (PRIORITIES as readonly string[]).includes(value)),
  tags: z.array(name).max(100),
  output: text,
  outputFields: z.record(z.string(), z.union([text, z.number(), z.boolean(), z.null()])),
  container: z
    .object({
      id: name,
      name: name.nullable(),
      project: name.nullable(),
      environment: name.nullable(),
      workload: name.nullable(),
      pod: name.nullable(),
      container: name.nullable(),
      image: name.nullable(),
      digest: name.nullable(),
    })
    .nullable(),
  process: z.object({
    ...ancestor.shape,
    ppid: pid,
    cwd: text,
    uid: z.number().int(),
    tty: z.number().int(),
    startedAt: z.iso.datetime().nullable(),
  }),
  ancestors: z.array(ancestor).max(64),
  source: z.object({ kind: z.literal('rule'), file: name, line: z.number().int() }),
});

/**
 * Reads an alert that came over a wire.
 * @throws Fault respond.alert-unreadable
 */
export function readAlert(value: unknown): Alert {
  const parsed = alertShape.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const reason = issue === undefined ? 'it has another shape' : `${issue.path.join('.')}: ${issue.message}`;
  throw respondFault('respond.alert-unreadable', { reason }, { cause: parsed.error });
}

/** 0 is the worst, as syslog counts. */
export function priorityRank(priority: Priority): number {
  return PRIORITIES.indexOf(priority);
}

/**
 * What belongs together. Whatever rules speak of one container within a window is one story, because an intruder's shell
 * and the file that it reads are; on the host, where there is no such bound, it is one story a rule family (its MITRE
 * tactic where it names one). The sensor's own health is never mixed into either.
 */
export function groupKey(alert: Alert, host: string): string {
  const { container, tags, rule } = alert;
  const family = tags.includes('sensor') ? 'sensor' : 'activity';
  if (container !== null) {
    const { project, environment, workload, id } = container;
    return JSON.stringify([family, host, project, environment, workload, id]);
  }
  return JSON.stringify([family, host, tags.find((tag) => tag.startsWith('mitre_')) ?? rule]);
}
