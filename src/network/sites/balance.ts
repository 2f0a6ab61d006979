import { isIP } from 'node:net';
import { SITE_ADDRESSES_MAX, SITES_MAX } from '../limits.ts';
import type { ZoneChange, ZoneCondition } from '../names/update.ts';

/** What one site says of itself in DNS, under a name of its own. */
export interface SiteBeat {
  readonly site: string;
  readonly addresses: readonly string[];
  /** Whether it would serve: it stays in DNS when nobody else does. */
  readonly up: boolean;
  /** Of the platform that speaks under this name; null: of one that did not say it yet. */
  readonly identity: string | null;
  /** As it stands in DNS; it changes with every beat. */
  readonly text: string;
}

/** What DNS says of a host that several sites serve. */
export interface HostLook {
  readonly beats: readonly SiteBeat[];
  readonly answers: readonly string[];
}

export const SITE_NAME = /^[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?$/;

/** The one form of an address: what stands in DNS is compared as text. */
export function plainAddress(address: string): string {
  return isIP(address) === 6 ? new URL(`http://[${address}]/`).hostname.slice(1, -1) : address;
}

/** The names of the sites of a host, one text each. */
export function indexName(host: string): string {
  return `_sites.${host}`;
}

/** Where a site says that it lives: a name of its own, so that no site writes over another's. */
export function beatName(site: string, host: string): string {
  return `${site}._sites.${host}`;
}

export function writeBeat(beat: Omit<SiteBeat, 'text' | 'site'>, turn: string): string {
  const identity = beat.identity === null ? '' : `i=${beat.identity} `;
  return `v=darsena1 t=${turn} ${identity}u=${beat.up ? 1 : 0} a=${beat.addresses.join(',')}`;
}

/** Null for what is no beat: whoever may write into the zone may write anything. */
export function readBeat(site: string, text: string): SiteBeat | null {
  const match = /^v=darsena1 t=[0-9a-z]{1,16} (?:i=([0-9a-f]{12}) )?u=([01]) a=([0-9a-f.:,]{2,200})$/.exec(text);
  const addresses = match?.[3]?.split(',') ?? [];
  if (match === null || addresses.length > SITE_ADDRESSES_MAX || !addresses.every((one) => isIP(one) !== 0))
    return null;
  return { site, addresses, up: match[2] === '1', identity: match[1] ?? null, text };
}

/** When a beat was written, by the clock of the site that wrote it. */
export function beatMs({ text }: SiteBeat): number {
  return Number.parseInt(/ t=([0-9a-z]{1,16}) /.exec(text)?.[1] ?? '', 36);
}

/** What another platform says under the name of this one; null: nobody does. */
export function foreignBeat(own: Pick<OwnSite, 'name' | 'identity'>, { beats }: HostLook): SiteBeat | null {
  return (
    beats.find(({ site, identity }) => site === own.name && identity !== null && identity !== own.identity) ?? null
  );
}

export interface OwnSite {
  readonly name: string;
  /** What tells this platform from another that was given the same name. */
  readonly identity: string | null;
  readonly addresses: readonly string[];
  /** Those of its addresses at which its edge answers for the host; none while it is being emptied. */
  readonly up: readonly string[];
}

/**
 * What a site changes for itself: it says that it lives, tells the addresses at which it serves and takes back the others.
 * The last ones stay: an answer that leads to a site that does not serve is no worse than none, and better when the
 * looking is what is broken.
 * What is taken back is taken back on the condition that the one that is leaned on still says what was read of it: two sites
 * that fail at one moment do not both leave to the other.
 * @param lapsed sites that were silent for too long
 * @returns the changes, and whether addresses stay only because nobody else serves
 */
export function ownChanges(
  host: string,
  own: OwnSite,
  look: HostLook,
  lapsed: ReadonlySet<string>,
  at: { readonly turn: string; readonly seconds: number },
): { readonly changes: readonly ZoneChange[]; readonly conditions: readonly ZoneCondition[]; readonly stays: boolean } {
  const elsewhere = whoServes(own.name, look, lapsed);
  const stays = own.up.length === 0 && elsewhere === null;
  const told = stays ? own.addresses : own.up;
  const before = look.beats.find(({ site }) => site === own.name);
  const name = beatName(own.name, host);
  const { seconds } = at;
  const text = writeBeat({ addresses: own.addresses, up: own.up.length > 0, identity: own.identity }, at.turn);
  const gone = [...new Set([...own.addresses, ...(before?.addresses ?? [])])].filter(
    (address) => !told.includes(address) && !isTold(address, own.name, look, lapsed),
  );
  return {
    changes: [
      { kind: 'add', name: indexName(host), text: own.name, seconds },
      // Whatever stands there: of two texts the others could not tell which one holds.
      { kind: 'clear', name },
      { kind: 'add', name, text, seconds },
      ...told.map((address): ZoneChange => ({ kind: 'add', name: host, address, seconds })),
      ...gone.map((address): ZoneChange => ({ kind: 'remove', name: host, address, seconds })),
    ],
    conditions: own.up.length > 0 || elsewhere === null ? [] : [stillSays(host, elsewhere)],
    stays,
  };
}

/**
 * What is withdrawn of a site that was silent for too long, on the condition that it still is and that another still serves:
 * a site that others cannot see but that still reaches the DNS server stays, so that two halves of a cut network do not
 * withdraw each other. Null where nobody would be left.
 */
export function lapsedChanges(
  host: string,
  silent: SiteBeat,
  look: HostLook,
  lapsed: ReadonlySet<string>,
  seconds: number,
): { readonly changes: readonly ZoneChange[]; readonly conditions: readonly ZoneCondition[] } | null {
  const left = whoServes(silent.site, look, lapsed);
  if (left === null) return null;
  return {
    changes: [...withdraw(host, silent, look, lapsed, seconds)],
    conditions: [stillSays(host, silent), stillSays(host, left)],
  };
}

/** Another site that serves; null: none does. */
function whoServes(but: string, { beats }: HostLook, lapsed: ReadonlySet<string>): SiteBeat | null {
  return beats.find(({ site, up }) => site !== but && up && !lapsed.has(site)) ?? null;
}

function stillSays(host: string, { site, text }: SiteBeat): ZoneCondition {
  return { name: beatName(site, host), text };
}

/** All that a site has told of a host; addresses that another one tells too stay. */
export function withdraw(
  host: string,
  beat: SiteBeat,
  look: HostLook,
  lapsed: ReadonlySet<string>,
  seconds: number,
): readonly ZoneChange[] {
  const gone = beat.addresses.filter((address) => !isTold(address, beat.site, look, lapsed));
  return [
    { kind: 'remove', name: indexName(host), text: beat.site, seconds },
    { kind: 'remove', name: beatName(beat.site, host), text: beat.text, seconds },
    ...gone.map((address): ZoneChange => ({ kind: 'remove', name: host, address, seconds })),
  ];
}

function isTold(address: string, but: string, { beats }: HostLook, lapsed: ReadonlySet<string>): boolean {
  return beats.some(
    ({ site, up, addresses }) => site !== but && up && !lapsed.has(site) && addresses.includes(address),
  );
}

/** Names of sites as they stand in DNS: bounded, and only what is a name. */
export function readIndex(texts: readonly string[]): readonly string[] {
  return [...new Set(texts)]
    .filter((text) => SITE_NAME.test(text))
    .sort()
    .slice(0, SITES_MAX);
}
