import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { type ReactNode, useState } from 'react';
import { api, apiPath } from '../api/client.ts';
import { queries } from '../api/queries.ts';
import type { Volume, VolumeCopy, VolumeDetails } from '../api/types.ts';
import { waitForOperation } from '../hosts/operation.ts';
import { Elapsed } from '../operations/elapsed.tsx';
import { addresses } from '../shell/addresses.ts';
import { useEnvironment } from '../shell/environment.ts';
import { useFormats } from '../shell/format.ts';
import { useLanguage, useWords } from '../shell/language.tsx';
import { Chip, StateBadge, type Tone } from '../shell/parts/badge.tsx';
import { Button, Field, FilterBox, Select } from '../shell/parts/controls.tsx';
import { FormDialog } from '../shell/parts/form-dialog.tsx';
import { Drawer, EmptyState, Facts, Loaded, Meter, Panel, Split, When } from '../shell/parts/surface.tsx';
import { type Column, matchesFilter, Table } from '../shell/parts/table.tsx';
import { Link, useSearchParam } from '../shell/router.tsx';
import { hasRole, useMe } from '../shell/session.ts';
import { words as shellWords } from '../shell/words.ts';
import { volumeWords } from './volume-words.ts';

const TONES: Readonly<Record<Volume['state'], Tone>> = {
  pending: 'pending',
  ready: 'ok',
  'in-use': 'ok',
  'nearly-full': 'warn',
  full: 'bad',
  unavailable: 'bad',
  released: 'absent',
  removing: 'warn',
  unknown: 'warn',
};

const nameOf = ({ environment, claim }: Pick<Volume, 'environment' | 'claim'>): string => `${environment}/${claim}`;

function pathOf({ project, environment, claim }: Volume): readonly string[] {
  return ['projects', project, 'volumes', environment, claim];
}

function VolumeState({ volume: { state } }: { volume: Volume }) {
  const t = useWords(volumeWords);
  return <StateBadge tone={TONES[state] ?? 'absent'}>{t(state)}</StateBadge>;
}

/** What is about to be done, in words, before it is done; then waits until the host has done it. */
function Act({
  title,
  act,
  text,
  danger = false,
  disabled = false,
  run,
  onClose,
  children,
}: {
  title: string;
  act: string;
  text: string;
  danger?: boolean;
  disabled?: boolean;
  /** Gives an operation, where there is one. */
  run: () => Promise<{ readonly operation?: string }>;
  onClose: () => void;
  children?: ReactNode;
}) {
  const t = useWords(volumeWords);
  const client = useQueryClient();
  /** What the host does about it, and since when. */
  const [begun, setBegun] = useState<{ readonly operation: string; readonly at: string } | null>(null);
  const sending = useMutation({
    async mutationFn() {
      const { operation } = await run();
      if (operation === undefined) return;
      setBegun({ operation, at: new Date().toISOString() });
      await waitForOperation(operation).finally(() => setBegun(null));
    },
    async onSuccess() {
      onClose();
      await client.invalidateQueries({ queryKey: ['volumes'] });
    },
  });
  return (
    <FormDialog
      title={title}
      act={act}
      look={danger ? 'danger' : 'primary'}
      disabled={disabled}
      sending={sending}
      onClose={onClose}
    >
      <p>{text}</p>
      {children}
      <p className="quiet-text" aria-live="polite">
        {begun === null ? null : (
          <>
            {t('underWay')} <Elapsed from={begun.at} to={null} /> ·{' '}
            <Link to={addresses.operation(begun.operation)}>{t('itsSteps')}</Link>
          </>
        )}
      </p>
    </FormDialog>
  );
}

function BackupDialog({ volume, text, onClose }: { volume: Volume; text: string; onClose: () => void }) {
  const t = useWords(volumeWords);
  const repositories = useQuery(queries.backupRepositories()).data ?? [];
  const [chosen, setChosen] = useState('');
  const repository = chosen === '' ? repositories[0]?.name : chosen;
  return (
    <Act
      title={t('takeBackupOf', { volume: nameOf(volume) })}
      act={t('takeBackup')}
      text={repositories.length === 0 ? t('noRepository') : text}
      disabled={repository === undefined}
      run={() => api.post(apiPath([...pathOf(volume), 'backups']), { repository })}
      onClose={onClose}
    >
      {repositories.length > 1 ? (
        <Select
          label={t('repository')}
          value={repository ?? ''}
          options={repositories.map(({ name, location }) => [name, `${name} (${location})`] as const)}
          onPick={setChosen}
        />
      ) : null}
    </Act>
  );
}

function RestoreDialog({ copy, onClose }: { copy: VolumeCopy; onClose: () => void }) {
  const t = useWords(volumeWords);
  const formats = useFormats();
  const [claim, setClaim] = useState(`${copy.claim}-restored`);
  return (
    <Act
      title={t('restoreOf', { at: formats.instant(copy.createdAt) })}
      act={t('restore')}
      text={t('restoreText', { files: formats.number(copy.files ?? 0), bytes: formats.bytes(copy.bytes ?? 0) })}
      disabled={claim === ''}
      run={() => api.post(apiPath(['projects', copy.project, 'backups', copy.id, 'restore']), { claim })}
      onClose={onClose}
    >
      <Field label={t('newClaim')} value={claim} onChange={(event) => setClaim(event.target.value)} />
    </Act>
  );
}

function ExpireDialog({ volume, onClose }: { volume: Volume; onClose: () => void }) {
  const t = useWords(volumeWords);
  const [hours, setHours] = useState('24');
  return (
    <Act
      title={t('expire')}
      act={t('expire')}
      text={t('expireText', { volume: nameOf(volume), hours })}
      disabled={!/^\d{1,5}$/.test(hours)}
      run={async () => {
        await api.put(apiPath([...pathOf(volume), 'reclaim']), { policy: 'delete', afterHours: Number(hours) });
        return {};
      }}
      onClose={onClose}
    >
      <Field
        label={t('hours')}
        type="number"
        min={0}
        value={hours}
        onChange={(event) => setHours(event.target.value)}
      />
    </Act>
  );
}

type Asked =
  | { readonly what: 'snapshot' | 'backup' | 'keep' | 'expire' | 'remove' }
  | { readonly what: 'restore' | 'try' | 'drop'; readonly copy: VolumeCopy };

function AskedDialog({ details, asked, onClose }: { details: VolumeDetails; asked: Asked; onClose: () => void }) {
  const t = useWords(volumeWords);
  const formats = useFormats();
  const bytes = formats.bytes(details.look?.usedBytes ?? 0);
  const containers = details.look?.containers ?? 0;
  const volume = nameOf(details);
  switch (asked.what) {
    case 'snapshot':
      return (
        <Act
          title={t('takeSnapshotOf', { volume })}
          act={t('takeSnapshot')}
          text={t('snapshotText', { containers, bytes })}
          run={() => api.post(apiPath([...pathOf(details), 'snapshots']))}
          onClose={onClose}
        />
      );
    case 'backup':
      return <BackupDialog volume={details} text={t('backupText', { containers, bytes })} onClose={onClose} />;
    case 'keep':
      return (
        <Act
          title={t('keep')}
          act={t('keep')}
          text={t('keepText', { volume })}
          run={async () => {
            await api.put(apiPath([...pathOf(details), 'reclaim']), { policy: 'retain' });
            return {};
          }}
          onClose={onClose}
        />
      );
    case 'expire':
      return <ExpireDialog volume={details} onClose={onClose} />;
    case 'remove': {
      const done = details.copies.filter(({ state }) => state === 'done');
      const snapshots = done.filter(({ kind }) => kind === 'snapshot').length;
      return (
        <Act
          danger
          title={t('removeVolume', { volume })}
          act={t('remove')}
          text={[
            t('removeText', { bytes, snapshots, backups: done.length - snapshots }),
            ...(details.sealed ? [t('removeKeyText')] : []),
          ].join(' ')}
          run={() => api.delete(apiPath([...pathOf(details)]))}
          onClose={onClose}
        />
      );
    }
    case 'restore':
      return <RestoreDialog copy={asked.copy} onClose={onClose} />;
    case 'try':
      return (
        <Act
          title={t('tryRestore')}
          act={t('tryRestore')}
          text={t('tryRestoreText', { bytes: formats.bytes(asked.copy.bytes ?? 0) })}
          run={() => api.post(apiPath(['projects', asked.copy.project, 'backups', asked.copy.id, 'verify']))}
          onClose={onClose}
        />
      );
    case 'drop':
      return (
        <Act
          danger
          title={t('removeCopy')}
          act={t('remove')}
          text={t('removeCopyText', { at: formats.instant(asked.copy.createdAt) })}
          run={() => api.delete(apiPath(['projects', asked.copy.project, 'backups', asked.copy.id]))}
          onClose={onClose}
        />
      );
  }
}

function CopyItem({
  copy,
  ask,
  mayCopy,
  isAdmin,
}: {
  copy: VolumeCopy;
  ask: (asked: Asked) => void;
  mayCopy: boolean;
  isAdmin: boolean;
}) {
  const t = useWords(volumeWords);
  const formats = useFormats();
  const { language } = useLanguage();
  return (
    <li className="stack-tight">
      <span>
        {copy.kind === 'snapshot' ? t('snapshot') : t('backupIn', { repository: copy.repository ?? '' })}{' '}
        <When at={copy.createdAt} />
        {copy.bytes === null ? null : ` · ${formats.bytes(copy.bytes)}`}
        {copy.state === 'running' ? ` · ${t('copyRunning')}` : null}
      </span>
      {copy.state === 'failed' ? (
        <span>
          <StateBadge tone="bad">{t('copyFailed')}</StateBadge> {copy.problem?.[language]}
        </span>
      ) : null}
      {copy.verified === null ? null : (
        <span>
          <StateBadge tone={copy.verified.same ? 'ok' : 'bad'}>
            {t(copy.verified.same ? 'trialSame' : 'trialDiffers')}
          </StateBadge>{' '}
          <When at={copy.verified.at} />
        </span>
      )}
      {copy.state === 'done' && copy.problem !== null ? <span>{copy.problem[language]}</span> : null}
      {copy.state === 'done' && mayCopy ? (
        <span className="chips">
          <Button onClick={() => ask({ what: 'restore', copy })}>{t('restore')}</Button>
          {copy.kind === 'backup' ? (
            <Button onClick={() => ask({ what: 'try', copy })}>{t('tryRestore')}</Button>
          ) : null}
          {isAdmin ? <Button onClick={() => ask({ what: 'drop', copy })}>{t('remove')}</Button> : null}
        </span>
      ) : null}
    </li>
  );
}

function Details({ volume, onClose }: { volume: Volume; onClose: () => void }) {
  const t = useWords(volumeWords);
  const formats = useFormats();
  const { language } = useLanguage();
  const me = useMe();
  // Who may release in the project may copy its volumes; who may end their data administers.
  const mayCopy = hasRole(me, ['admin', 'developer'], volume.project);
  const isAdmin = hasRole(me, ['admin'], volume.project);
  const [asked, ask] = useState<Asked | null>(null);
  const details = useQuery(queries.volume(volume.project, volume.environment, volume.claim));
  return (
    <Drawer title={nameOf(volume)} onClose={onClose}>
      <p className="chips">
        <VolumeState volume={volume} />
        <Chip>{volume.class}</Chip>
      </p>
      {volume.why === null ? null : <p>{volume.why[language]}</p>}
      <Loaded query={details}>
        {(found) => {
          const { look, schedule, reclaim } = found;
          const tried = found.copies.flatMap(({ verified }) => (verified === null ? [] : [verified]));
          const [last] = tried.toSorted((a, b) => b.at.localeCompare(a.at));
          return (
            <>
              {look?.usedBytes == null ? null : (
                <Meter
                  done={Math.min(look.usedBytes, found.requestedBytes)}
                  total={found.requestedBytes}
                  label={t('used')}
                />
              )}
              <Facts
                items={[
                  [
                    t('used'),
                    look?.usedBytes == null
                      ? t('notCounted')
                      : t('usedOf', {
                          used: formats.bytes(look.usedBytes),
                          size: formats.bytes(found.requestedBytes),
                        }),
                  ],
                  [t('free'), look?.freeBytes == null ? '—' : formats.bytes(look.freeBytes)],
                  [
                    t('limit'),
                    look === null
                      ? '—'
                      : look.limit.enforced
                        ? t('enforced')
                        : t('notEnforced', { why: look.limit.why[language] }),
                  ],
                  [t('encryption'), t(found.sealed ? 'encrypted' : 'plain')],
                  [t('access'), found.accessModes.join(', ')],
                  [
                    t('holder'),
                    found.host === null ? t('anyHost') : t('holderEpoch', { host: found.host, epoch: found.epoch }),
                  ],
                  [t('containers'), String(look?.containers ?? 0)],
                  [t('atEnd'), reclaim.policy === 'retain' ? t('stays') : t('goes', { hours: reclaim.afterHours })],
                  [
                    t('schedule'),
                    schedule === null
                      ? t('notScheduled')
                      : t('scheduled', {
                          cron: schedule.cron,
                          repository: schedule.repository,
                          next: formats.instant(schedule.nextAt),
                        }),
                  ],
                  [
                    t('lastTrial'),
                    last === undefined ? (
                      t('neverTried')
                    ) : (
                      <span key="trial">
                        {t(last.same ? 'trialSame' : 'trialDiffers')} <When at={last.at} />
                      </span>
                    ),
                  ],
                  [t('created'), <When key="since" at={found.createdAt} />],
                ]}
              />
              <p className="chips">
                {mayCopy ? (
                  <>
                    <Button onClick={() => ask({ what: 'snapshot' })}>{t('takeSnapshot')}</Button>
                    <Button onClick={() => ask({ what: 'backup' })}>{t('takeBackup')}</Button>
                  </>
                ) : null}
                {isAdmin ? (
                  <>
                    <Button onClick={() => ask({ what: reclaim.policy === 'retain' ? 'expire' : 'keep' })}>
                      {t(reclaim.policy === 'retain' ? 'expire' : 'keep')}
                    </Button>
                    <Button look="danger" onClick={() => ask({ what: 'remove' })}>
                      {t('remove')}
                    </Button>
                  </>
                ) : null}
              </p>
              <section>
                <h3>{t('copies')}</h3>
                {found.copies.length === 0 ? (
                  <p>{t('noCopies')}</p>
                ) : (
                  <ul className="stack copies">
                    {found.copies.map((copy) => (
                      <CopyItem key={copy.id} copy={copy} ask={ask} mayCopy={mayCopy} isAdmin={isAdmin} />
                    ))}
                  </ul>
                )}
              </section>
              {asked === null ? null : <AskedDialog details={found} asked={asked} onClose={() => ask(null)} />}
            </>
          );
        }}
      </Loaded>
    </Drawer>
  );
}

/** The volumes of a project: what they hold, who writes to them, and every copy of them. */
export function VolumesTab({ project }: { project: string }) {
  const t = useWords(volumeWords);
  const shell = useWords(shellWords);
  const formats = useFormats();
  const { language } = useLanguage();
  const volumes = useQuery(queries.volumes(project));
  const [filter, setFilter] = useSearchParam('q');
  const [selected, select] = useSearchParam('sel');
  const [environment] = useEnvironment();
  const columns: readonly Column<Volume>[] = [
    { id: 'volume', label: t('volume'), grow: true, cell: ({ claim }) => claim },
    { id: 'environment', label: t('environment'), cell: (volume) => <Chip>{volume.environment}</Chip> },
    { id: 'state', label: t('state'), cell: (volume) => <VolumeState volume={volume} /> },
    { id: 'class', label: t('class'), from: 'medium', cell: (volume) => volume.class },
    { id: 'size', label: t('size'), align: 'end', cell: ({ requestedBytes }) => formats.bytes(requestedBytes) },
    {
      id: 'used',
      label: t('used'),
      align: 'end',
      from: 'medium',
      cell: ({ look }) => (look?.usedBytes == null ? '—' : formats.bytes(look.usedBytes)),
    },
    { id: 'holder', label: t('holder'), from: 'wide', cell: ({ host }) => host ?? t('anyHost') },
  ];
  return (
    <Loaded query={volumes}>
      {(all) => {
        if (all.length === 0) {
          return (
            <Panel>
              <EmptyState title={t('noVolumes')} command="darsena volume list">
                {t('noVolumesText')}
              </EmptyState>
            </Panel>
          );
        }
        const rows = all.filter(
          (volume) =>
            (environment === '' || volume.environment === environment) &&
            matchesFilter(filter, [
              volume.claim,
              volume.environment,
              volume.class,
              volume.state,
              volume.why?.[language] ?? null,
            ]),
        );
        const chosen = rows.find((volume) => nameOf(volume) === selected);
        return (
          <Split
            list={
              <>
                <div className="toolbar">
                  <FilterBox value={filter} onChange={setFilter} label={shell('filter')} />
                  <span className="toolbar-end">{shell('rows', { count: rows.length })}</span>
                </div>
                <Panel flush>
                  <Table
                    label={t('volumes')}
                    columns={columns}
                    rows={rows}
                    keyOf={nameOf}
                    selected={selected}
                    onSelect={select}
                  />
                </Panel>
              </>
            }
            drawer={
              chosen === undefined ? null : <Details key={nameOf(chosen)} volume={chosen} onClose={() => select('')} />
            }
          />
        );
      }}
    </Loaded>
  );
}
