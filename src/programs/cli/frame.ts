import { type Command, CommanderError, Option } from 'commander';
import {
  type CliProgram,
  type Clock,
  EXIT_CODE,
  Fault,
  type FaultText,
  fileReason,
  type Language,
  languageOf,
  ProblemReply,
  systemClock,
  type Text,
} from '../../system/index.ts';
import { instanceName } from '../setup/instance.ts';
import { createAsk } from './ask.ts';
import { ApiClient } from './client.ts';
import { cliFault } from './errors.ts';
import { addHabits } from './habits.ts';
import { createProgram, HELP_WORDS, usageFault } from './help.ts';
import { createView, followOperation } from './operations.ts';
import { createPrint, type PrintTarget, printable, withInstance } from './print.ts';

export interface Frame {
  readonly cli: CliProgram;
  readonly target: PrintTarget;
  readonly clock: Clock;
  /** Runs one command line and answers its exit code; never throws. */
  run(argv: readonly string[]): Promise<number>;
}

/** Commands that are loaded together: one room's, usually. */
export interface CommandUnit {
  /** The top-level names that it adds to the program; a test holds the list true. */
  readonly words: readonly string[];
  /** Its work looks at all other commands. */
  readonly needsAll?: boolean;
  readonly add: (cli: CliProgram, frame: Frame) => Promise<void>;
}

/** The units that a command line needs: the one that has its first word, or all for help and mistakes. */
export function unitsFor(argv: readonly string[], units: readonly CommandUnit[]): readonly CommandUnit[] {
  const word = argv.find((argument, index) => !argument.startsWith('-') && !VALUE_OPTIONS.has(argv[index - 1] ?? ''));
  const unit = units.find(({ words }) => word !== undefined && words.includes(word));
  return unit === undefined || unit.needsAll === true ? units : [unit];
}

/** Global options whose value is the next word. */
const VALUE_OPTIONS: ReadonlySet<string> = new Set(['--instance', '-o', '--output']);

/** The language of the caller's locale, by the precedence of POSIX (XBD 8.2). */
export function callerLanguage(environment: NodeJS.ProcessEnv): Language {
  return languageOf(environment['LC_ALL'] || environment['LC_MESSAGES'] || environment['LANG']);
}

export function processTarget(environment: NodeJS.ProcessEnv = process.env): PrintTarget {
  // A reader that has seen enough (`| head`) ends us quietly.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    process.exit(0);
  });
  const terminal = process.stdout.isTTY === true && environment['TERM'] !== 'dumb';
  return {
    terminal,
    columns: process.stdout.columns ?? 100,
    colour: terminal && (environment['NO_COLOR'] ?? '') === '',
    write: (text) => process.stdout.write(text),
    writeError: (text) => process.stderr.write(text),
  };
}

/** Builds the command line around a list of command makers; the only place that knows exit codes. */
export function createFrame(options: {
  environment: NodeJS.ProcessEnv;
  target: PrintTarget;
  commands: readonly CommandUnit[];
  clock?: Clock;
}): Frame {
  const { environment, target } = options;
  const clock = options.clock ?? systemClock;
  const language = callerLanguage(environment);
  const interrupt = new AbortController();
  const program = createProgram(language);
  program
    .addOption(new Option('--instance <name>', HELP_WORDS.instance[language]))
    .addOption(new Option('--json', HELP_WORDS.json[language]))
    .addOption(new Option('--quiet', HELP_WORDS.quiet[language]))
    // A command that writes a file takes -o for its name; for every other one "wide" is checked below.
    .addOption(
      new Option('-o, --output <format>', HELP_WORDS.output[language]).choices(['wide']).argParser((value) => value),
    );

  const choices = (): { json: boolean; quiet: boolean; wide: boolean } => {
    const given = program.opts<{ json?: boolean; quiet?: boolean; output?: string }>();
    return { json: given.json === true, quiet: given.quiet === true, wide: given.output === 'wide' };
  };
  const named = (): string | undefined => program.opts<{ instance?: string }>().instance;
  const instance = (): string => instanceName(named(), environment);
  const print = createPrint(target, language, clock, choices, named);
  const api = new ApiClient({
    // Only commands that ask the platform need to read and check credentials.
    connection: async () =>
      (await import('./credentials.ts')).readConnection(instance(), { now: clock.now(), environment }),
    language,
    signal: interrupt.signal,
  });
  let exitCode = 0;
  let assumeYes = false;
  const cli: CliProgram = {
    program,
    language,
    api,
    print,
    ask: createAsk(language, interrupt.signal, () => assumeYes),
    signal: interrupt.signal,
    t: (text) => text[language],
    get output() {
      return { ...choices(), terminal: target.terminal };
    },
    get instance() {
      return instance();
    },
    exit: (code) => {
      exitCode = code;
    },
    followOperation: async (id) => {
      const { json, quiet } = choices();
      const view = createView(target, print, language, json || quiet);
      try {
        return await followOperation(api, id, { view, clock, signal: interrupt.signal });
      } catch (error) {
        if (interrupt.signal.aborted) {
          print.note({
            en: `stopped watching; the work goes on: darsena operation watch ${id}   (or: darsena operation cancel ${id})`,
            es: `se dejó de mirar; el trabajo continúa: darsena operation watch ${id}   (o bien: darsena operation cancel ${id})`,
          });
        }
        throw error;
      }
    },
  };

  const report = (error: unknown, command: string): number => {
    if (error instanceof CommanderError) {
      // A noun without a verb: what it can do is the answer.
      if (error.code === 'commander.help') findCommand(program, command).outputHelp();
      const fault = usageFault(error, command);
      return fault === null ? 0 : report(fault, command);
    }
    if (interrupt.signal.aborted && !(error instanceof Fault)) return report(interrupt.signal.reason, command);
    const { text, kind, json } = describeError(error, language);
    if (choices().json) print.json({ error: json });
    target.writeError(formatError(forInstance(text, named()), language, print.colour));
    return CARRIES_CODE.has(command) ? carriedCode(error) : EXIT_CODE[kind];
  };

  const frame: Frame = {
    cli,
    target,
    clock,
    run: async (given) => {
      const argv = namedVersion(given);
      const onInterrupt = (): void => {
        // A second Ctrl-C ends at once.
        if (interrupt.signal.aborted) process.exit(1);
        interrupt.abort(cliFault('cli.interrupted'));
      };
      process.on('SIGINT', onInterrupt);
      let command = '';
      program.hook('preAction', (_program, action) => {
        command = commandPath(action);
        assumeYes = action.opts<{ yes?: boolean }>().yes === true;
        const { output } = program.opts<{ output?: string }>();
        const takesFile = action.options.some(({ long }) => long === '--output');
        if (output !== undefined && output !== 'wide' && !takesFile) {
          const why = `option '-o, --output <format>' argument '${output}' is invalid. Allowed choices are wide.`;
          throw new CommanderError(2, 'commander.invalidArgument', `error: ${why}`);
        }
      });
      try {
        for (const unit of unitsFor(argv, options.commands)) await unit.add(cli, frame);
        addHabits(program, (flag, why, way) =>
          cliFault('cli.flag-refused', { flag, why: why.en, porque: why.es, remedy: way.en, salida: way.es }),
        );
        await program.parseAsync(guardWords(argv, program), { from: 'user' });
        return exitCode;
      } catch (error) {
        return report(error, command === '' ? guessCommand(argv, program) : command);
      } finally {
        process.off('SIGINT', onInterrupt);
        api.close();
      }
    },
  };
  return frame;
}

/** `--version` alone is what people type first at a program they do not know: it is the command of that name. */
export function namedVersion(argv: readonly string[]): readonly string[] {
  const isAlone = argv.every((word, index) => word.startsWith('-') || VALUE_OPTIONS.has(argv[index - 1] ?? ''));
  if (!isAlone || argv.includes('--help') || argv.includes('-h')) return argv;
  return argv.map((word) => (word === '--version' || word === '-V' ? 'version' : word));
}

/** Commands whose exit code is that of a program in a container: their own failures must not look like one of its. */
const CARRIES_CODE: ReadonlySet<string> = new Set(['attach', 'debug', 'exec', 'run']);

/** As podman-run(1) and docker-run(1) have it: 127 the program is not there, 126 it cannot be started, 125 all else. */
function carriedCode(error: unknown): number {
  const code = error instanceof ProblemReply ? error.problem.code : error instanceof Fault ? error.code : '';
  return code === 'engine.command-missing' ? 127 : code === 'engine.command-unusable' ? 126 : 125;
}

/** Commands whose last words are another program's: its options are not ours. */
const FOREIGN_WORDS: ReadonlySet<string> = new Set(['exec', 'run']);

/**
 * Puts `--` between our words and those of the program that is to run: `exec -it tienda/web ls -l` means what people mean
 * by it. A `--` that is written already, right after our own options, stays where it is.
 */
export function guardWords(argv: readonly string[], program: Command): string[] {
  const at = argv.findIndex((word) => FOREIGN_WORDS.has(word));
  const command = program.commands.find((one) => one.name() === argv[at]);
  if (at === -1 || command === undefined || argv.slice(0, at).includes('--')) return [...argv];
  const options = [...command.options, ...program.options];
  /** The word after the options that begin at `from`. */
  const skipOptions = (from: number): number => {
    let index = from;
    for (; index < argv.length; index++) {
      const word = argv[index] ?? '';
      if (!/^-./.test(word) || word === '--') break;
      const option = options.find(({ short, long }) => word === long || word === short);
      if (option !== undefined && (option.required || option.optional)) index += 1;
    }
    return index;
  };
  const named = skipOptions(at + 1);
  if (argv[named] === undefined || argv[named] === '--') return [...argv];
  const next = skipOptions(named + 1);
  if (argv[next] === '--' || (next === argv.length && next === named + 1)) return [...argv];
  return [...argv.slice(0, named + 1), '--', ...argv.slice(named + 1)];
}

/** A way out that names a command names the instance too, where the caller did. */
export function forInstance(text: FaultText, instance: string | undefined): FaultText {
  return instance === undefined || text.remedy === undefined
    ? text
    : { ...text, remedy: withInstance(text.remedy, instance) };
}

/** What failed on what; why; the way out. */
export function formatError(
  text: FaultText,
  language: Language,
  colour: (kind: 'bad' | 'faint', text: string) => string,
): string {
  const words = language === 'es' ? { why: 'porque', way: 'salida' } : { why: 'because', way: 'way out' };
  const lines = [`${colour('bad', 'error:')} ${text.what}`];
  if (text.why !== undefined) lines.push(`  ${colour('faint', `${words.why}:`)} ${text.why}`);
  if (text.remedy !== undefined) lines.push(`  ${colour('faint', `${words.way}:`)} ${text.remedy}`);
  return lines.map((line) => `${line}\n`).join('');
}

function describeError(error: unknown, language: Language): { text: FaultText; kind: Fault['kind']; json: unknown } {
  if (error instanceof ProblemReply) return { text: error.text, kind: error.problem.kind, json: error.problem };
  if (error instanceof Fault) return { text: error.text(language), kind: error.kind, json: error.toProblem(language) };
  const known = placeFault(error);
  if (known !== null) return describeError(known, language);
  const reason = error instanceof Error ? error.message : String(error);
  if (process.env['DARSENA_DEBUG'] !== undefined && error instanceof Error) console.error(error.stack);
  return describeError(cliFault('cli.unexpected', { reason }, { cause: error }), language);
}

/** What the kernel says of a file or a port that the caller named, or null. */
function placeFault(error: unknown): Fault | null {
  if (!(error instanceof Error) || !('syscall' in error)) return null;
  const { code, path, syscall, address, port } = error as NodeJS.ErrnoException & { address?: string; port?: number };
  if (syscall === 'listen' || syscall === 'bind') {
    const why = LISTEN_REASONS[code ?? ''] ?? { en: error.message, es: error.message };
    const place = `${address}:${port}`;
    return cliFault('cli.port-taken', { place, why: why.en, porque: why.es }, { cause: error });
  }
  if (path === undefined) return null;
  const why = fileReason(error);
  return cliFault('cli.file', { path: printable(path), why: why.en, porque: why.es }, { cause: error });
}

const LISTEN_REASONS: Readonly<Record<string, Text>> = {
  EADDRINUSE: { en: 'another program has this port', es: 'otro programa tiene ese puerto' },
  EACCES: { en: 'this account may not listen there', es: 'esta cuenta no puede escuchar ahí' },
  EADDRNOTAVAIL: { en: 'this machine has no such address', es: 'esta máquina no tiene esa dirección' },
};

/** The command's words without the program's own: `incident respond`. */
function commandPath(command: Command): string {
  return command.parent === null ? '' : `${commandPath(command.parent)} ${command.name()}`.trim();
}

/** For a usage error before any action ran: the words that name known commands. */
function guessCommand(argv: readonly string[], program: Command): string {
  let command = program;
  for (const [index, word] of argv.entries()) {
    // `--instance up top`: a value is no command.
    if (VALUE_OPTIONS.has(argv[index - 1] ?? '')) continue;
    const found = command.commands.find((child) => child.name() === word);
    if (found !== undefined) command = found;
    else if (!word.startsWith('-')) break;
  }
  return commandPath(command);
}

function findCommand(program: Command, path: string): Command {
  let command = program;
  for (const word of path.split(' ')) command = command.commands.find((child) => child.name() === word) ?? command;
  return command;
}
