import type { X509Certificate } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { connect, type TLSSocket } from 'node:tls';
import { answersNames, hostNameservers } from '../../network/index.ts';
import type { Clock, Text } from '../../system/index.ts';
import { planMachine, WEAK_SENSOR } from './adaptations.ts';
import { readAuthority } from './authority.ts';
import { openCri } from './cri.ts';
import { type Instance, instanceFiles, instanceFolders } from './instance.ts';
import { detectMachine, podmanVersion } from './machine.ts';
import { installCommand, isDebian, missingNeeds, neededPackages } from './packages.ts';
import { listenerOf } from './processes.ts';
import { type ProgramName, programsOf } from './programs.ts';
import { lastWords, supervisedState } from './supervisor.ts';

export interface Check {
  readonly name: string;
  /** `warn` is worth knowing, `broken` keeps something from working. */
  readonly state: 'ok' | 'warn' | 'broken';
  readonly found: Text;
  /** The way out; null when nothing is wrong. */
  readonly remedy: Text | null;
}

const DAY_MS = 86_400_000;
const CERTIFICATE_DAYS_LOW = 7;
const DISK_BYTES_BROKEN = 512 * 1024 ** 2;
const ANSWER_TIMEOUT_MS = 5_000;
/** Signatures and tokens are refused when clocks differ by minutes; control and this process share one here. */
const CLOCK_YEAR_MIN = 2026;

const both = (text: string): Text => ({ en: text, es: text });

/** Looks at everything that the platform stands on, before `up` and after; changes nothing. */
export async function examine(name: string, instance: Instance | null, clock: Clock): Promise<Check[]> {
  const machine = await detectMachine(instanceFolders(name, 'root').data);
  const plan = planMachine(machine);
  const needs = neededPackages(machine, plan.runtime, instance?.cri === undefined ? 'podman' : 'cri');
  const missing = await missingNeeds(machine, needs);
  const checks: Check[] = [
    missing.length === 0
      ? ok('packages', { en: `${needs.length} installed`, es: `${needs.length} instalados` })
      : broken(
          'packages',
          { en: `missing: ${missing.join(' ')}`, es: `faltan: ${missing.join(' ')}` },
          both(isDebian(machine) ? installCommand(missing) : missing.join(' ')),
        ),
    ok('cgroup', { en: `${machine.cgroup}, so ${plan.runtime}`, es: `${machine.cgroup}, luego ${plan.runtime}` }),
    machine.limits.raisable
      ? ok('limits', { en: 'can be raised', es: 'se pueden subir' })
      : warn('limits', textOf(plan.adaptations, 'ulimits'), null),
    plan.sensor && !plan.adaptations.some(({ code }) => code === WEAK_SENSOR)
      ? ok('kernel', { en: 'BTF and BPF rights are there', es: 'hay BTF y derechos BPF' })
      : warn('kernel', textOf(plan.adaptations, WEAK_SENSOR, 'no-sensor', 'rootless'), null),
    diskCheck(machine.diskFreeBytes),
    clock.now().getUTCFullYear() >= CLOCK_YEAR_MIN
      ? ok('clock', both(clock.now().toISOString()))
      : broken('clock', both(clock.now().toISOString()), {
          en: 'set the clock: certificates are not valid yet',
          es: 'poner el reloj en hora: los certificados aún no son válidos',
        }),
  ];
  checks.push(await namesCheck());
  if (machine.mode === 'rootless') {
    for (const code of ['tun', 'sub-ids']) {
      const found = plan.adaptations.find((adaptation) => adaptation.code === code);
      if (found !== undefined) checks.push(broken(code, found.text, null));
    }
  }
  if (instance === null) {
    checks.push(
      warn('instance', { en: `"${name}" is not set up`, es: `"${name}" no está instalada` }, both('darsena up')),
    );
    return checks;
  }
  for (const program of programsOf(instance)) checks.push(await programCheck(instance, program));
  checks.push(await (instance.cri === undefined ? podmanCheck(instance) : criCheck(instance)));
  checks.push(...(await doorChecks(instance, clock)));
  return checks;
}

/** Pods ask by way of the host's own resolvers, and so do mirrors, feeds and builds. */
async function namesCheck(): Promise<Check> {
  const servers = hostNameservers();
  const remedy = { en: 'see /etc/resolv.conf', es: 'ver /etc/resolv.conf' };
  if (servers.length === 0)
    return warn('names', { en: 'this host has no resolver', es: 'este host no tiene ningún resolvedor' }, remedy);
  const asked = await Promise.all(servers.map(async (server) => ((await answersNames(server)) ? [] : [server])));
  const silent = asked.flat();
  if (silent.length === 0) return ok('names', both(servers.join(' ')));
  const found = {
    en: `no answer to questions for names (DNS) from ${silent.join(' ')}`,
    es: `sin respuesta a preguntas por nombres (DNS) de ${silent.join(' ')}`,
  };
  // A machine may be meant to know no name outside.
  return warn('names', found, remedy);
}

function diskCheck(freeBytes: number): Check {
  const found = { en: `${(freeBytes / 1e9).toFixed(1)} GB free`, es: `${(freeBytes / 1e9).toFixed(1)} GB libres` };
  if (freeBytes >= 5e9) return ok('disk', found);
  const remedy = { en: 'make room, or: podman image prune', es: 'hacer sitio, o bien: podman image prune' };
  return freeBytes < DISK_BYTES_BROKEN ? broken('disk', found, remedy) : warn('disk', found, remedy);
}

async function programCheck(instance: Instance, program: ProgramName): Promise<Check> {
  const files = instanceFiles(instance);
  const { supervisor, child } = await supervisedState(files.supervisors, program);
  if (child !== null) return ok(program, { en: `runs (pid ${child.pid})`, es: `en marcha (pid ${child.pid})` });
  if (supervisor === null) return broken(program, { en: 'does not run', es: 'parado' }, both('darsena up'));
  const words = await lastWords(files.log(program));
  return broken(
    program,
    { en: `keeps ending: ${words}`, es: `termina una y otra vez: ${words}` },
    both(`darsena logs ${program}`),
  );
}

async function criCheck(instance: Instance): Promise<Check> {
  const engine = openCri(instance);
  try {
    const { name, version } = await engine.facts();
    return ok('engine', both(`${name} ${version} (CRI)`));
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    if (why.includes('EACCES'))
      return warn(
        'engine',
        { en: 'only root can ask it', es: 'solo root puede preguntarle' },
        both('sudo darsena doctor'),
      );
    return broken('engine', both(why), { en: 'start the CRI server', es: 'arrancar el servidor CRI' });
  } finally {
    engine.close();
  }
}

async function podmanCheck(instance: Instance): Promise<Check> {
  const { socket } = instance.podman;
  const there = await stat(socket).then(
    () => true,
    (error: NodeJS.ErrnoException) => error.code === 'EACCES',
  );
  if (!there)
    return broken('engine', { en: `${socket} is not there`, es: `no existe ${socket}` }, both('darsena logs agent'));
  const answer = await new Promise<string | null>((resolve) => {
    const call = httpRequest({ socketPath: socket, path: '/libpod/_ping', timeout: ANSWER_TIMEOUT_MS }, (response) => {
      response.resume();
      resolve(response.statusCode === 200 ? null : `HTTP ${response.statusCode}`);
    });
    call.on('timeout', () => call.destroy(new Error('no answer')));
    call.on('error', (error) => resolve(error.message));
    call.end();
  });
  if (answer === null) {
    return ok('engine', both((await podmanVersion()) ?? 'Podman'));
  }
  if (answer.includes('EACCES')) {
    return warn(
      'engine',
      { en: 'only root can ask it', es: 'solo root puede preguntarle' },
      both('sudo darsena doctor'),
    );
  }
  return broken(
    'engine',
    { en: `does not answer: ${answer}`, es: `no responde: ${answer}` },
    both('darsena logs agent'),
  );
}

/** The doors that people and engines come through: console, registry, edge; by TLS with our own authority. */
async function doorChecks(instance: Instance, clock: Clock): Promise<Check[]> {
  const authority = await readAuthority(instance);
  if (authority === null) {
    return [
      broken(
        'authority',
        { en: 'no certificate is published', es: 'no hay certificado publicado' },
        both('darsena up'),
      ),
    ];
  }
  const checks: Check[] = [];
  const { ports } = instance;
  for (const [name, port, path, wanted] of [
    ['console', ports.console, '/', [200, 302, 304]],
    ['registry', ports.console, '/v2/', [200, 401]],
  ] as const) {
    const answer = await ask(port, path, authority.pem);
    if (typeof answer === 'number' && (wanted as readonly number[]).includes(answer)) {
      checks.push(ok(name, { en: `answers on port ${port}`, es: `responde en el puerto ${port}` }));
    } else {
      const holder = await listenerOf(port);
      const seen = `${answer}${holder === null ? '' : `; ${holder}`}`;
      checks.push(
        broken(name, { en: `port ${port}: ${seen}`, es: `puerto ${port}: ${seen}` }, both('darsena logs control')),
      );
    }
  }
  checks.push(await certificateCheck('certificate', ports.console, 'localhost', authority.pem, clock));
  const edge = await certificateCheck(
    'edge-certificate',
    ports.edgeHttps,
    `doctor.${instance.domain}`,
    authority.pem,
    clock,
  );
  checks.push(edge);
  return checks;
}

async function certificateCheck(
  name: string,
  port: number,
  servername: string,
  ca: string,
  clock: Clock,
): Promise<Check> {
  const answer = await new Promise<X509Certificate | string>((resolve) => {
    const socket: TLSSocket = connect({ host: '127.0.0.1', port, servername, ca, timeout: ANSWER_TIMEOUT_MS }, () => {
      const certificate = socket.getPeerX509Certificate();
      resolve(certificate ?? 'no certificate');
      socket.destroy();
    });
    socket.on('timeout', () => socket.destroy(new Error('no answer')));
    // Of what OpenSSL says the reason is for people, and not where in its sources it stands.
    socket.on('error', (error) => resolve((error as { reason?: string }).reason ?? error.message));
  });
  const program = name === 'certificate' ? 'control' : 'edge';
  if (typeof answer === 'string') {
    const holder = await listenerOf(port);
    const seen = `${answer}${holder === null ? '' : `; ${holder}`}`;
    return broken(
      name,
      { en: `port ${port}: ${seen}`, es: `puerto ${port}: ${seen}` },
      both(`darsena logs ${program}`),
    );
  }
  const days = Math.floor((answer.validToDate.getTime() - clock.now().getTime()) / DAY_MS);
  const found = { en: `valid for ${days} more days`, es: `válido ${days} días más` };
  return days < CERTIFICATE_DAYS_LOW ? warn(name, found, both(`darsena logs ${program}`)) : ok(name, found);
}

async function ask(port: number, path: string, ca: string): Promise<number | string> {
  return new Promise((resolve) => {
    const call = httpsRequest(
      { host: '127.0.0.1', port, path, ca, servername: 'localhost', timeout: ANSWER_TIMEOUT_MS, agent: false },
      (response) => {
        response.resume();
        resolve(response.statusCode ?? 0);
      },
    );
    call.on('timeout', () => call.destroy(new Error('no answer')));
    call.on('error', (error) => resolve(error.message));
    call.end();
  });
}

function textOf(adaptations: readonly { code: string; text: Text }[], ...codes: string[]): Text {
  return adaptations.find(({ code }) => codes.includes(code))?.text ?? both('-');
}
function ok(name: string, found: Text): Check {
  return { name, state: 'ok', found, remedy: null };
}
function warn(name: string, found: Text, remedy: Text | null): Check {
  return { name, state: 'warn', found, remedy };
}
function broken(name: string, found: Text, remedy: Text | null): Check {
  return { name, state: 'broken', found, remedy };
}
