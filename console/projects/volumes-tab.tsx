import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { api, apiPath } from '../api/client.ts';
import { queries } from '../api/queries.ts';
import type { RemovalProof, Volume, VolumeCopy, VolumeDetails } from '../api/types.ts';
import { addresses } from '../shell/addresses.ts';
import { useEnvironment } from '../shell/environment.ts';
import { useFormats } from '../shell/format.ts';
import { useLanguage, useWords } from '../shell/language.tsx';
import { Chip, StateBadge, type Tone } from '../shell/parts/badge.tsx';
import { Button, Field, FilterBox, Select } from '../shell/parts/controls.tsx';
import { Dialog, Drawer, EmptyState, Facts, Loaded, Meter, Panel, Split, When } from '../shell/parts/surface.tsx';
import { type Column, matchesFilter, Table } from '../shell/parts/table.tsx';
import { Link, useSearchParam } from '../shell/router.tsx';
import { hasRole, useMe } from '../shell/session.ts';
import { words as shellWords } from '../shell/words.ts';
import './projects.css';
import { quantity } from './quantity.ts';
import { storageQueries } from './storage-queries.ts';
import { Act, NoRepository, nameOf, pathOf } from './volume-acts.tsx';
import { ScheduleDialog } from './volume-schedule.tsx';
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

function VolumeState({ volume: { state } }: { volume: Volume }) {
  const t = useWords(volumeWords);
  return <StateBadge tone={TONES[state] ?? 'absent'}>{t(state)}</StateBadge>;
}

function BackupDialog({ volume, text, onClose }: { volume: Volume; text: string; onClose: () => void }) {
  const t = useWords(volumeWords);
  const repositories = useQuery(storageQueries.repositories()).data ?? [];
  const [chosen, setChosen] = useState('');
  const repository = chosen === '' ? repositories[0]?.name : chosen;
  return (
    <Act
      title={t('takeBackupOf', { volume: nameOf(volume) })}
      act={t('takeBackup')}
      text={text}
      disabled={repository === undefined}
      run={() => api.post(apiPath([...pathOf(volume), 'backups']), { repository })}
      onClose={onClose}
    >
      {repositories.length === 0 ? <NoRepository /> : null}
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

/** A new claim is filled: in which environment, in which class. */
function RestoreDialog({
  copy,
  onRestored,
  onClose,
}: {
  copy: VolumeCopy;
  onRestored: (name: string) => void;
  onClose: () => void;
}) {
  const t = useWords(volumeWords);
  const formats = useFormats();
  const [claim, setClaim] = useState(`${copy.claim}-restored`);
  const [environment, setEnvironment] = useState(copy.environment);
  const [storageClass, setClass] = useState('');
  const environments = useQuery(queries.project(copy.project)).data?.environments ?? [];
  const classes = useQuery(storageQueries.classes()).data ?? [];
  return (
    <Act
      title={t('restoreOf', { at: formats.instant(copy.createdAt) })}
      act={t('restore')}
      text={t('restoreText', { files: formats.number(copy.files ?? 0), bytes: formats.bytes(copy.bytes ?? 0) })}
      disabled={claim.trim() === ''}
      run={() =>
        api.post(apiPath(['projects', copy.project, 'backups', copy.id, 'restore']), {
          ...{ claim: claim.trim(), environment },
          ...(storageClass === '' ? {} : { class: storageClass }),
        })
      }
      onDone={() => onRestored(nameOf({ environment, claim: claim.trim() }))}
      onClose={onClose}
    >
      <Field
        label={t('newClaim')}
        autoComplete="off"
        autoCapitalize="none"
        spellCheck={false}
        value={claim}
        onChange={(event) => setClaim(event.target.value)}
      />
      {environments.length > 1 ? (
        <Select
          label={t('environment')}
          value={environment}
          options={environments.map(({ name }) => [name, name] as const)}
          onPick={setEnvironment}
        />
      ) : null}
      {classes.length > 1 ? (
        <Select
          label={t('class')}
          value={storageClass}
          options={[['', t('sameClass')], ...classes.map(({ name }) => [name, name] as const)]}
          onPick={setClass}
        />
      ) : null}
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
  | { readonly what: 'snapshot' | 'backup' | 'schedule' | 'unschedule' | 'keep' | 'expire' | 'remove' }
  | { readonly what: 'restore' | 'try' | 'drop'; readonly copy: VolumeCopy };

function AskedDialog({
  details,
  asked,
  onRemoved,
  onRestored,
  onClose,
}: {
  details: VolumeDetails;
  asked: Asked;
  onRemoved: (proof: RemovalProof) => void;
  onRestored: (name: string) => void;
  onClose: () => void;
}) {
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
    case 'schedule':
      return <ScheduleDialog details={details} onClose={onClose} />;
    case 'unschedule':
      return (
        <Act
          danger
          title={t('unschedule')}
          act={t('unschedule')}
          text={t('unscheduleText', { volume })}
          run={async () => {
            await api.delete(apiPath([...pathOf(details), 'schedule']));
            return {};
          }}
          onClose={onClose}
        />
      );
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
          onDone={(result) => onRemoved(result as unknown as RemovalProof)}
          onClose={onClose}
        />
      );
    }
    case 'restore':
      return <RestoreDialog copy={asked.copy} onRestored={onRestored} onClose={onClose} />;
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

function Details({
  volume,
  onRemoved,
  onRestored,
  onClose,
}: {
  volume: Volume;
  onRemoved: (proof: RemovalProof) => void;
  onRestored: (name: string) => void;
  onClose: () => void;
}) {
  const t = useWords(volumeWords);
  const formats = useFormats();
  const { language } = useLanguage();
  const me = useMe();
  // Who may release in the project may copy its volumes; who may end their data administers.
  const mayCopy = hasRole(me, ['admin', 'developer'], volume.project);
  const isAdmin = hasRole(me, ['admin'], volume.project);
  const [asked, ask] = useState<Asked | null>(null);
  const details = useQuery(storageQueries.volume(volume.project, volume.environment, volume.claim));
  return (
    <Drawer title={nameOf(volume)} onClose={onClose}>
      <p className="chips">
        <VolumeState volume={volume} />
        <Chip>{volume.class}</Chip>
      </p>
      {volume.why === null ? null : <p>{volume.why[language]}</p>}
      <Loaded query={details}>
        {(found) => {
          const { schedule, reclaim } = found;
          // The row is read again more often.
          const look = volume.look ?? found.look;
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
                          size: quantity(found.requestedBytes),
                        }),
                  ],
                  [t('growth'), t('growthText')],
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
                  ...(schedule === null
                    ? []
                    : [
                        [t('kept'), t('keptOf', { ...schedule.keep })] as const,
                        [
                          t('trials'),
                          schedule.verifyDays === 0 ? t('noTrials') : t('everyDays', { count: schedule.verifyDays }),
                        ] as const,
                      ]),
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
                    <Button onClick={() => ask({ what: 'schedule' })}>
                      {t(schedule === null ? 'makeSchedule' : 'changeSchedule')}
                    </Button>
                    {schedule === null ? null : (
                      <Button onClick={() => ask({ what: 'unschedule' })}>{t('unschedule')}</Button>
                    )}
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
              {asked === null ? null : (
                <AskedDialog
                  details={found}
                  asked={asked}
                  onRemoved={onRemoved}
                  onRestored={onRestored}
                  onClose={() => ask(null)}
                />
              )}
            </>
          );
        }}
      </Loaded>
    </Drawer>
  );
}

/** What the host found when it took the data away: the audit log keeps the same. */
function Proof({ proof, onClose }: { proof: RemovalProof & { readonly name: string }; onClose: () => void }) {
  const t = useWords(volumeWords);
  const shell = useWords(shellWords);
  const formats = useFormats();
  return (
    <Dialog title={t('gone', { volume: proof.name })} onClose={onClose}>
      <div className="dialog-body">
        <p>{t(proof.how === 'absent' ? 'goneAbsent' : 'goneText')}</p>
        <Facts
          items={[
            [t('goneFiles'), t('goneFilesOf', { count: proof.files, bytes: formats.bytes(proof.bytes) })],
            [t('goneFrom'), <code key="path">{proof.path}</code>],
            [t('goneAt'), formats.instant(proof.goneAt)],
            ...(proof.key === 'destroyed' ? [[t('key'), t('keyDestroyed')] as const] : []),
          ]}
        />
        <div className="dialog-actions">
          <Link to={`${addresses.audit()}?kind=volume.removed`} className="button plain">
            {t('inAudit')}
          </Link>
          <Button look="primary" onClick={onClose}>
            {shell('close')}
          </Button>
        </div>
      </div>
    </Dialog>
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
  const [proof, setProof] = useState<(RemovalProof & { readonly name: string }) | null>(null);
  const columns: readonly Column<Volume>[] = [
    { id: 'volume', label: t('volume'), grow: true, cell: ({ claim }) => claim },
    { id: 'environment', label: t('environment'), cell: (volume) => <Chip>{volume.environment}</Chip> },
    { id: 'state', label: t('state'), cell: (volume) => <VolumeState volume={volume} /> },
    { id: 'class', label: t('class'), from: 'medium', cell: (volume) => volume.class },
    { id: 'size', label: t('size'), align: 'end', cell: ({ requestedBytes }) => quantity(requestedBytes) },
    {
      id: 'used',
      label: t('used'),
      align: 'end',
      from: 'medium',
      cell: ({ look }) => (look?.usedBytes == null ? '—' : formats.bytes(look.usedBytes)),
    },
    { id: 'holder', label: t('holder'), from: 'wide', cell: ({ host }) => host ?? t('anyHost') },
  ];
  // The proof outlives the row that it is about.
  const shownProof = proof === null ? null : <Proof proof={proof} onClose={() => setProof(null)} />;
  return (
    <Loaded query={volumes}>
      {(all) => {
        if (all.length === 0) {
          return (
            <Panel>
              <EmptyState title={t('noVolumes')} command="darsena volume list">
                {t('noVolumesText')}
              </EmptyState>
              {shownProof}
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
                {shownProof}
              </>
            }
            drawer={
              chosen === undefined ? null : (
                <Details
                  key={nameOf(chosen)}
                  volume={chosen}
                  onRemoved={(found) => {
                    setProof({ ...found, name: nameOf(chosen) });
                    select('');
                  }}
                  onRestored={select}
                  onClose={() => select('')}
                />
              )
            }
          />
        );
      }}
    </Loaded>
  );
}
