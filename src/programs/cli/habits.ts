/**
 * Flags of podman and docker that people know from these commands and that mean nothing here: each is refused with its
 * reason and the way to the same end, never dropped. What is not in this list is a flag of the command itself; a test
 * compares both with what podman 4.3 has.
 */
import { type Command, Option } from 'commander';
import type { Text } from '../../system/index.ts';

interface RefusedFlags {
  readonly flags: readonly string[];
  readonly why: Text;
  readonly way: Text;
}

const LATEST: RefusedFlags = {
  flags: ['--latest'],
  why: {
    en: 'many people work here: the latest may be somebody else’s',
    es: 'aquí trabajan muchas personas: lo último puede ser de otra',
  },
  way: { en: 'name it: darsena ps -q', es: 'nombrarlo: darsena ps -q' },
};
const DETACH_KEYS: RefusedFlags = {
  flags: ['--detach-keys <keys>'],
  why: { en: 'a session ends with Ctrl-C twice', es: 'una sesión termina con Ctrl-C dos veces' },
  way: { en: 'darsena run -d, then darsena attach', es: 'darsena run -d y después darsena attach' },
};
const ALL_RUNS: RefusedFlags = {
  flags: ['--all', '--filter <filter>', '--cidfile <file>', '--ignore'],
  why: { en: 'what ends here is named one by one', es: 'lo que se termina aquí se nombra uno a uno' },
  way: { en: 'darsena stop $(darsena ps -q -f name=…)', es: 'darsena stop $(darsena ps -q -f name=…)' },
};
const GRACE: RefusedFlags = {
  flags: ['--time <seconds>'],
  why: { en: 'the grace is of the run', es: 'la espera es de la ejecución' },
  way: { en: 'darsena run --stop-timeout SECONDS', es: 'darsena run --stop-timeout SEGUNDOS' },
};

export const HABITS: Readonly<Record<string, readonly RefusedFlags[]>> = {
  ps: [
    {
      flags: ['--external', '--ns', '-p, --pod', '-s, --size', '--sync'],
      why: { en: 'it belongs to an engine of one machine', es: 'es de un motor de una sola máquina' },
      way: {
        en: 'darsena ps --json, darsena stats, darsena host list',
        es: 'darsena ps --json, darsena stats, darsena host list',
      },
    },
    {
      flags: ['--noheading', '--sort <field>', '--watch <seconds>'],
      why: {
        en: 'the table is for people: in one order, once, with its heading',
        es: 'la tabla es para personas: en un orden, una vez, con su cabecera',
      },
      way: {
        en: "darsena ps --format '{{.Status}} {{.Name}}' | sort; darsena events",
        es: "darsena ps --format '{{.Status}} {{.Name}}' | sort; darsena events",
      },
    },
  ],
  logs: [
    LATEST,
    {
      flags: ['--color', '--names', '--details'],
      why: { en: 'logs are of one container', es: 'los registros son de un contenedor' },
      way: { en: '--replica NAME -c CONTAINER', es: '--replica NOMBRE -c CONTENEDOR' },
    },
  ],
  stats: [
    LATEST,
    {
      flags: ['--no-reset'],
      why: { en: 'the live table stands in one place', es: 'la tabla en vivo está en un solo sitio' },
      way: { en: '--no-stream, or --format', es: '--no-stream, o --format' },
    },
  ],
  top: [LATEST],
  diff: [
    LATEST,
    {
      flags: ['--format <format>'],
      why: {
        en: 'there is one form for people and one for programs',
        es: 'hay una forma para personas y otra para programas',
      },
      way: { en: 'darsena --json diff', es: 'darsena --json diff' },
    },
  ],
  cp: [
    {
      flags: ['-a, --archive'],
      why: {
        en: 'what is copied in belongs to the user of the container, what is copied out to you',
        es: 'lo que entra pertenece al usuario del contenedor, y lo que sale, a usted',
      },
      way: { en: 'darsena cp … - | tar, which shows owners', es: 'darsena cp … - | tar, que muestra los dueños' },
    },
    {
      flags: ['--overwrite'],
      why: { en: 'a folder never takes the place of a file', es: 'una carpeta nunca ocupa el lugar de un archivo' },
      way: { en: 'remove it first: darsena exec … rm', es: 'quitarlo antes: darsena exec … rm' },
    },
  ],
  exec: [
    LATEST,
    DETACH_KEYS,
    {
      flags: ['-d, --detach'],
      why: {
        en: 'a command ends with its connection, so that nothing runs unseen',
        es: 'una orden termina con su conexión, para que nada corra sin verse',
      },
      way: { en: 'darsena run -d', es: 'darsena run -d' },
    },
    {
      flags: ['--privileged', '--preserve-fds <number>'],
      why: { en: 'a command gets what its container has', es: 'una orden recibe lo que tiene su contenedor' },
      way: { en: 'darsena debug --image base/tools', es: 'darsena debug --image base/tools' },
    },
  ],
  attach: [LATEST, DETACH_KEYS, { ...DETACH_KEYS, flags: ['--sig-proxy'] }],
  stop: [LATEST, ALL_RUNS, GRACE],
  wait: [
    LATEST,
    {
      flags: ['--condition <state>', '--interval <time>'],
      why: { en: 'it waits for the end of a run', es: 'espera el final de una ejecución' },
      way: {
        en: 'for another state: darsena events --filter kind=workload.*',
        es: 'para otro estado: darsena events --filter kind=workload.*',
      },
    },
  ],
  rm: [
    LATEST,
    ALL_RUNS,
    GRACE,
    {
      flags: ['--depend', '--volumes'],
      why: {
        en: 'a run has no others below it, and volumes outlive it',
        es: 'una ejecución no tiene otras debajo, y los volúmenes la sobreviven',
      },
      way: { en: 'darsena volume remove', es: 'darsena volume remove' },
    },
  ],
  build: [
    {
      flags: [
        ...[
          '--add-host <host>',
          '--dns <address>',
          '--dns-option <option>',
          '--dns-search <domain>',
          '--network <mode>',
        ],
        ...['--http-proxy', '--no-hosts', '--tls-verify', '--retry <n>', '--retry-delay <time>'],
      ],
      why: { en: 'a build has no network', es: 'una construcción no tiene red' },
      way: {
        en: 'packages come with a base: darsena base create --include',
        es: 'los paquetes llegan con una base: darsena base create --include',
      },
    },
    {
      flags: [
        ...['--cap-add <capability>', '--cap-drop <capability>', '--device <device>', '--security-opt <option>'],
        ...['--isolation <type>', '--userns <mode>', '--userns-uid-map <map>', '--userns-gid-map <map>'],
        ...[
          '--userns-uid-map-user <user>',
          '--userns-gid-map-group <group>',
          '--pid <mode>',
          '--ipc <mode>',
          '--uts <mode>',
        ],
        ...['--cgroupns <mode>', '--cgroup-parent <group>', '--runtime-flag <flag>', '--hooks-dir <folder>'],
        ...['--volume <volume>', '--ulimit <limit>', '--sysctl <setting>', '--shm-size <size>', '--memory <size>'],
        ...[
          '--memory-swap <size>',
          '--cpu-period <n>',
          '--cpu-quota <n>',
          '--cpu-shares <n>',
          '--cpuset-cpus <set>',
          '--cpuset-mems <set>',
        ],
      ],
      why: { en: 'all builds have the same walls around them', es: 'todas las construcciones tienen los mismos muros' },
      way: { en: 'COPY what it needs, or --secret', es: 'COPY de lo que necesita, o --secret' },
    },
    {
      flags: [
        ...[
          '--authfile <file>',
          '--creds <user>',
          '--cert-dir <folder>',
          '--decryption-key <key>',
          '--sign-by <key>',
          '--from <image>',
        ],
        ...[
          '--build-context <context>',
          '--disable-content-trust',
          '--pull <when>',
          '--cache-from <image>',
          '--cache-to <image>',
          '--cache-ttl <time>',
        ],
        ...[
          '--manifest <list>',
          '--all-platforms',
          '--arch <architecture>',
          '--os <system>',
          '--variant <variant>',
          '--os-feature <feature>',
          '--os-version <version>',
        ],
      ],
      why: {
        en: 'images come from the registry of the platform, by digest, and are signed by its builder',
        es: 'las imágenes vienen del registro de la plataforma, por digest, y las firma su constructor',
      },
      way: {
        en: 'FROM base/NAME or PROJECT/IMAGE; --platform linux/arm64',
        es: 'FROM base/NOMBRE o PROYECTO/IMAGEN; --platform linux/arm64',
      },
    },
    {
      flags: [
        ...[
          '--annotation <annotation>',
          '--compress',
          '--disable-compression',
          '--format <format>',
          '--squash',
          '--squash-all',
          '--layers',
        ],
        ...[
          '--omit-history',
          '--identity-label',
          '--output <place>',
          '--rm',
          '--force-rm',
          '--jobs <number>',
          '--logfile <file>',
          '--logsplit',
          '--stdin',
        ],
        ...[
          '--cpp-flag <flag>',
          '--env <variable>',
          '--unsetenv <variable>',
          '--ignorefile <file>',
          '--skip-unused-stages',
        ],
      ],
      why: {
        en: 'an image has one form here, so that equal sources are equal images',
        es: 'una imagen tiene aquí una forma, para que orígenes iguales sean imágenes iguales',
      },
      way: {
        en: 'say it in the Containerfile: ENV, LABEL, .containerignore',
        es: 'decirlo en el Containerfile: ENV, LABEL, .containerignore',
      },
    },
  ],
};

/** Flags that people write out of habit and that are so here anyway. */
const ACCEPTED: Readonly<Record<string, readonly string[]>> = {
  stats: ['--no-trunc'],
  events: ['--no-trunc'],
};

/** Adds what is refused to the commands that are there; hidden, as the manual has the list. */
export function addHabits(program: Command, refuse: (flag: string, why: Text, way: Text) => Error): void {
  for (const command of program.commands) {
    for (const flags of ACCEPTED[command.name()] ?? []) command.addOption(new Option(flags).hideHelp());
    for (const { flags, why, way } of HABITS[command.name()] ?? []) {
      for (const one of flags) refuseOption(command, one, (flag) => refuse(flag, why, way));
    }
  }
}

/** A flag that ends the command wherever it stands, with a value or without. */
export function refuseOption(
  command: Command,
  flags: string,
  refuse: (flag: string) => Error,
  /** Values that ask for what happens anyway. */
  harmless: readonly string[] = [],
): void {
  const option = new Option(flags).hideHelp();
  command.addOption(option);
  command.on(`option:${option.name()}`, (value: unknown) => {
    if (typeof value === 'string' && harmless.includes(value)) return;
    throw refuse(option.long ?? flags);
  });
}
