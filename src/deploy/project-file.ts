/** `darsena.yaml`: what a project is made of. Read whole, so that every mistake is told at once. */
import { FormatError, parseYaml, sayFormatError, type YamlDocument, type YamlPath } from '../formats/index.ts';
import { isRepositoryName } from '../oci/index.ts';
import { defineFaults, type Json, type Language, type Text } from '../system/index.ts';
import type { Overlay } from './kubernetes/documents.ts';
import { nearestName } from './kubernetes/suggest.ts';

export interface ProjectImage {
  /** Folder of the build context, from the project's folder. */
  readonly context: string;
  /** Inside the context. */
  readonly containerfile?: string;
  readonly args?: Readonly<Record<string, string>>;
  /** The stage that is wanted; the last one without. */
  readonly target?: string;
}

export interface ProjectBase {
  readonly release: string;
  readonly include: readonly string[];
}

export type EnvironmentClass = 'development' | 'pre-production' | 'production';

export interface ProjectEnvironment {
  readonly policy: string;
  readonly class?: EnvironmentClass;
  /** Approvals by others that a promotion into it needs. */
  readonly approvals?: number;
  /** Percent of the time that it should serve, such as 99.9: what its measured time is held against. */
  readonly availability?: number;
  readonly overlays: readonly Overlay[];
}

export interface ProjectFile {
  readonly project: string;
  readonly images: Readonly<Record<string, ProjectImage>>;
  /** By name: `debian-12-nodejs` is the image `base/debian-12-nodejs`. */
  readonly bases: Readonly<Record<string, ProjectBase>>;
  /** Files and folders of Kubernetes YAML, from the project's folder. */
  readonly manifests: readonly string[];
  /** In the order they are written, which is the order a release is promoted in. */
  readonly environments: Readonly<Record<string, ProjectEnvironment>>;
}

export const projectFileFault = defineFaults({
  'project-file.invalid': {
    kind: 'invalid',
    en: {
      what: '{file} cannot be used ({count} to correct)',
      why: '{problems}',
      remedy: 'correct these places and deploy again',
    },
    es: {
      what: '{file} no se puede usar ({count} por corregir)',
      why: '{problemas}',
      remedy: 'corregir estos lugares y desplegar de nuevo',
    },
  },
});

interface Problem {
  readonly line: number;
  readonly column: number;
  readonly text: Text;
}

const CLASSES: readonly EnvironmentClass[] = ['development', 'pre-production', 'production'];
/** RFC 1123 label: names of projects and environments stand in host names. */
const LABEL = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;
const APPROVALS_MAX = 10;
/** Below, nothing is asked; all of the time nobody can keep. */
const AVAILABILITY_MIN = 50;
const AVAILABILITY_MAX = 99.999;

/**
 * Reads a project file.
 * @param file how it is called in messages
 * @throws Fault project-file.invalid with every mistake, its line and column, in `details`
 */
export function parseProjectFile(text: string, file: string): ProjectFile {
  let document: YamlDocument;
  try {
    document = parseYaml(text);
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    const { line, column } = error.position ?? { line: 1, column: 1 };
    throw refusal(file, [{ line, column, text: sayFormatError(error) }]);
  }
  const reader = new Reader(document, file);
  const project = reader.projectFile();
  if (reader.problems.length > 0) throw refusal(file, reader.problems);
  return project;
}

function refusal(file: string, problems: readonly Problem[]): Error {
  const sorted = [...problems].sort((left, right) => left.line - right.line || left.column - right.column);
  const say = (language: Language): string =>
    sorted.map(({ line, column, text }) => `${file}:${line}:${column}: ${text[language]}`).join('\n    ');
  return projectFileFault(
    'project-file.invalid',
    { file, count: sorted.length, problems: say('en'), problemas: say('es') },
    { details: sorted.map(({ line, column, text }) => ({ file, line, column, text: { ...text } })) },
  );
}

type Members = Readonly<Record<string, Json>>;

class Reader {
  readonly problems: Problem[] = [];
  readonly #document: YamlDocument;
  readonly #file: string;

  constructor(document: YamlDocument, file: string) {
    this.#document = document;
    this.#file = file;
  }

  projectFile(): ProjectFile {
    const root = this.#members([], this.#document.value, ['project', 'images', 'bases', 'manifests', 'environments']);
    const project = this.#label(['project'], root['project']);
    const images = this.#named(['images'], root['images'] ?? {}, (path, value) => this.#image(path, value, project));
    const bases = this.#named(['bases'], root['bases'] ?? {}, (path, value) => this.#base(path, value));
    const manifests = this.#list(['manifests'], root['manifests'], (path, value) => this.#insidePath(path, value));
    const environments = this.#named(['environments'], root['environments'], (path, value) =>
      this.#environment(path, value),
    );
    if (root['environments'] !== undefined && Object.keys(environments).length === 0) {
      this.#report(['environments'], {
        en: 'environments is empty, at least one is needed',
        es: 'environments está vacío, se necesita al menos uno',
      });
    }
    return { project, images, bases, manifests, environments };
  }

  #image(path: YamlPath, value: Json, project: string): ProjectImage {
    const name = String(path.at(-1));
    if (!isRepositoryName(`${project || 'p'}/${name}`)) {
      this.#report(path, {
        en: `"${name}" cannot name an image: use a-z, 0-9 and hyphens`,
        es: `"${name}" no puede nombrar una imagen: usar a-z, 0-9 y guiones`,
      });
    }
    // The short form: the context alone.
    if (typeof value === 'string') return { context: this.#insidePath(path, value) };
    const members = this.#members(path, value, ['context', 'containerfile', 'args', 'target']);
    const { containerfile, args, target } = members;
    return {
      context: this.#insidePath([...path, 'context'], members['context']),
      ...(containerfile === undefined
        ? {}
        : { containerfile: this.#insidePath([...path, 'containerfile'], containerfile) }),
      ...(args === undefined ? {} : { args: this.#texts([...path, 'args'], args) }),
      ...(target === undefined ? {} : { target: this.#text([...path, 'target'], target) }),
    };
  }

  #base(path: YamlPath, value: Json): ProjectBase {
    const members = this.#members(path, value, ['release', 'include']);
    return {
      release: this.#text([...path, 'release'], members['release']),
      include: this.#list([...path, 'include'], members['include'] ?? [], (at, item) => this.#text(at, item)),
    };
  }

  #environment(path: YamlPath, value: Json): ProjectEnvironment {
    this.#label(path, path.at(-1) as string);
    const members = this.#members(path, value, ['policy', 'class', 'approvals', 'availability', 'overlays']);
    const written = members['class'];
    const found = CLASSES.find((name) => name === written);
    if (written !== undefined && found === undefined) this.#unknown([...path, 'class'], String(written), CLASSES);
    const approvals = members['approvals'];
    const approvalsValid =
      typeof approvals === 'number' && Number.isInteger(approvals) && approvals >= 0 && approvals <= APPROVALS_MAX;
    if (approvals !== undefined && !approvalsValid) {
      this.#report([...path, 'approvals'], {
        en: `approvals is ${JSON.stringify(approvals)}, a whole number from 0 to ${APPROVALS_MAX} is expected`,
        es: `approvals es ${JSON.stringify(approvals)}, se espera un entero de 0 a ${APPROVALS_MAX}`,
      });
    }
    const { availability } = members;
    const isShare =
      typeof availability === 'number' && availability >= AVAILABILITY_MIN && availability <= AVAILABILITY_MAX;
    if (availability !== undefined && !isShare) {
      const written = JSON.stringify(availability);
      this.#report([...path, 'availability'], {
        en: `availability is ${written}, a percentage from ${AVAILABILITY_MIN} to ${AVAILABILITY_MAX} is expected`,
        es: `availability es ${written}, se espera un porcentaje de ${AVAILABILITY_MIN} a ${AVAILABILITY_MAX}`,
      });
    }
    return {
      policy: this.#text([...path, 'policy'], members['policy']),
      ...(found === undefined ? {} : { class: found }),
      ...(isShare ? { availability } : {}),
      ...(approvalsValid ? { approvals } : {}),
      overlays: this.#list([...path, 'overlays'], members['overlays'] ?? [], (at, item) => this.#overlay(at, item)),
    };
  }

  #overlay(path: YamlPath, value: Json): Overlay {
    const members = this.#members(path, value, ['kind', 'name', 'merge']);
    const merge = members['merge'];
    if (!isMembers(merge)) this.#expected([...path, 'merge'], merge, { en: 'a map', es: 'un mapa' });
    return {
      kind: this.#text([...path, 'kind'], members['kind']),
      name: this.#text([...path, 'name'], members['name']),
      patch: merge ?? {},
      locate: (at) => ({ file: this.#file, ...this.#document.locate([...path, 'merge', ...at]) }),
    };
  }

  #members(path: YamlPath, value: Json | undefined, known: readonly string[]): Members {
    if (!isMembers(value)) {
      this.#expected(path, value, { en: 'a map', es: 'un mapa' });
      return {};
    }
    for (const key of Object.keys(value)) if (!known.includes(key)) this.#unknown([...path, key], key, known);
    return value;
  }

  #named<T>(path: YamlPath, value: Json | undefined, read: (path: YamlPath, value: Json) => T): Record<string, T> {
    if (!isMembers(value)) {
      this.#expected(path, value, { en: 'a map of names', es: 'un mapa de nombres' });
      return {};
    }
    return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, read([...path, name], member)]));
  }

  #list<T>(path: YamlPath, value: Json | undefined, read: (path: YamlPath, value: Json) => T): T[] {
    const items = typeof value === 'string' ? [value] : value;
    if (!Array.isArray(items)) {
      this.#expected(path, value, { en: 'a list', es: 'una lista' });
      return [];
    }
    return items.map((item, index) => read(typeof value === 'string' ? path : [...path, index], item));
  }

  #texts(path: YamlPath, value: Json): Record<string, string> {
    return this.#named(path, value, (at, member) => {
      if (typeof member === 'string' || typeof member === 'number' || typeof member === 'boolean')
        return String(member);
      return this.#text(at, member);
    });
  }

  #text(path: YamlPath, value: Json | undefined): string {
    if (typeof value === 'string' && value !== '') return value;
    this.#expected(path, value, { en: 'a text', es: 'un texto' });
    return '';
  }

  #label(path: YamlPath, value: Json | undefined): string {
    const text = this.#text(path, value);
    if (text !== '' && !LABEL.test(text)) {
      this.#report(path, {
        en: `"${text}" must be at most 63 of a-z, 0-9 and hyphen, because it stands in host names`,
        es: `"${text}" debe tener como máximo 63 caracteres de a-z, 0-9 y guion, porque figura en nombres de host`,
      });
    }
    return text;
  }

  #insidePath(path: YamlPath, value: Json | undefined): string {
    const text = this.#text(path, value);
    if (text.startsWith('/') || text.split('/').includes('..')) {
      this.#report(path, {
        en: `"${text}" leads out of the project's folder`,
        es: `"${text}" sale de la carpeta del proyecto`,
      });
    }
    return text;
  }

  #expected(path: YamlPath, value: Json | undefined, wanted: Text): void {
    const name = pathText(path);
    const whole = path.length === 0;
    if (value === undefined) {
      this.#report(path, {
        en: `${name} is missing, ${wanted.en} is expected`,
        es: `falta ${name}, se espera ${wanted.es}`,
      });
      return;
    }
    const seen = JSON.stringify(value).slice(0, 60);
    this.#report(path, {
      en: `${whole ? 'the file' : name} is ${seen}, ${wanted.en} is expected`,
      es: `${whole ? 'el archivo' : name} es ${seen}, se espera ${wanted.es}`,
    });
  }

  #unknown(path: YamlPath, written: string, known: readonly string[]): void {
    const near = nearestName(written, known);
    const list = known.join(', ');
    this.#report(path, {
      en: `"${written}" is not known${near === null ? `, known are ${list}` : `; did you mean ${near}?`}`,
      es: `"${written}" no se conoce${near === null ? `, se conocen ${list}` : `; ¿quizá ${near}?`}`,
    });
  }

  #report(path: YamlPath, text: Text): void {
    const { line, column } = this.#document.locate(path);
    this.problems.push({ line, column, text });
  }
}

function isMembers(value: Json | undefined): value is { [key: string]: Json } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function pathText(path: YamlPath): string {
  return path
    .map((part) => (typeof part === 'number' ? `[${part}]` : `.${part}`))
    .join('')
    .replace(/^\./, '');
}
