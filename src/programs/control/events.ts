import type { ServerResponse } from 'node:http';
import { type ApiApp, may, type Principal, visibleProjects } from '../../access/index.ts';
import { describeWorkload } from '../../deploy/index.ts';
import type { ChainedFact, Journal } from '../../journal/index.ts';
import { type Operation, type Operations, viewOperation } from '../../progress/index.ts';
import { type Language, languageOf, whenClosed } from '../../system/index.ts';

const HEARTBEAT_MS = 15_000;
/** Events gathered into one write: a burst costs one system call a reader, and nobody sees 50 ms. */
const BATCH_MS = 50;
/** A reader that does not keep up is dropped when so much waits for it; it resumes by Last-Event-ID without a gap. */
const BACKLOG_BYTES_MAX = 4 * 1024 * 1024;
const RESUME_FACTS_MAX = 5_000;

/** Asks to be told when a principal's rights change (null: gone; their streams are cut elsewhere); answers how to stop. */
export type WatchPrincipal = (principal: Principal, changed: (now: Principal | null) => void) => () => void;

interface Reader {
  /** With the rights of now: they may become more or fewer while the stream is open. */
  principal: Principal;
  readonly language: Language;
  readonly response: ServerResponse;
  pending: string;
}

/** The live stream of the console and the command line: facts, operations and workloads that the reader may see. */
export class EventStream {
  readonly #journal: Journal;
  readonly #watch: WatchPrincipal;
  readonly #readers = new Set<Reader>();
  #flushTimer: NodeJS.Timeout | undefined;
  readonly #heartbeat: NodeJS.Timeout;

  constructor(journal: Journal, operations: Operations, watch: WatchPrincipal) {
    this.#journal = journal;
    this.#watch = watch;
    journal.subscribe((fact) => this.#fact(fact));
    operations.subscribe((operation) => this.#operation(operation));
    this.#heartbeat = setInterval(() => {
      for (const reader of this.#readers) reader.response.write(': still here\n\n');
    }, HEARTBEAT_MS);
    this.#heartbeat.unref();
  }

  register(app: ApiApp): void {
    app.route({
      method: 'GET',
      url: '/api/v1/events',
      config: { action: 'any' },
      handler: async (request, reply) => {
        const language = languageOf(request.headers['accept-language']);
        const reader: Reader = { principal: request.principal, language, response: reply.raw, pending: '' };
        // A browser that opens the stream anew after a sleep cannot set the header; it says in the address where it was.
        const { after: asked } = request.query as { after?: string };
        const after = Number(request.headers['last-event-id'] ?? asked ?? Number.NaN);
        if (Number.isSafeInteger(after)) {
          const projects = visibleProjects(request.principal, 'project.read');
          const missed = await this.#journal.query({ projects, after, order: 'oldest', limit: RESUME_FACTS_MAX });
          for (const fact of missed) reader.pending += factEvent(fact);
        }
        // Not before: a question that fails is answered as one, and a stream that is open says nothing of it.
        reply.hijack();
        const response = openEventStream(reply.raw);
        this.#readers.add(reader);
        this.#scheduleFlush();
        const unwatch = this.#watch(request.principal, (now) => {
          if (now !== null) reader.principal = now;
        });
        // Whoever went away while was looked for what they missed is gone already.
        whenClosed(response, () => {
          unwatch();
          this.#readers.delete(reader);
        });
      },
    });
    app.route({
      method: 'GET',
      url: '/api/v1/operations/:id/events',
      config: { action: 'any' },
      handler: async (request, reply) =>
        this.#followOperation(
          request.principal,
          (request.params as { id: string }).id,
          languageOf(request.headers['accept-language']),
          reply,
        ),
    });
  }

  workload(...described: Parameters<typeof describeWorkload>): void {
    const [status] = described;
    const text = `event: workload\ndata: ${JSON.stringify(describeWorkload(...described))}\n\n`;
    this.#tell(text, (principal) => may(principal, 'workload.read', status.key.project));
  }

  status(): void {
    this.#tell('event: status\ndata: {}\n\n', () => true);
  }

  close(): void {
    clearInterval(this.#heartbeat);
    clearTimeout(this.#flushTimer);
    for (const reader of this.#readers) reader.response.end();
    this.#readers.clear();
  }

  #fact(fact: ChainedFact): void {
    const text = factEvent(fact);
    this.#tell(text, (principal) => {
      const projects = visibleProjects(principal, 'project.read');
      return projects === '*' || (fact.project !== null && projects.includes(fact.project));
    });
  }

  #operation(operation: Operation): void {
    for (const language of ['en', 'es'] as const) {
      const { steps: _steps, ...summary } = viewOperation(operation, language);
      const text = `event: operation\ndata: ${JSON.stringify(summary)}\n\n`;
      this.#tell(text, (principal, of) => of === language && maySeeOperation(principal, operation));
    }
    for (const follower of this.#followers) follower(operation);
  }

  readonly #followers = new Set<(operation: Operation) => void>();

  get hasFollowers(): boolean {
    return this.#followers.size > 0;
  }

  async #followOperation(
    principal: Principal,
    id: string,
    language: Language,
    reply: Parameters<Parameters<ApiApp['route']>[0]['handler']>[1],
  ): Promise<void> {
    const first = await this.#readOperation(principal, id);
    const response = openEventStream(reply.raw);
    reply.hijack();
    const send = (operation: Operation): void => {
      response.write(`event: operation\ndata: ${JSON.stringify(viewOperation(operation, language))}\n\n`);
    };
    const follower = (operation: Operation): void => {
      // Its end may be told more than once: while it is being written down, and after that.
      if (operation.id !== id || response.writableEnded) return;
      send(operation);
      if (operation.state !== 'running') response.end();
    };
    this.#followers.add(follower);
    const unwatch = this.#watch(principal, (now) => {
      if (now !== null && !maySeeOperation(now, first)) response.destroy();
    });
    whenClosed(response, () => {
      unwatch();
      this.#followers.delete(follower);
    });
    send(first);
    if (first.state !== 'running') response.end();
  }

  #readOperation: (principal: Principal, id: string) => Promise<Operation> = () =>
    Promise.reject(new Error('not wired'));

  /** How one operation is read with the reader's rights. */
  useOperationReader(read: (principal: Principal, id: string) => Promise<Operation>): void {
    this.#readOperation = read;
  }

  #tell(text: string, mayRead: (principal: Principal, language: Language) => boolean): void {
    for (const reader of this.#readers) {
      if (!mayRead(reader.principal, reader.language)) continue;
      reader.pending += text;
      if (reader.response.writableLength + reader.pending.length > BACKLOG_BYTES_MAX) reader.response.destroy();
    }
    this.#scheduleFlush();
  }

  #scheduleFlush(): void {
    this.#flushTimer ??= setTimeout(() => {
      this.#flushTimer = undefined;
      for (const reader of this.#readers) {
        if (reader.pending === '') continue;
        reader.response.write(reader.pending);
        reader.pending = '';
      }
    }, BATCH_MS);
  }
}

export function maySeeOperation(principal: Principal, operation: Operation): boolean {
  return operation.project === null || may(principal, 'project.read', operation.project);
}

function openEventStream(response: ServerResponse): ServerResponse {
  response.writeHead(200, {
    'content-type': 'text/event-stream',
    'cache-control': 'no-store',
    'x-accel-buffering': 'no',
  });
  response.write('retry: 1000\n\n');
  return response;
}

function factEvent(fact: ChainedFact): string {
  return `id: ${fact.seq}\nevent: fact\ndata: ${JSON.stringify(fact)}\n\n`;
}
