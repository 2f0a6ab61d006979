import type { Command } from 'commander';
import type { CliProgram, Problem } from '../../system/index.ts';
import { respondFault } from '../errors.ts';
import { printable } from '../timeline.ts';
import type { IncidentView } from '../view.ts';
import type { Comment, SavedFilter } from './casework.ts';

interface TriageView {
  readonly items: readonly { readonly number: number; readonly problem: Problem | null }[];
}

/** `darsena incident comment|link|unlink|filters`, and what is done to many at once. */
export function caseworkCommands(cli: CliProgram, noun: Command): void {
  const { api, print, t } = cli;
  const at = (number: string, rest: string): string => `/incidents/${encodeURIComponent(number)}/${rest}`;
  noun
    .command('comment')
    .argument('<number>')
    .argument('<text...>')
    .description(t({ en: 'write something down about an incident', es: 'anotar algo sobre un incidente' }))
    .action(async (number: string, words: string[]) => {
      const comment = await api.post<Comment>(at(number, 'comments'), { text: words.join(' ') });
      if (cli.output.json) print.json(comment);
      else print.result({ en: `written down about incident ${number}`, es: `anotado sobre el incidente ${number}` });
    });
  noun
    .command('people')
    .argument('<number>')
    .description(t({ en: 'who may work on an incident', es: 'quién puede trabajar en un incidente' }))
    .action(async (number: string) => {
      const { items } = await api.get<{ items: { name: string }[] }>(at(number, 'people'));
      print.table([{ title: { en: 'name', es: 'nombre' }, value: (one) => one.name }], items, {
        empty: { en: 'nobody', es: 'nadie' },
      });
    });
  noun
    .command('assign')
    .argument('<number>')
    .argument('[name]')
    .option('--nobody', t({ en: 'take it from whoever has it', es: 'quitarlo a quien lo tiene' }))
    .description(t({ en: 'give an incident to somebody', es: 'encargar un incidente a alguien' }))
    .action(async (number: string, name: string | undefined, { nobody }: { nobody?: boolean }) => {
      if ((name === undefined) === (nobody !== true)) throw respondFault('respond.owner-needed', { number });
      const body = { name: name ?? null };
      const { incident } = await api.put<{ incident: IncidentView }>(at(number, 'owner'), body);
      if (cli.output.json) print.json(incident);
      else if (incident.owner === null)
        print.result({ en: `incident ${number} is with nobody`, es: `nadie se encarga del incidente ${number}` });
      else
        print.result({
          en: `incident ${number} is now with ${incident.owner}`,
          es: `del incidente ${number} se encarga ahora ${incident.owner}`,
        });
    });
  noun
    .command('reopen')
    .argument('<number>')
    .requiredOption('--reason <text>', t({ en: 'why', es: 'por qué' }))
    .description(t({ en: 'go on with an incident that was closed', es: 'seguir con un incidente cerrado' }))
    .action(async (number: string, { reason }: { reason: string }) => {
      const { incident } = await api.post<{ incident: IncidentView }>(at(number, 'reopen'), { reason });
      if (cli.output.json) print.json(incident);
      else
        print.result({
          en: `incident ${number} is open again, with ${incident.owner ?? '–'}`,
          es: `el incidente ${number} está abierto de nuevo, a cargo de ${incident.owner ?? '–'}`,
        });
    });
  noun
    .command('link')
    .argument('<number>')
    .argument('<other>')
    .description(t({ en: 'say that two incidents belong together', es: 'decir que dos incidentes van juntos' }))
    .action(async (number: string, other: string) => {
      await api.put(at(number, `links/${encodeURIComponent(other)}`), {});
      print.result({
        en: `incidents ${number} and ${other} belong together`,
        es: `los incidentes ${number} y ${other} van juntos`,
      });
    });
  noun
    .command('unlink')
    .argument('<number>')
    .argument('<other>')
    .description(t({ en: 'say that they do not', es: 'decir que no van juntos' }))
    .action(async (number: string, other: string) => {
      await api.delete(at(number, `links/${encodeURIComponent(other)}`));
      print.result({
        en: `incidents ${number} and ${other} stand by themselves`,
        es: `los incidentes ${number} y ${other} van por separado`,
      });
    });
  noun
    .command('filters')
    .option('--remove <name>', t({ en: 'forget one', es: 'olvidar uno' }))
    .description(t({ en: 'your saved filters', es: 'sus filtros guardados' }))
    .action(async ({ remove }: { remove?: string }) => {
      if (remove !== undefined) await api.delete(`/incident-filters/${encodeURIComponent(remove)}`);
      const { items } = await api.get<{ items: SavedFilter[] }>('/incident-filters');
      print.table(
        [
          { title: { en: 'filter', es: 'filtro' }, value: (one) => one.name },
          {
            title: { en: 'shows', es: 'muestra' },
            value: (one) =>
              Object.entries(one.query)
                .map(([key, value]) => `${key}=${value}`)
                .join(' '),
            long: true,
          },
        ],
        items,
        { empty: { en: 'no saved filters', es: 'no hay filtros guardados' } },
      );
    });
}

/** Does the same to many; those that could not be done are named, and end with exit code 1. */
export async function triage(cli: CliProgram, numbers: readonly string[], body: object): Promise<void> {
  const answer = await cli.api.post<TriageView>('/incidents/triage', { numbers: numbers.map(Number), ...body });
  const failed = answer.items.filter(({ problem }) => problem !== null);
  if (failed.length > 0) cli.exit(1);
  if (cli.output.json) return cli.print.json(answer);
  const done = answer.items.length - failed.length;
  for (const { number, problem } of failed) {
    const why = problem?.title ?? '';
    cli.print.note({ en: `${number}: ${why}`, es: `${number}: ${why}` });
  }
  cli.print.result({
    en: `${done} of ${answer.items.length} incidents done`,
    es: `${done} de ${answer.items.length} incidentes hechos`,
  });
}

/** What people wrote, and what belongs together, below an incident. */
export async function showCasework(cli: CliProgram, number: number): Promise<void> {
  const { items, links } = await cli.api.get<{ items: Comment[]; links: IncidentView[] }>(
    `/incidents/${number}/comments`,
  );
  const { print, t } = cli;
  if (items.length > 0) {
    print.line('');
    print.line(print.colour('strong', t({ en: 'Comments', es: 'Comentarios' })));
    for (const { at, author, text } of items)
      print.line(`  ${at.slice(0, 19).replace('T', ' ')}  ${author}: ${printable(text)}`);
  }
  if (links.length > 0) {
    print.line('');
    print.line(print.colour('strong', t({ en: 'Belongs together with', es: 'Va junto con' })));
    for (const { number: other, title, state } of links) print.line(`  ${other}  ${printable(title)} (${state})`);
  }
}
