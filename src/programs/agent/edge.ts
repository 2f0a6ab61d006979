import type { ServiceEndpoints, WantedListener, WantedRoute } from '../../deploy/index.ts';
import {
  type AccessEntry,
  AccessLog,
  Edge,
  type EdgeListener,
  type EdgeRoute,
  type Endpoint,
  type Published,
  publishedName,
  whyFailed,
  withDenials,
} from '../../network/index.ts';
import type { Clock, Log, Text } from '../../system/index.ts';
import type { EdgeLogTask, ToAgent } from '../link/protocol.ts';
import { EVERYWHERE, type Instance, instanceFiles } from '../setup/instance.ts';
import { supervisedState } from '../setup/supervisor.ts';

export interface EdgeState {
  readonly state: 'ok' | 'degraded' | 'down';
  readonly detail: Text | null;
}

/** What control decides about the edge beside what is deployed. */
export type EdgeOrder = Omit<Extract<ToAgent, { type: 'edge-settings' }>, 'type'>;

const DRAIN_MS = 1_500;
const RETRY_MS = 5_000;
/** How often it is looked whether a port that another program held is free now. */
const PORT_RETRY_MS = 15_000;
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
  #order: EdgeOrder | undefined;
  /** Undefined until it is known what is published: a HAProxy that serves must not be told that nothing is. */
  #routes: readonly WantedRoute[] | undefined;
  #listeners: readonly WantedListener[] = [];
  readonly #accessLog: AccessLog;
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
    /** Told of each request that the edge answered or passed on. */
    readonly onRequest: (entry: AccessEntry) => void;
  }) {
    this.#instance = options.instance;
    this.#log = options.log;
    this.#clock = options.clock;
    this.#onState = options.onState;
    const { clock, log } = options;
    this.#accessLog = new AccessLog({ socketPath: instanceFiles(this.#instance).edge.socket, clock, log });
    this.#accessLog.listen(options.onRequest);
  }

  get state(): EdgeState {
    return this.#state;
  }

  /** Certificates and balancers in front, from control: at every connection and at every change. */
  setOrder(order: EdgeOrder): void {
    if (JSON.stringify(order) === JSON.stringify(this.#order)) return;
    this.#order = order;
    this.#queue(async () => {
      if (this.#edge === undefined) return await this.#begin();
      // Tried again after a failure, it must not bring back what a later order has replaced.
      const { certificate, own } = this.#order ?? order;
      await this.#edge.setCertificates(certificate, own);
      return await this.#edge.apply(this.#published());
    });
  }

  setPublished(routes: readonly WantedRoute[], listeners: readonly WantedListener[]): void {
    this.#routes = routes;
    this.#listeners = listeners;
    this.#apply();
  }

  /** The last requests, oldest first, and from where to go on. */
  readLog(task: EdgeLogTask): { items: AccessEntry[]; cursor: string } {
    const { project, environment, service, refused, after, tail } = task;
    return this.#accessLog.read(after, tail, (entry) => {
      const [ofProject, ofEnvironment, ofService] = entry.service?.split('/') ?? [];
      return (
        (project === null || ofProject === project) &&
        (environment === null || ofEnvironment === environment) &&
        (service === null || ofService === service) &&
        (!refused || entry.refused !== null)
      );
    });
  }

  /** Resolves when the edge follows, or has failed to and will try again. */
  setEndpoints(services: readonly ServiceEndpoints[]): Promise<void> {
    this.#services = services;
    return this.#apply();
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
    this.#accessLog.close();
  }

  #apply(): Promise<void> {
    return this.#queue(async () =>
      this.#edge === undefined ? await this.#begin() : await this.#edge.apply(this.#published()),
    );
  }

  /**
   * Takes the running HAProxy over, or writes its first configuration. Not before it is known where the replicas are: an
   * agent that comes back beside a HAProxy that serves would otherwise send its visitors nowhere.
   */
  async #begin(): Promise<readonly Text[]> {
    const order = this.#order;
    if (order === undefined || this.#routes === undefined) return [];
    const somethingPublished = this.#routes.length + this.#listeners.length > 0;
    if (this.#services === undefined && somethingPublished) return [];
    const files = instanceFiles(this.#instance);
    const { ports, bind, users, mode } = this.#instance;
    const edge = new Edge({
      ports: { https: ports.edgeHttps, http: ports.edgeHttp },
      addresses: [bind],
      moreAddresses: [bind === EVERYWHERE ? '::' : '::1'],
      user: mode === 'root' ? users.edge : null,
      folder: files.edge.folder,
      run: files.edge.run,
      logFile: files.log('edge'),
      certificate: order.certificate,
      own: order.own,
      onWorker: () => this.#accessLog.follow(),
      keeper: {
        pid: async () => (await supervisedState(files.supervisors, 'edge')).child?.pid ?? null,
        goFile: files.edge.current,
      },
      clock: this.#clock,
      log: this.#log,
    });
    const problems = await edge.start(this.#published());
    this.#edge = edge;
    return problems;
  }

  /** One change after the other; a failure is told and tried again, and HAProxy keeps the last good configuration. */
  #queue(work: () => Promise<readonly Text[]>): Promise<void> {
    this.#applying = this.#applying.then(async () => {
      try {
        const problems = await work();
        clearTimeout(this.#retry);
        const [en, es] = (['en', 'es'] as const).map((language) => problems.map((one) => one[language]).join('; '));
        if (this.#edge === undefined) this.#tell({ state: 'down', detail: NOT_YET });
        else if (problems.length === 0) this.#tell({ state: 'ok', detail: null });
        else {
          this.#tell({ state: 'degraded', detail: { en: en ?? '', es: es ?? '' } });
          this.#retry = setTimeout(() => this.#apply(), PORT_RETRY_MS);
        }
      } catch (error) {
        this.#log.error({ err: error }, 'the edge could not be changed');
        this.#tell({ state: 'down', detail: whyFailed(error) });
        clearTimeout(this.#retry);
        this.#retry = setTimeout(() => this.#queue(work), RETRY_MS);
      }
    });
    return this.#applying;
  }

  #tell(state: EdgeState): void {
    if (state.state === this.#state.state && state.detail?.en === this.#state.detail?.en) return;
    this.#state = state;
    this.#onState(state);
  }

  #published(): Published {
    const published = publishedOf({
      ...{ routes: this.#routes ?? [], listeners: this.#listeners, services: this.#services ?? [] },
      ...{ domain: this.#instance.domain, denials: this.#order?.denials ?? [], proxies: this.#order?.proxies ?? [] },
    });
    return { ...published, probe: this.#order?.probe ?? null };
  }
}

/** What the edge is told: what is published, and where the ready replicas of each of it are. */
export function publishedOf(given: {
  readonly routes: readonly WantedRoute[];
  readonly listeners: readonly WantedListener[];
  readonly services: readonly ServiceEndpoints[];
  readonly domain: string;
  readonly denials: EdgeOrder['denials'];
  readonly proxies: readonly string[];
}): Published {
  const { domain, denials, proxies } = given;
  const denied = ({ project, environment, service }: Pick<WantedRoute, 'project' | 'environment' | 'service'>) =>
    denials.filter(
      (one) =>
        one.project === project &&
        (one.environment === null || one.environment === environment) &&
        (one.service === null || one.service === service),
    );
  const endpoints = (
    one: Pick<WantedRoute, 'project' | 'environment' | 'service' | 'servicePort'>,
  ): readonly Endpoint[] => {
    const found = given.services.find(
      ({ project, environment, service, port, portName }) =>
        project === one.project &&
        environment === one.environment &&
        service === one.service &&
        (port === one.servicePort || portName === one.servicePort),
    );
    return (found?.endpoints ?? []).map(({ host, port, weight }) => ({
      host,
      port,
      ...(weight === undefined ? {} : { weight }),
    }));
  };
  const routes = given.routes.map((route): EdgeRoute => {
    const { project, environment, service, path, pathType, host, servicePort } = route;
    const options = withDenials(route.options, denied(route));
    return {
      host: host ?? publishedName({ service, project, environment, domain }),
      path,
      pathType,
      service: `${project}/${environment}/${service}:${servicePort}`,
      endpoints: endpoints(route),
      ...(options === undefined ? {} : { options }),
    };
  });
  const listeners = given.listeners.map((listener): EdgeListener => {
    const { project, environment, service, servicePort, port, sources, sticky, sendProxy, tls } = listener;
    return {
      port,
      service: `${project}/${environment}/${service}:${servicePort}`,
      endpoints: endpoints(listener),
      ...{ sources, sticky, sendProxy, tls },
      denied: denied(listener).flatMap(({ networks }) => networks),
    };
  });
  return { routes, listeners, proxies };
}
