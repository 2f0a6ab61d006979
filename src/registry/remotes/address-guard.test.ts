import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, it } from 'node:test';
import { digestOf } from '../../oci/index.ts';
import { RegistryClient } from '../client.ts';
import { createAddressGuard, networkProblem } from './address-guard.ts';

/** W4: hosts that lead inside, each in a spelling that has fooled somebody's filter. */
const INSIDE = [
  '127.0.0.1',
  '127.1',
  '127.0.1',
  '127.255.255.254',
  '0.0.0.0',
  '0',
  '2130706433',
  '0x7f000001',
  '0177.0.0.1',
  '017700000001',
  '0x7f.1',
  'localhost',
  '10.0.0.1',
  '10.255.255.255',
  '172.16.0.1',
  '172.31.255.254',
  '192.168.0.1',
  '192.168.255.255',
  '169.254.169.254',
  '2852039166',
  '0xa9fea9fe',
  '0251.0376.0251.0376',
  '169.254.170.2',
  '100.64.0.1',
  '100.100.100.200',
  '192.0.0.192',
  '192.0.2.1',
  '192.88.99.1',
  '198.18.0.1',
  '198.19.255.255',
  '198.51.100.1',
  '203.0.113.1',
  '224.0.0.1',
  '239.255.255.255',
  '240.0.0.1',
  '255.255.255.255',
  '[::]',
  '[::1]',
  '[0:0:0:0:0:0:0:1]',
  '[::ffff:127.0.0.1]',
  '[::ffff:7f00:1]',
  '[::ffff:169.254.169.254]',
  '[::ffff:a9fe:a9fe]',
  '[::ffff:10.0.0.1]',
  '[::127.0.0.1]',
  '[64:ff9b::127.0.0.1]',
  '[64:ff9b::a9fe:a9fe]',
  '[64:ff9b:1::1]',
  '[fe80::1]',
  '[febf::1]',
  '[fec0::1]',
  '[fc00::1]',
  '[fd00:ec2::254]',
  '[fdff::1]',
  '[ff02::1]',
  '[2001:db8::1]',
  '[2002:7f00:1::]',
  '[2001:0:7f00:1::]',
  '[100::1]',
  '[3fff::1]',
];

describe('W4: addresses inside are not contacted', () => {
  it('sixty spellings of addresses inside: no connection', async () => {
    assert.equal(INSIDE.length, 60);
    let connections = 0;
    const server = createServer((_request, response) => response.end());
    server.on('connection', () => {
      connections += 1;
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    for (const name of INSIDE) {
      const client = new RegistryClient({
        host: `${name}:${port}`,
        scheme: 'http',
        credentials: { name: 'canary', secret: 'canary' },
      });
      await assert.rejects(client.ping(), { code: 'registry.remote-address' }, name);
      await client.close();
    }
    assert.equal(connections, 0);
    await new Promise((resolve) => server.close(resolve));
  });

  it('a name that changes its address between check and use is judged by the address that is used', async () => {
    const resolved: string[][] = [['93.184.216.34'], ['127.0.0.1'], ['93.184.216.34', '127.0.0.1'], ['10.0.0.1']];
    for (const addresses of resolved.slice(1)) {
      const client = new RegistryClient(
        { host: 'registry.example', scheme: 'http' },
        {
          resolve: (_name, _options, done) =>
            done(
              null,
              addresses.map((address) => ({ address, family: 4 })),
            ),
        },
      );
      await assert.rejects(client.ping(), { code: 'registry.remote-address' }, addresses.join());
      await client.close();
    }
    const guard = createAddressGuard([], 'registry.example');
    assert.equal(guard.refusal('93.184.216.34'), null);
    assert.equal(guard.refusal('2606:2800:220:1:248:1893:25c8:1946'), null);
  });

  it('storage and token hosts pass the same check, and get no credentials that are not theirs', async () => {
    let connections = 0;
    const inner = createServer((_request, response) => response.end('inside'));
    inner.on('connection', () => {
      connections += 1;
    });
    await new Promise<void>((resolve) => inner.listen(0, '127.0.0.2', resolve));
    const innerHost = `127.0.0.2:${(inner.address() as AddressInfo).port}`;
    const blob = { digest: digestOf(Buffer.from('inside')), size: 6 };
    for (const answer of [
      { status: 307, headers: { location: `https://${innerHost}/x` } },
      { status: 401, headers: { 'www-authenticate': `Bearer realm="https://${innerHost}/token"` } },
    ]) {
      const server = createServer((_request, response) => response.writeHead(answer.status, answer.headers).end());
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      const client = new RegistryClient({
        host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
        scheme: 'http',
        credentials: { name: 'canary', secret: 'canary' },
        networks: ['127.0.0.1/32'],
        storageHosts: [innerHost],
        tokenHosts: [innerHost],
      });
      await assert.rejects(
        async () => {
          for await (const _ of client.getBlob('a/b', blob)) assert.fail('bytes came');
        },
        { code: 'registry.remote-address' },
      );
      await client.close();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    }
    assert.equal(connections, 0);
    await new Promise((resolve) => inner.close(resolve));
  });

  it('an allowed network opens that network and no other', () => {
    const guard = createAddressGuard(['10.20.0.0/16', 'fd12:3456::/32'], 'x');
    assert.equal(guard.refusal('10.20.1.1'), null);
    assert.equal(guard.refusal('fd12:3456::1'), null);
    assert.equal(guard.refusal('::ffff:10.20.1.1'), null);
    for (const address of ['10.21.0.1', 'fd12:3457::1', '127.0.0.1', '169.254.169.254', 'x', '']) {
      assert.notEqual(guard.refusal(address), null, address);
    }
  });

  it('networks that open everything are no networks', () => {
    for (const text of ['0.0.0.0/0', '10.0.0.0/7', '::/0', '2000::/3', '10.0.0.0', 'x/8', '10.0.0.0/33', '1.2.3/8']) {
      assert.notEqual(networkProblem(text), null, text);
    }
    for (const text of ['10.0.0.0/8', '127.0.0.1/32', 'fd00::/16', '::1/128'])
      assert.equal(networkProblem(text), null, text);
  });
});
