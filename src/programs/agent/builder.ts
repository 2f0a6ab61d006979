import { join } from 'node:path';
import {
  type BuildContext,
  type BuildRegistry,
  type BuildRequest,
  buildImage,
  createBase,
  Workshop,
} from '../../build/index.ts';
import { type Digest, REGISTRY_NAME } from '../../oci/index.ts';
import type { StepHandle } from '../../progress/index.ts';
import { type Clock, type Json, newId } from '../../system/index.ts';
import { attest, type SigningKey, signImage } from '../../trust/index.ts';
import type { BaseTask, BuildTask } from '../link/protocol.ts';
import { type Instance, LOOPBACK } from '../setup/instance.ts';

/** Builds of this host: as the build user, pushed to the platform's registry, signed with this builder's own key. */
export class Builder {
  readonly #instance: Instance;
  readonly #clock: Clock;
  readonly #caPem: string;
  readonly #key: () => SigningKey;
  readonly #builderId: string;
  readonly #workshop: Workshop;
  #opened: Promise<void> | undefined;

  constructor(options: {
    readonly instance: Instance;
    readonly host: string;
    readonly clock: Clock;
    readonly caPem: string;
    /** The one that this builder signs with now. */
    readonly key: () => SigningKey;
  }) {
    const { instance } = options;
    this.#instance = instance;
    this.#clock = options.clock;
    this.#caPem = options.caPem;
    this.#key = options.key;
    this.#builderId = `urn:darsena:builder:${instance.name}:${options.host}`;
    const folder = join(instance.data, 'build');
    this.#workshop = new Workshop(
      instance.users.build,
      { work: join(folder, 'work'), home: join(folder, 'home'), run: join(instance.run, 'build') },
      instance.runtime,
    );
  }

  async build(
    task: BuildTask,
    source: AsyncIterable<Uint8Array>,
    context: { step: StepHandle; signal: AbortSignal },
  ): Promise<Json> {
    const buildContext = await this.#context(task.registryToken, context);
    const request: BuildRequest = {
      id: newId(this.#clock),
      repository: task.repository,
      tags: task.tags,
      source,
      ...(task.containerfile === null ? {} : { containerfile: task.containerfile }),
      args: task.args,
      ...(task.target === null ? {} : { target: task.target }),
      commit: task.commit,
      sourceDateEpoch: task.sourceDateEpoch,
      platform: task.platform,
      labels: task.labels,
      noCache: task.noCache,
      secrets: Object.fromEntries(
        Object.entries(task.secrets).map(([id, value]) => [id, Buffer.from(value, 'base64')]),
      ),
    };
    const result = await buildImage(request, buildContext);
    const { provenance, ...rest } = result;
    return {
      ...(rest as unknown as { [key: string]: Json }),
      bundles: this.#sign(result.digest, task.repository, provenance as unknown as Json),
    };
  }

  async base(task: BaseTask, context: { step: StepHandle; signal: AbortSignal }): Promise<Json> {
    const buildContext = await this.#context(task.registryToken, context);
    const result = await createBase(
      {
        id: newId(this.#clock),
        release: task.release,
        include: task.include,
        ...(task.name === null ? {} : { name: task.name }),
      },
      buildContext,
    );
    const { provenance, packages, ...rest } = result;
    return {
      ...(rest as unknown as { [key: string]: Json }),
      packages: packages.length,
      bundles: this.#sign(result.digest, result.repository, provenance as unknown as Json),
    };
  }

  /** What this builder stands for: that it built this digest, from this source. */
  #sign(digest: Digest, repository: string, provenance: Json): Json {
    const subject = { digest, repository };
    const key = this.#key();
    const bundles = [signImage(key, subject), attest(key, 'provenance', subject, provenance)];
    return bundles.map((bundle) => Buffer.from(bundle).toString('base64'));
  }

  /** Removes what builds left that ended with the agent before this one: sources, secrets, layers. Call once, at the start. */
  async sweep(): Promise<void> {
    if (await this.#workshop.hasLeft()) await this.#open();
  }

  async #open(): Promise<void> {
    this.#opened ??= this.#workshop.open();
    try {
      await this.#opened;
    } catch (error) {
      this.#opened = undefined;
      throw error;
    }
  }

  async #context(token: string, { step, signal }: { step: StepHandle; signal: AbortSignal }): Promise<BuildContext> {
    await this.#open();
    const registry: BuildRegistry = {
      name: REGISTRY_NAME,
      address: `${LOOPBACK}:${this.#instance.ports.console}`,
      caPem: this.#caPem,
      credentials: { username: 'builder', password: token },
    };
    return {
      workshop: this.#workshop,
      registry,
      builderId: this.#builderId,
      progress: step,
      clock: this.#clock,
      signal,
    };
  }
}
