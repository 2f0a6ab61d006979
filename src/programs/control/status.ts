import { unseenWords } from '../../events/index.ts';
import { type Clock, type ClockDoubt, clockDoubtText, type Text } from '../../system/index.ts';
import type { ToControl } from '../link/protocol.ts';
import type { Instance } from '../setup/instance.ts';
import type { DetectionPath } from './detection-path.ts';
import type { HostView } from './hosts.ts';

export type PartName = 'control' | 'agent' | 'sensor' | 'edge' | 'database' | 'engine';

export interface Part {
  readonly name: PartName;
  readonly state: 'ok' | 'degraded' | 'down' | 'absent';
  readonly detail: Text | null;
  readonly since: string;
}

const NO_SENSOR: Text = {
  en: 'not on this machine: the kernel or the rights of this user do not allow it; `darsena doctor` says what is missing',
  es: 'no está en esta máquina: el núcleo o los permisos de este usuario no lo permiten; `darsena doctor` dice qué falta',
};

const NO_NAMES: Text = {
  en: 'no resolver of the host answers (DNS): workloads find each other, and no name outside; see darsena doctor',
  es: 'ningún resolvedor del host responde (DNS): las cargas se encuentran entre sí, y ningún nombre de fuera; ver darsena doctor',
};

/** Below it the state is said to have little room; builds, scans and a night of alerts fit into it. */
const ROOM_BYTES_MIN = 512 * 1024 ** 2;

/** How the parts of the platform are, as `status` and the console show them. */
export class PlatformStatus {
  readonly #instance: Instance;
  readonly #clock: Clock;
  readonly #startedAt: string;
  readonly #parts = new Map<PartName, Part>();
  readonly #detection: DetectionPath;
  readonly #database: string;
  #ready = false;
  #damaged = 0;
  #refusal: Text | null = null;
  #volumes = 0;
  #backups = 0;
  #ended = 0;
  #noNames = false;
  #roomBytes = Number.POSITIVE_INFINITY;
  #doubt: ClockDoubt | null = null;

  constructor(options: {
    readonly instance: Instance;
    readonly clock: Clock;
    readonly detection: DetectionPath;
    /** Which one, for people. */
    readonly database: string;
  }) {
    this.#instance = options.instance;
    this.#clock = options.clock;
    this.#detection = options.detection;
    this.#database = options.database;
    this.#startedAt = this.#now();
  }

  ready(): void {
    this.#ready = true;
  }

  /** Content of the registry that is damaged and has no good copy yet. */
  registryDamage(count: number): void {
    this.#damaged = count;
  }

  /** A host does not follow what control sends it; null: it does again. */
  hostRefuses(why: Text | null): void {
    this.#refusal = why;
  }

  /** Volumes that are full or cannot be used. */
  volumesTroubled(count: number): void {
    this.#volumes = count;
  }

  /** Volumes whose backups did not come back, could not be tried, or were not made when they should have been. */
  backupsTroubled(count: number): void {
    this.#backups = count;
  }

  /** The clock went ahead at once; null: it is believed. */
  clockDoubted(doubt: ClockDoubt | null): void {
    this.#doubt = doubt;
  }

  /** What is left for ordinary users on the disk of control's state. */
  room(bytes: number): void {
    this.#roomBytes = bytes;
  }

  /** The resolvers of a host do not answer: pods know names of the platform, and none outside. */
  namesAway(isAway: boolean): void {
    this.#noNames = isAway;
  }

  /** Certificates that have ended: clients refuse what they are shown for, though the edge is well. */
  certificatesEnded(count: number): void {
    this.#ended = count;
  }

  hostPart(message: Extract<ToControl, { type: 'sensor' | 'engine' | 'edge' }>): void {
    if (message.type === 'sensor') {
      const { state, detail, coverage } = message.sensor;
      const isNone = state === 'absent' && !this.#instance.sensor;
      // What this kernel or its rights keep from the sensor is no failure, and is said all the same.
      const blind = coverage.missing.map(({ what }) => unseenWords(what));
      const limits: Text = {
        en: `does not see: ${blind.map(({ en }) => en).join(', ')}`,
        es: `no ve: ${blind.map(({ es }) => es).join(', ')}`,
      };
      const said = isNone ? NO_SENSOR : state === 'ok' && blind.length > 0 ? limits : detail;
      this.#set('sensor', state === 'absent' && !isNone ? 'down' : state, said);
    } else {
      this.#set(message.type, message.state, message.detail);
    }
  }

  describe(hosts: readonly HostView[]): object {
    const { name, version, mode, domain, adaptations, ports } = this.#instance;
    const connected = hosts.some((host) => host.state === 'connected');
    const away: Text = {
      en: 'the agent is not in touch with control',
      es: 'el agente no está en contacto con control',
    };
    const damage: Text = {
      en: `${this.#damaged} damaged pieces of content without a good copy; see darsena registry status`,
      es: `${this.#damaged} piezas de contenido dañadas sin copia buena; ver darsena registry status`,
    };
    const wrong = [
      ...(this.#damaged === 0 ? [] : [damage]),
      ...(this.#doubt === null ? [] : [clockDoubtText(this.#doubt)]),
    ];
    const said: Text = { en: wrong.map(({ en }) => en).join('; '), es: wrong.map(({ es }) => es).join('; ') };
    this.#set('control', this.#ready && wrong.length === 0 ? 'ok' : 'degraded', wrong.length === 0 ? null : said);
    const isTight = this.#roomBytes < ROOM_BYTES_MIN;
    // In tens of megabytes, so that not each of them is a change.
    const left = `${Math.floor(this.#roomBytes / 10e6) * 10} MB`;
    const tight: Text = {
      en: `${this.#database}; the disk of the platform’s state is nearly full (${left} left): what it cannot keep is refused, until there is room`,
      es: `${this.#database}; el disco del estado de la plataforma está casi lleno (quedan ${left}): lo que no pueda guardar se rechaza, hasta que haya sitio`,
    };
    const whole: Text = { en: this.#database, es: this.#database };
    this.#set('database', isTight ? 'degraded' : 'ok', isTight ? tight : whole);
    const volumes = troubleText(this.#volumes, {
      one: { en: '1 volume is full or unavailable', es: '1 volumen está lleno o no disponible' },
      many: (count) => ({
        en: `${count} volumes are full or unavailable`,
        es: `${count} volúmenes están llenos o no disponibles`,
      }),
      see: 'volume',
    });
    const backups = troubleText(this.#backups, {
      one: {
        en: 'the backups of 1 volume are not to be relied on',
        es: 'no se puede confiar en las copias de 1 volumen',
      },
      many: (count) => ({
        en: `the backups of ${count} volumes are not to be relied on`,
        es: `no se puede confiar en las copias de ${count} volúmenes`,
      }),
      see: 'backup',
    });
    const ended = troubleText(this.#ended, {
      one: {
        en: '1 certificate that it serves has ended',
        es: 'ha terminado 1 certificado que sirve',
      },
      many: (count) => ({
        en: `${count} certificates that it serves have ended`,
        es: `han terminado ${count} certificados que sirve`,
      }),
      see: 'certificate',
    });
    const trouble = this.#refusal ?? volumes ?? (this.#noNames ? NO_NAMES : null) ?? backups;
    this.#set('agent', !connected ? 'down' : trouble === null ? 'ok' : 'degraded', connected ? trouble : away);
    const unknown = connected ? null : away;
    const parts = (['control', 'database', 'agent', 'engine', 'edge', 'sensor'] as const).map((part): Part => {
      const known = this.#parts.get(part);
      if (part === 'edge' && known?.state === 'ok' && connected && ended !== null)
        return { ...known, state: 'degraded', detail: ended };
      if (known !== undefined && (connected || part === 'control' || part === 'database' || part === 'agent'))
        return known;
      if (part === 'sensor' && !this.#instance.sensor)
        return { name: part, state: 'absent', detail: NO_SENSOR, since: this.#startedAt };
      return { name: part, state: 'down', detail: unknown, since: this.#startedAt };
    });
    return {
      instance: name,
      version,
      mode,
      ready: this.#ready,
      startedAt: this.#startedAt,
      parts,
      adaptations,
      domain,
      registry: `localhost:${ports.console}`,
      detection: this.#detection.describe(),
    };
  }

  #set(name: PartName, state: Part['state'], detail: Text | null): void {
    const before = this.#parts.get(name);
    if (before?.state === state && before.detail?.en === detail?.en) return;
    this.#parts.set(name, { name, state, detail, since: this.#now() });
  }

  #now(): string {
    return this.#clock.now().toISOString();
  }
}

/** Anybody reads the status, also before a login: it says how many there are, and their names where rights are asked for. */
function troubleText(
  count: number,
  words: { readonly one: Text; readonly many: (count: number) => Text; readonly see: string },
): Text | null {
  if (count === 0) return null;
  const { en, es } = count === 1 ? words.one : words.many(count);
  const command = `darsena ${words.see} list`;
  return { en: `${en}; see ${command}`, es: `${es}; ver ${command}` };
}
