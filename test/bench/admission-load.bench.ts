/**
 * How soon admission answers when it is pressed (A3): manifests that it has never seen, one after the other and from ten times as
 * many callers, among them bodies of 5 MB and documents 10,000 deep; and how soon it says no while its database is locked by
 * somebody else. The server is a process of its own, with the routes of the platform.
 *
 *   ./darsena-node test/bench/admission-load.bench.ts [seconds]
 */
import { spawn } from 'node:child_process';
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { Agent, request } from 'undici';
import { createApi, type Principal } from '../../src/access/index.ts';
import {
  type Admission,
  Admit,
  type AdmitTables,
  admitMigrations,
  NO_SCAN,
  NO_WORKLOAD,
  PRESETS_FOLDER,
  readPolicies,
  registerAdmitRoutes,
} from '../../src/admit/index.ts';
import { Journal, journalMigrations } from '../../src/journal/index.ts';
import { openDatabase, silentLog, systemClock } from '../../src/system/index.ts';
import { generateSigningKey } from '../../src/trust/index.ts';

const ANA: Principal = {
  ...{ id: 'p', actor: 'user:ana', kind: 'user', name: 'ana', tokenId: null },
  grants: [{ role: 'developer', project: 'tienda' }],
};

async function openAdmit(path: string) {
  const opened = await openDatabase<AdmitTables>(`sqlite:${path}`, [...journalMigrations, ...admitMigrations]);
  const checkpointKeyPem = generateKeyPairSync('ed25519').privateKey.export({ format: 'pem', type: 'pkcs8' }) as string;
  const journal = new Journal({
    ...{ db: opened.db as never, clock: systemClock, log: silentLog, checkpointKeyPem, keyId: 'bench' },
  });
  const { key } = generateSigningKey(randomBytes(32));
  const policies = await readPolicies(PRESETS_FOLDER);
  return { opened, admit: new Admit({ db: opened.db, journal, clock: systemClock, policies, key }) };
}

const folder = mkdtempSync(join(tmpdir(), 'darsena-load-'));
if (process.argv[2] === 'serve') {
  const { admit } = await openAdmit(join(folder, 'serve.db'));
  const app = createApi({ instance: 'bench', log: silentLog, authenticate: async () => ANA });
  registerAdmitRoutes(app, admit, systemClock);
  process.stdout.write(`${await app.listen({ host: '127.0.0.1', port: 0 })}\n`);
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
  process.on('SIGTERM', () => process.exit(0));
} else {
  await measure(Number(process.argv[2] ?? 10));
  rmSync(folder, { recursive: true, force: true });
}

async function measure(seconds: number): Promise<void> {
  const server = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', import.meta.filename, 'serve'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = (await once(server.stdout, 'data')) as [Buffer];
  const origin = String(line).trim();
  let number = 0;
  const container = {
    ...{ name: 'web', image: 'registry.example/tienda/web:1', ports: [{ containerPort: 8080 }] },
    securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
  };
  const plain = (): string => {
    number += 1;
    const template = {
      metadata: { labels: { app: 'web' } },
      spec: { containers: [container, { ...container, name: 'b' }] },
    };
    const document = {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: `web-${number}` },
      spec: { template },
    };
    return JSON.stringify(document);
  };
  const kinds = {
    plain: { text: plain, status: 200 },
    large: { text: () => 'x'.repeat(5 * 1024 * 1024), status: 413 },
    deep: { text: () => '['.repeat(10_000), status: 400 },
  } as const;
  const run = async (label: string, callers: number, mix: readonly (keyof typeof kinds)[]): Promise<void> => {
    const times: Record<string, number[]> = { plain: [], large: [], deep: [] };
    let other = 0;
    const until = performance.now() + seconds * 1000;
    await Promise.all(
      Array.from({ length: callers }, async (_, caller) => {
        const dispatcher = new Agent({ connections: 1 });
        for (let at = caller; performance.now() < until; at += 1) {
          const kind = mix[at % mix.length] ?? 'plain';
          const body = JSON.stringify({ manifests: kinds[kind].text() });
          const begin = performance.now();
          try {
            const answer = await request(`${origin}/api/v1/policies/pod-security-restricted/test`, {
              ...{ method: 'POST', body, dispatcher },
              headers: { 'content-type': 'application/json', authorization: 'Bearer x' },
            });
            await answer.body.text();
            if (answer.statusCode !== kinds[kind].status) other += 1;
          } catch {
            // A body that is refused while it is sent may end the connection under it: that is an answer too.
            if (kind !== 'large') other += 1;
          }
          times[kind]?.push(performance.now() - begin);
        }
        await dispatcher.close();
      }),
    );
    for (const [kind, all] of Object.entries(times)) {
      if (all.length === 0) continue;
      all.sort((a, b) => a - b);
      const at = (share: number): string => (all[Math.floor((all.length - 1) * share)] ?? 0).toFixed(1);
      console.log(`${label.padEnd(22)} ${kind.padEnd(6)} ${all.length} answers, p50 ${at(0.5)} ms, p99 ${at(0.99)} ms`);
    }
    console.log(`${label.padEnd(22)} answered otherwise than expected: ${other}`);
  };
  try {
    console.log(`load ${loadavg()[0]?.toFixed(1)}`);
    await run('one caller', 1, ['plain']);
    await run('ten callers', 10, ['plain']);
    await run('ten callers, hostile', 10, ['plain', 'plain', 'plain', 'large', 'deep']);
  } finally {
    server.kill();
  }
  await locked();
}

/** Somebody else holds the database: nothing is kept, so nothing is allowed. */
async function locked(): Promise<void> {
  const path = join(folder, 'locked.db');
  const { opened, admit } = await openAdmit(path);
  const admission: Admission = {
    image: {
      digest: `sha256:${'a'.repeat(64)}`,
      repository: 'tienda/web',
      project: 'tienda',
      tags: [],
      ageDays: 0,
      sizeBytes: 1,
    },
    scan: { ...NO_SCAN, state: 'complete', hasAdvisories: true, advisoriesAgeDays: 0 },
    signatures: {
      ...{ imageVerified: true, imageSigners: ['release'], provenanceVerified: true, provenanceSigners: ['builder'] },
      unmetDemands: [],
    },
    ...{ workload: NO_WORKLOAD, environment: { name: 'dev', class: 'development', runs: false } },
    ...{ host: { known: true, issues: [] }, statements: [], documents: [] },
  };
  const question = {
    door: 'start',
    admission,
    specHash: 'sha256:spec',
    actor: 'user:ana',
    subject: 'tienda/dev/web',
  } as const;
  await admit.judge([question]);
  const other = new DatabaseSync(path);
  other.exec('BEGIN EXCLUSIVE');
  const begin = performance.now();
  const answer = await admit.judge([question]).then(
    () => 'allowed',
    (error: Error) => `refused: ${error.message.slice(0, 80)}`,
  );
  console.log(`database locked        ${answer} after ${(performance.now() - begin).toFixed(0)} ms`);
  other.exec('ROLLBACK');
  other.close();
  await opened.close();
}
