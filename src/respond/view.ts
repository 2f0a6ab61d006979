import type { Language, Text } from '../system/index.ts';
import { type Action, type Incident, ruleTitle, type StoredAlert } from './incident.ts';
import type { ProcessNode } from './process-tree.ts';
import type { IncidentDetail } from './respond.ts';
import type { TimelineEntry } from './timeline.ts';

/** An incident as the API shows it: the title in the caller's language, as it stands in a list. */
export interface IncidentView extends Omit<Incident, 'title' | 'alertCount' | 'keptCount'> {
  readonly title: string;
  /** How many there were. */
  readonly alerts: number;
  /** How many of them are kept whole; the rest is a number. */
  readonly kept: number;
  /** The pod of the first alert; only an incident shown by itself tells it. */
  readonly pod: string | null;
  /** Its container is known to be there no longer, and what was done to it went with it; false where nobody knows. */
  readonly containerGone: boolean;
}

export interface IncidentDetailView extends IncidentView {
  /** Each with the name of its rule in the reader's language. */
  readonly alertsList: readonly (StoredAlert & { readonly title: string })[];
  readonly timeline: readonly (TimelineEntry & { readonly href: string | null; readonly digest: string | null })[];
  readonly processTree: readonly ProcessNodeView[];
  readonly actions: readonly ActionView[];
}

export interface ProcessNodeView extends Omit<ProcessNode, 'alerts' | 'children'> {
  readonly user: string | null;
  /** Whether an alert names this very process. */
  readonly alert: boolean;
  readonly children: readonly ProcessNodeView[];
}

export interface ActionView {
  readonly id: string;
  readonly at: string;
  readonly endedAt: string | null;
  readonly actor: string;
  readonly action: Action['kind'];
  /** In words: `container 3f2a…`, `process 300`. */
  readonly target: string;
  readonly outcome: 'pending' | 'done' | 'failed';
  readonly state: Action['state'];
  readonly detail: Text | null;
  readonly reason: string | null;
}

export function showIncident(
  incident: Incident,
  language: Language,
  { gone, pod = null }: { readonly gone: boolean; readonly pod?: string | null },
): IncidentView {
  const { title, alertCount, keptCount, ...rest } = incident;
  return { ...rest, title: title[language], alerts: alertCount, kept: keptCount, pod, containerGone: gone };
}

export function showDetail(detail: IncidentDetail, language: Language, gone: boolean): IncidentDetailView {
  const { alerts, timeline, processTree, actions, ...incident } = detail;
  return {
    ...showIncident(incident, language, { gone, pod: alerts[0]?.container?.pod ?? null }),
    alertsList: alerts.map((alert) => ({ ...alert, title: ruleTitle(alert.rule)[language] })),
    timeline: timeline.map((entry) => ({
      ...entry,
      href:
        entry.ref.kind === 'fact' && incident.project !== null ? imagePage(incident.project, incident.digest) : null,
      digest: entry.ref.kind === 'fact' ? incident.digest : null,
    })),
    processTree: processTree.map(showProcess),
    actions: actions.map(showAction),
  };
}

export function showAction(action: Action): ActionView {
  const { id, at, endedAt, actor, kind, target, state, outcome, reason } = action;
  return {
    ...{ id, at, endedAt, actor, action: kind, target: wordsOf(target), state, detail: outcome, reason },
    // What nobody can vouch for is not done; the detail says which of the two it is.
    outcome: PENDING.includes(state) ? 'pending' : state === 'done' || state === 'dry-run' ? 'done' : 'failed',
  };
}

const PENDING: readonly Action['state'][] = ['running', 'queued', 'awaiting'];

function wordsOf(target: Action['target']): string {
  switch (target.kind) {
    case 'process':
      return `process ${target.pids.join(', ')}`;
    case 'container':
      return `container ${target.containerId.slice(0, 12)}`;
    case 'subject':
      return target.subject;
  }
}

function showProcess({ alerts, children, ...node }: ProcessNode): ProcessNodeView {
  return { ...node, user: null, alert: alerts.length > 0, children: children.map(showProcess) };
}

/** Where the console shows the image. */
function imagePage(project: string, digest: string | null): string | null {
  return digest === null ? null : `/projects/${project}/images/${digest}`;
}
