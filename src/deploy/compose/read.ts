import { posix } from 'node:path';
import {
  decodeText,
  FormatError,
  parseYaml,
  sayFormatError,
  type YamlDocument,
  type YamlOptions,
} from '../../formats/index.ts';
import type { Json, Text } from '../../system/index.ts';
import { type FieldPath, formatPath, isObject, type ManifestProblem, type Place } from '../kubernetes/documents.ts';
import {
  InterpolationError,
  interpolate,
  interpolateTree,
  parseEnvFile,
  splitWords,
  type Variables,
} from './interpolate.ts';

/** Files that one Compose file may lead to, by include and extends. */
const FILES_MAX = 50;
/** How many are taken, each as often as something leads to it: a few lines of include can lead to one in 2^50 ways. */
const TAKEN_MAX = { files: FILES_MAX, services: 2_000 } as const;
/** A file of the project that becomes a config: what a ConfigMap holds. */
const CONFIG_BYTES_MAX = 512 * 1024;

export interface ComposeInput {
  /** The file, then those that change it, from the project's folder. */
  readonly files: readonly string[];
  /** A file of the project's folder; null when there is none. */
  readonly read: (path: string) => string | null;
  readonly variables: Variables;
  readonly profiles: readonly string[];
  /** Instead of the name in the file. */
  readonly project: string | null;
  /** What the project is called where nothing names it: its folder. */
  readonly otherwise?: string;
  /** A file as it is, for what becomes a config or a secret; its text without. */
  readonly bytes?: (path: string) => Uint8Array | null;
}

export type Members = { [key: string]: Json };

/** What stands in the file and is changed or added on the way, where it is not a field that says so. */
export interface ComposeNote extends Place {
  readonly field: string;
  readonly text: Text;
}

/** A Compose file with all that it leads to, in its long form. */
export interface ComposeTree {
  readonly value: Members;
  readonly problems: ManifestProblem[];
  readonly notes: ComposeNote[];
  /** As it is written; names of the platform are made of it. */
  readonly project: string;
  readonly locate: (path: FieldPath) => Place;
  /** What a service, config or secret may name: variables of who deploys, of `.env` and of the file that includes it. */
  readonly variablesOf: (section: string, name: string) => Variables;
}

/** Tags by which a further file takes something away, or puts something in its place (section 13). */
const RESET = '!reset';
const OVERRIDE = '!override';
/** As Docker reads such files; large applications repeat a few anchors hundreds of times. */
const COMPOSE_YAML: YamlOptions = {
  mergeKeys: true,
  scalars: 'compose',
  tags: [RESET, OVERRIDE],
  maxAliasCount: 3_000,
};
/** Values of a file with each alias written out: the largest known one has 20,000. */
const VALUES_MAX = 500_000;
/** What is read from other machines; a release is made of what stands in the project. */
const REMOTE = /^(?:[a-z][a-z0-9+.-]*:\/\/|oci:|git@)/i;

const EMPTY_IS_UNSET = [
  'hostname',
  'domainname',
  'platform',
  'working_dir',
  'user',
  'network_mode',
  'pid',
  'ipc',
  'uts',
  'userns_mode',
  'cgroup',
  'cgroup_parent',
  'runtime',
  'isolation',
  'restart',
  'pull_policy',
  'container_name',
  'mac_address',
  'stop_signal',
  'shm_size',
  'mem_limit',
] as const;

interface Origin {
  readonly file: string;
  readonly document: YamlDocument;
}

const SECTIONS = ['services', 'networks', 'volumes', 'configs', 'secrets', 'models'] as const;

/**
 * Reads the files, puts values in, writes short forms out, and joins what `include`, `extends` and further files say, as
 * the Compose Specification has it (sections 13 and 14).
 */
export function readCompose(input: ComposeInput): ComposeTree {
  return new Loader(input).load();
}

class Loader {
  readonly #input: ComposeInput;
  readonly #problems: ManifestProblem[] = [];
  readonly #notes: ComposeNote[] = [];
  readonly #documents = new Map<string, Origin | null>();
  /** Where each service or volume is written, and as what: several files make one, and it may extend another. */
  readonly #origins = new Map<string, { readonly origin: Origin; readonly at: FieldPath }[]>();
  readonly #missing = new Set<string>();
  #main: Origin | null = null;
  readonly #taken = { files: 0, services: 0 };
  /** What stands in a file with values put in, as long as the values are the same. */
  readonly #filled = new Map<Origin, { readonly variables: Variables; readonly value: Json }>();
  readonly #variables = new Map<string, Variables>();

  constructor(input: ComposeInput) {
    this.#input = input;
  }

  load(): ComposeTree {
    const set = { ...this.#envFile('.env', this.#input.variables), ...this.#input.variables };
    const project = this.#input.project ?? this.#named(set);
    const variables: Variables = { ...set, COMPOSE_PROJECT_NAME: project };
    let value: Members = {};
    for (const file of this.#input.files) {
      const part = this.#file(file, '', variables, []);
      value = mergeTop(this.#cleared(value, this.#documents.get(file), []), part);
    }
    // Where nobody asks for one, the profile without a name is asked for, as Compose does.
    const named = (variables['COMPOSE_PROFILES'] ?? '').split(',').map((one) => one.trim());
    this.#filterProfiles(value, this.#input.profiles.length > 0 ? this.#input.profiles : named);
    return {
      value,
      problems: this.#problems,
      notes: this.#notes,
      project,
      locate: (path) => this.#locate(path),
      variablesOf: (section, name) => this.#variables.get(`${section}.${name}`) ?? variables,
    };
  }

  /** The name of the project where nobody gives it from outside: of the environment, of the last file that has one, of the folder. */
  #named(variables: Variables): string {
    const given = variables['COMPOSE_PROJECT_NAME'];
    if (given !== undefined && given !== '') return given;
    for (const file of this.#input.files.toReversed()) {
      const name = membersOf(this.#open(file)?.document.value)['name'];
      if (typeof name !== 'string') continue;
      try {
        return interpolate(name, variables, () => undefined);
      } catch (error) {
        // Told where the whole file is read.
        if (!(error instanceof InterpolationError)) throw error;
      }
    }
    return this.#input.otherwise ?? '';
  }

  /** The values of a file of variables; none where it is not there. */
  #envFile(file: string, variables: Variables): Record<string, string> {
    const text = this.#input.read(file);
    if (text === null) return {};
    return parseEnvFile(text, variables, (line, why) => {
      const known = this.#problems.some((one) => one.file === file && one.line === line);
      if (!known) this.#problems.push({ file, line, column: 1, kind: 'wrong-value', field: '', text: why });
    });
  }

  /** What stood before without what a file takes away or replaces; `at`: where in the file the value stands. */
  #cleared(value: Members, origin: Origin | null | undefined, at: FieldPath): Members {
    let result: Json = value;
    for (const { path } of origin?.document.marks ?? []) {
      if (path.length <= at.length || !at.every((part, index) => path[index] === part)) continue;
      const below = path.slice(at.length);
      result = removeAt(result, below);
      // Files of the project that were volumes are configs by now, and go with what they were.
      const field = path.length === 3 && path[0] === 'services' ? path[2] : null;
      if (field !== 'volumes' && field !== 'configs') continue;
      const configs = [...below.slice(0, -1), 'configs'];
      const former = field === 'configs' ? getAt(value, configs) : getAt(result, configs);
      if (!Array.isArray(former)) continue;
      const kept = former.filter((one) => isFileOfProject(one) === (field === 'configs'));
      result = setAt(result, configs, kept);
    }
    return membersOf(result);
  }

  #locate(path: FieldPath): Place {
    // The file that says the field itself; of several the last one.
    let best: { origin: Origin; path: FieldPath; depth: number } | null = null;
    for (const { origin, at } of this.#origins.get(`${path[0]}.${path[1]}`) ?? []) {
      const there = [...at, ...path.slice(2)];
      const depth = depthOf(origin.document.value, there);
      if (best === null || depth >= best.depth) best = { origin, path: there, depth };
    }
    if (best === null && this.#main !== null) best = { origin: this.#main, path, depth: 0 };
    if (best === null) return { file: this.#input.files[0] ?? '', line: 1, column: 1 };
    return { file: best.origin.file, ...best.origin.document.locate(best.path) };
  }

  #written(path: FieldPath, note: (known: { origin: Origin; at: FieldPath }[]) => void): void {
    const key = `${path[0]}.${path[1]}`;
    const known = this.#origins.get(key) ?? [];
    this.#origins.set(key, known);
    note(known);
  }

  #problem(path: FieldPath, kind: ManifestProblem['kind'], text: Text, origin?: Origin | null): void {
    const place = origin == null ? this.#locate(path) : { file: origin.file, ...origin.document.locate(path) };
    this.#problems.push({ ...place, kind, field: formatPath(path), text });
  }

  #note(path: FieldPath, text: Text): void {
    this.#notes.push({ ...this.#locate(path), field: formatPath(path), text });
  }

  #open(file: string): Origin | null {
    const known = this.#documents.get(file);
    if (known !== undefined) return known;
    const fail = (text: Text, line = 1, column = 1): null => {
      this.#problems.push({ file, line, column, kind: 'syntax', field: '', text });
      this.#documents.set(file, null);
      return null;
    };
    if (REMOTE.test(file)) {
      const refused: Text = {
        en: `refused: ${file} is not in the project; a deploy reads no file of another machine, so keep a copy beside compose.yaml`,
        es: `rechazado: ${file} no está en el proyecto; un despliegue no lee archivos de otra máquina: guardar una copia junto a compose.yaml`,
      };
      return fail(refused);
    }
    if (this.#documents.size >= FILES_MAX) {
      return fail({ en: `more than ${FILES_MAX} files`, es: `más de ${FILES_MAX} archivos` });
    }
    const text = this.#input.read(file);
    if (text === null)
      return fail({ en: `there is no file ${file} in the project`, es: `no existe el archivo ${file} en el proyecto` });
    try {
      const origin = { file, document: parseYaml(this.#whole(file, text), COMPOSE_YAML) };
      if (weightOf(origin.document.value) > VALUES_MAX) {
        return fail({
          en: `its aliases make more than ${VALUES_MAX} values of it`,
          es: `sus alias lo convierten en más de ${VALUES_MAX} valores`,
        });
      }
      this.#documents.set(file, origin);
      this.#main ??= origin;
      return origin;
    } catch (error) {
      if (!(error instanceof FormatError)) throw error;
      const { line, column } = error.position ?? { line: 1, column: 1 };
      return fail(sayFormatError(error), line, column);
    }
  }

  /** The text of a file of which letters were lost when it was read as UTF-8. @throws FormatError when it is in no known encoding */
  #whole(file: string, text: string): string {
    const bytes = text.includes('\ufffd') ? this.#input.bytes?.(file) : undefined;
    return bytes === undefined || bytes === null ? text : decodeText(bytes);
  }

  /** One file with its includes, in its long form; paths in it are made to lead from the project's folder. */
  #file(file: string, folder: string, variables: Variables, chain: readonly string[]): Members {
    const origin = this.#open(file);
    if (origin === null || this.#isTooMuch('files', origin)) return {};
    if (chain.includes(file)) {
      this.#problem(
        ['include'],
        'conflict',
        { en: `${file} includes itself`, es: `${file} se incluye a sí mismo` },
        origin,
      );
      return {};
    }
    const tree = this.#values(origin, variables);
    if (!isObject(tree)) {
      this.#problem(
        [],
        'wrong-value',
        { en: 'a Compose file is a map with services', es: 'un archivo Compose es un mapa con services' },
        origin,
      );
      return {};
    }
    let result: Members = {};
    const includes = tree['include'];
    for (const [index, written] of (Array.isArray(includes)
      ? includes
      : includes == null
        ? []
        : [includes]
    ).entries()) {
      const entry = typeof written === 'string' ? { path: written } : isObject(written) ? written : {};
      const paths = listOf(entry['path']);
      if (paths.length === 0) {
        this.#problem(
          ['include', index],
          'wrong-value',
          { en: 'expected the path of a file', es: 'se esperaba la ruta de un archivo' },
          origin,
        );
      }
      let part: Members = {};
      for (const path of paths) {
        const inner = REMOTE.test(path) ? path : posix.normalize(posix.join(folder, path));
        const base =
          typeof entry['project_directory'] === 'string'
            ? posix.join(folder, entry['project_directory'])
            : posix.dirname(inner);
        const own =
          entry['env_file'] === undefined
            ? [posix.join(base, '.env')]
            : listOf(entry['env_file']).map((one) => posix.join(folder, one));
        const more: Record<string, string> = {};
        for (const one of own) Object.assign(more, this.#envFile(posix.normalize(one), { ...more, ...variables }));
        const added = this.#file(inner, base === '.' ? '' : base, { ...more, ...variables }, [...chain, file]);
        part = mergeTop(this.#cleared(part, this.#documents.get(inner), []), added);
      }
      for (const section of SECTIONS) {
        for (const name of Object.keys(membersOf(part[section]))) {
          const former = membersOf(result[section])[name];
          // Two that include one file have the same of it.
          const isSame =
            former !== undefined && JSON.stringify(former) === JSON.stringify(membersOf(part[section])[name]);
          if (!Object.hasOwn(membersOf(tree[section]), name) && (former === undefined || isSame)) continue;
          this.#problem(
            [section, name],
            'conflict',
            { en: `${name} is in ${paths.join(', ')} as well`, es: `${name} está también en ${paths.join(', ')}` },
            origin,
          );
        }
      }
      const { name: _name, ...rest } = part;
      result = mergeTop(result, rest, true);
    }
    const own: Members = {};
    for (const [key, value] of Object.entries(tree)) {
      if (key.startsWith('x-')) continue;
      if (!(SECTIONS as readonly string[]).includes(key) || !isObject(value)) {
        own[key] = value;
        continue;
      }
      const items: Members = {};
      for (const [name, item] of Object.entries(value)) {
        if (name.startsWith('x-')) continue;
        this.#written([key, name], (known) => known.push({ origin, at: [key, name] }));
        this.#variables.set(`${key}.${name}`, variables);
        if (key === 'services') items[name] = this.#service(origin, tree, folder, name, variables, []) ?? null;
        else items[name] = this.#thing(key, item, folder);
      }
      own[key] = items;
    }
    return mergeTop(result, own);
  }

  /** Told once; nothing more is taken then. */
  #isTooMuch(what: 'files' | 'services', origin: Origin): boolean {
    const most = TAKEN_MAX[what];
    this.#taken[what] += 1;
    if (this.#taken[what] === most + 1) {
      const text: Text = {
        en: `more than ${most} ${what} by include and extends`,
        es: `más de ${most} ${what === 'files' ? 'archivos' : 'servicios'} por include y extends`,
      };
      this.#problem([], 'wrong-value', text, origin);
    }
    return this.#taken[what] > most;
  }

  #values(origin: Origin, variables: Variables): Json {
    const known = this.#filled.get(origin);
    if (known?.variables === variables) return known.value;
    let value = interpolateTree(origin.document.value, variables, {
      missing: (name) => {
        if (this.#missing.has(name)) return;
        this.#missing.add(name);
        this.#notes.push({
          file: origin.file,
          line: 1,
          column: 1,
          field: '',
          text: {
            en: `the variable ${name} is not set and empty`,
            es: `la variable ${name} no está definida y queda vacía`,
          },
        });
      },
      wrong: (path, why) => this.#problem(path, 'wrong-value', why, origin),
    });
    for (const { tag, path } of origin.document.marks) {
      if (path.some((part) => typeof part === 'number')) {
        const text: Text = {
          en: `refused: ${tag} is for a whole list or map here, not for one of its entries`,
          es: `rechazado: ${tag} vale aquí para una lista o un mapa enteros, no para una de sus entradas`,
        };
        this.#problem(path, 'refused', text, origin);
      } else if (tag === RESET) value = removeAt(value, path);
    }
    this.#filled.set(origin, { variables, value });
    return value;
  }

  #thing(section: string, value: Json, folder: string): Json {
    if (value === null) return {};
    if (!isObject(value)) return value;
    const item = without(value);
    if (isObject(item['labels']) || Array.isArray(item['labels'])) item['labels'] = mapOf(item['labels']);
    for (const flag of ['external', 'internal', 'attachable', 'enable_ipv4', 'enable_ipv6']) {
      if (flag in item) item[flag] = flagOf(item[flag]);
    }
    if ((section === 'configs' || section === 'secrets') && typeof item['file'] === 'string') {
      item['file'] = posix.normalize(posix.join(folder, item['file']));
    }
    return item;
  }

  #service(
    origin: Origin,
    tree: Members,
    folder: string,
    name: string,
    variables: Variables,
    chain: readonly string[],
  ): Members | null {
    if (this.#isTooMuch('services', origin)) return null;
    const written = membersOf(tree['services'])[name];
    const path = ['services', name];
    if (!isObject(written)) {
      this.#problem(path, 'wrong-value', { en: 'a service is a map', es: 'un servicio es un mapa' }, origin);
      return null;
    }
    const own = this.#longForm(written, folder, path);
    const extended = written['extends'];
    if (extended === undefined) return own;
    const target = typeof extended === 'string' ? { service: extended } : membersOf(extended);
    const file = typeof target['file'] === 'string' ? target['file'] : null;
    const from = file === null ? origin.file : REMOTE.test(file) ? file : posix.normalize(posix.join(folder, file));
    const service = typeof target['service'] === 'string' ? target['service'] : '';
    const key = `${from}#${service}`;
    if (chain.includes(key)) {
      this.#problem(
        [...path, 'extends'],
        'conflict',
        { en: 'it extends itself', es: 'se extiende a sí mismo' },
        origin,
      );
      return own;
    }
    const other = from === origin.file ? origin : this.#open(from);
    if (other === null) return own;
    const base = other === origin ? tree : this.#values(other, variables);
    if (!isObject(base) || !Object.hasOwn(membersOf(base['services']), service)) {
      this.#problem(
        [...path, 'extends'],
        'missing-target',
        { en: `there is no service ${service} in ${from}`, es: `no existe el servicio ${service} en ${from}` },
        origin,
      );
      return own;
    }
    const inner = other === origin ? folder : posix.dirname(from) === '.' ? '' : posix.dirname(from);
    const parent = this.#service(other, base, inner, service, variables, [...chain, key]) ?? {};
    this.#written(path, (known) => known.unshift({ origin: other, at: ['services', service] }));
    return mergeService(this.#cleared(parent, origin, path), own);
  }

  /** A service as if each of its fields were written in full. */
  #longForm(written: Members, folder: string, path: FieldPath): Members {
    const service = without(written);
    // A variable that is not set leaves an empty text, which says nothing to Compose.
    for (const field of EMPTY_IS_UNSET) if (service[field] === '') delete service[field];
    const at = (inner: string): string => posix.normalize(posix.join(folder, inner));
    for (const field of ['command', 'entrypoint'] as const) {
      const value = service[field];
      if (typeof value === 'string') service[field] = splitWords(value);
      else if (value === null) delete service[field];
      else if (Array.isArray(value)) service[field] = value.map(textOf);
    }
    for (const field of ['environment', 'labels', 'annotations', 'sysctls'] as const) {
      if (service[field] !== undefined) service[field] = mapOf(service[field]);
    }
    if (service['extra_hosts'] !== undefined) service['extra_hosts'] = hostsOf(service['extra_hosts']);
    for (const field of [
      'dns',
      'dns_search',
      'tmpfs',
      'label_file',
      'profiles',
      'cap_add',
      'cap_drop',
      'security_opt',
      'dns_opt',
      'links',
    ] as const) {
      if (service[field] !== undefined) service[field] = listOf(service[field]);
    }
    if (service['label_file'] !== undefined) service['label_file'] = listOf(service['label_file']).map(at);
    for (const field of [
      'read_only',
      'init',
      'tty',
      'stdin_open',
      'privileged',
      'oom_kill_disable',
      'use_api_socket',
    ] as const) {
      if (service[field] !== undefined) service[field] = flagOf(service[field]);
    }
    if (service['scale'] !== undefined) service['scale'] = numberOf(service['scale']);
    if (typeof service['user'] === 'number') service['user'] = String(service['user']);
    if (Array.isArray(service['group_add'])) service['group_add'] = service['group_add'].map(numberOf);
    if (service['env_file'] !== undefined) {
      const files = Array.isArray(service['env_file']) ? service['env_file'] : [service['env_file']];
      service['env_file'] = files.map((one) => {
        const entry: Members = typeof one === 'string' ? { path: one } : { ...membersOf(one) };
        return {
          ...entry,
          path: at(String(entry['path'] ?? '')),
          ...('required' in entry ? { required: flagOf(entry['required']) } : {}),
        };
      });
    }
    if (service['build'] !== undefined) {
      const build: Members =
        typeof service['build'] === 'string'
          ? { context: service['build'] }
          : { context: '.', ...without(membersOf(service['build'])) };
      if (!/^[a-z]+:\/\//.test(String(build['context']))) build['context'] = at(String(build['context']));
      if (build['args'] !== undefined) build['args'] = mapOf(build['args']);
      for (const flag of ['no_cache', 'privileged']) if (flag in build) build[flag] = flagOf(build[flag]);
      service['build'] = build;
    }
    const depends = service['depends_on'];
    if (Array.isArray(depends)) {
      service['depends_on'] = Object.fromEntries(
        depends.map((name) => [String(name), { condition: 'service_started' }]),
      );
    }
    const networks = service['networks'];
    if (Array.isArray(networks)) service['networks'] = Object.fromEntries(networks.map((name) => [String(name), {}]));
    else if (isObject(networks)) {
      service['networks'] = Object.fromEntries(
        Object.entries(networks).map(([name, one]) => [name, one === null ? {} : one]),
      );
    }
    for (const field of ['configs', 'secrets'] as const) {
      if (!Array.isArray(service[field])) continue;
      service[field] = service[field].map((one) => {
        if (typeof one === 'string') return { source: one };
        if (!isObject(one)) return one;
        const mode = one['mode'];
        return mode === undefined ? one : { ...one, mode: typeof mode === 'string' ? Number.parseInt(mode, 8) : mode };
      });
    }
    if (Array.isArray(service['ports'])) {
      service['ports'] = service['ports'].flatMap((one, index) =>
        longPorts(one, (text) => this.#problem([...path, 'ports', index], 'wrong-value', text)),
      );
    }
    if (Array.isArray(service['expose'])) {
      service['expose'] = service['expose'].flatMap((one, index) =>
        exposedPorts(one, (text) => this.#problem([...path, 'expose', index], 'wrong-value', text)),
      );
    }
    if (isObject(service['healthcheck'])) {
      const health = without(service['healthcheck']);
      if (health['retries'] !== undefined) health['retries'] = numberOf(health['retries']);
      if (health['disable'] !== undefined) health['disable'] = flagOf(health['disable']);
      service['healthcheck'] = health;
    }
    if (isObject(service['deploy'])) {
      const deploy = without(service['deploy']);
      if (deploy['replicas'] !== undefined) deploy['replicas'] = numberOf(deploy['replicas']);
      if (deploy['labels'] !== undefined) deploy['labels'] = mapOf(deploy['labels']);
      const update = deploy['update_config'];
      if (isObject(update) && update['parallelism'] !== undefined) {
        deploy['update_config'] = { ...update, parallelism: numberOf(update['parallelism']) };
      }
      service['deploy'] = deploy;
    } else if (service['deploy'] === null) delete service['deploy'];
    for (const hook of ['post_start', 'pre_stop'] as const) {
      if (!Array.isArray(service[hook])) continue;
      service[hook] = service[hook].map((one) =>
        isObject(one)
          ? {
              ...one,
              command: typeof one['command'] === 'string' ? splitWords(one['command']) : (one['command'] ?? null),
            }
          : one,
      );
    }
    if (Array.isArray(service['volumes'])) this.#volumes(service, service['volumes'], at, path);
    return service;
  }

  /** Read-only files of the project become configs; what else is of the host stays a bind, which is refused. */
  #volumes(service: Members, volumes: readonly Json[], at: (path: string) => string, path: FieldPath): void {
    const kept: Json[] = [];
    const configs: Json[] = Array.isArray(service['configs']) ? [...service['configs']] : [];
    for (const [index, written] of volumes.entries()) {
      const tell = (text: Text): void => this.#problem([...path, 'volumes', index], 'wrong-value', text);
      const volume =
        typeof written === 'string' ? longVolume(written, tell) : isObject(written) ? without(written) : written;
      if (!isObject(volume)) {
        kept.push(volume);
        continue;
      }
      if (volume['read_only'] !== undefined) volume['read_only'] = flagOf(volume['read_only']);
      const source = String(volume['source'] ?? '');
      const file =
        volume['type'] === 'bind' &&
        volume['read_only'] === true &&
        /^\.{0,2}\/?[^/~]/.test(source) &&
        !source.startsWith('/')
          ? at(source)
          : null;
      const isInside = file !== null && !file.startsWith('..');
      const text = isInside ? this.#input.read(file) : null;
      if (isInside && text === null) {
        this.#problem([...path, 'volumes', index], 'missing-target', {
          en: `${file} is no file of the project, and of a folder there is no config: name its files one by one, or COPY it into the image`,
          es: `${file} no es un archivo del proyecto, y de una carpeta no hay config: nombrar sus archivos uno a uno, o COPY a la imagen`,
        });
        continue;
      }
      if (file === null || text === null || Buffer.byteLength(text) > CONFIG_BYTES_MAX) {
        kept.push(volume);
        continue;
      }
      configs.push({ source: `${PROJECT_FILE}${file}`, target: String(volume['target'] ?? '') });
      this.#note([...path, 'volumes', index], {
        en: `${file} is a file of the project: its content at the deploy is mounted as a config`,
        es: `${file} es un archivo del proyecto: su contenido al desplegar se monta como config`,
      });
    }
    if (kept.length > 0) service['volumes'] = kept;
    else delete service['volumes'];
    if (configs.length > 0) service['configs'] = configs;
  }

  #filterProfiles(value: Members, active: readonly string[]): void {
    const services = membersOf(value['services']);
    for (const [name, service] of Object.entries(services)) {
      const profiles = listOf(membersOf(service)['profiles'] ?? []);
      if (profiles.length === 0 || active.includes('*') || profiles.some((one) => active.includes(one))) continue;
      this.#note(['services', name, 'profiles'], {
        en: `left out: none of its profiles (${profiles.join(', ')}) is asked for with --profile`,
        es: `se omite: ninguno de sus perfiles (${profiles.join(', ')}) se pide con --profile`,
      });
      delete services[name];
    }
  }
}

export function membersOf(value: Json | undefined): Members {
  return isObject(value) ? value : {};
}

/** The members that are not for people alone. */
function without(value: Members): Members {
  return Object.fromEntries(Object.entries(value).filter(([key]) => !key.startsWith('x-')));
}

export function listOf(value: Json | undefined): string[] {
  if (value === undefined || value === null) return [];
  return (Array.isArray(value) ? value : [value]).map(textOf);
}

export function textOf(value: Json | undefined): string {
  return typeof value === 'string'
    ? value
    : value === undefined || value === null
      ? ''
      : typeof value === 'object'
        ? JSON.stringify(value)
        : String(value);
}

/** `NAME=value` lists as maps; a name without a value is null. */
function mapOf(value: Json | undefined): Members {
  if (!Array.isArray(value)) {
    return Object.fromEntries(
      Object.entries(membersOf(value)).map(([name, one]) => [
        name,
        one === null || typeof one === 'object' ? one : String(one),
      ]),
    );
  }
  const entries = value.map(textOf).map((item): [string, Json] => {
    const at = item.indexOf('=');
    return at < 0 ? [item, null] : [item.slice(0, at), item.slice(at + 1)];
  });
  return Object.fromEntries(entries);
}

/** Names with their addresses, of which one may have several. */
function hostsOf(value: Json): Members {
  const entries: [string, string][] = Array.isArray(value)
    ? value.map(textOf).map((item) => {
        const [, host = item, address = ''] = /^([^=:]+)[=:](.*)$/s.exec(item) ?? [];
        return [host, address];
      })
    : Object.entries(membersOf(value)).flatMap(([host, one]) =>
        listOf(one).map((address): [string, string] => [host, address]),
      );
  const hosts: Record<string, string[]> = {};
  for (const [host, written] of entries) {
    const address = written.trim().replace(/^\[(.*)\]$/, '$1');
    if (!Object.hasOwn(hosts, host)) hosts[host] = [];
    if (hosts[host]?.includes(address) === false) hosts[host].push(address);
  }
  return hosts;
}

function flagOf(value: Json | undefined): Json {
  if (value === 'true') return true;
  if (value === 'false') return false;
  return value ?? null;
}

function numberOf(value: Json | undefined): Json {
  return typeof value === 'string' && /^-?\d+(?:\.\d+)?$/.test(value) ? Number(value) : (value ?? null);
}

/** Each port of a range becomes one of the service. */
const RANGE_MAX = 100;
const TOO_LONG: Text = {
  en: `a range of more than ${RANGE_MAX} ports; who needs so many is reached by the name of the service on any port`,
  es: `un rango de más de ${RANGE_MAX} puertos; a quien necesita tantos se llega por el nombre del servicio en cualquier puerto`,
};

/** `[[ADDRESS:]HERE:]TARGET[/PROTOCOL]`, each a port or a range (section 5, ports, short form). */
function longPorts(value: Json, tell: (text: Text) => void): Json[] {
  if (isObject(value)) {
    const port = without(value);
    if (port['target'] !== undefined) port['target'] = numberOf(port['target']);
    return [port];
  }
  const text = textOf(value);
  const match = /^(?:(\[[^\]]+\]|\d+(?:\.\d+){3}):)?(?:(\d*(?:-\d+)?):)?(\d+)(?:-(\d+))?(?:\/([a-z]+))?$/i.exec(text);
  if (match === null) return [{ target: text }];
  const [, address, here, first, last, protocol] = match;
  const from = Number(first);
  const count = Number(last ?? first) - from + 1;
  const [hereFirst = '', hereLast = hereFirst] = (here ?? '').split('-');
  const places = Number(hereLast) - Number(hereFirst) + 1;
  if (count < 1 || (hereFirst !== '' && count > 1 && places !== count)) {
    tell({ en: `the two ranges of ${text} do not fit`, es: `los dos rangos de ${text} no encajan` });
    return [];
  }
  if (count > RANGE_MAX) {
    tell(TOO_LONG);
    return [];
  }
  const published = (index: number): Json =>
    count > 1 || places === 1 ? Number(hereFirst) + index : `${hereFirst}-${hereLast}`;
  return Array.from({ length: count }, (_unused, index) => ({
    target: from + index,
    ...(hereFirst === '' ? {} : { published: published(index) }),
    ...(address === undefined ? {} : { host_ip: address.replace(/^\[(.*)\]$/, '$1') }),
    ...(protocol === undefined ? {} : { protocol: protocol.toLowerCase() }),
  }));
}

/** `PORT[-PORT][/PROTOCOL]`, one a port. */
function exposedPorts(value: Json, tell: (text: Text) => void): Json[] {
  const text = textOf(value);
  const [, first, last, protocol = ''] = /^(\d+)(?:-(\d+))?(\/(?:tcp|udp))?$/i.exec(text) ?? [];
  const count = Number(last ?? first) - Number(first) + 1;
  if (first === undefined || !(count >= 1) || Number(last ?? first) > 65_535) {
    tell({
      en: `expected a port, as 8080, 8000-8010 or 53/udp, got "${text}"`,
      es: `se esperaba un puerto, como 8080, 8000-8010 o 53/udp, se obtuvo "${text}"`,
    });
    return [];
  }
  if (count > RANGE_MAX) {
    tell(TOO_LONG);
    return [];
  }
  return Array.from({ length: count }, (_unused, index) => `${Number(first) + index}${protocol.toLowerCase()}`);
}

/** What the short form of a volume may say of it; what concerns SELinux and consistency an engine here does by itself. */
const VOLUME_FLAGS: ReadonlySet<string> = new Set([
  'ro',
  'rw',
  'z',
  'Z',
  'nocopy',
  'cached',
  'delegated',
  'consistent',
]);
const BIND_FLAGS: ReadonlySet<string> = new Set(
  ['', 'r'].flatMap((r) => ['shared', 'slave', 'private'].map((one) => `${r}${one}`)),
);

/** `[SOURCE:]TARGET[:OPTIONS]`; a source with a slash or a dot before it is a path of the host. */
function longVolume(text: string, tell: (text: Text) => void): Members {
  const parts = text.split(':');
  if (parts.length === 1) return { type: 'volume', target: text };
  const [source = '', target = '', options = '', ...more] = parts;
  const isPath = /^[./~]/.test(source) || source.includes('/');
  const flags = options.split(',').filter((flag) => flag !== '');
  const unknown = flags.filter((flag) => !VOLUME_FLAGS.has(flag) && !(isPath && BIND_FLAGS.has(flag)));
  if (source === '' || target === '' || more.length > 0 || unknown.length > 0) {
    const what = unknown.length > 0 ? unknown.join(', ') : text;
    tell({
      en: `expected SOURCE:TARGET, and perhaps ro or rw after it, got "${what}"`,
      es: `se esperaba ORIGEN:DESTINO, y quizá ro o rw detrás, se obtuvo "${what}"`,
    });
  }
  return {
    type: isPath ? 'bind' : 'volume',
    source,
    target,
    ...(flags.includes('ro') ? { read_only: true } : {}),
    ...(flags.includes('nocopy') ? { volume: { nocopy: true } } : {}),
  };
}

/** How much of a path there is in a document. */
function depthOf(value: Json, path: FieldPath): number {
  let at: Json | undefined = value;
  for (const [depth, name] of path.entries()) {
    if (at === null || typeof at !== 'object') return depth;
    at = Array.isArray(at) ? at[Number(name)] : Object.hasOwn(at, name) ? (at as Members)[String(name)] : undefined;
    if (at === undefined) return depth;
  }
  return path.length;
}

/** How many values there are with all that is shared counted each time, without walking it each time. */
function weightOf(value: Json, known = new Map<Json, number>()): number {
  if (typeof value !== 'object' || value === null) return 1;
  const before = known.get(value);
  if (before !== undefined) return before;
  let weight = 1;
  for (const inner of Object.values(value)) weight += weightOf(inner as Json, known);
  known.set(value, weight);
  return weight;
}

function getAt(value: Json | undefined, path: FieldPath): Json | undefined {
  return path.reduce<Json | undefined>((at, part) => (isObject(at) ? at[String(part)] : undefined), value);
}

/** A copy without what stands at a path. */
function removeAt(value: Json, path: FieldPath): Json {
  const [first, ...rest] = path;
  if (first === undefined || !isObject(value) || !Object.hasOwn(value, String(first))) return value;
  const { [String(first)]: inner, ...others } = value;
  return rest.length === 0 ? others : { ...value, [String(first)]: removeAt(inner ?? null, rest) };
}

/** A copy with a value at a path, where its parents are there. */
function setAt(value: Json, path: FieldPath, inner: Json): Json {
  const [first, ...rest] = path;
  if (first === undefined) return inner;
  if (!isObject(value)) return value;
  return { ...value, [String(first)]: setAt(value[String(first)] ?? null, rest, inner) };
}

/** A config that is a file of the project stands by its path. */
const PROJECT_FILE = 'file:';

function isFileOfProject(config: Json): boolean {
  return textOf(membersOf(config)['source']).startsWith(PROJECT_FILE);
}

/** @param keeps what is there already stays: it is the same */
function mergeTop(base: Members, over: Members, keeps = false): Members {
  const result: Members = { ...base };
  for (const [key, value] of Object.entries(over)) {
    if (!isObject(value) || !isObject(result[key])) {
      result[key] = value;
      continue;
    }
    const merged: Members = { ...membersOf(result[key]) };
    for (const [name, item] of Object.entries(value)) {
      const former = merged[name];
      if (keeps && former !== undefined) continue;
      merged[name] =
        isObject(former) && isObject(item)
          ? key === 'services'
            ? mergeService(former, item)
            : deepMerge(former, item)
          : item;
    }
    result[key] = merged;
  }
  return result;
}

/** Lists that are replaced instead of joined (section 13). */
const REPLACED: ReadonlySet<string> = new Set(['command', 'entrypoint', 'test']);
/** What tells entries of a list apart: a later one takes the place of the former. */
const KEYS: Readonly<Record<string, (item: Members) => string>> = {
  volumes: (item) => textOf(item['target']),
  configs: (item) => textOf(item['target'] ?? `/${textOf(item['source'])}`),
  secrets: (item) => textOf(item['target'] ?? item['source']).replace(/^\/run\/secrets\//, ''),
  env_file: (item) => textOf(item['path']),
};

/** A volume and a config are mounted in the same places, so that a later one of either takes the place of the former. */
function mergeService(base: Members, over: Members): Members {
  const taken = new Set(
    (['volumes', 'configs'] as const).flatMap((field) => itemsOf(over[field]).map((item) => KEYS[field]?.(item))),
  );
  const before = { ...base };
  for (const field of ['volumes', 'configs'] as const) {
    if (!Array.isArray(base[field])) continue;
    before[field] = itemsOf(base[field]).filter((item) => !taken.has(KEYS[field]?.(item)));
  }
  return deepMerge(before, over);
}

function itemsOf(value: Json | undefined): Members[] {
  return Array.isArray(value) ? value.map(membersOf) : [];
}

function deepMerge(base: Members, over: Members): Members {
  const result: Members = { ...base };
  for (const [name, value] of Object.entries(over)) {
    const former = result[name];
    if (isObject(former) && isObject(value)) result[name] = deepMerge(former, value);
    else if (Array.isArray(former) && Array.isArray(value) && !REPLACED.has(name))
      result[name] = joinLists(name, former, value);
    else result[name] = value;
  }
  return result;
}

function joinLists(name: string, former: readonly Json[], added: readonly Json[]): Json[] {
  const keyOf = (item: Json): string => {
    const key = KEYS[name];
    return key !== undefined && isObject(item) ? key(item) : JSON.stringify(item);
  };
  const joined = new Map([...former, ...added].map((item) => [keyOf(item), item]));
  return [...joined.values()];
}
