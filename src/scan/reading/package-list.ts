import { FormatError } from '../../formats/index.ts';
import type { Evidence } from '../analyser.ts';
import { PACKAGE_TEXT_MAX, PACKAGES_MAX } from '../limits.ts';
import type { FoundPackage } from '../package.ts';
import { readLicences } from './json.ts';

/** Names and versions of no ecosystem hold blanks or controls; what does is a text that was misread. */
const SOUND = /^[^\s\p{Cc}]+$/u;

/** Of one file; the notices of an image are bounded too. */
const UNREAD_MAX = 20;

export interface PackageDetails {
  /** As the manifest states them; see `readLicences`. */
  readonly licences?: unknown;
  readonly architecture?: string | null;
  readonly sha1?: string;
  readonly guessed?: boolean;
  readonly cpe?: string;
  readonly inside?: string;
}

/** Packages that one file names, each once, bounded. What is no text, too long or holds blanks is left out. */
export class PackageList {
  readonly #type: string;
  readonly #packages = new Map<string, FoundPackage>();

  constructor(type: string) {
    this.#type = type;
  }

  get size(): number {
    return this.#packages.size;
  }

  /** @throws FormatError when one file names more packages than an image may hold */
  add(name: unknown, version: unknown, details: PackageDetails = {}): void {
    if (!isSound(name) || !isSound(version)) return;
    const key = `${name}\0${version}`;
    if (this.#packages.has(key)) return;
    if (this.#packages.size >= PACKAGES_MAX) {
      throw new FormatError('package-list.size', `the file names more than ${PACKAGES_MAX} packages`);
    }
    this.#packages.set(key, {
      type: this.#type,
      name,
      version,
      architecture: details.architecture ?? null,
      source: null,
      licences: readLicences(details.licences),
      ...(details.sha1 ? { sha1: details.sha1 } : {}),
      ...(details.guessed ? { guessed: true } : {}),
      ...(details.cpe ? { cpe: details.cpe } : {}),
      ...(details.inside ? { inside: details.inside.slice(0, PACKAGE_TEXT_MAX) } : {}),
    });
  }

  all(): readonly FoundPackage[] {
    return [...this.#packages.values()];
  }

  /**
   * Null when there is none and nothing to say.
   *
   * @param unread parts of the file that could not be read, and why
   */
  evidence(unread: readonly string[] = []): Evidence | null {
    if (this.#packages.size === 0 && unread.length === 0) return null;
    return {
      kind: 'packages',
      packages: this.all(),
      ...(unread.length > 0 ? { unread: unread.slice(0, UNREAD_MAX) } : {}),
    };
  }
}

export function isSound(text: unknown): text is string {
  return typeof text === 'string' && text.length <= PACKAGE_TEXT_MAX && SOUND.test(text);
}
