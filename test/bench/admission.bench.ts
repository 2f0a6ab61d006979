/**
 * What judging a Deployment by the Pod Security Standard restricted adds to an HTTPS answer: a server that reads the body and
 * answers nothing, one that judges it each time, one that keeps verdicts by the digest of what was asked, and one that asks what an agent
 * asks before each start of a container: the gate of the host, over a verdict and an image that are signed; in turn, one
 * kept connection each. In process, as the platform judges, it is the same without HTTP. Goal (performance.md 6): at most 1.5 times the
 * empty one at p50 and 2 times at p99, with a verdict that stands.
 *
 *   ./darsena-node test/bench/admission.bench.ts [requests]
 */
import { execFileSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Agent, request } from 'undici';
import { toDocument } from '../../src/admit/document.ts';
import { signVerdict, type Verdict } from '../../src/admit/index.ts';
import { judgeDocument } from '../../src/admit/manifest.ts';
import { PRESETS_FOLDER, readPolicies, selectPolicy } from '../../src/admit/presets.ts';
import { REGISTRY_NAME } from '../../src/oci/index.ts';
import { HostStartGate } from '../../src/programs/agent/start-gate.ts';
import { silentLog, systemClock } from '../../src/system/index.ts';
import {
  defineSigner,
  generateSigningKey,
  NO_SIGNATURES,
  packSignatures,
  readPublicKey,
  signImage,
} from '../../src/trust/index.ts';

const REQUESTS = Number(process.argv[2] ?? 3000);
const quantile = (values: readonly number[], share: number): number =>
  values.toSorted((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * share))] ?? 0;

const policies = await readPolicies(PRESETS_FOLDER);
const policy = selectPolicy(
  (name) => policies.find((one) => one.name === name) ?? null,
  'pod-security-restricted@1.34',
);
const container = {
  ...{ name: 'web', image: 'registry.example/tienda/web:1', ports: [{ containerPort: 8080 }] },
  env: Array.from({ length: 20 }, (_, index) => ({ name: `SETTING_${index}`, value: 'a value of some length' })),
  securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
};
const securityContext = { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } };
const spec = { securityContext, containers: [container, { ...container, name: 'sidecar' }] };
const body = JSON.stringify({
  ...{ apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'web' } },
  spec: { replicas: 2, template: { metadata: { labels: { app: 'web' } }, spec } },
});
const judgeText = (text: string): string => {
  const document = { ...toDocument(JSON.parse(text)), line: 1 };
  return JSON.stringify(judgeDocument(document, policy, systemClock).verdict);
};
const kept = new Map<string, string>();
const gate = makeGate();
const handlers: Record<string, (text: string) => string | Promise<string>> = {
  empty: () => '{}',
  judged: judgeText,
  cached: (text) => {
    const digest = createHash('sha256').update(text).digest('base64');
    const verdict = kept.get(digest) ?? judgeText(text);
    kept.set(digest, verdict);
    return verdict;
  },
  start: async () => {
    const answer = await gate.host.check(gate.start);
    if (!answer.allow) throw new Error(JSON.stringify(answer));
    return '{"allow":true}';
  },
};

/** As an agent holds it: a host that pinned control's key and the builder's, a signed verdict, an image that the builder signed. */
function makeGate(): { readonly host: HostStartGate; readonly start: Parameters<HostStartGate['check']>[0] } {
  const master = randomBytes(32);
  const [control, builder] = [generateSigningKey(master).key, generateSigningKey(master).key];
  const [digest, specHash] = [`sha256:${'a'.repeat(64)}`, `sha256:${'1'.repeat(64)}`] as const;
  const repository = 'tienda/web';
  const publicKey = readPublicKey(control.publicKeyPem);
  const identity = { kind: 'key', publicKey: readPublicKey(builder.publicKeyPem), trustedRoot: null } as const;
  const trust = {
    repositoryBinding: 'required',
    signers: [defineSigner({ name: 'builder', uses: ['image'], identity, vouches: false })],
  } as const;
  const host = new HostStartGate({
    ...{ clock: systemClock, log: silentLog },
    ...{ verdictKey: () => publicKey, trust: () => trust },
  });
  const bundles = [signImage(builder, { digest, repository })];
  const verdict: Verdict = {
    ...{ id: '01890000-0000-7000-8000-000000000000', at: new Date().toISOString(), door: 'start', decision: 'allow' },
    ...{ reasons: [], policy: { name: 'prod', version: '1' }, project: 'tienda', environment: 'dev', digest, specHash },
    ...{ restart: false, expiresAt: new Date(Date.now() + 3_600_000).toISOString() },
  };
  host.setEvidence({
    verdicts: [signVerdict(control, verdict)],
    signatures: { [`${repository}@${digest}`]: packSignatures({ ...NO_SIGNATURES, bundles }) },
  });
  const workload = { project: 'tienda', environment: 'dev', name: 'web' };
  const image = `${REGISTRY_NAME}/${repository}@${digest}`;
  return { host, start: { workload, container: 'web', image, imageDigest: digest, specHash } };
}

const folder = mkdtempSync(join(tmpdir(), 'darsena-bench-'));
const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
execFileSync(
  'openssl',
  [
    ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '1'],
    ...['-keyout', key, '-out', cert, '-subj', '/CN=localhost'],
  ],
  { stdio: 'ignore' },
);
const server = createServer({ key: readFileSync(key), cert: readFileSync(cert) }, (incoming, response) => {
  const parts: Buffer[] = [];
  incoming.on('data', (part: Buffer) => parts.push(part));
  incoming.on('end', async () => {
    const answer = (await handlers[incoming.url?.slice(1) ?? '']?.(Buffer.concat(parts).toString('utf8'))) ?? '';
    response.setHeader('content-type', 'application/json').end(answer);
  });
});
await new Promise<void>((resolve) => {
  server.listen(0, '127.0.0.1', resolve);
});
const agent = new Agent({ connect: { ca: readFileSync(cert), servername: 'localhost' }, connections: 1 });
const origin = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
const times: Record<string, number[]> = Object.fromEntries(Object.keys(handlers).map((name) => [name, []]));
try {
  for (let round = 0; round < REQUESTS + 200; round += 1) {
    for (const name of Object.keys(handlers)) {
      const start = performance.now();
      const { body: answer } = await request(`${origin}/${name}`, { method: 'POST', body, dispatcher: agent });
      await answer.text();
      if (round >= 200) times[name]?.push(performance.now() - start);
    }
  }
} finally {
  await agent.close();
  server.close();
  rmSync(folder, { recursive: true, force: true });
}
const start = process.cpuUsage();
for (let round = 0; round < 2000; round += 1) judgeText(body);
const { user } = process.cpuUsage(start);
const micros = (ms: number): string => (ms * 1000).toFixed(0);
console.log(
  `${body.length} bytes, ${policy.rules.length} rules, ${REQUESTS} requests each; alone ${(user / 2000).toFixed(0)} µs CPU`,
);
for (const [name, values] of Object.entries(times)) {
  const [p50, p99] = [quantile(values, 0.5), quantile(values, 0.99)];
  const [base50, base99] = [quantile(times['empty'] ?? [], 0.5), quantile(times['empty'] ?? [], 0.99)];
  console.log(
    `${name.padEnd(7)} p50 ${micros(p50)} µs (${(p50 / base50).toFixed(2)} of empty)  p99 ${micros(p99)} µs (${(p99 / base99).toFixed(2)})`,
  );
}
