import type { Command } from 'commander';
import { parseReference } from '../oci/index.ts';
import type { CliProgram } from '../system/index.ts';
import { registryFault } from './errors.ts';
import { PULLS_DAYS_MAX, PULLS_HOURS_MAX } from './limits.ts';
import type { PullHistory } from './pull-history.ts';

const DAYS = 30;
const BAR_CELLS = 30;

/** `darsena image pulls`: how often, by whom. */
export function addPullsCommand(noun: Command, cli: CliProgram): void {
  noun
    .command('pulls')
    .argument('<where>', 'PROJECT | PROJECT/IMAGE[:TAG|@DIGEST]')
    .option('--by <period>', cli.t({ en: 'hour or day', es: 'hour (hora) o day (día)' }), 'day')
    .option(
      '--count <periods>',
      cli.t({ en: 'how many periods, up to now', es: 'cuántos periodos, hasta ahora' }),
      String(DAYS),
    )
    .description(
      cli.t({
        en: 'how often images were pulled over time, and by whom',
        es: 'cuántas veces se descargaron las imágenes a lo largo del tiempo, y quién',
      }),
    )
    .action(async (where: string, options: { by: string; count: string }) => {
      const query = new URLSearchParams({ by: options.by, count: options.count });
      const most = options.by === 'hour' ? PULLS_HOURS_MAX : PULLS_DAYS_MAX;
      const count = Number(options.count);
      if (options.by !== 'hour' && options.by !== 'day') {
        throw registryFault('registry.pulls-invalid', { why: `--by is hour or day, not "${options.by.slice(0, 40)}"` });
      }
      if (!Number.isInteger(count) || count < 1 || count > most) {
        throw registryFault('registry.pulls-invalid', { why: `--count is 1 to ${most} with --by ${options.by}` });
      }
      const project = await readPlace(cli, where, query);
      const history = await cli.api.get<PullHistory>(`/projects/${encodeURIComponent(project)}/pulls?${query}`);
      if (cli.output.json) cli.print.json(history);
      else printHistory(cli, history);
    });
}

/** Puts repository and digest into the query; @returns the project. */
async function readPlace(cli: CliProgram, where: string, query: URLSearchParams): Promise<string> {
  if (!where.includes('/')) return where;
  const { repository, tag, digest } = parseReference(where);
  const project = repository.slice(0, repository.indexOf('/'));
  query.set('repository', repository);
  if (digest !== null) query.set('digest', digest);
  else if (tag !== null) {
    const found = await cli.api.get<{ readonly digest: string }>(
      `/projects/${encodeURIComponent(project)}/quarantine?${new URLSearchParams({ repository, reference: tag })}`,
    );
    query.set('digest', found.digest);
  }
  return project;
}

function printHistory(cli: CliProgram, history: PullHistory): void {
  const most = Math.max(1, ...history.periods.map(({ pulls }) => pulls));
  const first = history.periods.findIndex(({ pulls }) => pulls > 0);
  const length = history.by === 'hour' ? 16 : 10;
  cli.print.table(
    [
      { title: { en: 'from (UTC)', es: 'desde (UTC)' }, value: (one) => one.at.slice(0, length).replace('T', ' ') },
      { title: { en: 'pulls', es: 'descargas' }, value: (one) => String(one.pulls), align: 'right' },
      { title: { en: '', es: '' }, value: (one) => '█'.repeat(Math.ceil((one.pulls / most) * BAR_CELLS)) },
    ],
    first < 0 ? [] : history.periods.slice(first),
    { empty: { en: 'nothing was pulled in this time', es: 'no se descargó nada en este tiempo' } },
  );
  if (history.actors.length === 0) return;
  cli.print.line({ en: '', es: '' });
  cli.print.table(
    [
      { title: { en: 'who', es: 'quién' }, value: (one) => one.actor },
      { title: { en: 'pulls', es: 'descargas' }, value: (one) => String(one.pulls), align: 'right' },
      { title: { en: 'last', es: 'última' }, value: (one) => one.lastAt },
    ],
    history.actors,
    { empty: { en: '', es: '' } },
  );
}
