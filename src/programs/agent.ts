import { mkdir, readFile } from 'node:fs/promises';
import { availableParallelism, hostname, machine, release, totalmem, version } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import {
  BoundParts,
  ContentFiles,
  EMPTY_MEMORY,
  type MemoryStore,
  type PlanMemory,
  parseWantedState,
  parseWantedWorkload,
  Reconciler,
  readUsage,
  realProbes,
} from '../deploy/engines/local/index.ts';
import type { WantedWorkload, WorkloadStatus } from '../deploy/index.ts';
import {
  benchHost,
  gatherFacts,
  HostFeed,
  localPatchHost,
  MODULE_LOOK_MS,
  MODULE_TELL_MS,
  ModuleKeeper,
  ModuleWatch,
  restoreLivePatches,
} from '../host/index.ts';
import { NameServer, ResolverUpstream } from '../network/index.ts';
import { KernelShut } from '../observe/index.ts';
import { AgeClock, createLog, Fault, type Json, type Log, type Text, writeFileAtomic } from '../system/index.ts';
import { type SignedRecord, verifyRecord } from '../trust/index.ts';
import { createTools, FormatAsks, HostVolumes } from '../volumes/index.ts';
import { showActivity } from './agent/activity.ts';
import { Builder } from './agent/builder.ts';
import { BuilderKey } from './agent/builder-key.ts';
import { CallProfiles } from './agent/call-profile.ts';
import { contain, Isolations, probesBesideIsolation } from './agent/contain.ts';
import { CoverageWord } from './agent/coverage-word.ts';
import { drill } from './agent/drill/drill.ts';
import { HostEdge } from './agent/edge.ts';
import { RefusalSums } from './agent/edge-refusals.ts';
import { letGoOfFrozen, sweepEvidence, takeEvidence } from './agent/evidence.ts';
import { admittedAs, requireUser } from './agent/exec-user.ts';
import { FlowReport } from './agent/flow-report.ts';
import { askPodman, openHostEngine, requireHas } from './agent/host-engine.ts';
import { hostLimitFault, requireAllowed } from './agent/host-limits.ts';
import { HostTrust } from './agent/host-trust.ts';
import { hostIdentity, keepIdentity } from './agent/join.ts';
import { KeptEvents } from './agent/kept-events.ts';
import { askKept, askLast, keptFault } from './agent/kept-question.ts';
import { changePatch } from './agent/kernel-patches.ts';
import { changeShield, shieldKeeper, startFilter } from './agent/kernel-shield.ts';
import { killInContainer } from './agent/kill.ts';
import { ControlLink } from './agent/link-client.ts';
import { engineEnvironment, ownContainerIds } from './agent/own-container.ts';
import { PinnedControl } from './agent/pinned-control.ts';
import { RootlessSockets } from './agent/pod-sockets.ts';
import { Prevention } from './agent/prevention.ts';
import { restartHost } from './agent/restart.ts';
import { type SensorContainer, SensorServer } from './agent/sensor-server.ts';
import { SensorWatch } from './agent/sensor-watch.ts';
import { type AddedContainer, answerAbout, runSession } from './agent/sessions.ts';
import { AlertSpool } from './agent/spool.ts';
import { HostStartGate, type StartEvidence } from './agent/start-gate.ts';
import { StrangerWatch } from './agent/stranger-watch.ts';
import { Tasks } from './agent/tasks.ts';
import { Warden, wardenArguments } from './agent/warden.ts';
import { type HostFacts, type HostTask, type ToAgent, WANTED_TYPE } from './link/protocol.ts';
import { readToAgent } from './link/reader.ts';
import { monotonicNs } from './link/stations.ts';
import { type Instance, instanceFiles, LOOPBACK, readInstance } from './setup/instance.ts';
import { readPidFile, signalProcess } from './setup/processes.ts';

/** Statuses that change together go out together. */
const STATUS_GATHER_MS = 20;
/** The machine is looked at again this often; some tens of milliseconds of reading files, so a millionth of a core. */
const MACHINE_EVERY_MS = 300_000;
/** A look at who talks to whom. */
const FLOWS_EVERY_MS = 30_000;
const GREET_RETRY_MS = 5_000;
/** What was stopped for evidence and did not go on is looked at again: a folder with nothing in it, most of the time. */
const FROZEN_LOOK_MS = 10_000;
/** Evidence has what happened in the container so long before it was stopped, and no more than so much of it. */
const EVENTS_BACK_MS = 15 * 60_000;
const LAST_EVENTS = { most: 5_000, lengthMax: 2 * 1024 * 1024 };
const EVENTS_SETTLE_MS = 300;
/** Whether its certificate nears its end is looked at this often. */
const IDENTITY_LOOK_MS = 12 * 3_600_000;
/** Whether events may be kept is asked of the host's own limits this often. */
const KEEP_LOOK_MS = 30_000;
const CLOCK_LOOK_MS = 60_000;
/** A pull waits so long for control's first word. */
const TOKEN_WAIT_MS = 10_000;
const CACHE_FILE = 'wanted.json';
/** Rules of one's own as control said them last: a sensor that starts while control is away has them too. */
const RULES_FILE = 'rules.json';
/** What may not run in which containers, the same way. */
const PREVENTION_FILE = 'prevention.json';
/** Certificates with their keys and what else control last said about the edge. */
const EDGE_FILE = 'edge.json';
/** Whom this host believes: pinned, not a cache. */
const TRUST_FILE = 'trust-policy.json';
/** What was said last of what the sensor does not see. */
const COVERAGE_FILE = 'coverage.json';

/** What the agent keeps of control's word, so that this host goes on as it should while control is away. */
interface KeptWanted extends StartEvidence {
  readonly record: SignedRecord;
  /** What control's keys said of their successors: the record may be signed by one that is not pinned yet. */
  readonly successions?: readonly SignedRecord[];
}

const { values } = parseArgs({ options: { 'instance-file': { type: 'string' } } });
const instanceFile = values['instance-file'];
if (instanceFile === undefined) throw new Error('usage: agent --instance-file FILE');
const instance = await readInstance(instanceFile);
if (instance === null) throw new Error(`there is no instance at ${instanceFile}`);
await runAgent(instance, createLog('agent'));

/** The agent of one host, until it is told to stop. Everything it starts is wired here, by hand. */
async function runAgent(instance: Instance, log: Log): Promise<void> {
  const files = instanceFiles(instance);
  const host = hostname();
  await mkdir(files.agent.folder, { recursive: true, mode: 0o700 });
  const clock = await AgeClock.open(join(files.agent.folder, 'clock.json'), { log });

  const signer = await BuilderKey.open(files.agent.folder);
  const joining = {
    folder: files.agent.folder,
    host,
    caPath: files.ca,
    tokenPath: files.control.joinToken,
    port: instance.ports.agents,
    address: LOOPBACK,
    ...{ clock, log },
  };
  const identity = await joinWhenPossible(() => hostIdentity(joining));
  const control = new PinnedControl(identity.verdictKeyPem, identity.formerVerdictKeyPems);
  const trust = await HostTrust.open(join(files.agent.folder, TRUST_FILE), { host, builder: signer, control });
  const gate = new HostStartGate({
    clock,
    log,
    verdictKey: () => control.standing,
    trust: () => trust.policy,
  });
  const builder = new Builder({ instance, host, clock, caPem: identity.ca, key: () => signer.key });
  // A build that was cut off may be the last one for long: what it left holds room, and perhaps a secret.
  void builder.sweep().catch((error: unknown) => log.warn({ err: error }, 'what a build left could not be removed'));

  const shieldFeed = new HostFeed(localPatchHost, files.agent.folder);
  // The kernel is the machine's: who has no root changes nothing of it.
  const shut = instance.mode === 'root' ? new KernelShut() : null;
  const shield = shieldKeeper(clock, shieldFeed, shut);
  const modules = new ModuleKeeper(localPatchHost, () => clock.now().toISOString(), shut);
  const moduleWatch = new ModuleWatch(localPatchHost, instance.name);
  const { engine, ...service } = await openHostEngine({
    ...{ instance, log, clock },
    tightenSeccomp: (own, calls) =>
      // A person's own platform changes nothing of the host, and has no records of a shield.
      startFilter(instance.mode === 'root' ? shield : null, join(instance.run, 'agent', 'seccomp'), own, calls),
  });

  const registryAddress = `${LOOPBACK}:${instance.ports.console}`;
  const firstToken = Promise.withResolvers<void>();
  let registryToken = '';
  let revision = 0;
  /** As it lies on disk. */
  let pinned = identity;
  /** Counts connections: an older greeting is not gone on with. */
  let greetings = 0;
  let followed: readonly WantedWorkload[] = [];
  /** Why the last trust policy was not followed: said once, not with every wanted state. */
  let trustRefused = '';
  const statuses = new Map<string, WorkloadStatus>();
  let statusScheduled = false;
  let machineTold = '';
  let [modulesTold, modulesToldMs] = ['', 0];
  /** The container of a drill, while there is one. */
  let drilled: SensorContainer | null = null;

  const link = new ControlLink({
    address: {
      host: LOOPBACK,
      port: instance.ports.agents,
      ca: identity.ca,
      cert: identity.certificatePem,
      key: identity.privateKeyPem,
    },
    log,
    onMessage: (message) => {
      hear(message).catch((error: unknown) => {
        log.error({ err: error, type: message.type }, 'a message of control could not be followed');
        if (message.type === 'wanted') link.send({ type: 'wanted-refused', why: whyRefused(error) });
      });
    },
    onConnected: () => void greetUntilTold(),
    onLost: () => tasks.cancelAll(),
  });
  const spool = await AlertSpool.open(join(files.agent.folder, 'alerts'), {
    log,
    send: (alert, stations) => link.send({ type: 'alert', alert, stations: [...stations, monotonicNs()] }),
    isBehind: () => link.behind,
  });
  const kept = await KeptEvents.open({ folder: join(files.agent.folder, 'kept'), clock, log });
  const coverage = await CoverageWord.open(join(files.agent.folder, COVERAGE_FILE), (alert) => spool.add(alert, []));
  // Before the sensor can connect, which says at once that it is there.
  const sensorWatch = new SensorWatch({
    log,
    raise: (alert) => spool.add(alert, []),
    onSilent: (sinceMs) => sensor.setSilent(sinceMs),
    end: async () => {
      const id = await readPidFile(join(files.supervisors, 'sensor.pid'));
      if (id === null) throw new TypeError('its supervisor wrote down no sensor that runs');
      signalProcess(id.pid, 'SIGKILL');
    },
  });
  const sensor = await SensorServer.listen(files.sensor.socket, {
    log,
    onAlert: (alert, stations) => spool.add(alert, stations),
    onState: (state) => link.send({ type: 'sensor', sensor: state }),
    onCoverage: (missing) =>
      void coverage
        .take(missing)
        .catch((error: unknown) => log.error({ err: error }, 'what the sensor does not see could not be remembered')),
    onBlind: (from, to, kept) =>
      link.send({
        type: 'fact',
        kind: 'sensor.blind',
        subject: host,
        project: null,
        digest: null,
        body: { from, to, kept },
      }),
    onKept: (batch) => kept.add(batch),
    onGuarded: (reach) => prevention.kernelReaches(reach),
    onStrangers: (ids) => strangers.sensorSaw(ids),
    onHeard: () => sensorWatch.heard(),
    onGone: () => sensorWatch.gone(),
  });
  const prevention = new Prevention({
    setGuards: (guards) => sensor.setGuards(guards),
    setWarden: (words) => warden.set(words),
    raise: (alert) => spool.add(alert, []),
    tell: (state) => link.send({ type: 'guards', prevention: state }),
    labelsOf: ({ project, environment, workload }) =>
      followed.find(({ key }) => key.project === project && key.environment === environment && key.name === workload)
        ?.pod.labels ?? {},
  });
  const warden = new Warden({
    log,
    argv: wardenArguments(instance.code, process.execPath, files.sensor.pins),
    environment: { PATH: process.env['PATH'] ?? '/usr/bin:/bin', MALLOC_ARENA_MAX: '1' },
    onMessage: (message) => prevention.hear(message),
    onGone: () => prevention.wardenGone(),
  });
  const strangers = new StrangerWatch({
    log,
    supervisors: instanceFiles(instance).supervisors,
    ownIds: () => ownContainerIds(instance, engine),
    tell: (found) => link.send({ type: 'strangers', strangers: found }),
  });
  const refusals = new RefusalSums((items) => link.send({ type: 'edge-refused', items }));
  const edge = new HostEdge({
    instance,
    log,
    clock,
    onState: (state) => link.send({ type: 'edge', ...state }),
    onRequest: (entry) => refusals.add(entry),
  });

  const engineEnv = engineEnvironment(instance);
  let namesAway = false;
  const names = new NameServer({
    upstream: new ResolverUpstream(),
    log,
    open: (pod, set, addresses, seconds) => reconciler.openAddresses(pod, set, addresses, seconds),
    onUpstream: (isAway) => {
      namesAway = isAway;
      log.warn({ isAway }, 'the resolvers of this host');
      link.send({ type: 'names', isAway });
    },
    // The networks of an ordinary user's pods are out of the host's sight.
    ...(instance.mode === 'rootless' ? { sockets: new RootlessSockets(engineEnv) } : {}),
  });

  // Files of an ordinary account's containers belong to numbers that only its own namespace shows.
  const tools = createTools(instance.mode === 'rootless', engineEnv);
  const formatAsks = new FormatAsks({ send: (ask) => link.send(ask), clock });
  const volumes = new HostVolumes({
    ...{ instance: instance.name, host, engine, clock, log, folder: files.agent.folder, env: engineEnv },
    podman: (args) => askPodman(instance, engine, args),
    tools,
    allowedFile: files.agent.storage,
    run: files.agent.run,
    rootless: instance.mode === 'rootless',
    askFormat: formatAsks.ask,
    onLost: (volume) => reconciler.fence(volume),
  });

  const reconciler: Reconciler = new Reconciler({
    instance: instance.name,
    engine,
    clock,
    log,
    gate,
    askProbe: probesBesideIsolation(
      realProbes(engine, async () => (await engine.facts()).rootless),
      instance,
      engine,
    ),
    contents: new ContentFiles(join(instance.run, 'agent', 'content'), tools.run),
    runWithNumbers: tools.run,
    credentials: async () => {
      // Right after a start control has not spoken yet; a pull without a token would only fail and back off.
      if (registryToken === '') await Promise.race([firstToken.promise, clock.sleep(TOKEN_WAIT_MS)]);
      return registryToken === '' ? null : { address: registryAddress, username: 'host', password: registryToken };
    },
    onStatus: (status) => {
      const { project, environment, name } = status.key;
      statuses.set(`${project}/${environment}/${name}`, status);
      scheduleStatuses();
    },
    onGone: ({ project, environment, name }) => {
      statuses.delete(`${project}/${environment}/${name}`);
      sendStatuses(true);
    },
    onEndpoints: (services) => edge.setEndpoints(services),
    beforeStop: (pod) => edge.drained(pod),
    memory: planMemory(join(files.agent.folder, 'plan.json')),
    storage: volumes,
    names,
    ...(process.getuid?.() === 0 ? { parts: new BoundParts(join(instance.run, 'agent', 'parts')) } : {}),
    readUsage: (container) => readUsage(container),
    node: { node: hostname(), capacity: { cpuMillis: availableParallelism() * 1000, memoryBytes: totalmem() } },
  });
  const profiles = new CallProfiles({ sensor, engine, containers: () => containersOf(statuses.values()) });
  const isolations = new Isolations(join(files.agent.folder, 'isolations.json'));
  const tasks = new Tasks({ run: runTask, send: (message) => link.send(message), log });

  const flows = new FlowReport({
    read: () => reconciler.flows(),
    send: (list) => link.send({ type: 'flows', flows: list }),
    file: join(files.agent.run, 'flows-told.json'),
    log,
  });

  await sweepEvidence(join(files.agent.folder, 'evidence')).catch((error: unknown) =>
    log.error({ err: error }, 'what a look for evidence left could not be removed'),
  );
  const letGo = await letGoOfFrozen(join(files.agent.folder, 'evidence'), instance, log);
  await restorePatches();
  await volumes.start();
  await adoptKeptRules();
  await adoptKeptPrevention();
  await adoptKeptEdge();
  await adoptKept();
  reconciler.start();
  if (instance.sensor) sensorWatch.start();
  // What others run is the whole machine's matter, which an ordinary user's platform does not see; a server of the Container
  // Runtime Interface does not tell which of its sandboxes are ours in a way that this looks for.
  if (instance.mode === 'root' && instance.cri === undefined) strangers.start();
  await keepIfAllowed();
  const lookingAtLimits = setInterval(() => void keepIfAllowed(), KEEP_LOOK_MS);
  lookingAtLimits.unref();
  const lookingAtClock = setInterval(() => void clock.tick(), CLOCK_LOOK_MS);
  lookingAtClock.unref();
  const looking = setInterval(() => tellMachine(false), MACHINE_EVERY_MS);
  looking.unref();
  const lookingAtModules = setInterval(() => void tellModules(), MODULE_LOOK_MS);
  lookingAtModules.unref();
  const lookingAtIdentity = setInterval(() => void renewIdentity(), IDENTITY_LOOK_MS);
  lookingAtIdentity.unref();
  const lookingAtFrozen = setInterval(() => void lookAtFrozen(), FROZEN_LOOK_MS);
  lookingAtFrozen.unref();
  flows.start(FLOWS_EVERY_MS);
  refusals.start(FLOWS_EVERY_MS);
  const linking = link.run();
  log.info({ instance: instance.name, host }, 'agent ready');

  await new Promise<void>((resolve) => {
    process.once('SIGTERM', resolve);
    process.once('SIGINT', resolve);
  });
  // Pods go on: conmon holds them, and the next agent adopts them by their labels.
  flows.stop();
  clearInterval(lookingAtModules);
  clearInterval(lookingAtFrozen);
  clearInterval(lookingAtLimits);
  clearInterval(lookingAtClock);
  await moduleWatch
    .close()
    .catch((error: unknown) => log.warn({ err: error }, 'tracing of modules could not be ended'));
  refusals.stop();
  strangers.stop();
  sensorWatch.stop();
  warden.close();
  volumes.stop();
  tasks.cancelAll();
  await reconciler.stop();
  link.close();
  await linking;
  sensor.close();
  await spool.close();
  edge.close();
  names.close();
  service.close();
  process.exit(0);

  async function hear(message: ToAgent): Promise<void> {
    switch (message.type) {
      case 'welcome':
        registryToken = message.registryToken;
        firstToken.resolve();
        return;
      case 'edge-settings': {
        const { type: _type, ...order } = message;
        edge.setOrder(order);
        await writeFileAtomic(join(files.agent.folder, EDGE_FILE), JSON.stringify(message), { mode: 0o600 });
        return;
      }
      case 'registry-token':
        registryToken = message.token;
        return;
      case 'volume-keys':
        volumes.setKeys(message);
        return;
      case 'format-answer':
        formatAsks.answered(message);
        return;
      case 'rules': {
        sensor.setRules(message);
        await writeFileAtomic(join(files.agent.folder, RULES_FILE), JSON.stringify(message), { mode: 0o600 });
        return;
      }
      case 'prevention': {
        const { type: _type, ...order } = message;
        if (instance.mode === 'root') prevention.follow(order);
        await writeFileAtomic(join(files.agent.folder, PREVENTION_FILE), JSON.stringify(message), { mode: 0o600 });
        return;
      }
      case 'wanted': {
        await followControl(message.successions);
        await followTrust(message.trust);
        const { record, verdicts, signatures, successions } = message;
        const kept: KeptWanted = { record, verdicts, signatures, successions };
        follow(kept);
        await writeFileAtomic(join(files.agent.folder, CACHE_FILE), JSON.stringify(kept), { mode: 0o600 });
        await keepControl();
        return;
      }
      case 'task':
        tasks.start(message.id, message.task);
        return;
      case 'cancel':
        tasks.cancel(message.id);
        return;
      case 'alert-stored':
        spool.stored(message.id);
        return;
      case 'alert-refused':
        log.error({ alert: message.id }, 'control cannot read an alert; it is not sent again');
        spool.stored(message.id);
        return;
      case 'ping':
        return;
    }
  }

  /** Takes a wanted state over, if control's pinned key signed it and it is not older than what is followed. */
  function follow(kept: KeptWanted): void {
    const wanted = parseWantedState(verifyRecord(kept.record, [control.standing], WANTED_TYPE));
    if (wanted.revision < revision) {
      log.warn({ revision: wanted.revision, followed: revision }, 'an older wanted state was not followed');
      return;
    }
    revision = wanted.revision;
    followed = wanted.workloads;
    gate.setEvidence(kept);
    edge.setPublished(wanted.routes, wanted.listeners ?? []);
    reconciler.setWanted(wanted);
  }

  /** Takes over the key that the pinned one named to follow it, where this host lets control say whom it believes. */
  async function followControl(successions: readonly SignedRecord[]): Promise<void> {
    // Asked of a copy first: what this host does not allow must leave no trace.
    if (!new PinnedControl(control.standing.pem).follow(successions)) return;
    await requireAllowed('trust', files.agent.hostLimits);
    control.follow(successions);
    trust.keysChanged();
    log.info({ key: control.standing.id.slice(0, 16) }, 'control signs with another key, named by the former one');
  }

  /** A host that runs for a year must not lose control over the end of its certificate. */
  async function renewIdentity(): Promise<void> {
    try {
      const { certificatePem, privateKeyPem } = await hostIdentity(joining);
      if (certificatePem === pinned.certificatePem) return;
      // Whom it believes is changed by what the believed key says, not by joining again.
      pinned = { ...pinned, certificatePem, privateKeyPem };
      await keepIdentity(files.agent.folder, pinned);
      link.renew({ cert: certificatePem, key: privateKeyPem });
      log.info({ host }, 'this host has a new certificate');
    } catch (error) {
      log.warn({ err: error }, 'the certificate of this host could not be renewed');
    }
  }

  /** After what that key signed is written down: with what was said of it, either alone is enough after a crash. */
  async function keepControl(): Promise<void> {
    const [standing, ...former] = control.keys;
    if (standing.pem === pinned.verdictKeyPem) return;
    pinned = { ...pinned, verdictKeyPem: standing.pem, formerVerdictKeyPems: former.map(({ pem }) => pem) };
    await keepIdentity(files.agent.folder, pinned);
  }

  /** A trust policy that may not be followed leaves the pinned one standing; what is wanted is judged by that one. */
  async function followTrust(record: SignedRecord): Promise<void> {
    try {
      await requireAllowed('trust', files.agent.hostLimits);
      await trust.follow(record);
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      const why = whyRefused(error);
      if (why.en === trustRefused) return;
      trustRefused = why.en;
      log.warn({ err: error.message }, 'a trust policy of control was not followed');
      const body = { why: { en: why.en, es: why.es } };
      link.send({ type: 'fact', kind: 'trust.policy-refused', subject: host, project: null, digest: null, body });
    }
  }

  /** Goes on with what control said last, while control is away. */
  async function adoptKept(): Promise<void> {
    try {
      const kept = JSON.parse(await readFile(join(files.agent.folder, CACHE_FILE), 'utf8')) as KeptWanted;
      await followControl(kept.successions ?? []);
      follow(kept);
      await keepControl();
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
      log.warn({ err: error }, 'the kept wanted state cannot be used; waiting for control');
    }
  }

  /** The host's own limits say whether events are kept; without questions there is no reason to. */
  async function keepIfAllowed(): Promise<void> {
    const isAllowed = await requireAllowed('kept-rules', files.agent.hostLimits).then(
      () => true,
      (error: unknown) => {
        if (!(error instanceof Fault)) throw error;
        return false;
      },
    );
    sensor.setKeeping(isAllowed);
    try {
      await (isAllowed ? kept.tidy() : kept.forget());
    } catch (error) {
      // A disk that fails must not end what keeps the host's pods.
      log.warn({ err: error }, 'kept events could not be removed');
    }
  }

  async function adoptKeptRules(): Promise<void> {
    try {
      const kept = readToAgent(JSON.parse(await readFile(join(files.agent.folder, RULES_FILE), 'utf8')));
      if (kept.type === 'rules') sensor.setRules(kept);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
      log.warn({ err: error }, 'the kept rules cannot be used; waiting for control');
    }
  }

  async function adoptKeptPrevention(): Promise<void> {
    try {
      const kept = readToAgent(JSON.parse(await readFile(join(files.agent.folder, PREVENTION_FILE), 'utf8')));
      if (kept.type === 'prevention' && instance.mode === 'root')
        prevention.follow({ revision: kept.revision, policies: kept.policies, packages: kept.packages });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
      log.warn({ err: error }, 'the kept prevention policies cannot be used; waiting for control');
    }
  }

  async function adoptKeptEdge(): Promise<void> {
    try {
      const kept = readToAgent(JSON.parse(await readFile(join(files.agent.folder, EDGE_FILE), 'utf8')));
      if (kept.type !== 'edge-settings') return;
      const { type: _type, ...order } = kept;
      edge.setOrder(order);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
      log.warn({ err: error }, 'the kept certificates of the edge cannot be used; waiting for control');
    }
  }

  /** An engine that is busy answers late; control knows nothing of this host until it was told once. */
  async function greetUntilTold(): Promise<void> {
    greetings += 1;
    const own = greetings;
    while (link.connected && own === greetings) {
      try {
        return await greet();
      } catch (error) {
        log.error({ err: error, retryMs: GREET_RETRY_MS }, 'telling control about this host failed');
        await clock.sleep(GREET_RETRY_MS);
      }
    }
  }

  async function greet(): Promise<void> {
    link.send({ type: 'host', facts: await hostFacts() });
    link.send({ type: 'sensor', sensor: sensor.state });
    link.send({ type: 'edge', ...edge.state });
    link.send({ type: 'engine', state: 'ok', detail: null });
    link.send({ type: 'names', isAway: namesAway });
    tellLetGo();
    if (instance.mode === 'root') {
      link.send({ type: 'guards', prevention: prevention.state });
      strangers.tellAgain();
    }
    tellMachine(true);
    modulesTold = '';
    void tellModules();
    sendStatuses(true);
    spool.resend();
  }

  /** What a look for evidence could not let go at once, because the engine did not answer. */
  async function lookAtFrozen(): Promise<void> {
    try {
      letGo.push(...(await letGoOfFrozen(join(files.agent.folder, 'evidence'), instance, log)));
      if (link.connected) tellLetGo();
    } catch (error) {
      log.error({ err: error }, 'what was stopped for evidence could not be looked at');
    }
  }

  function tellLetGo(): void {
    for (const containerId of letGo.splice(0)) {
      log.warn({ container: containerId }, 'a container that a look for evidence had left stopped goes on');
      const body = { containerId };
      link.send({ type: 'fact', kind: 'container.let-go', subject: host, project: null, digest: null, body });
    }
  }

  /** What was mended before the machine was restarted is mended again before any workload starts. */
  async function restorePatches(): Promise<void> {
    await mkdir(join(instance.run, 'agent', 'seccomp'), { recursive: true, mode: 0o755 });
    if (instance.mode !== 'root') return;
    try {
      const { restored, left } = await restoreLivePatches();
      if (restored.length > 0) log.info({ patches: restored }, 'live patches are in force again');
      for (const { name, why } of left) log.warn({ patch: name, why: why.en }, 'a live patch was left alone');
    } catch (error) {
      log.error({ err: error }, 'live patches could not be brought back');
    }
    await shieldFeed.open();
    try {
      await shield.restore();
    } catch (error) {
      log.error({ err: error }, 'the shield could not be set again');
    }
    try {
      await modules.restore();
    } catch (error) {
      log.error({ err: error }, 'what is kept out of the kernel could not be set again');
    }
  }

  /** What this machine is, when control does not know it yet or something of it is another. */
  function tellMachine(isFirst: boolean): void {
    const facts = gatherFacts(
      '/',
      { release: release(), version: version(), machine: machine(), host },
      clock.now().toISOString(),
    );
    const { gatheredAt: _at, uptimeSeconds: _up, ...rest } = facts;
    const told = JSON.stringify(rest);
    if (!isFirst && told === machineTold) return;
    machineTold = told;
    link.send({ type: 'machine', facts: { ...facts, host } });
  }

  /** Which modules are there and in use: when that is another than what control was told, and so that it knows them there still. */
  async function tellModules(): Promise<void> {
    if (instance.mode !== 'root' || !link.connected) return;
    try {
      const sight = await moduleWatch.look();
      if (sight === null) return;
      const told = JSON.stringify(sight.modules);
      const nowMs = clock.now().getTime();
      const isNews = told !== modulesTold || sight.events.length > 0;
      if (!isNews && nowMs - modulesToldMs < MODULE_TELL_MS) return;
      [modulesTold, modulesToldMs] = [told, nowMs];
      link.send({ type: 'modules', sight });
    } catch (error) {
      log.warn({ err: error }, 'the modules of the kernel could not be looked at');
    }
  }

  async function hostFacts(): Promise<HostFacts> {
    const facts = await engine.facts();
    return {
      name: host,
      mode: instance.mode,
      kernel: { release: release(), version: version() },
      engine: {
        ...{ name: facts.name, version: facts.version, runtime: instance.runtime, rootless: facts.rootless },
        runtimes: facts.runtimes.map(({ name, missing }) => ({ name, missing })),
        lacks: facts.lacks ?? {},
      },
      cgroup: instance.cgroup,
      adaptations: instance.adaptations,
      builderKey: signer.key.publicKeyPem,
    };
  }

  function scheduleStatuses(): void {
    if (statusScheduled) return;
    statusScheduled = true;
    setTimeout(() => {
      statusScheduled = false;
      sendStatuses(false);
    }, STATUS_GATHER_MS);
  }

  /** Whom the sensor watches. */
  function watched(): SensorContainer[] {
    return [...containersOf(statuses.values()), ...(drilled === null ? [] : [drilled])];
  }

  function sendStatuses(whole: boolean): void {
    sensor.setContainers(watched());
    profiles.look();
    const own = containersOf(statuses.values());
    prevention.setContainers(own);
    strangers.knowOwn(own.map(({ id }) => id));
    link.send({ type: 'status', revision, workloads: [...statuses.values()], whole });
  }

  async function runTask(
    task: HostTask,
    context: { step: import('../progress/index.ts').StepHandle; signal: AbortSignal },
  ): Promise<Json> {
    await requireAllowed(task.kind, files.agent.hostLimits);
    switch (task.kind) {
      case 'build':
        return builder.build(task, link.download(task.sourceId), context);
      case 'base':
        return builder.base(task, context);
      case 'kill':
        return killInContainer(task, instance, engine);
      case 'foreign-stop':
        return strangers.stopOne(task.id, task.started);
      case 'stop':
        requireOwn(task.containerId);
        await engine.stopContainer(task.containerId, task.graceSeconds);
        return null;
      case 'kernel-shield':
        try {
          return await changeShield(task, { keeper: shield, feed: shieldFeed, trust: trust.policy, clock });
        } finally {
          tellMachine(false);
        }
      case 'profile':
        if (task.step === 'test') {
          // A command in a container, whatever it is for.
          await requireAllowed('exec', files.agent.hostLimits);
          requireOwn(task.containerId);
        }
        return profiles.do(task, context.signal);
      case 'host-reboot':
        return restartHost(task);
      case 'kernel-modules':
        try {
          return JSON.parse(JSON.stringify(await modules.do(task))) as Json;
        } finally {
          tellMachine(false);
        }
      case 'bench':
      case 'bench-fix':
        try {
          return JSON.parse(JSON.stringify(await benchHost(task, clock.now().toISOString()))) as Json;
        } finally {
          if (task.kind === 'bench-fix') tellMachine(false);
        }
      case 'kernel-patch':
        try {
          const registry = { host: registryAddress, ca: identity.ca, token: registryToken };
          return await changePatch(task, { registry, trust: trust.policy, clock });
        } finally {
          // Control learns what is in force now before it hears the end of the task.
          tellMachine(false);
        }
      case 'edge-log':
        return edge.readLog(task) as unknown as Json;
      case 'volume':
        return volumes.run(task, context.signal);
      case 'contain':
        if (task.action === 'pause') await requireHas(engine, 'pause');
        // One that is held for a copy is paused already: what counts is what is said of it now, once the copy is over.
        if (task.action === 'pause' || task.action === 'unpause') {
          if (await volumes.keepPaused(task.containerId, task.action === 'pause')) return { changed: true };
        }
        return contain(task, instance, isolations, engine);
      case 'builder-key':
        await signer.rotate();
        trust.keysChanged();
        link.send({ type: 'host', facts: await hostFacts() });
        return { publicKeyPem: signer.key.publicKeyPem };
      case 'evidence':
        await requireHas(engine, 'evidence');
        return takeEvidence(task, {
          ...{ instance, host, clock, key: signer.key, folder: join(files.agent.folder, 'evidence') },
          openSession: (session) => link.openSession(session),
          flushEvents: () => void sensor.flushKept(),
          lastEvents: async (containerId, untilMs) => {
            if (sensor.state.state === 'absent' || !sensor.keepsEvents) return null;
            // What was asked for when it was stopped is here by now; the disk may have it a moment later.
            await clock.sleep(EVENTS_SETTLE_MS);
            await kept.settled();
            const last = { containerId, untilMs, sinceMs: untilMs - EVENTS_BACK_MS, ...LAST_EVENTS };
            return askLast(last, join(files.agent.folder, 'kept'), context.signal);
          },
        });
      case 'activity': {
        const stream = await link.openSession(task.session);
        try {
          await showActivity(stream, task, sensor);
        } finally {
          stream.destroy();
        }
        return null;
      }
      case 'kept-rules':
        if (sensor.state.state === 'absent') throw keptFault('agent.nothing-kept');
        await kept.settled();
        return askKept(task, { folder: join(files.agent.folder, 'kept'), ...sensor.rulesInForce }, context.signal);
      case 'drill':
        await requireHas(engine, 'drill');
        return drill(task, {
          instance,
          folder: join(files.agent.folder, 'drill'),
          watch: (container) => {
            drilled = container;
            sensor.setContainers(watched());
          },
        });
      case 'stats':
        // One that ended since control was told of it is nothing to fail for.
        return answerAbout({ ...task, containerIds: task.containerIds.filter(isOwn) }, engine);
      case 'top':
      case 'diff':
        requireOwn(task.containerId);
        return answerAbout(task, engine);
      case 'exec':
      case 'logs':
      case 'attach':
      case 'debug':
      case 'copy-out':
      case 'copy-in':
      case 'forward': {
        requireOwn(task.containerId);
        if (task.kind === 'exec' && task.user !== null) requireUser(task.user, task.containerId, statuses, followed);
        const terminal = admittedAs(task.containerId, statuses, followed)?.terminal === true;
        const joined = (id: string): void => reconciler.join(id);
        await runSession(await link.openSession(task.session), engine, task, { log, terminal, joined, add });
        return null;
      }
    }
  }

  async function add(order: Extract<HostTask, { kind: 'debug' }>): Promise<AddedContainer> {
    const workload = parseWantedWorkload(order.workload);
    const { verdicts, signatures } = order;
    const id = await reconciler.addEphemeral(order.containerId, workload, (start) =>
      gate.checkOnce(start, { verdicts, signatures }),
    );
    const terminal = workload.pod.containers[0]?.terminal === true;
    return { id, terminal, remove: () => reconciler.removeEphemeral(id) };
  }

  /** Control may ask for sessions with this instance's containers, not with whatever else runs on the host. */
  function requireOwn(containerId: string): void {
    if (!isOwn(containerId)) throw hostLimitFault('agent.foreign-container', { container: containerId.slice(0, 12) });
  }

  function isOwn(containerId: string): boolean {
    return [...statuses.values()].some(({ replicas }) =>
      replicas.some(({ containers }) => containers.some(({ id }) => id === containerId)),
    );
  }

  /** Control may come up after the agent: waits for it, and says so once. */
  async function joinWhenPossible<T>(join: () => Promise<T>): Promise<T> {
    for (let wait = 200; ; wait = Math.min(wait * 2, 5_000)) {
      try {
        return await join();
      } catch (error) {
        log.warn({ err: error instanceof Fault ? error.message : error, retryMs: wait }, 'not joined yet');
        await clock.sleep(wait);
      }
    }
  }
}

/** Why what control sent is not followed, in both languages. */
function whyRefused(error: unknown): Text {
  if (!(error instanceof Fault)) {
    const why = error instanceof Error ? error.message : String(error);
    return { en: why, es: why };
  }
  const say = (language: 'en' | 'es'): string => {
    const { what, why } = error.text(language);
    return why === undefined ? what : `${what}: ${why}`;
  };
  return { en: say('en'), es: say('es') };
}

function planMemory(path: string): MemoryStore {
  return {
    async load() {
      try {
        return JSON.parse(await readFile(path, 'utf8')) as PlanMemory;
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return EMPTY_MEMORY;
        throw error;
      }
    },
    save: (memory) => writeFileAtomic(path, JSON.stringify(memory), { mode: 0o600 }),
  };
}

function containersOf(statuses: Iterable<WorkloadStatus>): SensorContainer[] {
  return [...statuses].flatMap(({ key, replicas }) =>
    replicas.flatMap((replica) =>
      replica.containers.map((container) => ({
        id: container.id,
        name: container.name,
        pid: container.pid,
        project: key.project,
        environment: key.environment,
        workload: key.name,
        pod: replica.name,
        container: container.name,
        image: container.image,
        digest: container.digest,
      })),
    ),
  );
}
