import {
  type CliApi,
  type CliPrint,
  type CliProgram,
  type Clock,
  type Language,
  type OperationView,
  ProblemReply,
} from '../../system/index.ts';
import { cliFault } from './errors.ts';
import { formatDuration, type PrintTarget } from './print.ts';
import { createLineView, createTreeView, type ProgressView } from './progress.ts';

/** Redrawing faster than this is not seen. */
const REDRAW_MS = 120;
/** Control is back within 2 s after a crash; its database keeps the operation. */
const RECONNECT_TRIES = 20;
const RECONNECT_MS = 500;

/** The view that fits where the caller reads: tree, lines, or nothing. */
export function createView(
  target: PrintTarget,
  print: Pick<CliPrint, 'colour' | 'command'>,
  language: Language,
  silent: boolean,
): ProgressView {
  if (silent) return { update: () => undefined, end: () => undefined };
  const style = { language, columns: target.columns, colour: print.colour, command: print.command };
  return target.terminal
    ? createTreeView((text) => target.write(text), { ...style, rows: () => process.stdout.rows ?? 24 })
    : createLineView((text) => target.write(text), style);
}

/** Draws at a steady pace while `work` changes what `snapshot` answers. */
export async function drawWhile<T>(
  view: ProgressView,
  snapshot: () => Pick<OperationView, 'steps' | 'state'> | null,
  work: Promise<T>,
  clock: Clock,
): Promise<T> {
  const draw = (end: boolean): void => {
    const now = snapshot();
    if (now !== null) view[end ? 'end' : 'update'](now, clock.now());
  };
  const timer = setInterval(() => draw(false), REDRAW_MS);
  try {
    return await work;
  } finally {
    clearInterval(timer);
    draw(true);
  }
}

/**
 * Watches an operation to its end, through restarts of control.
 * @throws ProblemReply as it ended; Fault `cli.operation-ended` when it says no more
 */
export async function followOperation(
  api: CliApi,
  id: string,
  options: { view: ProgressView; clock: Clock; signal: AbortSignal },
): Promise<OperationView> {
  let last: OperationView | null = null;
  const watch = async (): Promise<OperationView> => {
    for (let failures = 0; ; ) {
      try {
        await api.stream(`/operations/${encodeURIComponent(id)}/events`, (event) => {
          if (event.event !== 'operation') return undefined;
          failures = 0;
          last = event.data as unknown as OperationView;
          return last.state === 'running' ? undefined : false;
        });
        last = await api.get<OperationView>(`/operations/${encodeURIComponent(id)}`);
        if (last.state !== 'running') return last;
      } catch (error) {
        if (options.signal.aborted || error instanceof ProblemReply) throw error;
        if (++failures === RECONNECT_TRIES) throw error;
      }
      await options.clock.sleep(RECONNECT_MS, options.signal);
    }
  };
  const ended = await drawWhile(options.view, () => last, watch(), options.clock);
  if (ended.state === 'done') return ended;
  if (ended.problem !== null) throw new ProblemReply(ended.problem);
  throw cliFault('cli.operation-ended', { title: ended.title.en, state: ended.state });
}

/** `darsena operation …`: long work that was started here, in the console or by somebody else. */
export function operationCommands(cli: CliProgram): void {
  const noun = cli.program.command('operation').description(
    cli.t({
      en: 'long work: what runs, watch it, cancel it',
      es: 'trabajos largos: ver cuáles hay, seguirlos, cancelarlos',
    }),
  );
  noun
    .command('list')
    .description(cli.t({ en: 'list running operations', es: 'listar los trabajos en marcha' }))
    .option('--all', cli.t({ en: 'also those that ended', es: 'también los terminados' }))
    .action(async (options: { all?: boolean }) => {
      const { items } = await cli.api.get<{ items: OperationView[] }>(
        `/operations${options.all === true ? '' : '?state=running'}`,
      );
      cli.print.table(
        [
          { title: { en: 'id', es: 'id' }, value: (row) => row.id },
          { title: { en: 'what', es: 'qué' }, value: (row) => cli.t(row.title) },
          { title: { en: 'state', es: 'estado' }, value: (row) => row.state },
          {
            title: { en: 'time', es: 'tiempo' },
            value: (row) =>
              row.endedAt === null
                ? cli.print.age(row.startedAt)
                : formatDuration(Date.parse(row.endedAt) - Date.parse(row.startedAt)),
          },
        ],
        items,
        { empty: { en: 'nothing runs', es: 'no hay nada en marcha' } },
      );
    });
  noun
    .command('watch')
    .argument('<operation>')
    .description(cli.t({ en: 'watch an operation to its end', es: 'seguir un trabajo hasta su final' }))
    .action(async (id: string) => {
      const operation = await cli.followOperation(id);
      if (cli.output.json) cli.print.json(operation);
    });
  noun
    .command('cancel')
    .argument('<operation>')
    .description(cli.t({ en: 'cancel an operation', es: 'cancelar un trabajo' }))
    .action(async (id: string) => {
      await cli.api.post(`/operations/${encodeURIComponent(id)}/cancel`);
      cli.print.line({ en: `operation ${id} is being cancelled`, es: `el trabajo ${id} se está cancelando` });
    });
}
