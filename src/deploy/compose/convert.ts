import { createHash } from 'node:crypto';
import { posix } from 'node:path';
import { parseReference, REGISTRY_NAME } from '../../oci/index.ts';
import type { Json, Text } from '../../system/index.ts';
import { checkShape } from '../kubernetes/check.ts';
import {
  type FieldPath,
  formatPath,
  isObject,
  type ManifestDocument,
  type ManifestProblem,
} from '../kubernetes/documents.ts';
import { SAFE_SYSCTLS } from '../kubernetes/kinds/pod.ts';
import type { FieldNote, FieldReport } from '../kubernetes/report.ts';
import type { Treatment } from '../kubernetes/schema.ts';
import { translateManifests } from '../kubernetes/translate.ts';
import { formatUlimits, isUlimit, ULIMIT_NAMES, ULIMITS_ANNOTATION, type Ulimit, type UlimitName } from '../ulimits.ts';
import { COMPOSE } from './fields.ts';
import { parseEnvFile, splitWords } from './interpolate.ts';
import { type ComposeInput, type ComposeTree, listOf, type Members, membersOf, readCompose, textOf } from './read.ts';

export interface ComposeConversion {
  readonly project: string;
  /** A `darsena.yaml`. */
  readonly projectFile: string;
  /** Kubernetes documents, as YAML that is JSON; null with any problem. */
  readonly manifests: { readonly path: string; readonly text: string } | null;
  readonly problems: readonly ManifestProblem[];
  readonly report: FieldReport;
}

export const COMPOSE_MANIFESTS = 'compose.darsena.yaml';
/** Docker's word for the address of the host. */
const HOST_GATEWAY = 'host-gateway';
/** Docker gives a service so long to end. */
const GRACE_SECONDS = 10;
const PROBE_INTERVAL_SECONDS = 30;
const LABEL = 'darsena.compose/service';
/** What is of a pod, or of what serves, and so not of a container that runs to its end before. */
const HELPER_FIELDS = [
  'ports',
  'expose',
  'healthcheck',
  'hostname',
  'container_name',
  'networks',
  'dns',
  'dns_search',
  'dns_opt',
  'sysctls',
  'group_add',
  'init',
  'labels',
  'annotations',
  'label_file',
  'deploy',
  'scale',
  'restart',
  'stop_signal',
  'stop_grace_period',
  'post_start',
  'pre_stop',
  'stdin_open',
  'tty',
] as const;
const NETWORK_LABEL = 'darsena.compose.network/';
/** What speaks no HTTP is not published by the edge; ports of IANA's registry. */
const NO_HTTP: ReadonlySet<number> = new Set([
  21, 22, 25, 53, 110, 143, 389, 465, 587, 636, 993, 995, 1433, 1521, 1883, 2181, 3306, 4222, 5044, 5432, 5672, 6379,
  8883, 9042, 9092, 9300, 11211, 27017, 27018, 33060,
]);
/** Which port an image serves that says none in the file; the rest is reached by its name on any port all the same. */
const KNOWN_PORTS: readonly (readonly [RegExp, number])[] = [
  [/(?:^|\/)(?:postgres|postgis|timescale)/, 5432],
  [/(?:^|\/)(?:mysql|mariadb|percona)/, 3306],
  [/(?:^|\/)(?:redis|valkey)/, 6379],
  [/(?:^|\/)mongo/, 27017],
  [/(?:^|\/)rabbitmq/, 5672],
  [/(?:^|\/)memcached/, 11211],
  [/sql-edge|mssql/, 1433],
];

/**
 * A Compose file as Kubernetes documents and a project file: each service a Deployment and a Service, volumes claims,
 * configs and secrets ConfigMaps and Secrets, networks NetworkPolicies. Pure: files come by `read`, values by `variables`.
 */
export function convertCompose(input: ComposeInput): ComposeConversion {
  return new Converter(input, readCompose(input)).convert();
}

class Converter {
  readonly #input: ComposeInput;
  readonly #tree: ComposeTree;
  readonly #problems: ManifestProblem[] = [];
  readonly #notes: FieldNote[] = [];
  readonly #documents: { readonly value: Members; readonly from: FieldPath }[] = [];
  readonly #names = new Map<string, string>();
  readonly #images: Members = {};
  /** Names of ConfigMaps and Secrets, by what is in them. */
  readonly #contents = new Map<string, string>();
  #project = 'app';

  constructor(input: ComposeInput, tree: ComposeTree) {
    this.#input = input;
    this.#tree = tree;
  }

  convert(): ComposeConversion {
    const { value, problems } = this.#tree;
    this.#problems.push(...problems);
    for (const note of this.#tree.notes) this.#notes.push({ ...note, treatment: 'emulated' });
    const document: ManifestDocument = { value, locate: this.#tree.locate };
    // Of a file that cannot be read there is nothing more to say.
    const isRead = problems.every(({ kind }) => kind !== 'syntax');
    const checked = isRead ? checkShape(document, COMPOSE, 'Compose') : { problems: [], fields: [] };
    this.#problems.push(...checked.problems);
    const counts: Record<Treatment['kind'], number> = { enforced: 0, emulated: 0, refused: 0 };
    for (const { path, treatment } of checked.fields) {
      counts[treatment.kind] += 1;
      if (treatment.kind === 'emulated') this.#note(path, treatment.how);
    }
    this.#project = nameOf(this.#tree.project, 'app', 40);
    const services = membersOf(value['services']);
    for (const name of Object.keys(services)) this.#names.set(name, this.#nameService(name));
    const before = this.#inits(services);
    this.#cycles(services);
    for (const name of Object.keys(membersOf(value['volumes']))) this.#claim(name, services);
    for (const name of Object.keys(services)) {
      if (!before.has(name)) this.#service(name, membersOf(services[name]), services);
    }
    this.#policies(services);
    if (this.#documents.length === 0 && this.#problems.length === 0) {
      this.#problem([], 'missing-field', {
        en: 'it has no service to run',
        es: 'no tiene ningún servicio que ejecutar',
      });
    }
    this.#translate();
    const isSound = this.#problems.length === 0;
    return {
      project: this.#project,
      projectFile: this.#projectFile(),
      manifests: isSound
        ? {
            path: COMPOSE_MANIFESTS,
            text: this.#documents.map(({ value: one }) => JSON.stringify(one, null, 1)).join('\n---\n'),
          }
        : null,
      problems: this.#problems,
      report: this.#report(counts),
    };
  }

  #report(counts: Record<Treatment['kind'], number>): FieldReport {
    const notes = [
      ...this.#notes,
      ...this.#problems.map(
        ({ file, line, column, field, kind, text }): FieldNote => ({
          file,
          line,
          column,
          field,
          treatment: kind === 'refused' ? 'refused' : 'wrong',
          text,
        }),
      ),
    ].sort((one, other) => one.line - other.line || one.column - other.column);
    const refused = this.#problems.filter(({ kind }) => kind === 'refused').length;
    const file = this.#input.files.join(', ');
    return {
      file,
      documents: this.#documents.length,
      enforced: counts.enforced,
      emulated: counts.emulated,
      refused,
      notes,
    };
  }

  /** Told once, however many services come upon it. */
  #problem(path: FieldPath, kind: ManifestProblem['kind'], text: Text): void {
    const field = formatPath(path);
    if (this.#problems.some((one) => one.field === field && one.text.en === text.en)) return;
    this.#problems.push({ ...this.#tree.locate(path), kind, field, text });
  }

  #note(path: FieldPath, text: Text): void {
    const { file, line, column } = this.#tree.locate(path);
    this.#notes.push({ file, line, column, field: formatPath(path), treatment: 'emulated', text });
  }

  /** What the file makes must be what the platform takes: judged by the very code that would deploy it. */
  #translate(): void {
    const before = this.#problems.length;
    const documents = this.#documents.map(
      ({ value, from }): ManifestDocument => ({ value, locate: () => this.#tree.locate(from) }),
    );
    const { problems } = translateManifests(documents, {
      project: this.#project,
      environment: 'dev',
      contentKey: null,
    });
    // What was not taken has no manifest, so that others seem to miss it.
    const own = before === 0 ? problems : problems.filter(({ kind }) => !kind.startsWith('missing-'));
    const places = new Map(
      this.#documents.map(({ from }) => {
        const { line, column } = this.#tree.locate(from);
        return [`${line}:${column}`, formatPath(from)];
      }),
    );
    for (const problem of own) {
      const { line, column, field, text } = problem;
      this.#problems.push({
        ...problem,
        field: places.get(`${line}:${column}`) ?? field,
        text: { en: `${field} of what it becomes: ${text.en}`, es: `${field} de lo que resulta: ${text.es}` },
      });
    }
  }

  #projectFile(): string {
    return JSON.stringify(
      {
        project: this.#project,
        images: this.#images,
        manifests: [COMPOSE_MANIFESTS],
        environments: {
          dev: { policy: 'dev', class: 'development' },
          prod: { policy: 'prod', class: 'production', approvals: 1 },
        },
      },
      null,
      1,
    );
  }

  #nameService(name: string): string {
    const given = nameOf(name, 'service', 63);
    if (given !== name) {
      this.#note(['services', name], {
        en: `it is called ${given} here: a name is of a-z, 0-9 and hyphens; who speaks to ${name} must say ${given}`,
        es: `aquí se llama ${given}: un nombre usa a-z, 0-9 y guiones; quien hable con ${name} debe decir ${given}`,
      });
    }
    if ([...this.#names.values()].includes(given)) {
      this.#problem(['services', name], 'conflict', {
        en: `two services would be called ${given}`,
        es: `dos servicios se llamarían ${given}`,
      });
    }
    return given;
  }

  /** Services that others wait for until they are done: they run inside of those, not by themselves. */
  #inits(services: Members): Set<string> {
    const before = new Set<string>();
    for (const [name, service] of Object.entries(services)) {
      for (const [other, one] of Object.entries(membersOf(membersOf(service)['depends_on']))) {
        const path = ['services', name, 'depends_on', other];
        if (!Object.hasOwn(services, other)) {
          if (membersOf(one)['required'] !== false)
            this.#problem(path, 'missing-target', {
              en: `there is no service ${other}`,
              es: `no existe el servicio ${other}`,
            });
        } else if (membersOf(one)['condition'] === 'service_completed_successfully') before.add(other);
      }
    }
    return before;
  }

  /** Services that wait for each other would never start. */
  #cycles(services: Members): void {
    const done = new Set<string>();
    const visit = (name: string, chain: readonly string[]): void => {
      const from = chain.indexOf(name);
      if (from >= 0) {
        const circle = [...chain.slice(from), name].join(' → ');
        this.#problem(['services', name, 'depends_on'], 'conflict', {
          en: `they wait for each other: ${circle}`,
          es: `se esperan entre sí: ${circle}`,
        });
        return;
      }
      if (done.has(name)) return;
      for (const other of Object.keys(membersOf(membersOf(services[name])['depends_on']))) {
        if (Object.hasOwn(services, other)) visit(other, [...chain, name]);
      }
      done.add(name);
    };
    for (const name of Object.keys(services)) visit(name, []);
  }

  /** The services that are to be done before one, with what those wait for, in the order in which they run. */
  #initsOf(name: string, services: Members): string[] {
    const order: string[] = [];
    const seen = new Set([name]);
    const visit = (of: string): void => {
      for (const [other, one] of Object.entries(membersOf(membersOf(services[of])['depends_on']))) {
        const isBefore = membersOf(one)['condition'] === 'service_completed_successfully';
        if (!isBefore || seen.has(other) || !Object.hasOwn(services, other)) continue;
        seen.add(other);
        visit(other);
        order.push(other);
      }
    };
    visit(name);
    return order;
  }

  #service(name: string, service: Members, services: Members): void {
    const path = ['services', name];
    const given = this.#names.get(name) ?? name;
    const volumes: Members[] = [];
    const inits = this.#initsOf(name, services).map((other) =>
      this.#container(other, membersOf(services[other]), volumes, true),
    );
    const container = this.#container(name, service, volumes, false);
    const helpers = this.#initsOf(name, services);
    for (const other of helpers) this.#helper(name, other, membersOf(services[other]));
    const labels: Members = { [LABEL]: given };
    for (const network of this.#networksOf(service)) labels[networkLabel(network)] = 'true';
    const deploy = membersOf(service['deploy']);
    const said = this.#annotations(path, service, deploy);
    const limits = [
      ...this.#ulimits(path, service, textOf(container['name'])),
      ...helpers.flatMap((other, index) =>
        this.#ulimits(['services', other], membersOf(services[other]), textOf(inits[index]?.['name'])),
      ),
      ...(said[ULIMITS_ANNOTATION] === undefined ? [] : [textOf(said[ULIMITS_ANNOTATION])]),
    ];
    const annotations = limits.length === 0 ? said : { ...said, [ULIMITS_ANNOTATION]: limits.join('; ') };
    // A name that a helper is to find is found by all of its pod: they share one file of hosts.
    const hosts = [service, ...helpers.map((other) => membersOf(services[other]))].map((one) => one['extra_hosts']);
    const spec = this.#podSpec(path, service, hosts.map(membersOf), inits, container, volumes);
    const template = { metadata: { labels, ...(Object.keys(annotations).length === 0 ? {} : { annotations }) }, spec };
    const selector = { matchLabels: { [LABEL]: given } };
    const replicas = deploy['replicas'] ?? service['scale'];
    const isGlobal = deploy['mode'] === 'global';
    this.#documents.push({
      from: path,
      value: {
        apiVersion: 'apps/v1',
        kind: isGlobal ? 'DaemonSet' : 'Deployment',
        metadata: { name: given, labels: { [LABEL]: given } },
        spec: {
          ...(replicas === undefined || isGlobal ? {} : { replicas }),
          selector,
          template,
          ...(isGlobal ? {} : this.#strategy(membersOf(deploy['update_config']), this.#writesVolume(service))),
        },
      },
    });
    this.#reach(name, given, service);
  }

  /** What a service says of itself that an init container has not, or has from the service that waits for it. */
  #helper(name: string, other: string, service: Members): void {
    const said = HELPER_FIELDS.filter((field) => service[field] !== undefined);
    if (said.length === 0) return;
    this.#note(['services', other], {
      en: `as an init container of ${name} it has none of its own, or those of ${name}: ${said.join(', ')}`,
      es: `como contenedor de inicio de ${name} no tiene propios, o tiene los de ${name}: ${said.join(', ')}`,
    });
  }

  /** Two of what writes to one volume must not run at the same time, as Compose never lets them. */
  #strategy(update: Members, writesVolume: boolean): Members {
    const delay = update['delay'] === undefined ? null : secondsOf(update['delay']);
    const wait = delay === null ? {} : { minReadySeconds: Math.min(3_600, Math.ceil(delay)) };
    if (writesVolume) return { ...wait, strategy: { type: 'Recreate' } };
    const many = update['parallelism'];
    const count = many === 0 ? '100%' : typeof many === 'number' ? many : 1;
    if (update['order'] === 'stop-first') {
      return { ...wait, strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 0, maxUnavailable: count } } };
    }
    return { ...wait, strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: count, maxUnavailable: 0 } } };
  }

  #writesVolume(service: Members): boolean {
    return this.#mounts(service).some(
      ({ type, source, read_only: readOnly }) => type === 'volume' && source !== undefined && readOnly !== true,
    );
  }

  #mounts(service: Members): Members[] {
    const list = service['volumes'];
    return Array.isArray(list) ? list.map(membersOf) : [];
  }

  #networksOf(service: Members): string[] {
    const names = Object.keys(membersOf(service['networks']));
    return names.length === 0 ? ['default'] : names;
  }

  /** `ulimits` of a service as a part of the annotation: a number, or one for soft and one for hard. */
  #ulimits(path: FieldPath, service: Members, container: string): string[] {
    const limits: Partial<Record<UlimitName, Ulimit>> = {};
    for (const [name, written] of Object.entries(membersOf(service['ulimits']))) {
      // Other names are refused by their own fields, and are not said twice.
      const known = ULIMIT_NAMES.find((one) => one === name);
      if (known === undefined || written === null) continue;
      const { soft, hard, ...rest } = isObject(written) ? written : { soft: written, hard: written };
      const limit = { soft: countOf(soft), hard: countOf(hard) };
      if (Object.keys(rest).length > 0 || limit.soft === null || limit.hard === null || !isUlimit(limit as Ulimit)) {
        this.#problem([...path, 'ulimits', name], 'wrong-value', {
          en: 'expected a number (-1: no limit), or soft and hard, of which soft is not the greater',
          es: 'se esperaba un número (-1: sin límite), o soft y hard, sin que soft sea el mayor',
        });
        continue;
      }
      limits[known] = limit as Ulimit;
    }
    return Object.keys(limits).length === 0 ? [] : [`${container}: ${formatUlimits(limits)}`];
  }

  #annotations(path: FieldPath, service: Members, deploy: Members): Members {
    const files = listOf(service['label_file']).flatMap((file) => {
      const text = this.#input.read(file);
      if (text === null) {
        this.#problem([...path, 'label_file'], 'missing-target', {
          en: `there is no file ${file}`,
          es: `no existe el archivo ${file}`,
        });
      }
      return Object.entries(parseEnvFile(text ?? '', {}));
    });
    const all = [
      ...files,
      ...Object.entries(membersOf(service['labels'])),
      ...Object.entries(membersOf(deploy['labels'])),
      ...Object.entries(membersOf(service['annotations'])),
    ];
    return Object.fromEntries(all.map(([key, value]) => [key, textOf(value)]));
  }

  #podSpec(
    path: FieldPath,
    service: Members,
    hosts: readonly Members[],
    inits: readonly Members[],
    container: Members,
    volumes: readonly Members[],
  ): Members {
    const user = textOf(service['user']);
    const [uid, gid] = user.split(':').map(Number);
    const security: Members = {};
    if (user !== '' && uid !== undefined && uid > 0) security['fsGroup'] = gid ?? uid;
    const groups = service['group_add'];
    if (Array.isArray(groups)) security['supplementalGroups'] = groups;
    // The others are refused by their own fields, and are not said twice.
    const sysctls = Object.entries(membersOf(service['sysctls'])).filter(([name]) => SAFE_SYSCTLS.includes(name));
    if (sysctls.length > 0) security['sysctls'] = sysctls.map(([name, value]) => ({ name, value: textOf(value) }));
    const grace = service['stop_grace_period'];
    const seconds = grace === undefined ? GRACE_SECONDS : this.#duration([...path, 'stop_grace_period'], grace);
    const named = hosts.flatMap((one) =>
      Object.entries(one).flatMap(([host, addresses]) => listOf(addresses).map((address) => ({ host, address }))),
    );
    if (named.some(({ address }) => address === HOST_GATEWAY)) {
      this.#problem([...path, 'extra_hosts'], 'refused', {
        en: 'refused: host-gateway is the host itself, which services do not reach here; give the address of a server',
        es: 'rechazado: host-gateway es el propio host, al que los servicios no llegan aquí; dar la dirección de un servidor',
      });
    }
    const aliases = Map.groupBy(
      named.filter(({ address }) => address !== HOST_GATEWAY),
      ({ address }) => address,
    );
    const [dns, search, options] = [listOf(service['dns']), listOf(service['dns_search']), listOf(service['dns_opt'])];
    const hasDns = dns.length + search.length + options.length > 0;
    return {
      ...(inits.length === 0 ? {} : { initContainers: [...inits] }),
      containers: [container],
      ...(volumes.length === 0 ? {} : { volumes: [...volumes] }),
      terminationGracePeriodSeconds: Math.ceil(seconds ?? GRACE_SECONDS),
      ...(Object.keys(security).length === 0 ? {} : { securityContext: security }),
      ...(service['hostname'] === undefined ? {} : { hostname: textOf(service['hostname']) }),
      ...(service['init'] === true ? { shareProcessNamespace: true } : {}),
      ...(aliases.size === 0
        ? {}
        : {
            hostAliases: [...aliases].map(([ip, names]) => ({
              ip,
              hostnames: [...new Set(names.map(({ host }) => host))],
            })),
          }),
      ...(dns.length === 0 ? {} : { dnsPolicy: 'None' }),
      ...(hasDns
        ? {
            dnsConfig: {
              ...(dns.length === 0 ? {} : { nameservers: dns }),
              ...(search.length === 0 ? {} : { searches: search }),
              ...(options.length === 0
                ? {}
                : {
                    options: options.map((one) => {
                      const [key = '', value] = one.split(':');
                      return value === undefined ? { name: key } : { name: key, value };
                    }),
                  }),
            },
          }
        : {}),
    };
  }

  #container(name: string, service: Members, volumes: Members[], isInit: boolean): Members {
    const path = ['services', name];
    const given = this.#names.get(name) ?? name;
    const mounts: Members[] = [];
    const addVolume = (source: Members): string => {
      const key = `${given.slice(0, 40)}-${volumes.length}`;
      volumes.push({ name: key, ...source });
      return key;
    };
    for (const [index, mount] of this.#mounts(service).entries())
      this.#mount([...path, 'volumes', index], mount, mounts, addVolume);
    for (const text of listOf(service['tmpfs'])) {
      const [target = '', options = ''] = text.split(':');
      const size = /(?:^|,)size=([^,]+)/.exec(options)?.[1];
      const others = options.split(',').filter((one) => one !== '' && one !== 'rw' && !one.startsWith('size='));
      if (others.length > 0) {
        this.#note([...path, 'tmpfs'], {
          en: `a file system in memory has the owner and mode of a volume of its pod, so that these are not taken: ${others.join(', ')}`,
          es: `un sistema de archivos en memoria tiene el dueño y el modo de un volumen de su pod, así que no se toman: ${others.join(', ')}`,
        });
      }
      mounts.push({
        name: addVolume({ emptyDir: { medium: 'Memory', ...this.#size([...path, 'tmpfs'], size) } }),
        mountPath: target,
      });
    }
    if (service['shm_size'] !== undefined) {
      mounts.push({
        name: addVolume({ emptyDir: { medium: 'Memory', ...this.#size([...path, 'shm_size'], service['shm_size']) } }),
        mountPath: '/dev/shm',
      });
    }
    for (const kind of ['configs', 'secrets'] as const) {
      const uses = service[kind];
      for (const [index, use] of (Array.isArray(uses) ? uses : []).entries())
        this.#content([...path, kind, index], kind, membersOf(use), mounts, addVolume);
    }
    const { command, args } = this.#command(path, service);
    const deploy = membersOf(membersOf(service['deploy'])['resources']);
    const ports = isInit ? [] : this.#ports(service);
    const probe = isInit ? null : this.#probe(path, membersOf(service['healthcheck']));
    const lifecycle = isInit ? {} : this.#lifecycle(path, service);
    const resources = this.#resources(path, service, deploy);
    return {
      name: given,
      image: this.#image(name, given, service),
      imagePullPolicy: 'IfNotPresent',
      ...(command === null ? {} : { command }),
      ...(args === null ? {} : { args }),
      ...(service['working_dir'] === undefined ? {} : { workingDir: textOf(service['working_dir']) }),
      env: this.#environment(path, service),
      ...(ports.length === 0
        ? {}
        : { ports: ports.map(({ target, protocol }) => ({ containerPort: target, protocol })) }),
      ...(mounts.length === 0 ? {} : { volumeMounts: mounts }),
      ...(probe === null ? {} : { readinessProbe: probe }),
      ...(Object.keys(lifecycle).length === 0 ? {} : { lifecycle }),
      ...(Object.keys(resources).length === 0 ? {} : { resources }),
      securityContext: this.#security(path, service),
      ...(service['stdin_open'] === true && !isInit ? { stdin: true } : {}),
      ...(service['tty'] === true && !isInit ? { tty: true } : {}),
    };
  }

  /** An empty list takes away what the image says; in a manifest it would leave it, and so the rest moves up. */
  #command(path: FieldPath, service: Members): { command: string[] | null; args: string[] | null } {
    const wordsOf = (value: Json | undefined): string[] | null =>
      Array.isArray(value) ? value.map((word) => literal(textOf(word))) : null;
    const [entrypoint, command] = [wordsOf(service['entrypoint']), wordsOf(service['command'])];
    const isBare = entrypoint?.length === 0;
    if ((isBare && (command ?? []).length === 0) || (entrypoint === null && command?.length === 0)) {
      const field = isBare ? 'entrypoint' : 'command';
      this.#problem([...path, field], 'refused', {
        en: `refused: an empty ${field} takes that of the image away, and nothing is named in its place; write what is to run as entrypoint`,
        es: `rechazado: un ${field} vacío quita el de la imagen, y no se nombra nada en su lugar; escribir lo que debe ejecutarse como entrypoint`,
      });
    }
    return isBare ? { command, args: null } : { command: entrypoint, args: command };
  }

  #image(name: string, given: string, service: Members): string {
    const path = ['services', name];
    const build = service['build'];
    if (build !== undefined) {
      const { context, dockerfile, args, target } = membersOf(build);
      const folder = textOf(context);
      if (/^[a-z]+:\/\/|^git@/.test(folder)) {
        this.#problem([...path, 'build', 'context'], 'refused', {
          en: 'refused: a build has the files of the project; clone it beside compose.yaml',
          es: 'rechazado: una construcción dispone de los archivos del proyecto; clonarlo junto a compose.yaml',
        });
      } else if (folder.startsWith('..') || folder.startsWith('/')) {
        this.#problem([...path, 'build', 'context'], 'refused', {
          en: 'refused: it is outside of the folder of compose.yaml; deploy from the folder above',
          es: 'rechazado: está fuera de la carpeta de compose.yaml; desplegar desde la carpeta superior',
        });
      }
      this.#images[given] = {
        context: folder,
        ...(dockerfile === undefined ? {} : { containerfile: textOf(dockerfile) }),
        ...(Object.keys(membersOf(args)).length === 0 ? {} : { args: this.#buildArguments(name, membersOf(args)) }),
        ...(target === undefined ? {} : { target: textOf(target) }),
      };
      return given;
    }
    const written = textOf(service['image']);
    if (written === '') {
      this.#problem(path, 'missing-field', { en: 'it has neither image nor build', es: 'no tiene ni image ni build' });
      return given;
    }
    let reference: ReturnType<typeof parseReference>;
    try {
      reference = parseReference(written);
    } catch {
      this.#problem([...path, 'image'], 'wrong-value', {
        en: `"${written}" names no image`,
        es: `"${written}" no nombra una imagen`,
      });
      return given;
    }
    const { registry, repository, tag, digest } = reference;
    const suffix = `${tag === null ? '' : `:${tag}`}${digest === null ? '' : `@${digest}`}`;
    const isOurs = registry === null || registry === REGISTRY_NAME;
    if (isOurs && (repository.startsWith('base/') || repository.startsWith(`${this.#project}/`)))
      return `${repository}${suffix}`;
    const wanted = `${this.#project}/${repository.replace(/^library\//, '')}`;
    this.#note([...path, 'image'], {
      en: `${written} is looked for as ${wanted}${suffix}: bring it in with darsena mirror create, darsena image import, or a push`,
      es: `${written} se busca como ${wanted}${suffix}: traerla con darsena mirror create, darsena image import o un push`,
    });
    return `${wanted}${suffix}`;
  }

  #buildArguments(service: string, args: Members): Members {
    const variables = this.#tree.variablesOf('services', service);
    return Object.fromEntries(
      Object.entries(args).map(([name, value]) => [name, value === null ? (variables[name] ?? '') : textOf(value)]),
    );
  }

  #environment(path: FieldPath, service: Members): Json[] {
    const values = new Map<string, string>();
    const variables = this.#tree.variablesOf('services', textOf(path[1]));
    const files = service['env_file'];
    for (const [index, one] of (Array.isArray(files) ? files : []).entries()) {
      const { path: name, required, format } = membersOf(one);
      const file = textOf(name);
      const text = this.#input.read(file);
      if (text === null) {
        if (required !== false)
          this.#problem([...path, 'env_file', index], 'missing-target', {
            en: `there is no file ${file}`,
            es: `no existe el archivo ${file}`,
          });
        continue;
      }
      const read =
        format === 'raw'
          ? rawLines(text)
          : parseEnvFile(text, variables, (line, why) => {
              const known = this.#problems.some((one) => one.file === file && one.line === line);
              if (!known) this.#problems.push({ file, line, column: 1, kind: 'wrong-value', field: '', text: why });
            });
      for (const [key, value] of Object.entries(read)) values.set(key, value);
    }
    for (const [key, value] of Object.entries(membersOf(service['environment']))) {
      // A name without a value passes on that of who deploys, if there is one.
      const passed = Object.hasOwn(variables, key) ? variables[key] : undefined;
      if (value !== null) values.set(key, textOf(value));
      else if (passed !== undefined) values.set(key, passed);
    }
    return [...values].map(([name, value]) => ({ name, value: literal(value) }));
  }

  #mount(path: FieldPath, mount: Members, mounts: Members[], add: (source: Members) => string): void {
    const { type, source, target, read_only: readOnly } = mount;
    const mountPath = textOf(target);
    if (type === 'tmpfs') {
      mounts.push({
        name: add({ emptyDir: { medium: 'Memory', ...this.#size(path, membersOf(mount['tmpfs'])['size']) } }),
        mountPath,
      });
      return;
    }
    if (type !== 'volume') return;
    const only = readOnly === true ? { readOnly: true } : {};
    if (source === undefined || source === '') {
      this.#note(path, {
        en: 'a volume without a name is empty in each new pod and ends with it',
        es: 'un volumen sin nombre está vacío en cada pod nuevo y termina con él',
      });
      mounts.push({ name: add({ emptyDir: {} }), mountPath, ...only });
      return;
    }
    const name = textOf(source);
    if (!Object.hasOwn(membersOf(this.#tree.value['volumes']), name)) {
      this.#problem(path, 'missing-target', {
        en: `there is no volume ${name} below volumes`,
        es: `no existe el volumen ${name} en volumes`,
      });
      return;
    }
    const subPath = membersOf(mount['volume'])['subpath'];
    mounts.push({
      name: add({ persistentVolumeClaim: { claimName: nameOf(name, 'volume', 53) } }),
      mountPath,
      ...only,
      ...(subPath === undefined ? {} : { subPath: textOf(subPath) }),
    });
  }

  #claim(name: string, services: Members): void {
    const users = Object.values(services).filter((service) =>
      this.#mounts(membersOf(service)).some(({ source }) => source === name),
    );
    this.#documents.push({
      from: ['volumes', name],
      value: {
        apiVersion: 'v1',
        kind: 'PersistentVolumeClaim',
        metadata: { name: nameOf(name, 'volume', 53) },
        spec: {
          accessModes: [users.length > 1 ? 'ReadWriteMany' : 'ReadWriteOnce'],
          resources: { requests: { storage: '1Gi' } },
        },
      },
    });
  }

  /** One config or secret as a file; the ConfigMap or Secret is made the first time it is used. */
  #content(
    path: FieldPath,
    kind: 'configs' | 'secrets',
    use: Members,
    mounts: Members[],
    add: (source: Members) => string,
  ): void {
    const source = textOf(use['source']);
    const isFile = source.startsWith('file:');
    const target =
      use['target'] === undefined
        ? kind === 'secrets'
          ? `/run/secrets/${source}`
          : `/${source}`
        : textOf(use['target']);
    const mountPath = target.startsWith('/') ? target : `${kind === 'secrets' ? '/run/secrets/' : '/'}${target}`;
    const bytes = isFile ? this.#bytesOf(source.slice(5)) : this.#contentBytes(path, kind, source);
    if (bytes === null) return;
    const written = isFile ? `file-${source.slice(5)}` : `${kind === 'secrets' ? 'secret' : 'config'}-${source}`;
    const short = nameOf(written, 'content', 53);
    // Two that come out alike, as a_b and a-b, or cut off where they differ, are two all the same.
    const isTaken = [...this.#contents].some(([other, taken]) => taken === short && other !== written);
    const known = this.#contents.get(written);
    const name = known ?? (isTaken ? `${short.slice(0, 44)}-${shortHash(written)}` : short);
    const key = 'content';
    if (known === undefined) {
      this.#contents.set(written, name);
      const data = { [key]: Buffer.from(bytes).toString('base64') };
      this.#documents.push({
        from: path,
        value:
          kind === 'secrets'
            ? { apiVersion: 'v1', kind: 'Secret', metadata: { name }, data }
            : { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, binaryData: data },
      });
    }
    const file = posix.basename(mountPath);
    const items = [{ key, path: file, mode: typeof use['mode'] === 'number' ? use['mode'] : 0o444 }];
    const volume = add(kind === 'secrets' ? { secret: { secretName: name, items } } : { configMap: { name, items } });
    mounts.push({ name: volume, mountPath, subPath: file, readOnly: true });
  }

  /** A file as it is: what is no text, as a key store, would be another one after it was read as text. */
  #bytesOf(path: string): Uint8Array | null {
    if (this.#input.bytes !== undefined) return this.#input.bytes(path);
    const text = this.#input.read(path);
    return text === null ? null : Buffer.from(text);
  }

  #contentBytes(path: FieldPath, kind: 'configs' | 'secrets', source: string): Uint8Array | null {
    const section = membersOf(this.#tree.value[kind]);
    if (!Object.hasOwn(section, source)) {
      this.#problem(path, 'missing-target', {
        en: `there is no ${source} below ${kind}`,
        es: `no existe ${source} en ${kind}`,
      });
      return null;
    }
    const { file, environment, content, external } = membersOf(section[source]);
    const at = [kind, source];
    if (content !== undefined) return Buffer.from(textOf(content));
    if (environment !== undefined) {
      const value = this.#tree.variablesOf(kind, source)[textOf(environment)];
      if (value === undefined)
        this.#problem(at, 'missing-target', {
          en: `the variable ${textOf(environment)} is not set`,
          es: `la variable ${textOf(environment)} no está definida`,
        });
      return value === undefined ? null : Buffer.from(value);
    }
    const bytes = file === undefined ? null : this.#bytesOf(textOf(file));
    const told = this.#problems.some(({ field }) => field === formatPath([...at, 'file']));
    // That one is refused for what it is.
    if (bytes === null && !told && external !== true) {
      this.#problem([...at, 'file'], 'missing-target', {
        en: `there is no file ${textOf(file)} in the project`,
        es: `no existe el archivo ${textOf(file)} en el proyecto`,
      });
    }
    return bytes;
  }

  #security(path: FieldPath, service: Members): Members {
    const security: Members = {};
    const user = textOf(service['user']);
    if (/^\d+(?::\d+)?$/.test(user)) {
      const [uid, gid] = user.split(':').map(Number);
      security['runAsUser'] = uid ?? 0;
      if (gid !== undefined) security['runAsGroup'] = gid;
    }
    if (service['read_only'] === true) security['readOnlyRootFilesystem'] = true;
    const capabilities: Members = {};
    for (const [field, member] of [
      ['cap_add', 'add'],
      ['cap_drop', 'drop'],
    ] as const) {
      const names = listOf(service[field]).map((one) => one.toUpperCase().replace(/^CAP_/, ''));
      if (names.length > 0) capabilities[member] = names;
    }
    if (Object.keys(capabilities).length > 0) security['capabilities'] = capabilities;
    for (const [index, option] of listOf(service['security_opt']).entries()) {
      const [name = '', value = ''] = option.split(/[:=](.*)/s);
      if (/^no-new-privileges$/.test(name) && value !== 'false') security['allowPrivilegeEscalation'] = false;
      else if (name === 'apparmor' && value !== 'unconfined')
        security['appArmorProfile'] = { type: 'Localhost', localhostProfile: value };
      else {
        this.#problem([...path, 'security_opt', index], 'refused', {
          en: `refused: ${name} would loosen what guards the service, or names a file of the host; no-new-privileges and apparmor are taken`,
          es: `rechazado: ${name} aflojaría lo que protege al servicio, o nombra un archivo del host; se admiten no-new-privileges y apparmor`,
        });
      }
    }
    return security;
  }

  #resources(path: FieldPath, service: Members, deploy: Members): Members {
    const limits = membersOf(deploy['limits']);
    const wanted = membersOf(deploy['reservations']);
    const cpus = limits['cpus'] ?? service['cpus'];
    const memory = limits['memory'] ?? service['mem_limit'];
    const least = wanted['memory'] ?? service['mem_reservation'];
    const amounts = (cpu: Json | undefined, bytes: Json | undefined): Members => ({
      ...(cpu === undefined ? {} : { cpu: `${Math.max(1, Math.round(Number(cpu) * 1000)) || 1}m` }),
      // None, as nothing, is no limit.
      ...(bytes === undefined || Number(bytes) === 0
        ? {}
        : { memory: String(this.#bytes([...path, 'deploy'], bytes) ?? 0) }),
    });
    if (cpus !== undefined && !(Number(cpus) > 0))
      this.#problem([...path, 'cpus'], 'wrong-value', {
        en: `${textOf(cpus)} is no number of processors`,
        es: `${textOf(cpus)} no es un número de procesadores`,
      });
    const [most, min] = [amounts(cpus, memory), amounts(wanted['cpus'], least)];
    return {
      ...(Object.keys(most).length === 0 ? {} : { limits: most }),
      ...(Object.keys(min).length === 0 ? {} : { requests: min }),
    };
  }

  #probe(path: FieldPath, health: Members): Members | null {
    const test = health['test'];
    if (test === undefined || health['disable'] === true) return null;
    const at = [...path, 'healthcheck'];
    const words = typeof test === 'string' ? ['CMD-SHELL', test] : listOf(test);
    const [how, ...rest] = words;
    if (how === 'NONE') return null;
    const command = how === 'CMD' ? rest : how === 'CMD-SHELL' ? ['/bin/sh', '-c', rest.join(' ')] : null;
    if (command === null || command.length === 0) {
      this.#problem([...at, 'test'], 'wrong-value', {
        en: 'expected a text, or a list that begins with CMD, CMD-SHELL or NONE',
        es: 'se esperaba un texto, o una lista que empiece por CMD, CMD-SHELL o NONE',
      });
      return null;
    }
    const seconds = (field: string): number =>
      Math.max(
        1,
        Math.ceil(
          health[field] === undefined ? PROBE_INTERVAL_SECONDS : (this.#duration([...at, field], health[field]) ?? 1),
        ),
      );
    return {
      exec: { command },
      periodSeconds: seconds('interval'),
      timeoutSeconds: seconds('timeout'),
      failureThreshold: typeof health['retries'] === 'number' ? health['retries'] : 3,
    };
  }

  #lifecycle(path: FieldPath, service: Members): Members {
    const result: Members = {};
    if (service['stop_signal'] !== undefined) {
      const name = textOf(service['stop_signal']).toUpperCase();
      result['stopSignal'] = name.startsWith('SIG') ? name : `SIG${name}`;
    }
    for (const [field, member] of [
      ['post_start', 'postStart'],
      ['pre_stop', 'preStop'],
    ] as const) {
      const hooks = Array.isArray(service[field]) ? service[field] : [];
      if (hooks.length === 0) continue;
      if (hooks.length > 1) {
        this.#problem([...path, field], 'refused', {
          en: 'refused: one command is taken; join them in a script of the image',
          es: 'rechazado: se admite una orden; unirlas en un script de la imagen',
        });
      }
      const { command } = membersOf(hooks[0]);
      result[member] = { exec: { command: typeof command === 'string' ? splitWords(command) : listOf(command) } };
    }
    return result;
  }

  #ports(service: Members): { target: number; protocol: string; published: boolean; app: string }[] {
    const found = new Map<string, { target: number; protocol: string; published: boolean; app: string }>();
    const add = (target: number, protocol: string, published: boolean, app: string): void => {
      if (!Number.isInteger(target)) return;
      const key = `${target}/${protocol}`;
      found.set(key, { target, protocol, published: published || found.get(key)?.published === true, app });
    };
    for (const one of Array.isArray(service['expose']) ? service['expose'] : []) {
      const [port = '', protocol = 'tcp'] = textOf(one).split('/');
      add(Number(port), protocol.toUpperCase(), false, '');
    }
    for (const one of Array.isArray(service['ports']) ? service['ports'] : []) {
      const { target, protocol, app_protocol: app } = membersOf(one);
      add(Number(target), textOf(protocol ?? 'tcp').toUpperCase(), true, textOf(app));
    }
    return [...found.values()];
  }

  /** The names of a service, and the one of its ports that people open. */
  #reach(name: string, given: string, service: Members): void {
    const path = ['services', name];
    const ports = this.#ports(service);
    let shown = ports.map(({ target, protocol }) => ({
      name: `${protocol.toLowerCase()}-${target}`,
      port: target,
      protocol,
    }));
    if (shown.length === 0) {
      const image = textOf(service['image']);
      const port = KNOWN_PORTS.find(([pattern]) => pattern.test(image))?.[1] ?? 80;
      this.#note(path, {
        en: `it names no port: its name is given for port ${port}, and answers on whatever it listens to`,
        es: `no nombra puertos: su nombre se da para el puerto ${port}, y responde en los que escuche`,
      });
      shown = [{ name: `tcp-${port}`, port, protocol: 'TCP' }];
    }
    const names = new Set([given]);
    for (const alias of this.#aliases(name, service)) {
      const label = nameOf(alias, given, 63);
      if (label !== alias)
        this.#note(path, {
          en: `its other name ${alias} is ${label} here`,
          es: `su otro nombre ${alias} es aquí ${label}`,
        });
      if (![...this.#names.values()].includes(label)) names.add(label);
    }
    for (const one of names) {
      if (
        this.#documents.some(({ value }) => value['kind'] === 'Service' && membersOf(value['metadata'])['name'] === one)
      )
        continue;
      this.#documents.push({
        from: path,
        value: {
          apiVersion: 'v1',
          kind: 'Service',
          metadata: { name: one },
          spec: { selector: { [LABEL]: given }, ports: shown },
        },
      });
    }
    const open = ports.filter(
      ({ published, protocol, target, app }) =>
        published && protocol === 'TCP' && (app === '' ? !NO_HTTP.has(target) : /^(?:http|ws)/.test(app)),
    );
    const [first] = open;
    for (const port of ports) {
      if (!port.published || port === first) continue;
      this.#note([...path, 'ports'], {
        en: `${port.target}/${port.protocol.toLowerCase()} is reached inside the project only; from here: darsena port-forward ${this.#project}/${given} ${port.target}`,
        es: `${port.target}/${port.protocol.toLowerCase()} se alcanza solo dentro del proyecto; desde aquí: darsena port-forward ${this.#project}/${given} ${port.target}`,
      });
    }
    if (first === undefined) return;
    this.#documents.push({
      from: [...path, 'ports'],
      value: {
        apiVersion: 'networking.k8s.io/v1',
        kind: 'Ingress',
        metadata: { name: given },
        spec: {
          rules: [
            {
              http: {
                paths: [
                  {
                    path: '/',
                    pathType: 'Prefix',
                    backend: { service: { name: given, port: { number: first.target } } },
                  },
                ],
              },
            },
          ],
        },
      },
    });
  }

  /** By what else others call it: its container's name, aliases in networks, links of others. */
  #aliases(name: string, service: Members): string[] {
    const own = Object.values(membersOf(service['networks'])).flatMap((one) => listOf(membersOf(one)['aliases']));
    const links = Object.values(membersOf(this.#tree.value['services'])).flatMap((other) =>
      listOf(membersOf(other)['links']).flatMap((link) => {
        const [target, alias] = link.split(':');
        return target === name && alias !== undefined ? [alias] : [];
      }),
    );
    const container = service['container_name'];
    return [...(container === undefined ? [] : [textOf(container)]), ...own, ...links];
  }

  /** Services that share no network of the file do not reach each other; an internal network has no way out. */
  #policies(services: Members): void {
    const all = Object.values(services).map((service) => this.#networksOf(membersOf(service)).sort().join(' '));
    const networks = membersOf(this.#tree.value['networks']);
    const isInternal = (network: string): boolean => membersOf(networks[network])['internal'] === true;
    const isParted = new Set(all).size > 1;
    for (const [name, service] of Object.entries(services)) {
      const own = this.#networksOf(membersOf(service));
      for (const network of own) {
        if (network === 'default' || Object.hasOwn(networks, network)) continue;
        this.#problem(['services', name, 'networks', network], 'missing-target', {
          en: `there is no network ${network}`,
          es: `no existe la red ${network}`,
        });
      }
      const closed = own.every(isInternal);
      if (!isParted && !closed) continue;
      const given = this.#names.get(name) ?? name;
      const peers = own.map((network) => ({
        podSelector: { matchLabels: { [networkLabel(network)]: 'true' } },
      }));
      this.#documents.push({
        from: ['services', name],
        value: {
          apiVersion: 'networking.k8s.io/v1',
          kind: 'NetworkPolicy',
          metadata: { name: given },
          spec: {
            podSelector: { matchLabels: { [LABEL]: given } },
            policyTypes: closed ? ['Ingress', 'Egress'] : ['Ingress'],
            ingress: [{ from: peers }],
            ...(closed ? { egress: [{ to: peers }] } : {}),
          },
        },
      });
    }
  }

  #size(path: FieldPath, value: Json | undefined): Members {
    if (value === undefined) return {};
    const bytes = this.#bytes(path, value);
    return bytes === null ? {} : { sizeLimit: String(bytes) };
  }

  #bytes(path: FieldPath, value: Json): number | null {
    const match = /^(\d+(?:\.\d+)?)\s*([bkmgt]?)(?:i?b)?$/i.exec(textOf(value));
    const bytes =
      match === null
        ? Number.NaN
        : Math.round(Number(match[1]) * 1024 ** 'bkmgt'.indexOf((match[2] || 'b').toLowerCase()));
    if (Number.isSafeInteger(bytes)) return bytes;
    this.#problem(path, 'wrong-value', {
      en: `${textOf(value)} is no amount of bytes, as 512m or 2g`,
      es: `${textOf(value)} no es una cantidad de bytes, como 512m o 2g`,
    });
    return null;
  }

  #duration(path: FieldPath, value: Json | undefined): number | null {
    const seconds = secondsOf(value);
    if (seconds === null)
      this.#problem(path, 'wrong-value', {
        en: `${textOf(value)} is no span of time, as 30s or 1m30s`,
        es: `${textOf(value)} no es un lapso, como 30s o 1m30s`,
      });
    return seconds;
  }
}

/** A limit as a file writes it; null when it is none. */
function countOf(value: Json | undefined): number | null {
  const count = typeof value === 'string' && /^-?\d{1,15}$/.test(value) ? Number(value) : value;
  return typeof count === 'number' && Number.isSafeInteger(count) && count >= -1 ? count : null;
}

/** A name that the platform takes: a-z, 0-9 and hyphens. */
function nameOf(text: string, otherwise: string, most: number): string {
  const name = text
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+/, '')
    .slice(0, most)
    .replace(/-+$/, '');
  return name === '' ? otherwise : name;
}

/** One label a network: names that would come out alike are told apart, or networks that are apart would become one. */
function networkLabel(network: string): string {
  const name = nameOf(network, 'network', 40);
  return `${NETWORK_LABEL}${name === network ? name : `${name}-${shortHash(network)}`}`;
}

function shortHash(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 8);
}

/** `$(NAME)` is a reference in Kubernetes and `$$` a dollar sign; Compose knows neither in a value. */
function literal(text: string): string {
  return text.replace(/\$(?=[$(])/g, () => '$$');
}

/** Go's spans: `1h30m`, `10s`, `500ms`; a number is seconds. */
function secondsOf(value: Json | undefined): number | null {
  const text = textOf(value);
  if (/^\d+$/.test(text)) return Number(text);
  if (!/^(?:\d+(?:\.\d+)?(?:us|µs|ms|ns|s|m|h|d))+$/.test(text)) return null;
  const units: Readonly<Record<string, number>> = {
    ns: 1e-9,
    us: 1e-6,
    µs: 1e-6,
    ms: 1e-3,
    s: 1,
    m: 60,
    h: 3600,
    d: 86_400,
  };
  return [...text.matchAll(/(\d+(?:\.\d+)?)(us|µs|ms|ns|s|m|h|d)/g)].reduce(
    (sum, [, count, unit]) => sum + Number(count) * (units[unit ?? 's'] ?? 1),
    0,
  );
}

function rawLines(text: string): Record<string, string> {
  return Object.fromEntries(
    text.split(/\r?\n/).flatMap((line) => {
      const at = line.indexOf('=');
      return at < 1 || line.startsWith('#') ? [] : [[line.slice(0, at), line.slice(at + 1)]];
    }),
  );
}
