import type { Kysely } from 'kysely';
import { z } from 'zod';
import type { ApiApp } from '../../access/index.ts';
import type { Journal } from '../../journal/index.ts';
import { type Operations, type StepHandle, silentStep } from '../../progress/index.ts';
import type { Json, Text } from '../../system/index.ts';
import type { HostTables, Machines } from '../machines.ts';
import { SHIELD, UNSTOPPABLE } from './feed.ts';
import { findShield } from './keeper.ts';
import { type ShieldStanding, shieldStates } from './standing.ts';

/** What a host is asked about one entry: its name alone. What that does is decided by the host's own copy of the feed. */
export interface ShieldTask {
  readonly kind: 'kernel-shield';
  readonly change: 'apply' | 'undo' | 'try';
  readonly entry: string;
}

export interface ShieldsOptions {
  readonly db: Kysely<never>;
  readonly journal: Pick<Journal, 'record' | 'committed'>;
  readonly operations: Pick<Operations, 'start'>;
  readonly machines: Pick<Machines, 'facts' | 'answer'>;
  readonly run: (
    host: string,
    task: ShieldTask,
    options: { readonly step: StepHandle; readonly signal?: AbortSignal },
  ) => Promise<Json>;
}

/** The shield over the hosts of the platform: set and taken back on request, and taken back by itself when nothing needs it. */
export class Shields {
  readonly #options: ShieldsOptions;

  constructor(options: ShieldsOptions) {
    this.#options = options;
  }

  /** @throws Fault host.unknown */
  async states(host: string): Promise<ShieldStanding[]> {
    const facts = this.#options.machines.facts(host);
    return shieldStates(facts, facts.shields.length === 0 ? new Set() : await this.#fixed(host));
  }

  /** @throws Fault host.unknown, host.shield-unknown */
  async change(
    host: string,
    change: ShieldTask['change'],
    name: string,
    actor: string,
  ): Promise<{ operation: string }> {
    this.#options.machines.facts(host);
    const entry = findShield(name).id;
    const title: Text = {
      en: `Shield ${entry} on ${host}: ${change}`,
      es: `Escudo ${entry} en ${host}: ${WORD[change]}`,
    };
    const request = { kind: 'kernel-shield', project: null, environment: null, actor, title };
    const { operation } = await this.#options.operations.start(request, async (context) => {
      const step = context.step(title);
      const task = { kind: 'kernel-shield', change, entry } as const;
      const value = await this.#options.run(host, task, { step, signal: context.signal });
      if (change !== 'try')
        await this.#record(change === 'apply' ? 'shield.set' : 'shield.undone', host, actor, { entry });
      step.done();
      return value;
    });
    return { operation: operation.id };
  }

  /** Takes back on a host what no fault of its running kernel needs any more. Call when its facts have changed. */
  async tidy(host: string): Promise<void> {
    for (const { id, state } of await this.states(host)) {
      if (state !== 'fixed') continue;
      await this.#options.run(host, { kind: 'kernel-shield', change: 'undo', entry: id }, { step: silentStep });
      await this.#record('shield.withdrawn', host, 'platform', {
        entry: id,
        because: 'the running kernel has the fixes',
      });
    }
  }

  /** Entries all of whose faults are known, and known to be mended in the running code. */
  async #fixed(host: string): Promise<ReadonlySet<string>> {
    const { cves } = await this.#options.machines.answer(host);
    const states = new Map(cves.map(({ cve, state }) => [cve, state]));
    const isMended = (cve: string): boolean => ['not-affected', 'live-patched'].includes(states.get(cve) ?? 'unknown');
    return new Set(SHIELD.filter((entry) => entry.cves.every(isMended)).map(({ id }) => id));
  }

  async #record(kind: string, subject: string, actor: string, body: Json): Promise<void> {
    const { db, journal } = this.#options;
    const tables = db as unknown as Kysely<HostTables>;
    await tables.transaction().execute((tx) => journal.record(tx, { kind, project: null, subject, actor, body }));
    journal.committed();
  }
}

const WORD: Readonly<Record<ShieldTask['change'], string>> = { apply: 'activar', undo: 'retirar', try: 'probar' };

export function registerShieldRoutes(app: ApiApp, shields: Shields): void {
  const params = z.object({ name: z.string().max(253) });
  app.route({
    method: 'GET',
    url: '/api/v1/kernel/shield',
    config: { action: 'host.read' },
    schema: {},
    handler: async () => ({ items: SHIELD, unstoppable: UNSTOPPABLE }),
  });
  app.route({
    method: 'GET',
    url: '/api/v1/hosts/:name/kernel/shield',
    config: { action: 'host.read' },
    schema: { params },
    handler: async ({ params: { name } }) => ({ items: await shields.states(name) }),
  });
  app.route({
    method: 'POST',
    url: '/api/v1/hosts/:name/kernel/shield',
    config: { action: 'platform.admin' },
    schema: {
      params,
      body: z.object({ entry: z.string().max(100), change: z.enum(['apply', 'undo', 'try']) }),
    },
    handler: async ({ params: { name }, body, principal }, reply) => {
      void reply.code(202);
      return shields.change(name, body.change, body.entry, principal.actor);
    },
  });
}
