import { BlockList, isIP } from 'node:net';

/** `matchExpressions` of a label selector, as Kubernetes means them (LabelSelectorRequirement). */
export interface LabelRequirement {
  readonly key: string;
  readonly operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist';
  readonly values: readonly string[];
}

/** Both parts must hold; an empty selector holds for everything. */
export interface LabelSelector {
  readonly matchLabels: Readonly<Record<string, string>>;
  readonly matchExpressions: readonly LabelRequirement[];
}

/** Whom a rule speaks of. `namespaces: null` means the policy's own environment. */
export type PolicyPeer =
  | { readonly kind: 'pods'; readonly pods: LabelSelector | null; readonly namespaces: LabelSelector | null }
  | { readonly kind: 'block'; readonly cidr: string; readonly except: readonly string[] }
  /** A DNS name, or `*.` and a name for what is below it; egress only. */
  | { readonly kind: 'name'; readonly pattern: string };

export interface PolicyPort {
  readonly protocol: 'TCP' | 'UDP' | 'SCTP';
  /** A number, the name of a container port of who is called, or null for every port. */
  readonly port: number | string | null;
  readonly endPort: number | null;
}

/** No peers: everybody. No ports: every port. */
export interface TrafficRule {
  readonly peers: readonly PolicyPeer[];
  readonly ports: readonly PolicyPort[];
}

/** A NetworkPolicy (networking.k8s.io/v1) of one environment. A direction that is null is not governed by it. */
export interface NetworkPolicy {
  readonly project: string;
  readonly environment: string;
  readonly name: string;
  readonly selector: LabelSelector;
  readonly ingress: readonly TrafficRule[] | null;
  readonly egress: readonly TrafficRule[] | null;
}

/** The labels by which a `namespaceSelector` finds an environment: Kubernetes' own, and its two parts. */
export function namespaceLabels(project: string, environment: string): Readonly<Record<string, string>> {
  return { 'kubernetes.io/metadata.name': `${project}-${environment}`, project, environment };
}

export function holds(selector: LabelSelector, labels: Readonly<Record<string, string>>): boolean {
  return (
    Object.entries(selector.matchLabels).every(([key, value]) => labelOf(labels, key) === value) &&
    selector.matchExpressions.every((requirement) => isMet(requirement, labelOf(labels, requirement.key)))
  );
}

function labelOf(labels: Readonly<Record<string, string>>, key: string): string | undefined {
  return Object.hasOwn(labels, key) ? labels[key] : undefined;
}

function isMet({ operator, values }: LabelRequirement, value: string | undefined): boolean {
  switch (operator) {
    case 'In':
      return value !== undefined && values.includes(value);
    case 'NotIn':
      return value === undefined || !values.includes(value);
    case 'Exists':
      return value !== undefined;
    case 'DoesNotExist':
      return value === undefined;
  }
}

/** Whether a DNS name, without its last dot and in lower case, is what a pattern of a rule means. */
export function coversName(pattern: string, name: string): boolean {
  return pattern.startsWith('*.')
    ? name.endsWith(pattern.slice(1)) && name.length > pattern.length - 1
    : name === pattern;
}

/** `10.0.0.0/8`, `2001:db8::/32`: an address of either family and the length of its prefix. */
export function isAddressBlock(text: string): boolean {
  const [address = '', length = '', more] = text.split('/');
  const family = isIP(address);
  return family !== 0 && more === undefined && /^\d{1,3}$/.test(length) && Number(length) <= (family === 4 ? 32 : 128);
}

/** Whether all of `inner` lies in `outer`, as an exception of a block must. */
export function isWithin(outer: string, inner: string): boolean {
  const [address = '', length = ''] = outer.split('/');
  const [innerAddress = '', innerLength = ''] = inner.split('/');
  const family = isIP(address);
  if (family === 0 || isIP(innerAddress) !== family || Number(innerLength) < Number(length)) return false;
  const block = new BlockList();
  block.addSubnet(address, Number(length), family === 4 ? 'ipv4' : 'ipv6');
  return block.check(innerAddress, family === 4 ? 'ipv4' : 'ipv6');
}
