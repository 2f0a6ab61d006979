import { useQuery } from '@tanstack/react-query';
import type { PreventionPolicy } from '../api/types.ts';
import { useText, useWords } from '../shell/language.tsx';
import { StateBadge, type Tone } from '../shell/parts/badge.tsx';
import { EmptyState, Facts, Loaded, Panel } from '../shell/parts/surface.tsx';
import { type Column, Table } from '../shell/parts/table.tsx';
import { preventionWords } from './prevention-words.ts';
import { hostQueries } from './queries.ts';

type Part = PreventionPolicy['hosts'][number]['parts'][number];
interface Row {
  readonly policy: PreventionPolicy['policy'];
  readonly part: Part | null;
}

const TONE: Readonly<Record<Part['strength'], Tone>> = {
  blocks: 'ok',
  kills: 'ok',
  reports: 'pending',
  nothing: 'absent',
};

/** How strongly this host follows each policy of what may not happen in containers. */
export function Prevention({ host }: { host: string }) {
  const t = useWords(preventionWords);
  const text = useText();
  const prevention = useQuery(hostQueries.prevention());
  const columns: readonly Column<Row>[] = [
    { id: 'policy', label: t('policy'), cell: ({ policy }) => <span className="mono">{policy.name}</span> },
    {
      id: 'mode',
      label: t('mode'),
      from: 'medium',
      cell: ({ policy }) => t(policy.mode === 'enforce' ? 'enforce' : 'dryRun'),
    },
    { id: 'part', label: t('part'), cell: ({ part }) => (part === null ? '—' : t(part.part)) },
    {
      id: 'strength',
      label: t('strength'),
      grow: true,
      cell: ({ part }) =>
        part === null ? (
          '—'
        ) : (
          <>
            <StateBadge tone={TONE[part.strength]}>{t(part.strength)}</StateBadge>{' '}
            {part.why === null ? null : <span className="quiet-text">{text(part.why)}</span>}
          </>
        ),
    },
    { id: 'by', label: t('by'), from: 'medium', cell: ({ part }) => part?.means ?? '—' },
    {
      id: 'containers',
      label: t('containers'),
      align: 'end',
      from: 'medium',
      cell: ({ part }) => part?.containers ?? 0,
    },
  ];
  return (
    <Panel title={t('title')}>
      <Loaded query={prevention}>
        {({ items, hosts }) => {
          const best = hosts.find((one) => one.host === host);
          const rows = items.flatMap(({ policy, hosts: following }): Row[] => {
            const parts = following.find((one) => one.host === host)?.parts ?? [];
            return parts.length === 0 ? [{ policy, part: null }] : parts.map((part) => ({ policy, part }));
          });
          return (
            <div className="stack">
              <Facts
                items={(['exec', 'open'] as const).map((use) => {
                  const reach = best?.[use] ?? null;
                  return [
                    `${t('best')}: ${t(use === 'exec' ? 'programs' : 'file')}`,
                    reach === null ? (
                      '—'
                    ) : (
                      <span key={use}>
                        <StateBadge tone={TONE[reach.strength]}>{t(reach.strength)}</StateBadge> {reach.means}{' '}
                        {reach.why === null ? null : <span className="quiet-text">{text(reach.why)}</span>}
                      </span>
                    ),
                  ];
                })}
              />
              {rows.length === 0 ? (
                <EmptyState title={t('none')} command="darsena prevent apply FILE">
                  {t('noneText')}
                </EmptyState>
              ) : (
                <Table
                  label={t('title')}
                  columns={columns}
                  rows={rows}
                  keyOf={({ policy, part }) =>
                    `${policy.name} ${part?.part} ${part?.strength} ${part?.means} ${part?.why?.en}`
                  }
                />
              )}
              <DeniedPackages items={items} />
            </div>
          );
        }}
      </Loaded>
    </Panel>
  );
}

interface PackageRow {
  readonly policy: string;
  readonly image: PreventionPolicy['packages'][number];
  readonly one: PreventionPolicy['packages'][number]['found'][number] | null;
}

/** What the packages that policies deny are in the images that run, and what of it nobody can enforce. */
function DeniedPackages({ items }: { items: readonly PreventionPolicy[] }) {
  const t = useWords(preventionWords);
  const text = useText();
  const rows = items.flatMap(({ policy, packages }) =>
    packages.flatMap((image): PackageRow[] =>
      image.found.length === 0
        ? [{ policy: policy.name, image, one: null }]
        : image.found.map((one) => ({ policy: policy.name, image, one })),
    ),
  );
  if (rows.length === 0) return null;
  const columns: readonly Column<PackageRow>[] = [
    { id: 'policy', label: t('policy'), from: 'wide', cell: ({ policy }) => <span className="mono">{policy}</span> },
    {
      id: 'image',
      label: t('image'),
      cell: ({ image }) => (
        <span className="mono" title={image.digest}>
          {image.image}@{image.digest.slice(7, 19)}
        </span>
      ),
    },
    {
      id: 'package',
      label: t('packageName'),
      cell: ({ image, one }) =>
        one === null ? (
          t(image.unknown === null ? 'noneFound' : 'notKnown')
        ) : (
          <span className="mono">{one.purl.split('?')[0]}</span>
        ),
    },
    {
      id: 'denied',
      label: t('denied'),
      from: 'medium',
      grow: true,
      cell: ({ one }) => {
        const paths = [...(one?.programs ?? []), ...(one?.libraries ?? [])];
        if (paths.length === 0) return '—';
        return (
          <span className="mono">
            {paths.slice(0, 3).join(' ')}
            {paths.length > 3 ? <span className="quiet-text"> {t('more', { count: paths.length - 3 })}</span> : null}
          </span>
        );
      },
    },
    {
      id: 'cannot',
      label: t('cannot'),
      cell: ({ image, one }) => {
        const why = one?.why ?? image.unknown;
        return why === null ? '—' : <span className="quiet-text">{text(why)}</span>;
      },
    },
  ];
  return (
    <Table
      label={t('packages')}
      columns={columns}
      rows={rows}
      keyOf={({ policy, image, one }) => `${policy} ${image.digest} ${one?.purl} ${one?.programs[0]}`}
    />
  );
}
