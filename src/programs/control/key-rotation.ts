import type { Digest } from '../../oci/index.ts';
import { type Operations, type StepHandle, silentStep } from '../../progress/index.ts';
import type { Clock, Log, Text } from '../../system/index.ts';
import { isFormer, readPublicKey, signerName, type Trust, type TrustPorts, trustFault } from '../../trust/index.ts';
import type { HostTask } from '../link/protocol.ts';

interface Image {
  readonly repository: string;
  readonly digest: Digest;
}

export interface KeyRotationParts {
  readonly trust: Trust;
  readonly hosts: () => {
    views(): readonly { readonly name: string; readonly facts: { readonly builderKey: string } | null }[];
    run(task: HostTask, options: { readonly step: StepHandle; readonly host: string }): Promise<unknown>;
  };
  readonly images: () => AsyncIterable<Image>;
  readonly operations: Operations;
  /** Told when control signs with another key. */
  readonly changed: () => void;
  readonly clock: Clock;
  readonly log: Log;
}

/** Operations that a start looks at for one to go on with, the newest. */
const RESUMED_MAX = 1_000;

const TITLE: Text = {
  en: 'Sign anew what the former key signed',
  es: 'Firmar de nuevo lo que firmó la clave anterior',
};

/** The name under which control believes the key of a host's builder; with its key, so that former ones stand apart. */
export function builderName(host: string, publicKeyPem: string): string {
  return `builder:${host}:${readPublicKey(publicKeyPem, host).id.slice(0, 12)}`;
}

/** Believes the key that a host's builder says it signs with. @returns its name */
export async function believeBuilder(trust: Trust, host: string, publicKeyPem: string): Promise<string> {
  const name = builderName(host, publicKeyPem);
  const key = { name, uses: ['image', 'provenance'], repositories: ['**'], publicKeyPem } as const;
  await trust.addPublicKey(key, `agent:${host}`);
  return name;
}

/** What is done elsewhere when a key gets a successor. */
export function keyRotation(
  parts: KeyRotationParts,
): Required<Omit<TrustPorts, 'changed'>> & { resume(): Promise<void> } {
  const { trust, hosts, operations, log } = parts;
  return {
    async rotateBuilder(name) {
      // A key that the builder no longer signs with has nothing to be replaced: it can only be revoked.
      const standing = hosts()
        .views()
        .find((host) => host.facts !== null && builderName(host.name, host.facts.builderKey) === name);
      if (standing === undefined) throw trustFault('trust.builder-former', { key: name });
      const made = await hosts().run({ kind: 'builder-key' }, { step: silentStep, host: standing.name });
      const { publicKeyPem } = made as { publicKeyPem?: unknown };
      return { name: await believeBuilder(trust, standing.name, String(publicKeyPem)) };
    },
    succeeded(name, actor, { stolen }) {
      parts.changed();
      // What a thief may have signed is not said anew: scans are stated by the next scan, approvals by who gave them.
      if (stolen) return;
      restateAll(parts, name, actor).catch((error: unknown) =>
        log.error({ err: error, key: name }, 'what a former key signed could not be signed anew'),
      );
    },
    /** Goes on with what a control before this one began and did not end. What is signed anew already is left as it is. */
    async resume() {
      const before = await operations.list({ projects: '*', limit: RESUMED_MAX });
      if (before.find(({ kind }) => kind === 'key-rotation')?.state !== 'interrupted') return;
      const keys = await trust.keys();
      const names = new Set(
        keys.filter(({ name, revokedAt }) => isFormer(name) && revokedAt === null).map(({ name }) => signerName(name)),
      );
      for (const { name, signsHere } of keys) {
        if (signsHere && names.has(name)) await restateAll(parts, name, 'platform');
      }
    },
  };

  async function restateAll({ images, clock }: KeyRotationParts, name: string, actor: string): Promise<void> {
    const { finished } = await operations.start(
      { kind: 'key-rotation', project: null, environment: null, actor, title: TITLE },
      async (context) => {
        const step = context.step(TITLE);
        let [done, made] = [0, 0];
        for await (const image of images()) {
          context.signal.throwIfAborted();
          made += await trust.restateFormer(image, name, actor);
          done += 1;
          step.update({ done, unit: 'items' });
          await clock.sleep(0);
        }
        step.done({ en: `${made} statements of ${done} images`, es: `${made} declaraciones de ${done} imágenes` });
        return { images: done, statements: made };
      },
    );
    await finished;
  }
}
