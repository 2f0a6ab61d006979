import type { CliProgram, Text } from '../../system/index.ts';
import { manifestFault } from './errors.ts';
import { type ExplainedField, explainField, suggestField } from './explain.ts';
import { KINDS, KINDS_REFUSED } from './kinds/index.ts';
import type { Treatment } from './schema.ts';

const TREATMENT: Readonly<Record<Treatment['kind'], Text>> = {
  enforced: { en: 'enforced', es: 'se aplica' },
  emulated: { en: 'emulated', es: 'se emula' },
  refused: { en: 'refused', es: 'se rechaza' },
};
const COLOUR = { enforced: 'good', emulated: 'warn', refused: 'bad' } as const;

/**
 * `darsena explain`: what happens to a field of a Kubernetes manifest, without a server.
 * @param others fields of other files, as `compose.services.ports`
 */
export function explainCommands(cli: CliProgram, others: (field: string) => ExplainedField[] = () => []): void {
  const { program, print, t } = cli;
  program
    .command('explain')
    .argument(
      '[field]',
      t({
        en: 'kind and field, as deployment.spec.replicas or compose.services.ports; without: the kinds',
        es: 'tipo y campo, como deployment.spec.replicas o compose.services.ports; sin él: los tipos',
      }),
    )
    .option('--recursive', t({ en: 'with all fields below it', es: 'con todos los campos que contiene' }))
    .description(
      t({
        en: 'say what happens to a field of a Kubernetes manifest or a Compose file; needs no server',
        es: 'decir qué ocurre con un campo de un manifiesto de Kubernetes o de un archivo Compose; no necesita servidor',
      }),
    )
    .action((field: string | undefined, options: { recursive?: boolean }) => {
      if (field === undefined) return listKinds();
      const found = [...explainField(field), ...others(field)];
      const [first] = found;
      if (first === undefined) {
        const kind = KINDS.find((one) => one.kind.toLowerCase() === field.toLowerCase());
        // Who begins with the field most often means a pod's.
        const inPod = explainField(`pod.${field}`).length > 0 ? `pod.${field}` : null;
        const near = kind?.kind ?? inPod ?? suggestField(field);
        throw manifestFault('manifest.field-unknown', { field, near: near === null ? '' : ` ${near}` });
      }
      const depth = field.split('.').length;
      const shown = found.filter(
        ({ path }) => options.recursive === true || path.replaceAll('[]', '').split('.').length <= depth + 1,
      );
      const above = Math.max(
        0,
        first.path.replaceAll('[]', '').lastIndexOf('.', field.replace(/\[\d*\]/g, '').length - 1) + 1,
      );
      print.table(
        [
          {
            title: { en: 'field', es: 'campo' },
            // All lie below the one that was asked for: its own name and what follows tells them apart.
            value: ({ path, required }) => `${path.replaceAll('[]', '').slice(above)}${required ? ' *' : ''}`,
          },
          {
            title: { en: 'what happens', es: 'qué ocurre' },
            value: ({ treatment }) => print.colour(COLOUR[treatment], t(TREATMENT[treatment])),
          },
          { title: { en: 'may be', es: 'puede ser' }, value: ({ type }) => type, wide: shown.length > 1 },
          {
            title: { en: 'how, or why not', es: 'cómo, o por qué no' },
            value: ({ note, within }) =>
              `${note === null ? '' : t(note)}${within === null ? '' : ` (${t({ en: 'as', es: 'como' })} ${within})`}`,
            long: true,
          },
        ],
        shown,
        { json: { items: shown } },
      );
    });

  function listKinds(): void {
    const taken = KINDS.map(({ kind, apiVersion }) => ({ kind, apiVersion, refused: null }));
    const others = Object.entries(KINDS_REFUSED).map(([kind, refused]) => ({ kind, apiVersion: '', refused }));
    const items = [...taken, ...others];
    print.table(
      [
        { title: { en: 'kind', es: 'tipo' }, value: ({ kind }) => kind },
        { title: { en: 'version', es: 'versión' }, value: ({ apiVersion }) => apiVersion },
        {
          title: { en: 'why it is refused', es: 'por qué se rechaza' },
          value: ({ refused }) => (refused === null ? '' : t(refused)),
          long: true,
        },
      ],
      items,
      { json: { items } },
    );
  }
}
