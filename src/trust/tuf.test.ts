import assert from 'node:assert/strict';
import { generateKeyPairSync, hash, type KeyObject, sign } from 'node:crypto';
import { test } from 'node:test';
import { Fault } from '../system/index.ts';
import { type TufMirror, type TufState, updateTarget } from './tuf.ts';

const NOW = new Date('2026-11-22T00:00:00Z');
const LATER = '2027-01-01T00:00:00Z';
type Role = 'root' | 'timestamp' | 'snapshot' | 'targets';

interface Key {
  readonly id: string;
  readonly privateKey: KeyObject;
  readonly value: object;
}

function makeKey(): Key {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const pem = publicKey.export({ format: 'pem', type: 'spki' }) as string;
  return {
    id: hash('sha256', pem, 'hex'),
    privateKey,
    value: { keytype: 'ecdsa', scheme: 'ecdsa-sha2-nistp256', keyval: { public: pem } },
  };
}

const sorted = (value: unknown): unknown =>
  Array.isArray(value)
    ? value.map(sorted)
    : typeof value === 'object' && value !== null
      ? Object.fromEntries(
          Object.entries(value)
            .sort(([a], [b]) => (a < b ? -1 : 1))
            .map(([key, member]) => [key, sorted(member)]),
        )
      : value;

function metadata(signed: object, keys: readonly Key[]): Buffer {
  // No control characters here, so JSON's escapes and TUF's canonical ones differ in line ends alone.
  const data = Buffer.from(JSON.stringify(sorted(signed)).replaceAll('\\n', '\n'));
  const signatures = keys.map((key) => ({ keyid: key.id, sig: sign('sha256', data, key.privateKey).toString('hex') }));
  return Buffer.from(JSON.stringify({ signed, signatures }));
}

/** A repository whose parts a test may change before they are signed. */
class Repository implements TufMirror {
  readonly files = new Map<string, Buffer>();
  readonly keys: Record<Role, Key[]> = {
    root: [makeKey(), makeKey()],
    timestamp: [makeKey()],
    snapshot: [makeKey()],
    targets: [makeKey()],
  };

  root(version: number, over: object = {}, signers: readonly Key[] = this.keys.root): Buffer {
    const roles = Object.fromEntries(
      Object.entries(this.keys).map(([role, keys]) => [
        role,
        { keyids: keys.map((key) => key.id), threshold: keys.length },
      ]),
    );
    const keys = Object.fromEntries(Object.values(this.keys).flatMap((list) => list.map((key) => [key.id, key.value])));
    const signed = {
      _type: 'root',
      spec_version: '1.0.0',
      version,
      expires: LATER,
      consistent_snapshot: true,
      keys,
      roles,
      ...over,
    };
    const bytes = metadata(signed, signers);
    this.files.set(`${version}.root.json`, bytes);
    return bytes;
  }

  publish(version: number, content = `root ${version}`, over: Partial<Record<Role, object>> = {}): void {
    const target = Buffer.from(content);
    const digest = hash('sha256', target, 'hex');
    const common = { spec_version: '1.0.0', version, expires: LATER };
    const targets = { 'trusted_root.json': { length: target.length, hashes: { sha256: digest } } };
    this.#put(`${version}.targets.json`, { _type: 'targets', ...common, targets, ...over.targets }, 'targets');
    this.#put(
      `${version}.snapshot.json`,
      { _type: 'snapshot', ...common, meta: { 'targets.json': { version } }, ...over.snapshot },
      'snapshot',
    );
    this.#put(
      'timestamp.json',
      { _type: 'timestamp', ...common, meta: { 'snapshot.json': { version } }, ...over.timestamp },
      'timestamp',
    );
    this.files.set(`targets/${digest}.trusted_root.json`, target);
  }

  #put(name: string, signed: object, role: Role): void {
    this.files.set(name, metadata(signed, this.keys[role]));
  }

  async metadata(name: string): Promise<Uint8Array | null> {
    return this.files.get(name) ?? null;
  }

  async target(path: string): Promise<Uint8Array | null> {
    return this.files.get(`targets/${path}`) ?? null;
  }
}

function start(): { repository: Repository; state: TufState } {
  const repository = new Repository();
  const root = repository.root(1);
  repository.publish(1);
  return { repository, state: { root, timestamp: null, snapshot: null, targets: null } };
}

const update = (repository: Repository, state: TufState, name = 'trusted_root.json', now = NOW) =>
  updateTarget(repository, state, name, now);

async function refuses(attempt: Promise<unknown>, why: RegExp): Promise<void> {
  await assert.rejects(
    attempt,
    (error: unknown) => error instanceof Fault && error.code === 'trust.tuf-refused' && why.test(error.message),
  );
}

test('a target is fetched, renewed, and follows a change of all root keys', async () => {
  const { repository, state } = start();
  const first = await update(repository, state);
  assert.equal(Buffer.from(first.target).toString(), 'root 1');
  const old = repository.keys.root;
  repository.keys.root = [makeKey(), makeKey()];
  repository.root(2, {}, [...old, ...repository.keys.root]);
  repository.publish(2);
  const second = await update(repository, first.state);
  assert.equal(Buffer.from(second.target).toString(), 'root 2');
  assert.deepEqual(second.versions, { root: 2, timestamp: 2, snapshot: 2, targets: 2 });
});

test('a root that the keys before it did not sign, or too few of them, is refused (V8)', async () => {
  for (const signers of [
    (mine: Repository) => mine.keys.root,
    (mine: Repository, old: Key[]) => [...mine.keys.root, old[0] as Key],
  ]) {
    const { repository, state } = start();
    const old = repository.keys.root;
    repository.keys.root = [makeKey(), makeKey()];
    repository.root(2, {}, signers(repository, old));
    await refuses(update(repository, state), /root is signed by [01] of the 2 keys/);
  }
});

test('one key under two ids is one key (V8)', async () => {
  const { repository, state } = start();
  const [one] = repository.keys.root as [Key, Key];
  const twin = { ...one, id: 'f'.repeat(64) };
  repository.keys.root = [one, twin];
  await refuses(update(repository, { ...state, root: repository.root(1) }), /signed by 1 of the 2/);
});

test('going back is refused: time stamp, snapshot and targets (V8 rollback)', async () => {
  const { repository, state } = start();
  repository.publish(3);
  const { state: at3 } = await update(repository, state);
  repository.publish(2);
  await refuses(update(repository, at3), /timestamp goes back from version 3 to 2/);
  repository.publish(4, 'x', { timestamp: { meta: { 'snapshot.json': { version: 2 } } } });
  await refuses(update(repository, at3), /older snapshot/);
  repository.publish(4, 'x', { snapshot: { meta: { 'targets.json': { version: 2 } } } });
  await refuses(update(repository, at3), /targets.json goes back/);
  repository.publish(4, 'x', { snapshot: { meta: {} } });
  await refuses(update(repository, at3), /no longer in the snapshot/);
});

test('what is too old is refused: a frozen mirror (V8 freeze)', async () => {
  for (const role of ['timestamp', 'snapshot', 'targets'] as const) {
    const { repository, state } = start();
    repository.publish(1, 'x', { [role]: { expires: '2026-11-21T00:00:00Z' } });
    await refuses(update(repository, state), new RegExp(`${role} ended at 2026-11-21`));
  }
  const { repository, state } = start();
  await refuses(update(repository, state, 'trusted_root.json', new Date('2036-01-01T00:00:00Z')), /root ended at 2027/);
});

test('parts of two releases do not fit together (V8 mix-and-match)', async () => {
  const { repository, state } = start();
  const old = repository.files.get('1.targets.json') as Buffer;
  repository.publish(2);
  repository.files.set('2.targets.json', old);
  await refuses(update(repository, state), /expected version 2 of targets, got 1/);
  repository.publish(2);
  const digest = hash('sha256', 'root 2', 'hex');
  repository.files.set(`targets/${digest}.trusted_root.json`, Buffer.from('root 9'));
  await refuses(update(repository, state), /another sha256/);
  repository.files.set(`targets/${digest}.trusted_root.json`, Buffer.from('root 2 and more'));
  await refuses(update(repository, state), /longer than it should be/);
});

test('a signature of another role, and names that leave the folder, are refused (V8)', async () => {
  const { repository, state } = start();
  const [timestampKey] = repository.keys.timestamp;
  repository.keys.targets = [timestampKey as Key];
  repository.publish(1);
  await refuses(update(repository, state), /targets is signed by 0 of the 1/);
  for (const name of ['../x', '/etc/passwd', 'a/b', '', '.hidden'])
    await refuses(update(start().repository, state, name), /not plain/);
});

test('a threshold of none, another type and broken JSON are refused', async () => {
  const { repository, state } = start();
  const roles = { root: { keyids: [], threshold: 0 } };
  await refuses(update(repository, { ...state, root: repository.root(1, { roles }) }), /threshold|signed by/);
  repository.files.set('timestamp.json', repository.files.get('1.snapshot.json') as Buffer);
  await refuses(update(repository, start().state), /signed by|expected metadata/);
  repository.files.set('timestamp.json', Buffer.from('{'));
  repository.files.set('1.root.json', state.root as Buffer);
  await refuses(update(repository, state), /JSON/);
});
