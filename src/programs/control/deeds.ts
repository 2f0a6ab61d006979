import { PLATFORM, type Robots } from '../../access/index.ts';
import type { Deployments } from '../../deploy/index.ts';
import { silentStep } from '../../progress/index.ts';
import type { Deeds, EvidenceStore, Incident, Notices, Quarantines, Respond } from '../../respond/index.ts';
import { takeIncidentEvidence } from '../../respond/index.ts';
import type { Json, Text } from '../../system/index.ts';
import type { ClaimKey } from '../../volumes/index.ts';
import type { ContainTask } from '../link/protocol.ts';
import type { Hosts } from './hosts.ts';
import type { Pipeline } from './pipeline.ts';

export interface DeedParts {
  readonly hosts: () => Hosts;
  readonly respond: () => Respond;
  readonly evidence: EvidenceStore;
  readonly notices: Notices;
  readonly quarantines: Quarantines;
  readonly pipeline: () => Pipeline;
  readonly deployments: Pick<Deployments, 'maintenance' | 'refuseInMaintenance' | 'setMaintenance'>;
  readonly robots: Robots;
  /** The claims of the incident's workload, or of its whole environment where none is named. */
  readonly claims: (incident: Incident) => Promise<readonly ClaimKey[]>;
  /** Begins a snapshot; answers its operation. */
  readonly snapshot: (claim: ClaimKey, actor: string) => Promise<string>;
  /** Judges an image again and tells hosts: what is answered afterwards is in force. */
  readonly rejudged: (project: string, digest: string) => Promise<void>;
}

/** What the platform can do about an incident beside killing, each by the room that can. */
export function createDeeds(parts: DeedParts): Partial<Deeds> {
  const contain = async ({ host, containerId }: Incident, action: ContainTask['action'], done: Text, before: Text) => {
    const task: ContainTask = { kind: 'contain', action, containerId: containerId ?? '' };
    const value = await parts.hosts().run(task, { step: silentStep, host });
    if (says(value, 'gone')) return action === 'unpause' ? PAUSE_GONE : ISOLATION_GONE;
    return says(value, 'changed') ? done : before;
  };
  return {
    async notify(incident) {
      const count = await parts.notices.tell(incident);
      return {
        en: count === 0 ? 'no channel takes incidents like this' : `written down for ${count} channels`,
        es: count === 0 ? 'ningún canal acepta incidentes como este' : `anotado para ${count} canales`,
      };
    },
    async evidence({ number }, { actor, reason }) {
      const how = { actor, reason, keepPaused: false, copyFiles: true, packetSeconds: 0 };
      const { id, manifest } = await takeIncidentEvidence(parts.respond(), parts.evidence, number, how);
      const files = manifest.files.length;
      return { en: `evidence ${id}: ${files} files`, es: `evidencia ${id}: ${files} archivos` };
    },
    pause: (incident) =>
      contain(
        incident,
        'pause',
        { en: `container paused on ${incident.host}`, es: `contenedor en pausa en ${incident.host}` },
        { en: 'it was paused already', es: 'ya estaba en pausa' },
      ),
    unpause: (incident) =>
      contain(
        incident,
        'unpause',
        { en: `container goes on on ${incident.host}`, es: `el contenedor sigue en ${incident.host}` },
        { en: 'it was not paused', es: 'no estaba en pausa' },
      ),
    isolate: (incident) =>
      contain(
        incident,
        'isolate',
        { en: `network of the pod closed on ${incident.host}`, es: `red del pod cerrada en ${incident.host}` },
        { en: 'it was closed already', es: 'ya estaba cerrada' },
      ),
    unisolate: (incident) =>
      contain(
        incident,
        'unisolate',
        {
          en: `network of the pod open again on ${incident.host}`,
          es: `red del pod abierta de nuevo en ${incident.host}`,
        },
        { en: 'it was not closed', es: 'no estaba cerrada' },
      ),
    async quarantine({ project, digest, number }, { actor, reason }) {
      await parts.quarantines.add({ project: project ?? '', digest: digest ?? '', incident: number, actor, reason });
      await parts.rejudged(project ?? '', digest ?? '');
      return {
        en: `image in quarantine: the registry and every host of ${project} refuse it`,
        es: `imagen en cuarentena: el registro y todos los hosts de ${project} la rechazan`,
      };
    },
    async unquarantine({ project, digest, number }, { actor, reason }) {
      const image = { project: project ?? '', digest: digest ?? '', incident: number };
      const others = await parts.quarantines.release(image, actor, reason);
      await parts.rejudged(project ?? '', digest ?? '');
      if (others.length > 0) {
        const names = others.map((other) => other ?? '–').join(', ');
        return {
          en: `released for this incident; still in quarantine because of incident ${names}`,
          es: `liberada para este incidente; sigue en cuarentena por el incidente ${names}`,
        };
      }
      return { en: 'image judged again by policy alone', es: 'imagen juzgada de nuevo solo por la política' };
    },
    async 'roll-back'({ project, environment }, { actor }) {
      const by = { ...PLATFORM, actor };
      const request = { project: project ?? '', environment: environment ?? '', to: null, by };
      const { id } = await parts.pipeline().rollback(request);
      return { en: `roll-back begun: operation ${id}`, es: `reversión iniciada: operación ${id}` };
    },
    async 'revoke-tokens'({ project }, { actor }) {
      const robots = (await parts.robots.list(project ?? '')).filter(({ state }) => state === 'active');
      for (const { name } of robots) {
        await parts.robots.setState(project ?? '', name, 'disabled', { ...PLATFORM, actor });
      }
      const names = robots.map(({ name }) => name).join(', ');
      return {
        en: names === '' ? 'the project has no active robots' : `robots disabled: ${names}`,
        es: names === '' ? 'el proyecto no tiene robots activos' : `robots desactivados: ${names}`,
      };
    },
    async cordon({ host, number }, { actor, reason }) {
      // Somebody's own maintenance is theirs to end: taking the action back must not do it.
      await parts.deployments.refuseInMaintenance();
      const why = reason ?? `incident ${number}`;
      await parts.deployments.setMaintenance({ draining: false, disregardBudgets: false, reason: why }, actor);
      return { en: `no new pods on ${host}`, es: `sin pods nuevos en ${host}` };
    },
    async uncordon({ host }, { actor }) {
      const standing = await parts.deployments.maintenance();
      if (standing === null) return { en: `${host} took pods already`, es: `${host} ya recibía pods` };
      // What was begun as a cordon and is a drain by now is more than this action did.
      if (standing.draining) await parts.deployments.refuseInMaintenance();
      await parts.deployments.setMaintenance(null, actor);
      return { en: `new pods come to ${host} again`, es: `llegan de nuevo pods a ${host}` };
    },
    async drain({ host, number }, { actor, reason }) {
      const standing = await parts.deployments.maintenance();
      // A cordon goes over into a drain; a drain of somebody else's is theirs.
      if (standing?.draining === true) await parts.deployments.refuseInMaintenance();
      const why = reason ?? `incident ${number}`;
      await parts.deployments.setMaintenance({ draining: true, disregardBudgets: false, reason: why }, actor);
      return { en: `${host} is being emptied`, es: `${host} se está vaciando` };
    },
    async undrain({ host }, { actor }) {
      if ((await parts.deployments.maintenance()) === null)
        return { en: `${host} had its pods back already`, es: `${host} ya había recuperado sus pods` };
      await parts.deployments.setMaintenance(null, actor);
      return { en: `${host} gets its pods back`, es: `${host} recupera sus pods` };
    },
    async snapshot(incident, { actor }) {
      const claims = await parts.claims(incident);
      const begun: string[] = [];
      for (const claim of claims) begun.push(`${claim.claim}: ${await parts.snapshot(claim, actor)}`);
      return {
        en: begun.length === 0 ? 'it uses no volume claims' : `snapshots begun: ${begun.join(', ')}`,
        es: begun.length === 0 ? 'no usa ningún volumen' : `instantáneas iniciadas: ${begun.join(', ')}`,
      };
    },
  };
}

function says(value: Json, word: 'changed' | 'gone'): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && value[word] === true;
}

const PAUSE_GONE: Text = {
  en: 'taken back; nothing went on: the container is gone, and its pause with it',
  es: 'deshecho; nada ha seguido: el contenedor ya no existe, ni su pausa',
};
const ISOLATION_GONE: Text = {
  en: 'taken back; nothing was opened: the pod is gone, and its closed network with it',
  es: 'deshecho; nada se ha abierto: el pod ya no existe, ni su red cerrada',
};
