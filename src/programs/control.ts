import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { readFile, rm, statfs } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { hostname, networkInterfaces } from 'node:os';
import { join } from 'node:path';
import type { Duplex, Writable } from 'node:stream';
import { parseArgs } from 'node:util';
import type { Kysely } from 'kysely';
import {
  Access,
  type AccessTables,
  accessFault,
  accessMigrations,
  type CertifyClient,
  createApi,
  createVault,
  FailureThrottle,
  may,
  PLATFORM,
  type Principal,
  Robots,
  registerAccessRoutes,
  registerMachineRoutes,
  sessionCookie,
  signInClient,
  WorkloadIdentity,
} from '../access/index.ts';
import {
  Admit,
  type AdmitTables,
  admitMigrations,
  type Exception,
  HostExceptions,
  hostExceptionState,
  PolicyBook,
  PRESETS_FOLDER,
  readPolicies,
  registerAdmitRoutes,
  registerHostExceptionRoutes,
  stateOf,
} from '../admit/index.ts';
import { AdvisoryStore, isOld, registerAdvisoryRoutes } from '../advisories/index.ts';
import { BaseCatalogue, BuildSecrets, buildMigrations, registerBuildRoutes } from '../build/index.ts';
import {
  AVAILABILITY_LOOK_MS,
  AVAILABILITY_WRITE_MS,
  Availability,
  checkClaims,
  Deployments,
  type DeployTables,
  deployMigrations,
  EnvironmentPolicies,
  findContainer,
  nextCronTime,
  parseCron,
  Quotas,
  Runs,
  registerComparisonRoutes,
  registerDeployRoutes,
  registerEnvironmentRoutes,
  registerQuotaRoutes,
  registerRunRoutes,
  serviceRedirects,
} from '../deploy/index.ts';
import { saidBy } from '../deploy/kubernetes/index.ts';
import { collectImages } from '../deploy/model.ts';
import {
  type DetectTables,
  detectMigrations,
  RuleBook,
  registerKeptRoutes,
  registerRuleRoutes,
} from '../detect/book/index.ts';
import { readShippedRules } from '../detect/index.ts';
import {
  BENCH_TICK_MS,
  Benches,
  type HostTables,
  hostMigrations,
  KernelPatches,
  type KubeClusterSettings,
  KubernetesNodes,
  kubeApi,
  Machines,
  MODULE_LOOK_MS,
  ModuleUse,
  Profiles,
  Reboots,
  ROLLOUT_TICK_MS,
  Rollouts,
  registerBenchRoutes,
  registerHostRoutes,
  registerModuleRoutes,
  registerPatchRoutes,
  registerProfileRoutes,
  registerRebootRoutes,
  registerRolloutRoutes,
  registerShieldRoutes,
  SHIELD_REPOSITORY,
  SHIPPED_FEED,
  Shields,
} from '../host/index.ts';
import { Journal, type JournalTables, journalMigrations, type NewFact } from '../journal/index.ts';
import {
  CertificateOrders,
  Denials,
  describeCertificate,
  type EdgeSettingsOfAll,
  Flows,
  type NetworkTables,
  networkMigrations,
  type OrderTables,
  ownersOfHost,
  readEdgeSettings,
  registerAccessLogRoutes,
  registerAcmeRoutes,
  registerDenialRoutes,
  registerNetworkRoutes,
  registerServedRoutes,
  registerSiteRoutes,
  ServedCertificates,
  type ServedTables,
  type SettingsTables,
  SITE_CHECK_MS,
  Sites,
  signRequest,
  writeEdgeSettings,
} from '../network/index.ts';
import { type Digest, projectOf, REGISTRY_NAME } from '../oci/index.ts';
import {
  PackagesInImages,
  PreventPolicies,
  type PreventTables,
  preventMigrations,
  registerPreventionRoutes,
  Strangers,
} from '../prevent/index.ts';
import { Operations, type ProgressTables, progressFault, progressMigrations, silentStep } from '../progress/index.ts';
import {
  allImages,
  allSubjects,
  createRegistryHandler,
  Registry,
  type RegistryTables,
  registerRegistryRoutes,
  registryMigrations,
} from '../registry/index.ts';
import {
  Casework,
  Drills,
  EvidenceStore,
  Notices,
  Playbooks,
  Quarantines,
  Respond,
  type RespondTables,
  ResponsePolicies,
  registerCaseworkRoutes,
  registerDrillRoutes,
  registerEvidenceRoutes,
  registerNoticeRoutes,
  registerPlaybookRoutes,
  registerRespondRoutes,
  registerResponseRoutes,
  respondMigrations,
} from '../respond/index.ts';
import {
  type ClamdOptions,
  CurrentSecretRules,
  deriveFingerprintKey,
  type HarborRegistry,
  HarborScanner,
  MalwareScanner,
  RuleFiles,
  registerFleetRoutes,
  registerHarborRoutes,
  registerKnowledgeRoutes,
  registerRiskRoutes,
  registerScanRoutes,
  Scans,
  type ScanTables,
  scanMigrations,
  seenCacheIn,
  showDeadlines,
} from '../scan/index.ts';
import { AgeClock, createLog, type Json, type Log, openDatabase, writeFileAtomic } from '../system/index.ts';
import { registerTrustRoutes, Trust, type TrustTables, trustMigrations } from '../trust/index.ts';
import {
  type AskedClaim,
  Copies,
  LOOK_EVERY_MS,
  registerVolumeRoutes,
  Volumes,
  type VolumeTables,
  type VolumeTask,
  volumeMigrations,
} from '../volumes/index.ts';
import { registerActivityRoutes } from './control/activity.ts';
import { AdvisoryPublisher } from './control/advisory-artifact.ts';
import { ADVISORY_CHECK_MS, AdvisoryWork } from './control/advisory-work.ts';
import { registerAssuranceRoutes } from './control/assurance.ts';
import { registerBaseRoutes } from './control/bases.ts';
import { judgeDebug } from './control/debug.ts';
import { createDeeds } from './control/deeds.ts';
import { DeniedPackages, packagesOfImages } from './control/denied-packages.ts';
import { DetectionPath } from './control/detection-path.ts';
import { drillGround } from './control/drill-ground.ts';
import { EventStream, maySeeOperation, type WatchPrincipal } from './control/events.ts';
import { createFleet } from './control/fleet.ts';
import { foreignExaminer } from './control/foreign-images.ts';
import { hostEvidence } from './control/host-evidence.ts';
import { exposedRuntimes } from './control/host-runtimes.ts';
import { HostWatch } from './control/host-watch.ts';
import { Hosts } from './control/hosts.ts';
import { registerInsideRoutes } from './control/inside-routes.ts';
import { createIntake } from './control/intake.ts';
import { JavaNames } from './control/java-names.ts';
import { lookAtHosts, patchStore, patchTrust, rebootGround, runsWorkloads } from './control/kernel-patches.ts';
import { believeBuilder, keyRotation } from './control/key-rotation.ts';
import { loadControlKeys, RENEWAL_CHECK_MS, requireKeys } from './control/keys.ts';
import { certificateOf, listenLocal, listenMutual, listenPublic, STRICT_TRANSPORT } from './control/listeners.ts';
import { imageDeadline, imageDeadlines, wantedMessage } from './control/permissions.ts';
import { Pipeline } from './control/pipeline.ts';
import { registerPlatformRoutes } from './control/platform-routes.ts';
import { firstEnvironment, profileGround, statedProfiles } from './control/profile-ground.ts';
import { publishedAddresses } from './control/published.ts';
import { createReadings } from './control/readings.ts';
import { REGISTRY_WORK_CHECK_MS, ScheduledRegistryWork } from './control/registry-work.ts';
import { startRemotes } from './control/remotes.ts';
import { RESCAN_CHECK_MS, Rescans } from './control/rescans.ts';
import { restartAll } from './control/restart-all.ts';
import { type DebugRequest, openSession, SessionSeats } from './control/sessions.ts';
import { signatureStore } from './control/signature-store.ts';
import { sweepSources } from './control/sources.ts';
import { Statements } from './control/statements.ts';
import { registerConsole } from './control/static.ts';
import { PlatformStatus } from './control/status.ts';
import { claimDatabase, type StoreMarkTables, storeMarkMigrations } from './control/store-mark.ts';
import { describeImages } from './control/thread.ts';
import type { ToAgent } from './link/protocol.ts';
import { monotonicNs } from './link/stations.ts';
import { EVERYWHERE, type Instance, instanceFiles, LOOPBACK, readInstance } from './setup/instance.ts';

type Tables = AccessTables &
  AdmitTables &
  DeployTables &
  DetectTables &
  JournalTables &
  ProgressTables &
  RegistryTables &
  PreventTables &
  RespondTables &
  HostTables &
  NetworkTables &
  ServedTables &
  SettingsTables &
  OrderTables &
  ScanTables &
  StoreMarkTables &
  TrustTables &
  VolumeTables;

const MIGRATIONS = [
  ...journalMigrations,
  ...progressMigrations,
  ...accessMigrations,
  ...registryMigrations,
  ...scanMigrations,
  ...trustMigrations,
  ...admitMigrations,
  ...buildMigrations,
  ...deployMigrations,
  ...respondMigrations,
  ...networkMigrations,
  ...storeMarkMigrations,
  ...hostMigrations,
  ...detectMigrations,
  ...volumeMigrations,
  ...preventMigrations,
];

/** A host's token for pulling; renewed well before its end. */
const HOST_TOKEN_HOURS = 12;
const HOST_TOKEN_RENEW_MS = 4 * 3_600_000;
/** Verdicts that run out are given anew this often. */
const PERMISSIONS_RENEW_MS = 3_600_000;
/** Machines with containers have an address a network; the certificate stays small enough for one TLS record. */
const OWN_ADDRESSES_MAX = 32;
/** Whether the daily drill is due is asked this often. */
const DRILL_CHECK_MS = 30_000;
/** Notices that were not taken are tried again; the first wait is five seconds. */
const NOTICE_CHECK_MS = 2_000;
/** Runs whose people are gone, or that do not start, are looked after this often; what hosts tell is followed at once. */
const RUN_CHECK_MS = 1_000;
/** Deadlines of refused images are told to the minute. */
const GRACE_CHECK_MS = 60_000;
const ROOM_CHECK_MS = 10_000;
/** How far the clock was, beside the rest of the state. */
const CLOCK_FILE = 'clock.json';
/** The name of the person who ran `up`: the first administrator. */
const FIRST_ADMINISTRATOR = 'admin';

const { values } = parseArgs({ options: { 'instance-file': { type: 'string' } } });
const instanceFile = values['instance-file'];
if (instanceFile === undefined) throw new Error('usage: control --instance-file FILE');
const instance = await readInstance(instanceFile);
if (instance === null) throw new Error(`there is no instance at ${instanceFile}`);
await runControl(instance, createLog('control'));

/** The control plane of one instance, until it is told to stop. Every object is made here, once, by hand. */
async function runControl(instance: Instance, log: Log): Promise<void> {
  const files = instanceFiles(instance);
  const clock = await AgeClock.open(join(files.control.folder, CLOCK_FILE), { log });
  const settings = await readSettings(files.control.settings);
  const certified = {
    instance: instance.name,
    domain: instance.domain,
    names: [...new Set(['localhost', hostname(), REGISTRY_NAME, instance.domain])],
    addresses: instance.bind === EVERYWHERE ? ownAddresses() : [LOOPBACK, '::1'],
    clock,
  };
  if (settings.databaseUrl === undefined) await requireKeys(files.control.keys, files.control.database);
  const keys = await loadControlKeys(files.control.keys, certified);
  const opened = await openDatabase<Tables>(settings.databaseUrl ?? `sqlite:${files.control.database}`, MIGRATIONS);
  await claimDatabase(opened.db as unknown as Kysely<StoreMarkTables>, keys.instanceId);
  // Each room sees its own tables; they are one database, so that a fact is in the transaction of its state.
  const db = opened.db as unknown as Kysely<never>;
  const vault = createVault(keys.masterKey);
  const consoleUrl = `https://localhost:${instance.ports.console}`;

  const journal = new Journal({ db, clock, log, checkpointKeyPem: keys.journalKeyPem, keyId: 'journal-1' });
  await journal.continueIds();
  const operations = new Operations({ db, clock, log });
  const access = new Access({ db, journal, clock });
  const watch: WatchPrincipal = (principal, changed) => access.watch(principal, changed);
  const machines = { db, journal, clock, changed: () => access.rightsChanged() };
  const robots = new Robots(machines);
  const identity = new WorkloadIdentity(machines);
  const deployments: Deployments = new Deployments({
    ...{ db, journal, clock, vault },
    projectsOfImages: () => registry.listProjects(),
    runs: () => runs.compositions(),
  });
  const runs: Runs = new Runs({
    ...{ db, journal, clock, vault },
    hosts: {
      statuses: () => deployments.statuses(null),
      announce: () => deployments.announce(),
      async stop(containerId, graceSeconds) {
        await hosts.run({ kind: 'stop', containerId, graceSeconds }, { step: silentStep });
      },
    },
  });
  const advisories = new AdvisoryStore(join(files.control.folder, 'advisories'), clock);
  const ruleFiles = new RuleFiles({ db, journal, clock });
  const secretRules = new CurrentSecretRules(ruleFiles);
  await secretRules.refresh();
  const javaNames = new JavaNames(ruleFiles, settings.javaIndex ?? null, log);
  await javaNames.refresh();
  const malware = new MalwareScanner({
    clock,
    cache: seenCacheIn(db, () => clock.now().toISOString()),
    settings: async () => ({
      clamd: settings.clamd ?? null,
      yara: await ruleFiles.yara(),
      hashes: await ruleFiles.hashes(),
    }),
  });
  const scans = new Scans({
    ...{ db, advisories, journal, clock, malware },
    secrets: { key: deriveFingerprintKey(keys.masterKey), rules: secretRules },
    javaIndex: () => javaNames.current,
    projectRules: (project) => ruleFiles.projectSecretRules(project, secretRules),
  });
  // Facts that the process before this one committed and did not chain are heard of while the rest is still being made.
  let factsChangedMs = 0;
  /** Deadlines have to be worked out again at the next tick. */
  let dueSoon = true;
  let telling: Promise<void> = Promise.resolve();
  const detection = new DetectionPath();
  const status = new PlatformStatus({
    instance,
    clock,
    detection,
    database: settings.databaseUrl === undefined ? 'SQLite' : 'PostgreSQL',
  });
  status.clockDoubted(clock.doubt);

  const intake = createIntake({
    registry: () => registry,
    trust: () => trust,
    admit: () => admit,
    operations,
    report: (digest) => scans.report(digest),
    here: (project, report) => risk.readings.judgeable(project, report),
    baseOf: (report) => risk.baseOf(report),
    async runsIn(project, digest) {
      const active = await deployments.activeReleases();
      return active
        .filter(({ release, composition, stable }) => {
          const workloads = [...composition.workloads, ...(stable?.workloads ?? [])];
          return release.project === project && collectImages(workloads).some((image) => image.endsWith(`@${digest}`));
        })
        .map(({ environment }) => environment.class);
    },
    clock,
    log,
    judged: () => events.status(),
    state: (image, report, how) => statements.scanned(image, report, how),
    async scan({ repository, digest }, step) {
      const stored = await registry.resolve(repository, digest);
      const config = await intake.config(repository, digest);
      if (stored === null || config === null) throw new Error(`${repository}@${digest} is not in the registry`);
      return scans.scan({
        manifestBytes: stored.bytes,
        manifestDigest: digest,
        configBytes: config.bytes,
        content: { open: (layer) => registry.openBlob(layer) },
        progress: step,
        project: projectOf(repository),
        actor: 'platform',
        subject: `${repository}@${digest.slice(0, 19)}`,
      });
    },
  });
  const registry = await Registry.open({
    db,
    root: files.control.blobs,
    journal,
    gate: intake,
    inUse: { list: () => deployments.digestsInUse() },
    serverKey: keys.registryKey,
    onImagePushed: (pushed) => intake.pushed(pushed),
    clock,
    log,
  });
  const repositoriesOf = async (project: string, digest: Digest): Promise<string[]> => {
    const rows = await (opened.db as unknown as Kysely<RegistryTables>)
      .selectFrom('registry_manifests as m')
      .innerJoin('registry_repositories as r', 'r.id', 'm.repository_id')
      .select('r.name')
      .where('r.project', '=', project)
      .where('m.digest', '=', digest)
      .execute();
    return rows.map((row) => row.name);
  };
  const signatures = signatureStore(() => registry, repositoriesOf);
  const trust = new Trust({ db, journal, clock, masterKey: keys.masterKey, signatures });
  const verdictKey = await trust.ensureKey('control', ['scan', 'sbom', 'approval', 'exception', 'verdict', 'profile']);
  const statements = new Statements({ trust, scans: () => scans, repositoriesOf, clock, log });
  const environmentPolicies = new EnvironmentPolicies({
    ...{ db, journal, clock },
    check: (policy) => void admit.policy(policy),
    changed: (project) => rejudgeProject(project, null),
  });
  const policyBook = await PolicyBook.open({
    ...{ db, journal, clock, presets: await readPolicies(PRESETS_FOLDER) },
    use: { environmentsUsing: (name) => environmentPolicies.using(name) },
    changed: () => {
      // Verdicts from before were given by other rules.
      factsChangedMs = clock.now().getTime();
      rejudge('policy', 'platform');
    },
  });
  const quarantines = new Quarantines({ db, journal, clock });
  await quarantines.open();
  /** Made further down; until then the entries that come with the platform hold. */
  let shieldOfHosts: Shields | null = null;
  let patchesOfHosts: KernelPatches | null = null;
  const hostMachines = new Machines({
    ...{ db, clock, advisories: () => advisories.current() },
    shield: () => shieldOfHosts?.entries ?? SHIPPED_FEED.entries,
    patches: async () => (await patchesOfHosts?.believed()) ?? [],
  });
  await hostMachines.open();
  const hostExceptions = new HostExceptions({
    ...{ db, journal, clock },
    runtimes: { exposed: () => exposedRuntimes(hostMachines, hosts.connected()) },
  });
  const admit = new Admit({
    ...{ db, journal, clock, policies: policyBook, key: verdictKey, hosts: hostExceptions },
    quarantined: (project, digest) => quarantines.reason(project, digest),
  });
  const catalogue = new BaseCatalogue({ db, journal, clock });
  const risk: ReturnType<typeof createReadings> = createReadings({
    ...{ db, journal, clock, log, scans, deployments, catalogue, repositoriesOf },
    knownSecrets: (project) => ruleFiles.baseline(project),
    registry: () => registry,
    trust: () => trust,
    admit: () => admit,
    userOf: async (repository, digest) => (await intake.config(repository, digest))?.user ?? null,
  });
  const flows = new Flows({ db, clock });
  let { published } = keys;
  const edgeChanged = (): void => {
    tellEdges().catch((error: unknown) => log.error({ err: error }, 'telling the edge of a change failed'));
  };
  const denials = new Denials({ ...{ db, journal, clock }, onChange: edgeChanged });
  const served = new ServedCertificates({
    projectExists: (project) => deployments.projectExists(project),
    publishedHosts: async () => (await addresses.routes()).filter(({ kind }) => kind === 'http'),
    ...{ db, journal, clock, vault },
    onChange: edgeChanged,
  });
  const evidence = new EvidenceStore({
    ...{ db, journal, clock, key: verdictKey, instance: instance.name },
    believedKeys: () => trust.believedKeys('control'),
    folder: join(files.control.folder, 'evidence'),
    taker: hostEvidence(() => hosts),
  });
  await evidence.recover();
  const notices = new Notices({ db, journal, clock, log, vault, instance: instance.name });
  await notices.open();
  const responsePolicies = new ResponsePolicies({ db, journal, clock });
  await responsePolicies.open();
  const playbooks = new Playbooks({ db, journal, clock, log, doer: () => respond });
  await playbooks.open();
  const respond: Respond = new Respond({
    ...{ notices, playbooks, policies: responsePolicies },
    db,
    journal,
    clock,
    log,
    responder: {
      async kill(host, { containerId, pid }) {
        const value = await hosts.run({ kind: 'kill', containerId, pid }, { step: silentStep, host });
        return (value as { killed?: string } | null)?.killed === 'nothing' ? 'gone' : 'killed';
      },
    },
    stands({ host, project, containerId }) {
      const told = hosts.connected().includes(host) ? deployments.reported() : null;
      const own = told?.filter(({ key }) => key.project === project).flatMap(({ replicas }) => replicas);
      return own === undefined
        ? null
        : own.some(({ containers }) => containers.some(({ id, state }) => id === containerId && state !== 'exited'));
    },
    deeds: createDeeds({
      ...{ evidence, notices, quarantines, robots, deployments },
      hosts: () => hosts,
      respond: () => respond,
      pipeline: () => pipeline,
      async claims({ project, environment, workload }) {
        const { workloads } = await deployments.wanted();
        const own = workloads.filter(
          ({ key }) =>
            key.project === project && key.environment === environment && (workload === null || key.name === workload),
        );
        const all = project === null ? [] : await volumes.list([project]);
        const used = own.flatMap(({ key, pod }) =>
          pod.volumes.flatMap((volume) => {
            if (volume.kind !== 'claim') return [];
            const isIts = (name: string): boolean =>
              volume.perOrdinal === true ? name.startsWith(`${volume.claim}-${key.name}-`) : name === volume.claim;
            return all.filter((one) => one.environment === environment && isIts(one.claim));
          }),
        );
        return [...new Map(used.map((one) => [one.claim, one])).values()].map((one) => ({
          ...{ project: one.project, environment: one.environment, claim: one.claim },
        }));
      },
      snapshot: async (claim, actor) => (await copies.make(claim, { kind: 'snapshot' }, actor)).operation.id,
      rejudged: async (project, digest) => {
        factsChangedMs = clock.now().getTime();
        dueSoon = true;
        await intake.rejudgeImage(project, digest as Digest);
        await tellHosts();
      },
    }),
  });

  const ruleBook: RuleBook = await RuleBook.open({
    db,
    journal,
    clock,
    shipped: readShippedRules(),
    changed: () => hosts.broadcast({ type: 'rules', ...ruleBook.order() }),
  });
  const packagesInImages = new PackagesInImages({ ...{ db, clock, log }, images: packagesOfImages(scans) });
  await packagesInImages.open();
  const preventPolicies: PreventPolicies = new PreventPolicies({
    ...{ db, journal, clock, images: packagesInImages },
    changed: () => deniedPackages.changed(),
  });
  const deniedPackages = new DeniedPackages({
    ...{ policies: () => preventPolicies, images: packagesInImages, deployments, runs: () => runs, log },
    tell: () => hosts.broadcast({ type: 'prevention', ...preventPolicies.order() }),
  });
  await preventPolicies.open();
  const strangers = new Strangers({
    ...{ db, journal, clock, log },
    raise: async (alert, host) => void (await respond.ingest(alert, host)),
    async stop(host, { id, started }) {
      const value = await hosts.run({ kind: 'foreign-stop', id, started }, { step: silentStep, host });
      return typeof value === 'string' ? value.slice(0, 300) : 'stopped';
    },
    environmentsOn: (host) =>
      runsWorkloads(host, hosts) ? deployments.statuses(null).map(({ key }) => key.environment) : [],
  });
  await strangers.open();
  const drills = new Drills({
    ...{ db, journal, clock, log },
    ground: drillGround({ hosts: () => hosts, rules: ruleBook, respond: () => respond }),
  });
  const startDrill = async (actor: string): Promise<string> => {
    const title = { en: 'Drill', es: 'Simulacro' };
    const { operation } = await operations.start(
      { kind: 'drill', project: null, environment: null, actor, title },
      async ({ step }) => ({ drill: (await drills.run(actor, step(title))).id }),
    );
    return operation.id;
  };
  let hostWatch: HostWatch | undefined;
  const hosts: Hosts = new Hosts({
    clock,
    log,
    listener: {
      connected: (host) => {
        status.hostRefuses(null);
        events.status();
        hostWatch?.connected(host);
        greet(host).catch((error: unknown) => log.error({ err: error, host }, 'greeting a host failed'));
        shieldOfHosts
          ?.tellHost(host)
          .catch((error: unknown) => log.warn({ err: error, host }, 'a host did not take the feed of the shield'));
      },
      away: (host) => {
        events.status();
        hostWatch?.away(host);
      },
      alerts: async (host, all) => {
        const arrived = all.filter(({ alert }) => !drills.take(host, alert));
        const [first, second] = arrived;
        if (first === undefined) return;
        if (second === undefined) await respond.ingest(first.alert, host);
        else
          await respond.ingestAll(
            arrived.map(({ alert }) => alert),
            host,
          );
        for (const { times } of arrived) detection.note(host, [...times, monotonicNs()]);
      },
      message: (host, message) =>
        hear(host, message).catch((error: unknown) =>
          log.error({ err: error, host, type: message.type }, 'a message of a host could not be taken'),
        ),
      flooded: (host, waiting) => {
        const body = { ...waiting };
        record({ kind: 'host.flooding', subject: host, project: null, digest: null, actor: 'platform', body }).catch(
          (error: unknown) => log.error({ err: error, host }, 'a flood could not be recorded'),
        );
      },
    },
  });
  const offers = new Map<string, () => AsyncIterable<Uint8Array>>();
  const addresses = publishedAddresses({ instance, deployments });
  const availability = new Availability({
    ...{ db, clock },
    watch: async () => ({
      statuses: hosts.connected().length > 0 ? deployments.reported() : null,
      isMaintenance: (await deployments.maintenance()) !== null,
    }),
  });
  const quotas = new Quotas({
    ...{ db, journal, clock },
    active: async () => [
      ...(await deployments.activeReleases()),
      ...(await runs.active()).map(({ composition, project, environment }) => ({
        ...{ composition, release: { project, environment } },
        beside: true as const,
      })),
    ],
    beside: (project) => copies.beside(project),
  });
  const volumePorts = {
    run: (order: VolumeTask['order'], options: Parameters<Hosts['run']>[1]) =>
      hosts.run({ kind: 'volume', order }, options),
    host: () => hosts.views().find(({ state }) => state === 'connected')?.name ?? null,
    hosts: () => hosts.views().map(({ name }) => name),
    start: operations.start.bind(operations),
  };
  const volumes = new Volumes({
    ...{ ...volumePorts, db, journal, clock, log, vault },
    async asked() {
      const active = await deployments.activeReleases();
      const claims = (of: (one: (typeof active)[number]) => readonly AskedClaim[]): AskedClaim[] =>
        active.flatMap((one) => of(one).map((claim) => ({ ...claim, environmentClass: one.environment.class })));
      return {
        current: claims(({ composition }) => composition.volumes),
        kept: claims(({ stable }) => stable?.volumes ?? []),
      };
    },
    changed: () => {
      tellHosts().catch((error: unknown) => log.error({ err: error }, 'telling hosts of volumes failed'));
    },
  });
  const copies = new Copies({
    ...{ ...volumePorts, db, journal, clock, log, vault, volumes },
    nextTime: (text, afterMs) => {
      const schedule = parseCron(text);
      return schedule === null ? null : nextCronTime(schedule, afterMs, 'UTC');
    },
    environmentClass: async (project, environment) => (await deployments.readEnvironment(project, environment)).class,
    requireRoom: ({ project, environment }, more) => quotas.requireVolumes(project, environment, more),
  });
  await copies.recover();
  const pipeline: Pipeline = new Pipeline({
    quotas,
    runs,
    volumes,
    access,
    admit,
    async claim(project, environment, composition) {
      const certificates = await served.list();
      const ownersOf = (host: string): readonly string[] => ownersOfHost(certificates, host);
      const { domain, ports } = instance;
      const platformPorts = Object.values(ports);
      const wanted = await deployments.wanted();
      const places = (await deployments.listProjects(PLATFORM)).flatMap(({ name, environments }) =>
        environments.map((one) => ({ project: name, environment: one.name })),
      );
      checkClaims({ project, environment, composition, wanted, domain, places, platformPorts, ownersOf });
    },
    clock,
    deployments,
    hosts,
    intake,
    operations,
    registry,
    statements,
    trust,
    lastReport: (digest) => scans.report(digest),
    workingFolders: (digest, folders) => scans.workingFolders(digest, folders),
    glance: (project, report) => risk.readings.glance(project, report),
    deadlineOf: (project, digest, environment) =>
      imageDeadline(registry.graces, clock, { project, digest, environment }),
    sourceFolder: join(files.control.folder, 'sources'),
    offers,
    contentKey: Buffer.from(keys.masterKey).toString('base64'),
    addresses: addresses.ofEnvironment,
    profilesOf: (repository, digest) => statedProfiles(trust, repository, digest),
    record,
  });
  const events = new EventStream(journal, operations, watch);
  events.useOperationReader(async (principal, id) => {
    const operation = await operations.read(id);
    if (!maySeeOperation(principal, operation)) throw progressFault('progress.operation-unknown', { id });
    return operation;
  });

  journal.subscribe((fact) => {
    // What is excepted changes the answer at the push door as well; where a release comes or goes, deadlines change.
    if (fact.kind === 'workload.changed') dueSoon = true;
    if (fact.kind === 'image.scanned') void deniedPackages.look();
    // What is lived with on a host is asked at every start there.
    if (fact.kind === 'host-exception.approved' || fact.kind === 'host-exception.revoked') {
      factsChangedMs = clock.now().getTime();
      rejudge('policy', 'platform');
    }
    if ((fact.kind !== 'exception.approved' && fact.kind !== 'exception.revoked') || fact.project === null) return;
    rejudgeProject(fact.project, (fact.digest as Digest | null) ?? null);
  });
  await sweepSources(join(files.control.folder, 'sources'));
  await operations.recover();
  await respond.recover();
  await drills.recover();
  await playbooks.recover();
  await journal.settled();
  await access.ensureAdministrator(FIRST_ADMINISTRATOR);

  const doors = {
    authenticate: (secret: string) => access.authenticate(secret),
    authenticateCertificate: (request: IncomingMessage) => {
      const certificate = certificateOf(request);
      return certificate === null ? null : access.authenticateCertificate(certificate);
    },
    opened: (principal: Principal, stream: Writable) => access.hold(principal, stream),
  };
  const certify: CertifyClient = (request, { subject, hours }) =>
    signRequest(keys.authority, request, { subject, hours }).certificatePem;
  const app = createApi({ instance: instance.name, log, ...doors });
  registerAccessRoutes(app, {
    access,
    instance: instance.name,
    consoleUrl,
    mutual: { certify, port: instance.ports.agents, authorityPem: keys.authority.certificatePem },
  });
  registerMachineRoutes(app, { access, robots, identity, throttle: new FailureThrottle(clock) });
  const registryWork = new ScheduledRegistryWork({ registry, operations, clock, log });
  registerRegistryRoutes(app, registry, {
    describe: describeImages({ scans, readings: risk.readings, trust, admit, respond, journal }),
    work: registryWork,
  });
  const publisher = new AdvisoryPublisher({
    store: advisories,
    registry: () => registry,
    key: verdictKey,
    believedPems: settings.advisoryKeys ?? [],
    folder: join(files.control.folder, 'advisories'),
  });
  const advisoriesChanged = async (actor: string): Promise<void> => {
    factsChangedMs = clock.now().getTime();
    rematch(actor);
    advisoryWork.publishSoon();
    await remoteWork.knowledgeChanged();
  };
  const advisoryWork = new AdvisoryWork({
    store: advisories,
    publisher,
    urls: settings.advisoryUrls ?? [],
    pgpKeys: settings.advisoryPgpKeys ?? [],
    maxAgeDays: settings.advisoryMaxAgeDays ?? null,
    clock,
    record,
    changed: advisoriesChanged,
    scans,
    operations,
    log,
    imagesWith: (digest) => allImages(registry, { digest }),
  });
  registerAdvisoryRoutes(app, {
    store: advisories,
    urls: settings.advisoryUrls ?? [],
    pgpKeys: settings.advisoryPgpKeys ?? [],
    artifacts: publisher,
    // In the background, as an operation that people see: thousands of images take longer than a request.
    changed: (_outcome, actor) => advisoriesChanged(actor),
  });
  const hasImage = async (project: string, digest: Digest): Promise<boolean> =>
    (await repositoriesOf(project, digest)).length > 0;
  registerFleetRoutes(app, createFleet({ db, deployments }));
  registerHarborRoutes(app, {
    scanner: new HarborScanner({ registries: settings.harborRegistries ?? [], scans, clock }),
    scans,
    advisories,
    clock,
  });
  registerScanRoutes(app, {
    scans,
    readings: risk.readings,
    images: { hasImage },
    starter: {
      async startScan(project, digest, actor) {
        const repository = (await repositoriesOf(project, digest))[0] ?? project;
        const { operation } = await operations.start(
          {
            kind: 'scan',
            project,
            environment: null,
            actor,
            title: { en: `Scan ${repository}`, es: `Examinar ${repository}` },
          },
          async ({ step }) => {
            const { report } = await intake.admit({ repository, digest, actor }, step({ en: 'Scan', es: 'Examinar' }));
            return { findings: report.findings.length, complete: report.complete };
          },
        );
        return { operation: operation.id };
      },
    },
  });
  registerKnowledgeRoutes(app, {
    files: ruleFiles,
    malware,
    secretRules,
    changed: async (project, kind, actor) => {
      if (project !== null) {
        if (kind === 'secrets') rescans.project(project, actor);
        else rejudgeProject(project, null);
        return;
      }
      await secretRules.refresh();
      await javaNames.refresh();
      rescans.all(actor);
    },
  });
  registerRiskRoutes(app, {
    ...risk,
    imageDeadlines: (query) => imageDeadlines(registry.graces, query),
    images: { hasImage },
    changed: (project) => rejudgeProject(project, null),
  });
  const rescans = new Rescans({
    ...{ malware, scans, operations, clock, log },
    images: (of) => allImages(registry, of),
    inUse: async () => [...(await deployments.digestsInUse())] as Digest[],
    check: (image, step) => intake.admit(image, step),
  });
  const rotations = keyRotation({
    ...{ trust, operations, clock, log },
    hosts: () => hosts,
    images: () => allSubjects(registry),
    changed: () => {
      // Hosts hear of it at once, with all that control says to them signed by the new key.
      tellHosts().catch((error: unknown) => log.error({ err: error }, 'hosts could not be told of a key'));
      advisoryWork.publishSoon();
    },
  });
  rotations
    .resume()
    .catch((error: unknown) => log.error({ err: error }, 'a rotation of keys could not be gone on with'));
  registerTrustRoutes(app, trust, {
    changed: () => {
      factsChangedMs = clock.now().getTime();
      rejudge('trust', 'platform');
    },
    ...rotations,
  });
  const approved = async ({ project, digest }: Exception, by: Principal): Promise<void> => {
    // What is for a whole repository stands in the journal: there is no one image to sign it for.
    if (digest === null) return;
    const given = (await admit.exceptions(project, digest)).filter((one) => one.digest !== null);
    await statements.exceptionsApproved(project, digest as Digest, given, by);
  };
  registerAdmitRoutes(app, admit, clock, policyBook, approved, saidBy);
  registerHostExceptionRoutes(app, hostExceptions, clock);
  registerRespondRoutes(app, respond);
  registerRuleRoutes(app, ruleBook, { keptBack, states: ruleStates });
  registerKeptRoutes(app, {
    ...{ book: ruleBook, journal, clock, db: db as unknown as Kysely<JournalTables> },
    ground: {
      hosts: () => hosts.views().flatMap(({ name, state }) => (state === 'connected' ? [name] : [])),
      ask: (host, question, signal) =>
        hosts.run({ kind: 'kept-rules', ...question }, { step: silentStep, host, signal }),
    },
  });
  registerPreventionRoutes(app, {
    ...{ policies: preventPolicies, strangers, images: packagesInImages },
    hosts: {
      states: () => hosts.views().map(({ name, prevention }) => ({ host: name, prevention })),
    },
  });
  registerNoticeRoutes(app, notices);
  registerCaseworkRoutes(app, {
    ...{ respond, casework: new Casework({ db, journal, clock }) },
    people: async (project) =>
      (await access.listUsers())
        .filter((user) => user.state === 'active' && may(user, 'incident.respond', project))
        .map(({ name }) => name),
  });
  registerPlaybookRoutes(app, { respond, playbooks });
  registerDrillRoutes(app, { drills, start: startDrill });
  registerResponseRoutes(app, { respond, policies: responsePolicies, quarantines });
  registerEvidenceRoutes(app, {
    ...{ respond, store: evidence },
    async findContainer(wanted) {
      const { project, environment, workload } = wanted;
      const found = findContainer(deployments.statuses(null, project), wanted);
      const { containerId, digest } = found;
      return { host: hosts.only(), containerId, digest, project, environment, workload, incident: null };
    },
  });
  registerHostRoutes(app, hostMachines);
  const kernelPatches = new KernelPatches({
    ...{ db, journal, operations, machines: hostMachines },
    store: patchStore(registry),
    trust: patchTrust(trust, signatures),
    async run(host, task, options) {
      await hosts.run(task, { ...options, host });
    },
  });
  patchesOfHosts = kernelPatches;
  registerPatchRoutes(app, kernelPatches);
  const profiles = new Profiles({
    ...{ db, journal, operations, clock },
    ground: profileGround({ deployments, runs, pipeline, hosts, intake, trust }),
  });
  registerProfileRoutes(app, profiles, (project) => firstEnvironment(deployments, project));
  const benches = new Benches({
    ...{ db, journal, operations, clock, machines: hostMachines },
    run: (host, task, options) => hosts.run(task, { ...options, host }),
  });
  registerBenchRoutes(app, benches);
  const moduleUse = new ModuleUse({
    ...{ db, journal, operations, clock, machines: hostMachines },
    run: (host, task, options) => hosts.run(task, { ...options, host }),
  });
  await moduleUse.open();
  registerModuleRoutes(app, moduleUse);
  const shields = new Shields({
    ...{ db, journal, operations, machines: hostMachines },
    store: patchStore(registry, SHIELD_REPOSITORY),
    trust: patchTrust(trust, signatures, SHIELD_REPOSITORY),
    recorded: () => profiles.calls(),
    modulesOf: (host) => moduleUse.list([host]).filter(({ usedOn }) => usedOn > 0),
    restart: (actor) => restartAll({ deployments, pipeline, operations, clock, log }, actor),
    run: (host, task, options) => hosts.run(task, { ...options, host }),
  });
  shieldOfHosts = shields;
  await shields.open();
  registerShieldRoutes(app, shields, () => hosts.connected());
  /** When each host's modules were last told, ms since 1970: workloads that started since may be why one is there. */
  const modulesSeenAt = new Map<string, number>();
  const bootOf = (host: string): string | null =>
    hostMachines.hosts().includes(host) ? hostMachines.facts(host).bootId : null;
  const reboots = new Reboots({
    ...{ db, clock, machines: hostMachines },
    ground: rebootGround({
      ...{ hosts, deployments },
      nodes: new KubernetesNodes((settings.kubernetes ?? []).map(kubeApi), clock, bootOf),
    }),
  });
  hostWatch = new HostWatch(
    {
      ...{ clock, log },
      // Workloads run on one host today: what another one answers for is not expected of this one.
      workloads: async () => (hosts.connected().length > 0 ? 0 : (await deployments.wanted()).workloads.length),
      isStarting: (host) => reboots.isStarting(host),
      raise: async (alert, host) => void (await respond.ingest(alert, host)),
      back: (host, silentMs) =>
        record({
          ...{ kind: 'host.back', subject: host, project: null, digest: null, actor: 'platform' },
          body: { silentMs: Math.round(silentMs) },
        }),
    },
    hostMachines.hosts(),
  );
  hostWatch.start();
  const rollouts = new Rollouts({
    ...{ db, journal, clock, log, reboots },
    patches: kernelPatches,
    look: () => lookAtHosts({ hosts, deployments }),
  });
  await rollouts.open();
  registerRolloutRoutes(app, rollouts);
  registerDenialRoutes(app, denials);
  const certificateOrders = new CertificateOrders({ db, journal, clock, log, vault, served });
  registerAcmeRoutes(app, certificateOrders);
  const sites = new Sites({ db, journal, clock, log, vault });
  registerSiteRoutes(app, sites);
  registerServedRoutes(app, {
    served,
    readSettings: () => readEdgeSettings(db),
    async writeSettings(settings: EdgeSettingsOfAll, actor: string) {
      await writeEdgeSettings(db, journal, settings, actor);
      await tellEdges();
    },
  });
  registerAccessLogRoutes(app, (query) => hosts.run({ kind: 'edge-log', ...query }, { step: silentStep }));
  registerRebootRoutes(app, { reboots, rollouts });
  registerNetworkRoutes(
    app,
    flows,
    async (project) => {
      const { workloads, services } = await deployments.wanted();
      return (peer) => {
        const found = workloads.find(
          ({ key }) => key.project === project && key.environment === peer.environment && key.name === peer.name,
        );
        if (found === undefined) return null;
        const selector = { matchLabels: found.pod.labels, matchExpressions: [] };
        return { selector, redirects: serviceRedirects(services, found) };
      };
    },
    async (project) => (await deployments.wanted()).policies.filter((policy) => policy.project === project),
  );
  const remoteWork = await startRemotes({
    db,
    journal,
    vault,
    operations,
    registry,
    examiner: foreignExaminer({ scans, trust, admit, journal, clock }),
    inUse: { list: () => deployments.digestsInUse() },
    archives: join(files.control.folder, 'archives'),
    clock,
    log,
  });
  remoteWork.register(app);
  registerBaseRoutes(app, {
    registry,
    scans,
    mirrors: remoteWork.mirrors,
    catalogue,
    clock,
  });
  registerQuotaRoutes(app, quotas, deployments);
  registerEnvironmentRoutes(app, {
    ...{ policies: environmentPolicies, deployments, clock },
    judge: {
      running: (environment, project, policy) => pipeline.previewRunning(environment, project, policy),
      replay: (place, policy, since) => admit.replayPlace(place, policy, since),
    },
  });
  registerAssuranceRoutes(app, { availability, deployments, trust, volumes, copies });
  registerVolumeRoutes(app, volumes, copies);
  const secrets = new BuildSecrets(clock);
  registerDeployRoutes(app, { deployments, releases: pipeline, routes: addresses.routes, secrets });
  registerBuildRoutes(app, { builds: pipeline, secrets });
  registerComparisonRoutes(app, {
    deployments,
    mark: (value) =>
      `(hidden ${createHmac('sha256', keys.masterKey).update(`compare ${value}`).digest('hex').slice(0, 10)})`,
  });
  registerActivityRoutes(app, {
    ...{ hosts, journal, clock, watch, log },
    db: db as unknown as Kysely<JournalTables>,
  });
  registerRunRoutes(app, { deployments, runs, starter: pipeline });
  const seats = new SessionSeats();
  registerInsideRoutes(app, { seats, hosts, deployments, journal, db: db as unknown as Kysely<JournalTables> });
  registerPlatformRoutes(app, {
    instance,
    status,
    hosts,
    deployments,
    journal,
    operations,
    respond,
    registry,
    scans,
    pipeline,
    deadlines: async (query) =>
      showDeadlines(await risk.deadlines.list(query), await imageDeadlines(registry.graces, query)),
    oldAdvisories: async () => {
      const sources = await advisories.sources();
      return sources.length === 0 ? null : sources.filter(isOld).map(({ name }) => name);
    },
    routes: addresses.routes,
    toDecide: {
      policies: async () => (await policyBook.revisions()).filter(({ state }) => state === 'waiting'),
      exceptions: async (project) =>
        (await admit.exceptions(project)).filter((one) => stateOf(one, clock.now()) === 'waiting'),
      hostExceptions: async () =>
        (await hostExceptions.list()).filter((one) => hostExceptionState(one, clock.now()) === 'waiting'),
      answers: () => respond.awaitingAnswers(),
      certificates: () => served.list(),
    },
  });
  events.register(app);
  await registerConsole(app, join(instance.code, 'console', 'dist'));

  const registryHandler = createRegistryHandler({
    registry,
    access: {
      authenticate: (credentials, source) =>
        credentials.kind === 'basic'
          ? signInClient({ access, identity }, { ...credentials, source })
          : access.authenticate(credentials.token),
      current: (who) => access.current(who),
      watch,
    },
    serverKey: keys.registryKey,
    service: instance.name,
    writes: opened.writes,
    headers: Object.fromEntries([STRICT_TRANSPORT]),
  });
  const debug = (request: DebugRequest) => judgeDebug({ pipeline, admit, trust, signatures }, request);
  const cookie = sessionCookie(instance.name);
  const sessions = { hosts, seats, deployments, runs, debug, journal, db, cookie, ...doors, watch, log };
  const onUpgrade = (request: IncomingMessage, socket: Duplex) => openSession(sessions, request, socket);
  const listenOptions = { keys, bind: instance.bind, log };
  const publicServer = await listenPublic(
    { app, registry: registryHandler, onUpgrade },
    { ...listenOptions, port: instance.ports.console },
  );
  const mutualServer = await listenMutual(
    {
      app,
      onUpgrade,
      join: joinHost,
      link: (host, socket) => hosts.accept(host, socket),
      session: (_host, session, socket) => hosts.openSession(session, socket),
      source: (_host, id) => offers.get(id)?.() ?? null,
    },
    { ...listenOptions, port: instance.ports.agents },
  );
  const localServer = await listenLocal(files.control.adminSocket, answerLocal, log);

  deployments.onWanted(() => {
    tellHosts().catch((error: unknown) => log.error({ err: error }, 'telling hosts what to run failed'));
  });
  /** Known vulnerabilities of what each host starts containers with, as they were last judged by. */
  const openRuntimesOf = new Map<string, string>();
  let joinToken = '';
  await offerJoin();
  const timers = [
    every(HOST_TOKEN_RENEW_MS, () => renewHostTokens()),
    every(PERMISSIONS_RENEW_MS, () => tellHosts()),
    every(PERMISSIONS_RENEW_MS, () => intake.rejudge('regular', 'platform')),
    every(REGISTRY_WORK_CHECK_MS, () => registryWork.tick()),
    every(ADVISORY_CHECK_MS, () => advisoryWork.tick()),
    every(RESCAN_CHECK_MS, () => rescans.tick()),
    every(NOTICE_CHECK_MS, () => notices.deliver()),
    every(RUN_CHECK_MS, () => runs.follow()),
    every(DRILL_CHECK_MS, () => strangers.tick()),
    every(DRILL_CHECK_MS, async () => {
      if (await drills.isDue()) await startDrill('platform');
    }),
    every(ROOM_CHECK_MS, async () => {
      const { bavail, bsize } = await statfs(files.control.folder);
      status.room(bavail * bsize);
    }),
    every(GRACE_CHECK_MS, async () => {
      await clock.tick();
      status.clockDoubted(clock.doubt);
    }),
    every(GRACE_CHECK_MS, async () => {
      const open = (await registry.scrub.damages()).filter((one) => one.healedAt === null);
      status.registryDamage(open.length);
    }),
    every(GRACE_CHECK_MS, async () => {
      const told = await served.tellExpiring();
      const ended = (await served.list()).filter(({ state }) => state === 'expired');
      status.certificatesEnded(ended.length);
      if (told > 0) events.status();
      // What has ended gives way where another one is good.
      if (told > 0) await tellEdges();
    }),
    every(GRACE_CHECK_MS, () => certificateOrders.tick()),
    every(SITE_CHECK_MS, () => sites.tick()),
    every(GRACE_CHECK_MS, async () => {
      await denials.endOver();
    }),
    every(GRACE_CHECK_MS, async () => {
      if ((await registry.graces.tellOver()).length > 0) await tellHosts();
    }),
    every(GRACE_CHECK_MS, () => deniedPackages.look()),
    every(GRACE_CHECK_MS, async () => {
      if (dueSoon) {
        dueSoon = false;
        await risk.updateDeadlines();
      }
      // What is late refuses new deploys from this minute on: verdicts from before do not know it.
      if ((await risk.deadlines.tellOver()) > 0) {
        factsChangedMs = clock.now().getTime();
        await tellHosts();
      }
      await admit.tellExpiring();
      await hostExceptions.tellExpiring();
      await admit.forgetOld();
    }),
    every(PERMISSIONS_RENEW_MS, () => risk.updateDeadlines()),
    every(AVAILABILITY_LOOK_MS, () => availability.look()),
    every(AVAILABILITY_WRITE_MS, () => availability.write()),
    every(ROLLOUT_TICK_MS, () => rollouts.tick()),
    every(BENCH_TICK_MS, () => benches.tick(hosts.connected())),
    every(LOOK_EVERY_MS, async () => {
      await volumes.tick();
      status.volumesTroubled((await volumes.troubled()).length);
    }),
    every(LOOK_EVERY_MS, async () => {
      status.backupsTroubled((await copies.troubled()).length);
      await copies.tick();
      status.backupsTroubled((await copies.troubled()).length);
    }),
    every(RENEWAL_CHECK_MS, async () => {
      const renewed = await loadControlKeys(files.control.keys, certified);
      const { certificatePem: cert, privateKeyPem: key } = renewed.server;
      publicServer.setSecureContext({ cert, key });
      published = renewed.published;
      await tellEdges();
      mutualServer.setSecureContext({ cert, key, ca: renewed.authority.certificatePem });
    }),
  ];
  rematch('platform', 'start');
  for (const promotion of await deployments.approvedPromotions()) await pipeline.approved(promotion);
  status.ready();
  log.info({ instance: instance.name, url: consoleUrl }, 'control ready');

  await new Promise<void>((resolve) => {
    process.once('SIGTERM', resolve);
    process.once('SIGINT', resolve);
  });
  for (const timer of timers) clearInterval(timer);
  hostWatch.stop();
  registryWork.stop();
  events.close();
  hosts.close();
  for (const server of [publicServer, mutualServer, localServer]) {
    server.close();
    server.closeAllConnections();
  }
  await app.close();
  access.close();
  await remoteWork.close();
  await malware.close();
  await registry.close();
  await journal.close();
  await opened.close();
  process.exit(0);

  function permissionParts(): Parameters<typeof wantedMessage>[0] {
    const { graces } = registry;
    const changed = {
      factsChangedMs: () => {
        // Changed while the clock was ahead: what was answered until now does not know of it, what comes does.
        factsChangedMs = Math.min(factsChangedMs, clock.now().getTime());
        return factsChangedMs;
      },
      ...{ graces, volumes },
    };
    return { admit, deployments, runs, pipeline, signatures, trust, key: verdictKey, clock, log, ...changed };
  }

  /** Judges the images of a project again, or one of them, because what is believed or excepted has changed. */
  function rejudgeProject(project: string, digest: Digest | null): void {
    factsChangedMs = clock.now().getTime();
    dueSoon = true;
    const judging = async (): Promise<void> => {
      const digests = new Set<Digest>();
      for await (const image of allImages(registry, { project, ...(digest === null ? {} : { digest }) })) {
        digests.add(image.digest);
      }
      for (const one of digests) await intake.rejudgeImage(project, one);
      await tellHosts();
    };
    judging().catch((error: unknown) => log.error({ err: error, project }, 'judging images again failed'));
  }

  /** Judges images again without anybody waiting for it; hosts hear of what that changed. */
  function rejudge(...[why, actor, only]: Parameters<typeof intake.rejudge>): void {
    intake
      .rejudge(why, actor, only)
      .then(() => {
        // What was stated of images meanwhile, such as a scan result under another key, is judged by as well.
        if (why === 'trust') factsChangedMs = clock.now().getTime();
        return tellHosts();
      })
      .then(() => events.status())
      .catch((error: unknown) => log.error({ err: error, why }, 'judging images again failed'));
  }

  /** Judges what was scanned by the advisories of now, says what is new, then lets policies judge what that concerns. */
  function rematch(actor: string, why: 'advisories' | 'start' = 'advisories'): void {
    advisoryWork
      .rematch(actor)
      .then(async (answered) => {
        // Deadlines come before verdicts: what runs and turned vulnerable is judged by them.
        await risk.updateDeadlines();
        return answered;
      })
      .catch((error: unknown) => {
        log.error({ err: error }, 'judging inventories again failed');
        return null;
      })
      .then((answered) => {
        if (why === 'advisories') rejudge(why, actor, answered);
        else if (answered?.size === 0) rejudge(why, actor);
        // Work that a stop interrupted: of some images the answers may be written down and not judged by.
        else rejudge('advisories', actor);
      });
  }

  /** One-time: the token is good for one host, and a new one is laid out when it has been used. */
  async function offerJoin(): Promise<void> {
    joinToken = randomBytes(32).toString('base64url');
    await writeFileAtomic(files.control.joinToken, joinToken, { mode: 0o600 });
  }

  async function joinHost(token: string, body: Json): Promise<Json> {
    const expected = Buffer.from(joinToken);
    const given = Buffer.from(token);
    if (given.length !== expected.length || !timingSafeEqual(given, expected))
      throw accessFault('access.token-invalid');
    const { host, request } = body as { host?: unknown; request?: unknown };
    if (typeof host !== 'string' || !/^[a-zA-Z0-9.-]{1,200}$/.test(host) || typeof request !== 'string') {
      throw accessFault('access.request-invalid', { why: 'expected host and request' });
    }
    await rm(files.control.joinToken, { force: true });
    const { certificatePem } = signRequest(keys.authority, request, { subject: `host:${host}`, days: 365 });
    await record({
      kind: 'host.joined',
      project: null,
      actor: `agent:${host}`,
      subject: host,
      body: { certificate: true },
    });
    await offerJoin();
    return { certificate: certificatePem, verdictKey: verdictKey.publicKeyPem };
  }

  async function answerLocal(path: string, body: Json): Promise<Json> {
    if (path === '/local/ready') return {};
    if (path === '/local/login-code') {
      const issued = await access.issueCode(FIRST_ADMINISTRATOR, 'platform');
      return { code: issued.code, expiresAt: issued.expiresAt };
    }
    if (path === '/local/certificate') {
      const { request } = body as { request?: unknown };
      if (typeof request !== 'string') throw accessFault('access.request-invalid', { why: 'expected request' });
      const { certificatePem, expiresAt } = await access.certifyUser(FIRST_ADMINISTRATOR, request, certify);
      return { certificate: certificatePem, expiresAt };
    }
    throw accessFault('access.route-unknown', { path });
  }

  async function record(fact: NewFact): Promise<void> {
    await opened.db.transaction().execute((tx) => journal.record(tx, fact));
    journal.committed();
  }

  async function hostToken(host: string): Promise<string> {
    const issued = await access.issueServiceToken({
      name: `agent:${host}`,
      grants: [{ role: 'host', project: '*' }],
      hours: HOST_TOKEN_HOURS,
    });
    return issued.secret;
  }

  async function greet(host: string): Promise<void> {
    hosts.send(host, { type: 'welcome', host, registryToken: await hostToken(host) });
    hosts.send(host, await edgeOrder());
    hosts.send(host, { type: 'rules', ...ruleBook.order() });
    hosts.send(host, { type: 'prevention', ...preventPolicies.order() });
    const wanted = await wantedMessage(permissionParts());
    // After that: claims that are new have their keys by now. Before it on the line: a pod that finds no key waits.
    hosts.send(host, await volumes.keys(host));
    hosts.send(host, wanted);
  }

  async function edgeOrder(): Promise<Extract<ToAgent, { type: 'edge-settings' }>> {
    const { proxies } = await readEdgeSettings(db);
    const all = (await denials.list()).map(({ project, environment, service, networks, paths }) => ({
      ...{ project, environment, service, networks, paths },
    }));
    return {
      ...{ type: 'edge-settings', certificate: published, proxies, denials: all },
      own: await served.forEdge(describeCertificate(published.certificatePem)),
      probe: await sites.probeToken(),
    };
  }

  async function tellEdges(): Promise<void> {
    hosts.broadcast(await edgeOrder());
  }

  /** How often tunings kept alerts back, on all hosts that are connected, since their sensors loaded them. */
  function keptBack(): Map<string, number> {
    const sums = new Map<string, number>();
    for (const { sensor } of hosts.views()) {
      for (const [id, times] of Object.entries(sensor?.tuned ?? {})) sums.set(id, (sums.get(id) ?? 0) + times);
    }
    return sums;
  }

  function ruleStates() {
    return hosts.views().flatMap(({ name, sensor }) => {
      if (sensor === null || sensor.state === 'absent') return [];
      return [{ host: name, revision: sensor.rules?.revision ?? null, accepted: sensor.rules?.accepted ?? false }];
    });
  }

  async function renewHostTokens(): Promise<void> {
    for (const { name, state } of hosts.views()) {
      if (state === 'connected') hosts.send(name, { type: 'registry-token', token: await hostToken(name) });
    }
  }

  /** Wanted states leave in the order of their revisions, however many changes come at once. */
  async function tellHosts(): Promise<void> {
    const turn = telling.then(async () => {
      if (hosts.views().every((view) => view.state !== 'connected')) return;
      // Before what is wanted: what may not run in an image is known on the host when its first container starts.
      await deniedPackages.look();
      const wanted = await wantedMessage(permissionParts());
      // Before what is wanted: a pod that finds no key waits. It is not part of that message, which hosts keep on disk.
      for (const name of hosts.connected()) hosts.send(name, await volumes.keys(name));
      hosts.broadcast(wanted);
    });
    // One that fails is its caller's; the next one is told all the same.
    telling = turn.catch(() => undefined);
    await turn;
  }

  async function hear(
    host: string,
    message: Parameters<ConstructorParameters<typeof Hosts>[0]['listener']['message']>[1],
  ): Promise<void> {
    switch (message.type) {
      case 'host': {
        // Named by its key too: a host that joins again with another builder key is believed, and the old key stands apart.
        await believeBuilder(trust, host, message.facts.builderKey);
        break;
      }
      case 'sensor':
      case 'engine':
      case 'edge':
        status.hostPart(message);
        break;
      case 'names':
        status.namesAway(message.isAway);
        break;
      case 'flows':
        await flows.add(message.flows);
        return;
      case 'edge-refused':
        for (const { project, environment, service, ...body } of message.items) {
          const subject = `${project}/${environment}/${service}`;
          const { reason, requests, clients, paths } = body;
          await record({
            ...{ kind: 'edge.refused', subject, project, digest: null, actor: `agent:${host}` },
            body: { reason, requests, clients: [...clients], paths: [...paths] },
          });
        }
        return;
      case 'status': {
        await deployments.report(message.workloads, message.whole);
        const [published, controllers] = await Promise.all([addresses.routes(), deployments.controllers()]);
        for (const workload of message.workloads) events.workload(workload, published, controllers);
        await runs.follow();
        return;
      }
      case 'strangers':
        await strangers.take(host, message.strangers);
        return;
      case 'modules': {
        // Told or not, modules are looked at each minute: what is new since the last word is new since the last look.
        const nowMs = clock.now().getTime();
        const sinceMs = Math.max(modulesSeenAt.get(host) ?? 0, nowMs - 2 * MODULE_LOOK_MS);
        const since = new Date(sinceMs).toISOString();
        modulesSeenAt.set(host, nowMs);
        const started = deployments
          .statuses(null)
          .filter(({ replicas }) => replicas.some(({ startedAt }) => startedAt !== null && startedAt >= since))
          .map(({ key }) => `${key.project}/${key.environment}/${key.name}`);
        await moduleUse.take(host, message.sight, started);
        return;
      }
      case 'machine': {
        // The first word of a host is no change.
        if (!(await hostMachines.take(host, message.facts))) return;
        followRuntimes(host).catch((error: unknown) =>
          log.error({ err: error, host }, 'what a host starts containers with could not be judged'),
        );
        shields
          .tidy(host)
          .catch((error: unknown) => log.error({ err: error, host }, 'a shield could not be withdrawn'));
        const { kernel } = hostMachines.facts(host);
        const body = { release: kernel.release, version: kernel.version, buildId: kernel.buildId };
        await record({
          kind: 'host.changed',
          subject: host,
          project: null,
          digest: null,
          body,
          actor: `agent:${host}`,
        });
        return;
      }
      case 'format-ask':
        hosts.send(host, await volumes.grantFormat(host, message));
        return;
      case 'wanted-refused':
        status.hostRefuses(message.why);
        deployments.hostRefused(message.why);
        break;
      case 'fact':
        await record({ ...message, actor: `agent:${host}` });
        return;
    }
    events.status();
  }

  /** A host that starts containers with other programs than before: verdicts that rest on those are asked again. */
  async function followRuntimes(host: string): Promise<void> {
    const found = (await hostMachines.openRuntimes()).find((one) => one.host === host);
    const open = JSON.stringify(found?.open ?? []);
    if (openRuntimesOf.get(host) === open) return;
    openRuntimesOf.set(host, open);
    factsChangedMs = clock.now().getTime();
    await tellHosts();
  }

  function every(ms: number, work: () => Promise<void>): NodeJS.Timeout {
    const timer = setInterval(() => {
      work().catch((error: unknown) => log.error({ err: error }, 'regular work failed'));
    }, ms);
    timer.unref();
    return timer;
  }
}

/** The addresses by which other machines may know this one; link-local ones need a zone, which no certificate has. */
function ownAddresses(): string[] {
  const found = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  const usable = found.filter(({ address }) => !/^(fe80|169\.254\.)/.test(address)).map(({ address }) => address);
  return [...new Set([LOOPBACK, '::1', ...usable])].slice(0, OWN_ADDRESSES_MAX);
}

interface Settings {
  readonly databaseUrl?: string;
  readonly advisoryUrls?: readonly string[];
  /** OpenPGP keys of who publishes feeds, armoured or as paths of keyrings, for addresses that ask for a signature. */
  readonly advisoryPgpKeys?: readonly string[];
  /** Public keys (PEM) of platforms whose exported advisories are believed. */
  readonly advisoryKeys?: readonly string[];
  /** Registries that a Harbor may send its scans to. */
  readonly harborRegistries?: readonly HarborRegistry[];
  /** ClamAV: its socket, what it looks at of a file, and when its signatures are old. */
  readonly clamd?: ClamdOptions;
  /** Names of Java archives by their checksum: Trivy's index, or a list. */
  readonly javaIndex?: string;
  /** Clusters whose nodes are hosts of this platform: emptied through their API before a restart in order. */
  readonly kubernetes?: readonly KubeClusterSettings[];
  /** Days after which any source of advisories is old. */
  readonly advisoryMaxAgeDays?: number;
}

async function readSettings(path: string): Promise<Settings> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as Settings;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {};
    throw error;
  }
}
