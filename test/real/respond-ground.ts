/**
 * The part of the platform that keeps alerts, incidents, evidence, actions, notices and the journal, as a program of its own
 * that says on its output what it acknowledged. It is killed, or its disk fails, by the tests beside it.
 *
 * Usage: respond-ground.ts FOLDER; FOLDER/../journal.pem is the journal's key.
 */
import { createHash, randomBytes } from 'node:crypto';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { createVault } from '../../src/access/index.ts';
import type { Alert } from '../../src/detect/index.ts';
import { Journal, journalMigrations } from '../../src/journal/index.ts';
import { type EvidenceManifest, MANIFEST_TYPE } from '../../src/respond/evidence/format.ts';
import {
  Casework,
  type Deeds,
  EvidenceStore,
  Notices,
  Playbooks,
  Quarantines,
  Respond,
  type RespondTables,
  ResponsePolicies,
  respondMigrations,
} from '../../src/respond/index.ts';
import { Fault, type Json, newId, openDatabase, silentLog, systemClock } from '../../src/system/index.ts';
import { generateSigningKey, signRecord } from '../../src/trust/index.ts';

const BATCH = 50;
/** Alerts are of so many containers, so that some incidents fill up. */
const CONTAINERS = 3;
const EVERY_MS = 20;
const DONE = { en: 'done', es: 'hecho' };
const DIGEST = `sha256:${'a'.repeat(64)}`;
/** The files in which a sender keeps what was not acknowledged, as an agent does. */
export const OUTBOXES = ['flood', 'single'] as const;

/** One line of the program. */
export interface Said {
  /** What is in the tables by this id: for good. */
  readonly row?: readonly [table: keyof RespondTables, id: string];
  /** Facts of this kind that name it. */
  readonly fact?: readonly [kind: string, member: string, value: string | number];
  /** A batch of alerts, and how many they stand for. */
  readonly batch?: string;
  readonly count?: number;
  readonly evidence?: string;
  readonly failed?: string;
  readonly why?: string;
}

export function outboxOf(folder: string, name: (typeof OUTBOXES)[number]): string {
  return join(folder, '..', `outbox-${name}.json`);
}

/** What is not acknowledged yet, or null. */
export function readOutbox(
  folder: string,
  name: (typeof OUTBOXES)[number],
): { id: string; count: number; alerts: Alert[] } | null {
  const file = outboxOf(folder, name);
  if (!existsSync(file)) return null;
  try {
    const alerts = JSON.parse(readFileSync(file, 'utf8')) as Alert[];
    const count = alerts.reduce((sum, alert) => sum + (alert.count ?? 1), 0);
    return { id: alerts[0]?.id ?? '', count, alerts };
  } catch {
    // It was being written when it was killed: nothing of it was sent.
    return null;
  }
}

function makeAlert(place: number, container: string, rule = `Rule ${place % 7}`): Alert {
  const process = { pid: (place % 30_000) + 1, ppid: 1, name: 'sh', exe: '/bin/sh', cmdline: 'sh', cwd: '/' };
  return {
    ...{ id: newId(systemClock), at: systemClock.now().toISOString(), kernelTimeNs: place, rule },
    ...{ priority: 'warning', tags: ['t'], output: 'x'.repeat(500), outputFields: {}, ancestors: [] },
    process: { ...process, uid: 0, tty: 0, startedAt: null },
    container: {
      ...{ id: container, name: 'web', project: 'tienda', environment: 'dev' },
      ...{ workload: 'web', pod: 'p', container: 'web', image: null, digest: DIGEST },
    },
    source: { kind: 'rule', file: 'r', line: 1 },
    ...(place % 11 === 0 ? { count: 3 } : {}),
  };
}

/** Everything that control makes of these tables, with hosts and receivers that do what is asked, or now and then do not. */
export async function openStores(folder: string) {
  const opened = await openDatabase<RespondTables>(`sqlite:${join(folder, 'db')}`, [
    ...journalMigrations,
    ...respondMigrations,
  ]);
  const { db } = opened;
  const { key } = generateSigningKey(Buffer.alloc(32, 1));
  const clock = systemClock;
  const journal = new Journal({
    ...{ db: db as never, clock, log: silentLog, keyId: 'test' },
    checkpointKeyPem: await readFile(join(folder, '..', 'journal.pem'), 'utf8'),
  });
  let sent = 0;
  const notices = new Notices({
    ...{ db, journal, clock, log: silentLog, vault: createVault(Buffer.alloc(32, 7)), instance: 'test' },
    async send() {
      await clock.sleep(1);
      if (++sent % 3 === 0) throw new Error('not taken');
      return null;
    },
  });
  await notices.open();
  const quarantines = new Quarantines({ db, journal, clock });
  await quarantines.open();
  const deeds: Partial<Deeds> = {
    isolate: async () => DONE,
    unisolate: async () => DONE,
    async notify(incident) {
      await notices.tell(incident);
      return DONE;
    },
    async quarantine(incident, { actor, reason }) {
      const { number } = incident;
      await quarantines.add({ project: 'tienda', digest: DIGEST, incident: number, actor, reason });
      return DONE;
    },
    async unquarantine(incident, { actor, reason }) {
      await quarantines.release({ project: 'tienda', digest: DIGEST, incident: incident.number }, actor, reason);
      return DONE;
    },
  };
  const policies = new ResponsePolicies({ db, journal, clock });
  await policies.open();
  const playbooks: Playbooks = new Playbooks({ db, journal, clock, log: silentLog, doer: () => respond });
  await playbooks.open();
  const respond: Respond = new Respond({
    ...{ db, journal, clock, log: silentLog, deeds, policies, playbooks, notices },
    responder: { kill: async () => 'killed' },
  });
  const evidence = new EvidenceStore({
    ...{ db, journal, clock, key, instance: 'test', folder: join(folder, 'evidence') },
    taker: {
      hostKey: () => key.publicKeyPem,
      async take(host, order, receive) {
        const bytes = randomBytes(200_000);
        const sha256 = createHash('sha256').update(bytes).digest('hex');
        const manifest: EvidenceManifest = {
          ...{ version: 1, id: order.id, instance: 'test', host, containerId: order.containerId, incident: null },
          ...{ requestedBy: order.requestedBy, reason: order.reason, startedAt: new Date(0).toISOString() },
          endedAt: new Date(1).toISOString(),
          freeze: { frozen: true, milliseconds: 1, pausedBefore: false, leftPaused: false, why: null },
          parts: [{ part: 'processes', state: 'whole', why: null }],
          archive: { sha256, bytes: bytes.length },
          files: [],
        };
        await receive(Readable.from([bytes.subarray(0, 90_000), bytes.subarray(90_000)]));
        return signRecord(key, MANIFEST_TYPE, manifest as unknown as Json) as unknown as Json;
      },
    },
  });
  await evidence.recover();
  await respond.recover();
  await playbooks.recover();
  const casework = new Casework({ db, journal, clock });
  return { opened, journal, respond, evidence, notices, quarantines, policies, playbooks, casework };
}

export type Stores = Awaited<ReturnType<typeof openStores>>;

const TARGET = {
  ...{ host: 'host1', containerId: 'c'.repeat(64), incident: null, project: 'tienda', environment: 'dev' },
  ...{ workload: 'web', digest: null },
};
const HOW = { actor: 'user:ana', reason: null, keepPaused: false, copyFiles: true, packetSeconds: 0 };
const ANA = 'user:ana';

function say(said: Said): void {
  console.log(JSON.stringify(said));
}

/** Does one thing after the other; what fails is said, and the next is tried. */
async function forever(what: string, act: () => Promise<void>): Promise<never> {
  for (;;) {
    try {
      await act();
    } catch (error) {
      say({ failed: what, why: error instanceof Fault ? error.code : String(error) });
    }
    await systemClock.sleep(EVERY_MS);
  }
}

async function serve(folder: string): Promise<void> {
  const stores = await openStores(folder);
  const { respond, evidence, notices, playbooks, policies, casework, opened } = stores;
  console.log('ready');

  /** Keeps what it sends until it is acknowledged; what it finds from before goes first. */
  async function send(name: (typeof OUTBOXES)[number], alerts: readonly Alert[]): Promise<number> {
    const waiting = readOutbox(folder, name);
    if (waiting !== null) {
      await respond.ingestAll(waiting.alerts, 'host1');
      say({ batch: waiting.id, count: waiting.count });
    }
    writeFileSync(outboxOf(folder, name), JSON.stringify(alerts));
    const stored = alerts.length === 1 && alerts[0] !== undefined ? [await respond.ingest(alerts[0], 'host1')] : null;
    const [first] = stored ?? (await respond.ingestAll(alerts, 'host1'));
    const count = alerts.reduce((sum, alert) => sum + (alert.count ?? 1), 0);
    say({ batch: alerts[0]?.id ?? '', count });
    rmSync(outboxOf(folder, name));
    return first?.incident ?? 0;
  }

  let place = 0;
  const flood = (): Promise<void> =>
    forever('alerts', async () => {
      const of = (at: number): string => String(at % CONTAINERS).repeat(64);
      await send(
        'flood',
        Array.from({ length: BATCH }, () => makeAlert(place, of(place++))),
      );
    });

  const look = (): Promise<void> =>
    forever('evidence', async () => {
      const { id } = await evidence.take(TARGET, HOW, {});
      say({ evidence: id, row: ['respond_evidence', id], fact: ['evidence.taken', 'evidence', id] });
      await evidence.read(id, ANA);
      say({ fact: ['evidence.read', 'evidence', id] });
      const { bytes } = await evidence.export(id, ANA);
      for await (const piece of bytes) void piece;
      say({ fact: ['evidence.exported', 'evidence', id] });
      await evidence.delete(id, ANA, 'seen');
      say({ fact: ['evidence.deleted', 'evidence', id] });
    });

  const work = (): Promise<void> =>
    forever('casework', async () => {
      const number = await send('single', [makeAlert(place, randomBytes(32).toString('hex'), 'Own rule')]);
      const incident = await respond.incident(number);
      say({ row: ['respond_incidents', incident.id], fact: ['incident.opened', 'incident', number] });
      await respond.acknowledge(number, ANA);
      say({ fact: ['incident.acknowledged', 'incident', number] });
      const comment = await casework.comment(incident, 'seen', ANA);
      say({ row: ['respond_comments', comment.id], fact: ['incident.commented', 'comment', comment.id] });
      if (number > 1) {
        await casework.link(incident, await respond.incident(number - 1), ANA);
        say({ fact: ['incident.linked', 'incident', number] });
      }
      for (const kind of ['isolate', 'quarantine', 'unisolate', 'unquarantine', 'kill-container', 'notify'] as const) {
        const action = await respond.act(number, { kind, reason: 'walk' }, ANA);
        if (action.state !== 'done') throw new Error(`${kind}: ${action.state} ${action.outcome?.en}`);
        say({ row: ['respond_actions', action.id], fact: ['action.taken', 'action', action.id] });
      }
      const run = await playbooks.start('hold', number, ANA);
      say({ row: ['respond_playbook_runs', run.id], fact: ['playbook.started', 'run', run.id] });
      while (['queued', 'running'].includes((await playbooks.run(run.id)).state)) await systemClock.sleep(5);
      say({ fact: ['playbook.ended', 'run', run.id] });
      const close = { decision: 'confirmed', reason: 'walk' } as const;
      await respond.close(number, close, ANA);
      say({ fact: ['incident.closed', 'incident', number] });
    });

  const tell = (): Promise<void> =>
    forever('notices', async () => {
      await notices.deliver();
      const last = await opened.db
        .selectFrom('respond_deliveries')
        .select('id')
        .where('state', '=', 'sent')
        .orderBy('id', 'desc')
        .limit(1)
        .executeTakeFirst();
      if (last !== undefined) say({ row: ['respond_deliveries', last.id] });
    });

  const write = (): Promise<void> =>
    forever('policies', async () => {
      await policies.apply(
        'name: auto\nmode: enforce\nmatch: { rules: ["Rule 3", "Own rule"] }\ndo: [notify]\nlimit: { actions: 1000, minutes: 1 }\n',
        'user:eva',
      );
      await systemClock.sleep(100);
    });

  const setUp = async (): Promise<void> => {
    const to = { kind: 'webhook', url: 'https://ops.example.com/', priority: 'debug' } as const;
    for (;;) {
      try {
        if (notices.channels().length === 0)
          await notices.add(
            { ...to, name: 'ops', networks: [], secret: null, projects: null, ca: null, mail: null },
            ANA,
          );
        if (playbooks.list().length === 0)
          await playbooks.apply('name: hold\nsteps:\n  - do: isolate\n  - do: notify\n', 'user:eva');
        return;
      } catch (error) {
        say({ failed: 'setting up', why: String(error) });
        await systemClock.sleep(EVERY_MS);
      }
    }
  };
  await Promise.all([flood(), look(), setUp().then(work), tell(), write()]);
}

if (process.argv[1] === import.meta.filename) await serve(process.argv[2] ?? '');
