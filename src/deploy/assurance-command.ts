import type { CliProgram, Text } from '../system/index.ts';
import type { EnvironmentAvailability } from './availability.ts';
import { deployFault } from './errors.ts';

/** As `/projects/:project/assurance` tells it. */
interface AssuranceView extends EnvironmentAvailability {
  readonly images: { readonly total: number; readonly signed: number };
  readonly volumes: {
    readonly total: number;
    readonly encrypted: number;
    readonly backedUp: number;
    readonly restored: number;
    readonly failedAt: string | null;
  };
}

/** `darsena assurance PROJECT`: availability, integrity and confidentiality of each environment, stated and measured. */
export function assuranceCommand(cli: CliProgram): void {
  const { program, api, print, t } = cli;
  const count = ({ total }: { readonly total: number }, part: number): string =>
    total === 0 ? '—' : t({ en: `${part} of ${total}`, es: `${part} de ${total}` });
  program
    .command('assurance')
    .argument('<project>')
    .option('--days <count>', t({ en: 'look back so many days (30)', es: 'mirar tantos días atrás (30)' }))
    .description(
      t({
        en: 'how available, intact and confidential environments are: what is stated and what was measured',
        es: 'cuán disponibles, íntegros y confidenciales son los entornos: lo declarado y lo medido',
      }),
    )
    .action(async (project: string, { days = '30' }: { days?: string }) => {
      if (!/^[1-9]\d{0,2}$/.test(days) || Number(days) > 400)
        throw deployFault('deploy.name-invalid', { name: days, expected: '1 … 400' });
      const { items } = await api.get<{ items: AssuranceView[] }>(`/projects/${project}/assurance?days=${days}`);
      print.table(
        [
          { title: { en: 'environment', es: 'entorno' }, value: (one) => one.environment },
          {
            title: { en: 'served', es: 'disponible' },
            value: ({ served }) => (served === null ? '—' : `${floorPercent(served)} %`),
            align: 'right',
          },
          {
            title: { en: 'stated', es: 'declarado' },
            value: ({ objective }) => (objective === null ? '—' : `${objective} %`),
            align: 'right',
          },
          { title: { en: 'down', es: 'caído' }, value: (one) => formatSeconds(one.downSeconds), align: 'right' },
          {
            title: { en: 'watched', es: 'observado' },
            value: (one) => formatSeconds(one.watchedSeconds),
            align: 'right',
          },
          {
            title: { en: 'images signed', es: 'imágenes firmadas' },
            value: ({ images }) => count(images, images.signed),
          },
          {
            title: { en: 'volumes encrypted', es: 'volúmenes cifrados' },
            value: ({ volumes }) => count(volumes, volumes.encrypted),
          },
          { title: { en: 'backed up', es: 'con copia' }, value: ({ volumes }) => count(volumes, volumes.backedUp) },
          {
            title: { en: 'restore tried', es: 'restauración probada' },
            value: ({ volumes }) => count(volumes, volumes.restored),
          },
        ],
        items,
        {
          empty: {
            en: `${project} has no environments yet`,
            es: `${project} todavía no tiene entornos`,
          },
          json: { items },
        },
      );
      for (const one of items) for (const note of notesOf(one)) print.note(`${one.environment}: ${t(note)}`);
    });
}

/** Never rounded up: 99.9996 % is not all of the time. */
function floorPercent(percent: number): string {
  return String(Math.floor(percent * 1_000 + 1e-6) / 1_000);
}

/** `45 s`, `3 min 05 s`, `2 h 10 min`, `12 d 4 h`. */
function formatSeconds(seconds: number): string {
  const parts: readonly (readonly [number, string])[] = [
    [Math.floor(seconds / 86_400), 'd'],
    [Math.floor((seconds % 86_400) / 3_600), 'h'],
    [Math.floor((seconds % 3_600) / 60), 'min'],
    [seconds % 60, 's'],
  ];
  const first = parts.findIndex(([amount]) => amount > 0);
  if (first < 0) return '0 s';
  const shown = parts.slice(first, first + 2).filter(([amount]) => amount > 0);
  return shown.map(([amount, unit]) => `${amount} ${unit}`).join(' ');
}

function notesOf({ missed, downSeconds, allowedSeconds, down, volumes }: AssuranceView): Text[] {
  const notes: Text[] = [];
  if (missed === true && allowedSeconds !== null) {
    const [was, left] = [formatSeconds(downSeconds), formatSeconds(allowedSeconds)];
    notes.push({
      en: `less available than stated: down for ${was}, ${left} were left for that`,
      es: `menos disponible de lo declarado: caído ${was}, quedaban ${left} para eso`,
    });
  }
  if (down.length > 0) {
    const names = down.map((one) => `${one.workload} ${formatSeconds(one.downSeconds)}`).join(', ');
    notes.push({ en: `without a ready replica: ${names}`, es: `sin réplica lista: ${names}` });
  }
  if (volumes.failedAt !== null) {
    notes.push({
      en: `a trial restore on ${volumes.failedAt} did not give back what was there`,
      es: `una restauración de prueba del ${volumes.failedAt} no devolvió lo que había`,
    });
  }
  return notes;
}
