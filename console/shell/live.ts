import { type QueryClient, useQueryClient } from '@tanstack/react-query';
import { useEffect, useSyncExternalStore } from 'react';
import { apiAddress } from '../api/client.ts';
import type { Fact, Operation, OperationSummary, Overview, WorkloadStatus } from '../api/types.ts';

/** The stream may carry a thousand events a second; the page is told this often. */
const FLUSH_MS = 120;
/** Lists are read again at most this often, however many facts speak of them. */
const REFETCH_MS = 700;
const FACTS_KEPT = 500;
const RECONNECT_MS = [1000, 2000, 4000, 8000, 15_000];
/**
 * A browser keeps six connections to a server over HTTP/1.1, and every open stream takes one for all tabs: a tab that
 * nobody has looked at for this long gives its own back.
 */
const HIDDEN_MS = 30_000;

export type Connection = 'connecting' | 'live' | 'lost';

/** A small observable value, so that only the parts that look at it are drawn again. */
class Signal<T> {
  #value: T;
  readonly #listeners = new Set<() => void>();

  constructor(value: T) {
    this.#value = value;
  }

  get = (): T => this.#value;

  set(value: T): void {
    if (Object.is(value, this.#value)) return;
    this.#value = value;
    for (const listener of this.#listeners) listener();
  }

  subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };
}

const connection = new Signal<Connection>('connecting');
const liveFacts = new Signal<readonly Fact[]>([]);

/** Which lists a fact makes stale, by the first word of its kind. */
const STALE: Readonly<Record<string, readonly string[]>> = {
  image: ['images', 'overview', 'deadlines'],
  repository: ['repository-settings', 'images'],
  verdict: ['images', 'releases', 'promotions', 'overview'],
  workload: ['projects', 'releases', 'overview', 'images'],
  release: ['projects', 'releases', 'overview'],
  promotion: ['promotions', 'releases', 'projects', 'overview'],
  project: ['projects', 'overview'],
  environment: ['projects'],
  alert: ['incidents', 'overview', 'images'],
  incident: ['incidents', 'overview'],
  action: ['incidents', 'overview'],
  user: ['users'],
  access: ['users', 'tokens'],
  token: ['tokens'],
  advisories: ['advisories', 'images', 'overview'],
  base: ['bases'],
  host: ['hosts', 'status', 'overview'],
  agent: ['hosts', 'status', 'overview'],
  patch: ['kernel', 'hosts'],
  rollout: ['kernel'],
  shield: ['hosts'],
  exception: ['images', 'exceptions', 'deadlines', 'overview'],
  deadline: ['deadlines', 'overview'],
  vex: ['vex', 'images', 'deadlines', 'overview'],
  key: ['trust', 'images'],
  trust: ['trust', 'images'],
  remote: ['remotes', 'mirrors'],
  mirror: ['mirrors'],
  robot: ['robots'],
  watch: ['watches'],
  copy: ['watches'],
  replication: ['replications'],
  volume: ['volumes'],
  backup: ['volumes'],
  snapshot: ['volumes'],
  route: ['routes'],
  certificate: ['certificates'],
};

export function staleLists(kind: string): readonly string[] {
  return STALE[kind.split('.')[0] ?? ''] ?? ['overview'];
}

/** The stream may also say no more than that a workload changed: then its list is read again. */
function isWhole(workload: Partial<WorkloadStatus>): workload is WorkloadStatus {
  return workload.project !== undefined && workload.name !== undefined && Array.isArray(workload.endpoints);
}

function mergeWorkload(client: QueryClient, workload: WorkloadStatus): void {
  client.setQueryData<readonly WorkloadStatus[]>(['workloads', workload.project], (list) => {
    if (list === undefined) return list;
    const same = (other: WorkloadStatus) => other.name === workload.name && other.environment === workload.environment;
    return list.some(same) ? list.map((other) => (same(other) ? workload : other)) : [...list, workload];
  });
}

function mergeOperation(client: QueryClient, operation: OperationSummary): void {
  client.setQueryData<readonly OperationSummary[]>(['operations'], (list) => {
    if (list === undefined) return list;
    const known = list.some((other) => other.id === operation.id);
    return known
      ? list.map((other) => (other.id === operation.id ? { ...other, ...operation } : other))
      : [operation, ...list];
  });
  client.setQueryData<Operation>(['operation', operation.id], (known) =>
    known === undefined ? known : { ...known, ...operation, steps: known.steps },
  );
}

type LiveEvent =
  | { readonly name: 'fact'; readonly data: Fact }
  | { readonly name: 'operation'; readonly data: OperationSummary }
  | { readonly name: 'workload'; readonly data: Partial<WorkloadStatus> }
  | { readonly name: 'status'; readonly data: unknown };

/** Applies gathered events to what the pages read. */
class Applier {
  readonly #client: QueryClient;
  #waiting: LiveEvent[] = [];
  #stale = new Set<string>();
  #flushTimer: ReturnType<typeof setTimeout> | null = null;
  #refetchTimer: ReturnType<typeof setTimeout> | null = null;

  constructor(client: QueryClient) {
    this.#client = client;
  }

  push(event: LiveEvent): void {
    this.#waiting.push(event);
    this.#flushTimer ??= setTimeout(() => this.#flush(), FLUSH_MS);
  }

  #flush(): void {
    this.#flushTimer = null;
    const events = this.#waiting;
    this.#waiting = [];
    const facts: Fact[] = [];
    for (const event of events) {
      switch (event.name) {
        case 'fact':
          facts.push(event.data);
          for (const list of staleLists(event.data.kind)) this.#stale.add(list);
          break;
        case 'operation':
          mergeOperation(this.#client, event.data);
          break;
        case 'workload':
          if (isWhole(event.data)) mergeWorkload(this.#client, event.data);
          else this.#stale.add('workloads');
          this.#stale.add('overview').add('projects').add('workload-events');
          break;
        case 'status':
          this.#stale.add('status').add('hosts');
          break;
      }
    }
    if (facts.length > 0) this.#addFacts(facts.reverse());
    if (this.#stale.size > 0) this.#refetchTimer ??= setTimeout(() => this.#refetch(), REFETCH_MS);
  }

  #addFacts(facts: readonly Fact[]): void {
    const seen = new Set(liveFacts.get().map((fact) => fact.seq));
    const fresh = facts.filter((fact) => !seen.has(fact.seq));
    liveFacts.set([...fresh, ...liveFacts.get()].slice(0, FACTS_KEPT));
    this.#client.setQueryData<Overview>(['overview'], (overview) => {
      if (overview === undefined) return overview;
      const known = new Set(overview.changes.map((fact) => fact.seq));
      return {
        ...overview,
        changes: [...fresh.filter((fact) => !known.has(fact.seq)), ...overview.changes].slice(0, FACTS_KEPT),
      };
    });
  }

  #refetch(): void {
    this.#refetchTimer = null;
    for (const list of this.#stale) void this.#client.invalidateQueries({ queryKey: [list] });
    this.#stale.clear();
  }

  stop(): void {
    if (this.#flushTimer !== null) clearTimeout(this.#flushTimer);
    if (this.#refetchTimer !== null) clearTimeout(this.#refetchTimer);
  }
}

/**
 * Opens the live stream and keeps it open. The browser resumes a broken stream from the last event id by itself; when
 * the server closed it for good, a new one is opened with `after`, and everything shown is read again.
 */
function openStream(client: QueryClient): () => void {
  const applier = new Applier(client);
  let source: EventSource | null = null;
  let retry: ReturnType<typeof setTimeout> | null = null;
  let attempts = 0;
  let lastId = '';
  let wasLost = false;
  let closed = false;

  const open = () => {
    retry = null;
    const stream = new EventSource(apiAddress(`/events${lastId === '' ? '' : `?after=${encodeURIComponent(lastId)}`}`));
    source = stream;
    stream.onopen = () => {
      attempts = 0;
      connection.set('live');
      if (wasLost) void client.invalidateQueries();
      wasLost = false;
    };
    stream.onerror = () => {
      if (closed) return;
      wasLost = true;
      connection.set('lost');
      // A finished session also ends the stream: asking who we are sends the reader to the login.
      void client.invalidateQueries({ queryKey: ['me'] });
      if (stream.readyState !== EventSource.CLOSED || retry !== null) return;
      retry = setTimeout(open, RECONNECT_MS[Math.min(attempts, RECONNECT_MS.length - 1)]);
      attempts += 1;
    };
    const listen = (name: LiveEvent['name']) =>
      stream.addEventListener(name, (message: MessageEvent<string>) => {
        if (message.lastEventId !== '') lastId = message.lastEventId;
        applier.push({ name, data: JSON.parse(message.data) } as LiveEvent);
      });
    listen('fact');
    listen('operation');
    listen('workload');
    listen('status');
  };

  let rest: ReturnType<typeof setTimeout> | null = null;
  const follow = () => {
    if (rest !== null) clearTimeout(rest);
    rest = null;
    if (document.visibilityState === 'hidden') {
      rest = setTimeout(() => source?.close(), HIDDEN_MS);
    } else if (source?.readyState === EventSource.CLOSED && retry === null) {
      wasLost = true;
      open();
    }
  };

  open();
  document.addEventListener('visibilitychange', follow);
  return () => {
    closed = true;
    document.removeEventListener('visibilitychange', follow);
    if (rest !== null) clearTimeout(rest);
    if (retry !== null) clearTimeout(retry);
    source?.close();
    applier.stop();
    connection.set('connecting');
    liveFacts.set([]);
  };
}

export function useLiveStream(): void {
  const client = useQueryClient();
  useEffect(() => openStream(client), [client]);
}

export function useConnection(): Connection {
  return useSyncExternalStore(connection.subscribe, connection.get);
}

/** Facts that arrived since the page was opened, newest first. */
export function useLiveFacts(): readonly Fact[] {
  return useSyncExternalStore(liveFacts.subscribe, liveFacts.get);
}

/** Follows one operation, steps and all, until it ends. */
export function useOperationStream(id: string, running: boolean): void {
  const client = useQueryClient();
  useEffect(() => {
    if (!running) return;
    const stream = new EventSource(apiAddress(`/operations/${encodeURIComponent(id)}/events`));
    stream.addEventListener('operation', (message: MessageEvent<string>) => {
      const operation = JSON.parse(message.data) as Operation;
      client.setQueryData(['operation', id], operation);
      if (operation.state !== 'running') stream.close();
    });
    stream.onerror = () => {
      if (stream.readyState === EventSource.CLOSED) void client.invalidateQueries({ queryKey: ['operation', id] });
    };
    return () => stream.close();
  }, [client, id, running]);
}
