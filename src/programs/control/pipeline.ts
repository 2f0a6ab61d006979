import { type Access, type Principal, personBehind } from '../../access/index.ts';
import {
  type Admit,
  type AdmitQuestion,
  asAsked,
  joinVerdicts,
  type PolicyDocument,
  startsPods,
  toDocument,
  type Verdict,
} from '../../admit/index.ts';
import { type BuildOrder, type Builds, baseName, checkBaseRequest } from '../../build/index.ts';
import type { WorkloadStatus } from '../../deploy/index.ts';
import {
  addChange,
  type Composition,
  type ContainerProfile,
  carryChanges,
  changeText,
  checkComposition,
  copyWorkload,
  type Deployments,
  deployFault,
  type Environment,
  isAsWanted,
  kindOf,
  type NewRelease,
  narrowWorkloads,
  type PinnedImage,
  type ProjectFile,
  type Promotion,
  parseProjectFile,
  type Quotas,
  type Release,
  type ReleaseSource,
  type Releases,
  type RunningUnder,
  type RunOrder,
  type RunStarter,
  type Runs,
  type RunView,
  runManifests,
  toManifestChange,
  toOverlays,
  workloadFacts,
} from '../../deploy/index.ts';
import {
  applyOverlays,
  type ManifestProblem,
  pinTranslation,
  readManifests,
  refuseProblems,
  remarkRecords,
  saidBy,
  translateManifests,
} from '../../deploy/kubernetes/index.ts';
import { collectImages } from '../../deploy/model.ts';
import { hostFault, type ProfileGround } from '../../host/index.ts';
import type { NewFact } from '../../journal/index.ts';
import { type Digest, parseReference, projectOf, REGISTRY_NAME } from '../../oci/index.ts';
import type { Operation, OperationContext, Operations, StepHandle } from '../../progress/index.ts';
import type { Registry } from '../../registry/index.ts';
import type { Readings, ScanReport } from '../../scan/index.ts';
import { type Clock, Fault, type Json, newId, type Text } from '../../system/index.ts';
import type { Trust } from '../../trust/index.ts';
import type { Volumes } from '../../volumes/index.ts';
import type { Hosts } from './hosts.ts';
import type { Intake } from './intake.ts';
import { believeBuilder } from './key-rotation.ts';
import {
  createHoldTeller,
  decisionText,
  megabytes,
  reasonTexts,
  refusal,
  scanText,
  showRefused,
  troubleText,
} from './pipeline-texts.ts';
import { requireRuntimes } from './runtimes.ts';
import { SourceBundle } from './sources.ts';
import type { Statements } from './statements.ts';

/** A build that takes longer has its own limit; its token must outlive it. */
const BUILD_TOKEN_HOURS = 3;
/** Stands for the digest of an image that is still to be built. */
const NO_DIGEST: Digest = `sha256:${'0'.repeat(64)}`;
/** A roll-out decides by itself (progress deadline); this only ends the watching. */
const WATCH_MS = 30 * 60_000;

export interface PipelineParts {
  readonly access: Access;
  readonly admit: Admit;
  readonly clock: Clock;
  readonly deployments: Deployments;
  readonly hosts: Hosts;
  readonly intake: Intake;
  readonly operations: Operations;
  readonly quotas: Quotas;
  /** Refuses hosts and ports that are not the project's. */
  readonly claim: (project: string, environment: string, composition: Composition) => Promise<void>;
  readonly runs: Runs;
  readonly volumes: Pick<Volumes, 'admit'>;
  readonly registry: Registry;
  readonly trust: Trust;
  readonly statements: Statements;
  /** The newest scan report of an image, or null. */
  readonly lastReport: (digest: Digest) => Promise<ScanReport | null>;
  /** What stands against starting an image in these folders, by its own links. */
  readonly workingFolders: (digest: Digest, folders: readonly string[]) => Promise<ScanReport['misconfigurations']>;
  /** What a report says in its project: without what people answered for there. */
  readonly glance: Readings['glance'];
  /** Until when an image that runs may do so although something that has no deadline of its own refuses it. */
  readonly deadlineOf: (project: string, digest: Digest, environment: Environment) => Promise<string>;
  readonly sourceFolder: string;
  /** Sources that hosts may fetch now, by id. */
  readonly offers: Map<string, () => AsyncIterable<Uint8Array>>;
  /** Key of content hashes: a short Secret cannot be guessed from a label. */
  readonly contentKey: string;
  readonly addresses: (project: string, environment: string) => Promise<readonly string[]>;
  /** What the containers of an image were seen to need, as it is signed beside it. */
  readonly profilesOf: (repository: string, digest: Digest) => Promise<readonly ContainerProfile[]>;
  /** States a fact that has no state of its own. */
  readonly record: (fact: NewFact) => Promise<void>;
}

export interface JudgedRun {
  readonly id: string;
  readonly environment: string;
  /** One workload with one container. */
  readonly composition: Composition;
  readonly source: ReleaseSource;
  readonly digest: Digest;
  readonly verdicts: readonly Verdict[];
}

interface BuiltImage {
  readonly name: string;
  readonly repository: string;
  readonly digest: Digest;
}

/**
 * From a source to what runs. Every way in (deploy, promote, roll back) ends in `#release`: compose with digests pinned,
 * judge each container's image in its place, write the release down, watch it become available or go back.
 */
export class Pipeline implements Releases, RunStarter, Builds {
  readonly #parts: PipelineParts;

  /** Hosts and ports are claimed by one release after the other, of all projects. */
  #claims: Promise<unknown> = Promise.resolve();
  constructor(parts: PipelineParts) {
    this.#parts = parts;
  }

  async deploy(request: Parameters<Releases['deploy']>[0]): Promise<Operation> {
    const { operations, sourceFolder, clock, deployments } = this.#parts;
    await deployments.refuseInMaintenance();
    // The source comes with the request: it is taken whole before the answer, so that the sender may go.
    const source = await SourceBundle.receive(sourceFolder, newId(clock), request.source);
    const { operation } = await operations.start(
      {
        kind: 'deploy',
        project: request.project,
        environment: request.environment,
        actor: request.by.actor,
        title: {
          en: `Deploy ${request.project} to ${request.environment}`,
          es: `Desplegar ${request.project} en ${request.environment}`,
        },
      },
      async (context) => {
        try {
          return await this.#deploy(request, source, context);
        } finally {
          await source.remove();
        }
      },
    );
    return operation;
  }

  async promote(request: Parameters<Releases['promote']>[0]): Promise<Operation> {
    const { deployments, operations } = this.#parts;
    const { project, by } = request;
    await deployments.refuseInMaintenance();
    const to = await deployments.readEnvironment(project, request.to);
    const all = await deployments.environments(project);
    const before = all[all.findIndex((environment) => environment.name === to.name) - 1]?.name;
    const from = request.from ?? before ?? all[0]?.name ?? '';
    if (from === to.name) throw deployFault('deploy.promotion-direction', { project, environment: to.name });
    const stable = await deployments.stableRelease(project, from);
    const pins = sealedPins(stable.source, stable.composition, from, this.#parts.contentKey);
    const source = { ...stable, source: await this.#carried(stable.source, project, to.name) };
    const { operation } = await operations.start(
      {
        kind: 'promote',
        project,
        environment: to.name,
        actor: by.actor,
        title: {
          en: `Promote ${project} from ${from} to ${to.name}`,
          es: `Promover ${project} de ${from} a ${to.name}`,
        },
      },
      async (context) => {
        const { composition, verdict, show } = await this.#compose(
          source.source,
          source.release.digests,
          to,
          project,
          by.actor,
          { door: 'promote', isBeforeApproval: to.approvals > 0, pins },
          context,
        );
        const promotion = await deployments.requestPromotion({ source: source.release, to, verdict, by });
        if (verdict.decision === 'refuse') throw refusal(project, to.name, verdict.reasons, show);
        if (promotion.state === 'awaiting-approval') {
          context.step({ en: 'Approval by another person', es: 'Aprobación de otra persona' }).done({
            en: `waits for ${promotion.required}`,
            es: `espera ${promotion.required}`,
          });
          return {
            project,
            promotion: { id: promotion.id, state: promotion.state, to: to.name, required: promotion.required },
          };
        }
        return this.#carryOut(promotion, source.release, source.source, composition, verdict, context);
      },
    );
    return operation;
  }

  async approved(promotion: Promotion): Promise<Operation> {
    const { deployments, operations, statements } = this.#parts;
    const actor = promotion.approvals.at(-1)?.by ?? promotion.requestedBy;
    const { operation } = await operations.start(
      {
        kind: 'promote',
        project: promotion.project,
        environment: promotion.to,
        actor,
        title: {
          en: `Promote ${promotion.project} from ${promotion.from} to ${promotion.to}, approved`,
          es: `Promover ${promotion.project} de ${promotion.from} a ${promotion.to}, aprobado`,
        },
      },
      async (context) => {
        try {
          const to = await deployments.readEnvironment(promotion.project, promotion.to);
          const stable = await deployments.openRelease(promotion.sourceRelease);
          const pins = sealedPins(stable.source, stable.composition, promotion.from, this.#parts.contentKey);
          const source = { ...stable, source: await this.#carried(stable.source, promotion.project, to.name) };
          // Judged again: between the request and the approval the world may have learned something.
          const { composition, verdict } = await this.#compose(
            source.source,
            promotion.digests,
            to,
            promotion.project,
            actor,
            { door: 'promote', pins, prepare: (composition) => statements.promotionApproved(promotion, composition) },
            context,
          );
          if (verdict.decision === 'refuse') {
            await deployments.finishPromotion(promotion.id, 'refused', null);
            throw refusal(promotion.project, to.name, verdict.reasons, `darsena promotion list ${promotion.project}`);
          }
          return await this.#carryOut(promotion, source.release, source.source, composition, verdict, context);
        } catch (error) {
          if (!(error instanceof Fault) || error.kind !== 'refused' || error.code === 'deploy.quota-exceeded')
            await this.#giveUp(promotion, error);
          throw error;
        }
      },
    );
    return operation;
  }

  async rollback(request: Parameters<Releases['rollback']>[0]): Promise<Operation> {
    const { deployments, operations } = this.#parts;
    const { project, by } = request;
    await deployments.refuseInMaintenance();
    const environment = await deployments.readEnvironment(project, request.environment);
    const earlier = await deployments.earlierRelease(project, environment.name, request.to);
    const { operation } = await operations.start(
      {
        kind: 'rollback',
        project,
        environment: environment.name,
        actor: by.actor,
        title: {
          en: `Return ${project} in ${environment.name} to release ${earlier.release.number}`,
          es: `Revertir ${project} en ${environment.name} a la versión ${earlier.release.number}`,
        },
      },
      async (context) => {
        const { composition, verdict } = await this.#compose(
          earlier.source,
          earlier.release.digests,
          environment,
          project,
          by.actor,
          {
            door: 'start',
            isAgain: true,
            pins: sealedPins(earlier.source, earlier.composition, environment.name, this.#parts.contentKey),
          },
          context,
        );
        if (verdict.decision === 'refuse')
          throw refusal(project, environment.name, verdict.reasons, `darsena release list ${project}`);
        const release = await this.#release({
          project,
          environment: environment.name,
          composition,
          source: earlier.source,
          digests: earlier.release.digests,
          verdict,
          promotedFrom: earlier.release.promotedFrom,
          commit: earlier.release.commit,
          actor: by.actor,
          authors: [...earlier.release.authors, personBehind(by)],
        });
        return this.#watch(release, composition, context);
      },
    );
    return operation;
  }

  /**
   * Changes one workload by hand: a new release of the very digests that are there, judged as a start of what runs.
   * @throws Fault deploy.workload-unknown, deploy.change-impossible, deploy.trial-open
   */
  async change(request: Parameters<Releases['change']>[0]): Promise<Operation> {
    const { deployments, operations, contentKey } = this.#parts;
    const { project, by, change } = request;
    await deployments.refuseInMaintenance();
    const named = request.environment ?? (await deployments.environments(project))[0]?.name ?? '';
    const environment = await deployments.readEnvironment(project, named);
    const current = await deployments.currentRelease(project, environment.name);
    const workloads = current?.composition.workloads ?? [];
    const workload = workloads.find(({ key }) => key.name === change.workload);
    if (current === null || workload === undefined) {
      const known = workloads.map(({ key }) => key.name).join(', ') || '—';
      throw deployFault('deploy.workload-unknown', {
        ...{ name: change.workload, project, environment: environment.name, known },
      });
    }
    const { release } = current;
    if (release.canary !== null && (release.state === 'canary' || release.state === 'rolling-out'))
      throw deployFault('deploy.trial-open', { project, environment: environment.name, number: release.number });
    const file = parseProjectFile(current.source.projectFile, 'darsena.yaml');
    const { documents } = readOverlaid(current.source, file, environment.name);
    const kind = kindOf(documents, change.workload) ?? 'Pod';
    const patch = toManifestChange(change, environment.name, kind, workload);
    const source = { ...current.source, changes: addChange(current.source.changes ?? [], patch) };
    const pins = sealedPins(current.source, current.composition, environment.name, contentKey);
    const what = changeText(change);
    const { operation } = await operations.start(
      {
        kind: 'change',
        project,
        environment: environment.name,
        actor: by.actor,
        title: {
          en: `${project} in ${environment.name}: ${what.en}`,
          es: `${project} en ${environment.name}: ${what.es}`,
        },
      },
      async (context) => {
        const how = { door: 'start', restart: true, isAgain: true, pins } as const;
        const { composition, verdict } = await this.#compose(
          ...([source, release.digests, environment, project, by.actor, how, context] as const),
        );
        // What was deployed meanwhile must not be taken back by a change of what was there before.
        if ((await deployments.currentRelease(project, environment.name))?.release.id !== release.id)
          throw changedMeanwhile(`${project}/${change.workload}`);
        const made = await this.#release({
          ...{ project, environment: environment.name, composition, source, verdict, change },
          digests: release.digests,
          promotedFrom: release.promotedFrom,
          commit: release.commit,
          actor: by.actor,
          authors: [...release.authors, personBehind(by)],
        });
        if (verdict.decision === 'refuse')
          throw refusal(project, environment.name, verdict.reasons, `darsena release list ${project}`);
        return this.#watch(made, composition, context);
      },
    );
    return operation;
  }

  /** What was changed by hand in an environment and new manifests leave open stays as it was. */
  async #carried(source: ReleaseSource, project: string, environment: string): Promise<ReleaseSource> {
    const { changes: _former, ...plain } = source;
    const current = await this.#parts.deployments.currentRelease(project, environment);
    const changes = current?.source.changes ?? [];
    if (changes.length === 0) return plain;
    const file = parseProjectFile(source.projectFile, 'darsena.yaml');
    const { documents } = readOverlaid(plain, file, environment);
    return { ...plain, changes: carryChanges(changes, documents, environment) };
  }

  /** Runs an image once beside the releases, judged as any start is. @throws Fault deploy.refused, deploy.run-guarded and more */
  async run(request: Parameters<RunStarter['run']>[0]): Promise<RunView> {
    const { quotas, runs } = this.#parts;
    const { project, order, by } = request;
    await this.#parts.deployments.refuseInMaintenance();
    const judged = await this.judgeRun(request);
    const { id, composition, environment, source, digest } = judged;
    const placing = { project, environment };
    return quotas.take({ composition, ...placing, beside: true }, () =>
      runs.start({ id, ...placing, order, digest, composition, source, actor: by.actor }),
    );
  }

  /**
   * What an image that somebody asks for would run as, judged as a start; a refusal is a fact.
   * @throws Fault deploy.refused, deploy.run-guarded and more
   */
  async judgeRun(request: Parameters<RunStarter['run']>[0]): Promise<JudgedRun> {
    const { deployments, quotas, clock, contentKey } = this.#parts;
    const { project, order, by } = request;
    const first = request.environment ?? (await deployments.environments(project))[0]?.name ?? '';
    const environment = await deployments.readEnvironment(project, first);
    const place = (await deployments.activeReleases()).find(
      ({ release }) => release.project === project && release.environment === environment.name,
    );
    const placed = [place?.composition, place?.stable ?? undefined].filter((one) => one !== undefined);
    if (placed.some(({ workloads }) => workloads.some(({ key }) => key.name === order.name)))
      throw deployFault('deploy.run-exists', { name: order.name, project, environment: environment.name });

    const id = newId(clock);
    const known = placed.flatMap(({ workloads }) => collectImages(workloads));
    const named = runImage(order.image, project);
    const image = ofRelease(named, known) ?? (await this.#pin(named, project, []));
    const { digest } = parseReference(image);
    if (digest === null) throw deployFault('deploy.image-unknown', { image: order.image });
    if (environment.approvals > 0 && !known.some((one) => one.endsWith(`@${digest}`)))
      throw deployFault('deploy.run-guarded', { image: order.image, project, environment: environment.name });

    const documents = runManifests(id, { ...order, image }, place?.composition.volumes ?? []);
    const source: ReleaseSource = {
      projectFile: JSON.stringify({
        project,
        manifests: ['run.json'],
        environments: { [environment.name]: { policy: environment.policy, class: environment.class } },
      }),
      manifests: documents.map((document, index) => ({ path: `run-${index}.json`, text: JSON.stringify(document) })),
    };
    const file = parseProjectFile(source.projectFile, 'darsena.yaml');
    const { volumes: _volumes, ...rest } = translate(source, file, environment.name, contentKey);
    // The claims are the environment's own: they are used here and neither made nor counted again.
    const asked: Composition = {
      ...rest,
      workloads: rest.workloads.map((one) => (order.joined ? { ...one, joined: true as const } : one)),
      volumes: [],
    };
    const composition = await quotas.admit(asked, project, environment.name, { beside: true });
    checkComposition(composition);
    requireRuntimes(composition, this.#parts.hosts.views());
    const verdicts = await this.judgeComposition(composition, environment, project, by.actor, {
      door: 'start',
      source,
    });
    const verdict = joinVerdicts(verdicts, null);
    if (verdict === null) throw deployFault('deploy.image-unknown', { image: order.image });
    if (verdict.decision === 'refuse') {
      await this.#parts.record({
        kind: 'run.refused',
        project,
        actor: by.actor,
        subject: `${project}/${environment.name}/${order.name}`,
        digest,
        body: { image: order.image, rules: verdict.reasons.map(({ rule }) => rule) },
      });
      throw refusal(project, environment.name, verdict.reasons, showOf(composition, verdicts));
    }
    return {
      id,
      environment: environment.name,
      composition,
      source,
      digest,
      verdicts: verdicts.map((one) => one.verdict),
    };
  }

  /** Makes a base image on a host and takes it in. */
  async createBase(request: {
    release: string;
    include: readonly string[];
    name: string | null;
    by: Principal;
  }): Promise<Operation> {
    const { release, include, name, by } = request;
    checkBaseRequest({ release, include, ...(name === null ? {} : { name }) });
    const { operation } = await this.#parts.operations.start(
      {
        kind: 'base',
        project: null,
        environment: null,
        actor: by.actor,
        title: {
          en: `Make the base image ${name ?? baseName(release, include)}`,
          es: `Crear la imagen base ${name ?? baseName(release, include)}`,
        },
      },
      (context) =>
        this.#createBase(
          { release, include, name, actor: by.actor },
          context.step({ en: 'Base image', es: 'Imagen base' }),
          context.signal,
        ),
    );
    return operation;
  }

  async #deploy(
    request: Parameters<Releases['deploy']>[0],
    bundle: SourceBundle,
    context: OperationContext,
  ): Promise<Json> {
    const { deployments } = this.#parts;
    const { by } = request;
    const reading = context.step({ en: 'Read the project', es: 'Leer el proyecto' });
    const { file, source: read } = await readSource(bundle);
    if (file.project !== request.project) {
      throw deployFault('deploy.project-mismatch', { project: request.project, written: file.project });
    }
    const written = file.environments[request.environment];
    if (written === undefined) {
      throw deployFault('deploy.environment-unknown', {
        project: file.project,
        environment: request.environment,
        known: Object.keys(file.environments).join(', '),
      });
    }
    // Every mistake in the manifests is told now, before minutes of building.
    const asked = collectImages(translate(read, file, request.environment, this.#parts.contentKey).workloads);
    // What will be built has no digest yet; every other image must be there already.
    const coming = Object.keys(file.images).map((name) => ({
      name,
      repository: `${file.project}/${name}`,
      digest: NO_DIGEST,
    }));
    const unknown: string[] = [];
    for (const image of asked) if ((await this.#find(image, file.project, coming)) === null) unknown.push(image);
    if (unknown.length > 0) throw deployFault('deploy.image-unknown', { image: unknown.join(', ') });
    for (const text of [...remarkRecords(read.manifests), ...(await deployments.ensureProject(file, by.actor))]) {
      reading.note(text);
    }
    const environment = await deployments.readEnvironment(file.project, request.environment);
    if (environment.approvals > 0) {
      throw deployFault('deploy.promotion-needed', { project: file.project, environment: environment.name });
    }
    reading.done({
      en: `${Object.keys(file.images).length} images, ${read.manifests.length} manifests`,
      es: `${Object.keys(file.images).length} imágenes, ${read.manifests.length} manifiestos`,
    });

    await this.#ensureBases(file, request.createBases, by.actor, context);
    const built: BuiltImage[] = [];
    // One after the other: builds share the layer cache and the machine.
    for (const name of Object.keys(file.images)) built.push(await this.#build(file, name, bundle, request, context));
    const source = await this.#carried(read, file.project, environment.name);
    const { composition, verdict, show } = await this.#compose(
      source,
      built,
      environment,
      file.project,
      by.actor,
      { door: 'start' },
      context,
    );
    if (request.canary !== null) await this.#refuseTrial(composition, file.project, environment.name);
    const release = await this.#release({
      project: file.project,
      environment: environment.name,
      composition,
      source,
      digests: built,
      verdict,
      promotedFrom: null,
      commit: request.commit,
      actor: by.actor,
      authors: [personBehind(by)],
      canary: request.canary,
    });
    if (verdict.decision === 'refuse') throw refusal(file.project, environment.name, verdict.reasons, show);
    return this.#watch(release, composition, context);
  }

  /** Writes a release down; one that is not refused takes its place within the limits of its project. */
  #release(request: NewRelease): Promise<Release> {
    const { deployments, quotas, claim } = this.#parts;
    const { project, environment, composition } = request;
    const release = () => deployments.release(request);
    // Asked again where releases stand in line: two that were composed at once may claim the same.
    const claimed = () => {
      const turn = this.#claims.then(async () => {
        await claim(project, environment, composition);
        return release();
      });
      this.#claims = turn.catch(() => undefined);
      return turn;
    };
    return request.verdict.decision === 'refuse' ? release() : quotas.take(request, claimed);
  }

  /** A trial stands beside what serves: there must be such, and what changed must be replicas that are all alike. */
  async #refuseTrial(composition: Composition, project: string, environment: string): Promise<void> {
    const refuse = (why: string, porque: string): never => {
      throw deployFault('deploy.canary-impossible', { why, porque });
    };
    const stable = await this.#parts.deployments.stableRelease(project, environment).catch((error: unknown) => {
      if (error instanceof Fault && error.code === 'deploy.nothing-to-promote') return null;
      throw error;
    });
    if (stable === null) {
      return refuse(`nothing serves in ${environment} yet`, `todavía nada sirve en ${environment}`);
    }
    for (const { key, specHash, controller, strategy } of composition.workloads) {
      const before = stable.composition.workloads.find((one) => one.key.name === key.name);
      if (before === undefined || before.specHash === specHash) continue;
      if (controller === undefined) {
        if (strategy.kind !== 'recreate') continue;
        refuse(
          `${key.name} changed, and its strategy Recreate says that no two versions of it run together`,
          `${key.name} cambió, y su estrategia Recreate dice que no corren juntas dos versiones suyas`,
        );
        continue;
      }
      const kind = controller.kind;
      refuse(
        `${key.name} changed and is no Deployment (${kind}): two versions of it cannot share the requests`,
        `${key.name} cambió y no es un Deployment (${kind}): dos versiones suyas no pueden repartirse las peticiones`,
      );
    }
  }

  async trial(request: Parameters<Releases['trial']>[0]): Promise<Operation> {
    const { deployments, operations } = this.#parts;
    const { project, environment, how, by } = request;
    const { release, composition } = await deployments
      .endTrial(project, environment, how, by.actor)
      .then((ended) => deployments.openRelease(ended.id));
    const { operation } = await operations.start(
      {
        kind: 'canary',
        project,
        environment,
        actor: by.actor,
        title:
          how === 'promote'
            ? {
                en: `Let release ${release.number} of ${project} take over ${environment}`,
                es: `Dejar que la versión ${release.number} de ${project} ocupe ${environment}`,
              }
            : {
                en: `End the trial of release ${release.number} of ${project} in ${environment}`,
                es: `Terminar la prueba de la versión ${release.number} de ${project} en ${environment}`,
              },
      },
      async (context) => (how === 'promote' ? this.#watch(release, composition, context) : { release: release.id }),
    );
    return operation;
  }

  async #ensureBases(file: ProjectFile, mayCreate: boolean, actor: string, context: OperationContext): Promise<void> {
    for (const [name, { release, include }] of Object.entries(file.bases)) {
      if ((await this.#parts.registry.resolve(`base/${name}`, 'latest')) !== null) continue;
      if (!mayCreate) {
        const options = include.length === 0 ? '' : ` --include ${include.join(',')}`;
        throw deployFault('deploy.base-missing', { name, release, include: options });
      }
      const step = context.step({ en: `Base image ${name}`, es: `Imagen base ${name}` });
      await this.#createBase({ release, include, name, actor }, step, context.signal);
    }
  }

  async #createBase(
    request: { release: string; include: readonly string[]; name: string | null; actor: string },
    step: StepHandle,
    signal: AbortSignal,
  ): Promise<Json> {
    const { access, hosts } = this.#parts;
    const { release, include, name, actor } = request;
    const { secret } = await access.issueServiceToken({
      name: 'builder',
      grants: [{ role: 'builder', project: 'base', ...(name === null ? {} : { repositories: [`base/${name}`] }) }],
      hours: BUILD_TOKEN_HOURS,
    });
    const value = await hosts.run({ kind: 'base', release, include, name, registryToken: secret }, { step, signal });
    const made = value as {
      repository: string;
      digest: Digest;
      packages: number;
      sizeBytes: number;
      bundles: string[];
    };
    await this.#attach(made.repository, made.digest, made.bundles, actor);
    await this.#parts.intake.admit({ repository: made.repository, digest: made.digest, actor }, step);
    step.done({
      en: `${made.packages} packages, ${megabytes(made.sizeBytes)}`,
      es: `${made.packages} paquetes, ${megabytes(made.sizeBytes)}`,
    });
    const { bundles: _bundles, ...result } = made;
    return result;
  }

  async build(request: BuildOrder): Promise<Operation> {
    const { operations, sourceFolder, clock } = this.#parts;
    const bundle = await SourceBundle.receive(sourceFolder, newId(clock), request.source);
    const { repository } = request;
    const { operation } = await operations.start(
      {
        kind: 'build',
        project: projectOf(repository),
        environment: null,
        actor: request.by.actor,
        title: { en: `Build ${repository}`, es: `Construir ${repository}` },
      },
      async (context) => {
        try {
          const { digest, tags } = await this.#buildImage({ ...request, context: '.', bundle }, context);
          return { repository, digest, tags: [...tags] };
        } finally {
          await bundle.remove();
        }
      },
    );
    return operation;
  }

  async #build(
    file: ProjectFile,
    name: string,
    bundle: SourceBundle,
    request: Parameters<Releases['deploy']>[0],
    context: OperationContext,
  ): Promise<BuiltImage> {
    const image = file.images[name];
    if (image === undefined) throw new Error(`image ${name} is not in the project file`);
    const repository = `${file.project}/${name}`;
    const { digest } = await this.#buildImage(
      {
        repository,
        tags: request.commit === null ? [] : [request.commit.slice(0, 12)],
        context: image.context,
        containerfile: image.containerfile ?? null,
        args: image.args ?? {},
        target: image.target ?? null,
        ...{ platform: null, labels: {}, noCache: false },
        facts: request.facts,
        ...{ bundle, by: request.by },
      },
      context,
    );
    return { name, repository, digest };
  }

  /** Built by a host, signed by its builder, taken in by the registry's gate. */
  async #buildImage(
    request: Omit<BuildOrder, 'source'> & { readonly context: string; readonly bundle: SourceBundle },
    context: OperationContext,
  ): Promise<{ digest: Digest; tags: readonly string[] }> {
    const { access, clock, hosts, offers } = this.#parts;
    const { repository, containerfile, args, target, platform, labels, noCache, facts, bundle, by } = request;
    const project = projectOf(repository);
    const name = repository.slice(project.length + 1);
    const building = context.step({ en: `Build ${name}`, es: `Construir ${name}` });
    const { secret } = await access.issueServiceToken({
      name: 'builder',
      grants: [
        { role: 'builder', project, repositories: [repository] },
        // What it may build upon: other images of the project, and base images.
        { role: 'host', project },
        { role: 'host', project: 'base' },
      ],
      hours: BUILD_TOKEN_HOURS,
    });
    const sourceId = newId(clock);
    const tags = request.tags.length > 0 ? request.tags : [`src-${sourceId.slice(0, 8)}${sourceId.slice(-4)}`];
    offers.set(sourceId, () => bundle.folder(request.context));
    let made: {
      digest: Digest;
      layers: { sizeBytes: number }[];
      sizeBytes: number;
      durationMs: number;
      cacheHits: number;
      steps: number;
      bundles: string[];
    };
    try {
      const value = await hosts.run(
        {
          kind: 'build',
          ...{ repository, tags, containerfile, args, target, platform, labels, noCache },
          ...{ commit: facts.commit, sourceDateEpoch: facts.sourceDateEpoch, secrets: facts.secrets },
          sourceId,
          registryToken: secret,
        },
        { step: building, signal: context.signal },
      );
      made = value as unknown as typeof made;
    } finally {
      offers.delete(sourceId);
    }
    building.done({
      en: `${made.layers.length} layers, ${megabytes(made.sizeBytes)}, ${made.cacheHits} of ${made.steps} steps from the cache`,
      es: `${made.layers.length} capas, ${megabytes(made.sizeBytes)}, ${made.cacheHits} de ${made.steps} pasos de la caché`,
    });
    await this.#parts.record({
      kind: 'image.built',
      project,
      actor: by.actor,
      subject: repository,
      digest: made.digest,
      body: {
        commit: facts.commit?.id ?? null,
        durationMs: made.durationMs,
        sizeBytes: made.sizeBytes,
        cacheHits: made.cacheHits,
      },
    });
    const signing = context.step({ en: `Signatures of ${name}`, es: `Firmas de ${name}` });
    await this.#attach(repository, made.digest, made.bundles, by.actor);
    signing.done({ en: 'image and provenance, by the builder', es: 'imagen y procedencia, por el constructor' });
    const scanning = context.step({ en: `Scan ${name}`, es: `Examinar ${name}` });
    // The scan ends its own step with what it read; what it means is said here.
    const reading: StepHandle = { ...scanning, done: () => undefined, fail: () => undefined };
    const { report } = await this.#parts.intake.admit({ repository, digest: made.digest, actor: by.actor }, reading);
    scanning.done(scanText({ ...report, ...(await this.#parts.glance(project, report)) }));
    return { digest: made.digest, tags };
  }

  /** Hosts say their builder's key when they come, before any build; on a busy machine that may still wait to be written down. */
  async #believeBuilders(): Promise<void> {
    const { hosts, trust } = this.#parts;
    for (const { name, state, facts } of hosts.views()) {
      if (state !== 'connected' || facts === null) continue;
      try {
        await believeBuilder(trust, name, facts.builderKey);
      } catch (error) {
        // Somebody believes that key under a name of their own: then its signatures count by that.
        if (!(error instanceof Fault) || error.code !== 'trust.key-known') throw error;
      }
    }
  }

  /** Keeps what the builder signed beside the image; a bundle that does not count is refused. */
  async #attach(repository: string, digest: Digest, bundles: readonly string[], actor: string): Promise<void> {
    await this.#believeBuilders();
    for (const text of bundles)
      await this.#parts.trust.attach(Buffer.from(text, 'base64'), { digest, repository }, actor, { only: true });
  }

  /** What would run in the environment, and the answer to whether it may: one verdict for each image of each workload. */
  async #compose(
    source: ReleaseSource,
    images: readonly PinnedImage[],
    environment: Environment,
    project: string,
    actor: string,
    how: {
      readonly door: 'start' | 'promote';
      readonly isBeforeApproval?: boolean;
      /** Asked for what runs there already. */
      readonly restart?: boolean;
      /** By what was released there before: volumes that have grown since keep their size. */
      readonly isAgain?: boolean;
      /** Images as they were resolved before: what a tag means by now is not asked again. */
      readonly pins?: ReadonlyMap<string, string>;
      /** Done with what would run before it is judged. */
      readonly prepare?: (composition: Composition) => Promise<void>;
    },
    context: OperationContext,
  ): Promise<{ composition: Composition; verdict: Verdict; show: string | null }> {
    const step = context.step({ en: 'Verdict', es: 'Veredicto' });
    const file = parseProjectFile(source.projectFile, 'darsena.yaml');
    const translation = translate(source, file, environment.name, this.#parts.contentKey);
    const pinned = new Map<string, string>();
    for (const image of collectImages(translation.workloads))
      pinned.set(image, how.pins?.get(image) ?? (await this.#pin(image, project, images)));
    const composition = await this.#parts.quotas.admit(
      await this.#narrowed(pinTranslation(translation, pinned)),
      project,
      environment.name,
    );
    checkComposition(composition);
    requireRuntimes(composition, this.#parts.hosts.views());
    await this.#parts.claim(project, environment.name, composition);
    const place = { project, environment: environment.name, class: environment.class };
    await this.#parts.volumes.admit(composition.volumes, place, how.isAgain);
    await how.prepare?.(composition);
    // By the policy of now: minutes of building lie behind, and an administrator may have given the environment another one.
    const judging = await this.#parts.deployments.readEnvironment(project, environment.name);
    const verdicts = await this.judgeComposition(composition, judging, project, actor, { ...how, source });
    const verdict = joinVerdicts(verdicts, null);
    if (verdict === null) throw deployFault('deploy.manifests-missing', { paths: file.manifests.join(', ') });
    for (const text of reasonTexts(verdict.reasons)) step.note(text);
    const text = decisionText(verdict);
    if (verdict.decision === 'refuse') step.fail(text);
    else step.done(text);
    return { composition, verdict, show: showOf(composition, verdicts) };
  }

  /** What would run, narrowed to what is signed beside its images. */
  async #narrowed<T extends Composition>(composition: T): Promise<T> {
    const workloads = await narrowWorkloads(composition.workloads, async (image) => {
      const { repository, digest } = parseReference(image);
      return digest === null ? [] : this.#parts.profilesOf(repository, digest);
    });
    return { ...composition, workloads };
  }

  /**
   * A copy of a workload beside its release, judged as any start: one pod under another name, without its volumes' data.
   * @returns its manifest, as it was copied
   * @throws Fault deploy.workload-unknown, deploy.refused, host.copy-impossible
   */
  async copy(request: Parameters<ProfileGround['copy']>[0]): Promise<Json> {
    const { deployments, quotas, runs, clock, contentKey } = this.#parts;
    const { project, workload, name, edit, profiles, by } = request;
    await deployments.refuseInMaintenance();
    const environment = await deployments.readEnvironment(project, request.environment);
    const current = await deployments.currentRelease(project, environment.name);
    if (current === null) throw unknownWorkload(workload, project, environment.name, []);
    const file = parseProjectFile(current.source.projectFile, 'darsena.yaml');
    const { documents, problems: unread } = readOverlaid(current.source, file, environment.name);
    let manifest: Json = null;
    const edited = documents.map((document) => {
      if (!makesPods(document.value, workload)) return document;
      manifest = edit === null ? document.value : edit(document.value);
      return { ...document, value: manifest };
    });
    const { translation, problems } = translateManifests(edited, {
      project,
      environment: environment.name,
      contentKey,
    });
    refuseProblems([...unread, ...problems]);
    const known = current.composition.workloads.map(({ key }) => key.name);
    if (translation === null || manifest === null) throw unknownWorkload(workload, project, environment.name, known);
    const pins = sealedPins(current.source, current.composition, environment.name, contentKey);
    const pinned = pinTranslation(translation, pins);
    const workloads = await narrowWorkloads(pinned.workloads, async () => profiles);
    const copied = copyWorkload({ ...pinned, workloads }, workload, name);
    if (copied === null) throw hostFault('host.copy-impossible', { workload });
    const composition = await quotas.admit(copied, project, environment.name, { beside: true });
    checkComposition(composition);
    const verdicts = await this.judgeComposition(composition, environment, project, by.actor, {
      door: 'start',
      source: current.source,
    });
    const verdict = joinVerdicts(verdicts, null);
    const [image] = collectImages(composition.workloads);
    const { digest } = parseReference(image ?? '');
    if (verdict === null || image === undefined || digest === null)
      throw deployFault('deploy.image-unknown', { image: image ?? workload });
    if (verdict.decision === 'refuse')
      throw refusal(project, environment.name, verdict.reasons, showOf(composition, verdicts));
    const placing = { project, environment: environment.name };
    const order = { ...NO_ORDER, name, image };
    await quotas.take({ composition, ...placing, beside: true }, () =>
      runs.start({
        ...{ id: newId(clock), ...placing, order, digest, composition },
        ...{ source: current.source, actor: by.actor },
      }),
    );
    return manifest;
  }

  /**
   * Judges every image of every workload in its place; the verdicts are kept and, for starts, sent to hosts. `until` is the
   * deadline that what has none of its own was given.
   */
  async judgeComposition(
    composition: Composition,
    environment: Environment,
    project: string,
    actor: string,
    {
      door,
      isBeforeApproval = false,
      restart = false,
      source,
    }: {
      readonly door: 'start' | 'promote';
      readonly isBeforeApproval?: boolean;
      /** Asked for what runs there already. */
      readonly restart?: boolean;
      /** What the composition was made from; null when it is not known any more. */
      readonly source: ReleaseSource | null;
    },
  ): Promise<{ subject: string; verdict: Verdict; until: string }[]> {
    const asked = await this.#questions(composition, environment, project, actor, {
      ...{ door, isBeforeApproval, restart, source },
    });
    const verdicts = await this.#parts.admit.judge(asked.map(({ question }) => question));
    return verdicts.map((verdict, index) => ({
      subject: asked[index]?.name ?? '',
      verdict,
      until: asked[index]?.until ?? verdict.at,
    }));
  }

  /**
   * What a policy says now of all that runs in an environment, as of new releases: nothing is let be because it runs. Keeps
   * nothing.
   */
  async previewRunning(environment: Environment, project: string, policy: string): Promise<RunningUnder[]> {
    const { admit, deployments } = this.#parts;
    const active = (await deployments.activeReleases()).find(
      ({ release, environment: { name } }) => release.project === project && name === environment.name,
    );
    if (active === undefined) return [];
    const { source } = await deployments.openRelease(active.release.id);
    const asked = await this.#questions(active.composition, environment, project, 'platform', {
      ...{ door: 'start', isBeforeApproval: false, restart: true, source },
    });
    const found: RunningUnder[] = [];
    for (const { question, name } of asked) {
      const { door, admission, specHash } = question;
      const verdict = await admit.preview({ door, admission, specHash, policy });
      const { repository, digest } = admission.image;
      found.push({ workload: name, repository, digest, decision: verdict.decision, reasons: verdict.reasons });
    }
    return found;
  }

  /** One question for each image of each workload, with the deadline of what has none of its own. */
  async #questions(
    composition: Composition,
    environment: Environment,
    project: string,
    actor: string,
    {
      door,
      isBeforeApproval,
      restart,
      source,
    }: {
      readonly door: 'start' | 'promote';
      readonly isBeforeApproval: boolean;
      readonly restart: boolean;
      readonly source: ReleaseSource | null;
    },
  ): Promise<{ question: AdmitQuestion; name: string; until: string }[]> {
    const { intake, lastReport, clock } = this.#parts;
    const readAt = clock.now();
    const documents = source === null ? [] : policyDocuments(source, environment.name);
    const asked: { question: AdmitQuestion; name: string; until: string }[] = [];
    for (const workload of composition.workloads) {
      const own = documents.find((one) => startsPods(one.kind) && one.name === workload.key.name);
      // Of what it was made from nothing is known: what serves is asked the most.
      const kind = own?.kind ?? 'Deployment';
      const users = new Map<string, string>();
      const references = [...new Set(collectImages([workload]))];
      for (const reference of references) {
        const { repository, digest } = parseReference(reference);
        if (digest !== null) users.set(reference, (await intake.config(repository, digest))?.user ?? '');
      }
      for (const reference of references) {
        const { repository, digest } = parseReference(reference);
        if (digest === null) throw deployFault('deploy.image-unknown', { image: reference });
        const facts = workloadFacts(workload.key.name, kind, workload.pod, (image) => users.get(image) ?? '');
        const admission = await intake.facts({
          repository,
          digest,
          environment: { name: environment.name, class: environment.class },
          // Each image is judged with the containers that run it.
          workload: { ...facts, containers: facts.containers.filter((container) => container.image === reference) },
          documents: documentsFor(workload.key.name, documents, asked.length === 0),
          report: restart ? await lastReport(digest) : await this.#reportIn(digest, foldersOf(workload.pod, reference)),
          isBeforeApproval,
        });
        const until = await this.#parts.deadlineOf(project, digest, environment);
        const question: AdmitQuestion = {
          door,
          ...(restart || admission.environment.runs ? { running: { restart, until } } : {}),
          admission: { ...admission, image: { ...admission.image, project } },
          policy: environment.policy,
          specHash: workload.specHash,
          readAt,
          actor,
          subject: `${project}/${environment.name}/${workload.key.name}`,
        };
        asked.push({ question, name: workload.key.name, until });
      }
    }
    return asked;
  }

  /** The report of an image with what its own links make of the folders that manifests have it start in. */
  async #reportIn(digest: Digest, folders: readonly string[]): Promise<ScanReport | null> {
    const { lastReport, workingFolders } = this.#parts;
    const report = await lastReport(digest);
    // Of what was not read whole the verdict speaks by itself.
    if (folders.length === 0 || report === null || !report.complete) return report;
    const found = await workingFolders(digest, folders);
    return { ...report, misconfigurations: [...report.misconfigurations, ...found] };
  }

  /** The digest-pinned reference of an image as manifests name it. @throws Fault deploy.image-unknown */
  async #pin(image: string, project: string, images: readonly PinnedImage[]): Promise<string> {
    const found = await this.#find(image, project, images);
    if (found === null) throw deployFault('deploy.image-unknown', { image });
    return found;
  }

  async #find(image: string, project: string, images: readonly PinnedImage[]): Promise<string | null> {
    const built = images.find((one) => one.name === image || `${project}/${one.name}` === image);
    if (built !== undefined) return `${REGISTRY_NAME}/${built.repository}@${built.digest}`;
    const reference = parseReference(image);
    const ours = reference.registry === null || reference.registry === REGISTRY_NAME;
    // Another project's images are that project's business; base images are everybody's.
    const reachable = reference.repository.startsWith(`${project}/`) || reference.repository.startsWith('base/');
    const found =
      ours && reachable
        ? await this.#parts.registry.resolve(reference.repository, reference.digest ?? reference.tag ?? 'latest')
        : null;
    return found === null ? null : `${REGISTRY_NAME}/${reference.repository}@${found.digest}`;
  }

  async #carryOut(
    promotion: Promotion,
    source: Release,
    releaseSource: ReleaseSource,
    composition: Composition,
    verdict: Verdict,
    context: OperationContext,
  ): Promise<Json> {
    const { deployments } = this.#parts;
    const release = await this.#release({
      project: promotion.project,
      environment: promotion.to,
      composition,
      source: releaseSource,
      digests: promotion.digests,
      verdict,
      promotedFrom: { environment: source.environment, number: source.number },
      commit: source.commit,
      // Who asked for it made the release; who approved it stands with the promotion and in its facts.
      actor: promotion.requestedBy,
      authors: [...source.authors, promotion.requester],
    }).catch(async (error: unknown) => {
      await this.#giveUp(promotion, error);
      throw error;
    });
    await deployments.finishPromotion(promotion.id, 'done', release.id);
    return this.#watch(release, composition, context);
  }

  /** A promotion that stayed approved would be carried out by the next start of control. */
  #giveUp({ id }: Promotion, error: unknown): Promise<void> {
    const isRefused = error instanceof Fault && error.kind === 'refused';
    return this.#parts.deployments.finishPromotion(id, isRefused ? 'refused' : 'failed', null);
  }

  /** Shows each replica as it comes, until the release is available or has gone back. */
  async #watch(release: Release, composition: Composition, context: OperationContext): Promise<Json> {
    const { deployments, clock, addresses } = this.#parts;
    const { project, environment, number } = release;
    const steps = new Map(
      composition.workloads.map((workload) => [
        workload.key.name,
        context.step({ en: `Roll out ${workload.key.name}`, es: `Desplegar ${workload.key.name}` }),
      ]),
    );
    for (const workload of composition.workloads)
      steps.get(workload.key.name)?.update({ done: 0, total: workload.replicas, unit: 'items' });
    const until = clock.monotonicMs() + WATCH_MS;
    const ended = Promise.withResolvers<Release>();
    const unsubscribe = deployments.onRelease((changed) => {
      if (changed.id === release.id) ended.resolve(changed);
    });
    let refused: Text | null = null;
    const unheed = deployments.onHostRefusal((why) => {
      refused = why;
    });
    let result: Release | null = null;
    const place = { project, environment, number };
    const holds = createHoldTeller(number);
    /** What had come up when it was last looked at: a release that goes back is not their failure. */
    let well: readonly WorkloadStatus[] = [];
    try {
      while (result === null) {
        context.signal.throwIfAborted();
        if (refused !== null) throw deployFault('deploy.not-available', { ...place, ...bothWhys(refused) });
        const all = deployments.statuses(null, project, environment);
        for (const status of all)
          for (const text of holds(status, clock.monotonicMs())) steps.get(status.key.name)?.note(text);
        const statuses = all.filter((status) => status.generation === number);
        for (const status of statuses) showReplicas(steps.get(status.key.name), status);
        if (statuses.length > 0) well = statuses.filter(isAsWanted);
        const now = await deployments.readRelease(release.id);
        // What is paused waits for a person, and so does nobody for it.
        const paused = composition.workloads.filter((one) => one.paused).map(({ key }) => key.name);
        const others = statuses.filter(({ key }) => !paused.includes(key.name));
        const isRest = others.length + paused.length === composition.workloads.length && others.every(isAsWanted);
        if (now.state === 'rolling-out' && paused.length > 0 && isRest && statuses.length > others.length) {
          for (const [name, step] of steps)
            step.done(paused.includes(name) ? PAUSED : readyText(statuses.find(({ key }) => key.name === name)));
          return { release: release.id, number, paused };
        }
        if (now.state !== 'rolling-out') result = now;
        else if (clock.monotonicMs() > until) break;
        else await Promise.race([ended.promise, clock.sleep(150)]);
      }
    } finally {
      unsubscribe();
      unheed();
    }
    const statuses = deployments.statuses(null, project, environment);
    if (result?.state === 'available' || result?.state === 'canary') {
      for (const [name, step] of steps) {
        const status = statuses.find((one) => one.key.name === name);
        step.done(readyText(status));
      }
      const canary = result.state === 'canary' ? result.canary : null;
      return { release: release.id, number, canary, addresses: [...(await addresses(project, environment))] };
    }
    for (const status of well) steps.get(status.key.name)?.done(readyText(status));
    if (result?.state === 'superseded') throw deployFault('deploy.superseded', place);
    const code = result?.state === 'rolled-back' ? 'deploy.rolled-back' : 'deploy.not-available';
    throw deployFault(code, { ...place, ...bothWhys(troubleText(statuses)) });
  }
}

/** A reason for a fault whose text names it in each language. */
function bothWhys({ en, es }: Text): { why: string; porque: string } {
  return { why: en, porque: es };
}

/** The folders in which the containers of an image are to start, where the manifest says it. */
function foldersOf({ initContainers, containers }: Composition['workloads'][number]['pod'], image: string): string[] {
  return [...initContainers, ...containers].flatMap((one) =>
    one.image === image && one.workingDir !== null ? [one.workingDir] : [],
  );
}

/** What a run asks for that is made of a workload's own manifest. */
const NO_ORDER: Omit<RunOrder, 'name' | 'image'> = {
  ...{ entrypoint: null, command: [], env: [], workingDir: null, user: null, cpuMillis: null, memoryBytes: null },
  ...{ readOnly: false, capAdd: [], capDrop: [], newPrivileges: false, volumes: [], tmpfs: [], hostname: null },
  ...{
    ulimits: {},
    labels: {},
    hosts: [],
    stopSeconds: null,
    interactive: false,
    terminal: false,
    joined: false,
    remove: true,
  },
};

const POD_MAKERS: ReadonlySet<string> = new Set(['Pod', 'Deployment', 'StatefulSet', 'DaemonSet', 'ReplicaSet']);

/** Whether a document is the workload of this name. */
function makesPods(value: Json, name: string): boolean {
  const document = toDocument(value);
  return POD_MAKERS.has(document.kind) && document.name === name;
}

function unknownWorkload(name: string, project: string, environment: string, known: readonly string[]): Fault {
  return deployFault('deploy.workload-unknown', { name, project, environment, known: known.join(', ') || '—' });
}

function changedMeanwhile(name: string): Fault {
  return deployFault('deploy.change-impossible', {
    name,
    why: 'another release came in the meantime',
    porque: 'entretanto llegó otra versión',
    remedy: 'try again: the change is made to that one',
    salida: 'repetirlo: el cambio se hará sobre esa',
  });
}

const PAUSED: Text = { en: 'paused: darsena rollout resume', es: 'en pausa: darsena rollout resume' };

/** How many serve, and how many of the former release still finish what they had begun: requests go to none of these. */
function readyText(status: WorkloadStatus | undefined): Text {
  const ready = status?.ready ?? 0;
  const former = status?.replicas.filter(({ specHash }) => specHash !== status.specHash).length ?? 0;
  if (former === 0) return { en: `${ready} ready`, es: countReady(ready) };
  if (status?.phase === 'canary') {
    const fresh = status.updated;
    return {
      en: `${fresh} ready beside ${ready - fresh} of before`,
      es: `${countReady(fresh)} junto a ${ready - fresh} de antes`,
    };
  }
  return {
    en: `${ready} ready; ${former} of before still ending, without new requests`,
    es: `${countReady(ready)}; ${former} de antes todavía terminando, sin peticiones nuevas`,
  };
}

function countReady(count: number): string {
  return count === 1 ? '1 lista' : `${count} listas`;
}

async function readSource(bundle: SourceBundle): Promise<{ file: ProjectFile; source: ReleaseSource }> {
  const projectFile = await bundle.text('darsena.yaml');
  if (projectFile === null) throw deployFault('deploy.source-broken', { why: 'it has no darsena.yaml' });
  const file = parseProjectFile(projectFile, 'darsena.yaml');
  const paths = [...new Set(file.manifests.flatMap((path) => bundle.yamlFiles(path)))];
  if (paths.length === 0) throw deployFault('deploy.manifests-missing', { paths: file.manifests.join(', ') });
  const manifests = await Promise.all(paths.map(async (path) => ({ path, text: (await bundle.text(path)) ?? '' })));
  return { file, source: { projectFile, manifests } };
}

/** The manifests of one environment as the model, or one fault with every problem. @throws Fault manifest.invalid */
function translate(source: ReleaseSource, file: ProjectFile, environment: string, contentKey: string): Composition {
  const { documents, problems: unread } = readOverlaid(source, file, environment);
  const { translation, problems } = translateManifests(documents, { project: file.project, environment, contentKey });
  const all: ManifestProblem[] = [...unread, ...problems];
  refuseProblems(all);
  if (translation === null) throw deployFault('deploy.manifests-missing', { paths: file.manifests.join(', ') });
  return translation;
}

/** The manifests as they are written for one environment. */
function readOverlaid(source: ReleaseSource, file: ProjectFile, environment: string) {
  const { documents, problems: unreadable } = readManifests(source.manifests.map(({ path, text }) => ({ path, text })));
  const overlays = file.environments[environment]?.overlays ?? [];
  const { documents: changed, problems: unapplied } = applyOverlays(documents, [
    ...overlays,
    ...toOverlays(source.changes ?? [], environment),
  ]);
  return { documents: changed, problems: [...unreadable, ...unapplied] };
}

/** The objects that policies see; of a Secret the names of its entries and nothing of what they hold. */
function policyDocuments(source: ReleaseSource, environment: string): PolicyDocument[] {
  const file = parseProjectFile(source.projectFile, 'darsena.yaml');
  return readOverlaid(source, file, environment).documents.map(({ value }) => asAsked(toDocument(value), saidBy));
}

/** A workload is judged with its own object; what starts nothing goes out with the first. */
function documentsFor(name: string, documents: readonly PolicyDocument[], isFirst: boolean): PolicyDocument[] {
  return documents.filter((document) => (startsPods(document.kind) ? document.name === name : isFirst));
}

/** What each image of a release meant when it was made, by its name as written. */
function sealedPins(
  source: ReleaseSource,
  sealed: Composition,
  environment: string,
  contentKey: string,
): Map<string, string> {
  const pins = new Map<string, string>();
  const file = parseProjectFile(source.projectFile, 'darsena.yaml');
  for (const { key, pod } of translate(source, file, environment, contentKey).workloads) {
    const then = sealed.workloads.find((one) => one.key.name === key.name)?.pod;
    const all = [...(then?.initContainers ?? []), ...(then?.containers ?? [])];
    for (const { name, image } of [...pod.initContainers, ...pod.containers]) {
      const pinned = all.find((one) => one.name === name)?.image;
      if (pinned !== undefined) pins.set(image, pinned);
    }
  }
  return pins;
}

/** A bare name is one of the project's images. */
function runImage(image: string, project: string): string {
  return /^[a-z0-9._-]+(?::[\w.-]+)?(?:@sha256:[0-9a-f]{64})?$/.test(image) ? `${project}/${image}` : image;
}

/** Without tag and digest a name means the image that serves in the environment; null when none does under it. */
function ofRelease(image: string, released: readonly string[]): string | null {
  const { repository, tag, digest, registry } = parseReference(image);
  if (tag !== null || digest !== null || (registry !== null && registry !== REGISTRY_NAME)) return null;
  return released.find((one) => parseReference(one).repository === repository) ?? null;
}

function showOf(composition: Composition, verdicts: readonly { readonly verdict: Verdict }[]): string | null {
  const judged = verdicts.map(({ verdict }) => verdict);
  return showRefused(collectImages(composition.workloads), judged);
}

function showReplicas(step: StepHandle | undefined, status: WorkloadStatus): void {
  const names = status.replicas.map((replica) => `${replica.name}${replica.ready ? ' ✓' : ''}`).join(' ');
  step?.update({
    done: Math.min(status.ready, status.updated),
    total: status.wanted,
    unit: 'items',
    ...(names === '' ? {} : { detail: { en: names, es: names } }),
  });
}
