import type { NetworkFlow } from '../api/types.ts';

export interface MapNode {
  readonly id: string;
  readonly label: string;
  readonly kind: 'workload' | 'address';
  readonly column: number;
  readonly row: number;
}

/** What came of the connections of a way. */
export type Outcome = 'allowed' | 'unanswered' | 'refused';

export function outcomeOf({ refused, unanswered }: NetworkFlow): Outcome {
  if (refused) return 'refused';
  return unanswered === true ? 'unanswered' : 'allowed';
}

export interface MapEdge {
  readonly from: string;
  readonly to: string;
  readonly outcome: Outcome;
  readonly ports: readonly string[];
  readonly connections: number;
}

export interface NetworkLayout {
  readonly nodes: readonly MapNode[];
  readonly edges: readonly MapEdge[];
  readonly columns: number;
  readonly rows: number;
}

/** Addresses outside that have a node of their own; the others share one. */
const ADDRESSES_MAX = 8;

/**
 * Ends in columns: whoever calls stands left of whom it calls. The same ways give the same picture, as everything is
 * ordered by name and nothing moves by itself.
 */
export function layoutNetwork(flows: readonly NetworkFlow[], others: string): NetworkLayout {
  const addresses = [...new Set(flows.flatMap(({ peer }) => (peer.kind === 'address' ? [peer.address] : [])))].sort();
  const shown = new Set(addresses.slice(0, ADDRESSES_MAX));
  const labels = new Map<string, { label: string; kind: MapNode['kind'] }>();
  const edges = new Map<
    string,
    { from: string; to: string; outcome: Outcome; ports: Set<string>; connections: number }
  >();
  for (const flow of flows) {
    const own = `${flow.environment}/${flow.workload}`;
    labels.set(own, { label: flow.workload, kind: 'workload' });
    const { peer } = flow;
    let other: string;
    if (peer.kind === 'workload') {
      const home = peer.project === flow.project;
      other = home ? `${peer.environment}/${peer.name}` : `${peer.project}/${peer.environment}/${peer.name}`;
      const label = home && peer.environment === flow.environment ? peer.name : other;
      if (!labels.has(other)) labels.set(other, { label, kind: 'workload' });
    } else {
      other = shown.has(peer.address) ? peer.address : '*';
      const label = other === '*' ? `+${addresses.length - ADDRESSES_MAX} ${others}` : peer.address;
      labels.set(other, { label, kind: 'address' });
    }
    const [from, to] = flow.direction === 'out' ? [own, other] : [other, own];
    const outcome = outcomeOf(flow);
    const key = `${from} ${to} ${outcome}`;
    const edge = edges.get(key) ?? { from, to, outcome, ports: new Set<string>(), connections: 0 };
    edge.ports.add(`${flow.port}/${flow.protocol}`);
    // Both ends tell of a connection between two workloads: the greater number is what was seen.
    edge.connections = Math.max(edge.connections, flow.connections);
    edges.set(key, edge);
  }
  // Who is refused at the other end gets no answer: the end that knows why is drawn.
  for (const [key, { from, to, outcome, ports }] of edges) {
    const refused = edges.get(`${from} ${to} refused`)?.ports;
    if (outcome === 'unanswered' && refused !== undefined && [...ports].every((port) => refused.has(port)))
      edges.delete(key);
  }
  const list = [...edges.values()].sort((one, other) => compare(`${one.from} ${one.to}`, `${other.from} ${other.to}`));
  const columnOf = columns([...labels.keys()].sort(compare), list);
  const filled: number[] = [];
  const nodes = [...labels]
    .sort(([one], [other]) => compare(one, other))
    .map(([id, { label, kind }]): MapNode => {
      const column = columnOf.get(id) ?? 0;
      const row = filled[column] ?? 0;
      filled[column] = row + 1;
      return { id, label, kind, column, row };
    });
  return {
    nodes,
    edges: list.map((edge) => ({ ...edge, ports: [...edge.ports].sort(compare) })),
    columns: Math.max(1, filled.length),
    rows: Math.max(1, ...filled.map((count) => count ?? 0)),
  };
}

/** One more than the farthest of those who call; a circle is cut where its first name stands. */
function columns(ids: readonly string[], edges: readonly { from: string; to: string }[]): Map<string, number> {
  const found = new Map<string, number>();
  const open = new Set<string>();
  const depth = (id: string): number => {
    const known = found.get(id);
    if (known !== undefined) return known;
    if (open.has(id)) return -1;
    open.add(id);
    const callers = edges.filter(({ from, to }) => to === id && from !== id);
    const value = Math.max(-1, ...callers.map(({ from }) => depth(from))) + 1;
    open.delete(id);
    found.set(id, value);
    return value;
  };
  for (const id of ids) depth(id);
  return found;
}

function compare(one: string, other: string): number {
  return one < other ? -1 : one > other ? 1 : 0;
}
