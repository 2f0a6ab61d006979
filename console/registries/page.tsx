import { useMutation, useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { api, apiPath } from '../api/client.ts';
import { queries } from '../api/queries.ts';
import type { Mirror, Remote } from '../api/types.ts';
import { ImagesTabs } from '../images/images-tabs.tsx';
import { addresses } from '../shell/addresses.ts';
import { useFormats } from '../shell/format.ts';
import { useText, useWords } from '../shell/language.tsx';
import { Chip, StateBadge } from '../shell/parts/badge.tsx';
import { Field, Select } from '../shell/parts/controls.tsx';
import { Actor } from '../shell/parts/fact-line.tsx';
import { FormDialog, listOf } from '../shell/parts/form-dialog.tsx';
import { type ManagedActs, ManagedList, RowAct } from '../shell/parts/managed-list.tsx';
import { EmptyState, Failure, PageHead, Until, When } from '../shell/parts/surface.tsx';
import type { Column } from '../shell/parts/table.tsx';
import { Link, useNavigate } from '../shell/router.tsx';
import { hasRole, useMe } from '../shell/session.ts';
import { words as shellWords } from '../shell/words.ts';
import { Copies, Replications, Watches } from './watching.tsx';
import { words } from './words.ts';

const DAY_SECONDS = 86_400;

function AddRemoteDialog({ onDone, onClose }: { onDone: () => void; onClose: () => void }) {
  const t = useWords(words);
  const [name, setName] = useState('');
  const [url, setUrl] = useState('https://');
  const [user, setUser] = useState('');
  const [secret, setSecret] = useState('');
  const add = useMutation({
    mutationFn: () =>
      api.post('/remotes', { name, url, ...(user === '' ? {} : { credentials: { name: user, secret } }) }),
    onSuccess: onDone,
  });
  return (
    <FormDialog title={t('addRemote')} sending={add} onClose={onClose}>
      <Field
        label={t('name')}
        required
        pattern="[a-z0-9][a-z0-9.\-]*"
        autoComplete="off"
        spellCheck={false}
        value={name}
        onChange={(event) => setName(event.target.value)}
      />
      <Field
        label={t('address')}
        type="url"
        required
        autoComplete="off"
        value={url}
        onChange={(event) => setUrl(event.target.value)}
      />
      <Field
        label={t('user')}
        hint={t('userHint')}
        autoComplete="off"
        value={user}
        onChange={(event) => setUser(event.target.value)}
      />
      <Field
        label={t('secret')}
        type="password"
        autoComplete="new-password"
        value={secret}
        onChange={(event) => setSecret(event.target.value)}
      />
    </FormDialog>
  );
}

/** Asks the other registry whether it answers, where it is told of. */
function CheckButton({ remote }: { remote: Remote }) {
  const t = useWords(words);
  const formats = useFormats();
  const check = useMutation({
    mutationFn: () => api.post<{ milliseconds: number }>(apiPath(['remotes', remote.name, 'check'])),
  });
  return (
    <>
      {check.data === undefined ? null : (
        <StateBadge tone="ok">{t('answers', { time: formats.duration(check.data.milliseconds) })}</StateBadge>
      )}
      {check.error === null ? null : <Failure error={check.error} />}
      <RowAct busy={check.isPending} name={t('checkRemote', { name: remote.name })} onClick={() => check.mutate()}>
        {t('check')}
      </RowAct>
    </>
  );
}

function Remotes() {
  const t = useWords(words);
  const columns = ({ remove }: ManagedActs): readonly Column<Remote>[] => [
    {
      id: 'name',
      label: t('remote'),
      cell: (remote) => (
        <span className="chips">
          <strong>{remote.name}</strong>
          {remote.offline ? <StateBadge tone="absent">{t('offline')}</StateBadge> : null}
        </span>
      ),
    },
    { id: 'url', label: t('address'), cell: (remote) => <span className="mono">{remote.url}</span> },
    {
      id: 'user',
      label: t('user'),
      from: 'medium',
      cell: (remote) => (remote.username === null ? t('anonymous') : remote.username),
    },
    {
      id: 'repositories',
      label: t('mayAsk'),
      from: 'wide',
      cell: (remote) => <code>{remote.repositories.join(', ')}</code>,
    },
    { id: 'owner', label: t('owner'), from: 'wide', cell: (remote) => <Actor actor={remote.createdBy} /> },
    {
      id: 'acts',
      label: '',
      align: 'end',
      cell: (remote) => (
        <span className="row-acts">
          <CheckButton remote={remote} />
          <RowAct
            name={t('forgetRemote', { name: remote.name })}
            onClick={() =>
              remove({
                title: t('forgetRemote', { name: remote.name }),
                text: t('forgetText'),
                action: t('forget'),
                run: () => api.delete(apiPath(['remotes', remote.name])),
              })
            }
          >
            {t('forget')}
          </RowAct>
        </span>
      ),
    },
  ];
  return (
    <ManagedList
      title={t('remotes')}
      listKey="remotes"
      query={useQuery(queries.remotes())}
      columns={columns}
      keyOf={(remote) => remote.name}
      empty={<EmptyState title={t('noRemotes')}>{t('noRemotesText')}</EmptyState>}
      create={{
        label: t('addRemote'),
        dialog: (done, close) => <AddRemoteDialog onDone={() => done(null)} onClose={close} />,
      }}
    />
  );
}

function AddMirrorDialog({ onDone, onClose }: { onDone: () => void; onClose: () => void }) {
  const t = useWords(words);
  const projects = (useQuery(queries.projects()).data ?? []).map((item) => item.name);
  const remotes = (useQuery(queries.remotes()).data ?? []).map((item) => item.name);
  const [project, setProject] = useState(projects[0] ?? '');
  const [remote, setRemote] = useState(remotes[0] ?? '');
  const [name, setName] = useState('');
  const [upstream, setUpstream] = useState('');
  const [tags, setTags] = useState('');
  const [daily, setDaily] = useState('');
  const add = useMutation({
    mutationFn: () =>
      api.post(apiPath(['projects', project, 'mirrors']), {
        name,
        remote,
        upstream,
        pullThrough: true,
        tags: listOf(tags),
        ...(daily === '' ? {} : { everySeconds: Number(daily) * DAY_SECONDS }),
      }),
    onSuccess: onDone,
  });
  return (
    <FormDialog title={t('addMirror')} disabled={project === '' || remote === ''} sending={add} onClose={onClose}>
      <Select
        label={t('project')}
        value={project}
        onPick={setProject}
        options={projects.map((item) => [item, item] as const)}
      />
      <Field
        label={t('mirrorName')}
        hint={t('mirrorNameHint', { project })}
        required
        autoComplete="off"
        spellCheck={false}
        value={name}
        onChange={(event) => setName(event.target.value)}
      />
      <Select
        label={t('remote')}
        value={remote}
        onPick={setRemote}
        options={remotes.map((item) => [item, item] as const)}
      />
      <Field
        label={t('upstream')}
        hint={t('upstreamHint')}
        autoComplete="off"
        spellCheck={false}
        value={upstream}
        onChange={(event) => setUpstream(event.target.value)}
      />
      <Field
        label={t('tags')}
        hint={t('tagsHint')}
        autoComplete="off"
        spellCheck={false}
        value={tags}
        onChange={(event) => setTags(event.target.value)}
      />
      <Field
        label={t('everyDays')}
        hint={t('everyDaysHint')}
        type="number"
        min={1}
        value={daily}
        onChange={(event) => setDaily(event.target.value)}
      />
    </FormDialog>
  );
}

/** How the last sync went and when the next one comes: is this copy fresh? */
function Freshness({ mirror }: { mirror: Mirror }) {
  const t = useWords(words);
  const text = useText();
  const problem = mirror.syncDetail?.problem ?? null;
  return (
    <span className="chips">
      {mirror.syncState === 'running' ? <StateBadge tone="pending">{t('syncing')}</StateBadge> : null}
      {mirror.syncState === 'failed' ? <StateBadge tone="bad">{t('syncFailed')}</StateBadge> : null}
      {mirror.syncState === 'done' ? <StateBadge tone="ok">{t('synced')}</StateBadge> : null}
      {mirror.syncState === null ? (
        <StateBadge tone="absent">{mirror.pullThrough ? t('onDemand') : t('neverSynced')}</StateBadge>
      ) : null}
      {mirror.syncedAt === null ? null : (
        <span className="quiet-text">
          <When at={mirror.syncedAt} />
        </span>
      )}
      {mirror.syncDetail === null ? null : (
        <span className="quiet-text">
          {t('syncCounts', { brought: mirror.syncDetail.brought, gone: mirror.syncDetail.gone })}
        </span>
      )}
      {problem === null ? null : <span>{text(problem)}</span>}
      {mirror.nextSyncAt === null ? null : (
        <span className="quiet-text">
          {t('next')} <Until at={mirror.nextSyncAt} />
        </span>
      )}
    </span>
  );
}

function Mirrors() {
  const t = useWords(words);
  const me = useMe();
  const navigate = useNavigate();
  const sync = useMutation({
    mutationFn: (mirror: Mirror) => api.post<{ id: string }>(`${mirrorPath(mirror)}/sync`),
    onSuccess: ({ id }) => navigate(addresses.operation(id)),
  });
  const columns = ({ remove }: ManagedActs): readonly Column<Mirror>[] => [
    {
      id: 'prefix',
      label: t('here'),
      cell: (mirror) => <Link to={addresses.repository(mirror.prefix)}>{mirror.prefix}</Link>,
    },
    {
      id: 'source',
      label: t('source'),
      cell: (mirror) => (
        <span className="chips">
          <span className="mono">
            {mirror.remote}/{mirror.upstream}
          </span>
          {mirror.pullThrough ? <Chip>{t('pullThrough')}</Chip> : null}
        </span>
      ),
    },
    { id: 'fresh', label: t('freshness'), from: 'medium', cell: (mirror) => <Freshness mirror={mirror} /> },
    { id: 'owner', label: t('owner'), from: 'wide', cell: (mirror) => <Actor actor={mirror.createdBy} /> },
    {
      id: 'acts',
      label: '',
      align: 'end',
      cell: (mirror) =>
        hasRole(me, ['admin'], mirror.project) ? (
          <span className="row-acts">
            <RowAct name={t('syncMirror', { name: mirror.prefix })} onClick={() => sync.mutate(mirror)}>
              {t('sync')}
            </RowAct>
            <RowAct
              name={t('removeMirror', { name: mirror.prefix })}
              onClick={() =>
                remove({
                  title: t('removeMirror', { name: mirror.prefix }),
                  text: t('removeMirrorText'),
                  action: t('remove'),
                  run: () => api.delete(mirrorPath(mirror)),
                })
              }
            >
              {t('remove')}
            </RowAct>
          </span>
        ) : null,
    },
  ];
  return (
    <ManagedList
      title={t('mirrors')}
      listKey="mirrors"
      query={useQuery(queries.mirrors())}
      columns={columns}
      keyOf={(mirror) => mirror.prefix}
      note={sync.error === null ? null : <Failure error={sync.error} />}
      empty={<EmptyState title={t('noMirrors')}>{t('noMirrorsText')}</EmptyState>}
      {...(hasRole(me, ['admin'])
        ? {
            create: {
              label: t('addMirror'),
              dialog: (done, close) => <AddMirrorDialog onDone={() => done(null)} onClose={close} />,
            },
          }
        : {})}
    />
  );
}

function mirrorPath(mirror: Mirror): string {
  return apiPath(['projects', mirror.project, 'mirrors', mirror.prefix.slice(mirror.project.length + 1)]);
}

/** What comes from other registries, how fresh it is and who answers for it. */
export default function RegistriesPage() {
  const t = useWords(words);
  const shell = useWords(shellWords);
  const me = useMe();
  const isAdmin = hasRole(me, ['admin'], '*');
  const mayAudit = hasRole(me, ['admin', 'analyst', 'auditor']);
  return (
    <div className="page">
      <PageHead title={t('title')} path={[[shell('images'), addresses.images()]]} />
      <ImagesTabs current="registries" />
      <div className="stack">
        <Mirrors />
        {mayAudit ? <Copies /> : null}
        {mayAudit ? <Watches /> : null}
        {isAdmin ? <Replications /> : null}
        {isAdmin ? <Remotes /> : null}
      </div>
    </div>
  );
}
