import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { api, apiPath } from '../api/client.ts';
import { queries } from '../api/queries.ts';
import type { CopyFinding, Replication, Watch } from '../api/types.ts';
import { addresses } from '../shell/addresses.ts';
import { shortDigest, useFormats } from '../shell/format.ts';
import { useText, useWords } from '../shell/language.tsx';
import { StateBadge } from '../shell/parts/badge.tsx';
import { Button, Copyable, Field, Select } from '../shell/parts/controls.tsx';
import { Actor } from '../shell/parts/fact-line.tsx';
import { FormDialog, listOf } from '../shell/parts/form-dialog.tsx';
import { type ManagedActs, ManagedList, RowAct } from '../shell/parts/managed-list.tsx';
import { EmptyState, Failure, Loaded, Panel, Until, When } from '../shell/parts/surface.tsx';
import { type Column, Table } from '../shell/parts/table.tsx';
import { Link, useNavigate } from '../shell/router.tsx';
import { hasRole, useMe } from '../shell/session.ts';
import { ReplicationEntries, WatchImages } from './details.tsx';
import { watchWords } from './watch-words.ts';

const COPY_KINDS = {
  'ours-elsewhere': 'oursElsewhere',
  'other-digest': 'otherDigest',
  'no-source': 'noSource',
} as const;

/** Copies that should not exist: images of ours elsewhere, names that say another thing there, images of no known origin. */
export function Copies() {
  const t = useWords(watchWords);
  const text = useText();
  const isAdmin = hasRole(useMe(), ['admin'], '*');
  const client = useQueryClient();
  const copies = useQuery(queries.copies());
  const check = useMutation({
    mutationFn: () => api.post('/copies/check'),
    onSettled: () => client.invalidateQueries({ queryKey: ['watches'] }),
  });
  const columns: readonly Column<CopyFinding>[] = [
    {
      id: 'kind',
      label: t('what'),
      cell: (copy) => <StateBadge tone="bad">{t(COPY_KINDS[copy.kind])}</StateBadge>,
    },
    { id: 'place', label: t('where'), cell: (copy) => <span className="mono">{copy.place}</span> },
    {
      id: 'here',
      label: t('here'),
      from: 'medium',
      cell: (copy) =>
        copy.project === null ? copy.here : <Link to={addresses.image(copy.project, copy.digest)}>{copy.here}</Link>,
    },
    { id: 'why', label: t('why'), from: 'wide', cell: (copy) => text(copy.detail) },
    {
      id: 'digest',
      label: 'Digest',
      from: 'wide',
      cell: (copy) => <Copyable value={copy.digest}>{shortDigest(copy.digest)}</Copyable>,
    },
    { id: 'found', label: t('found'), align: 'end', cell: (copy) => <When at={copy.foundAt} /> },
  ];
  return (
    <Panel
      title={t('copies')}
      count={copies.data?.length}
      flush
      actions={
        isAdmin ? (
          <Button busy={check.isPending} onClick={() => check.mutate()}>
            {t('compare')}
          </Button>
        ) : undefined
      }
    >
      {check.error === null ? null : <Failure error={check.error} />}
      <Loaded query={copies}>
        {(all) => (
          <Table
            label={t('copies')}
            columns={columns}
            rows={all}
            keyOf={(copy) => copy.id}
            empty={<EmptyState title={t('noCopies')}>{t('noCopiesText')}</EmptyState>}
          />
        )}
      </Loaded>
    </Panel>
  );
}

/** A name, a registry and patterns: what a watch and a replication are made of. */
function PatternDialog({
  title,
  path,
  onDone,
  onClose,
}: {
  title: string;
  path: '/watches' | '/replications';
  onDone: () => void;
  onClose: () => void;
}) {
  const t = useWords(watchWords);
  const remotes = (useQuery(queries.remotes()).data ?? []).map((item) => item.name);
  const [name, setName] = useState('');
  const [picked, setRemote] = useState('');
  const [repositories, setRepositories] = useState('');
  const [tags, setTags] = useState('');
  const remote = picked === '' ? (remotes[0] ?? '') : picked;
  const add = useMutation({
    mutationFn: () =>
      api.post(path, {
        name,
        remote,
        repositories: listOf(repositories),
        ...(tags === '' ? {} : { tags: listOf(tags) }),
      }),
    onSuccess: onDone,
  });
  return (
    <FormDialog title={title} disabled={remote === ''} sending={add} onClose={onClose}>
      <Field
        label={t('name')}
        required
        pattern="[a-z0-9][a-z0-9.\-]*"
        autoComplete="off"
        spellCheck={false}
        value={name}
        onChange={(event) => setName(event.target.value)}
      />
      <Select
        label={t('registry')}
        value={remote}
        onPick={setRemote}
        options={remotes.map((item) => [item, item] as const)}
      />
      <Field
        label={t('repositories')}
        hint={t('patternsHint')}
        required
        autoComplete="off"
        spellCheck={false}
        value={repositories}
        onChange={(event) => setRepositories(event.target.value)}
      />
      <Field
        label={t('tags')}
        hint={t('tagsHint')}
        autoComplete="off"
        spellCheck={false}
        value={tags}
        onChange={(event) => setTags(event.target.value)}
      />
    </FormDialog>
  );
}

function WatchState({ watch }: { watch: Watch }) {
  const t = useWords(watchWords);
  const text = useText();
  const { state, detail } = watch;
  return (
    <span className="chips">
      {state === 'running' ? <StateBadge tone="pending">{t('checking')}</StateBadge> : null}
      {state === 'failed' ? <StateBadge tone="bad">{t('checkFailed')}</StateBadge> : null}
      {state === 'done' ? <StateBadge tone="ok">{t('checked')}</StateBadge> : null}
      {watch.checkedAt === null ? (
        <span className="quiet-text">{t('neverChecked')}</span>
      ) : (
        <span className="quiet-text">
          <When at={watch.checkedAt} />
        </span>
      )}
      {detail === null ? null : (
        <span className="quiet-text">
          {t('watchCounts', { images: detail.images, refused: detail.refused, unsigned: detail.unsigned })}
        </span>
      )}
      {detail?.problem === null || detail?.problem === undefined ? null : <span>{text(detail.problem)}</span>}
      <span className="quiet-text">
        {t('next')} <Until at={watch.nextAt} />
      </span>
    </span>
  );
}

/** Registries whose images are listed, scanned and judged where they lie. */
export function Watches() {
  const t = useWords(watchWords);
  const isAdmin = hasRole(useMe(), ['admin'], '*');
  const navigate = useNavigate();
  const check = useMutation({
    mutationFn: (watch: Watch) => api.post<{ id: string }>(apiPath(['watches', watch.name, 'check'])),
    onSuccess: ({ id }) => navigate(addresses.operation(id)),
  });
  const columns = ({ remove, open }: ManagedActs): readonly Column<Watch>[] => [
    { id: 'name', label: t('watch'), cell: (watch) => <strong>{watch.name}</strong> },
    {
      id: 'what',
      label: t('what'),
      cell: (watch) => (
        <span className="mono">
          {watch.remote}/{watch.repositories.join(', ')}
        </span>
      ),
    },
    { id: 'state', label: t('state'), from: 'medium', cell: (watch) => <WatchState watch={watch} /> },
    { id: 'owner', label: t('owner'), from: 'wide', cell: (watch) => <Actor actor={watch.createdBy} /> },
    {
      id: 'acts',
      label: '',
      align: 'end',
      cell: (watch) =>
        isAdmin ? (
          <span className="row-acts">
            <RowAct
              name={t('showImages', { name: watch.name })}
              onClick={() => open((_done, close) => <WatchImages name={watch.name} onClose={close} />)}
            >
              {t('show')}
            </RowAct>
            <RowAct name={t('checkWatch', { name: watch.name })} onClick={() => check.mutate(watch)}>
              {t('checkNow')}
            </RowAct>
            <RowAct
              name={t('endWatch', { name: watch.name })}
              onClick={() =>
                remove({
                  title: t('endWatch', { name: watch.name }),
                  text: t('endWatchText'),
                  action: t('end'),
                  run: () => api.delete(apiPath(['watches', watch.name])),
                })
              }
            >
              {t('end')}
            </RowAct>
          </span>
        ) : null,
    },
  ];
  return (
    <ManagedList
      title={t('watches')}
      listKey="watches"
      query={useQuery(queries.watches())}
      columns={columns}
      keyOf={(watch) => watch.name}
      note={check.error === null ? null : <Failure error={check.error} />}
      empty={<EmptyState title={t('noWatches')}>{t('noWatchesText')}</EmptyState>}
      {...(isAdmin
        ? {
            create: {
              label: t('addWatch'),
              dialog: (done, close) => (
                <PatternDialog title={t('addWatch')} path="/watches" onDone={() => done(null)} onClose={close} />
              ),
            },
          }
        : {})}
    />
  );
}

function ReplicationState({ replication }: { replication: Replication }) {
  const t = useWords(watchWords);
  const text = useText();
  const formats = useFormats();
  const { paused, waiting, failing, refused, lagSeconds, problem } = replication;
  return (
    <span className="chips">
      {paused ? <StateBadge tone="absent">{t('paused')}</StateBadge> : null}
      {!paused && lagSeconds === null ? <StateBadge tone="ok">{t('upToDate')}</StateBadge> : null}
      {lagSeconds === null ? null : (
        <StateBadge tone={failing > 0 ? 'bad' : 'pending'}>
          {t('lag', { waiting, time: formats.duration(lagSeconds * 1000) })}
        </StateBadge>
      )}
      {refused > 0 ? <StateBadge tone="warn">{t('refusedHere', { refused })}</StateBadge> : null}
      {replication.succeededAt === null ? null : (
        <span className="quiet-text">
          <When at={replication.succeededAt} />
        </span>
      )}
      {problem === null ? null : <span>{text(problem)}</span>}
    </span>
  );
}

/** What is brought to other registries as it arrives here, and what waits. */
export function Replications() {
  const t = useWords(watchWords);
  const client = useQueryClient();
  const act = useMutation({
    mutationFn: ({ replication, what }: { replication: Replication; what: 'sync' | 'pause' }) =>
      what === 'sync'
        ? api.post(apiPath(['replications', replication.name, 'sync']))
        : api.put(apiPath(['replications', replication.name]), { paused: !replication.paused }),
    onSettled: () => client.invalidateQueries({ queryKey: ['replications'] }),
  });
  const columns = ({ remove, open }: ManagedActs): readonly Column<Replication>[] => [
    { id: 'name', label: t('replication'), cell: (one) => <strong>{one.name}</strong> },
    {
      id: 'what',
      label: t('what'),
      cell: (one) => (
        <span className="mono">
          {one.repositories.join(', ')} → {one.remote}
        </span>
      ),
    },
    { id: 'state', label: t('state'), from: 'medium', cell: (one) => <ReplicationState replication={one} /> },
    { id: 'owner', label: t('owner'), from: 'wide', cell: (one) => <Actor actor={one.createdBy} /> },
    {
      id: 'acts',
      label: '',
      align: 'end',
      cell: (one) => (
        <span className="row-acts">
          <RowAct
            name={t('showEntries', { name: one.name })}
            onClick={() => open((_done, close) => <ReplicationEntries name={one.name} onClose={close} />)}
          >
            {t('queue')}
          </RowAct>
          <RowAct
            name={t('syncReplication', { name: one.name })}
            onClick={() => act.mutate({ replication: one, what: 'sync' })}
          >
            {t('syncNow')}
          </RowAct>
          <RowAct
            name={t(one.paused ? 'resumeReplication' : 'pauseReplication', { name: one.name })}
            onClick={() => act.mutate({ replication: one, what: 'pause' })}
          >
            {t(one.paused ? 'resume' : 'pause')}
          </RowAct>
          <RowAct
            name={t('endReplication', { name: one.name })}
            onClick={() =>
              remove({
                title: t('endReplication', { name: one.name }),
                text: t('endReplicationText'),
                action: t('end'),
                run: () => api.delete(apiPath(['replications', one.name])),
              })
            }
          >
            {t('end')}
          </RowAct>
        </span>
      ),
    },
  ];
  return (
    <ManagedList
      title={t('replications')}
      listKey="replications"
      query={useQuery(queries.replications())}
      columns={columns}
      keyOf={(one) => one.name}
      note={act.error === null ? null : <Failure error={act.error} />}
      empty={<EmptyState title={t('noReplications')}>{t('noReplicationsText')}</EmptyState>}
      create={{
        label: t('addReplication'),
        dialog: (done, close) => (
          <PatternDialog title={t('addReplication')} path="/replications" onDone={() => done(null)} onClose={close} />
        ),
      }}
    />
  );
}
