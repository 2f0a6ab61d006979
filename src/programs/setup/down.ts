import { rm } from 'node:fs/promises';
import type { CliAsk, Clock, Text } from '../../system/index.ts';
import { setupFault } from './errors.ts';
import { currentMode, type Instance, instanceFiles } from './instance.ts';
import { withInstanceLock } from './lock.ts';
import { endSocketOwners } from './processes.ts';
import { isWeak, PROGRAMS_TO_STOP, type ProgramName } from './programs.ts';
import { purgeInstance, removeWorkloads } from './purge.ts';
import type { LocalSteps } from './steps.ts';
import { stopProgram } from './supervisor.ts';

export interface DownOptions {
  readonly workloads: boolean;
  readonly purge: boolean;
  readonly yes: boolean;
}

export interface DownResult {
  readonly stopped: readonly ProgramName[];
  readonly removed: readonly Text[];
}

const SERVICE_GRACE_MS = 5_000;

/**
 * Stops the platform; with `workloads` also what it runs, with `purge` removes all it owns.
 * @throws Fault `setup.not-owner`, `setup.purge-consent`, `setup.purge-name`
 */
export async function takeDown(
  instance: Instance,
  options: DownOptions,
  context: {
    steps: LocalSteps;
    ask: CliAsk;
    terminal: boolean;
    clock: Clock;
    drawn: <T>(work: () => Promise<T>) => Promise<T>;
  },
): Promise<DownResult> {
  const { steps, clock } = context;
  if (instance.mode === 'root' && currentMode() !== 'root') {
    throw setupFault('setup.not-owner', { name: instance.name, command: 'darsena down' });
  }
  if (options.purge && !options.yes) await consentToPurge(instance, context);
  return context.drawn(() =>
    withInstanceLock(instance.name, instance, async () => {
      const stopped: ProgramName[] = [];
      await steps.run({ en: 'Stop the platform', es: 'Detener la plataforma' }, async (step) => {
        for (const program of PROGRAMS_TO_STOP) {
          if (await stopProgram(instanceFiles(instance).supervisors, program, clock)) stopped.push(program);
        }
        await rm(instanceFiles(instance).edge.current, { force: true });
        if (instance.sensor) {
          // Native calls, which nothing else of the command line needs.
          const { removeFallback, removePins } = await import('../../observe/index.ts');
          removePins(instanceFiles(instance).sensor.pins);
          if (isWeak(instance)) removeFallback(instance.name);
        }
        // An agent that was killed leaves its engine service behind; it listens below our own run folder.
        await endSocketOwners(instance.run, { clock, graceMs: SERVICE_GRACE_MS });
        const names = stopped.join(', ');
        step.detail(
          stopped.length === 0 ? { en: 'nothing ran', es: 'no había nada en marcha' } : { en: names, es: names },
        );
      });
      let removed: Text[] = [];
      if (options.purge) {
        removed = await steps.run(
          { en: 'Remove everything of the instance', es: 'Eliminar todo lo de la instancia' },
          () => purgeInstance(instance, clock),
        );
      } else if (options.workloads) {
        removed = await steps.run({ en: 'Stop and remove workloads', es: 'Detener y eliminar cargas de trabajo' }, () =>
          removeWorkloads(instance),
        );
      }
      steps.finish();
      return { stopped, removed };
    }),
  );
}

/** There is no undo: the name is typed. */
async function consentToPurge(instance: Instance, context: { ask: CliAsk; terminal: boolean }): Promise<void> {
  const { name } = instance;
  if (!context.terminal) throw setupFault('setup.purge-consent', { name });
  const typed = await context.ask.text(
    {
      en: `This removes every project, image, volume and fact of the instance "${name}", for good. Type its name to go on:`,
      es: `Esto elimina para siempre todos los proyectos, imágenes, volúmenes y hechos de la instancia "${name}". Escriba su nombre para seguir:`,
    },
    { remedy: 'darsena down --purge --yes' },
  );
  if (typed !== name) throw setupFault('setup.purge-name', { name, typed });
}
