import type { BackupRepository, StorageClass, Volume, VolumeDetails } from '../api/types.ts';
import { type MockData, volumeCopies } from './mock-data.ts';

type Handler = (context: { params: string[]; body: Record<string, unknown> }) => unknown;
type Add<R> = (method: string, path: string, handler: Handler) => R;

const LONG_AGO = '2026-11-01T10:00:00.000Z';
/** What a host answers that its own list forbids. */
const REFUSED = {
  ...{ code: 'volume.place-refused', kind: 'refused', title: 'this host does not use /srv/refused for storage' },
  ...{ detail: 'its own list does not name it', remedy: 'on the host, as its administrator: name it in storage.json' },
};
const storageClass = (name: string, more: Partial<StorageClass>): StorageClass => ({
  ...{ name, driver: { kind: 'local' }, reclaim: { policy: 'retain', afterHours: 24 }, maxBytes: null },
  ...{ accessModes: ['ReadWriteOnce', 'ReadOnlyMany', 'ReadWriteMany', 'ReadWriteOncePod'], environments: [] },
  ...{ isDefault: false, encrypt: [] },
  ...more,
});

/** Volumes, their classes and repositories; what is asked of the host is done at once. */
export function mockStorage(data: MockData) {
  let classes = [
    storageClass('local', {}),
    storageClass('nas', {
      ...{ driver: { kind: 'export', name: 'nas' }, encrypt: ['production'], isDefault: true, maxBytes: 50 * 2 ** 30 },
    }),
  ];
  let repositories: BackupRepository[] = [
    { name: 'nas', location: '/srv/backup', backups: 1, createdAt: LONG_AGO, createdBy: 'user:ana' },
  ];
  const schedules = new Map<string, VolumeDetails['schedule']>();
  const ended = new Map<string, unknown>();
  const done = (result: unknown): { operation: string } => {
    const operation = `storage-${ended.size}`;
    ended.set(operation, result);
    return { operation };
  };
  const failed = (): { operation: string } => {
    const operation = `storage-${ended.size}`;
    ended.set(operation, REFUSED);
    return { operation };
  };
  const volumeOf = (claim: string | undefined): Volume | undefined => data.volumes.find((one) => one.claim === claim);
  const scheduleOf = (claim: string): VolumeDetails['schedule'] => {
    const known = schedules.get(claim);
    if (known !== undefined) return known;
    if (claim === 'uploads') return null;
    return {
      ...{ cron: '30 2 * * *', repository: 'nas', nextAt: new Date(Date.now() + 3_600_000).toISOString() },
      ...{ keep: { last: 3, daily: 7, weekly: 4, monthly: 6 }, verifyDays: 7 },
    };
  };
  return {
    operation(id: string | undefined): unknown {
      if (!ended.has(id ?? '')) return undefined;
      const result = ended.get(id ?? '');
      return result === REFUSED
        ? { id, state: 'failed', problem: REFUSED, result: null }
        : { id, state: 'done', problem: null, result };
    },
    routes<R>(add: Add<R>): R[] {
      const volume = '/projects/:project/volumes/:environment/:claim';
      const copy = '/projects/:project/backups/:id';
      return [
        add('GET', '/volumes', () => ({ items: data.volumes })),
        add('GET', '/projects/:project/volumes', () => ({ items: data.volumes })),
        add('GET', volume, ({ params }) => {
          const found = volumeOf(params[2]);
          return found === undefined
            ? undefined
            : { ...found, copies: volumeCopies(found.claim), schedule: scheduleOf(found.claim) };
        }),
        add('DELETE', volume, ({ params }) => {
          const [project = '', environment = '', claim = ''] = params;
          data.volumes = data.volumes.filter((one) => one.claim !== claim);
          return done({
            ...{ volume: `${project}/${environment}/${claim}`, path: `/var/lib/containers/storage/volumes/${claim}` },
            ...{ files: 4_210, bytes: 3.2 * 2 ** 30, how: 'deleted', goneAt: new Date().toISOString() },
          });
        }),
        ...['snapshots', 'backups'].map((kind) => add('POST', `${volume}/${kind}`, () => done({}))),
        add('PUT', `${volume}/schedule`, ({ params, body }) => {
          const written = { ...(body as object), nextAt: new Date(Date.now() + 60_000).toISOString() };
          schedules.set(params[2] ?? '', written as VolumeDetails['schedule']);
          return written;
        }),
        add('DELETE', `${volume}/schedule`, ({ params }) => {
          schedules.set(params[2] ?? '', null);
          return { items: [] };
        }),
        add('PUT', `${volume}/reclaim`, ({ params }) => volumeOf(params[2])),
        add('POST', `${copy}/restore`, ({ params, body }) => {
          const found = data.volumes[0];
          const claim = String(body['claim']);
          if (found !== undefined) data.volumes = [...data.volumes, { ...found, claim, state: 'released' }];
          return done({ volume: `${params[0]}/prod/${claim}` });
        }),
        add('POST', `${copy}/verify`, () => done({ same: true })),
        add('DELETE', copy, () => done({})),
        add('GET', '/storage-classes', () => ({ items: classes })),
        add('PUT', '/storage-classes/:name', ({ params, body }) => {
          const written = { name: params[0], ...body } as StorageClass;
          classes = [...classes.filter(({ name }) => name !== params[0]), written];
          return written;
        }),
        add('DELETE', '/storage-classes/:name', ({ params }) => {
          classes = classes.filter(({ name }) => name !== params[0]);
          return { items: classes };
        }),
        add('GET', '/backup-repositories', () => ({ items: repositories })),
        add('POST', '/backup-repositories', ({ body }) => {
          const { name, location } = body as { name: string; location: string };
          if (location === '/srv/refused') return failed();
          const made = { name, location, backups: 0, createdAt: new Date().toISOString(), createdBy: data.me.actor };
          repositories = [...repositories, made];
          return done({ name, location, created: true });
        }),
        add('POST', '/backup-repositories/:name/key', () => ({
          location: '/srv/backup',
          password: 'a-key-of-43-letters',
        })),
        add('DELETE', '/backup-repositories/:name', ({ params }) => {
          repositories = repositories.filter(({ name }) => name !== params[0]);
          return { items: repositories };
        }),
        add('GET', '/storage-devices', () => ({
          items: [
            {
              ...{ id: '0c4dd2c18a1c4f3e', device: 'iqn.2026-01.example:vol0 lun 1', host: 'srv-01', name: 'san' },
              grantedAt: LONG_AGO,
            },
          ],
        })),
      ];
    },
  };
}
