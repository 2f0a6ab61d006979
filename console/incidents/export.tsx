import { useMutation } from '@tanstack/react-query';
import { csvLine } from '../../src/formats/csv.ts';
import { api, apiPath } from '../api/client.ts';
import type { Incident, List } from '../api/types.ts';
import { useWords } from '../shell/language.tsx';
import { Button } from '../shell/parts/controls.tsx';
import { Failure } from '../shell/parts/surface.tsx';
import type { QueueFilter } from './queries.ts';
import { words } from './words.ts';

const PAGE = 200;
const COLUMNS = [
  ...(['number', 'state', 'priority', 'title', 'rule', 'project', 'environment', 'workload', 'container'] as const),
  ...(['host', 'digest', 'alerts', 'openedAt', 'lastAlertAt', 'closedAt', 'owner', 'decision', 'reason'] as const),
];

async function exportAll(filter: QueueFilter & { readonly environment: string }): Promise<void> {
  const lines = [csvLine(COLUMNS)];
  let before: string | null = null;
  do {
    const path = apiPath(['incidents'], { ...filter, before, limit: PAGE });
    const page: List<Incident> = await api.get(path);
    for (const one of page.items) lines.push(csvLine(COLUMNS.map((column) => one[column] ?? null)));
    before = page.next ?? null;
  } while (before !== null);
  // The mark of the byte order: without it spreadsheets take accents for something else.
  const url = URL.createObjectURL(new Blob([`\ufeff${lines.join('\r\n')}\r\n`], { type: 'text/csv' }));
  const link = document.createElement('a');
  link.href = url;
  link.download = `incidents-${new Date().toISOString().slice(0, 10)}.csv`;
  link.click();
  URL.revokeObjectURL(url);
}

/** All that the filter finds, also what has not come here. */
export function ExportButton({ filter }: { filter: QueueFilter & { readonly environment: string } }) {
  const t = useWords(words);
  const save = useMutation({ mutationFn: () => exportAll(filter) });
  return (
    <>
      <Button
        look="quiet"
        icon="download"
        busy={save.isPending}
        title={t('exporting')}
        aria-label={t('exportCsv')}
        onClick={() => save.mutate()}
      >
        CSV
      </Button>
      {save.error === null ? null : <Failure error={save.error} />}
    </>
  );
}
