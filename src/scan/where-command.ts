import type { CliProgram, Text } from '../system/index.ts';
import type { FleetAnswer, FleetImage } from './found.ts';

/** `darsena scan where CVE-…`: which images have it, and where they run. */
export function addWhereCommand(cli: CliProgram): void {
  cli.program.commands
    .find((command) => command.name() === 'scan')
    ?.command('where')
    .argument(
      '<finding>',
      cli.t({ en: 'CVE or another id of a finding', es: 'CVE u otro identificador de un hallazgo' }),
    )
    .option('--running', cli.t({ en: 'only images that run now', es: 'solo imágenes que se ejecutan ahora' }))
    .option('--project <name>', cli.t({ en: 'only this project', es: 'solo este proyecto' }))
    .description(
      cli.t({
        en: 'which images have a finding and where they run',
        es: 'qué imágenes tienen un hallazgo y dónde se ejecutan',
      }),
    )
    .action(async (finding: string, options: { running?: boolean; project?: string }) => {
      const query = new URLSearchParams({
        limit: '200',
        ...(options.running ? { running: 'true' } : {}),
        ...(options.project === undefined ? {} : { project: options.project }),
      });
      const answer = await cli.api.get<FleetAnswer>(`/findings/${encodeURIComponent(finding)}/images?${query}`);
      if (!cli.output.json) cli.print.line(summaryOf(answer));
      cli.print.table(
        [
          { title: { en: 'IMAGE', es: 'IMAGEN' }, value: (row: FleetImage) => nameOf(row) },
          { title: { en: 'RUNS', es: 'SE EJECUTA' }, value: (row) => cli.t(runsOf(row)), long: true },
          { title: { en: 'PACKAGE', es: 'PAQUETE' }, value: packageOf },
          { title: { en: 'FIXED IN', es: 'CORREGIDA EN' }, value: ({ packages }) => packages[0]?.fixedVersion ?? '-' },
          { title: { en: 'DIGEST', es: 'DIGEST' }, value: ({ digest }) => digest, wide: true },
        ],
        answer.items,
        { json: answer },
      );
      const more = answer.images - answer.items.length;
      if (more > 0) {
        cli.print.note({
          en: `and ${more} more images that do not run`,
          es: `y ${more} imágenes más que no se ejecutan`,
        });
      }
    });
}

function summaryOf({ finding, aliases, images, running }: FleetAnswer): Text {
  const also = aliases.length === 0 ? '' : ` (${aliases.slice(0, 3).join(', ')})`;
  if (images === 0) {
    return {
      en: `${finding}${also}: no image that was scanned has it`,
      es: `${finding}${also}: ninguna imagen analizada lo tiene`,
    };
  }
  return {
    en: `${finding}${also}: ${images} ${images === 1 ? 'image has' : 'images have'} it, ${running} of them ${running === 1 ? 'runs' : 'run'} now`,
    es: `${finding}${also}: ${images} ${images === 1 ? 'imagen lo tiene' : 'imágenes lo tienen'}, ${running} de ellas se ${running === 1 ? 'ejecuta' : 'ejecutan'} ahora`,
  };
}

function nameOf({ digest, places }: FleetImage): string {
  const [place] = places;
  if (!place) return digest.slice(0, 19);
  return `${place.repository}${place.tags[0] === undefined ? `@${digest.slice(0, 19)}` : `:${place.tags[0]}`}`;
}

function runsOf({ workloads }: FleetImage): Text {
  const list = workloads.map(
    ({ project, environment, name, replicas }) =>
      `${project}/${environment}/${name}${replicas > 1 ? ` ×${replicas}` : ''}`,
  );
  return list.length === 0 ? { en: 'no', es: 'no' } : { en: list.join(', '), es: list.join(', ') };
}

function packageOf({ packages }: FleetImage): string {
  const [first] = packages;
  if (!first) return '-';
  return `${first.name} ${first.version}${packages.length > 1 ? ` (+${packages.length - 1})` : ''}`;
}
