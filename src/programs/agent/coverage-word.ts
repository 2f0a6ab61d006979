/** What the sensor of this host does not see is an alert of the first start, and of each that finds another list. */
import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { type Alert, selfAlert } from '../../detect/index.ts';
import { CALLS_OF_32_BITS, unseenWords } from '../../events/index.ts';
import { type Text, writeFileAtomic } from '../../system/index.ts';
import { monotonicNs } from '../link/stations.ts';
import { WATCHED_SOON } from '../sensor/messages.ts';

export interface Unseen {
  readonly what: string;
  readonly why: Text;
}

const kept = z.array(z.string().max(65_536)).max(1_000);
const NAMED_MAX = 40;

export class CoverageWord {
  readonly #file: string;
  readonly #raise: (alert: Alert) => void;
  #told: string | null;
  #writing: Promise<void> = Promise.resolve();

  private constructor(file: string, raise: (alert: Alert) => void, told: string | null) {
    this.#file = file;
    this.#raise = raise;
    this.#told = told;
  }

  /** @param file what was told last, over restarts of the agent and of the host */
  static async open(file: string, raise: (alert: Alert) => void): Promise<CoverageWord> {
    let told: string | null = null;
    try {
      told = JSON.stringify(kept.parse(JSON.parse(await readFile(file, 'utf8'))));
    } catch {
      // What is not there, or cannot be read, was told to nobody: it is told once more.
    }
    return new CoverageWord(file, raise, told);
  }

  /** A sensor is ready, and this it does not see. Resolves when that is remembered. */
  async take(unseen: readonly Unseen[]): Promise<void> {
    const missing = unseen.filter(({ what }) => what !== WATCHED_SOON);
    const list = JSON.stringify([...new Set(missing.map(({ what }) => what))].sort());
    if (list === this.#told) return;
    const hadMore = this.#told !== null && this.#told !== '[]';
    this.#told = list;
    if (missing.length > 0) this.#raise(alertOf(missing));
    else if (hadMore) this.#raise(seesAll());
    this.#writing = this.#writing.catch(() => undefined).then(() => writeFileAtomic(this.#file, list, { mode: 0o600 }));
    await this.#writing;
  }
}

const now = () => ({ wallMs: Date.now(), kernelNs: monotonicNs() });

function alertOf(missing: readonly Unseen[]): Alert {
  const listIn = (language: keyof Text): string =>
    [
      ...missing.slice(0, NAMED_MAX).map(({ what, why }) => `${unseenWords(what)[language]} (${why[language]})`),
      ...(missing.length > NAMED_MAX ? ['…'] : []),
    ].join(', ');
  // That alone is a limit of many kernels, and each program that runs into it is told by name.
  const isLimit = missing.every(({ what }) => what === CALLS_OF_32_BITS);
  return selfAlert(
    'Sensor does not see everything',
    isLimit ? 'notice' : 'warning',
    {
      en: `On this host the sensor does not see: ${listIn('en')}`,
      es: `En este host el sensor no ve: ${listIn('es')}`,
    },
    now(),
  );
}

function seesAll(): Alert {
  return selfAlert(
    'Sensor does not see everything',
    'informational',
    {
      en: 'On this host the sensor sees everything again that it can tell of',
      es: 'En este host el sensor vuelve a ver todo lo que puede contar',
    },
    now(),
  );
}
