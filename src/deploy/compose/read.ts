import { posix } from 'node:path';
import { FormatError, parseYaml, type YamlDocument } from '../../formats/index.ts';
import type { Json, Text } from '../../system/index.ts';
import { type FieldPath, formatPath, isObject, type ManifestProblem, type Place } from '../kubernetes/documents.ts';
import { interpolateTree, parseEnvFile, splitWords, type Variables } from './interpolate.ts';

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
  readonly locate: (path: FieldPath) => Place;
}

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

  constructor(input: ComposeInput) {
    this.#input = input;
  }

  load(): ComposeTree {
    const env = this.#input.read('.env');
    const variables = { ...(env === null ? {} : parseEnvFile(env, this.#input.variables)), ...this.#input.variables };
    let value: Members = {};
    for (const file of this.#input.files) value = mergeTop(value, this.#file(file, '', variables, []));
    this.#filterProfiles(value);
    return {
      value,
      problems: this.#problems,
      notes: this.#notes,
      locate: (path) => this.#locate(path),
    };
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
    if (this.#documents.size >= FILES_MAX) {
      return fail({ en: `more than ${FILES_MAX} files`, es: `más de ${FILES_MAX} archivos` });
    }
    const text = this.#input.read(file);
    if (text === null)
      return fail({ en: `there is no file ${file} in the project`, es: `no existe el archivo ${file} en el proyecto` });
    try {
      const origin = { file, document: parseYaml(text, { mergeKeys: true }) };
      this.#documents.set(file, origin);
      this.#main ??= origin;
      return origin;
    } catch (error) {
      if (!(error instanceof FormatError)) throw error;
      const { line, column } = error.position ?? { line: 1, column: 1 };
      return fail({ en: error.message, es: `no se puede leer: ${error.message}` }, line, column);
    }
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
        const inner = posix.normalize(posix.join(folder, path));
        const base =
          typeof entry['project_directory'] === 'string'
            ? posix.join(folder, entry['project_directory'])
            : posix.dirname(inner);
        const own = (
          entry['env_file'] === undefined
            ? [posix.join(base, '.env')]
            : listOf(entry['env_file']).map((one) => posix.join(folder, one))
        ).map((one) => this.#input.read(one));
        const more: Record<string, string> = {};
        for (const text of own) if (text !== null) Object.assign(more, parseEnvFile(text, variables));
        part = mergeTop(part, this.#file(inner, base === '.' ? '' : base, { ...more, ...variables }, [...chain, file]));
      }
      for (const section of SECTIONS) {
        for (const name of Object.keys(membersOf(part[section]))) {
          if (!Object.hasOwn(membersOf(tree[section]), name) && !Object.hasOwn(membersOf(result[section]), name))
            continue;
          this.#problem(
            [section, name],
            'conflict',
            { en: `${name} is in ${paths.join(', ')} as well`, es: `${name} está también en ${paths.join(', ')}` },
            origin,
          );
        }
      }
      const { name: _name, ...rest } = part;
      result = mergeTop(result, rest);
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
    const value = interpolateTree(origin.document.value, variables, {
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
      wrong: (path, why) => this.#problem(path, 'wrong-value', { en: why, es: why }, origin),
    });
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
    const from = typeof target['file'] === 'string' ? posix.normalize(posix.join(folder, target['file'])) : origin.file;
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
    // Dependencies of the other service are not inherited: they may not be there.
    const { depends_on: _depends, links: _links, ...inherited } = parent;
    return mergeService(inherited, own);
  }

  /** A service as if each of its fields were written in full. */
  #longForm(written: Members, folder: string, path: FieldPath): Members {
    const service = without(written);
    const at = (inner: string): string => posix.normalize(posix.join(folder, inner));
    for (const field of ['command', 'entrypoint'] as const) {
      const value = service[field];
      if (typeof value === 'string') service[field] = splitWords(value);
      else if (value === null) delete service[field];
      else if (Array.isArray(value)) service[field] = value.map(textOf);
    }
    for (const field of ['environment', 'labels', 'annotations', 'sysctls', 'extra_hosts'] as const) {
      if (service[field] !== undefined) service[field] = mapOf(service[field], field === 'extra_hosts');
    }
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
    if (Array.isArray(service['ports'])) service['ports'] = service['ports'].flatMap((one) => longPorts(one));
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
      const volume = typeof written === 'string' ? longVolume(written) : isObject(written) ? without(written) : written;
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
      configs.push({ source: `file:${file}`, target: String(volume['target'] ?? '') });
      this.#note([...path, 'volumes', index], {
        en: `${file} is a file of the project: its content at the deploy is mounted as a config`,
        es: `${file} es un archivo del proyecto: su contenido al desplegar se monta como config`,
      });
    }
    if (kept.length > 0) service['volumes'] = kept;
    else delete service['volumes'];
    if (configs.length > 0) service['configs'] = configs;
  }

  #filterProfiles(value: Members): void {
    const services = membersOf(value['services']);
    const active = this.#input.profiles;
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
function mapOf(value: Json | undefined, isHosts = false): Members {
  if (!Array.isArray(value)) {
    return Object.fromEntries(
      Object.entries(membersOf(value)).map(([name, one]) => [
        name,
        one === null || typeof one === 'object' ? one : String(one),
      ]),
    );
  }
  const entries: [string, Json][] = [];
  for (const item of value.map(textOf)) {
    const parted = isHosts ? /^([^=:]+)[=:](.*)$/s.exec(item) : /^([^=]*)=(.*)$/s.exec(item);
    entries.push(parted?.[1] === undefined ? [item, null] : [parted[1], (parted[2] ?? '').replace(/^\[(.*)\]$/, '$1')]);
  }
  return Object.fromEntries(entries);
}

function flagOf(value: Json | undefined): Json {
  if (value === 'true') return true;
  if (value === 'false') return false;
  return value ?? null;
}

function numberOf(value: Json | undefined): Json {
  return typeof value === 'string' && /^-?\d+(?:\.\d+)?$/.test(value) ? Number(value) : (value ?? null);
}

/** `[[ADDRESS:]HERE:]TARGET[/PROTOCOL]`, each a port or a range (section 5, ports, short form). */
function longPorts(value: Json): Json[] {
  if (isObject(value)) {
    const port = without(value);
    if (port['target'] !== undefined) port['target'] = numberOf(port['target']);
    return [port];
  }
  const text = textOf(value);
  const match = /^(?:(\[[^\]]+\]|\d+(?:\.\d+){3}):)?(?:(\d*(?:-\d+)?):)?(\d+)(?:-(\d+))?(?:\/(tcp|udp))?$/.exec(text);
  if (match === null) return [{ target: text }];
  const [, address, here, first, last, protocol] = match;
  const from = Number(first);
  const count = Math.min(Number(last ?? first) - from + 1, 100);
  return Array.from({ length: Math.max(1, count) }, (_unused, index) => ({
    target: from + index,
    ...(here === undefined || here === ''
      ? {}
      : { published: here.includes('-') ? Number(here.split('-')[0]) + index : Number(here) }),
    ...(address === undefined ? {} : { host_ip: address }),
    ...(protocol === undefined ? {} : { protocol }),
  }));
}

/** `[SOURCE:]TARGET[:OPTIONS]`; a source with a slash or a dot before it is a path of the host. */
function longVolume(text: string): Members {
  const parts = text.split(':');
  if (parts.length === 1) return { type: 'volume', target: text };
  const [source = '', target = '', options = ''] = parts;
  const isPath = /^[./~]/.test(source) || source.includes('/');
  const flags = options.split(',');
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

function mergeTop(base: Members, over: Members): Members {
  const result: Members = { ...base };
  for (const [key, value] of Object.entries(over)) {
    if (!isObject(value) || !isObject(result[key])) {
      result[key] = value;
      continue;
    }
    const merged: Members = { ...membersOf(result[key]) };
    for (const [name, item] of Object.entries(value)) {
      const former = merged[name];
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
const KEYS: Readonly<Record<string, string>> = { volumes: 'target', configs: 'source', secrets: 'source' };

function mergeService(base: Members, over: Members): Members {
  return deepMerge(base, over);
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
    return key !== undefined && isObject(item) ? textOf(item[key]) : JSON.stringify(item);
  };
  const joined = new Map([...former, ...added].map((item) => [keyOf(item), item]));
  return [...joined.values()];
}
