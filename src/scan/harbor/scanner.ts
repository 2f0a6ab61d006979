import { RegistryClient } from '../../registry/index.ts';
import { type Clock, newId } from '../../system/index.ts';
import { scanFault } from '../errors.ts';
import { HARBOR_JOB_MS, HARBOR_JOBS_AT_ONCE, HARBOR_JOBS_MAX, HARBOR_REPORT_MS } from '../limits.ts';
import { openFromRegistry } from '../remote.ts';
import type { ScanReport } from '../report.ts';
import type { Scans } from '../scans.ts';

/** A registry that Harbor may send us to. */
export interface HarborRegistry {
  /** `name` or `name:port`, as in the URL that Harbor hands over. */
  readonly host: string;
  /** @default https */
  readonly scheme?: 'https' | 'http';
  /** PEM of a CA of its own. @default the system's */
  readonly ca?: string;
  /** Private networks (CIDR) that it may stand in. @default none */
  readonly networks?: readonly string[];
  readonly tokenHosts?: readonly string[];
  readonly storageHosts?: readonly string[];
}

export interface HarborArtifact {
  readonly repository: string;
  readonly digest: string;
  readonly tag?: string | undefined;
  readonly mimeType?: string | undefined;
}

export interface HarborOrder {
  readonly registryUrl: string;
  /** `Basic …`, as the metadata asks of Harbor. */
  readonly authorization: string | null;
  readonly artifact: HarborArtifact;
}

export interface HarborJob {
  readonly id: string;
  /** Who asked; nobody else sees the report. */
  readonly principal: string;
  readonly artifact: HarborArtifact;
  readonly madeAtMs: number;
  state: 'waiting' | 'running' | 'done' | 'failed';
  report: ScanReport | null;
  problem: string | null;
}

/**
 * Scans of artifacts that a Harbor sends: pulled from its registry with what it hands over, if that registry is listed.
 * Jobs are in memory: Harbor asks again for what a restart lost.
 */
export class HarborScanner {
  readonly #registries: readonly HarborRegistry[];
  readonly #scans: Pick<Scans, 'scan'>;
  readonly #clock: Clock;
  readonly #jobs = new Map<string, HarborJob>();
  readonly #waiting: (() => Promise<void>)[] = [];
  #running = 0;

  constructor(parts: { registries: readonly HarborRegistry[]; scans: Pick<Scans, 'scan'>; clock: Clock }) {
    this.#registries = parts.registries;
    this.#scans = parts.scans;
    this.#clock = parts.clock;
  }

  /** @throws Fault scan.harbor-registry, scan.harbor-authorization, scan.harbor-busy */
  start(order: HarborOrder, principal: string): HarborJob {
    const registry = this.#registryOf(order.registryUrl);
    const credentials = credentialsOf(order.authorization);
    this.#forgetOld();
    if (this.#jobs.size >= HARBOR_JOBS_MAX) throw scanFault('scan.harbor-busy', { max: HARBOR_JOBS_MAX });
    const { artifact } = order;
    const job: HarborJob = {
      id: newId(this.#clock),
      principal,
      artifact,
      madeAtMs: this.#clock.now().getTime(),
      state: 'waiting',
      report: null,
      problem: null,
    };
    this.#jobs.set(job.id, job);
    this.#waiting.push(async () => {
      job.state = 'running';
      try {
        job.report = await this.#scan(registry, credentials, artifact);
        job.state = job.report.complete ? 'done' : 'failed';
        job.problem = job.report.incomplete?.en ?? null;
      } catch (error) {
        job.state = 'failed';
        job.problem = error instanceof Error ? error.message : String(error);
      }
    });
    this.#next();
    return job;
  }

  /** Null for unknown ones, those of others and those that were forgotten. */
  find(id: string, principal: string): HarborJob | null {
    const job = this.#jobs.get(id);
    return job?.principal === principal ? job : null;
  }

  #next(): void {
    while (this.#running < HARBOR_JOBS_AT_ONCE) {
      const run = this.#waiting.shift();
      if (!run) return;
      this.#running++;
      void run().finally(() => {
        this.#running--;
        this.#next();
      });
    }
  }

  #forgetOld(): void {
    const now = this.#clock.now().getTime();
    for (const [id, { madeAtMs, state }] of this.#jobs) {
      if (state !== 'waiting' && state !== 'running' && now - madeAtMs > HARBOR_REPORT_MS) this.#jobs.delete(id);
    }
  }

  #registryOf(url: string): HarborRegistry {
    const { protocol, host, username, password, pathname } = URL.parse(url) ?? {};
    const listed = this.#registries.find(
      (one) => one.host.toLowerCase() === host && `${one.scheme ?? 'https'}:` === protocol,
    );
    const isPlain = username === '' && password === '' && (pathname === '/' || pathname === '');
    if (!listed || !isPlain) throw scanFault('scan.harbor-registry', { url: url.slice(0, 200) });
    return listed;
  }

  async #scan(
    registry: HarborRegistry,
    credentials: { name: string; secret: string } | null,
    { repository, digest }: HarborArtifact,
  ): Promise<ScanReport> {
    const client = new RegistryClient({ ...registry, ...(credentials ? { credentials } : {}) }, { clock: this.#clock });
    const name = `${registry.host}/${repository}@${digest.slice(0, 19)}`;
    const signal = AbortSignal.timeout(HARBOR_JOB_MS);
    const opened = await openFromRegistry(client, { name, repository, place: digest }, signal);
    try {
      return await this.#scans.scan({ ...opened.image, project: null, actor: 'harbor', subject: name });
    } finally {
      await opened.close();
    }
  }
}

/** RFC 7617. The secret goes to the listed registry and nowhere else, and into no message. */
function credentialsOf(authorization: string | null): { name: string; secret: string } | null {
  if (authorization === null || authorization === '') return null;
  const [, encoded] = /^Basic\s+([A-Za-z0-9+/=]{1,4096})$/i.exec(authorization) ?? [];
  const text = encoded === undefined ? '' : Buffer.from(encoded, 'base64').toString();
  const colon = text.indexOf(':');
  if (colon < 1) throw scanFault('scan.harbor-authorization');
  return { name: text.slice(0, colon), secret: text.slice(colon + 1) };
}
