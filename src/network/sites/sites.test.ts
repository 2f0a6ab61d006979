import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openDatabase, silentLog, systemClock } from '../../system/index.ts';
import { networkMigrations } from '../migrations.ts';
import { bytesOfIpv6, writeUpdate } from '../names/update.ts';
import type { SettingsTables } from '../served/settings.ts';
import {
  beatMs,
  foreignBeat,
  type HostLook,
  lapsedChanges,
  ownChanges,
  plainAddress,
  readBeat,
  readIndex,
  type SiteBeat,
  writeBeat,
} from './balance.ts';
import { Sites } from './sites.ts';

const HOST = 'www.banco.example';
const AT = { turn: 'k1', seconds: 30 };
const ID = '0123456789ab';
const NOBODY: ReadonlySet<string> = new Set();

function beat(site: string, addresses: readonly string[], up = true): SiteBeat {
  return { site, addresses, up, identity: ID, text: writeBeat({ addresses, up, identity: ID }, 'k0') };
}

const MADRID = beat('madrid', ['192.0.2.1', '2001:db8::1']);
const BILBAO = beat('bilbao', ['198.51.100.1']);
const look = (...beats: readonly SiteBeat[]): HostLook => ({ beats, answers: [] });

/** `+192.0.2.1 -2001:db8::1`: what becomes of addresses. */
function addressesOf(changes: readonly { kind: string; address?: string }[]): string {
  return changes
    .flatMap(({ kind, address }) => (address === undefined ? [] : [`${kind === 'add' ? '+' : '-'}${address}`]))
    .join(' ');
}

test('a site tells the addresses that serve and takes back the others, each by itself', () => {
  const own = { name: 'madrid', identity: ID, addresses: MADRID.addresses };
  const both = ownChanges(HOST, { ...own, up: own.addresses }, look(MADRID, BILBAO), NOBODY, AT);
  assert.equal(addressesOf(both.changes), '+192.0.2.1 +2001:db8::1');
  const one = ownChanges(HOST, { ...own, up: ['192.0.2.1'] }, look(MADRID, BILBAO), NOBODY, AT);
  assert.equal(addressesOf(one.changes), '+192.0.2.1 -2001:db8::1');
  const none = ownChanges(HOST, { ...own, up: [] }, look(MADRID, BILBAO), NOBODY, AT);
  assert.deepEqual([addressesOf(none.changes), none.stays], ['-192.0.2.1 -2001:db8::1', false]);
  const moved = { name: 'madrid', identity: ID, addresses: ['192.0.2.9'], up: ['192.0.2.9'] };
  assert.equal(
    addressesOf(ownChanges(HOST, moved, look(MADRID), NOBODY, AT).changes),
    '+192.0.2.9 -192.0.2.1 -2001:db8::1',
    'an address that the site has no more is taken back too',
  );
});

test('the last site stays, and one that is down or silent is nobody to lean on', () => {
  const own = { name: 'madrid', identity: ID, addresses: MADRID.addresses, up: [] };
  for (const [others, lapsed] of [
    [look(MADRID), NOBODY],
    [look(MADRID, { ...BILBAO, up: false }), NOBODY],
    [look(MADRID, BILBAO), new Set(['bilbao'])],
  ] as const) {
    const { changes, stays } = ownChanges(HOST, own, others, lapsed, AT);
    assert.deepEqual([addressesOf(changes), stays], ['+192.0.2.1 +2001:db8::1', true]);
    assert.equal(
      readBeat('madrid', changes.flatMap((one) => ('text' in one ? [one.text] : [])).at(-1) ?? '')?.up,
      false,
    );
  }
});

test('a site leaves to another only while that one still says that it serves, so that two never leave at one moment', () => {
  const own = { name: 'madrid', identity: ID, addresses: MADRID.addresses };
  const leaning = ownChanges(HOST, { ...own, up: [] }, look(MADRID, BILBAO), NOBODY, AT);
  assert.deepEqual(leaning.conditions, [{ name: 'bilbao._sites.www.banco.example', text: BILBAO.text }]);
  assert.deepEqual(ownChanges(HOST, { ...own, up: own.addresses }, look(MADRID, BILBAO), NOBODY, AT).conditions, []);
  assert.deepEqual(ownChanges(HOST, { ...own, up: [] }, look(MADRID), NOBODY, AT).conditions, []);
});

test('a site writes one text of its own, whatever stood there, and its addresses in one form', () => {
  const own = { name: 'madrid', identity: ID, addresses: MADRID.addresses, up: MADRID.addresses };
  // What cannot be read is as good as nothing, and must not stay beside the new one.
  const { changes } = ownChanges(HOST, own, look(BILBAO), NOBODY, AT);
  const kinds = changes.filter(({ name }) => name === 'madrid._sites.www.banco.example').map(({ kind }) => kind);
  assert.deepEqual(kinds, ['clear', 'add']);
  const key = { keyName: 'k', secret: 'c2VjcmV0' };
  const wire = writeUpdate('z.example', [{ kind: 'clear', name: 'a.z.example' }], key, { id: 1, seconds: 1 });
  // Type TXT, class ANY, no time to live and no data (RFC 2136 section 2.5.2).
  assert.ok(wire.toString('hex').includes('016101' + '7a076578616d706c6500' + '001000ff000000000000'));
  assert.equal(plainAddress('2001:DB8:0:0::0A'), '2001:db8::a');
  assert.equal(plainAddress('192.0.2.1'), '192.0.2.1');
  const upper = { addresses: ['2001:DB8::1'].map(plainAddress), up: true, identity: null };
  assert.notEqual(readBeat('madrid', writeBeat(upper, 'k1')), null);
});

test('a silent site is withdrawn on the condition that it still is, and never when nobody would be left', () => {
  const lapsed = new Set(['bilbao']);
  const order = lapsedChanges(HOST, BILBAO, look(MADRID, BILBAO), lapsed, 30);
  assert.equal(addressesOf(order?.changes ?? []), '-198.51.100.1');
  assert.deepEqual(order?.conditions, [
    { name: 'bilbao._sites.www.banco.example', text: BILBAO.text },
    { name: 'madrid._sites.www.banco.example', text: MADRID.text },
  ]);
  assert.equal(lapsedChanges(HOST, BILBAO, look({ ...MADRID, up: false }, BILBAO), lapsed, 30), null);
  const shared = beat('sevilla', ['198.51.100.1']);
  assert.equal(addressesOf(lapsedChanges(HOST, BILBAO, look(shared, BILBAO), lapsed, 30)?.changes ?? []), '');
});

test('another platform under the name of this one is seen, and one from before names had owners is not held to be', () => {
  assert.equal(foreignBeat({ name: 'madrid', identity: ID }, look(MADRID, BILBAO)), null);
  assert.equal(foreignBeat({ name: 'madrid', identity: 'ffffffffffff' }, look(MADRID, BILBAO)), MADRID);
  assert.equal(foreignBeat({ name: 'madrid', identity: null }, look(MADRID)), MADRID);
  const before = readBeat('madrid', 'v=darsena1 t=k0 u=1 a=192.0.2.1');
  assert.ok(before !== null);
  assert.equal(foreignBeat({ name: 'madrid', identity: ID }, look(before)), null);
  assert.equal(beatMs(beat('x', ['192.0.2.1'])), Number.parseInt('k0', 36));
});

test('what others write into the zone is read strictly', () => {
  assert.deepEqual(readBeat('madrid', MADRID.text), MADRID);
  for (const text of ['', 'v=spf1 -all', `${MADRID.text} x`, MADRID.text.replace('192.0.2.1', '192.0.2.999')]) {
    assert.equal(readBeat('madrid', text), null, text);
  }
  assert.equal(
    readBeat('madrid', writeBeat({ addresses: Array(9).fill('192.0.2.1'), up: true, identity: ID }, 'a')),
    null,
  );
  assert.deepEqual(readIndex(['madrid', 'madrid', '../x', 'Bilbao', 'bilbao']), ['bilbao', 'madrid']);
});

test('an IPv6 address has the same sixteen bytes however it is written', () => {
  for (const text of ['2001:db8::c0:a801', '2001:0db8:0:0:0:0:00c0:A801', '2001:db8::0.192.168.1']) {
    assert.equal(bytesOfIpv6(text).toString('hex'), '20010db80000000000000000' + '00c0a801', text);
  }
  assert.equal(bytesOfIpv6('::').toString('hex'), '0'.repeat(32));
  assert.equal(bytesOfIpv6('::1').toString('hex'), `${'0'.repeat(31)}1`);
});

test('what two people change at once both holds, also while DNS is asked', async (t) => {
  const opened = await openDatabase<SettingsTables>('sqlite::memory:', networkMigrations);
  t.after(() => opened.close());
  const sites = new Sites({
    ...{ db: opened.db, clock: systemClock, log: silentLog },
    journal: { record: async () => null as never, committed: () => undefined },
    vault: { seal: (bytes: Uint8Array) => bytes, open: (bytes: Uint8Array) => bytes } as never,
  });
  // Nobody listens there: a DNS server that does not answer keeps nobody from saying what is wanted.
  const dns = { host: '127.0.0.1', port: 1, zones: ['banco.example'], keyName: 'k' };
  await sites.set({ name: 'madrid', addresses: ['192.0.2.1'], port: 443, dns, secret: 'c2VjcmV0c2VjcmV0' }, 'user:ana');
  assert.match((await sites.state()).problem?.en ?? '', /ECONNREFUSED/, 'and that it does not is said at once');
  const how = { path: '/', seconds: 30 };
  await Promise.all([
    sites.addHost('www.banco.example', how, 'user:ana'),
    sites.addHost('api.banco.example', how, 'user:bea'),
    sites.drain(true, 'user:ana'),
  ]);
  const { hosts, drained } = await sites.state();
  assert.deepEqual(
    [hosts.map(({ host }) => host).toSorted(), drained],
    [['api.banco.example', 'www.banco.example'], true],
  );
  await Promise.all([sites.addHost('eu.banco.example', how, 'user:ana'), sites.drain(false, 'user:ana')]);
  assert.equal((await sites.state()).hosts.length, 3);
});
