import { useQuery } from '@tanstack/react-query';
import { queries } from '../api/queries.ts';
import { addresses } from '../shell/addresses.ts';
import { shortDigest, useFormats } from '../shell/format.ts';
import { useGathered } from '../shell/gather.ts';
import { useWords } from '../shell/language.tsx';
import { Chip } from '../shell/parts/badge.tsx';
import { Copyable, FilterBox, Select } from '../shell/parts/controls.tsx';
import { Actor } from '../shell/parts/fact-line.tsx';
import { State } from '../shell/parts/states.tsx';
import {
  Drawer,
  EmptyState,
  Facts,
  Failure,
  Loaded,
  NewRows,
  PageHead,
  Panel,
  Split,
  When,
} from '../shell/parts/surface.tsx';
import { type Column, matchesFilter, Table } from '../shell/parts/table.tsx';
import { ImageThread } from '../shell/parts/thread.tsx';
import { Link, useParams, useSearchParam } from '../shell/router.tsx';
import { words as shellWords } from '../shell/words.ts';
import { type ProjectImage, useAllImages } from './all-images.ts';
import { ScanSummary, VerdictChips } from './image-parts.tsx';
import { ImagesTabs } from './images-tabs.tsx';
import './images.css';
import { words } from './words.ts';

type Row = ProjectImage;

/** The same digest may be in several repositories. */
const keyOf = (row: Row) => `${row.image.repository}@${row.image.digest}`;
const pageOf = (row: Row) => addresses.image(row.project, row.image.digest);

function ImageDrawer({ row, onClose }: { row: Row; onClose: () => void }) {
  const t = useWords(words);
  const formats = useFormats();
  const { image } = row;
  return (
    <Drawer title={image.repository} to={pageOf(row)} onClose={onClose}>
      <p className="chips">
        <State state={image.quarantine} />
        {image.tags.map((tag) => (
          <Chip key={tag} mono>
            {tag}
          </Chip>
        ))}
      </p>
      <Facts
        items={[
          [t('risk'), <ScanSummary key="s" scan={image.scan} />],
          [t('verdicts'), <VerdictChips key="v" verdicts={image.verdicts} />],
          [t('size'), formats.bytes(image.sizeBytes)],
          [t('by'), <Actor key="a" actor={image.pushedBy} />],
        ]}
      />
      <ImageThread project={row.project} digest={image.digest} />
    </Drawer>
  );
}

export default function ImagesPage() {
  const t = useWords(words);
  const shell = useWords(shellWords);
  const formats = useFormats();
  const { project: fixed = '' } = useParams<'project'>();
  const [asked, setProject] = useSearchParam('project');
  const project = fixed === '' ? asked : fixed;
  const [filter, setFilter] = useSearchParam('q');
  const [selected, select] = useSearchParam('sel');
  const projects = useQuery(queries.projects());
  const { all, failed, loading } = useAllImages(project);
  const { shown, waiting, reveal } = useGathered(all, keyOf, project);
  const rows = shown.filter(({ image }) =>
    matchesFilter(filter, [image.repository, image.digest, ...image.tags, image.pushedBy]),
  );
  const chosen = rows.find((row) => keyOf(row) === selected);
  const columns: readonly Column<Row>[] = [
    {
      id: 'image',
      label: t('image'),
      cell: (row) => (
        <span className="image-name">
          <Link to={pageOf(row)}>{row.image.repository}</Link>
          {row.image.tags.map((tag) => (
            <Chip key={tag} mono>
              {tag}
            </Chip>
          ))}
        </span>
      ),
    },
    {
      id: 'digest',
      label: t('digest'),
      from: 'wide',
      cell: ({ image }) => <Copyable value={image.digest}>{shortDigest(image.digest)}</Copyable>,
    },
    {
      id: 'quarantine',
      label: t('quarantine'),
      from: 'medium',
      cell: ({ image }) => <State state={image.quarantine} />,
    },
    { id: 'risk', label: t('risk'), cell: ({ image }) => <ScanSummary scan={image.scan} /> },
    {
      id: 'verdicts',
      label: t('verdicts'),
      from: 'wide',
      cell: ({ image }) => <VerdictChips verdicts={image.verdicts} />,
    },
    { id: 'size', label: t('size'), from: 'wide', align: 'end', cell: ({ image }) => formats.bytes(image.sizeBytes) },
    { id: 'pushed', label: t('pushed'), align: 'end', cell: ({ image }) => <When at={image.pushedAt} /> },
  ];
  return (
    <div className="page">
      <PageHead
        title={shell('images')}
        path={
          fixed === ''
            ? []
            : [
                [shell('projects'), addresses.projects()],
                [fixed, addresses.project(fixed)],
              ]
        }
      />
      {fixed === '' ? <ImagesTabs current="images" /> : null}
      <Loaded query={projects}>
        {(known) => (
          <Split
            list={
              <>
                <div className="toolbar">
                  <FilterBox value={filter} onChange={setFilter} label={t('filter')} />
                  {fixed !== '' || known.length === 0 ? null : (
                    <Select
                      bare
                      label={t('project')}
                      value={project}
                      onPick={setProject}
                      options={[['', t('allProjects')], ...known.map((item) => [item.name, item.name] as const)]}
                    />
                  )}
                  <span className="toolbar-end">{shell('rows', { count: rows.length })}</span>
                </div>
                {failed === null ? null : <Failure error={failed.error} onRetry={failed.retry} />}
                <NewRows count={waiting} onShow={reveal} />
                <Panel flush>
                  {all.length === 0 && !loading ? (
                    <EmptyState title={t('emptyTitle')} command="darsena deploy examples/tienda">
                      {t('emptyText')}
                    </EmptyState>
                  ) : (
                    <Table
                      label={shell('images')}
                      columns={columns}
                      rows={rows}
                      keyOf={keyOf}
                      selected={selected}
                      onSelect={select}
                      pageOf={pageOf}
                    />
                  )}
                </Panel>
              </>
            }
            drawer={chosen === undefined ? null : <ImageDrawer row={chosen} onClose={() => select('')} />}
          />
        )}
      </Loaded>
    </div>
  );
}
