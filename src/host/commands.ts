import { readFile } from 'node:fs/promises';
import { hostname, machine, release, version } from 'node:os';
import { type AdvisoryDatabase, parseKernelRelease } from '../advisories/index.ts';
import { type CliProgram, systemClock, type Text } from '../system/index.ts';
import { answerKernel, type KernelAnswer } from './answer.ts';
import { hostFault } from './errors.ts';
import { type MachineFacts, machineFacts, readMachineFacts } from './facts.ts';
import { flavourOf, gatherFacts, moduleNames, parseLoadedModules, sourceOfUbuntu, upstreamOfDebian } from './gather.ts';
import { parseKernelConfig } from './kernel-config.ts';
import { CLOCK_OFF_SECONDS, CONFIG_MAX_BYTES, FACTS_MAX_BYTES } from './limits.ts';
import { addPatchCommands } from './livepatch/commands.ts';
import type { CveAnswer, MachineView } from './machines.ts';
import { addModuleCommands } from './modules/commands.ts';
import { openAdvisories } from './open-advisories.ts';
import { toKernelVex } from './openvex.ts';
import { addRebootCommands } from './reboot/commands.ts';
import { addRolloutCommands } from './rollout/commands.ts';
import { judgeRuntimes, type RuntimeTruth } from './runtimes.ts';
import { addShieldCommands } from './shield/commands.ts';
import { type KernelTruth, TRUTH_STATES, type TruthState } from './truth.ts';
import { STATE_WORDS } from './words.ts';

/** Where the facts of a machine come from: this one, files of another, a file of facts, or what is given word by word. */
interface FactOptions {
  readonly root?: string;
  readonly facts?: string;
  readonly kernel?: string;
  readonly config?: string;
  readonly modules?: string;
  readonly modulesOnDisk?: string;
  readonly distribution?: string;
  readonly packageVersion?: string;
  readonly arch?: string;
  readonly cmdline?: string;
  readonly advisories?: string;
}

/** Rows that a person reads; the rest is behind --all and --json. */
const ROWS_SHOWN = 40;
/** Files that are named when nothing of a place could be read as advisories. */
const STRANGERS_SHOWN = 10;

export function kernelCommands(cli: CliProgram): void {
  const kernel = cli.program.command('kernel').description(
    cli.t({
      en: 'the kernel that all containers share: what it is and what of it is open',
      es: 'el núcleo que comparten todos los contenedores: qué es y qué tiene abierto',
    }),
  );
  const withFacts = (name: string, text: Text) => {
    const command = kernel.command(name).description(cli.t(text));
    for (const [flag, words] of FACT_OPTIONS) command.option(flag, cli.t(words));
    return command;
  };

  withFacts('facts', {
    en: 'everything that is known of this machine, as JSON for --facts elsewhere',
    es: 'todo lo que se sabe de esta máquina, como JSON para --facts en otra',
  }).action(async (options: FactOptions) => cli.print.json(await factsOf(options)));

  withFacts('status', {
    en: 'kernel, live patches, run-times and what is open',
    es: 'núcleo, parches en vivo, entornos de ejecución y qué está abierto',
  })
    .argument('[host]', cli.t({ en: 'a host of the platform', es: 'un host de la plataforma' }))
    .action(async (host: string | undefined, options: FactOptions) => {
      if (host !== undefined) {
        const answer = await cli.api.get<StatusAnswer>(`/hosts/${encodeURIComponent(host)}/kernel`);
        return printStatus(cli, answer);
      }
      const facts = await factsOf(options);
      const database = await databaseOf(cli, options, facts);
      const { cves: _, ...answer } = answerKernel(facts, database, systemClock);
      printStatus(cli, { ...answer, facts, runtimes: judgeRuntimes(facts, database) });
    });

  withFacts('cves', {
    en: 'the truth of every kernel CVE on this machine, with evidence; needs no platform',
    es: 'la verdad de cada CVE del núcleo en esta máquina, con pruebas; no necesita plataforma',
  })
    .argument('[host]', cli.t({ en: 'a host of the platform', es: 'un host de la plataforma' }))
    .option(
      '--state <words>',
      cli.t({
        en: `only these, parted by commas: ${TRUTH_STATES.join(', ')}`,
        es: `solo estos, separados por comas: ${TRUTH_STATES.join(', ')}`,
      }),
    )
    .option('--cve <ids>', cli.t({ en: 'only these, parted by commas', es: 'solo estas, separadas por comas' }))
    .option('--all', cli.t({ en: 'every row, not the first ones', es: 'todas las filas, no solo las primeras' }))
    .option('--vex', cli.t({ en: 'write OpenVEX for other scanners', es: 'escribir OpenVEX para otros escáneres' }))
    .action(async (host: string | undefined, options: FactOptions & CvesOptions) => {
      const wanted = readStates(options.state);
      const ids = options.cve?.split(',').map((one) => one.trim().toUpperCase());
      if (host !== undefined && options.vex) {
        return cli.print.json(await cli.api.get(`/hosts/${encodeURIComponent(host)}/kernel/vex`));
      }
      let answer: KernelAnswer;
      if (host === undefined) {
        const facts = await factsOf(options);
        answer = answerKernel(facts, await databaseOf(cli, options, facts), systemClock);
        if (options.vex && answer.data.state === 'data') {
          return cli.print.json(toKernelVex(facts, answer.cves, systemClock.now().toISOString()));
        }
      } else {
        answer = await cli.api.get<KernelAnswer>(`/hosts/${encodeURIComponent(host)}/kernel/cves`);
      }
      const cves = answer.cves.filter(
        ({ state, cve }) => (wanted === null || wanted.has(state)) && (ids === undefined || ids.includes(cve)),
      );
      printCves(cli, { ...answer, cves }, options.all === true || ids !== undefined);
      // Nothing known must not look like nothing found.
      const recorded = new Set(answer.cves.map(({ cve }) => cve));
      const missing = (ids ?? []).filter((id) => !recorded.has(id));
      if (answer.data.state === 'data' && missing.length > 0) {
        const list = missing.slice(0, STRANGERS_SHOWN).join(', ');
        cli.print.note({
          en: `these advisories have no record of ${list}, which is not the same as nothing found`,
          es: `estos avisos no tienen registro de ${list}, que no es lo mismo que no encontrar nada`,
        });
      }
      if (answer.data.state === 'no-data' || missing.length > 0) cli.exit(3);
    });

  addPatchCommands(cli, kernel);
  addRolloutCommands(cli, kernel);
  addRebootCommands(cli, kernel);
  addShieldCommands(cli, kernel);
  addModuleCommands(cli, kernel);
  kernel
    .command('hosts')
    .description(
      cli.t({
        en: 'the hosts of the platform: kernel, what is open, whether a restart waits',
        es: 'los hosts de la plataforma: núcleo, qué está abierto, si espera un reinicio',
      }),
    )
    .action(async () => {
      const { items } = await cli.api.get<{ items: MachineView[] }>('/kernel/hosts');
      const open = ({ summary }: MachineView, state: TruthState): string =>
        summary === null ? '?' : String(summary[state]);
      cli.print.table(
        [
          { title: { en: 'HOST', es: 'HOST' }, value: ({ host }: MachineView) => host },
          { title: { en: 'KERNEL', es: 'NÚCLEO' }, value: ({ release }) => release },
          { title: STATE_WORDS.exposed, value: (row) => open(row, 'exposed'), align: 'right' },
          { title: STATE_WORDS.unknown, value: (row) => open(row, 'unknown'), align: 'right' },
          { title: { en: 'LIVE PATCHES', es: 'PARCHES EN VIVO' }, value: (row) => row.livePatches.join(', ') || '-' },
          {
            title: { en: 'RESTART', es: 'REINICIO' },
            value: ({ rebootRequired }) =>
              cli.t(rebootRequired ? { en: 'needed', es: 'necesario' } : { en: 'no', es: 'no' }),
          },
        ],
        items,
        { json: { items } },
      );
      for (const { host, clockOffSeconds } of items) {
        if (cli.output.json || clockOffSeconds === null || Math.abs(clockOffSeconds) <= CLOCK_OFF_SECONDS) continue;
        const by = sayOff(Math.abs(clockOffSeconds));
        const [en, es] = clockOffSeconds > 0 ? ['ahead of', 'adelantado'] : ['behind', 'atrasado'];
        cli.print.note({
          en: `the clock of ${host} is ${by.en} ${en} the platform's: set it (chrony, systemd-timesyncd)`,
          es: `el reloj de ${host} está ${by.es} ${es} respecto al de la plataforma: ajústelo (chrony, systemd-timesyncd)`,
        });
      }
    });
  kernel
    .command('where')
    .argument('<cve>')
    .description(
      cli.t({
        en: 'which hosts are exposed to a CVE, and the cheapest safe way out for each',
        es: 'qué hosts están expuestos a una CVE, y la salida segura más barata para cada uno',
      }),
    )
    .action(async (cve: string) => {
      const answer = await cli.api.get<CveAnswer>(`/kernel/cves/${encodeURIComponent(cve.toUpperCase())}`);
      cli.print.table(
        [
          { title: { en: 'HOST', es: 'HOST' }, value: (row: CveAnswer['items'][number]) => row.host },
          { title: { en: 'STATE', es: 'ESTADO' }, value: (row) => cli.t(STATE_WORDS[row.state]) },
          { title: { en: 'KERNEL', es: 'NÚCLEO' }, value: (row) => row.release },
          {
            title: { en: 'WAY OUT', es: 'SALIDA' },
            value: (row) => (row.wayOut === null ? '-' : cli.t(row.wayOut.text)),
            long: true,
          },
        ],
        answer.items,
        { json: answer },
      );
    });
}

function sayOff(seconds: number): Text {
  const [days, hours] = [Math.round(seconds / 86_400), Math.round(seconds / 3_600)];
  if (hours >= 48) return { en: `${days} days`, es: `${days} días` };
  if (seconds >= 7_200) return { en: `${hours} hours`, es: `${hours} horas` };
  return { en: `${Math.round(seconds / 60)} minutes`, es: `${Math.round(seconds / 60)} minutos` };
}

/** What the age of the data says: of an old feed, and of a clock that cannot be right. */
function noteAge(cli: CliProgram, { state, updatedAt, isOld, isAhead }: KernelAnswer['data']): void {
  if (state === 'no-data') return;
  if (isAhead)
    cli.print.note({
      en: `the kernel feed is of ${updatedAt}, which this clock says is still to come: the clock is wrong, and every age and deadline with it`,
      es: `la fuente del núcleo es de ${updatedAt}, que según este reloj aún no ha llegado: el reloj está mal, y con él toda antigüedad y todo plazo`,
    });
  if (isOld)
    cli.print.note({
      en: `the kernel feed is old, of ${updatedAt}: what came since is not in it`,
      es: `la fuente del núcleo es antigua, de ${updatedAt}: lo posterior no está en ella`,
    });
}

interface CvesOptions {
  readonly state?: string;
  readonly cve?: string;
  readonly all?: boolean;
  readonly vex?: boolean;
}

export interface StatusAnswer extends Omit<KernelAnswer, 'cves'> {
  readonly facts: MachineFacts;
  readonly runtimes: readonly RuntimeTruth[];
}

const FACT_OPTIONS: readonly (readonly [string, Text])[] = [
  [
    '--root <folder>',
    { en: 'read the files of the machine below this folder', es: 'leer los archivos de la máquina bajo esta carpeta' },
  ],
  [
    '--facts <file>',
    {
      en: 'facts of another machine, from `darsena kernel facts`',
      es: 'hechos de otra máquina, de `darsena kernel facts`',
    },
  ],
  [
    '--kernel <release>',
    {
      en: 'a kernel that is not here: what `uname -r` says there',
      es: 'un núcleo que no está aquí: lo que dice allí `uname -r`',
    },
  ],
  ['--config <file>', { en: 'its build configuration', es: 'su configuración de construcción' }],
  [
    '--modules <file>',
    {
      en: 'its loaded modules: /proc/modules, lsmod, or a name a line',
      es: 'sus módulos cargados: /proc/modules, lsmod o un nombre por línea',
    },
  ],
  [
    '--modules-on-disk <file>',
    {
      en: 'its modules on disk: modules.dep, or a path a line',
      es: 'sus módulos en disco: modules.dep o una ruta por línea',
    },
  ],
  ['--distribution <id>', { en: 'such as debian:12', es: 'como debian:12' }],
  [
    '--package-version <version>',
    { en: 'version of its package, such as 6.1.55-1', es: 'versión de su paquete, como 6.1.55-1' },
  ],
  ['--arch <machine>', { en: 'what `uname -m` says there', es: 'lo que dice allí `uname -m`' }],
  ['--cmdline <text>', { en: 'its boot line', es: 'su línea de arranque' }],
  [
    '--advisories <place>',
    {
      en: 'folder with advisories, or one file (also DARSENA_ADVISORIES)',
      es: 'carpeta con avisos, o un archivo (también DARSENA_ADVISORIES)',
    },
  ],
];

async function factsOf(options: FactOptions): Promise<MachineFacts> {
  if (options.facts !== undefined) return changeFacts(await readFactsFile(options.facts), options);
  if (options.kernel === undefined) {
    const identity = { release: release(), version: version(), machine: machine(), host: hostname() };
    return changeFacts(gatherFacts(options.root ?? '/', identity, systemClock.now().toISOString()), options);
  }
  // uname(2): what a build can call itself; anything else is not what somebody read there.
  if (!/^[\w.+~-]{1,64}$/.test(options.kernel) || parseKernelRelease(options.kernel) === null)
    throw hostFault('host.kernel-unknown', { value: options.kernel });
  const facts = machineFacts.parse({ kernel: { release: options.kernel } });
  return changeFacts(facts, options);
}

async function readFactsFile(path: string): Promise<MachineFacts> {
  const text = await readFile(path, 'utf8');
  if (text.length > FACTS_MAX_BYTES)
    throw hostFault('host.facts-unreadable', { name: path, why: `more than ${FACTS_MAX_BYTES} bytes` });
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw hostFault(
      'host.facts-unreadable',
      { name: path, why: cause instanceof Error ? cause.message : 'not JSON' },
      { cause },
    );
  }
  return readMachineFacts(value, path);
}

/** What is given by hand stands over what was found. */
async function changeFacts(facts: MachineFacts, options: FactOptions): Promise<MachineFacts> {
  const [id, ...versions] = options.distribution?.split(':') ?? [];
  const own = options.packageVersion;
  const config =
    options.config === undefined
      ? facts.config
      : parseKernelConfig((await readFile(options.config, 'utf8')).slice(0, CONFIG_MAX_BYTES), options.config);
  const onDisk = options.modulesOnDisk === undefined ? null : await readFile(options.modulesOnDisk, 'utf8');
  return {
    ...facts,
    kernel: {
      ...facts.kernel,
      ...(options.arch === undefined ? {} : { machine: options.arch }),
      ...(own === undefined
        ? {}
        : {
            package: {
              source: /\.(?:el|fc|amzn)\d/.test(own)
                ? 'kernel'
                : id === 'ubuntu'
                  ? sourceOfUbuntu(own, flavourOf(facts.kernel.release) ?? '')
                  : 'linux',
              version: own,
            },
            ...(id === 'debian' ? { upstream: upstreamOfDebian(own) } : {}),
          }),
    },
    ...(id === undefined ? {} : { distribution: { id, version: versions.join(':'), idLike: [] } }),
    config,
    ...(options.cmdline === undefined ? {} : { commandLine: options.cmdline }),
    modules: {
      ...facts.modules,
      ...(options.modules === undefined ? {} : { loaded: parseLoadedModules(await readFile(options.modules, 'utf8')) }),
      ...(onDisk === null
        ? {}
        : {
            available:
              moduleNames(onDisk).length > 0
                ? moduleNames(onDisk)
                : onDisk
                    .split(/\s+/)
                    .filter(Boolean)
                    .map((name) => name.replaceAll('-', '_')),
          }),
    },
  };
}

async function databaseOf(
  cli: CliProgram,
  options: FactOptions,
  { kernel, distribution }: MachineFacts,
): Promise<AdvisoryDatabase> {
  const place = options.advisories ?? process.env['DARSENA_ADVISORIES'] ?? null;
  const isRpm =
    kernel.package?.source === 'kernel' || /rhel|fedora|centos/.test((distribution?.idLike ?? []).join(' '));
  const { database, strangers } = await openAdvisories(place === '' ? null : place, systemClock, { isRpm });
  if (strangers.length > 0 && database.kernel().length === 0) {
    const names = strangers.slice(0, STRANGERS_SHOWN).join(', ');
    cli.print.note({
      en: `no advisories of the kernel could be recognised in ${names}`,
      es: `no se reconoció ningún aviso del núcleo en ${names}`,
    });
  }
  return database;
}

function readStates(words: string | undefined): ReadonlySet<TruthState> | null {
  if (words === undefined) return null;
  const list = words.split(',').map((word) => word.trim());
  for (const word of list) {
    if (!(TRUTH_STATES as readonly string[]).includes(word)) {
      throw hostFault('host.choice-unknown', { value: word, choices: TRUTH_STATES.join(', ') });
    }
  }
  return new Set(list as TruthState[]);
}

const NO_DATA: Text = {
  en: 'unknown: there are no kernel advisories (--advisories PLACE or DARSENA_ADVISORIES)',
  es: 'desconocido: no hay avisos del núcleo (--advisories LUGAR o DARSENA_ADVISORIES)',
};

function printStatus(cli: CliProgram, answer: StatusAnswer): void {
  const { facts, summary, runtimes } = answer;
  if (cli.output.json) {
    cli.print.json(answer);
    return;
  }
  const { kernel } = facts;
  const rows: [Text, string][] = [
    [
      { en: 'kernel', es: 'núcleo' },
      [kernel.release, kernel.package === null ? '' : `(${kernel.package.source} ${kernel.package.version})`]
        .join(' ')
        .trim(),
    ],
    [{ en: 'release inside', es: 'versión contenida' }, kernel.upstream ?? '-'],
    [{ en: 'build id', es: 'identificador de construcción' }, kernel.buildId ?? '-'],
    [
      { en: 'configuration', es: 'configuración' },
      facts.config === null ? '-' : `${facts.config.source} (${Object.keys(facts.config.options).length})`,
    ],
    [{ en: 'lockdown', es: 'lockdown' }, facts.lockdown ?? '-'],
    [{ en: 'security modules', es: 'módulos de seguridad' }, facts.lsm.join(', ') || '-'],
    [
      { en: 'modules loaded', es: 'módulos cargados' },
      facts.modules.loaded === null ? '-' : String(facts.modules.loaded.length),
    ],
    [
      { en: 'modules on disk', es: 'módulos en disco' },
      facts.modules.available === null ? '-' : String(facts.modules.available.length),
    ],
    [
      { en: 'live patches', es: 'parches en vivo' },
      facts.livePatches
        .map(({ name, enabled, transition }) => `${name}${transition ? ' (…)' : enabled ? '' : ' (off)'}`)
        .join(', ') || '-',
    ],
    [{ en: 'microcode', es: 'microcódigo' }, facts.cpu.microcode ?? '-'],
    [
      { en: 'restart needed', es: 'reinicio necesario' },
      cli.t(facts.reboot.isRequired ? { en: 'yes', es: 'sí' } : { en: 'no', es: 'no' }) +
        (facts.reboot.because.length > 0 ? `: ${facts.reboot.because.join(', ')}` : ''),
    ],
  ];
  for (const [name, value] of Object.entries(facts.cpu.vulnerabilities)) {
    if (value.startsWith('Vulnerable')) rows.push([{ en: `processor: ${name}`, es: `procesador: ${name}` }, value]);
  }
  cli.print.table(
    [
      { title: { en: 'FACT', es: 'HECHO' }, value: ([name]: [Text, string]) => cli.t(name) },
      { title: { en: 'VALUE', es: 'VALOR' }, value: ([, value]) => value, long: true },
    ],
    rows,
  );
  for (const { program, package: own, version, issues } of runtimes) {
    const open = issues.filter(({ state }) => state !== 'not-affected');
    cli.print.line(`${program} ${own ?? version}${open.length === 0 ? '' : ':'}`);
    for (const { cve, state, evidence } of open)
      cli.print.line(`  ${cve}  ${cli.t(STATE_WORDS[state])}: ${cli.t(evidence)}`);
  }
  printSummary(cli, summary);
  noteAge(cli, answer.data);
}

function printSummary(cli: CliProgram, summary: KernelAnswer['summary']): void {
  if (summary === null) {
    cli.print.line(NO_DATA);
    return;
  }
  const words = (language: 'en' | 'es'): string =>
    TRUTH_STATES.map((state) => `${summary[state]} ${STATE_WORDS[state][language]}`).join(', ');
  cli.print.line({ en: `kernel CVEs: ${words('en')}`, es: `CVE del núcleo: ${words('es')}` });
}

function printCves(cli: CliProgram, answer: KernelAnswer, all: boolean): void {
  if (cli.output.json) {
    // Evidence in JSON is English, whoever asks: it is compared by programs.
    const cves = answer.cves.map((truth) => ({ ...truth, evidence: truth.evidence.map(({ en }) => en) }));
    cli.print.json({ ...answer, cves });
    return;
  }
  const relevant = all ? answer.cves : answer.cves.slice(0, ROWS_SHOWN);
  cli.print.table(
    [
      { title: { en: 'CVE', es: 'CVE' }, value: ({ cve }: KernelTruth) => cve },
      { title: { en: 'STATE', es: 'ESTADO' }, value: ({ state }) => cli.t(STATE_WORDS[state]) },
      {
        title: { en: 'CVSS', es: 'CVSS' },
        value: ({ cvss }) => (cvss === null ? '-' : cvss.toFixed(1)),
        align: 'right',
      },
      { title: { en: 'KEV', es: 'KEV' }, value: ({ kev }) => (kev ? cli.t({ en: 'yes', es: 'sí' }) : '-') },
      {
        title: { en: 'EVIDENCE', es: 'PRUEBA' },
        value: ({ evidence }) => evidence.map((one) => cli.t(one)).join('; '),
        long: true,
      },
    ],
    relevant,
    { empty: answer.data.state === 'no-data' ? NO_DATA : { en: 'nothing', es: 'nada' } },
  );
  if (relevant.length < answer.cves.length) {
    const more = answer.cves.length - relevant.length;
    cli.print.note({ en: `${more} more: --all, --state or --json`, es: `${more} más: --all, --state o --json` });
  }
  if (answer.data.state === 'data') printSummary(cli, answer.summary);
  noteAge(cli, answer.data);
}
