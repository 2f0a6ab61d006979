import { silentStep } from '../../progress/index.ts';
import { EVIDENCE_TIMEOUT_MS } from '../../respond/evidence/limits.ts';
import type { EvidenceTaker } from '../../respond/index.ts';
import type { Hosts } from './hosts.ts';

/** Evidence by way of the hosts' agents: the order goes over the link, the bytes come over a session of their own. */
export function hostEvidence(hosts: () => Hosts): EvidenceTaker {
  return {
    async take(host, order, receive) {
      const { session, stream, forget } = hosts().expectSession(EVIDENCE_TIMEOUT_MS);
      try {
        const running = hosts().run({ kind: 'evidence', session, ...order }, { step: silentStep, host });
        // A host that fails before it opens the session says so here.
        const opened = await Promise.race([stream, running.then(() => stream)]);
        const [record] = await Promise.all([running, receive(opened)]);
        return record;
      } finally {
        forget();
      }
    },
    hostKey: (host) =>
      hosts()
        .views()
        .find(({ name }) => name === host)?.facts?.builderKey ?? null,
  };
}
