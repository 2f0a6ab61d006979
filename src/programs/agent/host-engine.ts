import { join } from 'node:path';
import {
  type ContainerEngine,
  CriEngine,
  type EngineLack,
  engineFault,
  PodmanEngine,
  type TightenSeccomp,
} from '../../deploy/engines/local/index.ts';
import { type Clock, type CommandResult, type Log, runCommand } from '../../system/index.ts';
import { type Instance, instanceFiles } from '../setup/instance.ts';
import { EngineService } from './engine-service.ts';
import { dropHalfNetwork } from './half-network.ts';
import { engineEnvironment } from './own-container.ts';

/** A question to the engine's command line. */
const ENGINE_CALL_MS = 30_000;

/** The engine that `up` chose: Podman, which the agent starts for itself, or a CRI server of the host's own. */
export async function openHostEngine(options: {
  readonly instance: Instance;
  readonly log: Log;
  readonly clock: Clock;
  readonly tightenSeccomp: TightenSeccomp;
}): Promise<{ readonly engine: ContainerEngine; close(): void }> {
  const { instance, tightenSeccomp } = options;
  if (instance.cri !== undefined) {
    const engine = new CriEngine({
      ...{ socketPath: instance.cri.socket, instance: instance.name, tightenSeccomp },
      folder: criFolder(instance),
    });
    return { engine, close: () => engine.close() };
  }
  const service = new EngineService(options);
  await service.start();
  const engine = new PodmanEngine({
    ...{ socketPath: instance.podman.socket, instance: instance.name, tightenSeccomp },
    serviceOf: (runtime) => service.withRuntime(runtime),
    dropHalfNetwork: () => dropHalfNetwork(engineEnvironment(instance)),
  });
  return {
    engine,
    close: () => {
      service.stop();
      engine.close();
    },
  };
}

/** Volumes, hosts files and logs of the pods of a CRI server. */
export function criFolder(instance: Instance): string {
  return join(instanceFiles(instance).agent.folder, 'cri');
}

/** @throws Fault engine.lacks with the reason why an engine of this kind cannot do it */
export async function requireHas(engine: ContainerEngine, what: EngineLack): Promise<void> {
  const why = (await engine.facts()).lacks?.[what];
  if (why !== undefined) throw engineFault('engine.lacks', { operation: what, why: why.en, porque: why.es });
}

/** The engine's command line, for what the port does not speak of; a CRI server has none, and is asked in its own words. */
export async function askPodman(
  instance: Instance,
  engine: ContainerEngine,
  args: readonly string[],
): Promise<CommandResult> {
  if (engine instanceof CriEngine) return await answerForCri(engine, args);
  return await runCommand('podman', args, { env: engineEnvironment(instance), timeoutMs: ENGINE_CALL_MS });
}

/**
 * The questions that storage asks of Podman's command line, answered for a CRI server: which containers have a volume.
 * @throws Fault engine.lacks for anything else, such as pausing them
 */
async function answerForCri(engine: CriEngine, args: readonly string[]): Promise<CommandResult> {
  const users = await engine.volumeUsers();
  const answer = (stdout: string): CommandResult => ({ code: 0, stdout, stderr: '' });
  const [verb, ...words] = args;
  const volume = words.find((word) => word.startsWith('volume='))?.slice('volume='.length);
  if (verb === 'ps' && volume !== undefined) {
    const found = (users.get(volume) ?? []).map(({ id, running }) => ({
      Id: id,
      State: running ? 'running' : 'exited',
    }));
    return answer(JSON.stringify(found));
  }
  const ids = [...new Set([...users.values()].flat().map(({ id }) => id))];
  if (verb === 'ps') return answer(ids.join('\n'));
  if (verb === 'inspect') {
    const namesOf = (id: string): string =>
      [...users].flatMap(([name, who]) => (who.some((one) => one.id === id) ? [name] : [])).join(' ');
    return answer(
      words
        .filter((word) => ids.includes(word))
        .map(namesOf)
        .join('\n'),
    );
  }
  const why = (await engine.facts()).lacks?.pause ?? { en: '', es: '' };
  throw engineFault('engine.lacks', { operation: String(verb), why: why.en, porque: why.es });
}
