import type { WantedWorkload, WorkloadStatus } from '../../deploy/index.ts';
import { type ContainerSpec, formatKey } from '../../deploy/model.ts';
import { defineFaults } from '../../system/index.ts';

export const execUserFault = defineFaults({
  'agent.exec-user': {
    kind: 'refused',
    en: {
      what: 'no command runs as "{user}" there',
      why: '{why}',
      remedy: 'leave --user out, or give the number of a user other than 0',
    },
    es: {
      what: 'allí ninguna orden se ejecuta como "{user}"',
      why: '{porque}',
      remedy: 'omitir --user, o dar el número de un usuario distinto de 0',
    },
  },
});

const UID_MAX = 0x7fff_ffff;

/**
 * What was admitted as never root does not become root by a command: where the workload says runAsNonRoot, another user
 * is one by number, and not 0. Judged by what this host follows, not by who asks.
 * @throws Fault agent.exec-user
 */
export function requireUser(
  user: string,
  containerId: string,
  statuses: ReadonlyMap<string, WorkloadStatus>,
  followed: readonly WantedWorkload[],
): void {
  const [wanted = ''] = user.split(':');
  // Larger numbers are none of a user, and could be cut to 0.
  if (/^[1-9][0-9]{0,9}$/.test(wanted) && Number(wanted) <= UID_MAX) return;
  const container = admittedAs(containerId, statuses, followed);
  if (container === null) {
    throw execUserFault('agent.exec-user', {
      user,
      why: 'this host does not know what the container was admitted as',
      porque: 'este host no sabe con qué se admitió el contenedor',
    });
  }
  if (!container.security.runAsNonRoot) return;
  throw execUserFault('agent.exec-user', {
    user,
    why: 'its specification says runAsNonRoot, and a name can mean root',
    porque: 'su especificación dice runAsNonRoot, y un nombre puede significar root',
  });
}

/** What the container was admitted as; null when this host does not follow that any more. */
export function admittedAs(
  containerId: string,
  statuses: ReadonlyMap<string, WorkloadStatus>,
  followed: readonly WantedWorkload[],
): ContainerSpec | null {
  for (const { key, replicas } of statuses.values()) {
    for (const { specHash, containers } of replicas) {
      const found = containers.find(({ id }) => id === containerId);
      if (found === undefined) continue;
      const workload = followed.find((one) => formatKey(one.key) === formatKey(key));
      const spec = [workload, workload?.previous].find((one) => one?.specHash === specHash);
      const all = [...(spec?.pod.containers ?? []), ...(spec?.pod.initContainers ?? [])];
      return all.find(({ name }) => name === found.name) ?? null;
    }
  }
  return null;
}
