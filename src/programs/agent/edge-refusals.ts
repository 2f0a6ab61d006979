import type { AccessEntry } from '../../network/index.ts';
import type { EdgeRefusals } from '../link/protocol.ts';

/** Clients and paths that a fact names: enough to see what it was, and no more than a flood may write. */
const EXAMPLES_MAX = 5;
/** Services and reasons of one message. */
const SUMS_MAX = 1_000;

/** Sums what the edge refused, so that a flood of refused requests becomes one fact in half a minute. */
export class RefusalSums {
  readonly #send: (items: readonly EdgeRefusals[]) => void;
  #sums = new Map<string, EdgeRefusals>();
  #timer: NodeJS.Timeout | null = null;

  constructor(send: (items: readonly EdgeRefusals[]) => void) {
    this.#send = send;
  }

  add({ service, refused, client, path }: AccessEntry): void {
    if (service === null || refused === null) return;
    const key = `${service} ${refused}`;
    const known = this.#sums.get(key);
    if (known === undefined && this.#sums.size >= SUMS_MAX) return;
    const [project = '', environment = '', name = ''] = service.split('/');
    this.#sums.set(key, {
      ...{ project, environment, service: name, reason: refused },
      requests: (known?.requests ?? 0) + 1,
      clients: addExample(known?.clients ?? [], client),
      paths: addExample(known?.paths ?? [], path ?? '/'),
    });
  }

  start(everyMs: number): void {
    this.#timer = setInterval(() => this.tell(), everyMs);
    this.#timer.unref();
  }

  tell(): void {
    if (this.#sums.size === 0) return;
    this.#send([...this.#sums.values()]);
    this.#sums = new Map();
  }

  stop(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
  }
}

function addExample(list: readonly string[], one: string): readonly string[] {
  return list.length >= EXAMPLES_MAX || list.includes(one) ? list : [...list, one];
}
