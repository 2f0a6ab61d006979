import { type Alert, PRIORITIES, type Priority } from '../detect/index.ts';
import { cutText } from '../events/index.ts';
import { respondFault } from './errors.ts';
import {
  ALERT_ANCESTORS_MAX,
  ALERT_COUNT_MAX,
  ALERT_FIELDS_MAX,
  ALERT_NAME_MAX,
  ALERT_TAGS_MAX,
  ALERT_TEXT_MAX,
  PID_MAX,
} from './limits.ts';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
/** RFC 3339 in UTC, as the sensor writes it. */
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?Z$/;

/**
 * Reads an alert that came over a wire. Written by hand, because each alert waits for it on its way to the disk.
 * @throws Fault respond.alert-unreadable
 */
export function readAlert(value: unknown): Alert {
  const alert = record(value, 'the alert');
  const process = record(alert['process'], 'process');
  const source = record(alert['source'], 'source');
  if (source['kind'] !== 'rule') throw unreadable('source.kind', 'is not "rule"');
  return {
    id: matching(alert['id'], UUID, 'id'),
    at: time(alert['at'], 'at'),
    kernelTimeNs: number(alert['kernelTimeNs'], 'kernelTimeNs'),
    rule: name(alert['rule'], 'rule'),
    priority: priority(alert['priority']),
    tags: list(alert['tags'], ALERT_TAGS_MAX, 'tags').map((tag) => name(tag, 'tags')),
    output: text(alert['output'], 'output'),
    outputFields: outputFields(alert['outputFields']),
    container: alert['container'] === null ? null : container(alert['container']),
    process: {
      ...ancestor(process, 'process'),
      ppid: integer(process['ppid'], 0, PID_MAX, 'process.ppid'),
      cwd: text(process['cwd'], 'process.cwd'),
      uid: integer(process['uid'], 0, 2 ** 32 - 1, 'process.uid'),
      tty: integer(process['tty'], -(2 ** 31), 2 ** 32 - 1, 'process.tty'),
      startedAt: process['startedAt'] === null ? null : time(process['startedAt'], 'process.startedAt'),
    },
    ancestors: list(alert['ancestors'], ALERT_ANCESTORS_MAX, 'ancestors').map((one) => ancestor(one, 'ancestors')),
    source: {
      kind: 'rule',
      file: name(source['file'], 'source.file'),
      line: integer(source['line'], 0, Number.MAX_SAFE_INTEGER, 'source.line'),
    },
    ...(alert['truncated'] === true ? { truncated: true } : {}),
    ...(alert['count'] === undefined ? {} : { count: integer(alert['count'], 1, ALERT_COUNT_MAX, 'count') }),
  };
}

function ancestor(value: unknown, at: string): Alert['ancestors'][number] {
  const { pid, name: process, exe, cmdline } = record(value, at);
  return {
    pid: integer(pid, 0, PID_MAX, `${at}.pid`),
    name: text(process, `${at}.name`),
    exe: text(exe, `${at}.exe`),
    cmdline: text(cmdline, `${at}.cmdline`),
  };
}

function container(value: unknown): NonNullable<Alert['container']> {
  const facts = record(value, 'container');
  // Names of an engine or a registry may be longer: what they are cut to is no reason to refuse the alert.
  const nullable = (key: string): string | null =>
    facts[key] === null ? null : cutText(text(facts[key], `container.${key}`), ALERT_NAME_MAX);
  return {
    id: name(facts['id'], 'container.id'),
    name: nullable('name'),
    project: nullable('project'),
    environment: nullable('environment'),
    workload: nullable('workload'),
    pod: nullable('pod'),
    container: nullable('container'),
    image: nullable('image'),
    digest: nullable('digest'),
  };
}

function outputFields(value: unknown): Alert['outputFields'] {
  const given = Object.entries(record(value, 'outputFields'));
  if (given.length > ALERT_FIELDS_MAX) throw unreadable('outputFields', `has more than ${ALERT_FIELDS_MAX} members`);
  const fields: Record<string, string | number | boolean | null> = Object.create(null);
  for (const [key, one] of given) {
    const plain = one === null || typeof one === 'number' || typeof one === 'boolean';
    fields[name(key, 'outputFields')] = plain ? one : text(one, 'outputFields');
  }
  return fields;
}

function unreadable(at: string, what: string): Error {
  return respondFault('respond.alert-unreadable', { reason: `${at} ${what}` });
}

function record(value: unknown, at: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw unreadable(at, 'is not an object');
  return value as Record<string, unknown>;
}

function list(value: unknown, most: number, at: string): unknown[] {
  if (!Array.isArray(value) || value.length > most) throw unreadable(at, `is not a list of at most ${most}`);
  return value;
}

/** Texts of an alert are written by the program that raised it: they are cut, never believed. */
function text(value: unknown, at: string): string {
  if (typeof value !== 'string') throw unreadable(at, 'is not a text');
  return value.length > ALERT_TEXT_MAX ? cutText(value, ALERT_TEXT_MAX - 1) : value;
}

function name(value: unknown, at: string): string {
  if (typeof value !== 'string' || value.length > ALERT_NAME_MAX)
    throw unreadable(at, `is not a text of at most ${ALERT_NAME_MAX} characters`);
  return value;
}

function matching(value: unknown, pattern: RegExp, at: string): string {
  if (typeof value !== 'string' || !pattern.test(value)) throw unreadable(at, 'has another shape');
  return value;
}

function time(value: unknown, at: string): string {
  const written = matching(value, TIME, at);
  if (Number.isNaN(Date.parse(written))) throw unreadable(at, 'is no time');
  return written;
}

function number(value: unknown, at: string): number {
  if (typeof value !== 'number' || !Number.isFinite(value)) throw unreadable(at, 'is not a number');
  return value;
}

function integer(value: unknown, least: number, most: number, at: string): number {
  if (!Number.isSafeInteger(value) || (value as number) < least || (value as number) > most)
    throw unreadable(at, `is not a whole number from ${least} to ${most}`);
  return value as number;
}

function priority(value: unknown): Priority {
  const known = PRIORITIES.find((one) => one === value);
  if (known === undefined) throw unreadable('priority', 'is none that is known');
  return known;
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
