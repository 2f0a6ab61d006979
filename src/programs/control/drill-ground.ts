import { z } from 'zod';
import type { RuleBook } from '../../detect/book/index.ts';
import { selfAlert } from '../../detect/index.ts';
import { silentStep } from '../../progress/index.ts';
import { type DrillGround, isMiss, type Respond } from '../../respond/index.ts';
import { monotonicNs } from '../link/stations.ts';
import type { Hosts } from './hosts.ts';

const performed = z.object({
  acts: z.array(z.object({ rule: z.string().max(200), performed: z.boolean(), absent: z.boolean() })).max(500),
});

/** A drill on the hosts that are connected. */
export function drillGround(parts: {
  readonly hosts: () => Hosts;
  readonly rules: RuleBook;
  readonly respond: () => Respond;
}): DrillGround {
  const { hosts, rules, respond } = parts;
  return {
    host: () => hosts().only(),
    async perform(host, id, wanted) {
      const task = { kind: 'drill', step: 'perform', id, rules: [...wanted] } as const;
      return performed.parse(await hosts().run(task, { step: silentStep, host })).acts;
    },
    async end(host, id) {
      await hosts().run({ kind: 'drill', step: 'end', id, rules: [] }, { step: silentStep, host });
    },
    rules: () =>
      rules
        .rules()
        .rules.filter(({ origin }) => origin === 'shipped')
        .map(({ name, off }) => ({ name, isOn: off === null })),
    async alarm(host, { rules: drilled, id }) {
      const missed = drilled.filter(isMiss);
      const names = missed.map(({ rule }) => rule).join(', ');
      const now = { wallMs: Date.now(), kernelNs: monotonicNs() };
      const namesIn = names.slice(0, 3_000);
      const said = {
        en: `Not seen on ${host} by ${missed.length} of ${drilled.length} rules: ${namesIn} (darsena drill show ${id})`,
        es: `No vieron lo hecho en ${host} ${missed.length} de ${drilled.length} reglas: ${namesIn} (darsena drill show ${id})`,
      };
      const alert = selfAlert('Drill not seen', 'critical', said, now);
      await respond().ingest({ ...alert, process: { ...alert.process, name: 'darsena-control' } }, host);
    },
  };
}
