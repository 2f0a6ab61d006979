import type { Text } from '../system/index.ts';
import { type Action, type ActionKind, type Incident, placeOf } from './incident.ts';
import { KILL_PROCESSES_MAX } from './limits.ts';

/** What can be done about an incident: what it takes, what it will do, and how it is taken back. */
export interface ActionDescription {
  readonly kind: ActionKind;
  readonly title: Text;
  /** Of what it needs to know where it happened. */
  readonly needs: 'container' | 'image' | 'environment' | 'project' | 'host' | 'nothing';
  /** The action that takes it back; null: there is none. */
  readonly undo: ActionKind | null;
  /** The action that it takes back: offered only while that one is in force. */
  readonly undoes: ActionKind | null;
  /** Whether afterwards the incident counts as contained. */
  readonly contains: boolean;
  /** What will happen, said before it does. */
  readonly effect: (incident: Incident) => readonly Text[];
  /** The same of what takes something back from a container that is gone by now. */
  readonly effectWhenGone?: (incident: Incident) => readonly Text[];
}

const NO_MORE_CONTAINED: Text = {
  en: 'the incident no longer counts as contained by it',
  es: 'el incidente deja de contar como contenido por ello',
};

const containerOf = ({ containerId, container }: Incident): string =>
  `${container ?? ''} ${(containerId ?? '').slice(0, 12)}`.trim();

/** In the order in which they are offered: what changes least first. */
export const ACTIONS: readonly ActionDescription[] = [
  {
    kind: 'notify',
    title: { en: 'Tell the channels', es: 'Avisar a los canales' },
    ...{ needs: 'nothing', undo: null, undoes: null, contains: false },
    effect: () => [
      {
        en: 'this will send the incident to every notice channel that takes incidents of its project and severity',
        es: 'esto enviará el incidente a todos los canales de avisos que aceptan incidentes de su proyecto y gravedad',
      },
    ],
  },
  {
    kind: 'evidence',
    title: { en: 'Take evidence', es: 'Tomar evidencia' },
    ...{ needs: 'container', undo: null, undoes: null, contains: false },
    effect: (incident) => [
      {
        en: `this will stop container ${containerOf(incident)} for less than 20 s, keep what it is, and let it go on`,
        es: `esto detendrá el contenedor ${containerOf(incident)} menos de 20 s, guardará cómo está y lo dejará seguir`,
      },
    ],
  },
  {
    kind: 'pause',
    title: { en: 'Pause the container', es: 'Pausar el contenedor' },
    ...{ needs: 'container', undo: 'unpause', undoes: null, contains: true },
    effect: (incident) => [
      {
        en: `this will stop container ${containerOf(incident)} on ${incident.host} where it stands: nothing in it runs, its memory stays`,
        es: `esto detendrá el contenedor ${containerOf(incident)} en ${incident.host} tal como está: nada en él se ejecuta, su memoria se conserva`,
      },
      {
        en: 'the replica gets no requests until it goes on; no other takes its place',
        es: 'la réplica no recibe peticiones hasta que siga; ninguna otra ocupa su lugar',
      },
    ],
  },
  {
    kind: 'unpause',
    title: { en: 'Let the container go on', es: 'Dejar seguir el contenedor' },
    ...{ needs: 'container', undo: 'pause', undoes: 'pause', contains: false },
    effect: (incident) => [
      {
        en: `this will let container ${containerOf(incident)} go on from where it was stopped`,
        es: `esto dejará que el contenedor ${containerOf(incident)} siga desde donde se detuvo`,
      },
    ],
    effectWhenGone: (incident) => [
      {
        en: `container ${containerOf(incident)} is gone, and its pause with it: nothing goes on by this, it is only taken back`,
        es: `el contenedor ${containerOf(incident)} ya no existe, ni su pausa: con esto nada sigue, solo se deshace`,
      },
      NO_MORE_CONTAINED,
    ],
  },
  {
    kind: 'isolate',
    title: { en: 'Isolate from the network', es: 'Aislar de la red' },
    ...{ needs: 'container', undo: 'unisolate', undoes: null, contains: true },
    effect: (incident) => [
      {
        en: `this will close every way in and out of the pod of container ${containerOf(incident)}, connections that stand included; its processes go on`,
        es: `esto cerrará toda entrada y salida del pod del contenedor ${containerOf(incident)}, incluidas las conexiones abiertas; sus procesos siguen`,
      },
      {
        en: 'the replica gets no requests; it is not restarted for that',
        es: 'la réplica no recibe peticiones; no se reinicia por ello',
      },
    ],
  },
  {
    kind: 'unisolate',
    title: { en: 'Open the network again', es: 'Abrir de nuevo la red' },
    ...{ needs: 'container', undo: 'isolate', undoes: 'isolate', contains: false },
    effect: (incident) => [
      {
        en: `this will give the pod of container ${containerOf(incident)} the network that its policies allow`,
        es: `esto devolverá al pod del contenedor ${containerOf(incident)} la red que permiten sus políticas`,
      },
    ],
    effectWhenGone: (incident) => [
      {
        en: `container ${containerOf(incident)} is gone: where its pod is still there this gives it the network that its policies allow, else it is only taken back`,
        es: `el contenedor ${containerOf(incident)} ya no existe: si su pod sigue ahí, esto le devuelve la red que permiten sus políticas; si no, solo se deshace`,
      },
      NO_MORE_CONTAINED,
    ],
  },
  {
    kind: 'kill-process',
    title: { en: 'Kill the processes', es: 'Terminar los procesos' },
    ...{ needs: 'container', undo: null, undoes: null, contains: true },
    effect: () => [
      {
        en: `this will end the processes that the alerts name, of many the last ${KILL_PROCESSES_MAX}, with all below them, as far as they are still in the container; there is no undo`,
        es: `esto terminará los procesos que nombran las alertas, de muchos los últimos ${KILL_PROCESSES_MAX}, con todo lo que cuelga de ellos, si siguen en el contenedor; no se puede deshacer`,
      },
      {
        en: 'the first process of a container takes the container with it; what has left its parent (a daemon) goes on: end the container to be sure',
        es: 'el primer proceso de un contenedor se lleva el contenedor; lo que dejó a su padre (un demonio) sigue: terminar el contenedor para estar seguro',
      },
    ],
  },
  {
    kind: 'kill-container',
    title: { en: 'Kill the container', es: 'Terminar el contenedor' },
    ...{ needs: 'container', undo: null, undoes: null, contains: true },
    effect: (incident) => [
      {
        en: `this will end container ${containerOf(incident)} at once; a fresh one takes its place from the same image, unless it was to run once (a job, darsena run); there is no undo`,
        es: `esto terminará el contenedor ${containerOf(incident)} de inmediato; uno nuevo de la misma imagen ocupa su lugar, salvo que fuera a ejecutarse una vez (un job, darsena run); no se puede deshacer`,
      },
      {
        en: 'what its processes held in memory is lost: take evidence first',
        es: 'lo que sus procesos tenían en memoria se pierde: tomar antes la evidencia',
      },
    ],
  },
  {
    kind: 'quarantine',
    title: { en: 'Quarantine the image', es: 'Poner la imagen en cuarentena' },
    ...{ needs: 'image', undo: 'unquarantine', undoes: null, contains: false },
    effect: (incident) => [
      {
        en: `this will refuse every pull and every start of ${shortDigest(incident)} in project ${incident.project}; what runs goes on until it ends`,
        es: `esto rechazará toda bajada y todo arranque de ${shortDigest(incident)} en el proyecto ${incident.project}; lo que está en marcha sigue hasta que acabe`,
      },
      {
        en: 'a container of it that ends is not started again',
        es: 'un contenedor suyo que acabe no se vuelve a iniciar',
      },
    ],
  },
  {
    kind: 'unquarantine',
    title: { en: 'Release the image', es: 'Liberar la imagen' },
    ...{ needs: 'image', undo: 'quarantine', undoes: 'quarantine', contains: false },
    effect: (incident) => [
      {
        en: `this will let ${shortDigest(incident)} be pulled and started again as the admission policy says`,
        es: `esto permitirá de nuevo bajar e iniciar ${shortDigest(incident)} según la política de admisión`,
      },
    ],
  },
  {
    kind: 'roll-back',
    title: { en: 'Roll back the release', es: 'Revertir la versión' },
    ...{ needs: 'environment', undo: null, undoes: null, contains: false },
    effect: (incident) => [
      {
        en: `this will return ${incident.project} in ${incident.environment} to the release before, if there is one; it is judged again, and all pods are replaced`,
        es: `esto devolverá ${incident.project} en ${incident.environment} a la versión anterior, si la hay; se juzga de nuevo y se sustituyen todos los pods`,
      },
    ],
  },
  {
    kind: 'revoke-tokens',
    title: { en: 'Disable the robots', es: 'Desactivar los robots' },
    ...{ needs: 'project', undo: null, undoes: null, contains: false },
    effect: (incident) => [
      {
        en: `this will disable every robot of project ${incident.project}: its pipelines neither push nor pull, from now on`,
        es: `esto desactivará todos los robots del proyecto ${incident.project}: sus integraciones no suben ni bajan imágenes desde ahora`,
      },
      {
        en: 'each is enabled again by hand: darsena robot enable',
        es: 'cada uno se activa de nuevo a mano: darsena robot enable',
      },
    ],
  },
  {
    kind: 'cordon',
    title: { en: 'Take no new pods', es: 'No recibir pods nuevos' },
    ...{ needs: 'host', undo: 'uncordon', undoes: null, contains: false },
    effect: (incident) => [
      {
        en: `this will keep new pods away from ${incident.host}; what runs there goes on`,
        es: `esto evitará pods nuevos en ${incident.host}; lo que está en marcha allí sigue`,
      },
    ],
  },
  {
    kind: 'uncordon',
    title: { en: 'Take pods again', es: 'Recibir pods de nuevo' },
    ...{ needs: 'host', undo: 'cordon', undoes: 'cordon', contains: false },
    effect: (incident) => [
      { en: `this will let new pods come to ${incident.host}`, es: `esto permitirá pods nuevos en ${incident.host}` },
    ],
  },
  {
    kind: 'drain',
    title: { en: 'Empty the host', es: 'Vaciar el host' },
    ...{ needs: 'host', undo: 'undrain', undoes: null, contains: true },
    effect: (incident) => [
      {
        en: `this will stop every pod on ${incident.host}, as disruption budgets allow, and keep new ones away`,
        es: `esto detendrá todos los pods de ${incident.host}, según permitan los presupuestos de interrupción, y evitará pods nuevos`,
      },
      {
        en: 'what runs on no other host is not served until it is taken back',
        es: 'lo que no corre en otro host no se sirve hasta que se deshaga',
      },
    ],
  },
  {
    kind: 'undrain',
    title: { en: 'Give the host its pods back', es: 'Devolver sus pods al host' },
    ...{ needs: 'host', undo: 'drain', undoes: 'drain', contains: false },
    effect: (incident) => [
      {
        en: `this will start on ${incident.host} what was stopped, and let new pods come`,
        es: `esto iniciará en ${incident.host} lo que se detuvo y dejará llegar pods nuevos`,
      },
    ],
  },
  {
    kind: 'snapshot',
    title: { en: 'Keep the volumes as they are', es: 'Conservar los volúmenes como están' },
    ...{ needs: 'environment', undo: null, undoes: null, contains: false },
    effect: (incident) => [
      {
        en: `this will make a snapshot of every volume claim of ${incident.workload ?? incident.project} in ${incident.environment}, beside its data`,
        es: `esto hará una instantánea de cada volumen de ${incident.workload ?? incident.project} en ${incident.environment}, junto a sus datos`,
      },
    ],
  },
];

/** Why nothing more is done to a container, where hosts tell that it is there no longer. */
export const CONTAINER_GONE: Text = {
  en: 'the container is gone: it ended or was replaced',
  es: 'el contenedor ya no existe: acabó o fue sustituido',
};

export function describeAction(kind: ActionKind): ActionDescription {
  const found = ACTIONS.find((one) => one.kind === kind);
  if (found === undefined) throw new RangeError(`no action ${kind}`);
  return found;
}

/** Whether the action was done and not taken back since. */
export function isInForce(kind: ActionKind, actions: readonly Pick<Action, 'kind' | 'state'>[]): boolean {
  const { undo } = describeAction(kind);
  const last = actions.findLast((one) => one.state === 'done' && (one.kind === kind || one.kind === undo));
  return undo !== null && last?.kind === kind;
}

/** Why it cannot be asked of this incident, or null. */
export function whyNot(action: ActionDescription, incident: Incident, actions: readonly Action[]): Text | null {
  const missing = {
    container: incident.containerId === null,
    image: incident.project === null || incident.digest === null,
    environment: incident.project === null || incident.environment === null,
    project: incident.project === null,
    host: false,
    nothing: false,
  }[action.needs];
  if (missing)
    return { en: `the alerts name no ${action.needs}`, es: `las alertas no nombran ${WHAT_ES[action.needs]}` };
  if (action.undoes !== null && !isInForce(action.undoes, actions)) {
    return { en: 'there is nothing to take back', es: 'no hay nada que deshacer' };
  }
  if (action.undo !== null && action.undoes === null && isInForce(action.kind, actions))
    return { en: 'it is in force', es: 'ya está en vigor' };
  return null;
}

/** Where something happened, as far as an action beyond one container asks. */
export type ActionPlace = Pick<Incident, 'project' | 'environment' | 'digest' | 'host'>;

/** What an action beyond one container reaches, as a key; null for one of a container or of nothing. */
export function reachOf(kind: ActionKind, { project, environment, digest, host }: ActionPlace): string | null {
  switch (describeAction(kind).needs) {
    case 'image':
      return JSON.stringify([kind, project, digest]);
    case 'environment':
      return JSON.stringify([kind, project, environment]);
    case 'project':
      return JSON.stringify([kind, project]);
    case 'host':
      return JSON.stringify([kind, host]);
    default:
      return null;
  }
}

const WHAT_ES = {
  container: 'ningún contenedor',
  image: 'ninguna imagen',
  environment: 'ningún entorno',
  project: 'ningún proyecto',
  host: 'ningún host',
  nothing: 'nada',
} as const;

/** What it was asked of, as lists and facts name it. */
export function targetWords(kind: ActionKind, incident: Incident): string {
  const { needs } = describeAction(kind);
  switch (needs) {
    case 'container':
      return `container ${(incident.containerId ?? '').slice(0, 12)}`;
    case 'image':
      return `image ${shortDigest(incident)}`;
    case 'environment':
    case 'project':
      return placeOf({ ...incident, workload: null, ...(needs === 'project' ? { environment: null } : {}) });
    case 'host':
      return `host ${incident.host}`;
    case 'nothing':
      return `incident ${incident.number}`;
  }
}

function shortDigest({ digest }: Incident): string {
  return (digest ?? '').slice(0, 19);
}
