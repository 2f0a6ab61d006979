import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { useDeferredValue } from 'react';
import { queries } from '../api/queries.ts';
import type { ListedPackage, ScanReport } from '../api/types.ts';
import { addresses } from '../shell/addresses.ts';
import { useFormats } from '../shell/format.ts';
import { useWords } from '../shell/language.tsx';
import { Button, Copyable, FilterBox, Select } from '../shell/parts/controls.tsx';
import { Drawer, EmptyState, Facts, Loaded, Panel, Split } from '../shell/parts/surface.tsx';
import { type Column, Table } from '../shell/parts/table.tsx';
import { Link, useSearchParam } from '../shell/router.tsx';
import { reportWords } from './report-words.ts';

const keyOf = ({ purl, path }: ListedPackage) => `${purl} ${path}`;

interface Where {
  readonly project: string;
  readonly digest: string;
}

/** The step of the build that brought a layer, and which one it is, counted from the lowest. */
export function LayerStep({ layers, layer }: { layers: ScanReport['layers']; layer: string | null }) {
  const t = useWords(reportWords);
  const place = layers.findIndex(({ digest }) => digest === layer);
  if (place < 0) return <>—</>;
  return (
    <span className="layer-step">
      <span>{t('layerNumber', { number: String(place + 1) })}</span>
      <code title={layers[place]?.createdBy ?? ''}>{layers[place]?.createdBy ?? '—'}</code>
    </span>
  );
}

function PackageFiles({ where, one }: { where: Where; one: ListedPackage }) {
  const t = useWords(reportWords);
  const formats = useFormats();
  const files = useQuery(queries.packageFiles(where.project, where.digest, one.purl, one.path));
  return (
    <section>
      <h3>{t('files')}</h3>
      {files.error === null ? (
        <Loaded query={files}>
          {(found) => (
            <>
              <ul className="file-list">
                {found.files.map((file) => (
                  <li key={file}>
                    <code>{file}</code>
                  </li>
                ))}
              </ul>
              {found.total > found.files.length ? (
                <p className="quiet-text">
                  {t('filesMore', { count: formats.number(found.total - found.files.length) })}
                </p>
              ) : null}
            </>
          )}
        </Loaded>
      ) : (
        <p className="quiet-text">{t('filesUnread')}</p>
      )}
    </section>
  );
}

function PackageDrawer({
  one,
  where,
  layers,
  onClose,
}: {
  one: ListedPackage;
  where: Where;
  layers: ScanReport['layers'];
  onClose: () => void;
}) {
  const t = useWords(reportWords);
  const image = addresses.image(where.project, where.digest);
  return (
    <Drawer title={`${one.name} ${one.version}`} onClose={onClose}>
      {one.findings === 0 ? null : (
        <p>
          <Link to={`${image}?tab=findings&q=${encodeURIComponent(one.name)}`}>
            {t('showFindings')} ({one.findings})
          </Link>
        </p>
      )}
      <Facts
        items={[
          ['purl', <Copyable key="p" value={one.purl} />],
          [
            t('toldBy'),
            <code key="t" className="breakable">
              /{one.path}
            </code>,
          ],
          [t('layerNumber', { number: '' }).trim(), <LayerStep key="l" layers={layers} layer={one.layer} />],
          ...(one.source === null ? [] : [[t('source'), `${one.source.name} ${one.source.version}`] as const]),
          [t('licences'), one.licences.length === 0 ? '—' : one.licences.join(', ')],
        ]}
      />
      <PackageFiles where={where} one={one} />
    </Drawer>
  );
}

/** What is in an image: by type, then packages, then the files of each; with the layer that brought it. */
export function Packages({ project, digest, report }: Where & { report: ScanReport }) {
  const t = useWords(reportWords);
  const formats = useFormats();
  const [match, setMatch] = useSearchParam('match');
  const [type, setType] = useSearchParam('type');
  const [layer, setLayer] = useSearchParam('layer');
  const [selected, select] = useSearchParam('sel');
  const asked = useDeferredValue(match);
  const list = useInfiniteQuery(queries.packages(project, digest, { match: asked, type, layer }));
  const layerName = (place: number) => (place < 0 ? '—' : t('layerNumber', { number: String(place + 1) }));
  const columns: readonly Column<ListedPackage>[] = [
    { id: 'name', label: t('package'), cell: ({ name }) => <span className="breakable">{name}</span> },
    { id: 'version', label: t('versionHead'), cell: ({ version }) => <span className="mono">{version}</span> },
    {
      id: 'findings',
      label: t('findingsOf'),
      align: 'end',
      cell: ({ findings }) => (findings === 0 ? '' : formats.number(findings)),
    },
    {
      id: 'layer',
      label: t('layerHead'),
      from: 'medium',
      cell: (row) => (
        <span className="quiet-text">{layerName(report.layers.findIndex(({ digest: one }) => one === row.layer))}</span>
      ),
    },
    {
      id: 'path',
      label: t('toldBy'),
      from: 'wide',
      grow: true,
      cell: ({ path }) => <span className="clip mono quiet-text">/{path}</span>,
    },
  ];
  const chosen = list.data?.pages.flatMap(({ items }) => items).find((one) => keyOf(one) === selected);
  return (
    <Split
      list={
        <>
          <div className="toolbar">
            <FilterBox value={match} onChange={setMatch} label={t('filterPackages')} />
            <Select
              bare
              label={t('allLayers')}
              value={layer}
              onPick={setLayer}
              options={[
                ['', t('allLayers')],
                ...report.layers.map(
                  ({ digest: one, createdBy }, index) =>
                    [
                      one,
                      `${t('layerNumber', { number: String(index + 1) })}${createdBy === null ? '' : `: ${createdBy.slice(0, 50)}`}`,
                    ] as const,
                ),
              ]}
            />
          </div>
          <Loaded query={list}>
            {(data) => {
              const [first] = data.pages;
              const items = data.pages.flatMap((page) => page.items);
              const groups = Object.entries(first?.byType ?? {}).sort(([, a], [, b]) => b - a);
              return (
                <>
                  <fieldset className="type-tree">
                    <legend className="hidden-text">{t('packages')}</legend>
                    {groups.map(([name, count]) => (
                      <Button
                        key={name}
                        look={type === name ? 'primary' : 'plain'}
                        aria-pressed={type === name}
                        onClick={() => setType(type === name ? '' : name)}
                      >
                        {name} <span className="count">{formats.number(count)}</span>
                      </Button>
                    ))}
                  </fieldset>
                  {[...Map.groupBy(items, (one) => one.type)].map(([name, rows]) => (
                    <Panel key={name} title={name} count={rows.length} flush>
                      <Table
                        label={`${t('packages')}: ${name}`}
                        columns={columns}
                        rows={rows}
                        keyOf={keyOf}
                        selected={selected}
                        onSelect={select}
                      />
                    </Panel>
                  ))}
                  {items.length === 0 ? (
                    <Panel>
                      <EmptyState title={t('noPackages')} />
                    </Panel>
                  ) : null}
                  {list.hasNextPage ? (
                    <Button busy={list.isFetchingNextPage} onClick={() => void list.fetchNextPage()}>
                      {t('more', { count: formats.number((first?.matching ?? 0) - items.length) })}
                    </Button>
                  ) : null}
                </>
              );
            }}
          </Loaded>
        </>
      }
      drawer={
        chosen === undefined ? null : (
          <PackageDrawer one={chosen} where={{ project, digest }} layers={report.layers} onClose={() => select('')} />
        )
      }
    />
  );
}
