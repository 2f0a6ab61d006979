import { useInfiniteQuery, useMutation, useQueryClient } from '@tanstack/react-query';
import { useDeferredValue, useState } from 'react';
import { ApiFailure, api, apiPath } from '../api/client.ts';
import { queries } from '../api/queries.ts';
import type { ImageDetail, LayerFile } from '../api/types.ts';
import { addresses } from '../shell/addresses.ts';
import { shortDigest, useFormats } from '../shell/format.ts';
import { useWords } from '../shell/language.tsx';
import { LevelBadge } from '../shell/parts/badge.tsx';
import { Button, Copyable, FilterBox, Select } from '../shell/parts/controls.tsx';
import { EmptyState, Failure, Loaded, Panel } from '../shell/parts/surface.tsx';
import { type Column, Table } from '../shell/parts/table.tsx';
import { useNavigate, useSearchParam } from '../shell/router.tsx';
import { hasRole, useMe } from '../shell/session.ts';
import { contentWords } from './content-words.ts';

type Layer = ImageDetail['layersList'][number];

/** What a history line says without the shell that buildah and docker put before it. */
function stepOf(createdBy: string): string {
  return createdBy.replace(/^\/bin\/sh -c (#\(nop\) +)?/, '').trim();
}

const SETID = 0o6000;
const STICKY = 0o1000;
const OTHERS_WRITE = 0o002;

function FileMarks({ file }: { file: LayerFile }) {
  const t = useWords(contentWords);
  const mode = file.mode === null ? 0 : Number.parseInt(file.mode, 8);
  const isFile = file.kind === 'file' || file.kind === 'hardlink';
  return (
    <>
      {file.kind === 'removed' || file.kind === 'emptied' ? (
        <LevelBadge level="medium">{t(file.kind)}</LevelBadge>
      ) : null}
      {isFile && (mode & SETID) !== 0 ? <LevelBadge level="high">{t('setid')}</LevelBadge> : null}
      {file.kind !== 'symlink' && (mode & OTHERS_WRITE) !== 0 && (mode & STICKY) === 0 ? (
        <LevelBadge level="medium">{t('worldWritable')}</LevelBadge>
      ) : null}
    </>
  );
}

function FileTable({ files }: { files: readonly LayerFile[] }) {
  const t = useWords(contentWords);
  const formats = useFormats();
  const columns: readonly Column<LayerFile>[] = [
    {
      id: 'path',
      label: t('path'),
      cell: (file) => (
        <span className="file-path">
          <code>
            /{file.path}
            {file.kind === 'directory' || file.kind === 'emptied' ? '/' : ''}
            {file.linkTarget === null ? '' : ` → ${file.linkTarget}`}
          </code>
          <FileMarks file={file} />
        </span>
      ),
    },
    { id: 'mode', label: t('mode'), from: 'medium', cell: (file) => <span className="mono">{file.mode ?? ''}</span> },
    {
      id: 'size',
      label: t('size'),
      align: 'end',
      cell: (file) => (file.sizeBytes === null ? '' : formats.bytes(file.sizeBytes)),
    },
  ];
  return <Table label={t('files')} columns={columns} rows={files} keyOf={(file) => `${file.kind} ${file.path}`} />;
}

function isUnread(error: unknown): boolean {
  return error instanceof ApiFailure && error.problem.code === 'scan.layer-unread';
}

/** The way out of a layer that the scan has not kept: the operation shows when it has. */
function ScanAgain({ project, digest }: { project: string; digest: string }) {
  const t = useWords(contentWords);
  const me = useMe();
  const navigate = useNavigate();
  const client = useQueryClient();
  const scan = useMutation({
    mutationFn: () => api.post<{ operation: string }>(apiPath(['projects', project, 'images', digest, 'rescan'])),
    onSuccess: ({ operation }) => {
      client.removeQueries({ queryKey: ['layer-files'] });
      navigate(addresses.operation(operation));
    },
  });
  if (!hasRole(me, ['admin', 'developer'], project)) return null;
  return (
    <div className="panel-foot">
      {scan.error === null ? null : <Failure error={scan.error} />}
      <Button busy={scan.isPending} onClick={() => scan.mutate()}>
        {t('scanAgain')}
      </Button>
    </div>
  );
}

function LayerFiles({ project, digest, layer }: { project: string; digest: string; layer: Layer }) {
  const t = useWords(contentWords);
  const formats = useFormats();
  const [match, setMatch] = useSearchParam('match');
  const [order, setOrder] = useState<'archive' | 'largest'>('archive');
  const asked = useDeferredValue(match);
  const files = useInfiniteQuery(queries.layerFiles(project, digest, layer.digest, asked, order));
  const totals = files.data?.pages[0]?.totals ?? null;
  return (
    <Panel
      title={t('files')}
      count={totals === null ? undefined : formats.number(totals.files)}
      flush
      actions={<Copyable value={layer.digest}>{shortDigest(layer.digest)}</Copyable>}
    >
      <div className="toolbar panel-toolbar">
        <FilterBox value={match} onChange={setMatch} label={t('filterFiles')} />
        <Select
          bare
          label={t('order')}
          value={order}
          onPick={(value) => setOrder(value === 'largest' ? 'largest' : 'archive')}
          options={[
            ['archive', t('asInLayer')],
            ['largest', t('largestFirst')],
          ]}
        />
        {totals === null ? null : (
          <span className="toolbar-end">
            {t('layerTotals', {
              size: formats.bytes(totals.sizeBytes),
              removed: totals.removed,
              count: totals.matching,
            })}
          </span>
        )}
      </div>
      <Loaded query={files} lines={6}>
        {(data) => {
          const items = data.pages.flatMap((page) => page.items);
          if (items.length === 0) return <EmptyState title={match === '' ? t('layerEmpty') : t('noFileMatches')} />;
          return (
            <>
              <FileTable files={items} />
              {files.error === null ? null : <Failure error={files.error} />}
              {files.hasNextPage ? (
                <div className="panel-foot">
                  <Button busy={files.isFetchingNextPage} onClick={() => void files.fetchNextPage()}>
                    {t('moreFiles', { left: Math.max(0, (totals?.matching ?? 0) - items.length) })}
                  </Button>
                </div>
              ) : null}
            </>
          );
        }}
      </Loaded>
      {isUnread(files.error) ? <ScanAgain project={project} digest={digest} /> : null}
    </Panel>
  );
}

/** The layers of an image, topmost last as they are laid, and what the chosen one brings. */
export function LayerList({ project, image }: { project: string; image: ImageDetail }) {
  const t = useWords(contentWords);
  const formats = useFormats();
  const [asked, choose] = useSearchParam('layer');
  const largest = Math.max(1, ...image.layersList.map((layer) => layer.sizeBytes));
  const chosen = image.layersList.find((layer) => layer.digest === asked) ?? image.layersList.at(-1);
  const columns: readonly Column<Layer>[] = [
    {
      id: 'number',
      label: t('layerNumber'),
      align: 'end',
      cell: (layer) => String(image.layersList.indexOf(layer) + 1),
    },
    {
      id: 'by',
      label: t('createdBy'),
      grow: true,
      cell: (layer) => (
        <code className="clip" title={layer.createdBy ?? ''}>
          {layer.createdBy === null ? '—' : stepOf(layer.createdBy)}
        </code>
      ),
    },
    {
      id: 'digest',
      label: t('layer'),
      from: 'wide',
      cell: (layer) => <Copyable value={layer.digest}>{shortDigest(layer.digest)}</Copyable>,
    },
    {
      id: 'share',
      label: '',
      from: 'medium',
      cell: (layer) => (
        <span className="size-bar" aria-hidden="true">
          <span style={{ inlineSize: `${(layer.sizeBytes / largest) * 100}%` }} />
        </span>
      ),
    },
    { id: 'size', label: t('size'), align: 'end', cell: (layer) => formats.bytes(layer.sizeBytes) },
  ];
  return (
    <div className="stack">
      <Panel title={t('layers')} count={image.layersList.length} flush>
        <Table
          label={t('layers')}
          columns={columns}
          rows={image.layersList}
          keyOf={(layer) => layer.digest}
          selected={chosen?.digest ?? ''}
          onSelect={(key) => {
            if (key !== '') choose(key);
          }}
          empty={<EmptyState title={t('noLayers')} />}
        />
      </Panel>
      {chosen === undefined ? null : (
        <LayerFiles key={chosen.digest} project={project} digest={image.digest} layer={chosen} />
      )}
    </div>
  );
}
