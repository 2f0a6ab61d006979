import type { Json, Text } from '../../system/index.ts';
import type { ProfileBody } from './profile.ts';

/** Who a container runs as when it is not root and nobody says who: beyond the users of distributions, and nobody's. */
export const PLAIN_USER = 10_001;

/** Rights that a root process uses because it is root and everything is root's; who is not root from the start needs none. */
const OF_BEING_ROOT: ReadonlySet<string> = new Set([
  ...['CHOWN', 'DAC_OVERRIDE', 'DAC_READ_SEARCH', 'FOWNER', 'FSETID', 'SETUID', 'SETGID', 'SETPCAP', 'SETFCAP', 'KILL'],
]);

/** Places made for what a program leaves while it runs: an empty folder of the pod does as well. */
const SCRATCH = [
  '/run',
  '/var/run',
  '/var/cache',
  '/var/log',
  '/var/lib',
  '/var/spool',
  '/srv',
  '/home',
  '/root',
  '/opt',
];
/** Everybody writes there, or it is no file of the image. */
const FREE = ['/tmp', '/var/tmp', '/dev', '/proc', '/sys'];

/** What a container that runs as root needs once it does not. */
export interface RootNeeds {
  readonly container: string;
  /** Rights that stay, because they have nothing to do with being root. */
  readonly capabilities: readonly string[];
  /** It binds ports below 1024: the pod lets everybody, as there is nobody else in it. */
  readonly lowPorts: boolean;
  /** Folders that become empty folders of the pod, owned by its group. */
  readonly scratch: readonly string[];
  /** Folders of volumes that root wrote in: they are given to the pod's group. */
  readonly volumes: readonly string[];
  /** Folders of the image that must be given to the user in its Containerfile. */
  readonly inImage: readonly string[];
  readonly notes: readonly Text[];
}

const below = (path: string, folder: string): boolean => path === folder || path.startsWith(`${folder}/`);

/**
 * What was recorded of a container, read as needs of a user who is not root.
 * @param mounts paths of its volumes
 */
export function rootNeeds(body: ProfileBody, mounts: readonly string[]): RootNeeds {
  const used = body.capabilities ?? [];
  const notes: Text[] = [];
  const folders = new Set(
    body.written.filter(({ uid }) => uid === 0).map(({ path }) => path.slice(0, path.lastIndexOf('/')) || '/'),
  );
  const [scratch, volumes, inImage] = [new Set<string>(), new Set<string>(), new Set<string>()];
  for (const folder of folders) {
    const mount = mounts.find((one) => below(folder, one));
    if (mount !== undefined) volumes.add(mount);
    else if (FREE.some((one) => below(folder, one))) continue;
    else if (SCRATCH.some((one) => below(folder, one))) scratch.add(folder);
    else inImage.add(folder);
  }
  if (body.capabilities === null) {
    notes.push({
      en: 'the kernel of the host does not show which rights are used: the trial alone tells',
      es: 'el núcleo del host no muestra qué permisos se usan: solo la prueba lo dice',
    });
  }
  if (inImage.size > 0) {
    const list = [...inImage].sort().join(' ');
    notes.push({
      en: `in the Containerfile: RUN chown -R ${PLAIN_USER}:${PLAIN_USER} ${list}`,
      es: `en el Containerfile: RUN chown -R ${PLAIN_USER}:${PLAIN_USER} ${list}`,
    });
  }
  const capabilities = used.filter((name) => !OF_BEING_ROOT.has(name) && name !== 'NET_BIND_SERVICE').sort();
  if (capabilities.length > 0) {
    notes.push({
      en: `${capabilities.join(', ')} stays: it is used, and not because of being root`,
      es: `${capabilities.join(', ')} se queda: se usa, y no por ser root`,
    });
  }
  return {
    container: body.container,
    capabilities,
    lowPorts: used.includes('NET_BIND_SERVICE'),
    scratch: outermost(scratch),
    volumes: [...volumes].sort(),
    inImage: [...inImage].sort(),
    notes,
  };
}

function outermost(folders: ReadonlySet<string>): string[] {
  return [...folders].filter((one) => ![...folders].some((other) => other !== one && below(one, other))).sort();
}

type Members = { [name: string]: Json };
const isMembers = (value: Json | undefined): value is Members =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const membersAt = (value: Members, key: string): Members => {
  const found = value[key];
  return isMembers(found) ? found : {};
};
const listAt = (value: Members, key: string): Json[] => {
  const found = value[key];
  return Array.isArray(found) ? found : [];
};

/**
 * The manifest of a workload whose containers are no longer root: user, rights, owner of volumes, folders.
 * @param manifest of a Pod, or of what makes pods from a template
 * @param needs of the containers that are root now; the others stay as they are
 */
export function withoutRoot(manifest: Json, needs: readonly RootNeeds[]): Json {
  if (!isMembers(manifest)) return manifest;
  const changed = structuredClone(manifest);
  const pod = podSpecOf(changed);
  if (pod === null) return manifest;
  const context = membersAt(pod, 'securityContext');
  pod['securityContext'] = {
    ...context,
    ...(context['fsGroup'] === undefined ? { fsGroup: PLAIN_USER } : {}),
    ...(needs.some(({ lowPorts }) => lowPorts) ? { sysctls: withLowPorts(listAt(context, 'sysctls')) } : {}),
  };
  const volumes = listAt(pod, 'volumes');
  for (const one of [...listAt(pod, 'initContainers'), ...listAt(pod, 'containers')]) {
    if (!isMembers(one)) continue;
    const need = needs.find(({ container }) => container === one['name']);
    if (need === undefined) continue;
    const { capabilities: _before, ...own } = membersAt(one, 'securityContext');
    one['securityContext'] = {
      ...own,
      runAsUser: PLAIN_USER,
      runAsGroup: PLAIN_USER,
      runAsNonRoot: true,
      allowPrivilegeEscalation: false,
      capabilities: { drop: ['ALL'], ...(need.capabilities.length === 0 ? {} : { add: [...need.capabilities] }) },
    };
    const mounts = listAt(one, 'volumeMounts');
    for (const [index, path] of need.scratch.entries()) {
      const volume = `${need.container}-scratch-${index}`.slice(-63);
      volumes.push({ name: volume, emptyDir: {} });
      mounts.push({ name: volume, mountPath: path });
    }
    if (mounts.length > 0) one['volumeMounts'] = mounts;
  }
  if (volumes.length > 0) pod['volumes'] = volumes;
  return changed;
}

/** A network of its own has nobody in it whose low ports could be taken. */
function withLowPorts(sysctls: readonly Json[]): Json[] {
  const name = 'net.ipv4.ip_unprivileged_port_start';
  return [...sysctls.filter((one) => !isMembers(one) || one['name'] !== name), { name, value: '0' }];
}

function podSpecOf(manifest: Members): Members | null {
  const spec = manifest['spec'];
  if (!isMembers(spec)) return null;
  if (manifest['kind'] === 'Pod') return spec;
  const job = spec['jobTemplate'];
  const inner = isMembers(job) ? job['spec'] : spec;
  const template = isMembers(inner) ? inner['template'] : undefined;
  const pod = isMembers(template) ? template['spec'] : undefined;
  return isMembers(pod) ? pod : null;
}
