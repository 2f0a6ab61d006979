import { useQuery } from '@tanstack/react-query';
import { queries } from '../api/queries.ts';
import type { ReplicationEntry, WatchedImage } from '../api/types.ts';
import { shortDigest, useFormats } from '../shell/format.ts';
import { useText, useWords } from '../shell/language.tsx';
import { DECISION_TONES, RiskCounts, StateBadge, type Tone } from '../shell/parts/badge.tsx';
import { Copyable } from '../shell/parts/controls.tsx';
import { Dialog, EmptyState, Loaded, Meter, Until, When } from '../shell/parts/surface.tsx';
import { type Column, Table } from '../shell/parts/table.tsx';
import { watchWords } from './watch-words.ts';

const DECISION_WORDS = { allow: 'wouldAllow', warn: 'wouldWarn', refuse: 'wouldRefuse' } as const;

/** What a watch has found where it looks: each image, who signed it, what is broken in it, and what would be said here. */
export function WatchImages({ name, onClose }: { name: string; onClose: () => void }) {
  const t = useWords(watchWords);
  const text = useText();
  const columns: readonly Column<WatchedImage>[] = [
    {
      id: 'image',
      label: t('image'),
      cell: (image) => (
        <span className="stack-tight">
          <span>
            {image.repository}:{image.tag}
          </span>
          <Copyable value={image.digest}>{shortDigest(image.digest)}</Copyable>
        </span>
      ),
    },
    {
      id: 'verdict',
      label: t('here'),
      cell: ({ examination, problem }) =>
        examination === null ? (
          <span className="quiet-text">{problem === null ? t('notExamined') : text(problem)}</span>
        ) : (
          <span className="stack-tight">
            <StateBadge tone={DECISION_TONES[examination.decision]}>
              {t(DECISION_WORDS[examination.decision])}
            </StateBadge>
            {examination.reasons[0] === undefined ? null : <span>{text(examination.reasons[0])}</span>}
          </span>
        ),
    },
    {
      id: 'risk',
      label: t('risk'),
      from: 'medium',
      cell: ({ examination }) => (examination === null ? null : <RiskCounts byRisk={examination.byRisk} />),
    },
    {
      id: 'signers',
      label: t('signedBy'),
      from: 'medium',
      cell: ({ examination }) =>
        examination === null || examination.signers.length === 0 ? (
          <span className="quiet-text">{t('nobody')}</span>
        ) : (
          examination.signers.join(', ')
        ),
    },
    { id: 'checked', label: t('checked'), from: 'wide', align: 'end', cell: (image) => <When at={image.checkedAt} /> },
  ];
  return (
    <Dialog title={t('imagesOf', { name })} onClose={onClose} wide>
      <Loaded query={useQuery(queries.watch(name))}>
        {({ images }) => (
          <Table
            label={t('imagesOf', { name })}
            columns={columns}
            rows={images}
            keyOf={(image) => `${image.repository}:${image.tag}`}
            empty={<EmptyState title={t('noImagesYet')}>{t('noImagesYetText')}</EmptyState>}
          />
        )}
      </Loaded>
    </Dialog>
  );
}

const ENTRY_STATES: Readonly<Record<ReplicationEntry['state'], { readonly tone: Tone; readonly word: EntryWord }>> = {
  waiting: { tone: 'pending', word: 'entryWaiting' },
  done: { tone: 'ok', word: 'entryDone' },
  same: { tone: 'ok', word: 'entrySame' },
  refused: { tone: 'warn', word: 'entryRefused' },
  gone: { tone: 'absent', word: 'entryGone' },
};
type EntryWord = 'entryWaiting' | 'entryDone' | 'entrySame' | 'entryRefused' | 'entryGone';

/** What a replication brings and has brought, newest first, and how far it is. */
export function ReplicationEntries({ name, onClose }: { name: string; onClose: () => void }) {
  const t = useWords(watchWords);
  const text = useText();
  const formats = useFormats();
  const columns: readonly Column<ReplicationEntry>[] = [
    {
      id: 'what',
      label: t('what'),
      cell: (entry) => (
        <span className="stack-tight">
          <span>
            {entry.action === 'delete' ? `${t('deletes')} ` : ''}
            {entry.repository}
            {entry.tag === null ? '' : `:${entry.tag}`}
          </span>
          <Copyable value={entry.digest}>{shortDigest(entry.digest)}</Copyable>
        </span>
      ),
    },
    {
      id: 'state',
      label: t('state'),
      cell: (entry) => (
        <span className="stack-tight">
          <StateBadge tone={ENTRY_STATES[entry.state].tone}>{t(ENTRY_STATES[entry.state].word)}</StateBadge>
          {entry.state === 'waiting' && entry.attempts > 0 ? (
            <span className="quiet-text">
              {t('attempts', { count: entry.attempts })} <Until at={entry.nextAt} />
            </span>
          ) : null}
          {entry.problem === null ? null : <span>{text(entry.problem)}</span>}
        </span>
      ),
    },
    {
      id: 'size',
      label: t('brought'),
      from: 'medium',
      align: 'end',
      cell: (entry) => (entry.bytes === 0 ? '' : formats.bytes(entry.bytes)),
    },
    {
      id: 'at',
      label: t('when'),
      from: 'medium',
      align: 'end',
      cell: (entry) => <When at={entry.endedAt ?? entry.queuedAt} />,
    },
  ];
  return (
    <Dialog title={t('entriesOf', { name })} onClose={onClose} wide>
      <Loaded query={useQuery({ ...queries.replication(name), refetchInterval: 2_000 })}>
        {({ entries, waiting }) => (
          <>
            <div className="dialog-body">
              <span>{t('progress', { ended: entries.length - waiting, all: entries.length })}</span>
              <Meter done={Math.max(0, entries.length - waiting)} total={entries.length} label={t('state')} />
            </div>
            <Table
              label={t('entriesOf', { name })}
              columns={columns}
              rows={entries}
              keyOf={(entry) => entry.id}
              empty={<EmptyState title={t('nothingQueued')}>{t('nothingQueuedText')}</EmptyState>}
            />
          </>
        )}
      </Loaded>
    </Dialog>
  );
}
