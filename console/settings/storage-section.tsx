import { useMutation, useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { api, apiPath } from '../api/client.ts';
import type { BackupRepository, StorageClass, StorageDevice } from '../api/types.ts';
import { waitForOperation } from '../hosts/operation.ts';
import { quantity, readQuantity } from '../projects/quantity.ts';
import { storageQueries } from '../projects/storage-queries.ts';
import { useWords } from '../shell/language.tsx';
import { Chip } from '../shell/parts/badge.tsx';
import { Field, Select } from '../shell/parts/controls.tsx';
import { FormDialog } from '../shell/parts/form-dialog.tsx';
import { type ManagedActs, ManagedList, RowAct } from '../shell/parts/managed-list.tsx';
import { SecretOnce } from '../shell/parts/secret-once.tsx';
import { EmptyState, When } from '../shell/parts/surface.tsx';
import type { Column } from '../shell/parts/table.tsx';
import { hasRole, useMe } from '../shell/session.ts';
import { Mono, plainField } from './dns-server.tsx';
import { storageWords } from './storage-words.ts';

const KINDS = ['development', 'pre-production', 'production'] as const;
const MODES = ['ReadWriteOnce', 'ReadOnlyMany', 'ReadWriteMany', 'ReadWriteOncePod'] as const;
const PLACES = ['local', 'folder', 'export'] as const;
/** Always there, with these settings or those of the platform. */
const BUILT_IN = 'local';
type Place = (typeof PLACES)[number];

/** Where volumes may lie, where their backups go, and which host formats a disk that several see. */
export function StorageSection() {
  return (
    <>
      <Classes />
      <Repositories />
      <Devices />
    </>
  );
}

function useWhere(): (driver: StorageClass['driver']) => string {
  const t = useWords(storageWords);
  return (driver) => {
    if (driver.kind === 'folder') return driver.path;
    return driver.kind === 'export' ? t('exportNamed', { name: driver.name }) : t('where_local');
  };
}

function Kinds({ kinds, none }: { kinds: readonly string[]; none: string }) {
  const t = useWords(storageWords);
  if (kinds.length === 0) return none;
  return kinds
    .map((kind) =>
      kind === '*' ? t('all') : (KINDS as readonly string[]).includes(kind) ? t(kind as 'production') : kind,
    )
    .join(', ');
}

function Classes() {
  const t = useWords(storageWords);
  const isAdmin = hasRole(useMe(), ['admin'], '*');
  const classes = useQuery(storageQueries.classes());
  const where = useWhere();
  const columns = ({ open, remove }: ManagedActs): readonly Column<StorageClass>[] => [
    {
      id: 'name',
      label: t('name'),
      cell: ({ name, isDefault }) => (
        <>
          <strong>{name}</strong> {isDefault ? <Chip>{t('default')}</Chip> : null}
        </>
      ),
    },
    { id: 'where', label: t('where'), grow: true, cell: ({ driver }) => where(driver) },
    {
      id: 'encrypt',
      label: t('encryptShort'),
      from: 'medium',
      cell: ({ encrypt }) => <Kinds kinds={encrypt} none={t('none')} />,
    },
    {
      id: 'environments',
      label: t('environmentsShort'),
      from: 'wide',
      cell: ({ environments }) => <Kinds kinds={environments} none={t('all')} />,
    },
    {
      id: 'end',
      label: t('atEnd'),
      from: 'wide',
      cell: ({ reclaim }) => (reclaim.policy === 'retain' ? t('stays') : t('goesAfter', { hours: reclaim.afterHours })),
    },
    {
      id: 'largest',
      label: t('largest'),
      align: 'end',
      from: 'medium',
      cell: ({ maxBytes }) => (maxBytes === null ? t('none') : quantity(maxBytes)),
    },
    {
      id: 'acts',
      label: '',
      align: 'end',
      cell: (one) =>
        isAdmin ? (
          <span className="row-acts">
            <RowAct
              name={t('changeClass', { name: one.name })}
              onClick={() => open((done, close) => <ClassDialog known={one} onDone={done} onClose={close} />)}
            >
              {t('change')}
            </RowAct>
            {one.name === BUILT_IN ? null : (
              <RowAct
                name={t('removeClass', { name: one.name })}
                onClick={() =>
                  remove({
                    title: t('removeClass', { name: one.name }),
                    text: t('removeClassText'),
                    action: t('remove'),
                    run: () => api.delete(apiPath(['storage-classes', one.name])),
                  })
                }
              >
                {t('remove')}
              </RowAct>
            )}
          </span>
        ) : null,
    },
  ];
  return (
    <ManagedList
      title={t('classes')}
      listKey="storage-classes"
      query={classes}
      columns={columns}
      keyOf={({ name }) => name}
      {...(isAdmin
        ? {
            create: {
              label: t('addClass'),
              dialog: (done: (secret: null) => void, close: () => void) => (
                <ClassDialog known={null} onDone={() => done(null)} onClose={close} />
              ),
            },
          }
        : {})}
    />
  );
}

function Choices<T extends string>({
  legend,
  hint,
  all,
  chosen,
  sayOne,
  onChoose,
}: {
  legend: string;
  hint?: string;
  all: readonly T[];
  chosen: readonly T[];
  sayOne: (one: T) => string;
  onChoose: (chosen: readonly T[]) => void;
}) {
  return (
    <fieldset className="uses">
      <legend>{legend}</legend>
      {all.map((one) => (
        <label key={one}>
          <input
            type="checkbox"
            checked={chosen.includes(one)}
            onChange={(event) =>
              onChoose(all.filter((other) => (other === one ? event.target.checked : chosen.includes(other))))
            }
          />
          <span>{sayOne(one)}</span>
        </label>
      ))}
      {hint === undefined ? null : <p className="note">{hint}</p>}
    </fieldset>
  );
}

function kindsOf(kinds: readonly string[]): readonly (typeof KINDS)[number][] {
  return KINDS.filter((kind) => kinds.includes('*') || kinds.includes(kind));
}

function ClassDialog({
  known,
  onDone,
  onClose,
}: {
  known: StorageClass | null;
  onDone: () => void;
  onClose: () => void;
}) {
  const t = useWords(storageWords);
  const [name, setName] = useState(known?.name ?? '');
  const [place, setPlace] = useState<Place>(known?.driver.kind ?? 'local');
  const [folder, setFolder] = useState(known?.driver.kind === 'folder' ? known.driver.path : '');
  const [exported, setExported] = useState(known?.driver.kind === 'export' ? known.driver.name : '');
  const [policy, setPolicy] = useState(known?.reclaim.policy ?? 'retain');
  const [hours, setHours] = useState(String(known?.reclaim.afterHours ?? 24));
  const [largest, setLargest] = useState(known?.maxBytes == null ? '' : quantity(known.maxBytes));
  const [environments, setEnvironments] = useState(KINDS.filter((kind) => known?.environments.includes(kind) === true));
  const [encrypt, setEncrypt] = useState(kindsOf(known?.encrypt ?? []));
  const [modes, setModes] = useState(MODES.filter((mode) => known?.accessModes.includes(mode) ?? true));
  const [isDefault, setDefault] = useState(known?.isDefault ?? false);
  // An untouched size is sent as it was: a text of it is rounded.
  const isSame = known?.maxBytes != null && largest === quantity(known.maxBytes);
  const maxBytes = isSame ? known.maxBytes : largest.trim() === '' ? null : readQuantity(largest);
  const isWrong = largest.trim() !== '' && maxBytes === null;
  const sending = useMutation({
    mutationFn: () =>
      api.put(apiPath(['storage-classes', name.trim()]), {
        driver:
          place === 'folder'
            ? { kind: 'folder', path: folder.trim() }
            : place === 'export'
              ? { kind: 'export', name: exported.trim() }
              : { kind: 'local' },
        reclaim: { policy, afterHours: Number(hours) },
        ...{ accessModes: modes, environments, maxBytes, isDefault },
        encrypt: encrypt.length === KINDS.length ? ['*'] : encrypt,
      }),
    onSuccess: onDone,
  });
  return (
    <FormDialog
      wide
      title={known === null ? t('addClass') : t('changeClass', { name: known.name })}
      disabled={isWrong || modes.length === 0}
      sending={sending}
      onClose={onClose}
    >
      <div className="two-fields">
        <Field
          label={t('name')}
          hint={t('nameHint')}
          required
          pattern="[a-z0-9]([\-a-z0-9]{0,61}[a-z0-9])?"
          disabled={known !== null}
          {...plainField(name, setName)}
        />
        <Select
          label={t('where')}
          value={place}
          options={PLACES.map((one) => [one, t(`where_${one}`)] as const)}
          onPick={(one) => setPlace(one as Place)}
        />
      </div>
      {place === 'folder' ? (
        <Field
          label={t('folder')}
          hint={t('folderHint')}
          required
          pattern="/.*"
          placeholder="/srv/data"
          {...plainField(folder, setFolder)}
        />
      ) : null}
      {place === 'export' ? (
        <Field label={t('export')} hint={t('exportHint')} required {...plainField(exported, setExported)} />
      ) : null}
      <div className="two-fields">
        <Select
          label={t('atEnd')}
          value={policy}
          options={[
            ['retain', t('stays')],
            ['delete', t('goes')],
          ]}
          onPick={(one) => setPolicy(one as 'retain')}
        />
        {policy === 'delete' ? (
          <Field
            label={t('hours')}
            type="number"
            min={0}
            max={87_840}
            required
            value={hours}
            onChange={(event) => setHours(event.target.value)}
          />
        ) : null}
        <Field
          label={t('largest')}
          hint={t('largestHint')}
          error={isWrong ? t('sizeInvalid') : undefined}
          {...plainField(largest, setLargest)}
        />
      </div>
      <Choices
        legend={t('encrypt')}
        hint={t('encryptHint')}
        all={KINDS}
        chosen={encrypt}
        sayOne={(kind) => t(kind)}
        onChoose={setEncrypt}
      />
      <Choices
        legend={t('environments')}
        hint={t('noneMeansAll')}
        all={KINDS}
        chosen={environments}
        sayOne={(kind) => t(kind)}
        onChoose={(chosen) => setEnvironments([...chosen])}
      />
      <Choices
        legend={t('access')}
        all={MODES}
        chosen={modes}
        sayOne={(mode) => mode}
        onChoose={(chosen) => setModes([...chosen])}
      />
      <label className="check">
        <input type="checkbox" checked={isDefault} onChange={(event) => setDefault(event.target.checked)} />{' '}
        {t('isDefault')}
      </label>
    </FormDialog>
  );
}

function Repositories() {
  const t = useWords(storageWords);
  const isAdmin = hasRole(useMe(), ['admin'], '*');
  const repositories = useQuery(storageQueries.repositories());
  const columns = ({ open, remove }: ManagedActs): readonly Column<BackupRepository>[] => [
    { id: 'name', label: t('name'), cell: ({ name }) => <strong>{name}</strong> },
    { id: 'location', label: t('location'), grow: true, cell: ({ location }) => <Mono>{location}</Mono> },
    { id: 'backups', label: t('backups'), align: 'end', cell: ({ backups }) => backups },
    { id: 'since', label: t('since'), from: 'medium', cell: ({ createdAt }) => <When at={createdAt} /> },
    {
      id: 'acts',
      label: '',
      align: 'end',
      cell: (one) =>
        isAdmin ? (
          <span className="row-acts">
            <RowAct
              name={t('keyOf', { name: one.name })}
              onClick={() => open((_done, close) => <KeyDialog repository={one} onClose={close} />)}
            >
              {t('showKey')}
            </RowAct>
            <RowAct
              name={t('removeRepository', { name: one.name })}
              onClick={() =>
                remove({
                  title: t('removeRepository', { name: one.name }),
                  text: t('removeRepositoryText'),
                  action: t('forget'),
                  run: () => api.delete(apiPath(['backup-repositories', one.name])),
                })
              }
            >
              {t('forget')}
            </RowAct>
          </span>
        ) : null,
    },
  ];
  return (
    <ManagedList
      title={t('repositories')}
      listKey="backup-repositories"
      query={repositories}
      columns={columns}
      keyOf={({ name }) => name}
      empty={
        <EmptyState
          title={t('noRepositories')}
          command={isAdmin ? undefined : 'darsena backup repository add NAME --location PLACE'}
        >
          {t('noRepositoriesText')}
        </EmptyState>
      }
      {...(isAdmin
        ? {
            create: {
              label: t('addRepository'),
              dialog: (done: (secret: null) => void, close: () => void) => (
                <RepositoryDialog onDone={() => done(null)} onClose={close} />
              ),
            },
          }
        : {})}
    />
  );
}

function RepositoryDialog({ onDone, onClose }: { onDone: () => void; onClose: () => void }) {
  const t = useWords(storageWords);
  const [name, setName] = useState('');
  const [location, setLocation] = useState('');
  const [key, setKey] = useState('');
  const [user, setUser] = useState('');
  const [password, setPassword] = useState('');
  const isServer = location.trim().startsWith('rest:');
  const sending = useMutation({
    async mutationFn() {
      const { operation } = await api.post<{ operation: string }>('/backup-repositories', {
        ...{ name: name.trim(), location: location.trim() },
        ...(key.trim() === '' ? {} : { password: key.trim() }),
        ...(isServer && user.trim() !== '' ? { user: { name: user.trim(), password } } : {}),
      });
      return await waitForOperation(operation);
    },
    onSuccess: onDone,
  });
  return (
    <FormDialog title={t('addRepository')} sending={sending} onClose={onClose}>
      <Field
        label={t('name')}
        hint={t('repositoryName')}
        required
        pattern="[a-z0-9]([\-a-z0-9]{0,61}[a-z0-9])?"
        {...plainField(name, setName)}
      />
      <Field label={t('location')} hint={t('locationHint')} required {...plainField(location, setLocation)} />
      <Field
        label={t('repositoryKey')}
        hint={t('repositoryKeyHint')}
        type="password"
        {...plainField(key, setKey)}
        autoComplete="new-password"
      />
      {isServer ? (
        <div className="two-fields">
          <Field label={t('user')} hint={t('userHint')} {...plainField(user, setUser)} />
          <Field
            label={t('password')}
            type="password"
            required={user.trim() !== ''}
            {...plainField(password, setPassword)}
            autoComplete="new-password"
          />
        </div>
      ) : null}
    </FormDialog>
  );
}

function KeyDialog({ repository, onClose }: { repository: BackupRepository; onClose: () => void }) {
  const t = useWords(storageWords);
  const { name, location } = repository;
  const asked = useMutation({
    mutationFn: () => api.post<{ password: string }>(apiPath(['backup-repositories', name, 'key'])),
  });
  const title = t('keyOf', { name });
  const text = t('keyText', { location });
  if (asked.data !== undefined)
    return <SecretOnce title={title} text={text} secret={asked.data.password} done={t('keyDone')} onClose={onClose} />;
  return (
    <FormDialog title={title} act={t('showKey')} look="danger" sending={asked} onClose={onClose}>
      <p>{text}</p>
    </FormDialog>
  );
}

/** Nothing is drawn while the platform has formatted nothing. */
function Devices() {
  const t = useWords(storageWords);
  const isAdmin = hasRole(useMe(), ['admin'], '*');
  const devices = useQuery(storageQueries.devices());
  if (devices.data === undefined || devices.data.length === 0) return null;
  const columns = ({ remove }: ManagedActs): readonly Column<StorageDevice>[] => [
    { id: 'device', label: t('device'), grow: true, cell: ({ device }) => <Mono>{device}</Mono> },
    { id: 'host', label: t('host'), cell: ({ host }) => host },
    { id: 'name', label: t('nameThere'), from: 'medium', cell: ({ name }) => name },
    { id: 'since', label: t('since'), from: 'medium', cell: ({ grantedAt }) => <When at={grantedAt} /> },
    {
      id: 'acts',
      label: '',
      align: 'end',
      cell: ({ id, name, host }) =>
        isAdmin ? (
          <RowAct
            name={t('releaseDevice', { name })}
            onClick={() =>
              remove({
                title: t('releaseDevice', { name }),
                text: t('releaseDeviceText', { host }),
                action: t('release'),
                run: () => api.delete(apiPath(['storage-devices', id])),
              })
            }
          >
            {t('release')}
          </RowAct>
        ) : null,
    },
  ];
  return (
    <ManagedList
      title={t('devices')}
      listKey="storage-devices"
      query={devices}
      columns={columns}
      keyOf={({ id }) => id}
      note={<p className="panel-note">{t('devicesText')}</p>}
    />
  );
}
