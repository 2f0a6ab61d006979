import { createRequest } from '../../network/index.ts';
import {
  type CliAsk,
  type Clock,
  Fault,
  type Language,
  runCommand,
  type Text,
  writeFileAtomic,
} from '../../system/index.ts';
import { ApiClient } from '../cli/client.ts';
import { type Credentials, connectionOf, credentialsPath, sudoAccount, writeCredentials } from '../cli/credentials.ts';
import { type MachinePlan, planMachine, portName } from './adaptations.ts';
import { type AuthorityCertificate, publishAuthority, readAuthority } from './authority.ts';
import { enableAtBoot } from './boot.ts';
import { codeFolder, codeName, installCode, OWN_CODE, readVersion } from './code.ts';
import { buildConsole, consoleIsStale } from './console.ts';
import { checkCri, type EngineChoice, requireSameEngine, tellRegistry } from './cri.ts';
import { checkDatabase, storeDatabaseUrl } from './database.ts';
import { setupFault } from './errors.ts';
import { ensureFolders } from './folders.ts';
import {
  type Adaptation,
  EVERYWHERE,
  type Instance,
  instanceFiles,
  instanceFolders,
  instancePrefix,
  instancesOfRoot,
  LOOPBACK,
  localUrl,
  type Ports,
  readInstance,
  writeInstance,
} from './instance.ts';
import { mountKernelFilesystems } from './kernel-mounts.ts';
import { localAnswers, requestCertificate, requestLoginCode } from './local.ts';
import { withInstanceLock } from './lock.ts';
import { detectMachine, type Machine } from './machine.ts';
import { forgetFormerRun } from './machine-run.ts';
import { installArguments, installCommand, isDebian, missingNeeds, neededPackages } from './packages.ts';
import { planPodman, writePodmanFiles } from './podman.ts';
import { keeperOfPort, markPorts } from './port-marks.ts';
import { choosePorts, isFree } from './ports.ts';
import { listenerOf } from './processes.ts';
import {
  PROGRAMS_TO_STOP,
  type ProgramName,
  programsOf,
  sensorConfig,
  startProgram,
  warmPrograms,
} from './programs.ts';
import { removeUnusedCode } from './purge.ts';
import type { LocalStep, LocalSteps } from './steps.ts';
import { lastWords, stopProgram, supervisedState } from './supervisor.ts';
import { callingUser, ensureUsers, plannedUsers } from './users.ts';

const APT_TIMEOUT_MS = 1_200_000;
/** A first start compiles, migrates the database and makes keys: 4 s alone, near 30 when three instances start at once on two cores. */
const READY_SECONDS = 60;
/** Sensor and edge, 2 s alone, are not waited for as long: the platform is usable and says what is missing. */
const LATER_SECONDS = 30;
const READY_POLL_MS = 50;
/** A program that ended this often while it was waited for will not come up by waiting. */
const LIVES_MAX = 3;

export type Listen = 'loopback' | 'all';
const NO_WORDS: Text = { en: '', es: '' };
const BIND: Readonly<Record<Listen, string>> = { loopback: LOOPBACK, all: EVERYWHERE };

export interface UpContext {
  readonly name: string;
  readonly steps: LocalSteps;
  readonly ask: CliAsk;
  /** Consent to install packages was given on the command line. */
  readonly yes: boolean;
  /** Where the ports listen from now on; undefined: as before, at first on loopback only. */
  readonly listen: Listen | undefined;
  /** PostgreSQL for control's state; null: as before, at first SQLite. */
  readonly databaseUrl: string | null;
  /** What runs the pods; null: as before, at first Podman. */
  readonly engine: EngineChoice | null;
  readonly terminal: boolean;
  readonly language: Language;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Everything after the questions runs inside it, so that progress is drawn around it. */
  readonly drawn: <T>(work: () => Promise<T>) => Promise<T>;
}

export interface UpResult {
  readonly instance: Instance;
  readonly authority: AuthorityCertificate;
  /** The console's address; with a one-time code in its fragment. */
  readonly console: string;
  readonly code: string;
  readonly codeExpiresAt: string;
  readonly credentials: readonly string[];
  readonly started: readonly ProgramName[];
  readonly alreadyRunning: readonly ProgramName[];
}

/** Brings the instance up, whatever state it is in: the whole story of `darsena up`. */
export async function bringUp(context: UpContext): Promise<UpResult> {
  const { name, steps } = context;
  const machine = await steps.run(TITLES.machine, async (step) => {
    const found = await detectMachine(instanceFolders(name, 'root').data);
    step.detail(describeMachine(found));
    return found;
  });
  const plan = planMachine(machine);
  const { engine } = context;
  const former = await readInstance(instanceFiles(instanceFolders(name, machine.mode)).description);
  if (former !== null) requireSameEngine(former, engine);
  if (engine?.kind === 'cri')
    await steps.run(TITLES.engine, async (step) => step.detail((await checkCri(engine, machine.mode)) ?? NO_WORDS));
  const isCri = engine?.kind === 'cri' || former?.cri !== undefined;
  const packages = await missingOf(machine, plan, isCri ? 'cri' : 'podman');
  if (packages.length > 0) await consentToPackages(packages, machine, context);
  const folders = instanceFolders(name, machine.mode);
  const { databaseUrl } = context;
  const database =
    databaseUrl === null
      ? null
      : await steps.run(TITLES.database, async (step) => {
          const checked = await checkDatabase(
            databaseUrl,
            await readInstance(instanceFiles(folders).description),
            folders,
          );
          step.detail({ en: checked.description, es: checked.description });
          return checked;
        });

  return context.drawn(() =>
    withInstanceLock(name, folders, async () => {
      const found = await readInstance(instanceFiles(folders).description);
      const known = found?.unfinished === true ? null : found;
      // Part of the code, whose name is a hash over all of it; built in the checkout, nothing of the instance yet.
      if (await consoleIsStale(OWN_CODE)) await steps.run(TITLES.console, () => buildConsole(OWN_CODE));
      const code = machine.mode === 'root' ? await codeFolder(OWN_CODE) : OWN_CODE;
      const named = machine.mode === 'root' ? {} : { codeName: await codeName(OWN_CODE) };
      const choice = { ...context, machine, plan, code, ...named };
      const sketch = known ?? (await sketchInstance({ ...choice, createdAt: found?.createdAt }));
      await steps.run(TITLES.packages, (step) => installPackages(packages, step, context.signal));
      await steps.run(TITLES.code, (step) => placeCode(machine, code, step));
      const instance = await steps.run(TITLES.instance, (step) =>
        settleInstance(sketch, { ...choice, isNew: known === null, step }),
      );
      if (database !== null && (await storeDatabaseUrl(instance, database.url)))
        await stopProgram(instanceFiles(instance).supervisors, 'control', context.clock);
      if (known === null || isOtherCode(known, instance)) {
        await steps.run(TITLES.warm, async (step) => {
          const failure = await warmPrograms(instance);
          if (failure !== null) step.detail({ en: `left out: ${failure}`, es: `omitido: ${failure}` });
        });
      }
      if (machine.mode === 'root' && instance.sensor && machine.unmounted.length > 0) {
        await steps.run(TITLES.kernelMounts, (step) => mountMissing(instance, step, context.clock));
      }
      const before = await runningPrograms(instance);
      const started: ProgramName[] = [];
      const start = async (program: ProgramName, ready: () => Promise<boolean>): Promise<void> => {
        await steps.run(programTitle(program), async (step) => {
          if (await startProgram(instance, program, context.clock)) started.push(program);
          else step.detail({ en: 'was running', es: 'ya estaba en marcha' });
          await waitReady(instance, program, ready, context).catch((error: unknown) => {
            // Without eyes or without its door to the street the platform still can be looked at and repaired.
            if (program === 'control' || program === 'agent' || !(error instanceof Fault)) throw error;
            step.detail({ en: `NOT READY: darsena logs ${program}`, es: `SIN RESPUESTA: darsena logs ${program}` });
          });
        });
      };

      const startAll = async (): Promise<{ authority: AuthorityCertificate; own: Credentials }> => {
        await start('control', () => localAnswers(instance));
        const authority = await publishAuthority(instance);
        await writeProgramFiles(instance, plan, authority);
        const own = await openLogin(instance, authority);
        const api = new ApiClient({
          connection: async () => connectionOf(own),
          language: context.language,
          signal: context.signal,
        });
        try {
          await waitReady(instance, 'control', () => partIs(api, 'control', ['ok', 'degraded']), context);
          await start('agent', () => partIs(api, 'agent', ['ok', 'degraded']));
          if (instance.sensor) await start('sensor', () => partIs(api, 'sensor', ['ok', 'degraded']));
          await start('edge', () => partIs(api, 'edge', ['ok']));
        } finally {
          api.close();
        }
        return { authority, own };
      };
      const { authority, own } = await startAll().catch(async (error: unknown) => {
        if (error instanceof Fault && known !== null && !context.signal.aborted)
          await startWithoutControl(instance, plan, context.clock);
        throw error;
      });
      if (machine.systemd && machine.mode === 'root') await steps.run(TITLES.boot, () => enableAtBoot(instance));
      const credentials = await writeCallersCredentials(instance, authority, own);
      const login = await requestLoginCode(instance);
      steps.finish();
      return {
        instance,
        authority,
        console: `${localUrl(instance)}/login#code=${login.code}`,
        code: login.code,
        codeExpiresAt: login.expiresAt,
        credentials,
        started,
        alreadyRunning: before,
      };
    }),
  );
}

/**
 * A machine that comes back while control cannot, such as before the machine of its database: the host has what control said
 * last, so its pods and services come back, and all is as before when control does.
 */
async function startWithoutControl(instance: Instance, plan: MachinePlan, clock: Clock): Promise<void> {
  const authority = await readAuthority(instance);
  if (authority === null) return;
  await writeProgramFiles(instance, plan, authority);
  for (const program of programsOf(instance)) await startProgram(instance, program, clock);
}

const TITLES = {
  machine: { en: 'Look at the machine', es: 'Examinar la máquina' },
  engine: { en: 'Look at the CRI server', es: 'Examinar el servidor CRI' },
  database: { en: 'Look at the database', es: 'Examinar la base de datos' },
  packages: { en: 'System packages', es: 'Paquetes del sistema' },
  console: { en: 'Build the console', es: 'Construir la consola' },
  code: { en: 'Install the platform’s code', es: 'Instalar el código de la plataforma' },
  instance: { en: 'Users, folders, ports', es: 'Usuarios, carpetas, puertos' },
  kernelMounts: { en: 'File systems of the kernel', es: 'Sistemas de archivos del núcleo' },
  warm: { en: 'Compile the programs', es: 'Compilar los programas' },
  boot: { en: 'Start at boot', es: 'Arranque con la máquina' },
} as const satisfies Record<string, Text>;

const PROGRAM_TITLES: Readonly<Record<ProgramName, Text>> = {
  control: { en: 'Start control (API, console, registry)', es: 'Arrancar control (API, consola, registro)' },
  agent: { en: 'Start the agent (pods, builds)', es: 'Arrancar el agente (pods, construcciones)' },
  sensor: { en: 'Start the sensor (kernel events)', es: 'Arrancar el sensor (eventos del núcleo)' },
  edge: { en: 'Start the edge (published services)', es: 'Arrancar el borde (servicios publicados)' },
};

function programTitle(program: ProgramName): Text {
  return PROGRAM_TITLES[program];
}

function describeMachine(machine: Machine): Text {
  const facts = `${machine.distribution.name}, cgroup ${machine.cgroup}`;
  return machine.mode === 'root'
    ? { en: `${facts}, as root`, es: `${facts}, como root` }
    : { en: `${facts}, as an ordinary user`, es: `${facts}, como usuario corriente` };
}

async function missingOf(machine: Machine, plan: MachinePlan, engine: 'podman' | 'cri'): Promise<string[]> {
  const needs = neededPackages(machine, plan.runtime, engine);
  return missingNeeds(machine, needs);
}

/** Asks before anything is installed; never waits for an answer that cannot come. */
async function consentToPackages(packages: readonly string[], machine: Machine, context: UpContext): Promise<void> {
  const names = packages.join(' ');
  const command = installCommand(packages);
  if (!isDebian(machine)) {
    throw setupFault('setup.packages-foreign', { distribution: machine.distribution.name, packages: names });
  }
  if (machine.mode === 'rootless') throw setupFault('setup.packages-root', { packages: names, command });
  if (context.yes) return;
  if (!context.terminal) throw setupFault('setup.packages-needed', { packages: names, command });
  const agreed = await context.ask.confirm(
    {
      en: `Missing system packages: ${names}\nInstall them now with "${command}"?`,
      es: `Faltan paquetes del sistema: ${names}\n¿Instalarlos ahora con "${command}"?`,
    },
    { remedy: 'darsena up --yes' },
  );
  if (!agreed) throw setupFault('setup.packages-refused', { packages: names, command });
}

async function installPackages(packages: readonly string[], step: LocalStep, signal: AbortSignal): Promise<void> {
  if (packages.length === 0) {
    step.detail({ en: 'all there', es: 'completos' });
    return;
  }
  const environment = { ...definedEnvironment(), DEBIAN_FRONTEND: 'noninteractive', LC_ALL: 'C.UTF-8' };
  const apt = async (args: readonly string[]): Promise<{ code: number; stderr: string }> =>
    runCommand('apt-get', args, {
      env: environment,
      timeoutMs: APT_TIMEOUT_MS,
      signal,
      onLine: (line) => {
        if (/^(Get:|Unpacking|Setting up)/.test(line)) step.detail({ en: line.slice(0, 60), es: line.slice(0, 60) });
      },
    });
  let result = await apt(installArguments(packages));
  if (result.code !== 0) {
    // A machine whose package lists were never fetched, or are too old to be served still.
    await apt(['update']);
    result = await apt(installArguments(packages));
  }
  if (result.code !== 0) {
    const reason = result.stderr.trim().split('\n').slice(-2).join(' ').slice(-300) || `exit code ${result.code}`;
    throw setupFault('setup.packages-failed', { reason, command: installCommand(packages) });
  }
  step.detail({ en: `${packages.length} installed`, es: `${packages.length} instalados` });
}

/** As root a copy that no ordinary account can change; rootless the clone itself. */
async function placeCode(machine: Machine, code: string, step: LocalStep): Promise<void> {
  if (machine.mode === 'rootless') {
    step.detail({ en: `runs from ${code}`, es: `se ejecuta desde ${code}` });
    return;
  }
  const { copied, sizeBytes } = await installCode(OWN_CODE, code);
  if (copied) step.count(sizeBytes, sizeBytes, 'bytes');
  step.detail({ en: code, es: code });
}

/** What could not be mounted costs the sensor some of its sight, which it says itself. */
async function mountMissing(instance: Instance, step: LocalStep, clock: Clock): Promise<void> {
  const { mounted, failure } = await mountKernelFilesystems();
  // It looks for them when it starts.
  if (mounted.length > 0) await stopProgram(instanceFiles(instance).supervisors, 'sensor', clock);
  const done = mounted.join(', ');
  if (failure === null) step.detail({ en: done, es: done });
  else step.detail({ en: `left out: ${failure}`, es: `omitido: ${failure}` });
}

interface Choice {
  readonly name: string;
  readonly listen: Listen | undefined;
  readonly engine: EngineChoice | null;
  readonly machine: Machine;
  readonly plan: MachinePlan;
  readonly code: string;
  readonly codeName?: string;
  readonly clock: Clock;
}

function isOtherCode(known: Instance, now: Pick<Instance, 'code' | 'codeName'>): boolean {
  return known.code !== now.code || known.codeName !== now.codeName;
}

/** Chooses ports, once, and writes down what is about to be made, before anything of it is. */
async function sketchInstance(choice: Choice & { readonly createdAt: string | undefined }): Promise<Instance> {
  const { name, listen, machine, plan, code, clock } = choice;
  const folders = instanceFolders(name, machine.mode);
  const bind = BIND[listen ?? 'loopback'];
  const { ports, adaptations, release } = await chooseOwnPorts(machine.mode, bind, name);
  const caller = await callingUser();
  const sketch: Instance = {
    name,
    mode: machine.mode,
    prefix: instancePrefix(name),
    version: await readVersion(OWN_CODE),
    code,
    ...folders,
    domain: `${name}.localhost`,
    ports,
    bind,
    users: machine.mode === 'root' ? plannedUsers(name) : { control: caller, build: caller, edge: caller },
    runtime: plan.runtime,
    cgroup: machine.cgroup,
    sensor: plan.sensor,
    adaptations: [...plan.adaptations, ...adaptations],
    podman: planPodman(folders, { mode: machine.mode, plan, registryPort: ports.console }).files,
    ...(choice.engine?.kind === 'cri' ? { cri: { socket: choice.engine.socket } } : {}),
    createdAt: choice.createdAt ?? clock.now().toISOString(),
    unfinished: true,
  };
  await writeInstance(sketch).finally(release);
  return sketch;
}

/** Makes users and folders, and brings the description up to date with machine, code and options. */
async function settleInstance(
  known: Instance,
  choice: Choice & { readonly isNew: boolean; readonly step: LocalStep },
): Promise<Instance> {
  const { name, listen, machine, plan, code, clock, isNew, step } = choice;
  const { unfinished: _unfinished, codeName: _codeName, ...kept } = known;
  const instance: Instance = {
    ...kept,
    version: await readVersion(OWN_CODE),
    code,
    ...(choice.codeName === undefined ? {} : { codeName: choice.codeName }),
    bind: listen === undefined ? known.bind : BIND[listen],
    users: machine.mode === 'root' ? await ensureUsers(name, known) : known.users,
    runtime: plan.runtime,
    cgroup: machine.cgroup,
    sensor: plan.sensor,
    adaptations: [...plan.adaptations, ...portAdaptations(known)],
    podman: planPodman(known, { mode: machine.mode, plan, registryPort: known.ports.console }).files,
  };
  await ensureFolders(instance);
  await forgetFormerRun(instance);
  if (!isNew && (isOtherCode(known, choice) || known.bind !== instance.bind)) {
    // New code or another place to listen: the programs are started again with it, workloads stay as they are.
    for (const program of PROGRAMS_TO_STOP) await stopProgram(instanceFiles(instance).supervisors, program, clock);
  }
  await checkPorts(instance);
  await writeInstance(instance);
  await markPorts(instance);
  if (known.code !== code) await removeUnusedCode(instance, known.code);
  const { ports } = instance;
  const text = `${ports.console}, ${ports.agents}, ${ports.edgeHttps}, ${ports.edgeHttp}`;
  step.detail({ en: `ports ${text}`, es: `puertos ${text}` });
  return instance;
}

/** Ports for this instance alone, also when another `up` chooses at the same moment: nobody else does until this process ends. */
async function chooseOwnPorts(mode: Machine['mode'], bind: string, name: string): ReturnType<typeof choosePorts> {
  for (;;) {
    const chosen = await choosePorts(mode, bind, await portsOfOthers(name), (port) => keeperOfPort(port, name));
    // Somebody may have written its ports down, and let go of them, after the others were read and before we held ours.
    const others = await portsOfOthers(name);
    if (!Object.values(chosen.ports).some((port) => others.has(port))) return chosen;
    await chosen.abandon();
  }
}

/** Ports of other instances stay theirs while they are down. */
async function portsOfOthers(name: string): Promise<Map<number, string>> {
  const ports = new Map<number, string>();
  for (const other of await instancesOfRoot()) {
    if (other.name !== name) for (const port of Object.values(other.ports)) ports.set(port, `Dársena ${other.name}`);
  }
  return ports;
}

function portAdaptations(known: Instance): Adaptation[] {
  return known.adaptations.filter((adaptation) => adaptation.code.startsWith('port-'));
}

/** A port that was ours and went to somebody else while the platform was down is said before anything is started. */
async function checkPorts(instance: Instance): Promise<void> {
  const owners: Readonly<Record<keyof Ports, ProgramName>> = {
    console: 'control',
    agents: 'control',
    edgeHttps: 'edge',
    edgeHttp: 'edge',
  };
  const running = await runningPrograms(instance);
  for (const [door, program] of Object.entries(owners) as [keyof Ports, ProgramName][]) {
    const port = instance.ports[door];
    if (running.includes(program) || (await isFree(port, instance.bind))) continue;
    const holder = (await listenerOf(port)) ?? '?';
    throw setupFault('setup.port-taken', { port, what: portName(door).en, holder });
  }
}

async function runningPrograms(instance: Instance): Promise<ProgramName[]> {
  const running: ProgramName[] = [];
  for (const program of programsOf(instance)) {
    const { supervisor, child } = await supervisedState(instanceFiles(instance).supervisors, program);
    if (supervisor !== null && child !== null) running.push(program);
  }
  return running;
}

async function writeProgramFiles(
  instance: Instance,
  plan: MachinePlan,
  authority: AuthorityCertificate,
): Promise<void> {
  if (instance.sensor) {
    const config = `${JSON.stringify(sensorConfig(instance), null, 2)}\n`;
    await writeFileAtomic(instanceFiles(instance).sensor.config, config, { mode: 0o600 });
  }
  const podman = planPodman(instance, {
    mode: instance.mode,
    plan,
    registryPort: instance.ports.console,
  });
  await writePodmanFiles(podman, {
    registryAddress: `${LOOPBACK}:${instance.ports.console}`,
    ca: authority.pem,
  });
  await tellRegistry(instance, authority.pem);
}

async function partIs(api: ApiClient, part: string, states: readonly string[]): Promise<boolean> {
  try {
    const status = await api.get<{ parts: { name: string; state: string }[] }>('/status');
    return status.parts.some(({ name, state }) => name === part && states.includes(state));
  } catch (error) {
    if (error instanceof Fault && error.kind === 'unavailable') return false;
    throw error;
  }
}

/** @throws Fault `setup.program-down` with the last lines of its log */
async function waitReady(
  instance: Instance,
  program: ProgramName,
  ready: () => Promise<boolean>,
  context: UpContext,
): Promise<void> {
  const { clock, signal } = context;
  const seconds = program === 'control' || program === 'agent' ? READY_SECONDS : LATER_SECONDS;
  const deadline = clock.monotonicMs() + seconds * 1_000;
  const began = clock.monotonicMs();
  const lives = new Set<number>();
  while (!(await ready())) {
    const { child } = await supervisedState(instanceFiles(instance).supervisors, program);
    if (child !== null) lives.add(child.pid);
    if (clock.monotonicMs() > deadline || lives.size > LIVES_MAX) {
      const words = await lastWords(instanceFiles(instance).log(program));
      const waited = ((clock.monotonicMs() - began) / 1_000).toFixed(1);
      throw setupFault('setup.program-down', { program, seconds: waited, words: words || '-' });
    }
    await clock.sleep(READY_POLL_MS, signal);
  }
}

/** A key made here and a certificate for it, by the local socket that only root and control itself can open. */
async function openLogin(instance: Instance, authority: AuthorityCertificate): Promise<Credentials> {
  const { requestPem, privateKeyPem } = createRequest({ subject: 'command line' });
  const { certificate, expiresAt } = await requestCertificate(instance, requestPem);
  return {
    url: localUrl(instance),
    api: localUrl(instance, 'agents'),
    ca: authority.pem,
    certificate,
    key: privateKeyPem,
    expiresAt,
  };
}

/** The caller is logged in; with sudo, the person behind it as well, by a login of their own. */
async function writeCallersCredentials(
  instance: Instance,
  authority: AuthorityCertificate,
  content: Credentials,
): Promise<string[]> {
  const own = credentialsPath(instance.name);
  const paths = [own];
  await writeCredentials(own, content, null);
  const account = await sudoAccount();
  if (account !== null) {
    const theirs = credentialsPath(instance.name, { HOME: account.home });
    if (theirs !== own) {
      await writeCredentials(theirs, await openLogin(instance, authority), account);
      paths.push(theirs);
    }
  }
  return paths;
}

function definedEnvironment(): Record<string, string> {
  return Object.fromEntries(
    Object.entries(process.env).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
}
