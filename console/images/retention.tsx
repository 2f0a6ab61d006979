import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { api, apiPath } from '../api/client.ts';
import { queries } from '../api/queries.ts';
import type { Removal, RetentionPreview } from '../api/types.ts';
import { addresses } from '../shell/addresses.ts';
import { shortDigest, useFormats } from '../shell/format.ts';
import { useText, useWords } from '../shell/language.tsx';
import { Chip } from '../shell/parts/badge.tsx';
import { ConfirmDialog } from '../shell/parts/confirm.tsx';
import { Button } from '../shell/parts/controls.tsx';
import { EmptyState, Loaded, Panel } from '../shell/parts/surface.tsx';
import { type Column, Table } from '../shell/parts/table.tsx';
import { Link, useNavigate } from '../shell/router.tsx';
import { hasRole, useMe } from '../shell/session.ts';
import { registryWords } from './registry-words.ts';

/** Removals named one by one in the question before they are done. */
const NAMED_MAX = 5;

function nameOf({ repository, tags, digest }: Removal): string {
  return tags.length === 0 ? `${repository}@${shortDigest(digest)}` : `${repository}:${tags.join(', ')}`;
}

function RunDialog({ preview, onClose }: { preview: RetentionPreview; onClose: () => void }) {
  const t = useWords(registryWords);
  const formats = useFormats();
  const navigate = useNavigate();
  const { project, removals, sizeBytes } = preview;
  const named = removals.slice(0, NAMED_MAX).map(nameOf);
  if (removals.length > NAMED_MAX) named.push(t('andMore', { count: removals.length - NAMED_MAX }));
  return (
    <ConfirmDialog
      title={t('removeNowTitle', { name: project })}
      text={t('removeNowText', {
        images: removals.filter((one) => one.manifests.length > 0).length,
        tags: removals.reduce((sum, one) => sum + one.tags.length, 0),
        size: formats.bytes(sizeBytes),
        names: named.join('; '),
      })}
      action={t('removeNow')}
      run={async () => {
        const { operation } = await api.post<{ operation: string }>(apiPath(['projects', project, 'retention']));
        navigate(addresses.operation(operation));
      }}
      onClose={onClose}
    />
  );
}

/** What the rules of a project would remove now, and why; nothing goes before somebody has said so. */
export function RetentionPanel({ project }: { project: string }) {
  const t = useWords(registryWords);
  const text = useText();
  const formats = useFormats();
  const me = useMe();
  const preview = useQuery(queries.retention(project));
  const [asking, setAsking] = useState(false);
  const columns: readonly Column<Removal>[] = [
    {
      id: 'image',
      label: t('repository'),
      cell: (one) => (
        <span className="image-name">
          <Link to={addresses.image(project, one.digest)}>{one.repository}</Link>
          {one.tags.map((tag) => (
            <Chip key={tag} mono>
              {tag}
            </Chip>
          ))}
          {one.tags.length === 0 ? <span className="mono quiet-text">{shortDigest(one.digest)}</span> : null}
          {one.manifests.length === 0 ? <span className="quiet-text">{t('onlyTags')}</span> : null}
        </span>
      ),
    },
    { id: 'why', label: t('whyHeld'), cell: (one) => text(one.why) },
    { id: 'size', label: t('sizeOf'), align: 'end', cell: (one) => formats.bytes(one.sizeBytes) },
  ];
  const found = preview.data;
  return (
    <Panel
      title={t('wouldRemove')}
      count={found?.removals.length}
      flush
      actions={
        found !== undefined && found.removals.length > 0 && hasRole(me, ['admin'], project) ? (
          <Button look="danger" onClick={() => setAsking(true)}>
            {t('removeNow')}
          </Button>
        ) : undefined
      }
    >
      <Loaded query={preview}>
        {({ removals, kept }) => (
          <>
            <Table
              label={t('wouldRemove')}
              columns={columns}
              rows={removals}
              keyOf={(one) => `${one.repository}@${one.digest} ${one.tags.join(' ')}`}
              empty={<EmptyState title={t('wouldRemoveNothing')}>{t('wouldRemoveNothingText')}</EmptyState>}
            />
            <p className="panel-foot quiet-text">
              {[
                t('keptByRule', { count: kept.byRule }),
                t('keptInUse', { count: kept.inUse }),
                t('keptImmutable', { count: kept.immutable }),
              ].join(' · ')}
            </p>
          </>
        )}
      </Loaded>
      {asking && found !== undefined ? <RunDialog preview={found} onClose={() => setAsking(false)} /> : null}
    </Panel>
  );
}
