import { Argument, type Command } from 'commander';
import type { CliProgram } from '../../system/index.ts';

const SHELLS = ['bash', 'zsh', 'fish'] as const;
type Shell = (typeof SHELLS)[number];

/** The word that the shells call us back with. */
const CALLBACK = '__complete';
/** A shell that waits longer than this feels stuck; then only words known without the platform are offered. */
const NAMES_TIMEOUT_MS = 800;

const SCRIPTS: Readonly<Record<Shell, string>> = {
  bash: `_darsena() {
  local IFS=$'\\n'
  COMPREPLY=($(darsena ${CALLBACK} -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null))
}
complete -o default -F _darsena darsena
`,
  zsh: `#compdef darsena
_darsena() {
  local -a found
  found=("\${(@f)$(darsena ${CALLBACK} -- "\${(@)words[2,CURRENT]}" 2>/dev/null)}")
  compadd -- $found
}
compdef _darsena darsena
`,
  fish: `complete -c darsena -f -a '(darsena ${CALLBACK} -- (commandline -opc)[2..-1] (commandline -ct) 2>/dev/null)'
`,
};

/** Where the names of an argument come from, by the argument's own name. */
const NAME_SOURCES: Readonly<Record<string, { path: string; names: (item: Record<string, unknown>) => unknown[] }>> = {
  project: { path: '/projects', names: (item) => [item['name']] },
  incident: { path: '/incidents', names: (item) => [item['number']] },
  operation: { path: '/operations', names: (item) => [item['id']] },
  host: { path: '/hosts', names: (item) => [item['name']] },
  user: { path: '/users', names: (item) => [item['name']] },
  token: { path: '/tokens', names: (item) => [item['id']] },
};

export function completionCommands(cli: CliProgram): void {
  cli.program
    .command('completion')
    .description(
      cli.t({
        en: 'print the completion script of a shell',
        es: 'mostrar el guion de autocompletado de un intérprete',
      }),
    )
    .addArgument(new Argument('<shell>').choices([...SHELLS]))
    .action((shell: Shell) => {
      process.stdout.write(SCRIPTS[shell]);
    });
  cli.program
    .command(CALLBACK, { hidden: true })
    .argument('[words...]')
    .action(async (words: string[]) => {
      const names = async (argument: string): Promise<string[]> => readNames(cli, argument);
      for (const word of await complete(cli.program, words, names)) process.stdout.write(`${word}\n`);
    });
}

/** The words that can stand in the last place of `words`. */
export async function complete(
  program: Command,
  words: readonly string[],
  names: (argument: string) => Promise<string[]>,
): Promise<string[]> {
  const current = words.at(-1) ?? '';
  let command = program;
  const given: string[] = [];
  for (const word of words.slice(0, -1)) {
    if (word.startsWith('-')) continue;
    const next = command.commands.find((child) => child.name() === word || child.aliases().includes(word));
    if (next !== undefined && given.length === 0) command = next;
    else given.push(word);
  }
  const candidates: string[] = [];
  if (current.startsWith('-')) {
    for (const option of [...command.options, ...program.options]) {
      if (!option.hidden) candidates.push(option.long ?? option.short ?? '');
    }
    candidates.push('--help');
  } else if (command.commands.length > 0) {
    candidates.push(...command.commands.map((child) => child.name()).filter((name) => name !== CALLBACK));
  } else {
    const argument = command.registeredArguments[given.length] ?? command.registeredArguments.at(-1);
    if (argument !== undefined) candidates.push(...(argument.argChoices ?? (await names(argument.name()))));
  }
  return [...new Set(candidates)].filter((word) => word !== '' && word.startsWith(current));
}

async function readNames(cli: CliProgram, argument: string): Promise<string[]> {
  const deadline = new Promise<string[]>((resolve) => setTimeout(() => resolve([]), NAMES_TIMEOUT_MS).unref());
  // Completion never says anything about a platform that is away: it offers nothing.
  return Promise.race([fetchNames(cli, argument).catch(() => []), deadline]);
}

async function fetchNames(cli: CliProgram, argument: string): Promise<string[]> {
  const list = async (path: string): Promise<Record<string, unknown>[]> =>
    (await cli.api.get<{ items: Record<string, unknown>[] }>(path)).items;
  if (argument === 'workload') {
    const found: string[] = [];
    for (const project of await list('/projects')) {
      const name = String(project['name']);
      for (const workload of await list(`/projects/${encodeURIComponent(name)}/workloads`)) {
        found.push(`${name}/${String(workload['name'])}`);
      }
    }
    return [...new Set(found)];
  }
  if (argument === 'place') {
    return (await list('/projects')).flatMap(({ name, environments }) =>
      (environments as readonly { readonly name: string }[]).map((one) => `${String(name)}/${one.name}`),
    );
  }
  const source = NAME_SOURCES[argument];
  return source === undefined ? [] : (await list(source.path)).flatMap(source.names).map(String);
}
