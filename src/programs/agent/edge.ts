import type { ServiceEndpoints, WantedRoute } from '../../deploy/index.ts';
import { Edge, type EdgeRoute, type Endpoint, type IssuedCertificate, publishedName } from '../../network/index.ts';
import type { Clock, Log, Text } from '../../system/index.ts';
import { type Instance, instanceFiles } from '../setup/instance.ts';
import { supervisedState } from '../setup/supervisor.ts';

export interface EdgeState {
  readonly state: 'ok' | 'down';
  readonly detail: Text | null;
}

const DRAIN_MS = 1_500;
const RETRY_MS = 5_000;
const NOT_YET: Text = {
  en: 'waiting for its certificate from control, and for the first look at the replicas',
  es: 'espera su certificado de control y la primera comprobación de las réplicas',
};

/**
 * Joins what is published with where its ready replicas are, and gives it to the edge proxy. HAProxy has a supervisor of
 * its own, so that published services answer while the agent is away.
 */
export class HostEdge {
  readonly #instance: Instance;
  readonly #log: Log;
  readonly #clock: Clock;
  readonly #onState: (state: EdgeState) => void;
  #edge: Edge | undefined;
  #certificate: IssuedCertificate | undefined;
  #routes: readonly WantedRoute[] = [];
  /** Undefined until they were looked for. */
  #services: readonly ServiceEndpoints[] | undefined;
  #state: EdgeState = { state: 'down', detail: NOT_YET };
  #retry: NodeJS.Timeout | undefined;
  #applying: Promise<void> = Promise.resolve();

  constructor(options: {
    readonly instance: Instance;
    readonly log: Log;
    readonly clock: Clock;
    readonly onState: (state: EdgeState) => void;
  }) {
    this.#instance = options.instance;
    this.#log = options.log;
    this.#clock = options.clock;
    this.#onState = options.onState;
  }

  get state(): EdgeState {
    return this.#state;
  }

  /** The published domain's certificate, from control: at every connection and when it was renewed. */
  setCertificate(certificate: IssuedCertificate): void {
    if (certificate.certificatePem === this.#certificate?.certificatePem) return;
    this.#certificate = certificate;
    this.#queue(async () => {
      if (this.#edge === undefined) await this.#begin();
      else await this.#edge.setCertificate(certificate);
    });
  }

  setRoutes(routes: readonly WantedRoute[]): void {
    this.#routes = routes;
    this.#apply();
  }

  setEndpoints(services: readonly ServiceEndpoints[]): void {
    this.#services = services;
    this.#apply();
  }

  /** Resolves when the edge sends nothing to this pod any more. */
  async drained(pod: string): Promise<void> {
    const endpoints = (this.#services ?? []).flatMap((service) =>
      service.endpoints.filter((endpoint) => endpoint.pod === pod),
    );
    await Promise.all(endpoints.map((endpoint) => this.#edge?.drain(endpoint, DRAIN_MS)));
  }

  close(): void {
    clearTimeout(this.#retry);
  }

  #apply(): void {
    this.#queue(async () => {
      if (this.#edge === undefined) await this.#begin();
      else await this.#edge.apply(this.#published());
    });
  }

  /**
   * Takes the running HAProxy over, or writes its first configuration. Not before it is known where the replicas are: an
   * agent that comes back beside a HAProxy that serves would otherwise send its visitors nowhere.
   */
  async #begin(): Promise<void> {
    const certificate = this.#certificate;
    if (certificate === undefined || (this.#services === undefined && this.#routes.length > 0)) return;
    const files = instanceFiles(this.#instance);
    const { ports, bind, users, mode } = this.#instance;
    const edge = new Edge({
      ports: { https: ports.edgeHttps, http: ports.edgeHttp },
      addresses: [bind],
      user: mode === 'root' ? users.edge : null,
      folder: files.edge.folder,
      run: files.edge.run,
      logFile: files.log('edge'),
      certificate,
      keeper: { pid: async () => (await supervisedState(files.supervisors, 'edge')).child?.pid ?? null },
      clock: this.#clock,
      log: this.#log,
    });
    await edge.start(this.#published());
    this.#edge = edge;
  }

  /** One change after the other; a failure is told and tried again, and HAProxy keeps the last good configuration. */
  #queue(work: () => Promise<void>): void {
    this.#applying = this.#applying.then(async () => {
      try {
        await work();
        this.#tell(this.#edge === undefined ? { state: 'down', detail: NOT_YET } : { state: 'ok', detail: null });
      } catch (error) {
        const why = error instanceof Error ? error.message : String(error);
        this.#log.error({ err: error }, 'the edge could not be changed');
        this.#tell({ state: 'down', detail: { en: why, es: why } });
        clearTimeout(this.#retry);
        this.#retry = setTimeout(() => this.#queue(work), RETRY_MS);
      }
    });
  }

  #tell(state: EdgeState): void {
    if (state.state === this.#state.state && state.detail?.en === this.#state.detail?.en) return;
    this.#state = state;
    this.#onState(state);
  }

  #published(): EdgeRoute[] {
    return this.#routes.map((route) => {
      const { project, environment, service, path, pathType, host, servicePort } = route;
      const found = this.#services?.find(
        (one) =>
          one.project === project &&
          one.environment === environment &&
          one.service === service &&
          (one.port === servicePort || one.portName === servicePort),
      );
      const endpoints: Endpoint[] =
        found?.endpoints.map(({ host: address, port, weight }) => ({
          host: address,
          port,
          ...(weight === undefined ? {} : { weight }),
        })) ?? [];
      return {
        host: host ?? publishedName({ service, project, environment, domain: this.#instance.domain }),
        path,
        pathType,
        service: `${project}/${environment}/${service}:${servicePort}`,
        endpoints,
      };
    });
  }
}
