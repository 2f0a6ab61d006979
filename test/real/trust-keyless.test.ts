/**
 * Keyless signing against a small Fulcio, Rekor and time stamp authority on loopback: what comes out is believed here and
 * by sigstore-js, and only for the identity that the token names.
 */
import assert from 'node:assert/strict';
import { createPublicKey, verify } from 'node:crypto';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { bundleFromJSON } from '@sigstore/bundle';
import { TrustedRoot } from '@sigstore/protobuf-specs';
import { toSignedEntity, toTrustMaterial, Verifier } from '@sigstore/verify';
import { digestOf } from '../../src/oci/index.ts';
import { Fault, type Json, systemClock } from '../../src/system/index.ts';
import { defineSigner, isMet, keylessSigner, makeBundle, readTrustedRoot, verifyImage } from '../../src/trust/index.ts';
import { TestSigstore } from '../../src/trust/sigstore/test-instance.ts';

const image = { digest: digestOf(Buffer.from('image')), repository: 'tienda/web' };
const token = (email: string): string =>
  ['{"alg":"none"}', JSON.stringify({ iss: 'https://issuer.test', sub: '1', email }), 'x']
    .map((part) => Buffer.from(part).toString('base64url'))
    .join('.');

describe('keyless signing', () => {
  const sigstore = new TestSigstore();
  let server: Server;
  let url: string;

  before(async () => {
    server = createServer((request, response) => {
      answer(request).then(
        (bytes) => response.end(bytes),
        (error: unknown) => {
          response.statusCode = 400;
          response.end(String(error));
        },
      );
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  after(() => new Promise((resolve) => server.close(resolve)));

  async function answer(request: IncomingMessage): Promise<Uint8Array> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks);
    switch (request.url) {
      case '/api/v2/signingCert':
        return certify(JSON.parse(body.toString()));
      case '/api/v1/log/entries':
        return record(JSON.parse(body.toString()));
      case '/api/v2/log/entries':
        return recordTile(JSON.parse(body.toString()));
      case '/stamp':
        // The digest is the only octet string of 32 bytes in a request that our own client writes.
        return sigstore.stampDigest(body.subarray(body.indexOf(Buffer.from([0x04, 0x20])) + 2).subarray(0, 32));
      default:
        throw new Error('not here');
    }
  }

  function certify(asked: {
    credentials: { oidcIdentityToken: string };
    publicKeyRequest: { publicKey: { content: string }; proofOfPossession: string };
  }): Buffer {
    const [, payload = ''] = asked.credentials.oidcIdentityToken.split('.');
    const { email } = JSON.parse(Buffer.from(payload, 'base64url').toString()) as { email: string };
    const key = createPublicKey(asked.publicKeyRequest.publicKey.content);
    const proof = Buffer.from(asked.publicKeyRequest.proofOfPossession, 'base64');
    assert.equal(verify('sha256', Buffer.from(email), key, proof), true, 'the key is not the caller’s');
    const info = key.export({ format: 'der', type: 'spki' });
    const certificate = sigstore.certify({ privateKey: sigstore.log.privateKey, info }, { subject: { email } });
    const pem = `-----BEGIN CERTIFICATE-----\n${certificate
      .toString('base64')
      .match(/.{1,64}/g)
      ?.join('\n')}\n-----END CERTIFICATE-----\n`;
    return Buffer.from(JSON.stringify({ signedCertificateEmbeddedSct: { chain: { certificates: [pem] } } }));
  }

  function record(asked: { spec: { proposedContent: { envelope: string; verifiers: string[] } } }): Buffer {
    const { envelope, verifiers } = asked.spec.proposedContent;
    const { payload, signatures } = JSON.parse(envelope) as { payload: string; signatures: { sig: string }[] };
    const sha256 = (bytes: Uint8Array) => ({ algorithm: 'sha256', value: digestOf(bytes).slice(7) });
    const spec = {
      envelopeHash: sha256(Buffer.from(envelope)),
      payloadHash: sha256(Buffer.from(payload, 'base64')),
      signatures: [{ signature: signatures[0]?.sig ?? '', verifier: verifiers[0] ?? '' }],
    };
    const entry = sigstore.record({ apiVersion: '0.0.1', kind: 'dsse', spec }, 'dsse', '0.0.1') as {
      logIndex: string;
      logId: { keyId: string };
      integratedTime: string;
      inclusionPromise: { signedEntryTimestamp: string };
      inclusionProof: { rootHash: string; treeSize: string; hashes: string[]; checkpoint: { envelope: string } };
      canonicalizedBody: string;
    };
    const hex = (text: string): string => Buffer.from(text, 'base64').toString('hex');
    const { rootHash, treeSize, hashes, checkpoint } = entry.inclusionProof;
    const proof = {
      rootHash: hex(rootHash),
      treeSize: Number(treeSize),
      hashes: hashes.map(hex),
      checkpoint: checkpoint.envelope,
    };
    const value = {
      ...{ body: entry.canonicalizedBody, integratedTime: Number(entry.integratedTime), logID: hex(entry.logId.keyId) },
      logIndex: Number(entry.logIndex),
      verification: {
        inclusionProof: { logIndex: Number(entry.logIndex), ...proof },
        signedEntryTimestamp: entry.inclusionPromise.signedEntryTimestamp,
      },
    };
    return Buffer.from(JSON.stringify({ uuid: value }));
  }

  /** As rekor-tiles answers: the proof and the checkpoint, no promise and no time. */
  function recordTile(asked: {
    dsseRequestV002: {
      envelope: { payload: string; signatures: { sig: string }[] };
      verifiers: { x509Certificate: { rawBytes: string }; keyDetails: string }[];
    };
  }): Buffer {
    const { envelope, verifiers } = asked.dsseRequestV002;
    const digest = Buffer.from(digestOf(Buffer.from(envelope.payload, 'base64')).slice(7), 'hex').toString('base64');
    const dsseV002 = {
      payloadHash: { algorithm: 'SHA2_256', digest },
      signatures: [{ content: envelope.signatures[0]?.sig ?? '', verifier: verifiers[0] ?? null }],
    };
    const body = { apiVersion: '0.0.2', kind: 'dsse', spec: { dsseV002 } };
    const {
      inclusionPromise: _promise,
      integratedTime: _time,
      ...entry
    } = sigstore.record(body, 'dsse', '0.0.2') as {
      [name: string]: Json;
    };
    return Buffer.from(JSON.stringify(entry));
  }

  const services = () => ({ fulcio: url, rekor: url, timestamp: `${url}/stamp` });
  const judge = (bundle: Uint8Array, subject: string) => {
    const trustedRoot = readTrustedRoot(sigstore.trustedRoot());
    const identity = { kind: 'certificate', issuer: 'https://issuer.test', subject, trustedRoot } as const;
    const signers = [defineSigner({ name: 'ana', uses: ['image'], identity })];
    return verifyImage({
      ...image,
      bundles: [bundle],
      trust: { signers, repositoryBinding: 'required' },
      clock: systemClock,
    });
  };

  it('a signature counts for the identity that the token names and for no other, and carries two trusted times', async () => {
    const bundle = await makeBundle(keylessSigner(services(), token('ana@example.org')), 'image', image, {});
    const verdict = judge(bundle, 'ana@example.org');
    assert.equal(isMet(verdict, 'image'), true, JSON.stringify(verdict.refused));
    assert.deepEqual(
      verdict.accepted[0]?.times.map((time) => time.source),
      ['timestamp', 'log'],
    );
    assert.match(
      judge(bundle, 'eva@example.org').refused[0]?.reason.en ?? '',
      /expected eva@example.org, got ana@example.org/,
    );
  });

  it('sigstore-js believes it as well, also deeper in the log', async () => {
    for (let index = 0; index < 5; index += 1) {
      const bundle = await makeBundle(keylessSigner(services(), token('ana@example.org')), 'image', image, {});
      const material = toTrustMaterial(TrustedRoot.fromJSON(JSON.parse(sigstore.trustedRoot().toString())));
      const signer = new Verifier(material).verify(
        toSignedEntity(bundleFromJSON(JSON.parse(Buffer.from(bundle).toString()))),
      );
      assert.equal(signer.identity?.subjectAlternativeName, 'ana@example.org');
      assert.equal(isMet(judge(bundle, 'ana@example.org'), 'image'), true);
    }
  });

  it('a log of the second version serves as well: its entry has no time, the time stamp has', async () => {
    const second = { ...services(), rekorVersion: 2 } as const;
    for (let index = 0; index < 3; index += 1) {
      const bundle = await makeBundle(keylessSigner(second, token('ana@example.org')), 'image', image, {});
      const verdict = judge(bundle, 'ana@example.org');
      assert.equal(isMet(verdict, 'image'), true, JSON.stringify(verdict.refused));
      const [accepted] = verdict.accepted;
      assert.deepEqual([accepted?.logged, accepted?.times.map(({ source }) => source)], [true, ['timestamp']]);
      const material = toTrustMaterial(TrustedRoot.fromJSON(JSON.parse(sigstore.trustedRoot().toString())));
      const signer = new Verifier(material).verify(
        toSignedEntity(bundleFromJSON(JSON.parse(Buffer.from(bundle).toString()))),
      );
      assert.equal(signer.identity?.subjectAlternativeName, 'ana@example.org');
    }
    const timeless = keylessSigner({ ...second, timestamp: null }, token('ana@example.org'));
    await assert.rejects(makeBundle(timeless, 'image', image, {}), Fault);
  });

  it('a service that fails is named, and the token is not told', async () => {
    const secret = token('ana@example.org');
    await assert.rejects(
      makeBundle(keylessSigner({ ...services(), rekor: `${url}/nowhere` }, secret), 'image', image, {}),
      (error: unknown) =>
        error instanceof Fault &&
        error.code === 'trust.service-failed' &&
        !JSON.stringify(error).includes(secret) &&
        error.message.includes('nowhere'),
    );
    await assert.rejects(makeBundle(keylessSigner(services(), 'no token'), 'image', image, {}), Fault);
  });
});
