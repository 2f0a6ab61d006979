import { coversHost, publishedName } from '../network/index.ts';
import type { Composition } from './composition.ts';
import { deployFault } from './errors.ts';
import type { WantedState } from './model.ts';

export interface Claims {
  readonly project: string;
  readonly environment: string;
  readonly composition: Pick<Composition, 'routes' | 'listeners'>;
  /** What is wanted everywhere now. */
  readonly wanted: Pick<WantedState, 'routes' | 'listeners'>;
  /** The published domain of the instance. */
  readonly domain: string;
  /** The environments that there are, of all projects. */
  readonly places: readonly { readonly project: string; readonly environment: string }[];
  /** Ports that the platform itself listens on. */
  readonly platformPorts: readonly number[];
  /** The projects that a host belongs to by certificates; none: it is nobody's. */
  readonly ownersOf: (host: string) => readonly string[];
}

/**
 * Asks before a release is written whether the names and ports that it publishes are its own: names below the published
 * domain carry their project and environment (where they could be read as those of several, the longest counts, whoever
 * published first), other names, and what a wildcard takes in, belong to who has their certificate or published
 * them first, a port to one service.
 * @throws Fault deploy.host-taken, deploy.host-foreign, deploy.port-taken, network.name-too-long
 */
export function checkClaims(claims: Claims): void {
  const { project, environment, composition, wanted, domain, places, platformPorts, ownersOf } = claims;
  const all = [...places, { project, environment }];
  const nameOf = (route: (typeof wanted.routes)[number]): string => route.host ?? publishedName({ ...route, domain });
  const others = wanted.routes.filter((route) => route.project !== project);
  for (const route of composition.routes) {
    const host = nameOf(route);
    const bare = host.replace(/^\*\./, '');
    if (bare === domain || bare.endsWith(`.${domain}`)) {
      const owner = placeOfName(host, domain, all);
      if (owner === null || !all.some((one) => one.project === project && fits(host, domain, one)))
        throw deployFault('deploy.host-foreign', {
          host,
          domain,
          expected: `NAME-${project}-${environment}.${domain}`,
        });
      if (owner !== project) throw deployFault('deploy.host-taken', { host });
    }
    const owners = ownersOf(host);
    if (owners.some((owner) => owner !== project)) throw deployFault('deploy.host-taken', { host });
    // Below another's wildcard a name would take its visitors away, above another's name a wildcard the paths that it leaves.
    const overlaps = (other: string): boolean =>
      other === host || (owners.length === 0 && (coversHost(other, host) || coversHost(host, other)));
    if (others.some((other) => overlaps(nameOf(other)))) throw deployFault('deploy.host-taken', { host });
  }
  const isOwn = (one: { project: string; environment: string }): boolean =>
    one.project === project && one.environment === environment;
  const taken = (wanted.listeners ?? []).filter((one) => !isOwn(one));
  for (const [index, { port, service }] of (composition.listeners ?? []).entries()) {
    // People find the port under this name: one that DNS cannot carry is refused here, not wherever ports are listed.
    publishedName({ service, project, environment, domain });
    const twin = (composition.listeners ?? []).slice(0, index).find((one) => one.port === port);
    const other = taken.find((one) => one.port === port);
    const holder = platformPorts.includes(port)
      ? { en: 'the platform itself', es: 'la propia plataforma' }
      : twin !== undefined
        ? { en: `the service ${twin.service}`, es: `el servicio ${twin.service}` }
        : other === undefined
          ? null
          : other.project === project
            ? { en: `${other.service} in ${other.environment}`, es: `${other.service} en ${other.environment}` }
            : { en: 'another project', es: 'otro proyecto' };
    if (holder !== null) throw deployFault('deploy.port-taken', { port, service, holder: holder.en, quien: holder.es });
  }
}

type Place = Claims['places'][number];

/** `SERVICE-PROJECT-ENVIRONMENT.DOMAIN`, one label below the domain. */
function fits(host: string, domain: string, { project, environment }: Place): boolean {
  const label = host.slice(0, -domain.length - 1);
  const end = `-${project}-${environment}`;
  return /^[^.*-][^.*]*$/.test(label) && label.length > end.length && label.endsWith(end);
}

/** `web-a-b-dev` may be `web-a` of `b` or `web` of `a-b`: the place that says most of the name has it. */
function placeOfName(host: string, domain: string, places: readonly Place[]): string | null {
  const length = ({ project, environment }: Place): number => project.length + environment.length;
  const found = places.filter((place) => fits(host, domain, place));
  return found.sort((one, other) => length(other) - length(one))[0]?.project ?? null;
}
