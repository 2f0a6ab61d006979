import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { api, apiPath } from '../api/client.ts';
import { queries } from '../api/queries.ts';
import type { Image } from '../api/types.ts';
import { addresses } from '../shell/addresses.ts';
import { shortDigest, useFormats } from '../shell/format.ts';
import { useWords } from '../shell/language.tsx';
import { Chip } from '../shell/parts/badge.tsx';
import { ConfirmDialog } from '../shell/parts/confirm.tsx';
import { Button, CommandLine, Copyable, FilterBox } from '../shell/parts/controls.tsx';
import { State } from '../shell/parts/states.tsx';
import { EmptyState, Loaded, PageHead, Panel, Tabs, When } from '../shell/parts/surface.tsx';
import { type Column, matchesFilter, Table } from '../shell/parts/table.tsx';
import { Link, useParams, useSearchParam } from '../shell/router.tsx';
import { hasRole, useMe } from '../shell/session.ts';
import { words as shellWords } from '../shell/words.ts';
import { ScanSummary } from './image-parts.tsx';
import './images.css';
import { Pulls } from './pulls.tsx';
import { registryWords } from './registry-words.ts';
import { RepositorySettingsPanel } from './repository-settings.tsx';
import { words } from './words.ts';

interface TagRow {
  readonly tag: string;
  readonly image: Image;
}

type Removal = { readonly kind: 'tag'; readonly row: TagRow } | { readonly kind: 'image'; readonly image: Image };

/** Takes a tag, or an image with all its tags, out of the repository: what goes and what stays is said before. */
function RemovalDialog({
  project,
  repository,
  removal,
  onClose,
}: {
  project: string;
  repository: string;
  removal: Removal;
  onClose: () => void;
}) {
  const t = useWords(registryWords);
  const client = useQueryClient();
  const image = removal.kind === 'tag' ? removal.row.image : removal.image;
  const others = image.tags.filter((tag) => removal.kind === 'image' || tag !== removal.row.tag);
  const digest = shortDigest(image.digest);
  return (
    <ConfirmDialog
      title={
        removal.kind === 'tag'
          ? t('deleteTag', { name: `${repository}:${removal.row.tag}` })
          : t('deleteImage', { name: `${repository}@${digest}` })
      }
      text={
        removal.kind === 'image'
          ? t('deleteImageText', { tags: image.tags.length === 0 ? '—' : image.tags.join(', ') })
          : others.length === 0
            ? t('deleteLastTagText', { digest })
            : t('deleteTagText', { digest, tags: others.join(', ') })
      }
      action={removal.kind === 'tag' ? t('deleteTagAction') : t('deleteImageAction')}
      run={async () => {
        await api.delete(
          removal.kind === 'tag'
            ? apiPath(['projects', project, 'tags'], { repository, tag: removal.row.tag })
            : apiPath(['projects', project, 'images', image.digest], { repository }),
        );
        await client.invalidateQueries({ queryKey: ['images'] });
      }}
      onClose={onClose}
    />
  );
}

function TagTable({ project, repository, images }: { project: string; repository: string; images: readonly Image[] }) {
  const t = useWords(registryWords);
  const image = useWords(words);
  const shell = useWords(shellWords);
  const formats = useFormats();
  const me = useMe();
  const [filter, setFilter] = useSearchParam('q');
  const [removal, setRemoval] = useState<Removal | null>(null);
  const mayDelete = hasRole(me, ['admin'], project);
  const tags = images.flatMap((one) => one.tags.map((tag): TagRow => ({ tag, image: one })));
  const rows = tags
    .filter((row) => matchesFilter(filter, [row.tag, row.image.digest]))
    .sort((a, b) => b.image.pushedAt.localeCompare(a.image.pushedAt) || a.tag.localeCompare(b.tag));
  const untagged = images.filter((one) => one.tags.length === 0);
  const facts = <T,>(of: (row: T) => Image): readonly Column<T>[] => [
    {
      id: 'quarantine',
      label: t('quarantine'),
      from: 'medium',
      cell: (row) => <State state={of(row).quarantine} />,
    },
    { id: 'risk', label: image('risk'), from: 'medium', cell: (row) => <ScanSummary scan={of(row).scan} /> },
    { id: 'size', label: image('size'), from: 'wide', align: 'end', cell: (row) => formats.bytes(of(row).sizeBytes) },
    { id: 'pushed', label: image('pushed'), align: 'end', cell: (row) => <When at={of(row).pushedAt} /> },
  ];
  const act = <T,>(of: (row: T) => Removal, label: (row: T) => string): readonly Column<T>[] =>
    mayDelete
      ? [
          {
            id: 'delete',
            label: '',
            align: 'end',
            cell: (row) => (
              <Button look="quiet" className="small" aria-label={label(row)} onClick={() => setRemoval(of(row))}>
                {t('delete')}
              </Button>
            ),
          },
        ]
      : [];
  const columns: readonly Column<TagRow>[] = [
    {
      id: 'tag',
      label: t('tag'),
      cell: (row) => (
        <Link to={addresses.image(project, row.image.digest)}>
          <Chip mono>{row.tag}</Chip>
        </Link>
      ),
    },
    {
      id: 'digest',
      label: image('digest'),
      from: 'wide',
      cell: (row) => <Copyable value={row.image.digest}>{shortDigest(row.image.digest)}</Copyable>,
    },
    ...facts<TagRow>((row) => row.image),
    ...act<TagRow>(
      (row) => ({ kind: 'tag', row }),
      (row) => t('deleteTag', { name: row.tag }),
    ),
  ];
  const untaggedColumns: readonly Column<Image>[] = [
    {
      id: 'digest',
      label: image('digest'),
      cell: (one) => (
        <Link to={addresses.image(project, one.digest)}>
          <span className="mono">{shortDigest(one.digest)}</span>
        </Link>
      ),
    },
    ...facts<Image>((one) => one),
    ...act<Image>(
      (one) => ({ kind: 'image', image: one }),
      (one) => t('deleteImage', { name: shortDigest(one.digest) }),
    ),
  ];
  return (
    <div className="stack">
      <div className="toolbar">
        <FilterBox value={filter} onChange={setFilter} label={t('filterTags')} />
        <span className="toolbar-end">{shell('rows', { count: rows.length })}</span>
      </div>
      <Panel flush>
        <Table
          label={t('tags')}
          columns={columns}
          rows={rows}
          keyOf={(row) => row.tag}
          pageOf={(row) => addresses.image(project, row.image.digest)}
          {...(tags.length === 0 ? { empty: <EmptyState title={t('noTags')}>{t('noTagsText')}</EmptyState> } : {})}
        />
      </Panel>
      {untagged.length === 0 ? null : (
        <Panel title={t('untagged')} count={untagged.length} flush>
          <Table
            label={t('untagged')}
            columns={untaggedColumns}
            rows={untagged}
            keyOf={(one) => one.digest}
            pageOf={(one) => addresses.image(project, one.digest)}
          />
        </Panel>
      )}
      {removal === null ? null : (
        <RemovalDialog project={project} repository={repository} removal={removal} onClose={() => setRemoval(null)} />
      )}
    </div>
  );
}

export default function RepositoryPage() {
  const t = useWords(registryWords);
  const shell = useWords(shellWords);
  const { project, name } = useParams<'project' | 'name'>();
  const repository = `${project}/${name}`;
  const [tab] = useSearchParam('tab');
  const current = ['pulls', 'settings'].includes(tab) ? tab : 'tags';
  const images = useQuery(queries.imagesIn(project, repository));
  const registry = useQuery(queries.status()).data?.registry;
  return (
    <div className="page">
      <PageHead
        title={repository}
        path={[
          [shell('images'), addresses.images()],
          [t('repositories'), addresses.repositories()],
        ]}
      />
      <Tabs
        label={repository}
        current={current}
        items={[
          { id: 'tags', label: t('tags'), to: addresses.repository(repository) },
          { id: 'pulls', label: t('pulls'), to: addresses.repository(repository, 'pulls') },
          { id: 'settings', label: t('settings'), to: addresses.repository(repository, 'settings') },
        ]}
      />
      {current === 'tags' ? (
        <Loaded query={images}>
          {(all) => (
            <>
              <TagTable project={project} repository={repository} images={all} />
              {registry === undefined ? null : (
                <CommandLine command={`podman pull ${registry}/${repository}:${all[0]?.tags[0] ?? 'TAG'}`} />
              )}
            </>
          )}
        </Loaded>
      ) : null}
      {current === 'pulls' ? <Pulls project={project} repository={repository} /> : null}
      {current === 'settings' ? <RepositorySettingsPanel project={project} repository={repository} /> : null}
    </div>
  );
}
