import type { ForeignRules, Incident, ResponsePolicy, StoredPlaybook } from '../api/types.ts';

const PRIORITIES = ['emergency', 'alert', 'critical', 'error', 'warning', 'notice', 'informational', 'debug'];
const UNCLOSED: readonly string[] = ['open', 'acknowledged', 'contained'];

/** The queue as the platform narrows it: by state, priority and worse, owner, environment and words. */
export function narrowed<One extends Incident>(all: readonly One[], query: URLSearchParams, me: string): One[] {
  const asked = (name: string): string => query.get(name) ?? '';
  const state = asked('state');
  const owner = asked('owner') === 'me' ? me : asked('owner');
  const words = asked('text').toLowerCase().split(/\s+/);
  const rank = PRIORITIES.indexOf(asked('priority'));
  return all.filter((one) => {
    const { number, rule, title, project, workload, container, host } = one;
    const searched = [number, rule, title, project, one.environment, workload, container, host, one.owner].join(' ');
    return (
      (state === '' || (state === 'unclosed' ? UNCLOSED.includes(one.state) : one.state === state)) &&
      (rank === -1 || PRIORITIES.indexOf(one.priority.toLowerCase()) <= rank) &&
      (owner === '' || one.owner === owner) &&
      (asked('environment') === '' || one.environment === asked('environment')) &&
      words.every((word) => searched.toLowerCase().includes(word))
    );
  });
}

/** What a text says wrongly, as the control program tells it. */
export interface MockMistake {
  readonly line: number;
  readonly column: number;
  readonly place: string;
  readonly reason: { readonly en: string; readonly es: string };
}

const POLICY = `name: stop-shells
mode: enforce # since the spring
match:
  tags: [shell]
  priority: notice
do: [evidence, isolate]
approve: ["pro*"]
`;
const PLAYBOOK = `name: contain-shell
description: A shell where nobody should have one
steps:
  - do: evidence
    onFailure: go-on
  - do: isolate
  - do: quarantine
    approve: true
`;

/** Lists of the first level between brackets, and single values: as much YAML as the tests write. */
function member(source: string, name: string): string | null {
  return new RegExp(`^${name}:[ ]*([^#\\n]*)`, 'm').exec(source)?.[1]?.trim() ?? null;
}

function members(source: string, name: string): string[] {
  return (member(source, name) ?? '')
    .replaceAll(/[[\]"]/g, '')
    .split(/,\s*/)
    .filter(Boolean);
}

export function mistakesIn(source: string): readonly MockMistake[] {
  return source.split('\n').flatMap((line, at): MockMistake[] =>
    line.includes('explode')
      ? [
          {
            ...{ line: at + 1, column: line.indexOf('explode') + 1, place: 'do.0' },
            reason: { en: 'expected one of "evidence", "isolate"', es: 'se esperaba uno de "evidence", "isolate"' },
          },
        ]
      : [],
  );
}

export function readPolicy(source: string, author: string, at = new Date().toISOString()): ResponsePolicy {
  return {
    policy: {
      name: member(source, 'name') ?? '',
      mode: member(source, 'mode') === 'enforce' ? 'enforce' : 'dry-run',
      ...{ do: members(source, 'do'), run: members(source, 'run'), approve: members(source, 'approve') },
      limit: { actions: 10, minutes: 60 },
    },
    ...{ source, author, at },
  };
}

export function readPlaybook(source: string, author: string, at = new Date().toISOString()): StoredPlaybook {
  const steps = source.split(/^ {2}- /m).slice(1);
  return {
    playbook: {
      ...{ name: member(source, 'name') ?? '', description: member(source, 'description') ?? '' },
      steps: steps.map((step) => ({ do: member(step, 'do') ?? '', approve: step.includes('approve: true') })),
    },
    ...{ source, author, at },
  };
}

export const mockPolicies = () => [readPolicy(POLICY, 'user:luis', '2026-03-02T10:00:00.000Z')];
export const mockPlaybooks = () => [readPlaybook(PLAYBOOK, 'user:ana', '2026-03-02T10:00:00.000Z')];

export const mockWouldDo = () => ({
  ...{ name: 'stop-shells', alerts: 41, cut: false },
  items: (['act', 'act', 'ask', 'limit'] as const).map((how, place) => ({
    ...{ incident: 7 - place, alert: `a${place}`, at: new Date(Date.now() - (place + 1) * 7_200_000).toISOString() },
    ...{ rule: 'Terminal opened in a container', place: `tienda/${place === 2 ? 'prod' : 'dev'}/web` },
    ...{ action: place % 2 === 0 ? 'evidence' : 'isolate', how },
  })),
});

export const mockForeignRules = (): {
  allowed: ForeignRules['allowed'][number][];
  stops: ForeignRules['stops'][number][];
} => ({
  allowed: [
    {
      ...{ id: 'allowed-1', image: null, name: 'monitoring-*', host: null, until: '2027-01-31T00:00:00.000Z' },
      ...{ reason: 'the institution’s monitoring', author: 'user:luis', at: '2026-11-01T08:00:00.000Z' },
    },
  ],
  stops: [
    {
      ...{ id: 'stop-1', host: null, environment: 'prod', image: null, name: null, author: 'user:luis' },
      ...{ reason: 'nothing else runs beside production', at: '2026-11-01T08:00:00.000Z' },
    },
  ],
});
