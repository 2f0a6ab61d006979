import { generateKeyPairSync, type KeyObject, randomUUID } from 'node:crypto';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { exportJWK, type JWTPayload, SignJWT } from 'jose';

interface IssuerKey {
  readonly kid: string;
  readonly alg: string;
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
}

/**
 * An OpenID Connect issuer on a loopback port, as GitHub, GitLab and Kubernetes are for their workloads: discovery, keys,
 * rotation, tokens with claims of their shapes. What it answers can be spoiled.
 */
export interface TestIssuer {
  readonly url: string;
  readonly host: string;
  /** Requests that reached it, by path. */
  readonly asked: string[];
  /** What is answered instead of the real thing, by path; a function answers by itself. */
  readonly spoil: Map<string, string | (() => Promise<string> | string)>;
  /** A redirect instead of an answer, by path. */
  readonly redirect: Map<string, string>;
  readonly keys: IssuerKey[];
  addKey(alg: 'RS256' | 'ES256' | 'EdDSA', kid: string): IssuerKey;
  sign(claims: JWTPayload, options?: { kid?: string; header?: object }): Promise<string>;
  close(): Promise<void>;
}

export async function startTestIssuer(tls: { readonly key: string; readonly cert: string }): Promise<TestIssuer> {
  const keys: IssuerKey[] = [];
  const asked: string[] = [];
  const spoil: TestIssuer['spoil'] = new Map();
  const redirect = new Map<string, string>();
  const server = createServer(tls, (request, response) => {
    const path = request.url ?? '';
    asked.push(path);
    const to = redirect.get(path);
    if (to !== undefined) {
      response.writeHead(302, { location: to }).end();
      return;
    }
    Promise.resolve(answer(path))
      .then((text) => {
        response.writeHead(text === null ? 404 : 200, { 'content-type': 'application/json' }).end(text ?? '{}');
      })
      .catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  const url = `https://${host}`;

  async function answer(path: string): Promise<string | null> {
    const spoiled = spoil.get(path);
    if (spoiled !== undefined) return typeof spoiled === 'string' ? spoiled : spoiled();
    if (path === '/.well-known/openid-configuration') return JSON.stringify({ issuer: url, jwks_uri: `${url}/keys` });
    if (path !== '/keys') return null;
    const list = keys.map(async ({ kid, alg, publicKey }) => ({
      ...(await exportJWK(publicKey)),
      kid,
      alg,
      use: 'sig',
    }));
    return JSON.stringify({ keys: await Promise.all(list) });
  }

  return {
    url,
    host,
    asked,
    spoil,
    redirect,
    keys,
    addKey(alg, kid) {
      const pair =
        alg === 'RS256'
          ? generateKeyPairSync('rsa', { modulusLength: 2048 })
          : alg === 'ES256'
            ? generateKeyPairSync('ec', { namedCurve: 'P-256' })
            : generateKeyPairSync('ed25519');
      const key = { kid, alg, ...pair };
      keys.push(key);
      return key;
    },
    sign(claims, options = {}) {
      const key = options.kid === undefined ? keys[0] : keys.find(({ kid }) => kid === options.kid);
      if (key === undefined) throw new Error('the issuer has no such key');
      const now = Math.floor(Date.now() / 1000);
      const usual = { iss: url, aud: 'darsena', iat: now, nbf: now - 5, exp: now + 300, jti: randomUUID() };
      const given = Object.fromEntries(
        Object.entries({ ...usual, ...claims }).filter(([, value]) => value !== undefined),
      );
      return new SignJWT(given)
        .setProtectedHeader({ alg: key.alg, kid: key.kid, typ: 'JWT', ...options.header })
        .sign(key.privateKey);
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** Claims as GitHub Actions gives them to a job. */
export const githubClaims = {
  sub: 'repo:acme/shop:ref:refs/heads/main',
  repository: 'acme/shop',
  repository_id: '101',
  repository_owner: 'acme',
  repository_owner_id: '7',
  ref: 'refs/heads/main',
  ref_type: 'branch',
  workflow_ref: 'acme/shop/.github/workflows/build.yml@refs/heads/main',
  actor: 'ana',
  event_name: 'push',
  run_id: '5',
  runner_environment: 'github-hosted',
};

/** Claims as GitLab CI gives them to a job. */
export const gitlabClaims = {
  sub: 'project_path:acme/shop:ref_type:branch:ref:main',
  namespace_id: '72',
  namespace_path: 'acme',
  project_id: '20',
  project_path: 'acme/shop',
  user_login: 'ana',
  pipeline_source: 'push',
  ref: 'main',
  ref_type: 'branch',
  ref_protected: 'true',
};

/** Claims as Kubernetes projects them into a pod, with its list of one audience. */
export const kubernetesClaims = {
  sub: 'system:serviceaccount:ci:builder',
  aud: ['darsena'],
  'kubernetes.io': {
    namespace: 'ci',
    pod: { name: 'build-1', uid: '8b2' },
    serviceaccount: { name: 'builder', uid: '9c3' },
  },
};
