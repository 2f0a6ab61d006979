import { z } from 'zod';
import type { ApiApp } from '../../access/index.ts';
import { rolloutRules } from '../rollout/plan.ts';
import type { Rollouts } from '../rollout/rollouts.ts';
import type { Reboots } from './reboots.ts';

export function registerRebootRoutes(
  app: ApiApp,
  { reboots, rollouts }: { reboots: Reboots; rollouts: Rollouts },
): void {
  app.route({
    method: 'GET',
    url: '/api/v1/kernel/plan',
    config: { action: 'host.read' },
    schema: {},
    handler: async () => ({ items: reboots.needs() }),
  });
  app.route({
    method: 'POST',
    url: '/api/v1/kernel/reboots',
    config: { action: 'platform.admin' },
    schema: {
      body: z.object({
        /** Names of hosts, `*` for part of one; none: every host that needs it. */
        hosts: z.array(z.string().max(253)).max(1_000).default([]),
        /** The release to come back on; null: the newest on each host's disk. */
        kernel: z.string().max(200).nullable().default(null),
        /** Also hosts that need no start. */
        all: z.boolean().default(false),
        // Hosts that are down at once are few, and back takes longer than a patch.
        rules: rolloutRules.prefault({}).transform((rules) => ({ ...rules, rollBack: false })),
      }),
    },
    handler: async ({ body: { hosts, kernel, all, rules }, principal }, reply) => {
      void reply.code(201);
      return rollouts.startRestart({ rules, patterns: hosts, kernel, isForced: all }, principal.actor);
    },
  });
  app.route({
    method: 'GET',
    url: '/api/v1/kernel/reboots/:id',
    config: { action: 'host.read' },
    schema: { params: z.object({ id: z.string().max(100) }) },
    handler: async ({ params: { id } }) => ({ ...rollouts.show(id), hosts: await reboots.proofs(id) }),
  });
}
