import { createHmac } from 'node:crypto';
import type { Alert } from '../../detect/index.ts';
import { partOfImage } from '../../events/index.ts';
import { priorityRank } from '../alert.ts';
import { type Incident, placeOf } from '../incident.ts';
import { printable } from '../timeline.ts';

export const CHANNEL_KINDS = ['webhook', 'falcosidekick', 'slack', 'teams', 'syslog', 'email'] as const;
export type ChannelKind = (typeof CHANNEL_KINDS)[number];

/** What is told: an incident as it was then, and the alert that was the reason. Plain JSON, kept until it is delivered. */
export interface Notice {
  readonly event: 'incident.opened' | 'incident.worsened' | 'incident.told' | 'test';
  readonly at: string;
  readonly instance: string;
  readonly incident: Pick<
    Incident,
    'number' | 'rule' | 'priority' | 'project' | 'environment' | 'workload' | 'host' | 'digest' | 'openedAt'
  > & { readonly container: string | null };
  readonly alert:
    | (Pick<Alert, 'id' | 'at' | 'rule' | 'priority' | 'tags' | 'output' | 'outputFields' | 'truncated'> & {
        /** Notices kept by a version before do not say it. */
        readonly container?: Alert['container'];
      })
    | null;
}

/** One line that says it all; texts of programs are cut and made printable. */
export function sentenceOf({ event, incident, alert }: Notice): string {
  const what = event === 'test' ? 'test of a notice channel' : `${incident.rule}: ${placeOf(incident)}`;
  const now = event === 'incident.worsened' ? ' is worse now' : '';
  const output = alert === null ? '' : ` – ${printable(alert.output)}`;
  return `[${incident.priority}] incident ${incident.number}${now}: ${printable(what)}${output}`;
}

/** The body that a receiver of this kind understands. */
export function bodyOf(kind: Exclude<ChannelKind, 'syslog' | 'email'>, notice: Notice): string {
  switch (kind) {
    case 'webhook':
      return JSON.stringify({ version: 1, ...notice });
    case 'falcosidekick':
      return JSON.stringify(falcoEvent(notice));
    case 'slack':
      // Escaped as Slack asks for, so that no text of a program becomes a link or a mention.
      return JSON.stringify({ text: sentenceOf(notice).replace(/[&<>]/g, (sign) => SLACK[sign] ?? sign) });
    case 'teams':
      return JSON.stringify({
        type: 'message',
        attachments: [
          {
            contentType: 'application/vnd.microsoft.card.adaptive',
            content: {
              $schema: 'http://adaptivecards.io/schemas/adaptive-card.json',
              type: 'AdaptiveCard',
              version: '1.4',
              // A run of text is shown as it is; a text block would read marks in it.
              body: [{ type: 'RichTextBlock', inlines: [{ type: 'TextRun', text: sentenceOf(notice) }] }],
            },
          },
        ],
      });
  }
}

const SLACK: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;' };

/** The JSON of Falco's outputs, with the member names that receivers of Falcosidekick read. */
function falcoEvent(notice: Notice): Record<string, unknown> {
  const { alert, incident, at, instance } = notice;
  const priority = alert?.priority ?? incident.priority;
  return {
    ...(alert === null ? {} : { uuid: alert.id }),
    // Without a sentence, or a field, a receiver takes it for no event at all.
    output: alert === null || alert.output === '' ? sentenceOf(notice) : alert.output,
    priority: priority.charAt(0).toUpperCase() + priority.slice(1),
    rule: alert?.rule ?? incident.rule,
    time: alert?.at ?? at,
    source: 'syscall',
    hostname: incident.host,
    tags: alert?.tags ?? [],
    output_fields: {
      ...suggestedFields(alert),
      ...alert?.outputFields,
      // A number as Falco has it, also where the rule's sentence has a text there: a store takes one kind of value under one name.
      ...(alert === null ? {} : { 'evt.time': Date.parse(alert.at) * 1e6 }),
      ...(alert?.truncated === true ? { 'darsena.truncated': true } : {}),
      'darsena.instance': instance,
      'darsena.incident': incident.number,
      'darsena.project': incident.project,
      'darsena.environment': incident.environment,
      'darsena.workload': incident.workload,
      'container.image.digest': incident.digest,
    },
  };
}

/** What Falco adds to every event by itself, so that receivers find the container whatever the rule's sentence has. */
function suggestedFields(alert: Notice['alert']): Record<string, string | null> {
  const container = alert?.container;
  if (container === undefined) return {};
  if (container === null) return { 'container.id': 'host', 'container.name': 'host' };
  return {
    'container.id': container.id.slice(0, 12),
    'container.name': container.name,
    'container.image.repository': partOfImage(container.image, 'repository'),
    'container.image.tag': partOfImage(container.image, 'tag'),
    'k8s.ns.name': container.project,
    'k8s.pod.name': container.pod,
  };
}

/** Security and authorization messages (RFC 5424, table 1). */
const FACILITY = 10;

/** A message of RFC 5424; the severity of an alert is that of syslog. */
export function syslogMessage(notice: Notice): string {
  const { incident, at, event, instance } = notice;
  const data = Object.entries({
    incident: String(incident.number),
    project: incident.project,
    environment: incident.environment,
    workload: incident.workload,
    digest: incident.digest,
  })
    .flatMap(([name, value]) =>
      value === null ? [] : [`${name}="${value.replace(/[\\"\]]/g, (sign) => `\\${sign}`)}"`],
    )
    .join(' ');
  const head = `<${FACILITY * 8 + priorityRank(incident.priority)}>1 ${at}`;
  const names = [incident.host, `darsena-${instance}`, '-', event].map((text) =>
    text.replace(/[^!-~]/g, '_').slice(0, 48),
  );
  // 32473 is the number that RFC 5612 gives to examples and documents.
  return `${head} ${names.join(' ')} [darsena@32473 ${data}] ${sentenceOf(notice)}`;
}

/** `v1=` and the HMAC-SHA-256 of `TIMESTAMP.BODY`, in hexadecimal: a receiver that checks both takes nothing twice. */
export function signatureOf(secret: string, timestamp: string, body: string): string {
  return `v1=${createHmac('sha256', secret).update(`${timestamp}.${body}`).digest('hex')}`;
}
